// Package known explains failures by the issues that are known, for every area
// that shows failing tests.
package known

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/analysis/sets"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// Store is what a Book reads.
type Store interface {
	OpenIssues(ctx context.Context, tenant string) ([]analysisstore.Issue, error)
	Texts(ctx context.Context, places []analysisstore.Place) (map[analysisstore.Place]string, error)
}

// Book holds the open issues of the tenants that were asked for. It is good for one
// request.
type Book struct {
	store    Store
	byTenant map[string][]engine.Issue
}

// NewBook returns a book without issues, which it reads when they are asked for.
func NewBook(s Store) *Book { return &Book{store: s, byTenant: map[string][]engine.Issue{}} }

// Issues are the open issues of a tenant, the oldest first.
func (b *Book) Issues(ctx context.Context, tenant string) ([]engine.Issue, error) {
	if list, known := b.byTenant[tenant]; known {
		return list, nil
	}
	rows, err := b.store.OpenIssues(ctx, tenant)
	if err != nil {
		return nil, err
	}
	list := make([]engine.Issue, 0, len(rows))
	for i := range rows {
		issue, err := FromRow(&rows[i])
		if err != nil {
			return nil, err
		}
		list = append(list, issue)
	}
	b.byTenant[tenant] = list
	return list, nil
}

// FromRow makes an issue of its row.
func FromRow(row *analysisstore.Issue) (engine.Issue, error) {
	i := engine.Issue{
		ID: row.ID.String(), Title: row.Title, URL: row.URL, Name: engine.ParseGlob(row.Name),
		Line: engine.Line{CloudID: row.CloudID, Job: row.Job, ProductID: row.ProductID},
	}
	if row.Message != nil {
		i.Message = *row.Message
	}
	for _, source := range row.Sources {
		i.Sources = append(i.Sources, engine.Source(source))
	}
	if row.Context != nil {
		if err := json.Unmarshal(row.Context, &i.Context); err != nil {
			return i, fmt.Errorf("context of known issue %s: %w", i.ID, err)
		}
	}
	return i, nil
}

// Failure is a test that may be explained.
type Failure struct {
	Tenant string
	Line   engine.Line
	Fields []string // those of the test's context
	Test   *engine.Test
}

// Explain returns for each failure the issue that explains it, nil for none. Tests
// that did not fail are explained by none. What the tests say is read at once, and
// only where it decides.
func (b *Book) Explain(ctx context.Context, list []Failure) ([]*engine.Issue, error) {
	explained := make([]*engine.Issue, len(list))
	issues := make([][]engine.Issue, len(list))
	var places []analysisstore.Place
	for n := range list {
		f := &list[n]
		if !f.Test.Outcome.Failed() {
			continue
		}
		all, err := b.Issues(ctx, f.Tenant)
		if err != nil {
			return nil, err
		}
		issues[n] = engine.OfLine(all, f.Line)
		if engine.NeedsText(issues[n], f.Test, f.Fields) {
			places = append(places, placeOf(f.Test))
		}
	}
	var texts map[analysisstore.Place]string
	if len(places) > 0 {
		var err error
		if texts, err = b.store.Texts(ctx, places); err != nil {
			return nil, err
		}
	}
	for n := range list {
		f := &list[n]
		explained[n] = engine.Explain(issues[n], f.Test, f.Fields, texts[placeOf(f.Test)])
	}
	return explained, nil
}

func placeOf(t *engine.Test) analysisstore.Place {
	return analysisstore.NewPlace(t.Place.Upload, t.Place.N, t.Place.ID)
}

// FieldsOf are the fields in which the context of a stored result stands.
func FieldsOf(p *analysisstore.Past) []string { return engine.FieldsOf(engine.Kind(p.Kind)) }

// ExplainPast is Explain for results as they were stored.
func (b *Book) ExplainPast(ctx context.Context, list []analysisstore.Past) ([]*engine.Issue, error) {
	failures := make([]Failure, 0, len(list))
	for i := range list {
		p := &list[i]
		failures = append(failures, Failure{
			Tenant: p.Tenant, Line: engine.Line{CloudID: p.CloudID, Job: p.Job, ProductID: p.ProductID}, Fields: FieldsOf(p),
			Test: &engine.Test{
				Key: engine.Key{Context: p.Context, Name: p.Name}, Outcome: sets.OutcomeOf(&p.Row), Source: engine.Source(p.Source),
				Place: engine.Place{Upload: p.Upload, N: p.N, ID: p.ID},
			},
		})
	}
	return b.Explain(ctx, failures)
}
