package store

import (
	"context"
	"errors"
)

// What the tests in package store_test see of the inside.

// Models are the tables that every area writes.
func Models() []any { return own.Models }

// PageTest reads a table (a bigint null, b text, c bigint) in the given order
// (true is descending) page by page, and returns the values of c.
func PageTest(ctx context.Context, s *Store, descA, descB, descC bool, limit int) ([]int64, error) {
	type row struct {
		A *int64
		B string
		C int64
	}
	o := Order[row]{
		Name: "page test",
		Keys: []SortKey{{Column: "a", Desc: descA, Null: true}, {Column: "b", Desc: descB, Text: true}, {Column: "c", Desc: descC}},
		At: func(r *row) []any {
			if r.A == nil {
				return []any{nil, r.B, r.C}
			}
			return []any{*r.A, r.B, r.C}
		},
	}
	var all []int64
	page := Page{Limit: limit}
	for {
		list, err := o.Page(s.db.Read(ctx).Table("page_test"), page)
		if err != nil {
			return nil, err
		}
		for _, r := range list.Items {
			all = append(all, r.C)
		}
		if page.After = list.Next; page.After == "" {
			return all, nil
		}
	}
}

// Exec runs one statement in a transaction.
func Exec(ctx context.Context, s *Store, query string, args ...any) error {
	return s.InTx(ctx, func(tx *Store) error { return Translate(tx.db.Tx.Exec(query, args...).Error) })
}

// BeginWithEvent begins a transaction on PostgreSQL that has written an event, and
// returns what ends it.
func BeginWithEvent(ctx context.Context, s *Store, e Event) (end func(commit bool), err error) {
	tx, err := sqlDB(s.core.write).BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	state := &txState{sql: tx}
	if err := s.within(ctx, state).writeEvents([]Event{e}); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return func(commit bool) {
		if commit {
			_ = tx.Commit()
			return
		}
		_ = tx.Rollback()
	}, nil
}

// Columns returns the name, type and nullability of a table's columns.
func Columns(ctx context.Context, s *Store, table string) (map[string]Column, error) {
	types, err := s.core.reads.WithContext(ctx).Migrator().ColumnTypes(table)
	if err != nil {
		return nil, err
	}
	columns := map[string]Column{}
	for _, t := range types {
		null, _ := t.Nullable()
		columns[t.Name()] = Column{Type: t.DatabaseTypeName(), Null: null}
	}
	return columns, nil
}

// Tables returns the names of the tables.
func Tables(ctx context.Context, s *Store) ([]string, error) {
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if s.db.Postgres {
		query = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
	}
	var list []string
	err := s.db.Read(ctx).Raw(query).Scan(&list).Error
	return list, err
}

// Column is what the database says about one.
type Column struct {
	Type string
	Null bool
}

// Indexes returns the definitions of all indexes, sorted.
func Indexes(ctx context.Context, s *Store) ([]string, error) {
	query := "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY sql"
	if s.db.Postgres {
		query = "SELECT replace(indexdef, current_schema() || '.', '') FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1"
	}
	var list []string
	err := s.db.Read(ctx).Raw(query).Scan(&list).Error
	return list, err
}

// ReadsStandby reports whether reads of ctx go to a standby.
func ReadsStandby(ctx context.Context, s *Store) (bool, error) {
	var standby bool
	err := s.db.Read(ctx).Raw("SELECT pg_is_in_recovery()").Row().Scan(&standby)
	return standby, err
}

// Explain runs a query and returns the lines of how PostgreSQL went about it.
func Explain(ctx context.Context, s *Store, query string, args ...any) ([]string, error) {
	var lines []string
	err := s.db.Read(ctx).Raw("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) "+query, args...).Scan(&lines).Error
	return lines, err
}
