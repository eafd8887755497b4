package lab_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// site is the sample design: eight nodes, two racks, boot actions.
func site(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile("testdata/site.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// yamlType is the Content-Type of designs.
func yamlType() servertest.Option { return servertest.With("Content-Type", "application/x-yaml") }

// storeDesign stores a design and returns its reference.
func storeDesign(t testing.TB, s *servertest.Server, text string) string {
	t.Helper()
	a := s.Do("POST", "/v1/designs?name=cedarlab", text, servertest.Admin(), yamlType())
	if a.Status != http.StatusCreated {
		t.Fatalf("POST /v1/designs: %d\n%s", a.Status, a.Body)
	}
	var d struct{ Reference string }
	decode(t, a, &d)
	return d.Reference
}

func decode(t testing.TB, a servertest.Answer, into any) {
	t.Helper()
	if err := json.Unmarshal(a.Body, into); err != nil {
		t.Fatalf("%v in %.500s", err, a.Body)
	}
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// task is what the tests read of a task.
type task struct {
	TaskID       string         `json:"task_id"`
	Action       string         `json:"action"`
	ParentTaskID *string        `json:"parent_task_id"`
	Status       string         `json:"status"`
	Result       taskResult     `json:"result"`
	NodeFilter   any            `json:"node_filter"`
	Subtasks     []string       `json:"subtask_id_list"`
	CreatedBy    *string        `json:"created_by"`
	Terminate    bool           `json:"terminate"`
	TerminatedBy *string        `json:"terminated_by"`
	Retry        int            `json:"retry"`
	BuildData    []buildData    `json:"build_data"`
	Errors       map[string]any `json:"subtask_errors"`
}

type taskResult struct {
	Message   *string     `json:"message"`
	Reason    *string     `json:"reason"`
	Status    string      `json:"status"`
	Successes []string    `json:"successes"`
	Failures  []string    `json:"failures"`
	Links     []link      `json:"links"`
	Details   taskDetails `json:"details"`
}

type link struct{ Rel, Href string }

type taskDetails struct {
	ErrorCount  int           `json:"errorCount"`
	MessageList []taskMessage `json:"messageList"`
}

type taskMessage struct {
	Message     string         `json:"message"`
	Error       bool           `json:"error"`
	ContextType string         `json:"context_type"`
	Context     string         `json:"context"`
	Extra       map[string]any `json:"extra"`
}

type buildData struct {
	NodeName    string `json:"node_name"`
	Generator   string `json:"generator"`
	DataFormat  string `json:"data_format"`
	DataElement string `json:"data_element"`
}

// byNames is the filter that selects the named nodes, none of which selects all.
func byNames(names ...string) any {
	if len(names) == 0 {
		return nil
	}
	return map[string]any{"filter_set_type": "union", "filter_set": []any{
		map[string]any{"filter_type": "union", "node_names": names},
	}}
}

func createTask(t testing.TB, s *servertest.Server, action, ref string, nodes ...string) task {
	t.Helper()
	body := mustJSON(t, map[string]any{"action": action, "design_ref": ref, "node_filter": byNames(nodes...)})
	a := s.Do("POST", "/api/v1.0/tasks", body, servertest.Admin(), servertest.JSON())
	if a.Status != http.StatusCreated {
		t.Fatalf("POST /tasks %s: %d\n%s", body, a.Status, a.Body)
	}
	var got task
	decode(t, a, &got)
	if want := "/api/v1.0/tasks/" + got.TaskID; a.Header.Get("Location") != want {
		t.Errorf("Location %q, want %q", a.Header.Get("Location"), want)
	}
	return got
}

func getTask(t testing.TB, s *servertest.Server, id, query string) task {
	t.Helper()
	a := s.Do("GET", "/api/v1.0/tasks/"+id+query, "", servertest.Admin())
	if a.Status != http.StatusOK {
		t.Fatalf("GET task %s: %d\n%s", id, a.Status, a.Body)
	}
	var got task
	decode(t, a, &got)
	return got
}

// layers returns a task and all its listed subtasks by id.
func layers(t testing.TB, s *servertest.Server, id string) map[string]task {
	t.Helper()
	a := s.Do("GET", "/api/v1.0/tasks/"+id+"?layers=-1&builddata=true", "", servertest.Admin())
	var raw map[string]json.RawMessage
	decode(t, a, &raw)
	out := map[string]task{}
	for key, text := range raw {
		if key == "init_task_id" {
			continue
		}
		var one task
		if err := json.Unmarshal(text, &one); err != nil {
			t.Fatal(err)
		}
		out[key] = one
	}
	return out
}

// eventually waits until look answers true.
func eventually(t testing.TB, what string, look func() bool) {
	t.Helper()
	await.That(t, what, look)
}

// finished waits for the end of a task.
func finished(t testing.TB, s *servertest.Server, id string) task {
	t.Helper()
	var got task
	eventually(t, "the end of task "+id, func() bool {
		got = getTask(t, s, id, "")
		return got.Status == "complete" || got.Status == "terminated"
	})
	return got
}

// findTask returns the only task of that action on that node.
func findTask(t testing.TB, all map[string]task, action, parentAction string) task {
	t.Helper()
	for _, one := range all {
		if one.Action == action && one.ParentTaskID != nil && all[*one.ParentTaskID].Action == parentAction {
			return one
		}
	}
	t.Fatalf("no task %s under %s", action, parentAction)
	return task{}
}

// designServer serves one text for every path and counts nothing.
func designServer(t testing.TB, status int, text string) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/elsewhere") {
			http.Redirect(w, r, "http://designs.cedarlab.example/site.yaml", http.StatusFound)
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(srv.Close)
	return srv
}

// hosts lists the hosts that designs may come from, at any port and however long
// that takes.
func hosts(names ...string) func(*server.Config) {
	return func(c *server.Config) {
		c.Lab.Library.Hosts, c.Lab.Library.Ports, c.Lab.Library.Timeout = names, []int{0}, await.Limit
	}
}

// serveText answers every request with a text that is made for it.
func serveText(text func() string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text())) })
}
