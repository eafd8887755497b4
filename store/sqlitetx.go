package store

import (
	"context"
	"database/sql"
	"database/sql/driver"

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
	conn *sql.Conn
	over bool
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
	if err != nil {
		_ = t.conn.Raw(func(c any) error {
			if own, ok := c.(*sqlite3.SQLiteConn); ok && own.AutoCommit() {
				return nil // SQLite had ended the transaction
			}
			return driver.ErrBadConn
		})
	}
	_ = t.conn.Close()
	return err
}

// ExecContext is that of sql.Tx.
func (t *sqliteTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if t.over {
		return nil, sql.ErrTxDone
	}
	return t.conn.ExecContext(ctx, query, args...)
}

// QueryContext is that of sql.Tx.
func (t *sqliteTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if t.over {
		return nil, sql.ErrTxDone
	}
	return t.conn.QueryContext(ctx, query, args...)
}

// QueryRowContext is that of sql.Tx; once the transaction is over the row says that
// the connection was given back.
func (t *sqliteTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return t.conn.QueryRowContext(ctx, query, args...)
}

// PrepareContext is that of sql.Tx.
func (t *sqliteTx) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if t.over {
		return nil, sql.ErrTxDone
	}
	return t.conn.PrepareContext(ctx, query)
}
