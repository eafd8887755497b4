package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// TestSource says who reported a test. At the same time runs come first.
type TestSource int

// The sources.
const (
	RunSource  TestSource = iota // a test of a result of a run
	CaseSource                   // a test case of a test group
)

// FoundTest is a single test, whoever reported it. What its source does not
// know is empty.
type FoundTest struct {
	Source    TestSource
	Name      string
	Status    string // in the words of the source
	CreatedAt time.Time
	Duration  *time.Duration
	Run       string    // the id of the run or the test group
	ResultID  uuid.UUID // of a run: which of its results
	N         int64     // of a run: the test's place in the result
	CaseID    string
	CloudID   *int64
	Job       *string
	Kernel    *string
	LabName   *string

	key int64 // inside its source, after the time
}

// TestSearch asks for single tests. Conditions name the fields name, status,
// outcome, created_on, job, kernel, lab_name, cloud_id and run; a source that
// does not have a field has no value there.
type TestSearch struct {
	Sources []TestSource // none: all
	Where   []ReportCondition
	// Tenants are those whose runs are seen; nil is all of them. SeenBy leaves
	// out results that are private to others than this owner; nil is none.
	Tenants []string
	SeenBy  *string
	Page    Page // no offset, no total
}

// seen are the conditions of who asks, on results r of runs.
func (q *TestSearch) seen() []condition {
	var list []condition
	if q.SeenBy != nil {
		list = append(list, condition{"r.private_to IN ('', ?)", []any{*q.SeenBy}})
	}
	if q.Tenants != nil {
		c := condition{sql: inList("runs.tenant", len(q.Tenants))}
		for _, t := range q.Tenants {
			c.args = append(c.args, t)
		}
		list = append(list, c)
	}
	return list
}

// testField is a field of a source as SQL.
type testField struct {
	sql  string
	kind ReportKind

	// among, when not nil, writes the condition that the field is one of some
	// values in a way that an index can serve.
	among func(values []any) (string, []any)
}

// outcomes says what the words of the sources come to.
var outcomes = map[string]string{
	"success": "pass", "xfail": "pass", "PASS": "pass", "fail": "fail", "uxsuccess": "fail", "FAIL": "fail", "ERROR": "fail",
	"skip": "skip", "SKIP": "skip",
}

// Outcome is pass, fail, skip or unknown for a status of any source.
func Outcome(status string) string {
	if o := outcomes[status]; o != "" {
		return o
	}
	return "unknown"
}

const (
	noText = "CAST(NULL AS text)"
	noInt  = "CAST(NULL AS bigint)"
)

var runTestFields = map[string]testField{
	"name":       {sql: "m.name", among: amongNames},
	"status":     {sql: runStatusSQL(func(s TestStatus) string { return s.String() }), among: amongStatuses(func(s TestStatus) string { return s.String() })},
	"outcome":    {sql: runStatusSQL(func(s TestStatus) string { return Outcome(s.String()) }), among: amongStatuses(func(s TestStatus) string { return Outcome(s.String()) })},
	"created_on": {sql: "r.created_at", kind: ReportTime},
	"cloud_id":   {sql: "runs.cloud_id", kind: ReportInt},
	"run":        {sql: "CAST(r.run_id AS text)", among: amongRuns},
	"job":        {sql: noText}, "kernel": {sql: noText}, "lab_name": {sql: noText},
}

var caseTestFields = map[string]testField{
	"name": {sql: `"name"`}, "status": {sql: `"status"`}, "job": {sql: `"job"`}, "kernel": {sql: `"kernel"`},
	"lab_name": {sql: `"lab_name"`}, "run": {sql: `"test_group_id"`},
	"outcome":    {sql: `CASE "status" WHEN 'PASS' THEN 'pass' WHEN 'SKIP' THEN 'skip' ELSE 'fail' END`},
	"created_on": {sql: `"created_on"`, kind: ReportTime},
	"cloud_id":   {sql: noInt, kind: ReportInt},
}

