package results_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"mime/multipart"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// expectOf reads what is right of a file: outcome=fail success=1 tests=2.
func expectOf(t testing.TB, name string) (outcome string, counts map[string]int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "faults", name+".expect"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "#")
	counts = map[string]int{}
	for field := range strings.FieldsSeq(line) {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			continue
		}
		if key == "outcome" {
			outcome = value
		} else if counts[key], err = strconv.Atoi(value); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return outcome, counts
}

func fault(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "faults", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestFaults posts files that made a failed run look passed, or lost results,
// and others of formats that once were not read.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	unread := map[string]bool{
		"results_named_status.json": true, // no runner's format: see TestFaults_Verdicts
	}
	files, err := filepath.Glob("testdata/faults/*.expect")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".expect")
		if info, err := os.Stat(strings.TrimSuffix(file, ".expect")); err != nil || info.IsDir() {
			continue // of several files
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			got := mustSave(t, s.Send("POST", "/v1/post-result", bytes.NewReader(fault(t, name)), servertest.With("Content-Type", "application/octet-stream")))
			outcome, counts := expectOf(t, name)
			if outcome == "" {
				return // of another area
			}
			if unread[name] {
				if got.Outcome != "error" && got.Outcome != "fail" && got.Outcome != "incomplete" {
					t.Errorf("outcome %s with %v of %d tests, want error, fail or incomplete", got.Outcome, got.Counts, got.Tests)
				}
				return
			}
			if got.Outcome != outcome || got.Tests != counts["tests"] || len(got.Damage) > 0 {
				t.Errorf("outcome %s of %d tests, damage %v, want %s of %d", got.Outcome, got.Tests, got.Damage, outcome, counts["tests"])
			}
			for _, status := range []string{"success", "fail", "skip"} {
				if got.Counts[status] != counts[status] {
					t.Errorf("%d tests are %s, want %d", got.Counts[status], status, counts[status])
				}
			}
		})
	}
}

// TestFaults_Verdicts posts lists whose entries carry a verdict: nothing of them
// is taken for a pass.
func TestFaults_Verdicts(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for name, body := range map[string]string{
		"a name and a word":  string(fault(t, "results_named_status.json")),
		"an outcome":         `{"results":["a",{"name":"b","outcome":"fail"}]}`,
		"more bytes":         `{"results":["a"]}{"results":["b"]}`,
		"more bytes, no end": `{"results":["a"]} {"results":["b"`,
		"a truth value":      `{"results":[{"name":"b","passed":false}]}`,
	} {
		for _, media := range []string{"application/json", "application/octet-stream"} {
			got := mustSave(t, s.Do("POST", "/v1/post-result", body, servertest.With("Content-Type", media)))
			if got.Outcome != "error" || got.Tests != 0 || got.Complete || len(got.Damage) == 0 {
				t.Errorf("%s as %s: outcome %s, %d tests, damage %v; want error without any", name, media, got.Outcome, got.Tests, got.Damage)
			}
		}
	}
}

