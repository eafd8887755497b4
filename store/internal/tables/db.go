// Package tables is how the stores of the areas reach their tables: the database
// as a store sees it, and the parts of which conditions are made. It is internal
// so that GORM and SQL end with package store: whoever holds a store elsewhere
// gets rows and errors.
package tables

import (
	"context"
	"database/sql"
	"time"

	"gorm.io/gorm"
)

// DB is the database as one store sees it: a transaction inside InTx and Snapshot,
// else the pool for reading.
type DB struct {
	// Tx takes writes. It is nil outside a transaction, so that a stray write
	// fails at once.
	Tx *gorm.DB

	// Pool chooses what reads outside a transaction. Use Read.
	Pool func(ctx context.Context) *gorm.DB

	// Postgres is for the few statements that the two databases spell
	// differently.
	Postgres bool

	// Pace says how many rows one transaction should write.
	Pace *Pace

	// AloneSince is when this process took the database for itself; zero when
	// others may write to it as well.
	AloneSince time.Time
}

// Key opens the DB of a store. Only packages below store can name it.
type Key struct{ _ bool }

// Read returns the handle for queries.
func (d *DB) Read(ctx context.Context) *gorm.DB {
	if d.Tx != nil {
		return d.Tx
	}
	return d.Pool(ctx).WithContext(ctx)
}

// Exec runs one statement in the transaction past GORM, which would take slices
// apart and parse the text of statements with thousands of parameters.
func (d *DB) Exec(query string, args ...any) (sql.Result, error) {
	return d.Tx.Statement.ConnPool.ExecContext(d.Tx.Statement.Context, query, args...)
}
