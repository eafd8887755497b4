package scratch

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/imports/sqldump"
)

// loading is the reading of one dump.
type loading struct {
	*Tables
	ctx     context.Context // of the one call
	file    imports.File
	options Options

	insert map[string]*sql.Stmt
	places map[string]*places
	counts map[string]int64 // rows by table
	// sources are where the dump has the tables that are taken over.
	sources []string
	tx      *sql.Tx
}

// places are where the wanted columns of a table stand in the rows of a dump.
type places struct {
	columns []string
	at      []int // -1 for a column that the dump does not have
	missing string
}

const (
	gzipMagic   = "\x1f\x8b"
	zstdMagic   = "\x28\xb5\x2f\xfd"
	sqliteMagic = "SQLite format 3\x00"
)

// unpacked is what a file holds, unpacked when it is compressed. Call end behind it.
func unpacked(in *bufio.Reader) (text *bufio.Reader, end func(), err error) {
	head, _ := in.Peek(len(zstdMagic)) // less in a short file
	switch {
	case strings.HasPrefix(string(head), gzipMagic):
		out, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, err
		}
		return bufio.NewReaderSize(out, 1<<20), func() {}, nil
	case string(head) == zstdMagic:
		out, err := imports.Zstd(in)
		if err != nil {
			return nil, nil, err
		}
		return bufio.NewReaderSize(out, 1<<20), func() { _ = out.Close() }, nil
	}
	return in, func() {}, nil
}

// foreign tells what a file is that is neither SQL nor SQLite's.
func foreign(text *bufio.Reader) error {
	head, _ := text.Peek(512) // less in a short file
	for _, f := range []struct {
		at    int
		magic string
		says  string
	}{
		{0, "PGDMP", "is in pg_dump's custom format: pg_restore --file=dump.sql makes SQL of it"},
		{257, "ustar", "is an archive of tar: unpack it; of pg_dump's, pg_restore --file=dump.sql makes SQL"},
		{0, "PK\x03\x04", "is a ZIP archive: unpack it"},
		{0, "BZh", "is compressed with bzip2: unpack it, or use gzip or zstd"},
		{0, "\xfd7zXZ\x00", "is compressed with xz: unpack it, or use gzip or zstd"},
		{0, gzipMagic, "is compressed twice: unpack it"},
		{0, zstdMagic, "is compressed twice: unpack it"},
		{0, "<?xml", "is XML: have mysqldump write SQL, without --xml"},
	} {
		if len(head) > f.at && strings.HasPrefix(string(head[f.at:]), f.magic) {
			return errors.New(f.says)
		}
	}
	return nil
}

func (l *loading) load() (err error) {
	in, err := l.file.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	if l.tx, err = l.BeginTx(l.ctx, nil); err != nil {
		return err
	}
	defer l.tx.Rollback() //nolint:errcheck // after Commit it does nothing
	l.insert, l.places = map[string]*sql.Stmt{}, map[string]*places{}
	sum := sha256.New()
	fmt.Fprintf(sum, "%d %d %q\n", l.options.Dialect, l.options.MaxRow, l.options.Source) // other rows are read by others
	buffered := bufio.NewReaderSize(io.TeeReader(in, sum), 1<<20)
	text, end, err := unpacked(buffered)
	if err != nil {
		return err
	}
	defer end()
	switch head, _ := text.Peek(len(sqliteMagic)); { // less in a short file
	case string(head) == sqliteMagic:
		l.Dialect = sqldump.SQLite
		err = l.sqlite(text)
	default:
		if err = foreign(text); err == nil {
			err = l.sql(text)
		}
	}
	if err != nil {
		return err
	}
	if len(l.sources) > 1 {
		return fmt.Errorf("it has tables of this system in %s: name one of them with --source, for they are not one database", strings.Join(l.sources, " and in "))
	}
	if _, err := io.Copy(io.Discard, buffered); err != nil { // behind the end of a compression
		return err
	}
	l.Digest = hex.EncodeToString(sum.Sum(nil))
	if err := l.tx.Commit(); err != nil {
		return err
	}
	return l.index(l.ctx)
}

