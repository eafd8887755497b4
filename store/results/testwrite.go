package results

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// testRow is a test on its way into the tables.
type testRow struct {
	n           int64
	hash        []byte // of the name
	name        string
	status      TestStatus
	start, stop any // int64 or nil
	records     int64
	record      int64
	length      any // likewise
	file        int64
	flaky       bool
	tags        any // []byte or nil
	attachments any
	others      any
	details     any
	failure     string
}

// NameHash is what a test's name is found by.
func NameHash(name string) []byte { return tables.NameHash(name) }

// Prepared are tests in the form of their rows, ready to be inserted.
type Prepared struct{ rows []testRow }

// PrepareTests does for InsertPrepared what needs no transaction, so that the writer
// is held no longer than it must. ErrInvalid: a name is no UTF-8 or has U+0000 in it.
func (s *Store) PrepareTests(tests []Test) (*Prepared, error) {
	p := &Prepared{rows: make([]testRow, len(tests))}
	var hashes []byte
	for i := range tests {
		if err := p.rows[i].fill(&tests[i]); err != nil {
			return nil, err
		}
		hashes = tables.AppendNameHash(hashes, tests[i].Name)
	}
	size := len(hashes) / max(1, len(tests))
	for i := range p.rows {
		p.rows[i].hash = hashes[i*size : (i+1)*size : (i+1)*size]
	}
	return p, nil
}

// InsertTests adds tests to a result between BeginResult and PublishResult. It
// writes them in slices of its own transactions, so that other writes go
// between; an error may leave some of them written. Called with some thousand
// tests at a time it is fastest, and memory does not grow with the result.
//
// ErrConflict: the result is not being uploaded (any more), or has a test with
// the same N. ErrInvalid: a name is no UTF-8 or has U+0000 in it.
func (s *Store) InsertTests(ctx context.Context, key int64, tests []Test) error {
	p, err := s.PrepareTests(tests)
	if err != nil {
		return err
	}
	return s.InsertPrepared(ctx, key, p)
}

// InsertPrepared is InsertTests for tests that are prepared.
func (s *Store) InsertPrepared(ctx context.Context, key int64, p *Prepared) error {
	err := s.inSlices(ctx, key, p.rows, func(tx *Store, slice []testRow) error {
		if err := tx.holdNames(); err != nil {
			return err
		}
		names, err := tx.internNames(ctx, slice)
		if err != nil {
			return fmt.Errorf("names: %w", store.Translate(err))
		}
		if err := tx.insertRows(ctx, key, slice, names); err != nil {
			return store.Translate(err)
		}
		return store.Translate(tx.putFailures(key, slice))
	})
	if err != nil {
		return fmt.Errorf("insert tests of result %d: %w", key, err)
	}
	return nil
}

// UpdateTests replaces what is known about tests that were inserted before, by
// their N; a test id that appears again in the stream needs it. The name stays,
// and so do the other records; what the row has shown so far becomes one of them.
// An N may appear only once. ErrNotFound: there is no such N. The rest is as
// with InsertTests.
func (s *Store) UpdateTests(ctx context.Context, key int64, tests []Test) error {
	rows := make([]testRow, len(tests))
	for i := range tests {
		if err := rows[i].fill(&tests[i]); err != nil {
			return err
		}
	}
	err := s.inSlices(ctx, key, rows, func(tx *Store, slice []testRow) error {
		if err := tx.keepRecords(key, slice); err != nil {
			return store.Translate(err)
		}
		n, err := tx.updateRows(key, slice)
		if err == nil && n != int64(len(slice)) {
			err = fmt.Errorf("%d of %d tests: %w", int64(len(slice))-n, len(slice), store.ErrNotFound)
		}
		if err == nil {
			err = tx.putFailures(key, slice)
		}
		return store.Translate(err)
	})
	if err != nil {
		return fmt.Errorf("update tests of result %d: %w", key, err)
	}
	return nil
}

// The numbered form of parameters is the one that both databases read.
const setRecords = "UPDATE tests SET records = $1, flaky = $2 WHERE result_key = $3 AND n = $4"

// TestRecords is how many records of a stream told of one test, and whether an
// attempt before the last one failed.
type TestRecords struct {
	N, Records int64
	Flaky      bool
}

