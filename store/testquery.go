package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

const (
	testFields = "t.n, m.name, t.status, t.start_us, t.stop_us, t.records, t.tags, t.attachments"
	testSelect = "SELECT " + testFields + " FROM tests t JOIN test_names m ON m.id = t.name_id"
)

var testOrder = order[Test]{
	name: "tests",
	keys: []sortKey{{column: "t.n"}},
	at:   func(t *Test) []any { return []any{t.N} },
}

// condition is one part of a WHERE.
type condition struct {
	sql  string
	args []any
}

func and(list []condition) string {
	parts := make([]string, len(list))
	for i, c := range list {
		parts[i] = c.sql
	}
	return " WHERE " + strings.Join(parts, " AND ")
}

func args(list []condition) []any {
	var all []any
	for _, c := range list {
		all = append(all, c.args...)
	}
	return all
}

// contains is the condition that a text has a part, byte for byte. LIKE would
// ignore case on SQLite and give % a meaning on both.
func (s *Store) contains(column, part string) condition {
	if s.onPostgres() {
		return condition{"strpos(" + column + ", ?) > 0", []any{part}}
	}
	return condition{"instr(" + column + ", ?) > 0", []any{part}}
}

func (s *Store) testConditions(f TestFilter) []condition {
	list := []condition{{"t.result_key = ?", []any{f.Result.Key}}}
	if f.Status != nil {
		list = append(list, condition{"t.status = ?", []any{int64(*f.Status)}})
	}
	if f.Q != "" {
		list = append(list, s.contains("m.name", f.Q))
	}
	return list
}

func (s *Store) countTests(ctx context.Context, f TestFilter) (int64, error) {
	if f.Q == "" {
		if f.Status == nil {
			return f.Result.Tests, nil
		}
		return f.Result.Counts.Of(*f.Status), nil
	}
	where := s.testConditions(f)
	var n int64
	query := "SELECT COUNT(*) FROM tests t JOIN test_names m ON m.id = t.name_id" + and(where)
	err := s.read(ctx).Raw(query, args(where)...).Scan(&n).Error
	return n, translate(err)
}

// selectTests calls f with at most limit tests; a negative limit is none.
func (s *Store) selectTests(ctx context.Context, f TestFilter, limit int, each func(*Test) error) error {
	where := s.testConditions(f)
	after, err := testOrder.after(f.Page.After)
	switch {
	case err != nil:
		return err
	case after.sql != "":
		where = append(where, after)
	case f.Page.Offset > 0:
		where = append(where, s.fromOffset(f))
	}
	query := testSelect + and(where) + " ORDER BY " + testOrder.terms()
	if limit >= 0 {
		query += fmt.Sprintf(" LIMIT %d", limit)
	}
	return s.scanTests(ctx, query, args(where), each)
}

// fromOffset finds the test on which the page begins. What is skipped is
// skipped in an index where that suffices, without reading rows and names.
func (s *Store) fromOffset(f TestFilter) condition {
	where := s.testConditions(f)
	from := "tests t"
	if f.Q != "" {
		from += " JOIN test_names m ON m.id = t.name_id"
	}
	first := "SELECT t.n FROM " + from + and(where) + fmt.Sprintf(" ORDER BY t.n LIMIT 1 OFFSET %d", f.Page.Offset)
	return condition{"t.n >= (" + first + ")", args(where)}
}

func (s *Store) scanTests(ctx context.Context, query string, args []any, each func(*Test) error) error {
	rows, err := s.read(ctx).Raw(query, args...).Rows()
	if err != nil {
		return translate(err)
	}
	defer rows.Close()
	for rows.Next() {
		var t Test
		if err := t.scan(rows); err != nil {
			return err
		}
		if err := each(&t); err != nil {
			return err
		}
	}
	return translate(rows.Err())
}

// scan reads testFields, which stand behind what goes into before.
func (t *Test) scan(rows *sql.Rows, before ...any) error {
	var start, stop sql.NullInt64
	var tags, attachments sql.RawBytes
	err := rows.Scan(append(before, &t.N, &t.Name, &t.Status, &start, &stop, &t.Records, &tags, &attachments)...)
	if err != nil {
		return translate(err)
	}
	t.Start, t.Stop = timeOrZero(start), timeOrZero(stop)
	if t.Tags, err = decodeTags(tags); err != nil {
		return fmt.Errorf("tags of test %d: %w", t.N, err)
	}
	if t.Attachments, err = decodeAttachments(attachments); err != nil {
		return fmt.Errorf("attachments of test %d: %w", t.N, err)
	}
	return nil
}

func timeOrZero(us sql.NullInt64) time.Time {
	if !us.Valid {
		return time.Time{}
	}
	return FromMicros(us.Int64)
}
