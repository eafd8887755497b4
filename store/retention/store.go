// Package retention says what of the stored things has become too old or too many,
// removes it some at a time, and keeps the rules, what is kept whatever they say, and
// the runs that removed something. It knows the tables of every area.
//
// A Plan fixes what goes: the rules in their order, and for each unit (the rows of one
// table that go together) and rule up to which time. What a plan measures and what its
// run removes is chosen by the same conditions, which are asked again in the
// transaction that removes, so nothing goes that was kept, verified or became the
// newest of its line meanwhile.
package retention

import (
	"context"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/analysis"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// Schema is what the area adds to the database.
var Schema = store.Schema{Models: []any{&policyRow{}, &Keep{}, &Run{}}, Roots: []string{"retention_policies", "retention_keeps"}}

// Store is the store with the rows of this area.
type Store struct {
	*store.Store
	Results *results.Store
	sets    *analysis.Store
	db      *tables.DB
}

// New returns the area's side of a store, inside a transaction or outside.
func New(s *store.Store) *Store {
	return &Store{s, results.New(s), analysis.New(s), s.DB(tables.Key{})}
}

// InTx is that of store.Store, with the area's side of the transaction.
func (s *Store) InTx(ctx context.Context, change func(tx *Store) error) error {
	return s.Store.InTx(ctx, func(tx *store.Store) error { return change(New(tx)) })
}

// yes is the condition that a column of yes and no is yes, written so that an index of
// only such rows serves it.
func (s *Store) yes(column string) string {
	if s.db.Postgres {
		return column
	}
	return column + " = 1"
}