// TestFaults_Parts posts the two files of one run.
func TestFaults_Parts(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, name := range []string{"TEST-a.xml", "TEST-b.xml"} {
		part, err := form.CreateFormFile("file", name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(fault(t, "multi_two_parts/"+name))
	}
	_ = form.Close()
	a := s.Send("POST", "/v1/post-result", &body, servertest.With("Content-Type", form.FormDataContentType()))
	if a.Status == 400 {
		return // refused, so nothing is lost unseen
	}
	if got := mustSave(t, a); got.Outcome == "pass" || got.Outcome == "skip" || got.Outcome == "empty" {
		t.Errorf("outcome %s of %d tests", got.Outcome, got.Tests)
	}
}

// itemOf finds a test by its id.
func itemOf(t testing.TB, s *servertest.Server, got saved, id string) testItem {
	t.Helper()
	for _, item := range listTests(t, s, got.TestID, "limit=1000").Tests {
		if item.ID == id {
			return item
		}
	}
	t.Fatalf("no test %q", id)
	return testItem{}
}

// TestRecords reads every record of a test and its attachments, in lists and
// alone, on both databases.
func TestRecords(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		post := func(body []byte) saved {
			return mustSave(t, s.Send("POST", "/v1/post-result", bytes.NewReader(body), servertest.With("Content-Type", "application/octet-stream")))
		}
		t.Run("a failure and the error of its teardown", func(t *testing.T) {
			got := post(fault(t, "pytest_double.xml"))
			checkRecords(t, s, got, itemOf(t, s, got, "test_a.test_x"), []string{"fail", "fail"},
				[]textOf{{0, "assert 0"}, {0, "body1"}, {1, "failed on teardown"}, {1, "body2"}})
		})
		t.Run("the tear-down of a class", func(t *testing.T) {
			got := post(fault(t, "v2_real_setupclass.subunit"))
			item := itemOf(t, s, got, "setUpClass (__main__.Net)")
			if want := `text/x-traceback; charset="utf8"; language="python"`; len(item.Attachments) != 1 || item.Attachments[0].Mime != want {
				t.Errorf("attachments %+v, want one of type %s", item.Attachments, want)
			}
		})
		t.Run("a suite's error", func(t *testing.T) {
			got := post(fault(t, "suite_error.xml"))
			checkRecords(t, s, got, itemOf(t, s, got, "lab.boot"), []string{"fail"}, []textOf{{0, "teardown of the fixture crashed"}, {0, "stack"}})
		})
		t.Run("retries, close together and far apart", func(t *testing.T) {
			var v1 strings.Builder
			try := func(outcome, text string) { fmt.Fprintf(&v1, "test: x\n%s: x [\n%s\n]\n", outcome, text) }
			others := func(from int) {
				for i := range 2500 {
					fmt.Fprintf(&v1, "test: t%d\nsuccess: t%d\n", from+i, from+i)
				}
			}
			try("success", "try 0")
			try("skip", "try 1")
			others(0)
			try("xfail", "try 2") // worse, when the row is written
			try("failure", "try 3")
			try("success", "try 4")
			others(10_000)
			try("success", "try 5")
			for range 30 {
				try("success", "more")
			}
			got := post([]byte(v1.String()))
			statuses := []string{"success", "skip", "xfail", "fail", "success", "success"}
			texts := []textOf{{0, "try 0"}, {1, "try 1"}, {2, "try 2"}, {3, "try 3"}, {4, "try 4"}, {5, "try 5"}}
			for i := range 30 {
				statuses, texts = append(statuses, "success"), append(texts, textOf{6 + i, "more"})
			}
			item := itemOf(t, s, got, "x")
			if item.Status != "fail" || got.Outcome != "fail" {
				t.Errorf("status %s, outcome %s", item.Status, got.Outcome)
			}
			checkRecords(t, s, got, item, statuses, texts)
		})
	})
}

// textOf is an attachment: the record that it belongs to and what it says.
type textOf struct {
	record int
	text   string
}

// checkRecords compares the records of a test and their attachments.
func checkRecords(t *testing.T, s *servertest.Server, got saved, listed testItem, statuses []string, texts []textOf) {
	t.Helper()
	path := fmt.Sprintf("/v1/runs/%d/results/%s/tests/%d", got.TestID, got.ResultID, listed.N)
	var alone testItem
	if err := json.Unmarshal(s.Do("GET", path, "", servertest.Admin()).Body, &alone); err != nil {
		t.Fatal(err)
	}
	for where, item := range map[string]testItem{"list": listed, "alone": alone} {
		if item.Records != len(statuses) || len(item.RecordList) != len(statuses) || len(item.Attachments) != len(texts) {
			t.Fatalf("%s: %d records, %d listed, %d attachments, want %d, %d", where, item.Records, len(item.RecordList), len(item.Attachments), len(statuses), len(texts))
		}
		for i, r := range item.RecordList {
			if r.Record != i || r.Status != statuses[i] {
				t.Errorf("%s: record %d is %+v, want %s", where, i, r, statuses[i])
			}
		}
		for i, a := range item.Attachments {
			text := s.Do("GET", fmt.Sprintf("%s/attachments/%d", path, a.K), "", servertest.Admin())
			if want := texts[i]; a.Record != want.record || a.K != i || text.Status != 200 || string(text.Body) != want.text {
				t.Errorf("%s: attachment %+v holds %q, want %q of record %d", where, a, text.Body, want.text, want.record)
			}
		}
	}
}