// sql reads a dump in SQL.
func (l *loading) sql(in io.Reader) error {
	r := sqldump.NewReader(in, sqldump.Options{Dialect: l.options.Dialect, MaxRow: l.options.MaxRow, Wanted: l.wants, Made: l.made})
	for n := 0; ; n++ {
		if n%1000 == 0 {
			if err := l.ctx.Err(); err != nil {
				return err
			}
		}
		row, err := r.Next()
		l.Dialect = r.Dialect()
		var damage *sqldump.Damage
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &damage):
			l.damaged(damage)
		case err != nil:
			return err
		default:
			if err := l.row(row); err != nil {
				return fmt.Errorf("line %d: %w", row.Line, err)
			}
		}
	}
}

// made notes that a table is there, with rows or without.
func (l *loading) made(source, table string) {
	if l.wanted[table] != nil && l.isOf(source) {
		l.found[table] = true
	}
}

// isOf tells whether a source is the one that was asked for.
func (l *loading) isOf(source string) bool {
	asked := strings.ToLower(l.options.Source)
	return asked == "" || source == asked || strings.HasPrefix(source, asked+".") || strings.HasSuffix(source, "."+asked)
}

// wants tells whether the rows of a table are to be read. Of one that nobody knows it is
// noted that it is there.
func (l *loading) wants(source, table string) bool {
	if wanted := l.wanted[table]; wanted != nil {
		if !l.isOf(source) {
			return false
		}
		l.found[table] = true
		if wanted.LeftOut == "" && !slices.Contains(l.sources, source) && len(l.sources) < 10 {
			l.sources = append(l.sources, source)
		}
		return true
	}
	if !l.found[table] && len(l.found) < 1000 {
		l.found[table] = true
		l.Report.Note(imports.Finding{File: l.file.Name, Kind: "table", ID: table, Says: "the table " + table + " has no place here"})
	}
	return false
}

// damaged tells of damage, and where rows are missing with it.
func (l *loading) damaged(d *sqldump.Damage) {
	table := d.Table
	if l.wanted[table] == nil {
		table = ""
	}
	kind := table
	if kind == "" {
		kind = "dump"
	}
	l.Report.Refuse(imports.Finding{File: l.file.Name, Line: d.Line, Kind: kind, Says: d.Says})
	if !d.Lost {
		return
	}
	for name := range l.wanted {
		if table == "" || name == table || d.Rest && l.counts[name] == 0 {
			l.gaps[name] = append(l.gaps[name], Gap{After: l.counts[name], Line: d.Line})
		}
	}
}

func (l *loading) row(row sqldump.Row) error {
	table := l.wanted[row.Table]
	if table.LeftOut != "" {
		l.Report.LeaveOut(imports.Finding{File: l.file.Name, Line: row.Line, Kind: table.Name, Says: table.LeftOut})
		return nil
	}
	p := l.place(table, row.Columns)
	if p.missing != "" {
		l.damaged(&sqldump.Damage{Line: row.Line, Table: table.Name, Says: "the table has no column " + p.missing, Lost: true})
		return nil
	}
	values := make([]any, len(p.at)+1)
	values[0] = row.Line
	for i, at := range p.at {
		if at < 0 || row.Values[at].Null {
			continue
		}
		if v := row.Values[at]; !utf8.Valid(v.Text) { // an id may be text here and bytes there
			values[i+1] = v.Text
		} else {
			values[i+1] = string(v.Text)
		}
	}
	return l.add(table, values)
}

// place finds the wanted columns among those of a row.
func (l *loading) place(table *Table, columns []string) *places {
	if p := l.places[table.Name]; p != nil && slices.Equal(p.columns, columns) {
		return p
	}
	p := &places{columns: slices.Clone(columns)}
	for _, c := range table.Columns {
		at := slices.Index(columns, c)
		if at < 0 && slices.Contains(table.Needed, c) {
			p.missing = c
		}
		p.at = append(p.at, at)
	}
	l.places[table.Name] = p
	return p
}

func (l *loading) add(table *Table, values []any) error {
	stmt := l.insert[table.Name]
	if stmt == nil {
		var err error
		text := fmt.Sprintf("INSERT INTO %q (line, %s) VALUES (?%s)", table.Name, `"`+strings.Join(table.Columns, `", "`)+`"`, strings.Repeat(", ?", len(table.Columns)))
		if stmt, err = l.tx.PrepareContext(l.ctx, text); err != nil {
			return err
		}
		l.insert[table.Name] = stmt
	}
	l.counts[table.Name]++
	_, err := stmt.ExecContext(l.ctx, values...)
	return err
}

