package analysis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	analysisapi "github.com/slipway-lab/slipway/gen/analysis"
	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/analysis/sets"
	"github.com/slipway-lab/slipway/store"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// The events of the area.
const (
	area            = "analysis"
	comparisonEvent = "comparison"
	matchedEvent    = "known_issue.matched"
)

const (
	// jobName is the work of Background, which one server at a time does: so
	// comparisons are told in the order in which sets came.
	jobName  = "analysis"
	jobLease = 30 * time.Second

	lookEvery    = time.Second // notifications make it a fallback
	tidyEvery    = time.Hour
	maxTries     = 10 // a comparison that fails so often is given up
	listedAtOnce = 20 // results that are listed before the sets that wait are looked at again
)

// Background compares what has changed with what was there before and tells the event
// log, each set once, and lists results that were stored before there were lists,
// until ctx ends. Any number of replicas may run it at once.
func (h *Handler) Background(ctx context.Context) {
	wake, stop := h.store.Subscribe(store.PendingTopic)
	defer stop()
	var tidied time.Time
	for {
		if err := h.work(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrConflict) {
			slog.ErrorContext(ctx, "comparisons", "error", err)
		}
		if now := time.Now(); now.Sub(tidied) > tidyEvery {
			tidied = now
			if _, err := h.store.Results.SweepNameLists(ctx); err != nil && ctx.Err() == nil {
				slog.ErrorContext(ctx, "sweep of lists of names", "error", err)
			}
			if err := h.store.SweepMatches(ctx, h.store.Now().Add(-matchAge)); err != nil && ctx.Err() == nil {
				slog.ErrorContext(ctx, "sweep of matches of known issues", "error", err)
			}
		}
		select {
		case <-wake:
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return
		}
	}
}

// Settle does once what Background does again and again: it compares what is due by
// now. ErrConflict: another server is at it.
func (h *Handler) Settle(ctx context.Context) error { return h.work(ctx) }

// work does what is due, when no other server is at it: ErrConflict says that one is.
func (h *Handler) work(ctx context.Context) error {
	if waits, err := h.waits(ctx); err != nil || !waits {
		return err
	}
	ctx, release, err := h.store.HoldJob(ctx, jobName, jobLease)
	if err != nil {
		return err
	}
	defer release()
	for more := true; more; {
		if err := h.compareDue(ctx); err != nil {
			return err
		}
		if err := h.settleQueued(ctx); err != nil {
			return err
		}
		if more, err = h.listSome(ctx); err != nil {
			return err
		}
	}
	return nil
}

// waits reports whether there is anything to do.
func (h *Handler) waits(ctx context.Context) (bool, error) {
	due, err := h.due(ctx)
	if err != nil || due != nil {
		return due != nil, err
	}
	unlisted, err := h.store.Results.UnlistedResults(ctx, 1)
	if err != nil || len(unlisted) > 0 {
		return len(unlisted) > 0, err
	}
	_, err = h.store.QueuedTenant(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// due returns the set that is to be compared next, nil for none.
func (h *Handler) due(ctx context.Context) (*store.PendingSet, error) {
	parts, reports := h.config.RestParts, h.config.RestReports
	p, err := h.store.DueSet(ctx, []store.RestingKind{
		{Kind: string(engine.Run)}, {Kind: string(engine.Run), Parts: true, Rest: parts},
		{Kind: string(engine.Published)}, {Kind: string(engine.Published), Parts: true, Rest: parts},
		{Kind: string(engine.Opportunity)}, {Kind: string(engine.Opportunity), Parts: true, Rest: parts},
		{Kind: string(engine.Kernel), Rest: reports, Many: true}, {Kind: string(engine.Image), Rest: reports, Many: true},
	}, maxTries)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return p, err
}

// compareDue compares all sets that are due, the longest waiting first.
func (h *Handler) compareDue(ctx context.Context) error {
	for {
		p, err := h.due(ctx)
		if err != nil || p == nil {
			return err
		}
		err = h.comparePending(ctx, p)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, store.ErrConflict): // it changed meanwhile, and waits anew
		case err != nil:
			slog.ErrorContext(ctx, "a comparison failed", "set", p.Ref, "tries", p.Tries+1, "error", err)
			if err := h.store.FailSet(ctx, p); err != nil {
				return err
			}
		}
	}
}

// listSome lists some results that were stored before there were lists, and reports
// whether there may be more.
func (h *Handler) listSome(ctx context.Context) (bool, error) {
	list, err := h.store.Results.UnlistedResults(ctx, listedAtOnce)
	if err != nil {
		return false, err
	}
	for i := range list {
		if err := h.store.Results.ListResult(ctx, &list[i]); err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
	}
	return len(list) == listedAtOnce, nil
}

