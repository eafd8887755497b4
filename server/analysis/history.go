package analysis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	analysisapi "github.com/slipway-lab/slipway/gen/analysis"
	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/analysis/known"
	"github.com/slipway-lab/slipway/server/analysis/sets"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

const (
	defaultWindow  = 30
	defaultEntries = 50
)

// GetTestHistory answers the results of one test through time.
func (h *Handler) GetTestHistory(ctx context.Context, req analysisapi.GetTestHistoryRequestObject) (analysisapi.Response, error) {
	p := &req.Params
	q := historyQuery(ctx, p)
	list, err := h.store.History(ctx, viewer(ctx), q)
	if err != nil {
		return nil, fault.Cursor(err)
	}
	issues, err := known.NewBook(h.store).ExplainPast(ctx, list.Items)
	if err != nil {
		return nil, err
	}
	out := analysisapi.TestHistory{Name: p.Name, Entries: []analysisapi.HistoryEntry{}}
	entries := make([]engine.Entry, 0, len(list.Items))
	for i := range list.Items {
		past := &list.Items[i]
		entries = append(entries, pastEntry(past))
		out.Entries = append(out.Entries, pastToAPI(past, issues[i]))
	}
	if out.ExpiredUntil, err = h.expiredUntil(ctx); err != nil {
		return nil, err
	}
	window := int(valueOr(p.Window, defaultWindow))
	out.Summary = summaryToAPI(engine.Summarize(entries, window))
	if valueOr(p.Contexts, false) {
		out.Contexts = byContext(out.Entries, entries, window)
	}
	return call.OK(&out).Paged(ctx, list.Next), nil
}

// byContext are the verdicts on entries of a page context by context, in order.
func byContext(page []analysisapi.HistoryEntry, entries []engine.Entry, window int) []analysisapi.ContextHistory {
	of := map[string][]engine.Entry{}
	contexts := map[string]analysisapi.TestContext{}
	for i := range page {
		var key strings.Builder
		for _, field := range slices.Sorted(maps.Keys(page[i].Context)) {
			key.WriteString(field + "\x00" + page[i].Context[field] + "\x00")
		}
		of[key.String()] = append(of[key.String()], entries[i])
		contexts[key.String()] = page[i].Context
	}
	list := make([]analysisapi.ContextHistory, 0, len(of))
	for _, key := range slices.Sorted(maps.Keys(of)) {
		list = append(list, analysisapi.ContextHistory{Context: contexts[key], Summary: summaryToAPI(engine.Summarize(of[key], window))})
	}
	return list
}

// expiredUntil says that single tests have expired that the caller could have seen; nil
// when none have.
func (h *Handler) expiredUntil(ctx context.Context) (*time.Time, error) {
	at, err := h.store.Results.ExpiredUntil(ctx, viewer(ctx))
	if err != nil || at.IsZero() {
		return nil, err
	}
	return &at, nil
}

// historyQuery turns the parameters into the store's question. Sources that the
// caller may not read are left out.
func historyQuery(ctx context.Context, p *analysisapi.GetTestHistoryParams) analysisstore.HistoryQuery {
	q := analysisstore.HistoryQuery{
		Name: p.Name, Sources: []string{}, CloudIDs: p.CloudID, Runs: p.Run, ProductIDs: p.ProductID, Products: p.Product,
		Reports: map[string][]string{}, Since: p.Since, Until: p.Until, Limit: int(valueOr(p.Limit, defaultEntries)), After: valueOr(p.After, ""),
	}
	for field, values := range map[string][]string{
		"job": p.Job, "kernel": p.Kernel, "git_branch": p.GitBranch, "arch": p.Arch, "board": p.Board, "build_environment": p.BuildEnvironment,
		"defconfig_full": p.DefconfigFull, "device_type": p.DeviceType, "lab_name": p.LabName,
	} {
		if values != nil {
			q.Reports[field] = values
		}
	}
	for _, o := range p.Outcome {
		q.Outcomes = append(q.Outcomes, string(o))
	}
	wanted := p.Source
	if wanted == nil {
		for _, source := range engine.Sources() {
			wanted = append(wanted, analysisapi.TestSource(source))
		}
	}
	for _, source := range wanted {
		if mayRead(ctx, kindOf[engine.Source(source)]) == nil {
			q.Sources = append(q.Sources, string(source))
		}
	}
	return q
}

// kindOf is the kind of the sets whose tests a source reports.
var kindOf = map[engine.Source]engine.Kind{
	engine.FromRun: engine.Run, engine.FromPublished: engine.Published, engine.FromCase: engine.Kernel,
	engine.FromBoot: engine.Kernel, engine.FromOpportunity: engine.Opportunity,
}

// pastEntry is what of a result counts for the verdict on its test.
func pastEntry(p *analysisstore.Past) engine.Entry {
	return engine.Entry{Outcome: sets.OutcomeOf(&p.Row), Set: sets.OriginRef(&p.Origin), Version: p.Version, At: p.StoredAt}
}

func pastToAPI(p *analysisstore.Past, issue *engine.Issue) analysisapi.HistoryEntry {
	key := engine.Key{Context: p.Context}
	e := analysisapi.HistoryEntry{
		Outcome: analysisapi.SetOutcome(sets.OutcomeOf(&p.Row).String()), Status: p.Status, CreatedOn: p.StoredAt, Duration: null[float64](),
		Context: key.ContextMap(known.FieldsOf(p)), Version: textOrNull(p.Version), Set: sets.OriginRef(&p.Origin), Href: textOrNull(pastHref(p)), KnownIssue: issueNote(issue),
	}
	if p.Duration != nil {
		e.Duration.Set(p.Duration.Seconds())
	}
	return e
}

// pastHref is where a result can be read; it is empty when it was replaced.
func pastHref(p *analysisstore.Past) string {
	switch {
	case p.Replaced:
		return ""
	case p.Source == analysisstore.CaseSource:
		return "/v1/test/case/" + p.ID
	case p.Source == analysisstore.BootSource:
		return "/v1/boot/" + p.ID
	case p.Source == string(engine.FromOpportunity) && p.File:
		return fmt.Sprintf("/v1/products/%s/tests/results/%s/tests/%d", valueOr(p.ProductID, ""), p.ID, p.N)
	case p.Source == string(engine.FromOpportunity):
		return fmt.Sprintf("/v1/products/%s/tests/results/%s", valueOr(p.ProductID, ""), p.ID)
	}
	return fmt.Sprintf("/v1/runs/%d/results/%d/tests/%d", p.RunID, p.Attempt, p.N)
}

func summaryToAPI(s engine.History) analysisapi.HistorySummary {
	out := analysisapi.HistorySummary{
		Verdicts: int32(s.Verdicts), Passes: int32(s.Passes), Fails: int32(s.Fails), Flips: int32(s.Flips), MixedVersions: int32(s.MixedVersions),
		Score: s.Score, Verdict: analysisapi.FlakyVerdict(s.Verdict), Excluded: int32(s.Excluded), Reason: s.Reason, Since: null[analysisapi.HistoryPlace](),
	}
	if s.Since != nil {
		out.Since.Set(analysisapi.HistoryPlace{Set: s.Since.Set, Version: textOrNull(s.Since.Version), Time: s.Since.At})
	}
	return out
}
