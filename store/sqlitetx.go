package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"

	"github.com/mattn/go-sqlite3"
	"gorm.io/gorm"
)

// connTx is a transaction: *sql.Tx, or the one of the writer of SQLite.
type connTx interface {
	gorm.ConnPool
	gorm.TxCommitter
}

// sqliteTx is a transaction on the writing connection. A *sql.Tx would watch its
// context with one goroutine and each of its queries with another: to wake them costs
// a small transaction more than the database does. It belongs to one goroutine at a
// time.
type sqliteTx struct {
	conn    *sql.Conn
	over    bool
	touched int // counts the statements that may have changed something
}

var _ connTx = (*sqliteTx)(nil)

func beginSQLite(ctx context.Context, db *sql.DB) (*sqliteTx, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		_ = conn.Close() // gives it back
		return nil, err
	}
	return &sqliteTx{conn: conn}, nil
}

// Commit rolls back when it fails, as that of sql.Tx does.
func (t *sqliteTx) Commit() error {
	if t.over {
		return sql.ErrTxDone
	}
	_, err := t.conn.ExecContext(context.Background(), "COMMIT")
	if err != nil {
		_ = t.Rollback()
		return err
	}
	t.over = true
	_ = t.conn.Close()
	return nil
}

// Rollback gives up the connection, too, should the transaction be open after that:
// nobody could begin one on it any more.
func (t *sqliteTx) Rollback() error {
	if t.over {
		return sql.ErrTxDone
	}
	t.over = true
	_, err := t.conn.ExecContext(context.Background(), "ROLLBACK")
	if err != nil && t.open() {
		_ = t.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = t.conn.Close()
	return err
}

// errNoTransaction is the loss of a transaction that SQLite has rolled back by itself.
var errNoTransaction = errors.New("it was rolled back")

// open asks SQLite whether there is still a transaction: after some errors, such as a
// full disk, it rolls it back by itself.
func (t *sqliteTx) open() bool {
	auto := true
	err := t.conn.Raw(func(c any) error {
		if own, ok := c.(*sqlite3.SQLiteConn); ok {
			auto = own.AutoCommit()
		}
		return nil
	})
	return err == nil && !auto
}

// touch counts a statement. One that broke a constraint has changed nothing.
func (t *sqliteTx) touch(query string, err error) {
	var refused sqlite3.Error
	if err == nil && reads(query) || errors.As(err, &refused) && refused.Code == sqlite3.ErrConstraint {
		return
	}
	t.touched++
}

// reads reports whether a statement changes nothing. It need not know all of those.
func reads(query string) bool {
	query = strings.TrimLeft(query, " \t\n")
	for _, word := range []string{"SELECT ", "SAVEPOINT ", "RELEASE ", "ROLLBACK TO "} {
		if len(query) > len(word) && strings.EqualFold(query[:len(word)], word) {
			return true
		}
	}
	return false
}

// ExecContext is that of sql.Tx.
func (t *sqliteTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if t.over {
		return nil, sql.ErrTxDone
	}
	res, err := t.conn.ExecContext(ctx, query, args...)
	t.touch(query, err)
	return res, err
}

// QueryContext is that of sql.Tx.
func (t *sqliteTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if t.over {
		return nil, sql.ErrTxDone
	}
	rows, err := t.conn.QueryContext(ctx, query, args...)
	t.touch(query, err)
	return rows, err
}

// QueryRowContext is that of sql.Tx; once the transaction is over the row says that
// the connection was given back.
func (t *sqliteTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	row := t.conn.QueryRowContext(ctx, query, args...)
	t.touch(query, row.Err())
	return row
}

// PrepareContext is that of sql.Tx.
func (t *sqliteTx) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if t.over {
		return nil, sql.ErrTxDone
	}
	t.touched++ // nobody sees when it runs
	return t.conn.PrepareContext(ctx, query)
}
