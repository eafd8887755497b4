package analysis

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	analysisapi "github.com/slipway-lab/slipway/gen/analysis"
	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
)

const (
	// madeList names the list of comparisons in its cursors.
	madeList = "comparisons"

	// mostLooked is how many comparisons one page looks at: a filter that few of them
	// pass gives short pages rather than long waits.
	mostLooked    = 5000
	lookedAtOnce  = 200
	activityHours = 24
)

// made are the comparisons of kinds that the caller may read, as look has them.
func (h *Handler) made(ctx context.Context, before int64, heads []string, visit func(e *store.Event, made *comparisonEventData) bool) (int64, error) {
	return h.look(ctx, before, heads, func(e *store.Event, made *comparisonEventData) bool {
		return mayRead(ctx, engine.Kind(made.Head.Kind)) != nil || visit(e, made)
	})
}

// look goes through the comparisons in the event log, newest first, until visit returns
// false: those with some heads, or all. It returns the place before which it has not
// looked, 0 when there is nothing more.
func (h *Handler) look(ctx context.Context, before int64, heads []string, visit func(e *store.Event, made *comparisonEventData) bool) (int64, error) {
	filter := store.EventFilter{Tenant: auth.From(ctx).Tenant, Types: []string{comparisonEvent}, Subjects: heads, Limit: lookedAtOnce}
	for looked := 0; looked < mostLooked; looked += lookedAtOnce {
		events, err := h.store.NewestEvents(ctx, filter, before)
		if err != nil {
			return 0, err
		}
		for i := range events {
			before = events[i].Seq
			var data comparisonEventData
			if err := json.Unmarshal(events[i].Data, &data); err != nil {
				return 0, fmt.Errorf("event %d: %w", events[i].Seq, err)
			}
			if !visit(&events[i], &data) {
				return before, nil
			}
		}
		if len(events) < lookedAtOnce {
			return 0, nil
		}
	}
	return before, nil
}

// ListComparisons answers a page of the comparisons that were made.
func (h *Handler) ListComparisons(ctx context.Context, req analysisapi.ListComparisonsRequestObject) (analysisapi.Response, error) {
	before, err := placeOfMade(valueOr(req.Params.After, ""))
	if err != nil {
		return nil, fault.Cursor(err)
	}
	limit, least := int(valueOr(req.Params.Limit, store.DefaultLimit)), valueOr(req.Params.NewFailuresAtLeast, 0)
	list := []analysisapi.MadeComparison{}
	ended := false
	next, err := h.made(ctx, before, spelled(req.Params.Head), func(e *store.Event, made *comparisonEventData) bool {
		if req.Params.Since != nil && e.Time.Before(*req.Params.Since) {
			ended = true // events are in order, but for what is stored at one time
			return false
		}
		if newFailures(made) >= least && (len(req.Params.Kind) == 0 || slices.Contains(req.Params.Kind, made.Head.Kind)) {
			list = append(list, analysisapi.MadeComparison{
				EventID: strconv.FormatInt(e.Seq, 10), CreatedOn: e.Time, Head: made.Head, Base: made.Base, Counts: made.Counts, Known: made.Known,
			})
		}
		return len(list) < limit
	})
	if err != nil {
		return nil, err
	}
	if err := h.markChanged(ctx, list); err != nil {
		return nil, err
	}
	cursor := ""
	if next > 0 && !ended {
		cursor = store.EncodeCursor(madeList, []any{next})
	}
	return call.OK(analysisapi.ComparisonList{Comparisons: list}).Paged(ctx, cursor), nil
}

// spelled are references as comparisons have them: parts can be encoded in several
// ways. What is no reference stays what it is, and names no comparison.
func spelled(refs []string) []string {
	list := slices.Clone(refs)
	for i, text := range list {
		if ref, err := engine.ParseRef(text); err == nil {
			list[i] = ref.String()
		}
	}
	return list
}

// markChanged notes which heads wait to be compared again.
func (h *Handler) markChanged(ctx context.Context, list []analysisapi.MadeComparison) error {
	queued := func(text string) string {
		ref, err := engine.ParseRef(text)
		if err != nil || ref.Kind == engine.Run {
			return text
		}
		return store.SetRef(string(ref.Kind), ref.Parts...)
	}
	refs := make([]string, len(list))
	for i := range list {
		refs[i] = queued(list[i].Head.Ref)
	}
	waiting, err := h.store.WaitingSets(ctx, auth.From(ctx).Tenant, refs)
	for i := range list {
		list[i].Changed = waiting[refs[i]]
	}
	return err
}

func placeOfMade(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	values, err := store.DecodeCursor(madeList, cursor)
	if err != nil || len(values) != 1 {
		return 0, store.ErrBadCursor
	}
	place, ok := values[0].(int64)
	if !ok || place <= 0 {
		return 0, store.ErrBadCursor
	}
	return place, nil
}

func newFailures(made *comparisonEventData) int64 {
	return made.Counts.NewFailure + made.Counts.NewFailing
}

// GetActivity answers what came in within the last hours.
func (h *Handler) GetActivity(ctx context.Context, req analysisapi.GetActivityRequestObject) (analysisapi.Response, error) {
	n := int(valueOr(req.Params.Hours, activityHours))
	first := h.store.Now().UTC().Truncate(time.Hour).Add(-time.Duration(n-1) * time.Hour)
	spans, err := h.store.Results.Activity(ctx, auth.From(ctx).Scope(), first, time.Hour)
	if err != nil {
		return nil, err
	}
	body := analysisapi.Activity{Hours: make([]analysisapi.ActiveHour, n)}
	for i := range body.Hours {
		a := spans[int64(i)]
		body.Hours[i] = analysisapi.ActiveHour{
			Hour: first.Add(time.Duration(i) * time.Hour), Results: a.Results, Tests: a.Tests, Damaged: a.Damaged,
			Counts: analysisapi.SetCounts{Pass: a.Pass, Fail: a.Fail, Error: a.Error, Skip: a.Skip, Unknown: a.Unknown},
		}
	}
	told := map[string]bool{}
	_, err = h.made(ctx, 0, nil, func(e *store.Event, made *comparisonEventData) bool {
		i := int(e.Time.Sub(first) / time.Hour)
		if e.Time.Before(first) || i >= n {
			return !e.Time.Before(first)
		}
		body.Hours[i].Comparisons++
		head := made.Head.Ref
		if made.Head.Kind == analysisapi.SetKindRun {
			head, _, _ = strings.Cut(head, "/") // whatever the attempt
		}
		if found := newFailures(made); found > 0 && !told[head] {
			told[head] = true // an earlier attempt, or the set with less in it, found them as well
			body.Hours[i].NewFailures += found
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return call.OK(body), nil
}
