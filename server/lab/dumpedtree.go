package lab

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/imports/runs"
	"github.com/slipway-lab/slipway/server/imports/scratch"
	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// dumpedTree is a top task of a dump with everything under it.
type dumpedTree struct {
	d   *DumpImport
	top int64 // its row

	root     string
	tasks    []labstore.Task
	messages []labstore.Message
	doubts   []labstore.Message // what the import has to say
	actions  []labstore.BootAction
	keys     map[string]string // ids by those of the dump
}

// plain is a text as it may be stored.
func plain(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\ufffd"), "\ufffd")
}

func (t *dumpedTree) ids() (ids []string) {
	for i := range t.tasks {
		ids = append(ids, t.tasks[i].ID)
	}
	return ids
}

// read reads the tree. Without tasks, the report says why.
func (t *dumpedTree) read(ctx context.Context, r *imports.Report) error {
	t.keys = map[string]string{}
	if err := t.readTasks(ctx, r); err != nil {
		return err
	}
	if err := t.readMessages(ctx, r); err != nil {
		return err
	}
	if err := t.readActions(ctx, r); err != nil || len(t.tasks) == 0 {
		return err
	}
	return t.lost(ctx)
}

// dumpedTask is a row of tasks.
type dumpedTask struct {
	seq                                                   int64
	where                                                 imports.Finding
	id, parent, result, message, reason, successes        sql.NullString
	failures, retry, status, created, by, updated, design sql.NullString
	filter, action, terminated, terminatedBy, terminate   sql.NullString
	links                                                 sql.NullString
	depth                                                 int
}

// readTasks reads the tasks, parents before children.
func (t *dumpedTree) readTasks(ctx context.Context, r *imports.Report) error {
	query := `SELECT tasks.seq, line, depth, task_id, parent_task_id, result_status, result_message, result_reason, result_successes, result_failures,
		retry, status, created, created_by, updated, design_ref, node_filter, action, terminated, terminated_by, terminate, result_links
		FROM tree JOIN tasks ON tasks.seq = tree.seq WHERE root = ? ORDER BY depth, created, tasks.seq`
	return t.d.tables.Each(ctx, query, []any{t.top}, func(scan scratch.Scan) error {
		row := &dumpedTask{where: imports.Finding{File: t.d.file.Name, Kind: "tasks"}}
		err := scan(&row.seq, &row.where.Line, &row.depth, &row.id, &row.parent, &row.result, &row.message, &row.reason, &row.successes, &row.failures,
			&row.retry, &row.status, &row.created, &row.by, &row.updated, &row.design, &row.filter, &row.action, &row.terminated, &row.terminatedBy, &row.terminate, &row.links)
		if err != nil {
			return err
		}
		return t.add(row, r)
	})
}

// add makes a task of a row.
func (t *dumpedTree) add(row *dumpedTask, r *imports.Report) error {
	id := t.d.taskID(row.id)
	row.where.ID = id
	created, err := runs.Time(row.created.String)
	if err != nil {
		created, err = runs.Time(row.updated.String)
	}
	parent, known := t.keys[row.parent.String]
	f := row.where
	switch {
	case id == "":
		f.Says = "its task_id is no UUID"
	case err != nil:
		f.Says = "its created: " + err.Error()
	case row.depth > 0 && !known:
		f.Says = "its parent was not taken"
	}
	if f.Says != "" {
		r.Refuse(f)
		return nil
	}
	t.keys[row.id.String] = id
	if row.depth == 0 {
		t.root = id
		if row.parent.Valid {
			t.say(row, r, "its parent %s is not in the dump: it stands at the top", t.d.taskID(row.parent))
		}
	}
	task := labstore.Task{
		ID: id, Root: t.root, Parent: parent, Seq: int64(len(t.tasks)), Action: plain(row.action.String), DesignRef: plain(row.design.String),
		CreatedBy: plain(row.by.String), CreatedAt: created, UpdatedAt: created,
	}
	if at, err := runs.Time(row.updated.String); err == nil {
		task.UpdatedAt = at
	}
	if row.filter.Valid && row.filter.String != "null" {
		if json.Valid([]byte(row.filter.String)) && len(row.filter.String) < 1<<20 {
			task.Filter = store.JSON(plain(row.filter.String))
			task.Node = onlyNode(task.Filter)
		} else {
			t.say(row, r, "its node_filter is no JSON")
		}
	}
	if text := plain(row.links.String); text != "" && text != "null" && text != "{}" {
		t.tell(row, r, false, "its result_links led to the Drydock that it came from: %.2000s", text)
	}
	return t.plan(row, task, r)
}