// comparePending compares a set that waits with the one before it, and tells of it in
// the transaction that takes it off the queue. A set without one before it, or that
// is gone, is taken off and nothing is told.
func (h *Handler) comparePending(ctx context.Context, p *store.PendingSet) error {
	head, base, err := h.pendingSets(ctx, p)
	if errors.Is(err, store.ErrNotFound) {
		return h.store.InTx(ctx, func(tx *analysisstore.Store) error { return tx.FinishSet(p) })
	}
	if err != nil {
		return err
	}
	c := h.comparison(head, base, nil)
	plan, matches, err := c.planWithMatches(ctx)
	if err != nil {
		return err
	}
	events, err := comparisonEvents(head, base, plan)
	if err != nil {
		return err
	}
	return h.store.InTx(ctx, func(tx *analysisstore.Store) error {
		if err := tx.FinishSet(p); err != nil {
			return err
		}
		all := events
		for _, m := range matches {
			told, err := tx.TellIssue(m.issue.ID)
			if err != nil {
				return err
			}
			if !told {
				continue
			}
			e, err := matchEvent(head, m)
			if err != nil {
				return err
			}
			all = append(all, e)
		}
		for i := range all {
			all[i].Time = tx.Now()
		}
		return tx.AppendEvents(all...)
	})
}

// pendingSets finds a set that waits and the one before it, as the tenant sees them.
func (h *Handler) pendingSets(ctx context.Context, p *store.PendingSet) (head, base *analysisstore.Set, err error) {
	ref, err := engine.ParseRef(p.Ref)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", store.ErrNotFound, err) // it cannot be named, so nobody asks for it
	}
	viewer := store.Viewer{Scope: store.Scope{Tenant: p.Tenant}}
	if head, err = h.store.Find(ctx, viewer, string(ref.Kind), ref.Parts, ref.Attempt); err != nil {
		return nil, nil, err
	}
	base, err = h.store.Previous(ctx, head)
	if err == nil && (head.Expired || base.Expired) {
		err = fmt.Errorf("%s or the one before it has expired: %w", p.Ref, store.ErrNotFound)
	}
	return head, base, err
}

// match is how many failures of a set an issue explains.
type match struct {
	issue *engine.Issue
	tests int64
}

// planWithMatches is plan, always walked, with the issues that explain something, in
// the order in which they were found.
func (c *comparison) planWithMatches(ctx context.Context) (*engine.Plan, []*match, error) {
	key, err := c.key(ctx)
	if err != nil {
		return nil, nil, err
	}
	p := &engine.Plan{}
	byID := map[string]*match{}
	var list []*match
	err = c.walk(ctx, passage{}, func(e *entry) (bool, error) {
		p.Add(e)
		if e.Issue != nil {
			m := byID[e.Issue.ID]
			if m == nil {
				m = &match{issue: e.Issue}
				byID[e.Issue.ID], list = m, append(list, m)
			}
			m.tests++
		}
		return true, nil
	})
	if err == nil {
		c.h.plans.put(key, p)
	}
	return p, list, err
}

// comparisonEventData is what a comparison event holds beside its type and time: the
// answer of compare without the items.
type comparisonEventData struct {
	Head   analysisapi.ComparedSet `json:"head"`
	Base   analysisapi.ComparedSet `json:"base"`
	Counts analysisapi.ClassCounts `json:"counts"`
	Known  int64                   `json:"known"`

	ProductID *string `json:"product_id"` // of images and opportunities; webhooks that want one product read it
}

func comparisonEvents(head, base *analysisstore.Set, plan *engine.Plan) ([]store.Event, error) {
	data, err := json.Marshal(comparisonEventData{
		Head: setToAPI(head, &plan.Totals.Head), Base: setToAPI(base, &plan.Totals.Base),
		Counts: classCounts(&plan.Totals.Classes), Known: plan.Totals.Known, ProductID: head.ProductID,
	})
	if err != nil {
		return nil, err
	}
	e := eventOf(head, comparisonEvent)
	e.Subject, e.Data = sets.RefOf(head).String(), data
	return []store.Event{e}, nil
}

// matchEventData is what known_issue.matched holds.
type matchEventData struct {
	ID    string  `json:"id"`
	Title string  `json:"title"`
	URL   *string `json:"url"`
	Set   string  `json:"set"`
	Tests int64   `json:"tests"`

	ProductID *string `json:"product_id"`
}

func matchEvent(head *analysisstore.Set, m *match) (store.Event, error) {
	e := eventOf(head, matchedEvent)
	var err error
	e.Data, err = json.Marshal(matchEventData{ID: m.issue.ID, Title: m.issue.Title, URL: m.issue.URL, Set: sets.RefOf(head).String(), Tests: m.tests, ProductID: head.ProductID})
	return e, err
}

// eventOf is an event about a set.
func eventOf(set *analysisstore.Set, kind string) store.Event {
	e := store.Event{Tenant: set.Tenant, Area: area, Type: kind}
	// What names a product and no opportunity is of an image: clients of SPI that
	// follow a product's opportunities look for the opportunity of every other event.
	// What tells of an opportunity's set names its product in data, for webhooks.
	if set.ProductID != nil && set.Kind == analysisstore.ImageSet {
		if id, err := uuid.Parse(*set.ProductID); err == nil {
			e.ProductID = &id
		}
	}
	return e
}
