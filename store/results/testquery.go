package results

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

const (
	testFields = "t.n, m.name, t.status, t.start_us, t.stop_us, t.records, t.record, t.duration_us, t.file, t.flaky, t.tags, t.attachments, t.others, t.details"
	testSelect = "SELECT " + testFields + " FROM tests t JOIN test_names m ON m.id = t.name_id"
)

var testOrder = store.Order[Test]{
	Name: "tests",
	Keys: []store.SortKey{{Column: "t.n"}},
	At:   func(t *Test) []any { return []any{t.N} },
}

// durationOrder begins with the test that took the longest.
var durationOrder = store.Order[Test]{
	Name: "tests by duration",
	Keys: []store.SortKey{{Column: "COALESCE(t.duration_us, t.stop_us - t.start_us)", Desc: true, Null: true}, {Column: "t.n"}},
	At:   func(t *Test) []any { return []any{tookMicros(t), t.N} },
}

// tookMicros is what durationOrder sorts by; nil is unknown.
func tookMicros(t *Test) any {
	switch {
	case t.HasDuration:
		return t.Duration.Microseconds()
	case t.Start.IsZero() || t.Stop.IsZero():
		return nil
	}
	return store.Micros(t.Stop) - store.Micros(t.Start)
}

// outcomeRanks are the places of statuses in the order of attention, failures first.
var outcomeRanks = map[TestStatus]int64{TestFail: 0, TestUXSuccess: 0, TestInProgress: 1, TestUnknown: 1, TestExists: 2, TestSkip: 3, TestSuccess: 4, TestXFail: 4}

// outcomeOrder begins with tests that failed.
var outcomeOrder = store.Order[Test]{
	Name: "tests by outcome",
	Keys: []store.SortKey{{Column: rankColumn()}, {Column: "t.n"}},
	At:   func(t *Test) []any { return []any{outcomeRanks[t.Status], t.N} },
}

// rankColumn is outcomeRanks for the database.
func rankColumn() string {
	var b strings.Builder
	b.WriteString("CASE t.status")
	for _, status := range slices.Sorted(maps.Keys(outcomeRanks)) {
		fmt.Fprintf(&b, " WHEN %d THEN %d", status, outcomeRanks[status])
	}
	return b.String() + " ELSE 5 END"
}

// contains is the condition that a text has a part, byte for byte. LIKE would
// ignore case on SQLite and give % a meaning on both.
func (s *Store) contains(column, part string) tables.Condition {
	if s.db.Postgres {
		return tables.If("strpos("+column+", ?) > 0", part)
	}
	return tables.If("instr("+column+", ?) > 0", part)
}

func (s *Store) testConditions(f TestFilter) []tables.Condition {
	list := []tables.Condition{tables.If("t.result_key = ?", f.Result.Key)}
	if f.Status != nil {
		list = append(list, tables.If("t.status = ?", int64(*f.Status)))
	}
	if len(f.Statuses) > 0 {
		in := make([]any, len(f.Statuses))
		for i, status := range f.Statuses {
			in[i] = int64(status)
		}
		list = append(list, tables.If("t.status IN (?"+strings.Repeat(",?", len(in)-1)+")", in...))
	}
	if f.Q != "" {
		list = append(list, s.contains("m.name", f.Q))
	}
	return list
}

func (s *Store) countTests(ctx context.Context, f TestFilter) (total int64, more bool, err error) {
	switch {
	case f.Q != "" || f.Status != nil && len(f.Statuses) > 0:
	case f.Status != nil:
		return f.Result.Counts.Of(*f.Status), false, nil
	case len(f.Statuses) == 0:
		return f.Result.Tests, false, nil
	default:
		for _, status := range f.Statuses {
			total += f.Result.Counts.Of(status)
		}
		return total, false, nil
	}
	where := s.testConditions(f)
	var n int64
	query := fmt.Sprintf("SELECT COUNT(*) FROM (SELECT 1 FROM tests t JOIN test_names m ON m.id = t.name_id%s LIMIT %d) AS some_tests", tables.Where(where), store.CountLimit+1)
	err = s.db.Read(ctx).Raw(query, tables.Args(where)...).Scan(&n).Error
	total, more = store.Counted(n)
	return total, more, store.Translate(err)
}

// selectTests calls f with at most limit tests; a negative limit is none.
func (s *Store) selectTests(ctx context.Context, f TestFilter, limit int, visit func(*Test) error) error {
	where := s.testConditions(f)
	order := f.order()
	after, err := order.After(f.Page.After)
	switch {
	case err != nil:
		return err
	case after.SQL != "":
		where = append(where, after)
	case f.Page.Offset > 0 && !f.sorted():
		first, err := s.fromOffset(ctx, f)
		if err != nil {
			return err
		}
		where = append(where, first)
	}
	query := testSelect + tables.Where(where) + " ORDER BY " + order.Terms()
	if limit >= 0 {
		query += fmt.Sprintf(" LIMIT %d", limit)
	}
	if f.sorted() && f.Page.Offset > 0 {
		query += fmt.Sprintf(" OFFSET %d", f.Page.Offset)
	}
	return s.scanTests(ctx, query, tables.Args(where), visit)
}

