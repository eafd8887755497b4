package results_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/imports/scratch"
	"github.com/slipway-lab/slipway/server/imports/sqldump/sqldumptest"
	"github.com/slipway-lab/slipway/server/results"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
)

func dumpedRunID(n int) string { return fmt.Sprintf("%08x-0000-4000-8000-00000000000b", n) }

// subunitTables is subunit2sql's database by the columns of subunit2sql/db/models.py: so
// many runs of so many tests each, of which the statuses follow each other.
func subunitTables(runs, tests int) map[string]*sqldumptest.Table {
	tables := map[string]*sqldumptest.Table{}
	table := func(name, columns string) *sqldumptest.Table {
		tables[name] = &sqldumptest.Table{Name: name, Columns: strings.Fields(columns)}
		return tables[name]
	}
	names := table("tests", "id test_id run_count success failure run_time")
	run := table("runs", "id skips fails passes run_time artifacts run_at")
	testRuns := table("test_runs", "id test_id run_id status start_time stop_time start_time_microsecond stop_time_microsecond")
	runMeta := table("run_metadata", "id key value run_id")
	meta := table("test_run_metadata", "id key value test_run_id")
	table("test_metadata", "id key value test_id").Add("m", "attr", "slow", "t0")
	attachments := table("attachments", "id test_run_id label attachment")
	for k := range tests {
		names.Add(fmt.Sprintf("t%d", k), fmt.Sprintf("tempest.api.test_it's.test_%d", k), 1, 1, 0, 0.5)
	}
	words := []string{"success", "fail", "skip", "success"}
	for n := range runs {
		counts := map[string]int{}
		for k := range tests {
			id, word := fmt.Sprintf("r%dt%d", n, k), words[k%len(words)]
			counts[word]++
			testRuns.Add(id, fmt.Sprintf("t%d", k), dumpedRunID(n), word, "2016-02-03 04:05:06", "2016-02-03 04:05:08", 250_000, 0)
			if k == 1 {
				meta.Add("a"+id, "attrs", "id-1,smoke", id)
				meta.Add("b"+id, "tags", "worker-0,slow", id)
				attachments.Add("c"+id, id, "traceback", []byte("Traceback\n\x00\xff"))
			}
		}
		run.Add(dumpedRunID(n), counts["skip"], counts["fail"], counts["success"], 12.5, "http://logs.example.org/1", fmt.Sprintf("2016-02-%02d 04:05:06", n%28+1))
		runMeta.Add(fmt.Sprint(n), "build_name", "gate-tempest", dumpedRunID(n))
	}
	return tables
}

var subunitOrder = []string{"tests", "runs", "test_runs", "run_metadata", "test_run_metadata", "test_metadata", "attachments"}

func writtenSubunit(f sqldumptest.Form, tables map[string]*sqldumptest.Table) string {
	var list []*sqldumptest.Table
	for _, name := range subunitOrder {
		list = append(list, tables[name])
	}
	return sqldumptest.Write(f, list...)
}

// sqliteFile makes a SQLite file of a dump.
func sqliteFile(t testing.TB, dump string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "subunit.db")
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), dump); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func importSubunit(ctx context.Context, t testing.TB, s *store.Store, dump string, change ...func(*results.SubunitDump)) (*imports.Report, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(path, []byte(dump), 0o600); err != nil {
		t.Fatal(err)
	}
	f, _, err := scratch.File(path, "subunit2sql", func(r io.Reader) io.Reader { return r })
	if err != nil {
		t.Fatal(err)
	}
	d := &results.SubunitDump{
		Import: imports.Import{Store: s, System: "subunit2sql"}, NameKey: "build_name",
		Limits: intake.Limits{Tests: 1_000_000, Members: 10, Decompressed: 1 << 30, Ratio: 1000},
	}
	for _, c := range change {
		c(d)
	}
	return d.Run(ctx, f)
}

