package analysis

import (
	"context"
	"time"

	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/analysis/known"
	"github.com/slipway-lab/slipway/server/analysis/sets"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

const (
	// matchAge is how far back matches of an issue are counted.
	matchAge = 30 * 24 * time.Hour

	// matchMost is how many failing tests of each source are looked at, the newest.
	matchMost = 100_000
)

// matched is how often a failing test fits an issue.
type matched struct {
	count int64
	last  *time.Time
}

// matches counts for each issue the failing tests of its tenant that fit it.
func (h *Handler) matches(ctx context.Context, rows []analysisstore.Issue) ([]matched, error) {
	all := make([]matched, len(rows))
	byTenant := map[string][]int{}
	for i := range rows {
		byTenant[rows[i].Tenant] = append(byTenant[rows[i].Tenant], i)
	}
	for tenant, of := range byTenant {
		m := &matcher{h: h, all: all, of: of}
		for _, i := range of {
			issue, err := known.FromRow(&rows[i])
			if err != nil {
				return nil, err
			}
			m.issues = append(m.issues, issue)
		}
		err := h.store.Failing(ctx, tenant, h.store.Now().Add(-matchAge), matchMost, func(p *analysisstore.Past) error { return m.add(ctx, p) })
		if err == nil {
			err = m.flush(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// matcher holds tests of a tenant against its issues, some at a time. of are the
// places of the issues in all.
type matcher struct {
	h       *Handler
	all     []matched
	of      []int
	issues  []engine.Issue
	waiting []analysisstore.Past
	places  []analysisstore.Place
}

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
		m.places = append(m.places, analysisstore.Place{Upload: p.Upload, N: p.N})
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
		said := texts[analysisstore.Place{Upload: p.Upload, N: p.N}]
		for n := range m.issues {
			if alone := m.issue(n, p); alone != nil && engine.Explain(alone, test(p), known.FieldsOf(p), said) != nil {
				m.count(n, p.StoredAt)
			}
		}
	}
	m.waiting, m.places = m.waiting[:0], m.places[:0]
	return nil
}

func (m *matcher) count(n int, at time.Time) {
	match := &m.all[m.of[n]]
	match.count++
	if match.last == nil || at.After(*match.last) {
		match.last = &at
	}
}
