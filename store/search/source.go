package search

import (
	"database/sql"
	"slices"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/reports"
	"github.com/slipway-lab/slipway/store/results"
)

// testSource is where single tests come from, as SQL. Its uploads are what
// is walked, newest first: results with their tests, or single test cases.
type testSource struct {
	source  Source
	fields  map[string]testField
	uploads string // FROM
	tests   string // what joins the tests to the uploads
	on      string // and where; empty when an upload is a test
	byName  string // FROM when it begins with the tests, which is for rare names

	at, key, n string // the columns of the order
	name, took string // a test's name, and its duration in microseconds
	columns    string
	base       []tables.Condition // what all uploads must meet
	seen       []tables.Condition // and what they must meet for the one who asks
	first      int                // uploads of the first window
	scan       int                // of all windows of one page
	read       func(*sql.Rows) (TestResult, error)
}

const (
	testsOfResult = " CROSS JOIN tests t JOIN test_names m ON m.id = t.name_id"
	tookOfResult  = "COALESCE(t.duration_us, t.stop_us - t.start_us)"
	runUploads    = "results r LEFT JOIN runs ON runs.id = r.run_id"
	fileUploads   = "opportunity_results o JOIN products p ON p.id = o.product_id JOIN results r ON r.id = o.file_id"
)

// testSources returns the sources as the one who asks sees them.
func testSources(q Query) []*testSource {
	scan := q.Scan
	if scan == 0 {
		scan = DefaultScan
	}
	runs := &testSource{
		source: RunSource, fields: runTestFields, uploads: runUploads, tests: testsOfResult, on: "t.result_key = r.key",
		byName: "tests t CROSS JOIN results r LEFT JOIN runs ON runs.id = r.run_id JOIN test_names m ON m.id = t.name_id",
		at:     "r.created_at", key: "r.key", n: "t.n", name: "m.name", took: tookOfResult, first: 64, scan: scan, read: readRunTest,
		columns: "r.created_at, r.key, " + testTimesColumns + ", r.id, r.run_id, runs.cloud_id",
		base:    []tables.Condition{tables.If("r.state = 1"), tables.If("r.run_id IS NOT NULL")},
		seen:    append(q.Viewer.Seen("runs.tenant"), q.Viewer.Private("r.tenant", "r.private_to")...),
	}
	files := &testSource{
		source: OpportunitySource, fields: fileTestFields, uploads: fileUploads, tests: testsOfResult, on: "t.result_key = r.key",
		byName: "tests t CROSS JOIN results r JOIN opportunity_results o ON o.file_id = r.id JOIN products p ON p.id = o.product_id JOIN test_names m ON m.id = t.name_id",
		at:     "o.created_at", key: "r.key", n: "t.n", name: "m.name", took: tookOfResult, first: 64, scan: scan, read: readFileTest,
		columns: "o.created_at, r.key, " + testTimesColumns + ", o.id, o.opportunity_id, o.product_id, p.name",
		base:    []tables.Condition{tables.If("o.file_id IS NOT NULL"), tables.If("r.state = 1")},
		seen:    []tables.Condition{tables.If("p.deleted_at IS NULL"), tables.If("p.tenant = ?", q.Viewer.Tenant)},
	}
	cases := &testSource{
		source: CaseSource, fields: caseTestFields, uploads: "test_cases", at: `"created_on"`, key: "seq", n: "0", name: `"name"`, took: `"time"`, first: 1000, scan: 10 * scan,
		columns: `"created_on", seq, "_id", "name", "status", "time", "test_group_id", "job", "kernel", "lab_name"`, read: readCaseTest,
		seen: reports.Cases.Seen(q.Viewer.Scope),
	}
	boots := &testSource{
		source: BootSource, fields: bootTestFields, uploads: "kernel_boots", at: `"created_on"`, key: "seq", n: "0", name: "'" + BootName + "'", took: `"time"`, first: 1000, scan: 10 * scan,
		columns: `"created_on", seq, "_id", "status", "time", "job", "kernel", "lab_name"`, read: readBootTest,
		seen: reports.Boots.Seen(q.Viewer.Scope),
	}
	return []*testSource{runs, cases, files, boots}
}

// testTimes holds what tests of results have in common while they are read.
type testTimes struct {
	at          int64
	status      results.TestStatus
	start, stop *int64
	took        *int64
	flaky       bool
	details     []byte
	file        *string
}

