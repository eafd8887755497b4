// Package products keeps products with their test specs and gold masters, what was
// advertised for them, the opportunities that came of it, the agents that run
// those, and the webhooks that tell of them.
package products

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// Schema is what the area adds to the database.
var Schema = store.Schema{Models: []any{
	&Product{}, &productSnap{}, &TestSpec{}, &SpecVersion{}, &GoldMaster{}, &Image{}, &Advertisement{}, &Context{},
	&Opportunity{}, &OpportunityResult{}, &KeptFile{}, &outputPiece{}, &Lease{}, &Agent{}, &Avoided{}, &Webhook{}, &Delivery{},
}, Roots: []string{"products", "agents", "webhooks"},
	Blobs:     []store.BlobColumn{{Table: "kept_files", Column: "sha256", Where: "expired = 0"}},
	BlobKinds: []store.BlobKind{{Kind: "file", Table: "kept_files", Bytes: "bytes", Where: "expired = 0"}}}

// Store is the store with the rows of this area.
type Store struct {
	*store.Store
	db *tables.DB

	// Results has the files that came with results of opportunities, and their
	// tests.
	Results *results.Store
}

// New returns the area's side of a store, inside a transaction or outside.
func New(s *store.Store) *Store { return &Store{s, s.DB(tables.Key{}), results.New(s)} }

// InTx is that of store.Store, with the area's side of the transaction.
func (s *Store) InTx(ctx context.Context, change func(tx *Store) error) error {
	return s.Store.InTx(ctx, func(tx *store.Store) error { return change(New(tx)) })
}

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// between bounds a time column, both ends inclusive.
func between(q *gorm.DB, column string, from, to *time.Time) *gorm.DB {
	if from != nil {
		q = q.Where(column+" >= ?", store.Micros(*from))
	}
	if to != nil {
		q = q.Where(column+" <= ?", store.Micros(*to))
	}
	return q
}

// skipLocked takes rows that nobody else has. SQLite has one writer and knows no
// such clause.
func (s *Store) skipLocked(q *gorm.DB) *gorm.DB {
	if !s.db.Postgres {
		return q
	}
	return q.Clauses(clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"})
}
