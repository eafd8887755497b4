package reports

import (
	"context"
	"slices"

	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/server/reports/query"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// checkAggregate refuses to group by what cannot be asked for.
func (r *resource) checkAggregate(q query.Query) error {
	for _, name := range q.Aggregate {
		if f, ok := r.schema.Field(name); ok && !r.apart(name) && f.Of == "" {
			return fault.InvalidField("query", "aggregate", "must name a field that can be searched, not %s", name)
		}
	}
	return nil
}

// appendGroups writes one entry for each group: in _id the values that are
// grouped by, then the fields of the newest document, or of the oldest when the question
// sorts ascending. A field that is sorted by holds the group's greatest value, or its least.
func (r *resource) appendGroups(ctx context.Context, b *body, s *reportstore.Store, q query.Query) error {
	by := make([]string, 0, len(q.Aggregate))
	for _, name := range q.Aggregate {
		if f, ok := r.schema.Field(name); ok && f.Of != "" {
			name = f.Of
		}
		by = append(by, name)
	}
	question := r.question(q)
	first := true
	return s.GroupReports(ctx, r.table, question, by, func(g reportstore.Group) error {
		d, err := r.document(g.First)
		if err != nil {
			return err
		}
		if !first {
			b.buf = append(b.buf, ',')
		}
		first = false
		if b.buf, err = r.appendGroup(b.buf, d, g, q, question.Sort); err != nil {
			return err
		}
		return b.flush()
	})
}

func (r *resource) appendGroup(dst []byte, d *document.Document, g reportstore.Group, q query.Query, sort []string) ([]byte, error) {
	key := d.AppendJSON(nil, func(name string) bool { return slices.Contains(q.Aggregate, name) })
	for i, name := range sort {
		if r.apart(name) {
			d.Set(name, g.Sorted[i])
		}
	}
	if len(q.Projection.Keep) == 0 {
		dst = append(append(append(dst, `{"_id":`...), key...), `,"result":`...)
		dst, err := project(dst, d, q.Projection)
		return append(dst, '}'), err
	}
	fields, err := project(nil, d, withoutID(q.Projection))
	if err != nil {
		return dst, err
	}
	dst = append(append(dst, `{"_id":`...), key...)
	if len(fields) > 2 {
		dst = append(dst, ',')
	}
	return append(dst, fields[1:]...), nil
}

// withoutID leaves out the document's own id: _id is the group's.
func withoutID(p query.Projection) query.Projection {
	return query.NewProjection(p.Keep, append(slices.Clone(p.Drop), "_id"))
}
