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
var Schema = store.Schema{Models: []any{&Issue{}, &toldIssue{}, &Match{}}, Roots: []string{"known_issues"}}

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

// seesReports are the conditions of tests of reports that the viewer sees: those of
// none only where his tenant has no report with the same key, as in lists of reports.
func seesReports(v store.Viewer) []tables.Condition {
	list := v.Seen("kernel_tests.tenant")
	if v.All || v.Tenant == "" {
		return list
	}
	return append(list, tables.If(`NOT (kernel_tests.tenant = '' AND (`+
		`EXISTS (SELECT 1 FROM kernel_boots b JOIN kernel_boots own ON own.identity = b.identity AND own.tenant = ? WHERE b."_id" = kernel_tests.report_id)`+
		` OR EXISTS (SELECT 1 FROM test_groups g JOIN test_groups around ON around."_id" IN (g."_id", g.root_id)`+
		` JOIN test_groups own ON own.identity = around.identity AND own.tenant = ? WHERE g."_id" = kernel_tests.group_id)))`, v.Tenant, v.Tenant))
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
