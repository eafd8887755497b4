package search

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// Results know how many of their tests have which status. So a question that is only
// about statuses is answered upload by upload: one without such tests is passed over,
// and of one with many the last are read from an index, without sorting all.

const (
	// uploadsAtOnce is how many uploads are listed at once.
	uploadsAtOnce = 64

	// fewTogether is how many tests of small uploads may be sorted together.
	fewTogether = 400
)

// walk says which tests of uploads are wanted.
type walk struct {
	statuses []results.TestStatus // nil: all
	count    string               // how many an upload has, as SQL
	any      tables.Condition     // that it has any
}

// countColumns are the counts of a result r by status.
var countColumns = map[results.TestStatus]string{
	results.TestUnknown: "r.count_unknown", results.TestExists: "r.count_exists", results.TestInProgress: "r.count_inprogress",
	results.TestSuccess: "r.count_success", results.TestUXSuccess: "r.count_uxsuccess", results.TestSkip: "r.count_skip",
	results.TestFail: "r.count_fail", results.TestXFail: "r.count_xfail",
}

// countIndexes are the indexes of uploads that have tests of two statuses.
var countIndexes = []struct {
	name, where string
	statuses    []results.TestStatus
}{
	{"results_failing", "r.count_fail + r.count_uxsuccess > 0", []results.TestStatus{results.TestFail, results.TestUXSuccess}},
	{"results_hanging", "r.count_inprogress + r.count_unknown > 0", []results.TestStatus{results.TestInProgress, results.TestUnknown}},
}

// walkOf returns how the uploads of a source are walked to answer the conditions,
// nil when they ask something else of tests than their status. The conditions on
// uploads are added to p.
func (s *Store) walkOf(src *testSource, p *testPlan, list []testCondition) *walk {
	if src.on == "" || p.named {
		return nil
	}
	w := &walk{count: "r.tests"}
	for _, c := range list {
		if c.test && (c.statuses == nil || w.statuses != nil) {
			return nil
		}
		if c.test {
			w.statuses = c.statuses
		}
	}
	for _, c := range list {
		if !c.test {
			p.upload = append(p.upload, c.Condition)
		}
	}
	var counts []string
	for _, status := range w.statuses {
		counts = append(counts, countColumns[status])
	}
	if counts != nil {
		w.count = strings.Join(counts, " + ")
	}
	w.any = tables.If(w.count + " > 0")
	for _, index := range countIndexes {
		others := slices.DeleteFunc(slices.Clone(w.statuses), func(st results.TestStatus) bool { return slices.Contains(index.statuses, st) })
		if src.source == RunSource && !p.direct && counts != nil && len(others) == 0 {
			p.upload = append(p.upload, w.any, tables.If(index.where))
			if !s.db.Postgres { // without statistics SQLite takes one index for as good as another
				p.uploads = strings.Replace(p.uploads, "results r", "results r INDEXED BY "+index.name, 1)
			}
		}
	}
	return w
}

// walkedUpload is one upload with as many tests that are wanted.
type walkedUpload struct{ at, key, tests int64 }

// walkTests returns at most limit tests after the cursor, of the uploads down to the
// bottom; nil is the end.
func (s *Store) walkTests(ctx context.Context, src *testSource, p *testPlan, cursor, bottom *testCursor, limit int) ([]TestResult, error) {
	bounds := append(src.uploadsBefore(cursor), src.since(bottom)...)
	var found []TestResult
	for len(found) < limit {
		uploads, err := s.listUploads(ctx, src, p, bounds)
		if err != nil {
			return nil, err
		}
		for rest := uploads; len(rest) > 0 && len(found) < limit; {
			n, tests := 1, rest[0].tests
			for n < len(rest) && tests+rest[n].tests <= fewTogether && tests < int64(limit-len(found)) {
				tests += rest[n].tests
				n++
			}
			more, err := s.testsOf(ctx, src, p.walk, rest[:n], cursor, limit-len(found))
			if err != nil {
				return nil, err
			}
			found, rest = append(found, more...), rest[n:]
		}
		if len(uploads) < uploadsAtOnce {
			break
		}
		last := uploads[len(uploads)-1]
		bounds = append([]tables.Condition{tables.If(src.at+" <= ?", last.at), tables.If("("+src.at+", "+src.key+") < (?, ?)", last.at, last.key)},
			src.since(bottom)...)
	}
	return found, nil
}

