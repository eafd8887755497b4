package scratch

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"

	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/imports/sqldump"
)

// Table is a table that somebody wants of a dump.
type Table struct {
	Name    string
	Columns []string // those that are wanted; what a dump does not have is NULL
	Needed  []string // those without which the rows are of no use
	Indexes []string // columns by which rows are found, each one index
	LeftOut string   // why nothing of the table is taken; its rows are only counted
}

// Options say how a dump is read.
type Options struct {
	Dir     string // for the database; empty is the computer's own
	MaxRow  int    // bytes of one row; 0 is sqldump.DefaultMaxRow
	Dialect sqldump.Dialect
	// Source is the database or the schema of the dump whose tables are read; empty: that
	// of all of them, which must be one.
	Source string
}

// Gap is a place in a table at which rows may be missing.
type Gap struct {
	After int64 // the row before it, by its seq
	Line  int64
}

// Tables are the tables of a dump. Each has the wanted columns as text, or as bytes where
// they are no UTF-8; seq, which counts the rows; and line, where a row stands in the dump
// (the number of the row in a SQLite file). There is one connection: close Rows before
// the next query.
type Tables struct {
	*sql.DB
	Digest  string // of the dump
	Dialect sqldump.Dialect
	// Report is what was found while reading: damage, and what is left out.
	Report *imports.Report

	wanted map[string]*Table
	found  map[string]bool
	gaps   map[string][]Gap
}

// Open reads the tables of a dump. Close gives them up.
func Open(ctx context.Context, f imports.File, tables []Table, o Options) (*Tables, error) {
	if o.MaxRow <= 0 {
		o.MaxRow = sqldump.DefaultMaxRow
	}
	t := &Tables{Report: &imports.Report{}, wanted: map[string]*Table{}, found: map[string]bool{}, gaps: map[string][]Gap{}}
	for i := range tables {
		t.wanted[tables[i].Name] = &tables[i]
	}
	if err := t.create(ctx, o.Dir, tables); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	l := &loading{Tables: t, ctx: ctx, file: f, options: o, counts: map[string]int64{}}
	if err := l.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", f.Name, err), t.Close())
	}
	return t, nil
}

// Close gives the tables up.
func (t *Tables) Close() error {
	if t.DB == nil {
		return nil
	}
	return t.DB.Close()
}

// create makes the database in a file that loses its name at once.
func (t *Tables) create(ctx context.Context, dir string, tables []Table) error {
	file, err := os.CreateTemp(dir, "slipway-import-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err := file.Close(); err != nil {
		return err
	}
	t.DB, err = sql.Open("sqlite3", "file:"+escaped(file.Name())+"?_journal_mode=OFF&_synchronous=OFF&_locking_mode=EXCLUSIVE")
	if err != nil {
		return err
	}
	t.SetMaxOpenConns(1)
	t.SetConnMaxLifetime(0)
	t.SetMaxIdleConns(1)
	for _, table := range tables {
		if table.LeftOut != "" {
			continue
		}
		columns := `"` + strings.Join(table.Columns, `", "`) + `"`
		if _, err := t.ExecContext(ctx, fmt.Sprintf("CREATE TABLE %q (seq INTEGER PRIMARY KEY, line INTEGER, %s)", table.Name, columns)); err != nil {
			return err
		}
	}
	return nil
}

// escaped is a path within a URI.
func escaped(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// index is made when the rows are there, which costs less.
func (t *Tables) index(ctx context.Context) error {
	for name, table := range t.wanted {
		for _, column := range table.Indexes {
			if _, err := t.ExecContext(ctx, fmt.Sprintf("CREATE INDEX %q ON %q (%s)", name+"_"+column, name, `"`+column+`"`)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Has reports whether the dump has a table, with rows or without.
func (t *Tables) Has(table string) bool { return t.found[table] }

// Whole reports whether the table is there with all its rows.
func (t *Tables) Whole(table string) bool { return t.found[table] && len(t.gaps[table]) == 0 }

// GapNear is a gap within some rows of those from first to last, nil for none.
func (t *Tables) GapNear(table string, first, last, rows int64) *Gap {
	gaps := t.gaps[table]
	i := slices.IndexFunc(gaps, func(g Gap) bool { return g.After >= first-rows && g.After <= last+rows })
	if i < 0 {
		return nil
	}
	return &gaps[i]
}

// Scan reads the columns of a row.
type Scan func(into ...any) error

// Each calls f with every row of a query. There is one connection: f must not ask for
// anything else.
func (t *Tables) Each(ctx context.Context, query string, args []any, f func(scan Scan) error) error {
	rows, err := t.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Numbers are the values of a query of one column of numbers.
func (t *Tables) Numbers(ctx context.Context, query string) (list []int64, err error) {
	err = t.Each(ctx, query, nil, func(scan Scan) error {
		var n int64
		err := scan(&n)
		list = append(list, n)
		return err
	})
	return list, err
}

// Bytes are those of a column of bytes. PostgreSQL writes them as text, in hexadecimal
// digits, or with \ and three octal ones where a byte is no character of ASCII (its
// setting bytea_output).
func (t *Tables) Bytes(value []byte) []byte {
	if t.Dialect != sqldump.PostgreSQL {
		return value
	}
	if !bytes.HasPrefix(value, []byte(`\x`)) {
		return unescaped(value)
	}
	raw := make([]byte, hex.DecodedLen(len(value)-2))
	if _, err := hex.Decode(raw, value[2:]); err != nil {
		return value
	}
	return raw
}

// unescaped reads bytes as bytea_output = escape writes them. What is not written so
// stays.
func unescaped(value []byte) []byte {
	var raw []byte
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c == '\\' {
			rest := value[i+1:]
			switch n, err := strconv.ParseUint(string(rest[:min(3, len(rest))]), 8, 8); {
			case bytes.HasPrefix(rest, []byte{'\\'}):
				i++
			case len(rest) >= 3 && err == nil:
				c = byte(n)
				i += 3
			default:
				return value
			}
		}
		raw = append(raw, c)
	}
	return raw
}
