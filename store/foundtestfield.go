package store

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// testField is a field of a source as SQL.
type testField struct {
	sql   string
	kind  ReportKind
	test  bool // of a test, not of its upload
	never bool // the source has no such field: there is never a value

	// among, when not nil, writes the condition that the field is one of some
	// values in a way that an index can serve.
	among func(values []any) (string, []any)
	// few is the FROM and WHERE of a query that counts, over an index, what meets
	// the condition ?where; empty when there is no index.
	few string
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

var absent = testField{sql: "NULL", never: true}

// ofResult are the fields that tests of results have, whoever uploaded them.
func ofResult(more map[string]testField) map[string]testField {
	word := func(s TestStatus) string { return s.String() }
	outcome := func(s TestStatus) string { return Outcome(s.String()) }
	fields := map[string]testField{
		"name":    {sql: "m.name", test: true, among: amongNames, few: "tests t WHERE ?where"},
		"status":  {sql: runStatusSQL(word), test: true, among: amongStatuses(word)},
		"outcome": {sql: runStatusSQL(outcome), test: true, among: amongStatuses(outcome)},
		"job":     absent, "kernel": absent, "lab_name": absent, "cloud_id": absent, "product": absent, "product_id": absent,
	}
	for name, f := range more {
		fields[name] = f
	}
	return fields
}

var runTestFields = ofResult(map[string]testField{
	"created_on": {sql: "r.created_at", kind: ReportTime},
	"cloud_id":   {sql: "runs.cloud_id", kind: ReportInt, few: "runs JOIN results r ON r.run_id = runs.id WHERE ?where"},
	"run":        {sql: "CAST(r.run_id AS text)", among: amongRuns, few: "results r WHERE ?where"},
})

var fileTestFields = ofResult(map[string]testField{
	"created_on": {sql: "o.created_at", kind: ReportTime},
	"run":        {sql: "o.opportunity_id", few: "opportunity_results o WHERE ?where"},
	"product_id": {sql: "o.product_id", few: "opportunity_results o WHERE o.file_id IS NOT NULL AND ?where"},
	"product":    {sql: "p.name"},
})

// caseTestFields: an upload is a test here.
var caseTestFields = map[string]testField{
	"name": ofCase("name"), "status": ofCase("status"), "job": ofCase("job"), "kernel": ofCase("kernel"), "lab_name": ofCase("lab_name"),
	"run":        ofCase("test_group_id"),
	"outcome":    {sql: `CASE "status" WHEN 'PASS' THEN 'pass' WHEN 'SKIP' THEN 'skip' ELSE 'fail' END`, test: true, among: amongCaseOutcomes, few: "test_cases WHERE ?where"},
	"created_on": {sql: `"created_on"`, kind: ReportTime},
	"cloud_id":   absent, "product": absent, "product_id": absent,
}

func ofCase(column string) testField {
	return testField{sql: quoted(column), test: true, few: "test_cases WHERE ?where"}
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

// amongCaseOutcomes looks for the words that come to what is wanted.
func amongCaseOutcomes(values []any) (string, []any) {
	var words []any
	for _, word := range []string{"PASS", "FAIL", "SKIP", "ERROR"} {
		if slices.Contains(values, any(Outcome(word))) {
			words = append(words, word)
		}
	}
	return inList(`"status"`, len(words)), words
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

// testCondition is a condition on the tests of one source.
type testCondition struct {
	condition
	field  string
	test   bool
	among  bool // one of some values
	single bool // one value
	few    string
}

// testConditionsOf turns conditions into those of one source; possible is false
// when nothing in the source can meet them.
func testConditionsOf(src *testSource, list []ReportCondition) (out []testCondition, possible bool) {
	for _, c := range list {
		f, known := src.fields[c.Field]
		switch {
		case !known:
			continue
		case f.never && c.Op != ReportNull && c.Op != ReportNe:
			return nil, false
		case f.never:
			continue
		}
		part := testCondition{field: c.Field, test: f.test, few: f.few, among: c.Op == ReportIn, single: c.Op == ReportIn && len(c.Values) == 1}
		if c.Op == ReportIn && f.among != nil {
			part.sql, part.args = f.among(c.Values)
			part.single = part.single && len(part.args) == 1
		} else {
			part.sql = f.sql + comparisons[c.Op]
			if c.Op == ReportIn {
				part.sql = inList(f.sql, len(c.Values))
			}
			for _, v := range c.Values {
				part.args = append(part.args, toColumn(f.kind, v))
			}
		}
		if c.Op == ReportIn && len(part.args) == 0 {
			return nil, false
		}
		out = append(out, part)
	}
	return out, true
}
