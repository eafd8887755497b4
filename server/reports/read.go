package reports

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/server/reports/query"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// list answers a search, or an aggregation when the question groups.
func (h *Handler) list(ctx context.Context, r *resource) (*answer, error) {
	q, err := h.parser.Parse(call.From(ctx).Query, r.catalogue)
	if err != nil {
		return nil, refusedQuery(err)
	}
	if err := r.checkAggregate(q); err != nil {
		return nil, err
	}
	return reading(ctx, func(b *body) error {
		b.buf = append(b.buf, `{"code":200,`...)
		if err := h.appendSearch(ctx, b, h.seen(ctx), r, q); err != nil {
			return err
		}
		b.buf = append(b.buf, '}')
		return nil
	}), nil
}

// appendSearch writes result, count, limit and skip of one search.
func (h *Handler) appendSearch(ctx context.Context, b *body, s *reportstore.Store, r *resource, q query.Query) error {
	b.buf = append(b.buf, `"result":[`...)
	if len(q.Aggregate) > 0 {
		if err := r.appendGroups(ctx, b, s, q); err != nil {
			return err
		}
		b.buf = strconv.AppendInt(append(b.buf, `],"limit":`...), q.Limit, 10)
		return nil
	}
	first := true
	count, err := s.FindReports(ctx, r.table, r.question(q), func(row *reportstore.Report) error {
		d, err := r.document(row)
		if err != nil {
			return err
		}
		if !first {
			b.buf = append(b.buf, ',')
		}
		first = false
		if b.buf, err = project(b.buf, d, q.Projection); err != nil {
			return err
		}
		return b.flush()
	})
	b.buf = strconv.AppendInt(append(b.buf, `],"count":`...), count, 10)
	b.buf = strconv.AppendInt(append(b.buf, `,"limit":`...), q.Limit, 10)
	b.buf = strconv.AppendInt(append(b.buf, `,"skip":`...), q.Skip, 10)
	return err
}

// project appends what a projection leaves of a document.
func project(dst []byte, d *document.Document, p query.Projection) ([]byte, error) {
	switch {
	case p.All():
		return d.AppendJSON(dst, nil), nil
	case p.Nested():
		return p.Apply(dst, d.AppendJSON(nil, p.Keeps))
	}
	return d.AppendJSON(dst, p.Keeps), nil
}

// get answers for one document.
func (h *Handler) get(ctx context.Context, r *resource, id string) (*answer, error) {
	q, err := h.parser.Parse(call.From(ctx).Query, r.catalogue)
	if err != nil {
		return nil, refusedQuery(err)
	}
	d, err := h.one(ctx, r, id)
	if err != nil {
		return nil, err
	}
	return reading(ctx, func(b *body) error {
		b.buf = append(b.buf, `{"code":200,"result":[`...)
		if b.buf, err = project(b.buf, d, q.Projection); err != nil {
			return err
		}
		b.buf = append(b.buf, `]}`...)
		return nil
	}), nil
}

// one reads the document with an id from a path.
func (h *Handler) one(ctx context.Context, r *resource, id string) (*document.Document, error) {
	row, err := h.row(ctx, r, id)
	if err != nil {
		return nil, err
	}
	return r.document(row)
}

func (h *Handler) row(ctx context.Context, r *resource, id string) (*reportstore.Report, error) {
	good, err := r.pathID(id)
	if err != nil {
		return nil, err
	}
	row, err := h.seen(ctx).ReportByID(ctx, r.table, good)
	return row, notFound(err, id)
}

// changeable reads a document that the caller is about to delete, and returns with it
// the store for what goes along: whatever else the caller may delete, it is of the
// document's tenant.
func (h *Handler) changeable(ctx context.Context, r *resource, id string) (*reportstore.Store, *document.Document, error) {
	row, err := h.row(ctx, r, id)
	if err != nil {
		return nil, nil, err
	}
	if err := h.seen(ctx).Check(row); err != nil {
		return nil, nil, err
	}
	d, err := r.document(row)
	return h.seen(ctx).For(store.Scope{Tenant: row.Tenant}), d, err
}

// pathID reads an id of the resource out of a path.
func (r *resource) pathID(id string) (string, error) { return pathID(r.schema.Name+"_id", id) }

// pathID reads an id out of a path, where the document calls it name.
func pathID(name, id string) (string, error) {
	good, ok := document.ParseID(id)
	if !ok && id == "distinct" { // the path without the name of a field
		return "", fault.Invalid("No field specified or field not valid")
	}
	if !ok {
		f := fault.Invalid("Wrong ID value provided")
		f.Errors = []fault.Entry{{In: "path", Parameter: name, Message: "is not 24 hexadecimal digits"}}
		return "", f
	}
	return good, nil
}

// notFound puts the words that scripts look for to a missing document.
func notFound(err error, id string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fault.NotFound("Resource '%.80s' not found", id).Because(err)
	}
	return err
}

// refusedQuery says which parameter was refused.
func refusedQuery(err error) error {
	var syntax *query.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	f := fault.Invalid("%s", syntax.Error())
	if syntax.Parameter != "" {
		f.Errors = []fault.Entry{{Parameter: syntax.Parameter, In: "query", Message: syntax.Reason}}
	}
	return f
}

// values answers with the different values of a field.
func (h *Handler) values(ctx context.Context, r *resource, field string) (*answer, error) {
	list, err := h.distinct(ctx, h.seen(ctx), r, field, call.From(ctx).Query)
	if err != nil {
		return nil, err
	}
	return reading(ctx, func(b *body) (err error) {
		b.buf = fmt.Appendf(b.buf, `{"code":200,"count":%d,"result":`, len(list))
		b.buf, err = appendJSON(b.buf, list)
		b.buf = append(b.buf, '}')
		return err
	}), nil
}

// valueCount answers with how many different values a field has.
func (h *Handler) valueCount(ctx context.Context, r *resource, field string) (*answer, error) {
	list, err := h.distinct(ctx, h.seen(ctx), r, field, call.From(ctx).Query)
	if err != nil {
		return nil, err
	}
	return reading(ctx, func(b *body) error {
		b.buf = fmt.Appendf(b.buf, `{"code":200,"result":[{"count":%d,"field":"%s"}]}`, len(list), field)
		return nil
	}), nil
}

func (h *Handler) distinct(ctx context.Context, s *reportstore.Store, r *resource, field, raw string) ([]*string, error) {
	if !r.distinct(field) {
		f := fault.Invalid("No field specified or field not valid")
		f.Errors = []fault.Entry{{Parameter: "field_name", In: "path", Message: "is not a field whose values are offered"}}
		return nil, f
	}
	q, err := h.parser.Parse(raw, r.catalogue)
	if err != nil {
		return nil, refusedQuery(err)
	}
	list, err := s.DistinctReports(ctx, r.table, field, conditions(q.Where))
	if list == nil {
		list = []*string{}
	}
	return list, err
}

// remove deletes one document.
func remove(ctx context.Context, s *reportstore.Store, r *resource, d *document.Document) (*answer, error) {
	n, err := s.DeleteReports(ctx, r.table, []reportstore.Condition{hasValue("_id", d.Get("_id"))})
	if err == nil && n == 0 {
		err = notFound(store.ErrNotFound, d.Text("_id"))
	}
	if err != nil {
		return nil, err
	}
	return done(outcome{Code: http.StatusOK, Reason: fmt.Sprintf("Resource '%s' deleted", d.Get("_id"))}), nil
}