// runStatusSQL spells a test's status, which is a number, as a word.
func runStatusSQL(word func(TestStatus) string) string {
	var b strings.Builder
	b.WriteString("CASE t.status")
	for i := range testStatusNames {
		fmt.Fprintf(&b, " WHEN %d THEN '%s'", i, word(TestStatus(i)))
	}
	return b.String() + " END"
}

// amongStatuses looks for the numbers whose word is wanted.
func amongStatuses(word func(TestStatus) string) func([]any) (string, []any) {
	return func(values []any) (string, []any) {
		var numbers []any
		for i := range testStatusNames {
			if slices.Contains(values, any(word(TestStatus(i)))) {
				numbers = append(numbers, int64(i))
			}
		}
		return inList("t.status", len(numbers)), numbers
	}
}

func amongNames(values []any) (string, []any) {
	hashes := make([]any, 0, len(values))
	for _, v := range values {
		sum := sha256.Sum256([]byte(v.(string)))
		hashes = append(hashes, digest(sum[:nameHashSize]))
	}
	return "t.name_id IN (SELECT id FROM test_names WHERE " + inList("hash", len(hashes)) + ")", hashes
}

// amongRuns drops what is no number: no run is called so.
func amongRuns(values []any) (string, []any) {
	var ids []any
	for _, v := range values {
		if id, err := strconv.ParseInt(v.(string), 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	return inList("r.run_id", len(ids)), ids
}

// testConditionsOf turns conditions into those of one source.
func testConditionsOf(fields map[string]testField, list []ReportCondition) []condition {
	var out []condition
	for _, c := range list {
		f := fields[c.Field]
		part := condition{}
		switch {
		case f.sql == "":
			continue
		case c.Op == ReportIn && f.among != nil:
			part.sql, part.args = f.among(c.Values)
		case c.Op == ReportIn:
			part.sql = inList(f.sql, len(c.Values))
		default:
			part.sql = f.sql + comparisons[c.Op]
		}
		if part.args == nil && !(c.Op == ReportIn && f.among != nil) {
			for _, v := range c.Values {
				part.args = append(part.args, toColumn(f.kind, v))
			}
		}
		out = append(out, part)
	}
	return out
}

// testCursor is the last test of the page before.
type testCursor struct {
	at     int64
	source TestSource
	key, n int64
}

const foundTestsCursor = "test-results"

func parseTestCursor(after string) (*testCursor, error) {
	if after == "" {
		return nil, nil
	}
	values, err := decodeCursor(foundTestsCursor, after)
	if err != nil {
		return nil, err
	}
	var numbers []int64
	for _, v := range values {
		if n, ok := v.(int64); ok {
			numbers = append(numbers, n)
		}
	}
	if len(numbers) != 4 || len(values) != 4 {
		return nil, ErrBadCursor
	}
	return &testCursor{numbers[0], TestSource(numbers[1]), numbers[2], numbers[3]}, nil
}

// before is the condition that a row of a source comes after the cursor, newest
// first; the names are its columns of time, key and place.
func (c *testCursor) before(source TestSource, at, key, n string) []condition {
	switch {
	case c == nil:
		return nil
	case source > c.source: // at the same time still to come
		return []condition{{at + " <= ?", []any{c.at}}}
	case source < c.source:
		return []condition{{at + " < ?", []any{c.at}}}
	}
	return []condition{
		{at + " <= ?", []any{c.at}}, // where an index can begin
		{"(" + at + ", " + key + ", " + n + ") < (?, ?, ?)", []any{c.at, c.key, c.n}},
	}
}

// FindTests returns single tests of all sources, the newest upload first and in
// an upload the last test first. It pages by cursor only: ErrBadCursor when the
// page's cursor is none of its own.
func (s *Store) FindTests(ctx context.Context, q TestSearch) (List[FoundTest], error) {
	var list List[FoundTest]
	cursor, err := parseTestCursor(q.Page.After)
	if err != nil {
		return list, err
	}
	limit := q.Page.limit()
	for source, find := range map[TestSource]func(context.Context, TestSearch, *testCursor, int) ([]FoundTest, error){
		RunSource: s.findRunTests, CaseSource: s.findCaseTests,
	} {
		if len(q.Sources) > 0 && !slices.Contains(q.Sources, source) {
			continue
		}
		found, err := find(ctx, q, cursor, limit+1)
		if err != nil {
			return list, fmt.Errorf("search tests: %w", err)
		}
		list.Items = append(list.Items, found...)
	}
	slices.SortFunc(list.Items, newestFirst)
	if len(list.Items) > limit {
		list.Items = list.Items[:limit]
		last := &list.Items[limit-1]
		list.Next = encodeCursor(foundTestsCursor, []any{Micros(last.CreatedAt), int64(last.Source), last.key, last.N})
	}
	return list, nil
}

func newestFirst(a, b FoundTest) int {
	return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.Source, b.Source), cmp.Compare(b.key, a.key), cmp.Compare(b.N, a.N))
}