func importedSubunit(t testing.TB, s *store.Store, dump string, change ...func(*results.SubunitDump)) *imports.Report {
	t.Helper()
	r, err := importSubunit(t.Context(), t, s, dump, change...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func dumpedResult(t testing.TB, s *store.Store, n int) *resultstore.Result {
	t.Helper()
	r, err := resultstore.New(s).Result(t.Context(), uuid.MustParse(dumpedRunID(n)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSubunitDump(t *testing.T) {
	t.Parallel()
	dumps := map[string]string{"a SQLite file": sqliteFile(t, writtenSubunit(sqldumptest.SQLite, subunitTables(3, 8)))}
	for _, form := range sqldumptest.Forms {
		dumps[form.String()] = writtenSubunit(form, subunitTables(3, 8))
	}
	for name, dump := range dumps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servertest.Each(t, func(t *testing.T, s *servertest.Server) {
				r := importedSubunit(t, s.Store, dump)
				if r.Kinds["run"] != (imports.Count{Taken: 3}) || r.Refused() != 0 || r.Kinds["test_metadata"].LeftOut != 1 {
					t.Errorf("the report is %s", r.Text())
				}
				one := dumpedResult(t, s.Store, 1)
				if one.Counts != (resultstore.Counts{Success: 4, Fail: 2, Skip: 2}) || !one.Complete || one.Outcome != "fail" || one.CreatedAt.Format(time.RFC3339) != "2016-02-02T04:05:06Z" || *one.DurationUS != 12_500_000 {
					t.Errorf("a result is %+v", one)
				}
				rows := resultstore.New(s.Store)
				run, err := rows.Run(t.Context(), store.Everything, one.RunID)
				if err != nil || run.Name != "gate-tempest" || run.LastStatus == nil || !strings.Contains(run.LastStatus.Text, "artifacts: http://logs.example.org/1\nbuild_name: gate-tempest") {
					t.Errorf("its run is %+v, %v", run, err)
				}
				tests, err := rows.ListTests(t.Context(), resultstore.TestFilter{Result: one, Page: store.Page{Limit: 100}})
				if err != nil {
					t.Fatal(err)
				}
				byName := map[string]resultstore.Test{}
				for _, test := range tests.Items {
					byName[test.Name] = test
				}
				failed := byName["tempest.api.test_it's.test_1[id-1,smoke]"]
				if failed.Status != resultstore.TestFail || failed.Start.Format(time.RFC3339Nano) != "2016-02-03T04:05:06.25Z" || failed.Stop.Format(time.RFC3339Nano) != "2016-02-03T04:05:08Z" || !slices.Equal(failed.Tags, []string{"slow", "worker-0"}) {
					t.Errorf("a test is %+v of %v", failed, byName)
				}
				if len(failed.Attachments) != 1 || failed.Attachments[0].Name != "traceback" {
					t.Fatalf("its attachments are %+v", failed.Attachments)
				}
				blob, err := rows.OpenAttachment(t.Context(), one, &failed.Attachments[0])
				if err != nil {
					t.Fatal(err)
				}
				defer blob.Close()
				if text, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size())); err != nil || !bytes.Equal(text, []byte("Traceback\n\x00\xff")) {
					t.Errorf("the attachment is %q, %v", text, err)
				}
			})
		})
	}
}

func TestSubunitDump_Twice(t *testing.T) {
	t.Parallel()
	storetest.EachDirect(t, func(t *testing.T, s *store.Store) {
		tables := subunitTables(4, 5)
		dump := writtenSubunit(sqldumptest.MySQL, tables)
		dry := importedSubunit(t, s, dump, func(d *results.SubunitDump) { d.Import.DryRun = true })
		if got := importedRuns(t, s); len(got) != 0 {
			t.Fatalf("a dry run wrote %q", got)
		}
		if first := importedSubunit(t, s, dump); first.Text() != dry.Text() {
			t.Errorf("the dry run said %s, and was %s", dry.Text(), first.Text())
		}
		before := importedRuns(t, s)
		if again := importedSubunit(t, s, dump); again.Kinds["run"] != (imports.Count{There: 4}) || !slices.Equal(importedRuns(t, s), before) {
			t.Errorf("the second time: %s", again.Text())
		}
		tables["test_runs"].Rows[1][3] = "success" // a failure that has become none
		if other := importedSubunit(t, s, writtenSubunit(sqldumptest.MySQL, tables)); other.Kinds["run"] != (imports.Count{There: 3, Refused: 1}) {
			t.Errorf("with another status: %s", other.Text())
		}
		if other := importedSubunit(t, s, dump, func(d *results.SubunitDump) { d.Import.Tenant = "b" }); other.Kinds["run"] != (imports.Count{Refused: 4}) {
			t.Errorf("for another tenant: %s", other.Text())
		}
	})
}

