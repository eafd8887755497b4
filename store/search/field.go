package search

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/reports"
	"github.com/slipway-lab/slipway/store/results"
)

// testField is a field of a source as SQL.
type testField struct {
	sql   string
	kind  reports.Kind
	test  bool // of a test, not of its upload
	never bool // the source has no such field: there is never a value

	// among, when not nil, writes the condition that the field is one of some
	// values in a way that an index can serve.
	among func(values []any) (string, []any)
	// few is the FROM and WHERE of a query that counts, over an index, what meets
	// the condition ?where; empty when there is no index.
	few string
	// statuses, when not nil, are those of results that one of some values means.
	statuses func(values []any) []results.TestStatus
}

// outcomes says what the words of the sources come to: an error is never a failure,
// because the lab stood in the way and not the software.
var outcomes = map[Source]map[string]string{
	RunSource: {
		"success": "pass", "xfail": "pass", "fail": "fail", "uxsuccess": "fail", "skip": "skip", "inprogress": "error", "unknown": "error",
	},
	CaseSource: {"PASS": "pass", "FAIL": "fail", "ERROR": "error", "SKIP": "skip"},
	BootSource: {"PASS": "pass", "FAIL": "fail", "OFFLINE": "error", "UNTRIED": "skip"},
}

// Outcome is pass, fail, error, skip or unknown for a status of a source.
func Outcome(source Source, status string) string {
	if source == OpportunitySource {
		source = RunSource // a file, too
	}
	if o := outcomes[source][status]; o != "" {
		return o
	}
	return "unknown"
}

var absent = testField{sql: "NULL", never: true}

// ofResult are the fields that tests of results have, whoever uploaded them.
func ofResult(more map[string]testField) map[string]testField {
	word := func(s results.TestStatus) string { return s.String() }
	outcome := func(s results.TestStatus) string { return Outcome(RunSource, s.String()) }
	fields := map[string]testField{
		"name":    {sql: "m.name", test: true, among: amongNames, few: "tests t WHERE ?where"},
		"status":  {sql: runStatusSQL(word), test: true, among: amongStatuses(word), statuses: statusesOf(word)},
		"outcome": {sql: runStatusSQL(outcome), test: true, among: amongStatuses(outcome), statuses: statusesOf(outcome)},
		"job":     absent, "kernel": absent, "lab_name": absent, "cloud_id": absent, "product": absent, "product_id": absent,
	}
	for name, f := range more {
		fields[name] = f
	}
	return fields
}

var runTestFields = ofResult(map[string]testField{
	"created_on": {sql: "r.created_at", kind: reports.Time},
	"cloud_id":   {sql: "runs.cloud_id", kind: reports.Int, few: "runs JOIN results r ON r.run_id = runs.id WHERE ?where"},
	"run":        {sql: "CAST(r.run_id AS text)", among: amongRuns, few: "results r WHERE ?where"},
})

var fileTestFields = ofResult(map[string]testField{
	"created_on": {sql: "o.created_at", kind: reports.Time},
	"run":        {sql: "o.opportunity_id", few: "opportunity_results o WHERE ?where"},
	"product_id": {sql: "o.product_id", few: "opportunity_results o WHERE o.file_id IS NOT NULL AND ?where"},
	"product":    {sql: "p.name"},
})

// caseTestFields: an upload is a test here.
var caseTestFields = map[string]testField{
	"name": ofCase("name"), "status": ofCase("status"), "job": ofCase("job"), "kernel": ofCase("kernel"), "lab_name": ofCase("lab_name"),
	"run":        ofCase("test_group_id"),
	"outcome":    {sql: reportOutcomeSQL(CaseSource), test: true, among: amongReportOutcomes(CaseSource), few: "test_cases WHERE ?where"},
	"created_on": {sql: `"created_on"`, kind: reports.Time},
	"cloud_id":   absent, "product": absent, "product_id": absent,
}

// bootTestFields: an upload is a test here, too, and all have one name.
var bootTestFields = map[string]testField{
	"name": {sql: "'boot'", test: true, among: amongBootName}, "status": ofBoot("status"), "job": ofBoot("job"), "kernel": ofBoot("kernel"),
	"lab_name": ofBoot("lab_name"), "run": ofBoot("_id"),
	"outcome":    {sql: reportOutcomeSQL(BootSource), test: true, among: amongReportOutcomes(BootSource), few: "kernel_boots WHERE ?where"},
	"created_on": {sql: `"created_on"`, kind: reports.Time},
	"cloud_id":   absent, "product": absent, "product_id": absent,
}

