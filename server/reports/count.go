package reports

import (
	"context"

	reportsapi "github.com/slipway-lab/slipway/gen/reports"

	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// counted is one entry of the answer to a count.
type counted struct {
	Collection string `json:"collection"`
	Count      int64  `json:"count"`
}

// collections names what can be counted. Nobody looks for regressions here, so
// there are none of them.
var collections = []struct {
	name string
	r    *resource
}{
	{"boot", boots}, {"build", builds}, {"job", jobs}, {"test_case", cases}, {"test_group", groups}, {"test_regression", nil},
}

// count answers how many documents of a collection meet the filters, or, for
// none, of each. A collection does not know all filters: those it knows count.
func (h *Handler) count(ctx context.Context, name string) (*answer, error) {
	list, err := h.counts(ctx, h.seen(ctx), name, call.From(ctx).Query)
	if err != nil {
		return nil, err
	}
	return reading(ctx, func(b *body) (err error) {
		b.buf = append(b.buf, `{"code":200,"result":`...)
		b.buf, err = appendJSON(b.buf, list)
		b.buf = append(b.buf, '}')
		return err
	}), nil
}

func (h *Handler) counts(ctx context.Context, s *reportstore.Store, name, raw string) ([]counted, error) {
	var list []counted
	for _, c := range collections {
		if name != "" && c.name != name && !(name == "defconfig" && c.r == builds) {
			continue
		}
		entry := counted{Collection: c.name}
		if name != "" {
			entry.Collection = name
		}
		if c.r != nil {
			q, err := h.parser.Parse(raw, c.r.catalogue)
			if err != nil {
				return nil, refusedQuery(err)
			}
			if entry.Count, err = s.CountReports(ctx, c.r.table, conditions(q.Where)); err != nil {
				return nil, err
			}
		}
		list = append(list, entry)
	}
	if list == nil {
		return nil, fault.NotFound("Collection %.80s not found", name)
	}
	return list, nil
}

// ListCounts answers how many documents each collection has.
func (h *Handler) ListCounts(ctx context.Context, _ reportsapi.ListCountsRequestObject) (reportsapi.Response, error) {
	return h.count(ctx, "")
}

// GetCount answers how many documents of one collection meet the filters.
func (h *Handler) GetCount(ctx context.Context, req reportsapi.GetCountRequestObject) (reportsapi.Response, error) {
	return h.count(ctx, req.Collection)
}