// plan fills in how the task went.
func (t *dumpedTree) plan(row *dumpedTask, task labstore.Task, r *imports.Report) error {
	p := taskplan.Task{
		ID: task.ID, Parent: task.Parent, Role: taskplan.Step, Action: taskplan.Action(task.Action), Status: taskplan.Status(row.status.String),
		Result: taskplan.ResultStatus(row.result.String), Message: plain(row.message.String), Reason: plain(row.reason.String),
		Listed: true, OwnFilter: true, Created: task.CreatedAt, Ended: task.UpdatedAt, TerminatedBy: plain(row.terminatedBy.String),
		Successes: t.list(row, "result_successes", row.successes, r), Failures: t.list(row, "result_failures", row.failures, r),
	}
	if action, ok := taskplan.ParseAction(task.Action); ok {
		p.Action = action
	}
	switch {
	case row.depth == 0:
		p.Role = taskplan.Top
	case task.Node != "":
		p.Role = taskplan.Node
	}
	if task.Node != "" {
		p.Nodes = []string{task.Node}
	}
	p.Retry, _ = strconv.Atoi(row.retry.String) // none is 0
	p.Terminate = truth(row.terminate.String)
	p.TerminatedAt, _ = runs.Time(row.terminated.String)
	if p.Terminate && p.TerminatedAt.IsZero() {
		p.TerminatedAt = task.UpdatedAt
	}
	switch p.Result {
	case taskplan.Incomplete, taskplan.Success, taskplan.PartialSuccess, taskplan.Failure:
	case "":
		p.Result = taskplan.Incomplete
	default:
		t.say(row, r, "its result_status %.32q is unknown: incomplete here", plain(row.result.String))
		p.Result = taskplan.Incomplete
	}
	switch p.Status {
	case taskplan.Complete, taskplan.Terminated:
	case taskplan.Requested, taskplan.Queued, taskplan.Running, taskplan.Terminating:
		t.say(row, r, "it was %s when the dump was made, and nobody goes on with it", p.Status)
		end(&p)
	default:
		t.say(row, r, "its status %.32q is unknown: terminated here", plain(row.status.String))
		end(&p)
	}
	text, err := json.Marshal(&p)
	if err != nil {
		return err
	}
	task.Status, task.Plan = string(p.Status), store.JSON(text)
	t.tasks = append(t.tasks, task)
	return nil
}

// end ends a task that was not over. Nothing of it counts as done.
func end(p *taskplan.Task) {
	p.Status = taskplan.Terminated
	if p.Result == taskplan.Success {
		p.Result = taskplan.Incomplete
	}
}

// say tells of a task what is not as it was, in the report and in the task itself.
func (t *dumpedTree) say(row *dumpedTask, r *imports.Report, format string, args ...any) {
	t.tell(row, r, true, format, args...)
}

// tell notes something of a task in the report and among its messages; red counts it
// among the errors of the task.
func (t *dumpedTree) tell(row *dumpedTask, r *imports.Report, red bool, format string, args ...any) {
	f := row.where
	f.Says = fmt.Sprintf(format, args...)
	r.Note(f)
	at, _ := runs.Time(row.created.String) // else the beginning of time
	t.doubts = append(t.doubts, labstore.Message{
		Task: f.ID, Text: "Imported: " + f.Says, Error: red, ContextType: taskplan.NoContext, Context: taskplan.NoContext, CreatedAt: at,
	})
}

// truth reads a boolean as PostgreSQL writes it.
func truth(text string) bool { return text == "t" || text == "true" || text == "1" }

