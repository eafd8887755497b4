package lab_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/imports/scratch"
	"github.com/slipway-lab/slipway/server/imports/sqldump/sqldumptest"
	"github.com/slipway-lab/slipway/server/lab"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
	"github.com/slipway-lab/slipway/store/storetest"
)

// drydockID is an id as Drydock keeps it, and drydockUUID as its API shows it.
func drydockID(n int) []byte {
	return fmt.Appendf(nil, "0123456789%06d", n)
}

func drydockUUID(n int) string {
	id := drydockID(n)
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func drydockAt(n int) string { return fmt.Sprintf("2018-07-%02d 10:%02d:00.123456", n/60%28+1, n%60) }

// drydockTables is a Drydock's database by the columns of
// drydock_provisioner/statemgmt/db/tables.py: so many top tasks, each with a subtask that
// failed on node n1, two messages, a boot action and build data.
func drydockTables(tops int) map[string]*sqldumptest.Table {
	tables := map[string]*sqldumptest.Table{}
	table := func(name, columns string) *sqldumptest.Table {
		tables[name] = &sqldumptest.Table{Name: name, Columns: strings.Fields(columns)}
		return tables[name]
	}
	table("active_instance", "dummy_key identity last_ping").Add(1, drydockID(9999), drydockAt(0))
	table("boot_action", "node_name task_id identity_key").Add("n1", drydockID(1), []byte(strings.Repeat("k", 32)))
	actions := table("boot_action_status", "node_name action_id action_name task_id identity_key action_status")
	data := table("build_data", "node_name task_id collected_date generator data_format data_element")
	messages := table("result_message", "sequence task_id message error context context_type ts extra")
	tasks := table("tasks", "task_id parent_task_id subtask_id_list result_status result_message result_reason result_error_count result_successes result_failures retry status created created_by updated design_ref request_context node_filter action terminated terminated_by terminate result_links")
	for n := range tops {
		top, sub := 2*n, 2*n+1
		filter := `{"filter_set_type": "intersection", "filter_set": [{"filter_type": "union", "node_names": ["n1"], "node_tags": [], "node_labels": {}, "rack_names": [], "rack_labels": {}}]}`
		tasks.Add(drydockID(sub), drydockID(top), `{}`, "failure", "No luck", "it's broken", 1, `{}`, `{n1,"n 2"}`, 1, "complete", drydockAt(n), "admin", drydockAt(n+1), "deckhand+http://d/1", `{"user": "admin"}`, filter, "deploy_node", nil, nil, false, `{"detail_logs": ["http://x"]}`)
		tasks.Add(drydockID(top), nil, `{}`, "partial_success", nil, nil, 1, `{n3}`, `{n1}`, 0, "complete", drydockAt(n), "admin", drydockAt(n+1), "deckhand+http://d/1", nil, nil, "deploy_nodes", nil, nil, false, nil)
		messages.Add(2*n+1, drydockID(sub), "Deploying\tn1", false, "n1", "node", drydockAt(n), `"{\"a\": 1}"`)
		messages.Add(2*n+2, drydockID(sub), "Failed", true, "n1", "node", drydockAt(n+1), `{}`)
		actions.Add("n1", drydockID(5000+n), "hello", drydockID(sub), []byte(strings.Repeat("k", 32)), "failure")
		data.Add("n1", drydockID(sub), drydockAt(n), "lshw", "text/plain", fmt.Sprintf("<list>\n%d</list>", n))
	}
	return tables
}

var drydockOrder = []string{"active_instance", "boot_action", "boot_action_status", "build_data", "result_message", "tasks"}

func writtenDrydock(f sqldumptest.Form, tables map[string]*sqldumptest.Table) string {
	var list []*sqldumptest.Table
	for _, name := range drydockOrder {
		list = append(list, tables[name])
	}
	return sqldumptest.Write(f, list...)
}

func importDrydock(ctx context.Context, t testing.TB, s *store.Store, dump string, dry bool) (*imports.Report, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "drydock.sql")
	if err := os.WriteFile(path, []byte(dump), 0o600); err != nil {
		t.Fatal(err)
	}
	f, _, err := scratch.File(path, "drydock", func(r io.Reader) io.Reader { return r })
	if err != nil {
		t.Fatal(err)
	}
	d := &lab.DumpImport{Import: imports.Import{Store: s, System: "drydock", DryRun: dry}}
	return d.Run(ctx, f)
}

