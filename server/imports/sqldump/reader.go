package sqldump

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Dialect is how a dump writes its texts.
type Dialect int

// The dialects. Unknown asks the reader to find it out.
const (
	Unknown Dialect = iota
	MySQL
	PostgreSQL
	SQLite
)

// String names the dialect.
func (d Dialect) String() string {
	return [...]string{"an unknown database", "MySQL", "PostgreSQL", "SQLite"}[d]
}

// DefaultMaxRow is the most bytes of one row, unless Options say otherwise.
const DefaultMaxRow = 64 << 20

// Options say how a dump is read.
type Options struct {
	// Dialect is that of a dump that does not show its own; Unknown is MySQL.
	Dialect Dialect
	// MaxRow is the most bytes of the values of one row; 0 is DefaultMaxRow.
	MaxRow int
	// Wanted tells whether anybody wants the rows of a table; nil wants all. Of other
	// tables no row is handed out. The source is the database or the schema in which the
	// dump has the table, empty when it names none.
	Wanted func(source, table string) bool
	// Made is told of each table that the dump makes, also of one without rows; nil is not.
	Made func(source, table string)
}

// Value is one value of a row.
type Value struct {
	Null bool
	// Binary says that the dump wrote bytes, not text: x'00', 0x00, _binary '…'.
	Binary bool
	Text   []byte
}

// Row is a row of a table. It is good until the next one is asked for.
type Row struct {
	Line    int64 // where it begins, from 1
	Table   string
	Columns []string // as many as Values, in lower case
	Values  []Value
}

// Damage is what is there in the place of a row, or of many.
type Damage struct {
	Line  int64
	Table string // of which rows were read; empty when none were
	Says  string
	// Lost says that rows may be missing that nobody can name.
	Lost bool
	// Rest says that everything is missing that would have come behind it.
	Rest bool
}

// Error tells what is wrong, without the line.
func (d *Damage) Error() string { return d.Says }

// Reader reads a dump.
type Reader struct {
	in      *bufio.Reader
	dialect Dialect
	options Options

	line    int64
	start   bool // at the beginning of a line
	err     error
	begun   bool
	latin1  bool
	escapes bool // a backslash in a plain text escapes

	database  string // of USE and \connect
	schema    string // of SET search_path
	qualifier string // of the name that was read last
	charset   error  // that of the texts is not known; not told yet

	tables map[string][]string // columns by source and table
	table  string              // of the rows that are read
	seen   string              // the last table that rows were read of
	wanted bool
	cols   []string
	copied bool // the rows are those of COPY
	rows   bool // rows are being read

	arena  []byte
	spans  []span
	values []Value
	large  bool
	ended  endMarks
}

// span is a value in the arena.
type span struct {
	from, to     int
	null, binary bool
}

// endMarks are what programs write around a dump, so that one that was cut is known.
type endMarks struct {
	tool  string // whose mark stood at the beginning
	whole bool
}

const (
	readerBuffer = 256 << 10
	mostColumns  = 4096
	mostTables   = 10_000
)

var errUTF16 = errors.New("the dump is UTF-16, as a shell of Windows writes it: convert it to UTF-8")

// NewReader returns a reader of a dump that is not compressed.
func NewReader(in io.Reader, o Options) *Reader {
	if o.MaxRow <= 0 {
		o.MaxRow = DefaultMaxRow
	}
	if o.Dialect == Unknown {
		o.Dialect = MySQL
	}
	if o.Wanted == nil {
		o.Wanted = func(string, string) bool { return true }
	}
	if o.Made == nil {
		o.Made = func(string, string) {}
	}
	return &Reader{in: bufio.NewReaderSize(in, readerBuffer), options: o, line: 1, start: true, tables: map[string][]string{}}
}

// Dialect is that of the dump, known once Next was called.
func (r *Reader) Dialect() Dialect { return r.dialect }

// marks are what the beginning of a dump is known by.
var marks = []struct {
	text    string
	dialect Dialect
}{
	{"-- MySQL dump", MySQL}, {"-- MariaDB dump", MySQL}, {"/*!40", MySQL}, {"/*M!", MySQL}, {"-- phpMyAdmin", MySQL},
	{"PostgreSQL database dump", PostgreSQL}, {"SET standard_conforming_strings", PostgreSQL}, {"SELECT pg_catalog.", PostgreSQL},
	{"PRAGMA foreign_keys", SQLite}, {"BEGIN TRANSACTION;", SQLite}, {"INSERT INTO `", MySQL}, {"CREATE TABLE `", MySQL},
	{" FROM stdin;", PostgreSQL},
}

