// Package analysis reads what is stored of every source as sets of tests, each in
// the order in which sets are compared, finds the sets that came before one, and
// keeps known issues. What is compared and judged is decided in server/analysis/engine.
package analysis

import (
	"context"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// Schema is what the area adds to the database.
var Schema = store.Schema{Models: []any{&Issue{}}}

// Store is the store with the rows of this area.
type Store struct {
	*store.Store
	Results *results.Store
	db      *tables.DB
}

// New returns the area's side of a store, inside a transaction or outside.
func New(s *store.Store) *Store { return &Store{s, results.New(s), s.DB(tables.Key{})} }

// InTx is that of store.Store, with the area's side of the transaction.
func (s *Store) InTx(ctx context.Context, change func(tx *Store) error) error {
	return s.Store.InTx(ctx, func(tx *store.Store) error { return change(New(tx)) })
}

// Viewer is who asks. Rows of other tenants, and results that are private to
// others, do not exist for him.
type Viewer struct {
	Scope  store.Scope
	SeenBy *string // the owner as whom private results are seen; nil sees all
}

// sees is the condition that a viewer's scope sees a row of the tenant in column.
func (v Viewer) sees(column string) []tables.Condition {
	names := v.Scope.Tenants()
	if names == nil {
		return nil
	}
	c := tables.Condition{SQL: tables.InList(column, len(names))}
	for _, name := range names {
		c.Args = append(c.Args, name)
	}
	return []tables.Condition{c}
}

// open is the condition that a result is not private to somebody else.
func (v Viewer) open(column string) []tables.Condition {
	if v.SeenBy == nil {
		return nil
	}
	return []tables.Condition{tables.If(column+" IN ('', ?)", *v.SeenBy)}
}

// flag is the condition that a column of yes and no is one of them, written so that
// an index of only such rows serves it.
func (s *Store) flag(column string, set bool) tables.Condition {
	switch {
	case s.db.Postgres && set:
		return tables.If(column)
	case s.db.Postgres:
		return tables.If("NOT " + column)
	case set:
		return tables.If(column + " = 1")
	}
	return tables.If(column + " = 0")
}
