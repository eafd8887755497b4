// Package reports keeps KernelCI's collections, jobs, builds, boots, test groups,
// test cases and labs, and the files beside them.
package reports

import (
	"context"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Schema is what the area adds to the database. The tables of the collections have
// no model, because they are asked for by the names of their columns.
var Schema = store.Schema{
	Models:    []any{&File{}},
	Roots:     []string{"kernel_jobs", "kernel_builds", "kernel_boots", "test_groups", "test_cases", "labs", "report_files"},
	Blobs:     []store.BlobColumn{{Table: "report_files", Column: "sha256", Where: "expired = 0"}},
	BlobKinds: []store.BlobKind{{Kind: "report_file", Table: "report_files", Bytes: "bytes", Where: "expired = 0"}},
}

// Store is the store with the rows of this area, as one scope sees and changes them.
type Store struct {
	*store.Store
	db    *tables.DB
	scope store.Scope
}

// New returns the area's side of a store, inside a transaction or outside. It sees
// and changes rows of no tenant; For says whose else.
func New(s *store.Store) *Store { return &Store{Store: s, db: s.DB(tables.Key{})} }

// InTx is that of store.Store, with the area's side of the transaction.
func (s *Store) InTx(ctx context.Context, change func(tx *Store) error) error {
	return s.Store.InTx(ctx, func(tx *store.Store) error { return change(New(tx).For(s.scope)) })
}

// Snapshot is that of store.Store, with the area's side of the view.
func (s *Store) Snapshot(ctx context.Context, look func(view *Store) error) error {
	return s.Store.Snapshot(ctx, func(view *store.Store) error { return look(New(view).For(s.scope)) })
}
