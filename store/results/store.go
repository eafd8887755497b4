// Package results keeps clouds, their runs, and results: uploaded files with the
// tests that were read from them. RefStack's two APIs show them; a file that comes
// with the result of an opportunity is one of them as well.
package results

import (
	"context"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Schema is what the area adds to the database. Two of its tables, tests and
// test_names, have no model: their rows are too many for it.
var Schema = store.Schema{
	Models: []any{&Cloud{}, &Run{}, &StatusMessage{}, &Result{}, &ResultFile{}},
	Roots:  []string{"clouds", "runs", "results"},
	Blobs: []store.BlobColumn{
		{Table: "results", Column: "sha256", Where: hasFile, Whole: visible},
		{Table: "results", Column: "content_sha256", Where: hasContent, Whole: visible},
		{Table: "result_files", Column: "sha256", Where: fileHasUpload},
		{Table: "result_files", Column: "content_sha256", Where: fileHasAttachments},
		{Table: "result_files", Column: "derived_sha256", Where: fileHasAttachments},
	},
	BlobKinds: []store.BlobKind{
		{Kind: "result", Table: "results", Bytes: "bytes", Where: hasUpload},
		{Kind: "result_content", Table: "results", Bytes: "content_bytes", Where: "content_sha256 <> sha256 AND " + hasAttachments},
	},
}

// Store is the store with the rows of this area.
type Store struct {
	*store.Store
	db *tables.DB
}

// New returns the area's side of a store, inside a transaction or outside.
func New(s *store.Store) *Store { return &Store{s, s.DB(tables.Key{})} }

// InTx is that of store.Store, with the area's side of the transaction.
func (s *Store) InTx(ctx context.Context, change func(tx *Store) error) error {
	return s.Store.InTx(ctx, func(tx *store.Store) error { return change(New(tx)) })
}