func ofBoot(column string) testField {
	return testField{sql: `"` + column + `"`, test: true, few: "kernel_boots WHERE ?where"}
}

// amongBootName drops names that no boot has.
func amongBootName(values []any) (string, []any) {
	if !slices.Contains(values, any(BootName)) {
		return "1 = 0", nil
	}
	return "'boot' = ?", []any{BootName}
}

func ofCase(column string) testField {
	return testField{sql: `"` + column + `"`, test: true, few: "test_cases WHERE ?where"}
}

// runStatusSQL spells a test's status, which is a number, as a word.
func runStatusSQL(word func(results.TestStatus) string) string {
	var b strings.Builder
	b.WriteString("CASE t.status")
	for status := results.TestUnknown; status <= results.TestXFail; status++ {
		fmt.Fprintf(&b, " WHEN %d THEN '%s'", status, word(status))
	}
	return b.String() + " END"
}

// statusesOf looks for the statuses whose word is wanted.
func statusesOf(word func(results.TestStatus) string) func([]any) []results.TestStatus {
	return func(values []any) []results.TestStatus {
		var list []results.TestStatus
		for status := results.TestUnknown; status <= results.TestXFail; status++ {
			if slices.Contains(values, any(word(status))) {
				list = append(list, status)
			}
		}
		return list
	}
}

// amongStatuses looks for the numbers whose word is wanted.
func amongStatuses(word func(results.TestStatus) string) func([]any) (string, []any) {
	return func(values []any) (string, []any) {
		var numbers []any
		for _, status := range statusesOf(word)(values) {
			numbers = append(numbers, int64(status))
		}
		return tables.InList("t.status", len(numbers)), numbers
	}
}

// reportWords are the statuses that cases and boots can have.
var reportWords = map[Source][]string{
	CaseSource: {"PASS", "FAIL", "SKIP", "ERROR"},
	BootSource: {"PASS", "FAIL", "OFFLINE", "UNTRIED", "UNKNOWN"},
}

// reportOutcomeSQL spells the status of a case or boot as an outcome.
func reportOutcomeSQL(source Source) string {
	var b strings.Builder
	b.WriteString(`CASE "status"`)
	for _, word := range reportWords[source] {
		fmt.Fprintf(&b, " WHEN '%s' THEN '%s'", word, Outcome(source, word))
	}
	return b.String() + " ELSE 'unknown' END"
}

// amongReportOutcomes looks for the words that come to what is wanted.
func amongReportOutcomes(source Source) func([]any) (string, []any) {
	return func(values []any) (string, []any) {
		var words []any
		for _, word := range reportWords[source] {
			if slices.Contains(values, any(Outcome(source, word))) {
				words = append(words, word)
			}
		}
		return tables.InList(`"status"`, len(words)), words
	}
}

func amongNames(values []any) (string, []any) {
	hashes := make([]any, 0, len(values))
	for _, v := range values {
		hashes = append(hashes, tables.Bytes(results.NameHash(v.(string))))
	}
	return "t.name_id IN (SELECT id FROM test_names WHERE " + tables.InList("hash", len(hashes)) + ")", hashes
}

// amongRuns drops what is no number: no run is called so.
func amongRuns(values []any) (string, []any) {
	var ids []any
	for _, v := range values {
		if id, err := strconv.ParseInt(v.(string), 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	return tables.InList("r.run_id", len(ids)), ids
}

// testCondition is a condition on the tests of one source.
type testCondition struct {
	tables.Condition
	field  string
	test   bool
	among  bool // one of some values
	single bool // one value
	few    string

	statuses []results.TestStatus // all that a test of a result may have; nil when it asks something else
}

// testConditionsOf turns conditions into those of one source; possible is false
// when nothing in the source can meet them.
func testConditionsOf(src *testSource, list []reports.Condition) (out []testCondition, possible bool) {
	for _, c := range list {
		f, known := src.fields[c.Field]
		switch {
		case !known:
			continue
		case f.never && c.Op != reports.Null && c.Op != reports.Ne:
			return nil, false
		case f.never:
			continue
		}
		part := testCondition{field: c.Field, test: f.test, few: f.few, among: c.Op == reports.In, single: c.Op == reports.In && len(c.Values) == 1}
		if c.Op == reports.In && f.among != nil {
			part.SQL, part.Args = f.among(c.Values)
			part.single = part.single && len(part.Args) == 1
			if f.statuses != nil {
				part.statuses = f.statuses(c.Values)
			}
		} else {
			part.Condition = c.On(f.sql, f.kind)
		}
		if c.Op == reports.In && len(part.Args) == 0 {
			return nil, false
		}
		out = append(out, part)
	}
	return out, true
}
