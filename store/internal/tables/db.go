// Package tables is how the stores of the areas reach their tables: the database
// as a store sees it, and the parts of which conditions are made. It is internal
// so that GORM and SQL end with package store: whoever holds a store elsewhere
// gets rows and errors.
package tables

import (
	"context"
	"database/sql"
	"strconv"
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

	// Names remembers the numbers of names of tests.
	Names *NameCache

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

// Query reads rows in the transaction, or from the pool, past GORM, which costs more
// than the database for a small question. Each question mark stands for one of args,
// which are no lists. The rows must be closed before the next statement of a
// transaction. On SQLite the end of ctx does not interrupt it: to watch for that costs
// a goroutine.
func (d *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	pool := d.Tx
	if pool != nil {
		ctx = pool.Statement.Context
	} else {
		pool = d.Pool(ctx)
	}
	if !d.Postgres {
		ctx = context.WithoutCancel(ctx)
	}
	return pool.Statement.ConnPool.QueryContext(ctx, d.Marks(query), args...)
}

// Put is Exec for a statement with question marks.
func (d *DB) Put(query string, args ...any) error {
	_, err := d.Exec(d.Marks(query), args...)
	return err
}

// Marks writes the question marks of a statement, which has none in its texts, as the
// database wants them.
func (d *DB) Marks(query string) string {
	if !d.Postgres {
		return query
	}
	numbered := make([]byte, 0, len(query)+64)
	n := int64(0)
	for i := range len(query) {
		if query[i] != '?' {
			numbered = append(numbered, query[i])
			continue
		}
		n++
		numbered = strconv.AppendInt(append(numbered, '$'), n, 10)
	}
	return string(numbered)
}

// Exec runs one statement in the transaction past GORM, which would take slices
// apart and parse the text of statements with thousands of parameters.
func (d *DB) Exec(query string, args ...any) (sql.Result, error) {
	return d.Tx.Statement.ConnPool.ExecContext(d.Tx.Statement.Context, query, args...)
}