// SetTestRecords corrects the number of records of tests that were inserted
// before, and nothing else of them. Each N may appear only once; the rest is as
// with UpdateTests.
func (s *Store) SetTestRecords(ctx context.Context, key int64, records []TestRecords) error {
	for len(records) > 0 {
		slice := records[:min(len(records), s.db.Pace.Rows())]
		err := s.InTx(store.Patient(ctx), func(tx *Store) error {
			if err := tx.renewLease(key); err != nil {
				return err
			}
			for _, r := range slice {
				if _, err := tx.db.Exec(setRecords, r.Records, r.Flaky, key, r.N); err != nil {
					return store.Translate(err)
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("records of tests of result %d: %w", key, err)
		}
		records = records[len(slice):]
	}
	return nil
}

func (r *testRow) fill(t *Test) error {
	if !utf8.ValidString(t.Name) || strings.ContainsRune(t.Name, 0) {
		return fmt.Errorf("name of test %d: %w", t.N, store.ErrInvalid)
	}
	*r = testRow{n: t.N, name: t.Name, status: t.Status, records: t.Records, record: t.Record, flaky: t.Flaky, failure: t.Failure}
	r.fillRecord(t.Deciding())
	if b := encodeRecords(t.Others); b != nil {
		r.others = b
	}
	return nil
}

// fillRecord fills in what rows of both tables have.
func (r *testRow) fillRecord(from TestRecord) {
	if !from.Start.IsZero() {
		r.start = store.Micros(from.Start)
	}
	if !from.Stop.IsZero() {
		r.stop = store.Micros(from.Stop)
	}
	if from.HasDuration {
		r.length = from.Duration.Microseconds()
	}
	r.file = from.File
	if b := from.encodeDetails(); b != nil {
		r.details = b
	}
	if b := encodeTags(from.Tags); b != nil {
		r.tags = b
	}
	if b := encodeAttachments(from.Attachments); b != nil {
		r.attachments = b
	}
}

// inSlices writes rows in as many transactions as it takes to keep each short.
func (s *Store) inSlices(ctx context.Context, key int64, rows []testRow, write func(tx *Store, slice []testRow) error) error {
	for len(rows) > 0 {
		slice := rows[:min(len(rows), s.db.Pace.Rows())]
		var took time.Duration
		err := s.InTx(store.Patient(ctx), func(tx *Store) error {
			started := time.Now()
			defer func() { took = time.Since(started) }()
			if err := tx.renewLease(key); err != nil {
				return err
			}
			return write(tx, slice)
		})
		if err != nil {
			return err
		}
		s.db.Pace.Took(len(slice), took)
		rows = rows[len(slice):]
	}
	return nil
}

// Statements for many rows at a time: the cost of a statement is shared by its
// rows. The text of each shape is made once, because the driver finds a
// prepared statement by its text.
var updateShapes = newShapes("UPDATE tests SET status = v.column2, start_us = v.column3, stop_us = v.column4,"+
	" records = v.column5, record = v.column6, duration_us = v.column7, file = v.column8, flaky = v.column9,"+
	" tags = v.column10, attachments = v.column11, details = v.column12 FROM (VALUES ",
	"(?,?,?,?,?,?,?,?,?,?,?,?)", ") AS v WHERE result_key = ? AND n = v.column1")

// rare are the columns of tests that most formats leave as they are. What no row of a
// slice has is written into the statement: to bind it costs as much as to store it.
var rare = [...]struct {
	column, absent string
	of             func(r *testRow) any // nil when it is absent
}{
	{"duration_us", "NULL", func(r *testRow) any { return r.length }},
	{"file", "0", func(r *testRow) any { return unlessZero(r.file) }},
	{"flaky", "0", func(r *testRow) any { return unlessZero(r.flaky) }},
	{"tags", "NULL", func(r *testRow) any { return r.tags }},
	{"attachments", "NULL", func(r *testRow) any { return r.attachments }},
	{"others", "NULL", func(r *testRow) any { return r.others }},
	{"details", "NULL", func(r *testRow) any { return r.details }},
}

func unlessZero[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

// insertShapes are made when they are needed, for each set of rare columns.
var insertShapes [1 << len(rare)]atomic.Pointer[shapes]

func insertShape(set int) *shapes {
	if list := insertShapes[set].Load(); list != nil {
		return list
	}
	columns, row := "", "(?1,?,?,?,?,?,?,?"
	for i := range rare {
		columns += ", " + rare[i].column
		switch {
		case set&(1<<i) == 0:
			row += "," + rare[i].absent
		case rare[i].absent == "NULL":
			row += ",?"
		default:
			row += ",COALESCE(?," + rare[i].absent + ")"
		}
	}
	list := newShapes("INSERT INTO tests (result_key, n, name_id, status, start_us, stop_us, records, record"+columns+") VALUES ", row+")", "")
	insertShapes[set].Store(list)
	return list
}

// shapes is a statement for 64, 8 and 1 rows.
type shapes [3]struct {
	rows int
	sql  string
}

func newShapes(head, row, tail string) *shapes {
	var list shapes
	for i, n := range []int{64, 8, 1} {
		list[i].rows = n
		list[i].sql = head + strings.Repeat(row+",", n-1) + row + tail
	}
	return &list
}

// eachPart cuts rows into parts for which there is a statement.
func eachPart[T any](list *shapes, rows []T, run func(sql string, part []T) error) error {
	for _, shape := range list {
		for len(rows) >= shape.rows {
			if err := run(shape.sql, rows[:shape.rows]); err != nil {
				return err
			}
			rows = rows[shape.rows:]
		}
	}
	return nil
}

// insertRows inserts rows whose names have these numbers.
func (s *Store) insertRows(ctx context.Context, key int64, rows []testRow, names []int64) error {
	if s.db.Postgres {
		return s.pgInsertRows(ctx, key, rows, names)
	}
	set := 0
	for i := range rows {
		for k := range rare {
			if rare[k].of(&rows[i]) != nil {
				set |= 1 << k
			}
		}
	}
	args := make([]any, 0, 1+14*64)
	return eachPart(insertShape(set), rows, func(sql string, part []testRow) error {
		args = append(args[:0], key)
		for i := range part {
			r := &part[i]
			args = append(args, r.n, names[i], int64(r.status), r.start, r.stop, r.records, r.record)
			for k := range rare {
				if set&(1<<k) != 0 {
					args = append(args, rare[k].of(r))
				}
			}
		}
		names = names[len(part):]
		_, err := s.db.Exec(sql, args...)
		return err
	})
}

func (s *Store) updateRows(key int64, rows []testRow) (int64, error) {
	if s.db.Postgres {
		return s.pgUpdateRows(key, rows)
	}
	args := make([]any, 0, 12*64+1)
	updated := int64(0)
	err := eachPart(updateShapes, rows, func(sql string, part []testRow) error {
		args = args[:0]
		for i := range part {
			r := &part[i]
			args = append(args, r.n, int64(r.status), r.start, r.stop, r.records, r.record,
				r.length, r.file, r.flaky, r.tags, r.attachments, r.details)
		}
		res, err := s.db.Exec(sql, append(args, key)...)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		updated += n
		return err
	})
	return updated, err
}

// columns are rows turned by a quarter: PostgreSQL takes an array for each
// column, so one statement fits any number of rows.
type columns struct {
	n, records        []int64
	record            []int64
	hash              [][]byte
	name              []string
	status            []int16
	start, stop       []*int64
	length            []*int64
	file              []int64
	flaky             []bool
	tags, attachments [][]byte
	others, details   [][]byte
}

func newColumns(rows []testRow) *columns {
	c := &columns{}
	for i := range rows {
		r := &rows[i]
		c.n = append(c.n, r.n)
		c.records = append(c.records, r.records)
		c.hash = append(c.hash, r.hash)
		c.name = append(c.name, r.name)
		c.status = append(c.status, int16(r.status))
		c.start = append(c.start, optional(r.start))
		c.stop = append(c.stop, optional(r.stop))
		tags, _ := r.tags.([]byte)
		c.tags = append(c.tags, tags)
		attachments, _ := r.attachments.([]byte)
		c.attachments = append(c.attachments, attachments)
		others, _ := r.others.([]byte)
		c.others = append(c.others, others)
		c.record = append(c.record, r.record)
		c.length = append(c.length, optional(r.length))
		c.file = append(c.file, r.file)
		c.flaky = append(c.flaky, r.flaky)
		details, _ := r.details.([]byte)
		c.details = append(c.details, details)
	}
	return c
}

func optional(v any) *int64 {
	if n, ok := v.(int64); ok {
		return &n
	}
	return nil
}

var copiedColumns = []string{
	"result_key", "n", "name_id", "status", "start_us", "stop_us", "records", "record",
	"duration_us", "file", "flaky", "tags", "attachments", "others", "details",
}

func (s *Store) pgInsertRows(ctx context.Context, key int64, rows []testRow, names []int64) error {
	values := make([]any, len(copiedColumns))
	return s.CopyRows(ctx, "tests", copiedColumns, len(rows), func(i int) []any {
		r := &rows[i]
		return append(values[:0], key, r.n, names[i], int16(r.status), r.start, r.stop, r.records, r.record,
			r.length, r.file, r.flaky, r.tags, r.attachments, r.others, r.details)
	})
}

func (s *Store) pgUpdateRows(key int64, rows []testRow) (int64, error) {
	c := newColumns(rows)
	res, err := s.db.Exec(`UPDATE tests SET status = u.status, start_us = u.start_us, stop_us = u.stop_us,
			records = u.records, record = u.record, duration_us = u.duration_us, file = u.file, flaky = u.flaky,
			tags = u.tags, attachments = u.attachments, details = u.details
		FROM unnest($2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
				$8::bigint[], $9::bigint[], $10::boolean[], $11::bytea[], $12::bytea[], $13::bytea[])
			AS u (n, status, start_us, stop_us, records, record, duration_us, file, flaky, tags, attachments, details)
		WHERE tests.result_key = $1 AND tests.n = u.n`,
		key, c.n, c.status, c.start, c.stop, c.records, c.record, c.length, c.file, c.flaky, c.tags, c.attachments, c.details)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
