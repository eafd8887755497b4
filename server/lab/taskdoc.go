package lab

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/lab/engine"
	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// document is Drydock's Task document.
type document struct {
	Kind          string            `json:"kind"`
	APIVersion    string            `json:"apiVersion"`
	TaskID        string            `json:"task_id"`
	Action        string            `json:"action"`
	ParentTaskID  any               `json:"parent_task_id"`
	DesignRef     string            `json:"design_ref"`
	Status        string            `json:"status"`
	Result        result            `json:"result"`
	NodeFilter    store.JSON        `json:"node_filter"`
	SubtaskIDList []string          `json:"subtask_id_list"`
	Created       string            `json:"created"`
	CreatedBy     any               `json:"created_by"`
	Updated       string            `json:"updated"`
	Terminated    any               `json:"terminated"`
	TerminatedBy  any               `json:"terminated_by"`
	Terminate     bool              `json:"terminate"`
	Retry         int               `json:"retry"`
	BuildData     *[]buildDocument  `json:"build_data,omitempty"`
	SubtaskErrors map[string]result `json:"subtask_errors,omitzero"`
}

// result is Drydock's Status document of a task.
type result struct {
	Kind       string         `json:"kind"`
	APIVersion string         `json:"apiVersion"`
	Metadata   map[string]any `json:"metadata"`
	Message    any            `json:"message"`
	Reason     any            `json:"reason"`
	Status     string         `json:"status"`
	Successes  []string       `json:"successes"`
	Failures   []string       `json:"failures"`
	Links      []link         `json:"links"`
	Details    details        `json:"details"`
	TaskID     string         `json:"task_id,omitempty"`
}

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

type details struct {
	ErrorCount  int       `json:"errorCount"`
	MessageList []message `json:"messageList"`
}

type message struct {
	Message     string     `json:"message"`
	Error       bool       `json:"error"`
	ContextType string     `json:"context_type"`
	Context     string     `json:"context"`
	TS          string     `json:"ts"`
	Extra       store.JSON `json:"extra"`
}

type buildDocument struct {
	NodeName      string `json:"node_name"`
	TaskID        any    `json:"task_id"`
	CollectedDate string `json:"collected_date"`
	Generator     string `json:"generator"`
	DataFormat    string `json:"data_format"`
	DataElement   string `json:"data_element"`
}

// documents makes the documents of the rows, with their messages, their
// children and, when asked for, their build data.
func (h *Handler) documents(ctx context.Context, rows []labstore.Task, withData bool) ([]document, error) {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	children, err := h.store.Children(ctx, ids)
	if err != nil {
		return nil, err
	}
	messages, err := h.store.Messages(ctx, ids)
	if err != nil {
		return nil, err
	}
	var data map[string][]labstore.BuildData
	if withData {
		if data, err = h.store.BuildDataOfTasks(ctx, ids); err != nil {
			return nil, err
		}
	}
	docs := make([]document, len(rows))
	for i := range rows {
		row := &rows[i]
		if docs[i], err = documentOf(ctx, row, children[row.ID], messages[row.ID]); err != nil {
			return nil, err
		}
		if withData {
			list := buildDataDocuments(data[row.ID])
			docs[i].BuildData = &list
		}
	}
	return docs, nil
}

func documentOf(ctx context.Context, row *labstore.Task, children []labstore.Task, messages []labstore.Message) (document, error) {
	task, err := engine.Plan(row)
	if err != nil {
		return document{}, err
	}
	d := document{
		Kind: "Task", APIVersion: "v1", TaskID: row.ID, Action: row.Action, ParentTaskID: orNull(row.Parent), DesignRef: row.DesignRef,
		Status: row.Status, Result: resultOf(ctx, task, messages), NodeFilter: row.Filter, SubtaskIDList: []string{},
		Created: wireTime(row.CreatedAt), CreatedBy: orNull(row.CreatedBy), Updated: wireTime(row.UpdatedAt),
		TerminatedBy: orNull(task.TerminatedBy), Terminate: task.Terminate, Retry: task.Retry,
	}
	if task.Terminate {
		d.Terminated = wireTime(task.TerminatedAt)
	} else if row.CancelAt != nil && !task.Status.Final() { // nobody has acted on it yet
		d.Status, d.Terminate = string(taskplan.Terminating), true
		d.Terminated, d.TerminatedBy = wireTime(*row.CancelAt), orNull(row.CancelBy)
	}
	for i := range children {
		child, err := engine.Plan(&children[i])
		if err != nil {
			return d, err
		}
		if child.Listed {
			d.SubtaskIDList = append(d.SubtaskIDList, child.ID)
		}
	}
	return d, nil
}

