package taskplan

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// document is what the recorded answers and a tree have in common of a task.
// Ids are replaced by the place in the tree, times are left out.
type document struct {
	Action     string         `json:"action"`
	Parent     *string        `json:"parent_task_id"`
	Status     string         `json:"status"`
	NodeFilter any            `json:"node_filter"`
	Subtasks   []string       `json:"subtask_id_list"`
	Retry      int            `json:"retry"`
	Terminate  bool           `json:"terminate"`
	Result     documentResult `json:"result"`
}

type documentResult struct {
	Message   *string         `json:"message"`
	Reason    *string         `json:"reason"`
	Status    string          `json:"status"`
	Successes []string        `json:"successes"`
	Failures  []string        `json:"failures"`
	Details   documentDetails `json:"details"`
}

type documentDetails struct {
	ErrorCount int               `json:"errorCount"`
	Messages   []documentMessage `json:"messageList"`
}

type documentMessage struct {
	Message     string `json:"message"`
	Error       bool   `json:"error"`
	ContextType string `json:"context_type"`
	Context     string `json:"context"`
}

// answers returns the bodies recorded under the title.
func answers(tb testing.TB, title string, into any) {
	tb.Helper()
	raw, err := os.ReadFile("testdata/wire_examples.json")
	if err != nil {
		tb.Fatal(err)
	}
	var file struct {
		Examples []struct {
			Title    string
			Response struct{ Body json.RawMessage }
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		tb.Fatal(err)
	}
	for _, e := range file.Examples {
		if e.Title == title {
			if err := json.Unmarshal(e.Response.Body, into); err != nil {
				tb.Fatalf("%s: %v", title, err)
			}
			return
		}
	}
	tb.Fatalf("no example %q", title)
}

// documents turns the listed part of a tree into documents.
func (l *lab) documents(filter any) map[string]document {
	all := map[string]document{}
	var add func(task *Task, inherited any)
	add = func(task *Task, inherited any) {
		d := document{
			Action: string(task.Action), Status: string(task.Status), Subtasks: task.Subtasks(),
			Retry: task.Retry, Terminate: task.Terminate, NodeFilter: inherited,
		}
		if task.Parent != "" {
			d.Parent = &task.Parent
			if !task.OwnFilter {
				d.NodeFilter = namesFilter(task.Nodes)
			}
		}
		d.Result = documentResult{Status: string(task.Result), Successes: task.Successes, Failures: task.Failures}
		for _, m := range l.messages[task.ID] {
			if strings.HasPrefix(m.Text, "Nodes in scope: ") {
				continue // ours, Drydock has no such message
			}
			d.Result.Details.Messages = append(d.Result.Details.Messages, documentMessage{m.Text, m.Error, m.ContextType, m.Context})
			if m.Error {
				d.Result.Details.ErrorCount++
			}
		}
		all[task.ID] = d
		for _, c := range task.children {
			if c.Listed {
				add(c, d.NodeFilter)
			}
		}
	}
	add(l.tree.Top(), filter)
	return all
}

func namesFilter(names []string) any {
	list := []any{}
	for _, name := range names {
		list = append(list, name)
	}
	return map[string]any{
		"filter_set_type": "intersection",
		"filter_set":      []any{map[string]any{"filter_type": "union", "node_names": list}},
	}
}

// byPlace replaces each id by the task's place below root: 0, 0.1, 0.1.0.
func byPlace(all map[string]document, root string) map[string]string {
	places := map[string]string{}
	var walk func(id, place string)
	walk = func(id, place string) {
		places[id] = place
		for i, child := range all[id].Subtasks {
			walk(child, fmt.Sprintf("%s.%d", place, i))
		}
	}
	walk(root, "0")
	var replace []string
	for id, place := range places {
		replace = append(replace, id, "<"+place+">")
	}
	ids := strings.NewReplacer(replace...)
	out := map[string]string{}
	for id, d := range all {
		raw, _ := json.MarshalIndent(d, "", " ")
		out[places[id]] = emptyLists.ReplaceAllString(ids.Replace(string(raw)), `$1: []`)
	}
	return out
}

var emptyLists = regexp.MustCompile(`("(?:successes|failures|messageList|subtask_id_list)"): null`)

func TestWire_deploy(t *testing.T) {
	t.Parallel()

	var body map[string]json.RawMessage
	answers(t, "deploy task with all layers, build data and subtask errors", &body)
	var root string
	if err := json.Unmarshal(body["init_task_id"], &root); err != nil {
		t.Fatal(err)
	}
	recorded := map[string]document{}
	for key, raw := range body {
		if key == "init_task_id" || key == "subtask_errors" {
			continue
		}
		var d document
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Fatal(err)
		}
		var kept []documentMessage
		for _, m := range d.Result.Details.Messages {
			if m.ContextType != "bootaction" { // signals reach the task past its plan
				kept = append(kept, m)
			}
		}
		d.Result.Details.Messages = kept
		recorded[key] = d
	}

	l := newLab(t, DeployNodes, func(w Work) Outcome {
		if w.Action == BootactionReport {
			return Outcome{Successes: w.Nodes, Messages: []Message{
				{Text: "Boot action announce completed with status success", ContextType: "node", Context: "cedar-n08"},
			}}
		}
		return Outcome{OK: true, Message: fmt.Sprintf("fake %s on %s", w.Action, w.Node)}
	})
	l.run(targets("cedar-n08")...)
	got, want := byPlace(l.documents(recorded[root].NodeFilter), "top"), byPlace(recorded, root)
	if len(got) != len(want) || len(want) != 8 {
		t.Errorf("%d tasks, want %d, that is 8", len(got), len(want))
	}
	for place := range want {
		if got[place] != want[place] {
			t.Errorf("task %s:\n got %s\nwant %s", place, got[place], want[place])
		}
	}
}

func TestWire_destroy_with_one_bad_node(t *testing.T) {
	t.Parallel()

	var recorded struct {
		document
		ID            string                    `json:"task_id"`
		SubtaskErrors map[string]documentResult `json:"subtask_errors"`
	}
	answers(t, "destroy task where one node fails, with subtask errors", &recorded)

	l := newLab(t, DestroyNodes, func(w Work) Outcome {
		o := Outcome{OK: w.Node == "cedar-n07", Transient: true}
		if !o.OK {
			o.Message = "fake destroy_node on cedar-n08"
		}
		return o
	})
	l.run(targets("cedar-n07", "cedar-n08")...)
	all := l.documents(recorded.NodeFilter)
	got, want := byPlace(all, "top")["0"], ""
	for place, text := range byPlace(map[string]document{recorded.ID: recorded.document}, recorded.ID) {
		if place == "0" {
			want = text
		}
	}
	if got != want {
		t.Errorf("top task:\n got %s\nwant %s", got, want)
	}
	var failed []documentResult
	for id, d := range all {
		if id != "top" && d.Result.Details.ErrorCount > 0 {
			failed = append(failed, d.Result)
		}
	}
	if len(failed) != len(recorded.SubtaskErrors) {
		t.Errorf("%d subtasks with errors, want %d", len(failed), len(recorded.SubtaskErrors))
	}
	for id, want := range recorded.SubtaskErrors {
		want.Successes = nil
		for _, have := range failed {
			if !reflect.DeepEqual(have, want) {
				t.Errorf("errors of %s:\n got %+v\nwant %+v", id, have, want)
			}
		}
	}
}