func (s *Store) findRunTests(ctx context.Context, q TestSearch, after *testCursor, limit int) ([]FoundTest, error) {
	parts := append([]condition{{"r.state = 1", nil}, {"r.run_id IS NOT NULL", nil}}, testConditionsOf(runTestFields, q.Where)...)
	parts = append(parts, q.seen()...)
	parts = append(parts, after.before(RunSource, "r.created_at", "r.key", "t.n")...)
	query := `SELECT r.created_at, r.key, t.n, m.name, t.status, t.start_us, t.stop_us, r.id, r.run_id, runs.cloud_id
		FROM results r JOIN tests t ON t.result_key = r.key JOIN test_names m ON m.id = t.name_id LEFT JOIN runs ON runs.id = r.run_id` +
		and(parts) + fmt.Sprintf(" ORDER BY r.created_at DESC, r.key DESC, t.n DESC LIMIT %d", limit)
	rows, err := s.read(ctx).Raw(query, args(parts)...).Rows()
	if err != nil {
		return nil, translate(err)
	}
	defer rows.Close()
	var list []FoundTest
	for rows.Next() {
		f := FoundTest{Source: RunSource}
		var at int64
		var status TestStatus
		var start, stop *int64
		if err := rows.Scan(&at, &f.key, &f.N, &f.Name, &status, &start, &stop, &f.ResultID, &f.Run, &f.CloudID); err != nil {
			return nil, translate(err)
		}
		f.CreatedAt, f.Status = FromMicros(at), status.String()
		if start != nil && stop != nil {
			d := time.Duration(*stop-*start) * time.Microsecond
			f.Duration = &d
		}
		list = append(list, f)
	}
	return list, translate(rows.Err())
}

func (s *Store) findCaseTests(ctx context.Context, q TestSearch, after *testCursor, limit int) ([]FoundTest, error) {
	parts := append(testConditionsOf(caseTestFields, q.Where), after.before(CaseSource, `"created_on"`, "seq", "0")...)
	clause := ""
	if len(parts) > 0 {
		clause = and(parts)
	}
	query := `SELECT "created_on", seq, "_id", "name", "status", "time", "test_group_id", "job", "kernel", "lab_name" FROM test_cases` +
		clause + fmt.Sprintf(` ORDER BY "created_on" DESC, seq DESC LIMIT %d`, limit)
	rows, err := s.read(ctx).Raw(query, args(parts)...).Rows()
	if err != nil {
		return nil, translate(err)
	}
	defer rows.Close()
	var list []FoundTest
	for rows.Next() {
		f := FoundTest{Source: CaseSource}
		var at int64
		var took *int64
		if err := rows.Scan(&at, &f.key, &f.CaseID, &f.Name, &f.Status, &took, &f.Run, &f.Job, &f.Kernel, &f.LabName); err != nil {
			return nil, translate(err)
		}
		f.CreatedAt = FromMicros(at)
		if took != nil {
			d := time.Duration(*took) * time.Microsecond
			f.Duration = &d
		}
		list = append(list, f)
	}
	return list, translate(rows.Err())
}