// fromOffset finds the test on which the page begins: by its number, where the
// numbers tell. Else what is skipped is skipped in an index where that suffices,
// without reading rows and names.
func (s *Store) fromOffset(ctx context.Context, f TestFilter) (tables.Condition, error) {
	if f.Q == "" && len(f.Statuses) == 0 {
		n, ok, err := s.numberAt(ctx, f)
		if err != nil {
			return tables.Condition{}, err
		}
		if ok {
			return tables.If("t.n >= ?", n), nil
		}
	}
	where := s.testConditions(f)
	from := "tests t"
	if f.Q != "" {
		from += " JOIN test_names m ON m.id = t.name_id"
	}
	first := "SELECT t.n FROM " + from + tables.Where(where) + fmt.Sprintf(" ORDER BY t.n LIMIT 1 OFFSET %d", f.Page.Offset)
	return tables.If("t.n >= ("+first+")", tables.Args(where)...), nil
}

// fewOthers is how many tests of other statuses are read for a page.
const fewOthers = 10_000

// numberAt returns the number of the test at the offset of the page. ok is false when
// that cannot be told without counting. As a rule the numbers of a result have no
// gaps; of the tests of a status those are left out that have another one, when they
// are fewer than what would have to be counted.
func (s *Store) numberAt(ctx context.Context, f TestFilter) (n int64, ok bool, err error) {
	var low, high sql.NullInt64
	ends := "SELECT (SELECT MIN(n) FROM tests WHERE result_key = ?), (SELECT MAX(n) FROM tests WHERE result_key = ?)"
	if err := s.db.Read(ctx).Raw(ends, f.Result.Key, f.Result.Key).Row().Scan(&low, &high); err != nil {
		return 0, false, store.Translate(err)
	}
	n = low.Int64 + int64(f.Page.Offset)
	if !low.Valid || high.Int64-low.Int64+1 != f.Result.Tests {
		return 0, false, nil
	}
	if f.Status == nil {
		return n, true, nil
	}
	var statuses []int64
	others := int64(0)
	for status := range TestStatus(len(testStatusNames)) {
		if count := f.Result.Counts.Of(status); status != *f.Status && count > 0 {
			statuses, others = append(statuses, int64(status)), others+count
		}
	}
	if others > min(int64(f.Page.Offset), fewOthers) || others+f.Result.Counts.Of(*f.Status) != f.Result.Tests {
		return 0, false, nil
	}
	if others == 0 {
		return n, true, nil
	}
	var numbers []int64
	if err := s.db.Read(ctx).Raw("SELECT n FROM tests WHERE result_key = ? AND status IN ?", f.Result.Key, statuses).Scan(&numbers).Error; err != nil {
		return 0, false, store.Translate(err)
	}
	slices.Sort(numbers)
	for _, other := range numbers {
		if other > n {
			break
		}
		n++
	}
	return n, true, nil
}

func (s *Store) scanTests(ctx context.Context, query string, args []any, visit func(*Test) error) error {
	rows, err := s.db.Read(ctx).Raw(query, args...).Rows()
	if err != nil {
		return store.Translate(err)
	}
	defer rows.Close()
	for rows.Next() {
		var t Test
		if err := t.scan(rows); err != nil {
			return err
		}
		if err := visit(&t); err != nil {
			return err
		}
	}
	return store.Translate(rows.Err())
}

// scan reads testFields, which stand behind what goes into before.
func (t *Test) scan(rows *sql.Rows, before ...any) error {
	var start, stop, length sql.NullInt64
	var tags, attachments, others, details sql.RawBytes
	err := rows.Scan(append(before, &t.N, &t.Name, &t.Status, &start, &stop, &t.Records, &t.Record, &length, &t.File, &t.Flaky,
		&tags, &attachments, &others, &details)...)
	if err != nil {
		return store.Translate(err)
	}
	t.Start, t.Stop = timeOrZero(start), timeOrZero(stop)
	t.Length = lengthOf(length)
	if err = t.decodeDetails(details); err != nil {
		return fmt.Errorf("details of test %d: %w", t.N, err)
	}
	if t.Tags, err = decodeTags(tags); err != nil {
		return fmt.Errorf("tags of test %d: %w", t.N, err)
	}
	if t.Attachments, err = decodeAttachments(attachments); err != nil {
		return fmt.Errorf("attachments of test %d: %w", t.N, err)
	}
	if t.Others, err = decodeRecords(others, t.N); err != nil {
		return fmt.Errorf("records of test %d: %w", t.N, err)
	}
	return nil
}

func lengthOf(us sql.NullInt64) Length {
	return Length{Duration: time.Duration(us.Int64) * time.Microsecond, HasDuration: us.Valid}
}

func timeOrZero(us sql.NullInt64) time.Time {
	if !us.Valid {
		return time.Time{}
	}
	return store.FromMicros(us.Int64)
}