// onlyNode is the node that a filter names, if it names one by its name and nothing else
// (drydock_provisioner/orchestrator/orchestrator.py, process_node_filter).
func onlyNode(filter store.JSON) string {
	var f struct {
		Set []struct {
			Names  []string `json:"node_names"`
			Tags   []string `json:"node_tags"`
			Racks  []string `json:"rack_names"`
			Labels any      `json:"node_labels"`
		} `json:"filter_set"`
	}
	if json.Unmarshal(filter, &f) != nil || len(f.Set) != 1 || len(f.Set[0].Names) != 1 || len(f.Set[0].Tags)+len(f.Set[0].Racks) > 0 {
		return ""
	}
	switch labels := f.Set[0].Labels.(type) {
	case map[string]any:
		if len(labels) > 0 {
			return ""
		}
	case []any:
		if len(labels) > 0 {
			return ""
		}
	}
	return f.Set[0].Names[0]
}

// list reads an array as PostgreSQL writes it.
func (t *dumpedTree) list(row *dumpedTask, column string, text sql.NullString, r *imports.Report) []string {
	list, ok := readArray(plain(text.String))
	if !ok {
		t.say(row, r, "its %s cannot be read", column)
	}
	return list
}

// readArray reads {a,"b c",NULL}.
func readArray(text string) (list []string, ok bool) {
	if text == "" {
		return nil, true
	}
	inner, begun := strings.CutPrefix(text, "{")
	inner, ended := strings.CutSuffix(inner, "}")
	if !begun || !ended {
		return nil, false
	}
	for inner != "" {
		var item strings.Builder
		quoted := inner[0] == '"'
		i := 0
		if quoted {
			i = 1
		}
		for ; i < len(inner); i++ {
			c := inner[i]
			if quoted && c == '"' || !quoted && c == ',' {
				break
			}
			if c == '\\' && i+1 < len(inner) {
				i++
				c = inner[i]
			}
			item.WriteByte(c)
		}
		if quoted {
			if i == len(inner) {
				return list, false
			}
			i++
		}
		if quoted || item.String() != "NULL" {
			list = append(list, item.String())
		}
		if inner = inner[i:]; inner == "" {
			break
		}
		if inner[0] != ',' {
			return list, false
		}
		if inner = inner[1:]; inner == "" {
			return list, false
		}
	}
	return list, true
}

// readMessages reads the messages of the tasks in the order in which they came.
func (t *dumpedTree) readMessages(ctx context.Context, r *imports.Report) error {
	query := `SELECT line, task_id, message, error, context, context_type, ts, extra FROM result_message
		WHERE task_id IN (SELECT tasks.task_id FROM tree JOIN tasks ON tasks.seq = tree.seq WHERE root = ?) ORDER BY CAST(sequence AS INTEGER), seq`
	return t.d.tables.Each(ctx, query, []any{t.top}, func(scan scratch.Scan) error {
		f := imports.Finding{File: t.d.file.Name, Kind: "result_message"}
		var task, text, wrong, about, kind, ts, extra sql.NullString
		if err := scan(&f.Line, &task, &text, &wrong, &about, &kind, &ts, &extra); err != nil {
			return err
		}
		id, known := t.keys[task.String]
		f.ID = id
		at, err := runs.Time(ts.String)
		if !known {
			f.Says = "its task was not taken"
			r.Refuse(f)
			return nil
		}
		if err != nil {
			f.Says = "its ts is no time: that of its task counts"
			r.Note(f)
			at = t.created(id)
		}
		m := labstore.Message{Task: id, Text: plain(text.String), Error: truth(wrong.String) || !wrong.Valid, ContextType: plain(kind.String), Context: plain(about.String), CreatedAt: at}
		if extra.Valid && extra.String != "null" {
			m.Extra = t.extra(extra.String, f, r)
		}
		t.messages = append(t.messages, m)
		return nil
	})
}

// extra reads what a message has beside its text: an object, or one within a text, since
// Drydock dumped it before it stored it (drydock_provisioner/objects/task.py, to_db).
func (t *dumpedTree) extra(text string, f imports.Finding, r *imports.Report) store.JSON {
	var within string
	if json.Unmarshal([]byte(text), &within) == nil {
		text = within
	}
	var object map[string]any
	if text = plain(text); json.Unmarshal([]byte(text), &object) != nil {
		f.Says = "its extra is no JSON object"
		r.Note(f)
		return nil
	}
	if len(object) == 0 {
		return nil
	}
	return store.JSON(text)
}

