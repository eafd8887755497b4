// Package refstack keeps what RefStack's later API says of results, and the public
// keys with which uploads are signed. The results themselves are those of package
// results, on which it builds.
package refstack

import (
	"context"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// Schema is what the area adds to the database.
var Schema = store.Schema{Models: []any{&Published{}, &PublicKey{}}, Roots: []string{"published_results", "public_keys"}}

// Store is the store with the rows of this area and those of results.
type Store struct {
	*results.Store
	db *tables.DB
}

// New returns the area's side of a store, inside a transaction or outside.
func New(s *store.Store) *Store { return &Store{results.New(s), s.DB(tables.Key{})} }

// InTx is that of store.Store, with the area's side of the transaction.
func (s *Store) InTx(ctx context.Context, change func(tx *Store) error) error {
	return s.Store.Store.InTx(ctx, func(tx *store.Store) error { return change(New(tx)) })
}
