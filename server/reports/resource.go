package reports

import (
	"fmt"

	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/server/reports/query"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// resource joins what the three sides know of one sort of report: its
// documents, the questions about them, the table they lie in.
type resource struct {
	schema    *document.Schema
	catalogue query.Catalogue
	table     *reportstore.Collection
}

var (
	jobs   = newResource(document.Job, reportstore.Jobs)
	builds = newResource(document.Build, reportstore.Builds)
	boots  = newResource(document.Boot, reportstore.Boots)
	labs   = newResource(document.Lab, reportstore.Labs)
	groups = newResource(document.Group, reportstore.Groups)
	cases  = newResource(document.Case, reportstore.Cases)
)

// newResource panics when the table lacks a column for a field that can be
// asked for: that is a mistake in the program, seen at its first start.
func newResource(s *document.Schema, c *reportstore.Collection) *resource {
	for i := range s.Fields {
		f := &s.Fields[i]
		_, ok := c.Place(f.Name)
		asked := f.Flags&(document.Search|document.Range|document.Distinct) != 0
		if f.Of == "" && f.Flags&document.Hidden == 0 && ok != asked {
			panic(fmt.Sprintf("reports: the column of %s.%s is missing or superfluous", s.Name, f.Name))
		}
	}
	return &resource{schema: s, catalogue: catalogueOf(s), table: c}
}

// sameRow is the row of a document that stays the same report. What identifies a
// report was taken before its build filled in what it lacked, so it cannot be
// told from the document any more.
func (r *resource) sameRow(d *document.Document) *reportstore.Report {
	row := r.row(d)
	row.Identity = nil
	return row
}

func (r *resource) apart(name string) bool {
	_, ok := r.table.Place(name)
	return ok
}

// row is the document as the store keeps it.
func (r *resource) row(d *document.Document) *reportstore.Report {
	row := &reportstore.Report{Identity: d.Identity(), Values: make([]any, len(r.table.Columns))}
	for i, c := range r.table.Columns {
		row.Values[i] = d.Get(c.Name)
	}
	row.Rest = string(d.AppendRest(nil, r.apart))
	return row
}

// document is the other way round. It returns nil for nil.
func (r *resource) document(row *reportstore.Report) (*document.Document, error) {
	if row == nil {
		return nil, nil
	}
	d, err := r.schema.Restore(func(name string) (any, bool) {
		i, ok := r.table.Place(name)
		if !ok {
			return nil, false
		}
		return row.Values[i], true
	}, []byte(row.Rest))
	if err != nil {
		return nil, fmt.Errorf("a stored %s: %w", r.schema.Name, err)
	}
	return d, nil
}

// distinct reports whether the values of a field are offered.
func (r *resource) distinct(field string) bool {
	f, ok := r.schema.Field(field)
	return ok && f.Flags&document.Distinct != 0
}

// conditions turns the conditions of the query language into the store's.
func conditions(where []query.Condition) []reportstore.Condition {
	out := make([]reportstore.Condition, 0, len(where))
	for _, c := range where {
		out = append(out, reportstore.Condition{Field: c.Field, Op: reportstore.Op(c.Op), Values: c.Values})
	}
	return out
}

// question turns what was asked into the store's terms.
func (r *resource) question(q query.Query) reportstore.Query {
	sort := make([]string, 0, len(q.Sort))
	for _, name := range q.Sort {
		if f, ok := r.schema.Field(name); ok && f.Of != "" {
			name = f.Of
		}
		sort = append(sort, name)
	}
	return reportstore.Query{Where: conditions(q.Where), Sort: sort, Descending: q.Descending, Limit: q.Limit, Skip: q.Skip}
}