// TestFaults_Swallowed posts files in which a failed test stands where it is not read
// as a result, or that say that there is more than they hold: none of them passes, and
// the damage says why.
func TestFaults_Swallowed(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	green := "test: a\nsuccess: a\n"
	v2 := "\xb3\x29\x03\x0c\x03foo" // status success of test foo
	v2 += string(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(v2))))
	failed := "\xb3\x29\x06\x0c\x03bar"
	failed += string(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(failed))))
	long := strings.Repeat("long.", 2000)
	for name, c := range map[string]struct {
		body, outcome, reason string
	}{
		"a stream that broke off inside a test, and its retry": {
			green + "test: x\n" + "test: b\nfailure: b\ntest: x\nsuccess: x\n", "incomplete", "a failed test inside of test 'x'"},
		"the same with details": {
			green + "test: x\n" + "test: b\nerror: b [\nboom\n]\ntest: x\nsuccess: x\n", "incomplete", "a failed test inside"},
		"an unexpected success": {
			green + "test: x\n" + "test: b\nuxsuccess: b\ntest: x\nsuccess: x\n", "incomplete", "a failed test inside"},
		"only passes inside a test": {green + "test: x\n" + "test: b\nsuccess: b\nsuccess: x\n", "pass", ""},
		"details that broke off": {
			"test: a\nskip: a [\nwhy\n" + "test: b\nfailure: b [\nboom\n]\n" + "test: c\nsuccess: c\n", "incomplete", "a failed test inside of the details of test 'a'"},
		"details with passes": {"test: a\nskip: a [\ntest: b\nsuccess: b\n]\n" + green, "pass", ""},
		"an error of a class inside a test": {
			green + "test: x\n" + "error: setUpClass (b) [\nboom\n]\nsuccess: x\n", "incomplete", "a failed test inside of test 'x'"},
		"a label that changed on the way": {
			green + "test: c\nfailure: b [\nboom\n]\ntest: c\nsuccess: c\n", "incomplete", "a failed test inside of test 'c'"},
		"an open bracket in the output": {
			green + "test: x\nerror: cannot read [\nsuccess: x\n", "pass", ""},
		"a packet without its signature": {v2 + "\xb2" + failed[1:] + v2, "incomplete", "without its signature"},
		"packets and then lines":         {v2 + "\ntest: b\nfailure: b [\nboom\n]\n", "incomplete", "1 failed tests of subunit v1"},
		"lines and then packets":         {"test: b\nerror: b\n" + v2, "incomplete", "1 failed tests of subunit v1"},
		"a long name":                    {"test: " + long + "\nerror: " + long + " [\nx\n]\n" + v2, "incomplete", "1 failed tests of subunit v1"},
		"passed lines and packets":       {green + v2, "pass", ""},
		"prose between packets":          {"error: b\nfailure: no such file\n" + v2, "pass", ""},
		"a mark at the beginning":        {"\xef\xbb\xbftest: b\nfailure: b\n" + green, "fail", ""},
		"a mark where files are joined": {
			green + "\xef\xbb\xbftest: b\nfailure: b\n", "fail", ""},
		"one page of our own list": {
			`{"pagination":{"current_page":1,"total":300,"total_pages":3},"tests":[{"id":"a","status":"success"}],"next":"abc"}`, "incomplete", "a page of 1 tests of 300"},
		"the last page": {
			`{"pagination":{"current_page":3,"total":300,"total_pages":3},"tests":[{"id":"a","status":"success"}],"next":null}`, "incomplete", "a page of 1 tests of 300"},
		"a page by cursor": {`{"tests":[{"id":"a","status":"success"}],"next":"abc"}`, "incomplete", "the next one is missing"},
		"the whole list": {
			`{"pagination":{"current_page":1,"total":1,"total_pages":1},"tests":[{"id":"a","status":"success"}],"next":null}`, "pass", ""},
		"counts that contradict": {`{"counts":{"success":1,"fail":2},"tests":[{"id":"a","status":"success"}]}`, "incomplete", "'fail' says"},
		"counts that agree":      {`{"counts":{"success":1,"fail":0,"inprogress":0},"tests":[{"id":"a","status":"success"}]}`, "pass", ""},
		"a summary in other words": {
			`{"summary":{"passed":1,"failed":2},"results":["a"]}`, "incomplete", "'failed' says"},
		"a failure of a step": {
			`<testsuite name="s"><testcase name="a"><steps><step><failure/></step></steps></testcase></testsuite>`, "incomplete", "'failure' in 'step'"},
		"a failure of what is no test": {
			`<testsuite name="s"><testcase name="a"/><TestCase name="b"><failure/></TestCase></testsuite>`, "incomplete", "'failure' in 'TestCase'"},
		"codes of processes": {`{"results":[{"name":"a","exit_code":1}]}`, "error", "carry 'exit_code'"},
	} {
		got := mustSave(t, s.Do("POST", "/v1/post-result", c.body, servertest.With("Content-Type", "application/octet-stream")))
		if got.Outcome != c.outcome || (c.reason == "") != (len(got.Damage) == 0) {
			t.Errorf("%s: outcome %s, damage %v; want %s", name, got.Outcome, got.Damage, c.outcome)
		}
		if c.reason != "" && !strings.Contains(fmt.Sprint(got.Damage), c.reason) {
			t.Errorf("%s: damage %v; want %q", name, got.Damage, c.reason)
		}
	}
}
