package analysis

import (
	"cmp"
	"context"
	"slices"
	"time"

	analysisapi "github.com/slipway-lab/slipway/gen/analysis"
	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/analysis/known"
	"github.com/slipway-lab/slipway/server/analysis/sets"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

const (
	previewed      = 20    // examples of a preview
	previewedNames = 10000 // names that are counted, which bounds the memory
)

// preview is what an issue would match.
type preview struct {
	failures, matches int64
	names             map[string]bool
	last              *time.Time
	examples          []analysisstore.Past // the newest first, one of each name
}

// PreviewKnownIssue holds a match against what is stored, as an issue with it would
// be, and keeps nothing.
func (h *Handler) PreviewKnownIssue(ctx context.Context, req analysisapi.PreviewKnownIssueRequestObject) (analysisapi.Response, error) {
	row := &analysisstore.Issue{Tenant: auth.From(ctx).Tenant}
	if err := checkIssue(row, &req.Body.Match); err != nil {
		return nil, err
	}
	issue, err := known.FromRow(row)
	if err != nil {
		return nil, err
	}
	since := h.store.Now().Add(-matchAge)
	seen := &preview{names: map[string]bool{}}
	m := &matcher{h: h, issues: []engine.Issue{issue}, found: func(_ *engine.Issue, p *analysisstore.Past) { seen.add(ctx, p) }}
	err = h.store.Failing(ctx, analysisstore.FailingQuery{Tenant: row.Tenant, Since: since}, func(p *analysisstore.Past) error {
		seen.failures++
		return m.add(ctx, p)
	})
	if err == nil {
		err = m.flush(ctx)
	}
	if err != nil {
		return nil, err
	}
	places := make([]analysisstore.Place, len(seen.examples))
	for i := range seen.examples {
		places[i] = pastPlace(&seen.examples[i])
	}
	texts, err := h.store.Texts(ctx, places)
	if err != nil {
		return nil, err
	}
	out := analysisapi.KnownIssuePreview{
		Since: since, Failures: seen.failures, Matches: seen.matches, Tests: int64(len(seen.names)), LastMatch: orNull(seen.last), Examples: []analysisapi.PreviewedFailure{},
	}
	for i := range seen.examples {
		out.Examples = append(out.Examples, exampleToAPI(&seen.examples[i], texts[places[i]]))
	}
	return call.OK(&out), nil
}

func (s *preview) add(ctx context.Context, p *analysisstore.Past) {
	s.matches++
	if len(s.names) < previewedNames {
		s.names[p.Name] = true
	}
	if s.last == nil || p.StoredAt.After(*s.last) {
		s.last = &p.StoredAt
	}
	// What users published may be private to them; counts tell nothing of it.
	if p.Kind == analysisstore.PublishedSet || mayRead(ctx, engine.Kind(p.Kind)) != nil {
		return
	}
	if i := slices.IndexFunc(s.examples, func(e analysisstore.Past) bool { return e.Name == p.Name }); i >= 0 {
		if !p.StoredAt.After(s.examples[i].StoredAt) {
			return
		}
		s.examples = slices.Delete(s.examples, i, i+1)
	}
	at, _ := slices.BinarySearchFunc(s.examples, *p, func(a, b analysisstore.Past) int {
		return cmp.Or(b.StoredAt.Compare(a.StoredAt), cmp.Compare(a.Name, b.Name))
	})
	if at < previewed {
		s.examples = slices.Insert(s.examples, at, *p)
		s.examples = s.examples[:min(len(s.examples), previewed)]
	}
}

func pastPlace(p *analysisstore.Past) analysisstore.Place {
	return analysisstore.NewPlace(p.Upload, p.N, p.ID)
}

func exampleToAPI(p *analysisstore.Past, said string) analysisapi.PreviewedFailure {
	key := engine.Key{Context: p.Context}
	return analysisapi.PreviewedFailure{
		Name: p.Name, Context: key.ContextMap(known.FieldsOf(p)), Outcome: analysisapi.SetOutcome(sets.OutcomeOf(&p.Row).String()), Message: textOrNull(engine.Message(said)),
		CreatedOn: p.StoredAt, Set: sets.OriginRef(&p.Origin), Href: textOrNull(pastHref(p)),
	}
}
