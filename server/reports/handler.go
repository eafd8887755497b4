package reports

import (
	"context"
	"errors"
	"time"

	reportsapi "github.com/slipway-lab/slipway/gen/reports"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/server/reports/query"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// Tokens is what the area needs of the one who checks tokens.
type Tokens interface {
	// Hashes returns under what the store may have a token.
	Hashes(text string) [][]byte
	// Issue makes the text of a new token and fills in what is kept of it.
	Issue(t *store.Token) string
	// Forget makes a change of a token take effect at once.
	Forget()
}

// Handler answers the operations of the tag reports.
type Handler struct {
	store  *reportstore.Store // for what has no tenant; seen and writer are for reports
	config Config
	parser query.Parser
	ids    document.IDSource
}

var _ reportsapi.StrictServerInterface = (*Handler)(nil)

// New makes the handler of the area.
func New(s *reportstore.Store, c Config) *Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	h := &Handler{store: s, config: c, parser: query.Parser{Now: c.Now}}
	h.ids.Now = c.Now
	return h
}

// seen is the store as the caller sees and changes it.
func (h *Handler) seen(ctx context.Context) *reportstore.Store {
	return h.store.For(auth.From(ctx).Scope())
}

// writer is the store as the caller adds to it.
func (h *Handler) writer(ctx context.Context) *reportstore.Store { return h.seen(ctx).Writer() }

// place gives a new document its id and the time of its creation, or those of
// the one that it replaces.
func (h *Handler) place(d, old *document.Document) {
	if old != nil {
		d.Set("_id", old.Get("_id"))
		d.Set("created_on", old.Get("created_on"))
		return
	}
	id, created := h.ids.New()
	d.Set("_id", id)
	d.Set("created_on", created)
}

// find returns the newest document of the resource that meets the conditions, one
// of the own tenant if there is any, nil when there is none at all.
func find(ctx context.Context, s *reportstore.Store, r *resource, where []reportstore.Condition) (*document.Document, error) {
	row, err := s.NewestReport(ctx, r.table, where)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.document(row)
}

// hasValue is the condition that a field has a value, or none.
func hasValue(field string, value any) reportstore.Condition {
	if value == nil {
		return reportstore.Condition{Field: field, Op: reportstore.Null}
	}
	return reportstore.Condition{Field: field, Op: reportstore.In, Values: []any{value}}
}

func conditionsOf(field string, value any) []reportstore.Condition {
	return []reportstore.Condition{hasValue(field, value)}
}