func resultOf(ctx context.Context, task *taskplan.Task, messages []labstore.Message) result {
	r := result{
		Kind: "Status", APIVersion: "v1.0", Metadata: map[string]any{}, Message: orNull(task.Message), Reason: orNull(task.Reason),
		Status: string(task.Result), Successes: orEmpty(task.Successes), Failures: orEmpty(task.Failures), Links: []link{},
		Details: details{MessageList: []message{}},
	}
	if task.Action == taskplan.DeployNode && task.Role == taskplan.Node && task.Status.Final() {
		href := call.From(ctx).Origin.URL("/api/v1.0/tasks/" + task.ID + "/builddata")
		r.Links = append(r.Links, link{"detail_logs", href})
	}
	for _, m := range messages {
		extra := m.Extra
		if extra == nil {
			extra = store.JSON("{}")
		}
		if m.Error {
			r.Details.ErrorCount++
		}
		r.Details.MessageList = append(r.Details.MessageList, message{m.Text, m.Error, m.ContextType, m.Context, wireTime(m.CreatedAt), extra})
	}
	return r
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// faults are the results of the tasks that have errors, by their ids.
func (h *Handler) faults(ctx context.Context, rows []labstore.Task) (map[string]result, error) {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	messages, err := h.store.Messages(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := map[string]result{}
	for i := range rows {
		task, err := engine.Plan(&rows[i])
		if err != nil {
			return nil, err
		}
		r := resultOf(ctx, task, messages[task.ID])
		if r.Details.ErrorCount > 0 {
			r.TaskID = task.ID
			out[task.ID] = r
		}
	}
	return out, nil
}

func buildDataDocuments(rows []labstore.BuildData) []buildDocument {
	list := make([]buildDocument, 0, len(rows))
	for _, r := range rows {
		list = append(list, buildDocument{r.Node, orNull(r.Task), wireTime(r.CollectedAt), r.Generator, r.Format, string(r.Data)})
	}
	return list
}

// streamPage is how many tasks are held at once while all of them are written.
const streamPage = 500

type taskPage struct {
	docs []document
	next string
}

func (h *Handler) taskPage(ctx context.Context, f labstore.TaskFilter) (taskPage, error) {
	list, err := h.store.ListTasks(ctx, f)
	if err != nil {
		return taskPage{}, err
	}
	docs, err := h.documents(ctx, list.Items, false)
	return taskPage{docs, list.Next}, err
}

// taskStream writes all tasks, page by page.
type taskStream struct {
	h      *Handler
	ctx    context.Context // of the request; it lives exactly as long as the answer
	filter labstore.TaskFilter
	page   taskPage
}

// WriteResponse writes the answer. A page that cannot be read breaks it
// off, so that nobody takes it for the whole.
func (s *taskStream) WriteResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	separator := "["
	for {
		for i := range s.page.docs {
			text, err := json.Marshal(&s.page.docs[i])
			if err != nil {
				return err
			}
			if _, err := w.Write(append([]byte(separator), text...)); err != nil {
				return err
			}
			separator = ",\n"
		}
		if s.page.next == "" {
			break
		}
		s.filter.Page.After = s.page.next
		var err error
		if s.page, err = s.h.taskPage(s.ctx, s.filter); err != nil {
			return err
		}
	}
	if separator == "[" {
		_, err := w.Write([]byte("[]\n"))
		return err
	}
	_, err := w.Write([]byte("]\n"))
	return err
}
