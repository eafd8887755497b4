package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// CopyRows adds n rows to a table of PostgreSQL, in a transaction, by COPY, which is
// the least work for the database. row returns the values of one, which it may change
// with the next. The error is that of the database.
func (s *Store) CopyRows(ctx context.Context, table string, columns []string, n int, row func(i int) []any) error {
	if s.tx == nil || s.tx.conn == nil {
		return errors.New("store: CopyRows outside a transaction of PostgreSQL")
	}
	return s.tx.conn.Raw(func(c any) error {
		conn, ok := c.(*stdlib.Conn)
		if !ok {
			return errors.New("store: no connection of PostgreSQL")
		}
		source := pgx.CopyFromSlice(n, func(i int) ([]any, error) { return row(i), nil })
		copied, err := conn.Conn().CopyFrom(context.WithoutCancel(ctx), pgx.Identifier{table}, columns, source)
		if err == nil && copied != int64(n) {
			err = fmt.Errorf("%d of %d rows copied", copied, n)
		}
		return err
	})
}