func TestSubunitDump_Interrupted(t *testing.T) {
	t.Parallel()
	storetest.EachDirect(t, func(t *testing.T, s *store.Store) {
		dump := writtenSubunit(sqldumptest.PostgreSQL, subunitTables(8, 5))
		whole := servertest.New(t).Store
		want := importedSubunit(t, whole, dump)
		for left := 1; ; left += 7 {
			r, err := importSubunit(storetest.Ending(t.Context(), left), t, s, dump)
			if err == nil {
				if r.Text() != want.Text() {
					t.Errorf("the report is %s, want %s", r.Text(), want.Text())
				}
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		if got, want := importedRuns(t, s), importedRuns(t, whole); !slices.Equal(got, want) {
			t.Errorf("the runs are\n%q\nwant\n%q", got, want)
		}
	})
}

func TestSubunitDump_Damaged(t *testing.T) {
	t.Parallel()
	s := servertest.New(t).Store
	tables := subunitTables(9, 4)
	run, testRuns := tables["runs"], tables["test_runs"]
	testRuns.Rows[1] = []any{"x", "t1", dumpedRunID(1000), "fail", nil, nil, nil, nil} // no such run: run 0 lacks its failure
	testRuns.Rows[4*1][3] = "exploded"                                                 // was a success
	run.Rows[1][3] = 1
	testRuns.Rows[4*2][1] = "t1000"          // no such test
	run.Rows[3][0] = dumpedRunID(2)          // twice
	run.Rows[4][6] = nil                     // no run_at
	run.Rows[5][0], run.Rows[5][6] = 17, nil // a number; its tests belong to the old id
	testRuns.Rows[4*6][3] = nil
	run.Rows[6][3] = 1
	testRuns.Rows[4*7+1] = append([]any{"y"}, testRuns.Rows[4*7][1:]...) // a test twice, once as a failure
	testRuns.Rows[4*7+1][3] = "fail"
	run.Rows[7][3], run.Rows[7][1] = 2, 1
	tables["tests"].Add("latin", "caf\xe9", 0, 0, 0, 0)
	testRuns.Rows[4*8][1] = "latin"
	r := importedSubunit(t, s, writtenSubunit(sqldumptest.MySQL, tables))
	if r.Kinds["run"] != (imports.Count{Taken: 7, Refused: 2}) {
		t.Errorf("the report is %s", r.Text())
	}
	for _, says := range []string{"is not in the dump", "another run has this id", "neither run_at nor", "it has no run_at", "1 fails by its own count, and 0", "unknown; they stay unknown", "no name in the dump"} {
		if !strings.Contains(r.Text(), says) {
			t.Errorf("the report does not say %q:\n%s", says, r.Text())
		}
	}
	for n, want := range map[int]string{0: "incomplete false", 1: "fail true", 2: "fail false", 4: "fail true", 6: "fail true", 7: "fail true", 8: "fail false"} {
		got := dumpedResult(t, s, n)
		if n == 1 || n == 6 { // a test without a verdict
			if got.Counts.Unknown+got.Counts.InProgress != 1 || got.Counts.Success != 1 {
				t.Errorf("run %d counts %+v", n, got.Counts)
			}
			want = got.Outcome + " " + fmt.Sprint(got.Complete)
			if got.Outcome == "pass" {
				t.Errorf("run %d passes", n)
			}
		}
		if is := fmt.Sprintf("%s %v", got.Outcome, got.Complete); is != want {
			t.Errorf("run %d is %s, want %s: %s", n, is, want, got.Damage)
		}
	}
}

// TestSubunitDump_Cut imports half of a SQLite file, and no database.
func TestSubunitDump_Cut(t *testing.T) {
	t.Parallel()
	s := servertest.New(t).Store
	file := sqliteFile(t, writtenSubunit(sqldumptest.SQLite, subunitTables(20, 100)))
	r := importedSubunit(t, s, file[:len(file)/2])
	if r.Refused() == 0 {
		t.Errorf("the report is %s", r.Text())
	}
	for _, run := range importedRuns(t, s) {
		if strings.Contains(run, "pass") || strings.Contains(run, "complete true") {
			t.Errorf("a run is %s", run)
		}
	}
	if r := importedSubunit(t, s, "hello"); !strings.Contains(r.Text(), "is no database of subunit2sql") {
		t.Errorf("of no database: %s", r.Text())
	}
}

// BenchmarkSubunitDump imports 100 000 tests.
func BenchmarkSubunitDump(b *testing.B) {
	const rows = 100_000
	dump := writtenSubunit(sqldumptest.MySQL, subunitTables(100, rows/100))
	for b.Loop() {
		s := servertest.New(b)
		if r := importedSubunit(b, s.Store, dump); r.Kinds["run"].Taken != 100 {
			b.Fatal(r.Text())
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// TestSubunitDump_CutBeforeTests imports dumps that end behind the runs, which do not say
// how many tests they had. No run is shown as a good one, nor as one of nothing.
func TestSubunitDump_CutBeforeTests(t *testing.T) {
	t.Parallel()
	tables := subunitTables(2, 4)
	for _, row := range tables["runs"].Rows {
		row[1], row[2], row[3] = nil, nil, nil
	}
	for _, form := range sqldumptest.Forms {
		whole := writtenSubunit(form, tables)
		for name, dump := range map[string]string{
			"cut":               whole[:strings.Index(whole, "CREATE TABLE"+map[sqldumptest.Form]string{sqldumptest.MySQL: " `test_runs`", sqldumptest.SQLite: " test_runs"}[form])],
			"without the table": sqldumptest.Write(form, tables["tests"], tables["runs"]),
		} {
			if form != sqldumptest.MySQL && form != sqldumptest.SQLite {
				dump = strings.ReplaceAll(whole, "public.test_runs", "public.other")
			}
			s := servertest.New(t)
			r := importedSubunit(t, s.Store, dump)
			for n := range 2 {
				var run struct {
					Outcome  string
					Complete bool
				}
				answer := s.Do("GET", fmt.Sprintf("/v1/runs/%d/results/%s", dumpedResult(t, s.Store, n).RunID, dumpedRunID(n)), "", servertest.Admin())
				if err := json.Unmarshal(answer.Body, &run); err != nil || answer.Status != 200 || run.Complete || run.Outcome == "pass" {
					t.Errorf("%s, %s: run %d is answered %d %.300s; the report is %s", form, name, n, answer.Status, answer.Body, r.Text())
				}
			}
		}
	}
}