func (t *dumpedTree) created(id string) time.Time {
	i := slices.IndexFunc(t.tasks, func(task labstore.Task) bool { return task.ID == id })
	return t.tasks[i].CreatedAt
}

// readActions reads the boot actions of the tasks.
func (t *dumpedTree) readActions(ctx context.Context, r *imports.Report) error {
	query := `SELECT line, node_name, action_id, action_name, task_id, action_status FROM boot_action_status
		WHERE task_id IN (SELECT tasks.task_id FROM tree JOIN tasks ON tasks.seq = tree.seq WHERE root = ?) ORDER BY seq`
	return t.d.tables.Each(ctx, query, []any{t.top}, func(scan scratch.Scan) error {
		f := imports.Finding{File: t.d.file.Name, Kind: "boot_action_status"}
		var node, id, name, task, status sql.NullString
		if err := scan(&f.Line, &node, &id, &name, &task, &status); err != nil {
			return err
		}
		raw := t.d.tables.Bytes([]byte(id.String))
		owner, known := t.keys[task.String]
		if !known || len(raw) != len(ulid.ULID{}) {
			f.Says = "its task was not taken, or its action_id is no ULID"
			r.Refuse(f)
			return nil
		}
		a := labstore.BootAction{ID: ulid.ULID(raw).String(), Node: plain(node.String), Name: plain(name.String), Task: owner, Root: t.root, Status: status.String, CreatedAt: t.created(owner)}
		if f.ID = a.ID; slices.ContainsFunc(t.actions, func(other labstore.BootAction) bool { return other.ID == a.ID }) {
			f.Says = "another boot action has this id; that one stays"
			r.Refuse(f)
			return nil
		}
		switch a.Status {
		case "incomplete", "success", "failure", "unreported":
		default:
			f.Says = fmt.Sprintf("its action_status %.32q is unknown: unreported here", plain(a.Status))
			r.Note(f)
			a.Status = "unreported"
		}
		t.actions = append(t.actions, a)
		return nil
	})
}

// gapRows is how far from a gap rows may stand and belong to what was in it.
const gapRows = 10_000

// lost says in the top task that something of the tree may be missing.
func (t *dumpedTree) lost(ctx context.Context) error {
	for _, table := range []string{"tasks", "result_message", "boot_action_status"} {
		query := `SELECT min(seq), max(seq) FROM ` + table + ` WHERE task_id IN (SELECT tasks.task_id FROM tree JOIN tasks ON tasks.seq = tree.seq WHERE root = ?)`
		var first, last sql.NullInt64
		if err := t.d.tables.QueryRowContext(ctx, query, t.top).Scan(&first, &last); err != nil {
			return err
		}
		if gap := t.d.tables.GapNear(table, first.Int64, last.Int64, gapRows); gap != nil {
			t.doubts = append(t.doubts, labstore.Message{
				Task: t.root, Error: true, ContextType: taskplan.NoContext, Context: taskplan.NoContext, CreatedAt: t.tasks[0].CreatedAt,
				Text: fmt.Sprintf("Imported: the dump has lost rows of %s at line %d, and some may be of this task", table, gap.Line),
			})
		}
	}
	return nil
}

// repeated tells of a tree of which tasks are there. One that says something else is
// refused: it may have failed where the other one went well.
func (t *dumpedTree) repeated(there map[string]labstore.Task, r *imports.Report) {
	same := len(there) == len(t.tasks)
	for i := range t.tasks {
		old, task := there[t.tasks[i].ID], &t.tasks[i]
		same = same && old.Status == task.Status && string(old.Plan) == string(task.Plan) && old.Root == task.Root && old.CreatedAt.Equal(task.CreatedAt)
	}
	for i := range t.tasks {
		if same {
			r.There("tasks")
			continue
		}
		r.Refuse(imports.Finding{File: t.d.file.Name, Kind: "tasks", ID: t.tasks[i].ID, Says: "its tree has a task whose id is there with something else; that one stays"})
	}
	if !same {
		return
	}
	for range t.messages {
		r.There("result_message")
	}
	for range t.actions {
		r.There("boot_action_status")
	}
}