// sqlite reads a SQLite file. It is copied first: what reads it must be able to look
// anywhere, and the file may be compressed on its way or belong to somebody who writes.
func (l *loading) sqlite(in io.Reader) error {
	file, err := os.CreateTemp(l.options.Dir, "slipway-import-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = io.Copy(file, in)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	// immutable: a journal beside it is not looked for, and there is none.
	db, err := sql.Open("sqlite3", "file:"+escaped(file.Name())+"?mode=ro&immutable=1")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(l.ctx, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON"); err != nil {
		l.damaged(&sqldump.Damage{Says: "the SQLite file cannot be read: " + err.Error(), Lost: true})
		return nil
	}
	tables, err := texts(l.ctx, db, "SELECT lower(name) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid")
	if err != nil {
		l.damaged(&sqldump.Damage{Says: "the SQLite file cannot be read: " + err.Error(), Lost: true})
		return l.ctx.Err()
	}
	for _, name := range tables {
		if !l.wants("", name) {
			continue
		}
		if err := l.copyTable(db, l.wanted[name]); err != nil {
			return err
		}
	}
	return nil
}

// texts are the values of a query of one column.
func texts(ctx context.Context, db *sql.DB, query string, args ...any) (list []string, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}

// copyTable copies a table of a SQLite file. What cannot be read of it is damage.
func (l *loading) copyTable(db *sql.DB, table *Table) error {
	columns, err := texts(l.ctx, db, "SELECT lower(name) FROM pragma_table_info(?)", table.Name)
	if err == nil {
		var list []string
		for _, c := range columns {
			quoted := `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
			// As text the driver would make times of them; too long ones are not read at all.
			list = append(list, fmt.Sprintf("CASE WHEN octet_length(%[1]s) <= %[2]d THEN CAST(%[1]s AS BLOB) END, typeof(%[1]s) = 'blob', coalesce(octet_length(%[1]s), 0)", quoted, l.options.MaxRow))
		}
		err = l.copyRows(db, table, columns, "SELECT rowid, "+strings.Join(list, ", ")+fmt.Sprintf(" FROM %q ORDER BY rowid", table.Name))
	}
	var own *ownError
	if err == nil || errors.As(err, &own) || l.ctx.Err() != nil {
		return err
	}
	l.damaged(&sqldump.Damage{Table: table.Name, Says: "the SQLite file cannot be read on: " + err.Error(), Lost: true})
	return nil
}

// ownError is an error that is none of the file.
type ownError struct{ error }

// Unwrap returns the cause.
func (e *ownError) Unwrap() error { return e.error }

func (l *loading) copyRows(db *sql.DB, table *Table, columns []string, query string) error {
	rows, err := db.QueryContext(l.ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	row := sqldump.Row{Table: table.Name, Columns: columns, Values: make([]sqldump.Value, len(columns))}
	into := []any{&row.Line}
	raw, blob, sizes := make([]sql.RawBytes, len(columns)), make([]bool, len(columns)), make([]int, len(columns))
	for i := range columns {
		into = append(into, &raw[i], &blob[i], &sizes[i])
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		size := 0
		for i := range raw {
			row.Values[i] = sqldump.Value{Null: raw[i] == nil, Binary: blob[i], Text: raw[i]}
			size += sizes[i]
		}
		if size > l.options.MaxRow {
			l.damaged(&sqldump.Damage{Line: row.Line, Table: table.Name, Says: fmt.Sprintf("the row is larger than %d bytes", l.options.MaxRow), Lost: true})
			continue
		}
		if err := l.row(row); err != nil {
			return &ownError{err}
		}
	}
	return rows.Err()
}

// File is the dump at a path. through is called with it each time that it is opened.
func File(path, kind string, through func(io.Reader) io.Reader) (f imports.File, size int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return f, 0, err
	}
	if info.IsDir() {
		return f, 0, fmt.Errorf("%s is a directory, and the dump is one file", path)
	}
	for _, journal := range []string{"-wal", "-journal"} {
		if beside, err := os.Stat(path + journal); err == nil && beside.Size() > 0 {
			return f, 0, fmt.Errorf("%s%s holds what is not in %s yet: end what writes it, or import what sqlite3 %s .dump writes", path, journal, path, path)
		}
	}
	f = imports.File{Name: filepath.Base(path), Kind: kind, Open: func() (io.ReadCloser, error) {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		return opened{through(file), file}, nil
	}}
	return f, info.Size(), nil
}

// opened is a file with what reads it.
type opened struct {
	io.Reader
	file *os.File
}

// Close closes the file.
func (o opened) Close() error { return o.file.Close() }
