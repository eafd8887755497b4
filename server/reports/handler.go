package reports

import (
	"context"
	"time"

	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/server/reports/query"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// Config holds the area's settings; the zero value of each has a meaning.
type Config struct {
	// MaxCases limits the test cases and groups of one test group; default 10 000.
	MaxCases int

	// MaxBatch limits the questions of one batch; default 100.
	MaxBatch int

	// MaxFile limits an uploaded file in bytes; default 256 MiB.
	MaxFile int64

	// MaxFiles limits the files of one form; default 100.
	MaxFiles int

	// MaxScan limits how many uploads of each source a search for single tests
	// looks at for one page; default searchstore.DefaultScan.
	MaxScan int

	// Build is the version of the server.
	Build string

	// Tokens makes and hashes the texts of tokens.
	Tokens Tokens

	// Now tells the time; nil means time.Now.
	Now func() time.Time
}

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
	store  *reportstore.Store
	config Config
	parser query.Parser
	ids    document.IDSource
}

// New makes the handler of the area.
func New(s *reportstore.Store, c Config) *Handler {
	setDefault(&c.MaxCases, 10_000)
	setDefault(&c.MaxBatch, 100)
	setDefault(&c.MaxFiles, 100)
	setDefault(&c.MaxFile, 256<<20)
	if c.Now == nil {
		c.Now = time.Now
	}
	h := &Handler{store: s, config: c, parser: query.Parser{Now: c.Now}}
	h.ids.Now = c.Now
	return h
}

func setDefault[T int | int64](setting *T, value T) {
	if *setting == 0 {
		*setting = value
	}
}

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

// find returns the newest document of the resource that meets the conditions,
// nil when there is none.
func find(ctx context.Context, s *reportstore.Store, r *resource, where []reportstore.Condition) (*document.Document, error) {
	var found *document.Document
	q := reportstore.Query{Where: where, Sort: []string{"created_on"}, Descending: true, Limit: 1}
	_, err := s.FindReports(ctx, r.table, q, func(row *reportstore.Report) (err error) {
		found, err = r.document(row)
		return err
	})
	return found, err
}

// is is the condition that a field has a value, or none.
func is(field string, value any) reportstore.Condition {
	if value == nil {
		return reportstore.Condition{Field: field, Op: reportstore.Null}
	}
	return reportstore.Condition{Field: field, Op: reportstore.In, Values: []any{value}}
}

func conditionsOf(field string, value any) []reportstore.Condition {
	return []reportstore.Condition{is(field, value)}
}