// begin looks at the beginning of the dump.
func (r *Reader) begin() error {
	r.begun = true
	head, err := r.in.Peek(64 << 10)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return err
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		r.in.Reset(strings.NewReader(""))
		r.ended.whole = true // it is said
		return &Damage{Line: 1, Says: errUTF16.Error(), Lost: true}
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, _ = r.in.Discard(3) // it was peeked
	}
	r.dialect = r.options.Dialect
	first := len(head)
	for _, m := range marks {
		if at := bytes.Index(head, []byte(m.text)); at >= 0 && at < first {
			first, r.dialect = at, m.dialect
		}
	}
	r.escapes = r.dialect == MySQL
	return nil
}

// Next returns the next row. io.EOF is the end, a *Damage is what stands in the place of
// a row, and any other error is that of reading.
func (r *Reader) Next() (Row, error) {
	if !r.begun {
		if err := r.begin(); err != nil {
			return Row{}, err
		}
	}
	for {
		row, ok, err := r.step()
		if err != nil || ok {
			return row, err
		}
	}
}

// step reads a row, or passes over something that is none.
func (r *Reader) step() (row Row, ok bool, err error) {
	switch {
	case r.charset != nil:
		err, r.charset = r.charset, nil
		return Row{}, false, err
	case r.rows && r.copied:
		return r.copyRow()
	case r.rows:
		return r.tuple()
	}
	return Row{}, false, r.statement()
}

// read returns the next byte; false at the end, and when reading fails.
func (r *Reader) read() (byte, bool) {
	c, err := r.in.ReadByte()
	if err != nil {
		if r.err == nil {
			r.err = err
		}
		return 0, false
	}
	if r.start = c == '\n'; r.start {
		r.line++
	}
	return c, true
}

// peek returns the next byte without reading it, 0 at the end.
func (r *Reader) peek() byte {
	head, err := r.in.Peek(1)
	if err != nil {
		return 0
	}
	return head[0]
}

// ahead reports whether the text stands next.
func (r *Reader) ahead(text string) bool {
	head, _ := r.in.Peek(len(text)) // less at the end
	return string(head) == text
}

// over is the error of a file in the midst of which there is nothing more.
func (r *Reader) over(what string) error {
	if err := r.failure(); err != nil {
		return err
	}
	r.rows = false
	d := &Damage{Line: r.line, Table: r.table, Says: "the file ends within " + what, Lost: true, Rest: true}
	r.ended.whole = true // it is said
	return d
}

// failure is why nothing more can be read, nil for the end of the file, also for one
// that comes too early for its compression.
func (r *Reader) failure() error {
	if r.err == nil || errors.Is(r.err, io.EOF) || errors.Is(r.err, io.ErrUnexpectedEOF) {
		return nil
	}
	return r.err
}

// end is what Next says when the file ends between two statements.
func (r *Reader) end() error {
	if err := r.failure(); err != nil {
		return err
	}
	cut := errors.Is(r.err, io.ErrUnexpectedEOF)
	r.err = io.EOF
	if r.ended.whole || !cut && r.ended.tool == "" {
		return io.EOF
	}
	r.ended.whole = true
	says := "the file is cut: it ends before its compression does"
	if !cut {
		says = fmt.Sprintf("the file is cut: it begins as %s writes it, and lacks the line at the end", r.ended.tool)
	}
	return &Damage{Line: r.line, Table: r.seen, Says: says, Lost: true, Rest: true}
}

// broken is damage that ends a statement. What comes next is a line that begins like a
// statement, or like a row where texts have no line breaks.
func (r *Reader) broken(line int64, format string, args ...any) error {
	d := &Damage{Line: line, Table: r.table, Says: fmt.Sprintf(format, args...), Lost: true}
	r.resume()
	return d
}

// beginnings are how lines begin that are a dump's own.
var beginnings = []string{
	"INSERT ", "REPLACE ", "COPY ", "CREATE ", "DROP ", "ALTER ", "LOCK ", "UNLOCK ", "SET ", "SELECT ", "COMMIT", "PRAGMA ",
	"DELIMITER ", "USE ", `\connect `, "--", "/*",
}

// resume passes over everything up to a line that begins like a statement.
func (r *Reader) resume() {
	for {
		for !r.start {
			if _, ok := r.read(); !ok {
				r.rows = false
				return
			}
		}
		// Where texts have no line breaks, a line that begins with a bracket is a row.
		if r.rows && !r.copied && r.dialect == MySQL && r.peek() == '(' {
			return
		}
		for _, b := range beginnings {
			if r.ahead(b) {
				r.rows = false
				return
			}
		}
		if _, ok := r.read(); !ok {
			r.rows = false
			return
		}
	}
}

// known are the columns of a table; nil when nobody said them.
func (r *Reader) known(source, table string) []string { return r.tables[source+"."+table] }

// source is where a table is whose name was just read.
func (r *Reader) source() string {
	within := r.qualifier
	if within == "" {
		within = r.schema
	}
	switch {
	case within == "":
		return r.database
	case r.database == "" || r.dialect == MySQL: // there a schema is a database
		return within
	}
	return r.database + "." + within
}

func fold(name []byte) string { return strings.ToLower(string(name)) }