// listUploads returns some uploads that have tests that are wanted, the newest first.
func (s *Store) listUploads(ctx context.Context, src *testSource, p *testPlan, bounds []tables.Condition) ([]walkedUpload, error) {
	where := slices.Concat(src.base, src.seen, p.upload, []tables.Condition{p.walk.any}, bounds)
	order := src.at
	if p.direct && !s.db.Postgres {
		order = "+" + order // they are few: to sort them is better than to look through all
	}
	query := "SELECT " + src.at + ", " + src.key + ", " + p.walk.count + " FROM " + p.uploads + tables.Where(where) +
		fmt.Sprintf(" ORDER BY %s DESC, %s DESC LIMIT %d", order, src.key, uploadsAtOnce)
	rows, err := s.db.Read(ctx).Raw(query, tables.Args(where)...).Rows()
	if err != nil {
		return nil, store.Translate(err)
	}
	defer rows.Close()
	var list []walkedUpload
	for rows.Next() {
		var u walkedUpload
		if err := rows.Scan(&u.at, &u.key, &u.tests); err != nil {
			return nil, store.Translate(err)
		}
		list = append(list, u)
	}
	return list, store.Translate(rows.Err())
}

// testsOf returns the tests of uploads, in order. Several uploads have few tests
// together.
func (s *Store) testsOf(ctx context.Context, src *testSource, w *walk, uploads []walkedUpload, cursor *testCursor, limit int) ([]TestResult, error) {
	var tests string
	var args []any
	if len(uploads) == 1 {
		tests, args = s.lastOf(w, src, uploads[0].key, cursor, limit)
	} else {
		tests, args = s.allOf(w, uploads)
	}
	where := append(src.before(cursor), tables.If(src.on))
	if len(uploads) == 1 {
		where = append(where, tables.If(src.key+" = ?", uploads[0].key))
	}
	query := "SELECT " + src.columns + " FROM " + strings.Replace(src.byName, "tests t", "("+tests+") t", 1) + tables.Where(where) +
		fmt.Sprintf(" ORDER BY %s DESC, %s DESC, %s DESC LIMIT %d", src.at, src.key, src.n, limit)
	return s.readTests(ctx, src, query, append(args, tables.Args(where)...))
}

const walkedFields = "SELECT result_key, n, name_id, status, start_us, stop_us, duration_us, file, flaky, details FROM tests"

// lastOf is a query for the last tests of one upload, each status from its index:
// were the status equal to something, the databases could as well read all tests of the
// upload backwards.
func (s *Store) lastOf(w *walk, src *testSource, key int64, cursor *testCursor, limit int) (string, []any) {
	before := int64(math.MaxInt64)
	if cursor != nil && cursor.source == src.source && cursor.key == key && cursor.n >= 0 {
		before = cursor.n
	}
	last := fmt.Sprintf(" LIMIT %d", limit)
	if w.statuses == nil {
		return walkedFields + " WHERE result_key = ? AND n < ? ORDER BY n DESC" + last, []any{key, before}
	}
	from := walkedFields
	if !s.db.Postgres {
		from += " INDEXED BY tests_status"
	}
	var parts []string
	var args []any
	for i, status := range w.statuses {
		parts = append(parts, fmt.Sprintf("SELECT * FROM (%s WHERE result_key = ? AND status >= ? AND (status, n) < (?, ?) ORDER BY status DESC, n DESC%s) AS s%d", from, last, i))
		args = append(args, key, int64(status), int64(status), before)
	}
	return strings.Join(parts, " UNION ALL "), args
}

// allOf is a query for all tests that are wanted of small uploads.
func (s *Store) allOf(w *walk, uploads []walkedUpload) (string, []any) {
	args := make([]any, 0, len(uploads))
	for _, u := range uploads {
		args = append(args, u.key)
	}
	if w.statuses == nil {
		return walkedFields + " WHERE " + tables.InList("result_key", len(args)), args
	}
	var numbers []string
	for _, status := range w.statuses {
		numbers = append(numbers, fmt.Sprint(int64(status)))
	}
	from := walkedFields
	if !s.db.Postgres {
		from += " INDEXED BY tests_status"
	}
	return from + " WHERE " + tables.InList("result_key", len(args)) + " AND status IN (" + strings.Join(numbers, ", ") + ")", args
}
