package analysis

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/analysis/known"
	"github.com/slipway-lab/slipway/server/analysis/sets"
	"github.com/slipway-lab/slipway/store"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

const (
	// matchAge is how far back matches of an issue are counted.
	matchAge = 30 * 24 * time.Hour

	// queuedAtOnce is how many failures one transaction settles.
	queuedAtOnce = 500

	// settleTries is how often issues may change while they are held against tests.
	settleTries = 20
)

// matches returns what issues match of the last 30 days. What is stored with failures
// is held against the issues in the background; what still waits is settled first,
// so that the answer knows all that was stored before it.
func (h *Handler) matches(ctx context.Context, rows []analysisstore.Issue) (map[string]analysisstore.Matched, error) {
	settled := map[string]bool{}
	ids := make([]string, len(rows))
	for i := range rows {
		row := &rows[i]
		ids[i] = row.ID.String()
		if err := h.settle(ctx, row, settled); err != nil {
			if !errors.Is(err, store.ErrFull) && !errors.Is(err, store.ErrConflict) {
				return nil, err
			}
			slog.WarnContext(ctx, "matches of a known issue are not up to date", "issue", row.ID, "error", err)
		}
	}
	return h.store.Matches(ctx, ids, h.store.Now().Add(-matchAge))
}

func (h *Handler) settle(ctx context.Context, row *analysisstore.Issue, settled map[string]bool) error {
	if !settled[row.Tenant] {
		if err := h.settleTenant(ctx, row.Tenant); err != nil {
			return err
		}
		settled[row.Tenant] = true
	}
	if row.Counted {
		return nil
	}
	return h.settleIssue(ctx, row)
}

// settleTenant holds what waits of a tenant against its issues.
func (h *Handler) settleTenant(ctx context.Context, tenant string) error {
	for tries := 0; ; {
		queued, err := h.store.QueuedFailures(ctx, tenant, queuedAtOnce)
		if err != nil || len(queued) == 0 {
			return err
		}
		issues, err := h.store.AllIssues(ctx, tenant)
		if err != nil {
			return err
		}
		var matches []analysisstore.Match
		if len(issues) > 0 {
			if matches, err = h.match(ctx, issues, analysisstore.FailingQuery{Tenant: tenant, Queued: queued}); err != nil {
				return err
			}
		}
		err = h.store.SettleFailures(ctx, tenant, queued, issues, matches)
		if tries++; err != nil && (!errors.Is(err, store.ErrConflict) || tries == settleTries) {
			return err
		}
	}
}

// settleIssue holds an issue that is new, or matches something else than before,
// against what is stored.
func (h *Handler) settleIssue(ctx context.Context, row *analysisstore.Issue) error {
	matches, err := h.match(ctx, []analysisstore.Issue{*row}, analysisstore.FailingQuery{Tenant: row.Tenant, Since: h.store.Now().Add(-matchAge)})
	if err != nil {
		return err
	}
	return h.store.SettleIssue(ctx, row, matches)
}

// settleQueued holds what waits of every tenant against its issues, in the background.
func (h *Handler) settleQueued(ctx context.Context) error {
	for {
		tenant, err := h.store.QueuedTenant(ctx)
		if err == nil {
			err = h.settleTenant(ctx, tenant)
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// match finds what issues of one tenant match of its failing tests.
func (h *Handler) match(ctx context.Context, rows []analysisstore.Issue, q analysisstore.FailingQuery) ([]analysisstore.Match, error) {
	by := map[matchKey]*analysisstore.Match{}
	m := &matcher{h: h, found: func(issue *engine.Issue, p *analysisstore.Past) { count(by, issue, p) }}
	for i := range rows {
		issue, err := known.FromRow(&rows[i])
		if err != nil {
			return nil, err
		}
		m.issues = append(m.issues, issue)
	}
	err := h.store.Failing(ctx, q, func(p *analysisstore.Past) error { return m.add(ctx, p) })
	if err == nil {
		err = m.flush(ctx)
	}
	if err != nil {
		return nil, err
	}
	list := make([]analysisstore.Match, 0, len(by))
	for _, match := range by {
		list = append(list, *match)
	}
	return list, nil
}

// matcher holds tests of a tenant against its issues, some at a time.
type matcher struct {
	h       *Handler
	issues  []engine.Issue
	found   func(issue *engine.Issue, p *analysisstore.Past)
	waiting []analysisstore.Past
	places  []analysisstore.Place // of those whose words decide
}

type matchKey struct{ issue, place string }

func (m *matcher) add(ctx context.Context, p *analysisstore.Past) error {
	fits, text := false, false
	for n := range m.issues {
		if m.issue(n, p) != nil {
			fits, text = true, text || m.issues[n].Message != ""
		}
	}
	if !fits {
		return nil
	}
	m.waiting = append(m.waiting, *p)
	if text {
		m.places = append(m.places, analysisstore.NewPlace(p.Upload, p.N, p.ID))
	}
	if len(m.waiting) < entriesAtOnce {
		return nil
	}
	return m.flush(ctx)
}

// issue returns an issue alone when the test fits it but for what it says.
func (m *matcher) issue(n int, p *analysisstore.Past) []engine.Issue {
	line := engine.Line{CloudID: p.CloudID, Job: p.Job, ProductID: p.ProductID}
	alone := engine.OfLine(m.issues[n:n+1], line)
	if len(alone) == 0 || !alone[0].Fits(test(p), known.FieldsOf(p)) {
		return nil
	}
	return alone
}

func test(p *analysisstore.Past) *engine.Test {
	return &engine.Test{Key: engine.Key{Context: p.Context, Name: p.Name}, Outcome: sets.OutcomeOf(&p.Row), Source: engine.Source(p.Source)}
}

func (m *matcher) flush(ctx context.Context) error {
	texts, err := m.h.store.Texts(ctx, m.places)
	if err != nil {
		return err
	}
	for i := range m.waiting {
		p := &m.waiting[i]
		said := texts[analysisstore.NewPlace(p.Upload, p.N, p.ID)]
		for n := range m.issues {
			if alone := m.issue(n, p); alone != nil && engine.Explain(alone, test(p), known.FieldsOf(p), said) != nil {
				m.found(&m.issues[n], p)
			}
		}
	}
	m.waiting, m.places = m.waiting[:0], m.places[:0]
	return nil
}

func count(by map[matchKey]*analysisstore.Match, issue *engine.Issue, p *analysisstore.Past) {
	match := analysisstore.NewMatch(issue.ID, p)
	key := matchKey{issue.ID, match.Place}
	if before := by[key]; before != nil {
		before.Tests++
		return
	}
	by[key] = &match
}
