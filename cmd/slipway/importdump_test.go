package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/imports/sqldump/sqldumptest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/areas"
	labstore "github.com/slipway-lab/slipway/store/lab"
	resultstore "github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// refstackDump is RefStack's database with so many tests, by the columns of
// refstack/db/sqlalchemy/models.py.
func refstackDump(tests int) string {
	results := &sqldumptest.Table{Name: "results", Columns: []string{"_id", "test_id", "name", "uuid"}}
	test := &sqldumptest.Table{Name: "test", Columns: []string{"id", "created_at", "cpid", "duration_seconds"}}
	for n := range tests {
		id := fmt.Sprintf("%08x-1111-4111-8111-111111111111", n)
		test.Add(id, fmt.Sprintf("2016-05-04 03:%02d:%02d", n/60%60, n%60), "cpid", n)
		for k := range 3 {
			results.Add(n*3+k, id, fmt.Sprintf("tempest.test_%d", k), nil)
		}
	}
	meta := &sqldumptest.Table{Name: "meta", Columns: []string{"_id", "test_id", "meta_key", "value"}}
	results.Add(9999, "nobody's", "tempest.test_0", nil)
	return sqldumptest.Write(sqldumptest.MySQL, meta, results, test)
}

// dumpedSystem is a system whose import is killed.
type dumpedSystem struct {
	name   string
	source func(h *home, units int) // writes it as "source"
	count  func(t *testing.T, s *store.Store) int64
	kind   string // that the report counts
}

func countRuns(t *testing.T, s *store.Store) int64 {
	t.Helper()
	list, err := resultstore.New(s).ListRuns(t.Context(), resultstore.RunFilter{Scope: store.Everything, Page: store.Page{Limit: 1, Total: true, Exact: true}})
	if err != nil {
		t.Fatal(err)
	}
	return list.Total
}

func countTasks(t *testing.T, s *store.Store) int64 {
	t.Helper()
	list, err := labstore.New(s).ListTasks(t.Context(), labstore.TaskFilter{Page: store.Page{Limit: 1, Total: true, Exact: true}})
	if err != nil {
		t.Fatal(err)
	}
	return list.Total
}

var dumpedSystems = []dumpedSystem{
	{"refstack", func(h *home, n int) { h.write("source", refstackDump(n)) }, countRuns, "test"},
	{"subunit2sql", func(h *home, n int) { h.write("source", subunitDump(n)) }, countRuns, "run"},
	{"drydock", func(h *home, n int) { h.write("source", drydockDump(n)) }, countTasks, "tasks"},
	{"junit", junitFolder, countRuns, "run"},
}

// TestImport_DumpKilled kills an import of each system in the middle. The next one ends
// with the report that one which nobody has killed would have had.
func TestImport_DumpKilled(t *testing.T) {
	t.Parallel()
	const units = 150
	for _, system := range dumpedSystems {
		t.Run(system.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			h.watched()
			system.source(h, units)
			h.want(0, "slipway migrate --data undisturbed && slipway migrate --data killed")
			code := h.sh("slipway import " + system.name + " source --data undisturbed --report undisturbed.json").code
			s, err := areas.Open(t.Context(), store.Config{DataDir: filepath.Join(h.dir, "killed")})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			c := h.cmd(t.Context(), "exec slipway import "+system.name+" source --data killed")
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			await.That(t, "some are there", func() bool { return system.count(t, s) >= 10 })
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait() // it was killed
			if n := system.count(t, s); n >= units {
				t.Fatalf("%d are there: it was not in the middle", n)
			}
			if d := h.sh("slipway import " + system.name + " source --data killed --report killed.json"); d.code != code {
				t.Errorf("exit %d, want %d: %s", d.code, code, d.err)
			}
			got, want := readReport(t, h, "killed.json"), readReport(t, h, "undisturbed.json")
			if fmt.Sprintf("%+v", *got.Report) != fmt.Sprintf("%+v", *want.Report) || !got.Complete {
				t.Errorf("the report is\n%+v\nwant\n%+v", *got.Report, *want.Report)
			}
			if n := system.count(t, s); n != units {
				t.Errorf("%d are there, want %d", n, units)
			}
			h.sh("slipway import " + system.name + " source --data killed --report again.json")
			if again := readReport(t, h, "again.json").Kinds[system.kind]; again.Taken != 0 || again.There != want.Kinds[system.kind].Taken {
				t.Errorf("the second time the report counts %+v", again)
			}
			if n := system.count(t, s); n != units {
				t.Errorf("%d are there after the second time, want %d", n, units)
			}
		})
	}
}

func readReport(t *testing.T, h *home, name string) (r importReport) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(h.dir, name))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestImport_DumpUsage(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.watched()
	h.want(0, "slipway migrate --data d")
	h.write("dump.sql", refstackDump(2))
	for _, system := range dumpedSystems {
		h.want(2, "slipway import "+system.name+" missing --data d")
	}
	d := h.want(1, "slipway import refstack dump.sql --data d --dry-run")
	if !strings.Contains(d.out, "Nothing was written.") || !strings.Contains(d.out, "2 taken") {
		t.Errorf("it says %s", d.out)
	}
	h.want(2, "slipway import refstack . --data d")
	h.want(2, "slipway import drydock dump.sql --data d --tenant a")
	h.want(2, "slipway import refstack dump.sql --data d --max-row 1")
	h.want(4, "slipway import refstack dump.sql --data nowhere")
	h.write("dump.sql-wal", "x")
	if d := h.want(2, "slipway import refstack dump.sql --data d"); !strings.Contains(d.err, "dump.sql-wal holds what is not in") {
		t.Errorf("it says %s", d.err)
	}
}

// junitFolder writes so many builds with JUnit files.
func junitFolder(h *home, builds int) {
	for n := range builds {
		h.write(fmt.Sprintf("source/build-%d/junit.xml", n), fmt.Sprintf(`<testsuite timestamp="2017-01-02T03:%02d:%02d"><testcase name="a"/></testsuite>`, n/60, n%60))
	}
}

// subunitDump is subunit2sql's database with so many runs, by the columns of
// subunit2sql/db/models.py.
func subunitDump(runs int) string {
	tests := &sqldumptest.Table{Name: "tests", Columns: []string{"id", "test_id"}}
	run := &sqldumptest.Table{Name: "runs", Columns: []string{"id", "skips", "fails", "passes", "run_at"}}
	testRuns := &sqldumptest.Table{Name: "test_runs", Columns: []string{"id", "test_id", "run_id", "status"}}
	tests.Add("t", "unit.test_a")
	for n := range runs {
		id := fmt.Sprintf("%08x-2222-4222-8222-222222222222", n)
		run.Add(id, 0, 1, 0, fmt.Sprintf("2015-05-04 03:%02d:%02d", n/60%60, n%60))
		testRuns.Add(fmt.Sprint(n), "t", id, "fail")
	}
	return sqldumptest.Write(sqldumptest.SQLite, tests, run, testRuns)
}

// drydockDump is Drydock's database with so many tasks, by the columns of
// drydock_provisioner/statemgmt/db/tables.py.
func drydockDump(n int) string {
	tasks := &sqldumptest.Table{Name: "tasks", Columns: []string{"task_id", "result_status", "status", "created", "action"}}
	for i := range n {
		tasks.Add([]byte(fmt.Sprintf("%016d", i)), "failure", "complete", fmt.Sprintf("2018-05-04 03:%02d:%02d", i/60%60, i%60), "verify_nodes")
	}
	return sqldumptest.Write(sqldumptest.PostgreSQL, tasks)
}