func importedDrydock(t testing.TB, s *store.Store, dump string) *imports.Report {
	t.Helper()
	r, err := importDrydock(t.Context(), t, s, dump, false)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// drydockTask is a task as the API shows it.
func drydockTask(t testing.TB, s *servertest.Server, n int) (doc struct {
	TaskID, Action, Status, Created, Updated, DesignRef string
	Parent                                              any      `json:"parent_task_id"`
	Subtasks                                            []string `json:"subtask_id_list"`
	Retry                                               int
	Result                                              struct {
		Status, Message, Reason string
		Successes, Failures     []string
		Details                 struct {
			ErrorCount  int
			MessageList []struct {
				Message, TS string
				Error       bool
				Extra       map[string]any
			}
		}
	}
}) {
	t.Helper()
	a := s.Do("GET", "/api/v1.0/tasks/"+drydockUUID(n), "", servertest.Admin())
	if a.Status != 200 {
		t.Fatalf("task %d: %d %s", n, a.Status, a.Body)
	}
	if err := json.Unmarshal(a.Body, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDumpImport(t *testing.T) {
	t.Parallel()
	for _, form := range []sqldumptest.Form{sqldumptest.PostgreSQL, sqldumptest.PostgreSQLRows} {
		t.Run(form.String(), func(t *testing.T) {
			t.Parallel()
			servertest.Each(t, func(t *testing.T, s *servertest.Server) {
				r := importedDrydock(t, s.Store, writtenDrydock(form, drydockTables(3)))
				for kind, want := range map[string]imports.Count{
					"tasks": {Taken: 6}, "result_message": {Taken: 6}, "boot_action_status": {Taken: 3}, "build_data": {Taken: 3}, "boot_action": {LeftOut: 1}, "active_instance": {LeftOut: 1},
				} {
					if r.Kinds[kind] != want {
						t.Errorf("%s: %+v, want %+v\n%s", kind, r.Kinds[kind], want, r.Text())
					}
				}
				top := drydockTask(t, s, 2)
				if top.Result.Status != "partial_success" || top.Status != "complete" || !slices.Equal(top.Subtasks, []string{drydockUUID(3)}) || !slices.Equal(top.Result.Failures, []string{"n1"}) {
					t.Errorf("a top task is %+v", top)
				}
				sub := drydockTask(t, s, 3)
				if sub.Result.Status != "failure" || sub.Parent != drydockUUID(2) || sub.Retry != 1 || sub.Result.Message != "No luck" || sub.Result.Reason != "it's broken" || !slices.Equal(sub.Result.Failures, []string{"n1", "n 2"}) {
					t.Errorf("a subtask is %+v", sub)
				}
				if !strings.HasPrefix(sub.Created, "2018-07-01T10:01:00.123456") || !strings.HasPrefix(sub.Updated, "2018-07-01T10:02") {
					t.Errorf("it was created %s, updated %s", sub.Created, sub.Updated)
				}
				list := sub.Result.Details.MessageList
				if len(list) != 3 || !strings.HasSuffix(list[2].Message, `{"detail_logs": ["http://x"]}`) || list[2].Error || list[0].Message != "Deploying\tn1" || list[0].Extra["a"] != 1.0 || !list[1].Error || sub.Result.Details.ErrorCount != 1 {
					t.Errorf("its messages are %+v", list)
				}
				data := s.Do("GET", "/api/v1.0/nodes/n1/builddata?latest=true", "", servertest.Admin())
				if data.Status != 200 || !strings.Contains(string(data.Body), `\n2`) || !strings.Contains(string(data.Body), drydockUUID(5)) {
					t.Errorf("the latest build data are %d %s", data.Status, data.Body)
				}
				action, err := labstore.New(s.Store).BootAction(t.Context(), ulid.ULID(drydockID(5001)).String())
				if err != nil || action.Status != "failure" || action.Task != drydockUUID(3) || action.Root != drydockUUID(2) {
					t.Errorf("a boot action is %+v, %v", action, err)
				}
				if all := s.Do("GET", "/api/v1.0/tasks", "", servertest.Admin()); all.Status != 200 || strings.Count(string(all.Body), `"kind":"Task"`) != 6 {
					t.Errorf("the list is %d %s", all.Status, all.Body)
				}
			})
		})
	}
}

// drydockState is what a store has of a dump.
func drydockState(t testing.TB, st *store.Store) string {
	t.Helper()
	var b strings.Builder
	s := labstore.New(st)
	tasks, err := s.ListTasks(t.Context(), labstore.TaskFilter{Page: store.Page{Limit: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks.Items {
		messages, err := s.Messages(t.Context(), []string{task.ID})
		if err != nil {
			t.Fatal(err)
		}
		actions, err := s.BootActions(t.Context(), task.ID)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s %s %d %s %s", task.ID, task.Root, task.Status, task.Seq, task.Plan, task.Filter)
		for _, m := range messages[task.ID] {
			fmt.Fprintf(&b, " [%s %v %s]", m.Text, m.Error, m.CreatedAt)
		}
		for _, a := range actions {
			fmt.Fprintf(&b, " (%s %s)", a.ID, a.Status)
		}
		b.WriteByte('\n')
	}
	data, err := s.BuildDataPlaces(t.Context(), labstore.BuildDataFilter{Node: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%d build data", len(data.Items))
	return b.String()
}

func TestDumpImport_Twice(t *testing.T) {
	t.Parallel()
	storetest.EachDirect(t, func(t *testing.T, s *store.Store) {
		tables := drydockTables(4)
		dump := writtenDrydock(sqldumptest.PostgreSQL, tables)
		dry, err := importDrydock(t.Context(), t, s, dump, true)
		if got := drydockState(t, s); err != nil || got != "0 build data" {
			t.Fatalf("a dry run wrote %s, %v", got, err)
		}
		first := importedDrydock(t, s, dump)
		if first.Text() != dry.Text() {
			t.Errorf("the dry run said %s, and was %s", dry.Text(), first.Text())
		}
		before := drydockState(t, s)
		again := importedDrydock(t, s, dump)
		for kind, n := range map[string]int64{"tasks": 8, "result_message": 8, "boot_action_status": 4, "build_data": 4} {
			if again.Kinds[kind] != (imports.Count{There: n}) {
				t.Errorf("%s the second time: %+v", kind, again.Kinds[kind])
			}
		}
		if after := drydockState(t, s); after != before {
			t.Errorf("the second import made\n%s of\n%s", after, before)
		}
		tables["tasks"].Rows[0][3] = "success"
		tables["build_data"].Add("n1", nil, drydockAt(1), "lshw", "text/plain", "older")
		other := importedDrydock(t, s, writtenDrydock(sqldumptest.PostgreSQL, tables))
		if other.Kinds["tasks"] != (imports.Count{There: 6, Refused: 2}) || other.Kinds["build_data"] != (imports.Count{There: 4, LeftOut: 1}) {
			t.Errorf("with something else: %s", other.Text())
		}
	})
}

func TestDumpImport_Interrupted(t *testing.T) {
	t.Parallel()
	storetest.EachDirect(t, func(t *testing.T, s *store.Store) {
		dump := writtenDrydock(sqldumptest.PostgreSQL, drydockTables(8))
		whole := servertest.New(t).Store
		want := importedDrydock(t, whole, dump)
		for left := 1; ; left += 7 {
			r, err := importDrydock(storetest.Ending(t.Context(), left), t, s, dump, false)
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
		if got, want := drydockState(t, s), drydockState(t, whole); got != want {
			t.Errorf("the store has\n%s\nwant\n%s", got, want)
		}
	})
}

// TestDumpImport_Damaged imports tasks that were not over, and rows that refer to nothing.
func TestDumpImport_Damaged(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	stop := s.Work() // an engine that would go on with a task
	defer stop()
	tables := drydockTables(7)
	tasks, messages := tables["tasks"], tables["result_message"]
	tasks.Rows[1][10], tasks.Rows[1][3] = "running", "success"    // top 0
	tasks.Rows[3][10], tasks.Rows[3][3] = "exploded", "wonderful" // top 2
	tasks.Rows[4][1] = drydockID(4000)                            // sub 5 loses its parent
	tasks.Rows[7][0] = []byte("short")                            // top 6
	tasks.Rows[9][1] = drydockID(9)                               // top 8 and sub 9 are within each other
	tasks.Rows[11][16] = "{"                                      // a filter that is none
	tasks.Rows[10][8] = `{"a`
	messages.Rows[12][1] = drydockID(4000)
	tables["boot_action_status"].Rows[0][5] = "maybe"
	tables["build_data"].Rows[0][2] = "soon"
	r := importedDrydock(t, s.Store, writtenDrydock(sqldumptest.PostgreSQL, tables))
	for _, says := range []string{
		"it was running when the dump was made", `its status "exploded" is unknown`, `its result_status "wonderful" is unknown`, "is not in the dump: it stands at the top", "its task_id is no UUID",
		"it is a subtask of itself", "its node_filter is no JSON", "its result_failures cannot be read", "its task is not in the dump", `its action_status "maybe" is unknown`, "its collected_date",
	} {
		if !strings.Contains(r.Text(), says) {
			t.Errorf("the report does not say %q:\n%s", says, r.Text())
		}
	}
	for n, want := range map[int]string{0: "terminated incomplete 1", 2: "terminated incomplete 2", 5: "complete failure 2"} {
		doc := drydockTask(t, s, n)
		if got := fmt.Sprintf("%s %s %d", doc.Status, doc.Result.Status, doc.Result.Details.ErrorCount); got != want {
			t.Errorf("task %d is %s, want %s", n, got, want)
		}
	}
	cut := writtenDrydock(sqldumptest.PostgreSQL, drydockTables(3))
	at := strings.Index(cut, "Failed")
	other := servertest.New(t)
	r = importedDrydock(t, other.Store, cut[:at]+"\n"+cut[at:])
	if doc := drydockTask(t, other, 0); r.Refused() == 0 || !strings.Contains(fmt.Sprint(doc.Result.Details.MessageList), "the dump has lost rows of result_message") {
		t.Errorf("a task of which messages were lost is %+v\n%s", doc, r.Text())
	}
	if r := importedDrydock(t, other.Store, "hello\n"); !strings.Contains(r.Text(), "is no dump of a Drydock") {
		t.Errorf("of no dump: %s", r.Text())
	}
}

// BenchmarkDumpImport imports 100 000 messages.
func BenchmarkDumpImport(b *testing.B) {
	const rows = 100_000
	tables := drydockTables(100)
	messages := tables["result_message"]
	for n := len(messages.Rows); n < rows; n++ {
		messages.Add(n+1, drydockID(n%100*2+1), "Polling", false, "n1", "node", drydockAt(n%1000), `{}`)
	}
	dump := writtenDrydock(sqldumptest.PostgreSQL, tables)
	for b.Loop() {
		s := servertest.New(b)
		if r := importedDrydock(b, s.Store, dump); r.Kinds["result_message"].Taken != rows {
			b.Fatal(r.Text())
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// TestDumpImport_Counted refuses a task, and counts what was said of it with it: nothing of
// a dump is left out without a word.
func TestDumpImport_Counted(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	tasks := &sqldumptest.Table{Name: "tasks", Columns: []string{"task_id", "result_status", "status", "created", "action"}}
	tasks.Add(drydockID(0), "failure", "complete", "infinity", "verify_site")
	messages := &sqldumptest.Table{Name: "result_message", Columns: []string{"sequence", "task_id", "message", "error", "ts"}}
	messages.Add(1, drydockID(0), "Failed", true, drydockAt(0))
	messages.Add(2, drydockID(0), "Ended", false, drydockAt(0))
	actions := &sqldumptest.Table{Name: "boot_action_status", Columns: []string{"node_name", "action_id", "action_name", "task_id", "action_status"}}
	actions.Add("n1", drydockID(1), "a", drydockID(0), "failure")
	r := importedDrydock(t, s.Store, sqldumptest.Write(sqldumptest.PostgreSQL, tasks, messages, actions))
	want := map[string]imports.Count{"tasks": {Refused: 1}, "result_message": {Refused: 2}, "boot_action_status": {Refused: 1}}
	if !maps.Equal(r.Kinds, want) {
		t.Errorf("the report is %s", r.Text())
	}
}

// TestDumpImport_Escaped reads bytes as PostgreSQL writes them with bytea_output = escape.
func TestDumpImport_Escaped(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	id := []byte("\x00\x01A\\\x40\x00\x40\x00\x80\x00\x7e\xff'\n\t\x02")
	head := "--\n-- PostgreSQL database dump\n--\nSET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n"
	r := importedDrydock(t, s.Store, head+`COPY public.tasks (task_id, result_status, status, created, action) FROM stdin;
\\000\\001A\\\\@\\000@\\000\\200\\000~\\377'\\012\\011\\002`+"\tfailure\tcomplete\t2018-01-01 00:00:00\tverify_site\n\\.\n--\n-- PostgreSQL database dump complete\n--\n")
	if c := r.Kinds["tasks"]; c.Taken != 1 || c.Refused != 0 {
		t.Fatalf("the report is %s", r.Text())
	}
	a := s.Do("GET", "/v1/tasks/"+uuid.UUID(id).String(), "", servertest.Admin())
	if a.Status != 200 || !strings.Contains(string(a.Body), `"failure"`) {
		t.Errorf("the task is answered %d %.300s", a.Status, a.Body)
	}
}