// testTimesColumns are those that scan reads before the rest.
const testTimesColumns = "t.n, m.name, t.status, t.start_us, t.stop_us, t.duration_us, t.flaky, t.details," +
	" (SELECT rf.name FROM result_files rf WHERE rf.result_key = t.result_key AND rf.n = t.file)"

// scan reads a row that begins with a time, a key and testTimesColumns.
func (t *testTimes) scan(rows *sql.Rows, f *TestResult, rest ...any) error {
	into := append([]any{&t.at, &f.key, &f.N, &f.Name, &t.status, &t.start, &t.stop, &t.took, &t.flaky, &t.details, &t.file}, rest...)
	if err := rows.Scan(into...); err != nil {
		return err
	}
	return t.into(f)
}

func (t *testTimes) into(f *TestResult) error {
	f.CreatedAt, f.Status, f.Flaky = store.FromMicros(t.at), t.status.String(), t.flaky
	took := t.took
	if took == nil && t.start != nil && t.stop != nil {
		between := *t.stop - *t.start
		took = &between
	}
	if took != nil {
		d := time.Duration(*took) * time.Microsecond
		f.Duration = &d
	}
	if t.file != nil {
		f.File = *t.file
	}
	origin, err := results.DecodeOrigin(t.details)
	f.Suite, f.Properties = origin.Suite, origin.Properties
	return err
}

func readRunTest(rows *sql.Rows) (TestResult, error) {
	f := TestResult{Source: RunSource}
	var t testTimes
	err := t.scan(rows, &f, &f.ResultID, &f.Run, &f.CloudID)
	return f, err
}

func readFileTest(rows *sql.Rows) (TestResult, error) {
	f := TestResult{Source: OpportunitySource}
	var t testTimes
	err := t.scan(rows, &f, &f.ResultID, &f.Run, &f.ProductID, &f.Product)
	return f, err
}

func readCaseTest(rows *sql.Rows) (TestResult, error) {
	f := TestResult{Source: CaseSource}
	var at int64
	var took *int64
	err := rows.Scan(&at, &f.key, &f.CaseID, &f.Name, &f.Status, &took, &f.Run, &f.Job, &f.Kernel, &f.LabName)
	f.CreatedAt = store.FromMicros(at)
	if took != nil {
		d := time.Duration(*took) * time.Microsecond
		f.Duration = &d
	}
	return f, err
}

func readBootTest(rows *sql.Rows) (TestResult, error) {
	f := TestResult{Source: BootSource, Name: BootName}
	var at int64
	var took *int64
	var status *string
	err := rows.Scan(&at, &f.key, &f.Run, &status, &took, &f.Job, &f.Kernel, &f.LabName)
	f.CreatedAt = store.FromMicros(at)
	if status != nil {
		f.Status = *status
	}
	if took != nil {
		d := time.Duration(*took) * time.Microsecond
		f.Duration = &d
	}
	return f, err
}

// before is the condition that a test of the source comes after the cursor.
func (src *testSource) before(c *testCursor) []tables.Condition {
	switch {
	case c == nil:
		return nil
	case src.source > c.source: // at the same time still to come
		return []tables.Condition{tables.If(src.at+" <= ?", c.at)}
	case src.source < c.source:
		return []tables.Condition{tables.If(src.at+" < ?", c.at)}
	}
	return []tables.Condition{
		tables.If(src.at+" <= ?", c.at), // where an index can begin
		tables.If("("+src.at+", "+src.key+", "+src.n+") < (?, ?, ?)", c.at, c.key, c.n),
	}
}

// uploadsBefore is the same for uploads: the cursor's own may have more tests.
func (src *testSource) uploadsBefore(c *testCursor) []tables.Condition {
	if c == nil || src.source != c.source {
		return src.before(c)
	}
	return []tables.Condition{
		tables.If(src.at+" <= ?", c.at),
		tables.If("("+src.at+", "+src.key+") <= (?, ?)", c.at, c.key),
	}
}

// since is the condition that a test belongs to the uploads down to the bottom.
func (src *testSource) since(bottom *testCursor) []tables.Condition {
	if bottom == nil {
		return nil
	}
	return []tables.Condition{
		tables.If(src.at+" >= ?", bottom.at),
		tables.If("("+src.at+", "+src.key+") >= (?, ?)", bottom.at, bottom.key),
	}
}

// caseDrivers names the fields of test cases that have an index of their own, the
// one that is likely to leave the fewest first.
var caseDrivers = []string{"run", "name", "kernel", "job", "lab_name", "status", "outcome"}

func driverRank(field string) int {
	if i := slices.Index(caseDrivers, field); i >= 0 {
		return i
	}
	return len(caseDrivers)
}
