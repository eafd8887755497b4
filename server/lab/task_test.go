package lab_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

func TestTask_every_action(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		s.Work()
		ref := storeDesign(t, s, site(t))
		actions := []string{
			"validate_design", "verify_site", "prepare_site", "verify_nodes", "verify_node", "prepare_nodes", "prepare_node",
			"destroy_nodes", "destroy_node", "relabel_nodes",
		}
		for _, action := range actions {
			made := createTask(t, s, action, ref)
			if made.Status != "queued" || made.Action != action || made.CreatedBy == nil || *made.CreatedBy != "admin" {
				t.Errorf("%s: created %+v", action, made)
			}
			got := finished(t, s, made.TaskID)
			if got.Result.Status != "success" || got.Action != action {
				t.Errorf("%s: %s %s\n%s", action, got.Status, got.Result.Status, mustJSON(t, got.Result))
			}
			if onNodes := strings.HasSuffix(action, "_nodes"); onNodes && action != "verify_nodes" && len(got.Result.Successes) != 8 {
				t.Errorf("%s: successes %v, want all eight nodes", action, got.Result.Successes)
			}
		}
		var nodes []map[string]any
		decode(t, s.Do("GET", "/api/v1.0/nodes", "", servertest.Admin()), &nodes)
		if len(nodes) != 8 || nodes[7]["hostname"] != "cedar-n08" || nodes[7]["power_address"] != "simulator" || nodes[7]["status_name"] != "Ready" {
			t.Errorf("GET /nodes: %s", mustJSON(t, nodes))
		}
	})
}

// example is a recorded request and what Drydock answered.
type example struct {
	Title    string
	Response struct{ Body json.RawMessage }
}

func examples(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	text, err := os.ReadFile("testdata/wire_examples.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Examples []example }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	out := map[string]json.RawMessage{}
	for _, e := range file.Examples {
		out[e.Title] = e.Response.Body
	}
	return out
}

var times = regexp.MustCompile(`^\d{4}-\d\d-\d\d[ T]`)

// shape replaces ids by their place in the tree and times by a word, so that a
// recorded document and ours can be compared whole.
func shape(v any, places map[string]string) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			if key == "extra" {
				value = "extra" // Drydock's is an object or the text of one
			}
			out[placed(key, places)] = shape(value, places)
		}
		return out
	case []any:
		out := []any{}
		for _, item := range v {
			out = append(out, shape(item, places))
		}
		return out
	case string:
		if times.MatchString(v) {
			return "time"
		}
		return placed(v, places)
	}
	return v
}

func placed(s string, places map[string]string) string {
	for id, place := range places {
		s = strings.ReplaceAll(s, id, place)
	}
	return s
}

// place names every task by its way from the root.
func place(all map[string]any, id, at string, places map[string]string) {
	places[id] = "<" + at + ">"
	one, _ := all[id].(map[string]any)
	list, _ := one["subtask_id_list"].([]any)
	for i, child := range list {
		place(all, child.(string), fmt.Sprintf("%s.%d", at, i), places)
	}
}

// wanted brings a recorded document to what we do differently on purpose, and
// ours to what the simulator alone says.
func comparable(all map[string]any) {
	for id, v := range all {
		one, found := v.(map[string]any)
		if !found || id == "subtask_errors" {
			continue
		}
		result := one["result"].(map[string]any)
		result["links"] = []any{}
		one["design_ref"], one["build_data"] = "design", []any{}
		if one["created_by"] != nil {
			one["created_by"] = "somebody"
		}
		details := result["details"].(map[string]any)
		var kept []any
		for _, m := range details["messageList"].([]any) {
			text := m.(map[string]any)["message"].(string)
			if strings.HasPrefix(text, "Started subtask") || strings.HasPrefix(text, "Boot action ") {
				kept = append(kept, m)
			}
		}
		details["messageList"] = kept
	}
}

func TestTask_deploy_as_recorded(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Lab.Engine.Simulator.Signals = true })
	s.Work()
	ref := storeDesign(t, s, site(t))
	id := createTask(t, s, "deploy_nodes", ref, "cedar-n08").TaskID
	if got := finished(t, s, id); got.Result.Status != "success" {
		t.Fatalf("deploy: %s", mustJSON(t, got.Result))
	}
	a := s.Do("GET", "/api/v1.0/tasks/"+id+"?builddata=true&subtaskerrors=true&layers=-1", "", servertest.Admin())
	var got, want map[string]any
	decode(t, a, &got)
	if err := json.Unmarshal(examples(t)["deploy task with all layers, build data and subtask errors"], &want); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, all := range []map[string]any{got, want} {
		comparable(all)
		places := map[string]string{}
		place(all, all["init_task_id"].(string), "0", places)
		text, err := json.MarshalIndent(shape(all, places), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if texts[0] != texts[1] {
		t.Errorf("the document differs from Drydock's:\n%s", firstDifference(texts[0], texts[1]))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			from := max(0, i-12)
			return "got\n" + strings.Join(g[from:min(len(g), i+6)], "\n") + "\nwant\n" + strings.Join(w[from:min(len(w), i+6)], "\n")
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// labelled returns the sample design with more labels on a node.
func labelled(t testing.TB, node, labels string) string {
	t.Helper()
	text := site(t)
	at := strings.Index(text, "name: "+node+",")
	end := at + strings.Index(text[at:], "    boot_mac:")
	head := text[at:end]
	if strings.Contains(head, "owner_data: {") {
		head = strings.Replace(head, "owner_data: {", "owner_data: {"+labels+", ", 1)
	} else {
		head += "    owner_data: {" + labels + "}\n"
	}
	return text[:at] + head + text[end:]
}

func TestTask_one_bad_node(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		s.Work()
		ref := storeDesign(t, s, labelled(t, "cedar-n08", "simulate_fail: destroy_node"))
		id := createTask(t, s, "destroy_nodes", ref, "cedar-n07", "cedar-n08").TaskID
		finished(t, s, id)
		got := getTask(t, s, id, "?subtaskerrors=true")
		if got.Result.Status != "partial_success" || !slices.Equal(got.Result.Successes, []string{"cedar-n07"}) || !slices.Equal(got.Result.Failures, []string{"cedar-n08"}) {
			t.Errorf("result %s", mustJSON(t, got.Result))
		}
		if len(got.Errors) != 4 { // tried once and three times again
			t.Errorf("%d subtasks with errors, want 4: %s", len(got.Errors), mustJSON(t, got.Errors))
		}
		ref = storeDesign(t, s, labelled(t, "cedar-n08", "simulate_fail_once: configure_hardware"))
		id = createTask(t, s, "prepare_nodes", ref, "cedar-n08").TaskID
		if got := finished(t, s, id); got.Result.Status != "success" {
			t.Errorf("a failure that passes: %s", mustJSON(t, got.Result))
		}
		a := s.Do("GET", "/api/v1.0/nodes/cedar-n08/builddata?latest=True", "", servertest.Admin())
		var data []buildData
		decode(t, a, &data)
		if len(data) != 2 || data[0].Generator != "lldp" || data[1].Generator != "lshw" || data[1].DataFormat != "text/xml" {
			t.Errorf("build data %s", a.Body)
		}
	})
}

func TestTask_time_limit(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) {
		c.Lab.Engine.Simulator.Delay = time.Hour
		c.Lab.Engine.Limits = map[string]time.Duration{"destroy_node": 50 * time.Millisecond}
	})
	s.Work()
	id := createTask(t, s, "destroy_nodes", storeDesign(t, s, site(t)), "cedar-n08").TaskID
	if got := finished(t, s, id); got.Result.Status != "failure" || !slices.Equal(got.Result.Failures, []string{"cedar-n08"}) {
		t.Errorf("after its time: %s", mustJSON(t, got.Result))
	}
	all := layers(t, s, id)
	step := findTask(t, all, "destroy_node", "destroy_nodes")
	late := 0
	for _, one := range all {
		if strings.Contains(mustJSON(t, one.Result), "the step was not over in time") {
			late++
		}
	}
	if step.Retry != 3 || late != 4 || !strings.Contains(mustJSON(t, step.Result), "Retry requested, out of attempts.") {
		t.Errorf("%d retries and %d tasks out of time, want 3 and 4: %s", step.Retry, late, mustJSON(t, step.Result))
	}
}

// One node of a task can be cancelled; the others go on.
func TestTask_cancel_one_node(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		await.AtSomePace(t, 500*time.Millisecond, func(step time.Duration) error { return cancelOneNode(t, s.Store, step) })
	})
}

// cancelOneNode also fails when the node's task was over before it was cancelled.
func cancelOneNode(t *testing.T, on *store.Store, step time.Duration) error {
	t.Helper()
	slow := servertest.On(t, on, func(c *server.Config) { c.Lab.Engine.Simulator.Delay = step })
	defer slow.Work()()
	id := createTask(t, slow, "destroy_nodes", storeDesign(t, slow, site(t)), "cedar-n07", "cedar-n08").TaskID
	var one string
	eventually(t, "the work on a node", func() bool {
		for key, sub := range layers(t, slow, id) {
			if sub.Status != "queued" && strings.Contains(mustJSON(t, sub.NodeFilter), `["cedar-n08"]`) {
				one = key
			}
		}
		return one != ""
	})
	a := slow.Do("DELETE", "/api/v1.0/tasks/"+one, "", servertest.Admin())
	got := finished(t, slow, id)
	if a.Status != http.StatusAccepted {
		return fmt.Errorf("cancel: %d %s", a.Status, a.Body)
	}
	if got.Status != "complete" || got.Result.Status != "partial_success" || !slices.Equal(got.Result.Successes, []string{"cedar-n07"}) || !slices.Equal(got.Result.Failures, []string{"cedar-n08"}) {
		return fmt.Errorf("the task: %s", mustJSON(t, got))
	}
	if sub := getTask(t, slow, one, ""); sub.Status != "terminated" || sub.Result.Status != "failure" || *sub.TerminatedBy != "admin" {
		return fmt.Errorf("the node's task: %s", mustJSON(t, sub))
	}
	return nil
}

// What runs on a deployed node goes on when it is prepared again.
func TestTask_prepare_deployed(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Lab.Engine.Simulator.Signals = true })
	s.Work()
	ref := storeDesign(t, s, site(t))
	for _, action := range []string{"prepare_nodes", "deploy_nodes", "prepare_nodes"} {
		if got := finished(t, s, createTask(t, s, action, ref, "cedar-n08").TaskID); got.Result.Status != "success" {
			t.Fatalf("%s: %s", action, mustJSON(t, got.Result))
		}
	}
	var nodes []map[string]any
	decode(t, s.Do("GET", "/v1/nodes", "", servertest.Admin()), &nodes)
	if nodes[0]["status_name"] != "Deployed" || nodes[0]["power_state"] != "on" {
		t.Errorf("the node is %s", mustJSON(t, nodes))
	}
}

func TestTask_node_without_work(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	s.Work()
	ref := storeDesign(t, s, site(t))
	got := finished(t, s, createTask(t, s, "deploy_nodes", ref, "nobody").TaskID)
	list := got.Result.Details.MessageList
	if got.Result.Status != "success" || len(list) != 1 || list[0].Message != "No nodes in scope, no work to do." || list[0].ContextType != "NA" {
		t.Errorf("%s", mustJSON(t, got.Result))
	}
}

func TestTask_claims_and_cancel(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		s.Work()
		ref := storeDesign(t, s, site(t))
		// Nobody signals the boot actions, so the first task holds its nodes.
		first := createTask(t, s, "deploy_nodes", ref, "cedar-n07", "cedar-n08").TaskID
		second := createTask(t, s, "destroy_nodes", ref, "cedar-n08", "cedar-n06").TaskID
		third := createTask(t, s, "destroy_nodes", ref, "cedar-n06").TaskID
		other := createTask(t, s, "destroy_nodes", ref, "cedar-n05").TaskID
		if got := finished(t, s, other); got.Result.Status != "success" {
			t.Errorf("a task with nodes of its own: %s", mustJSON(t, got.Result))
		}
		eventually(t, "boot actions are awaited", func() bool {
			all := layers(t, s, first)
			for _, one := range all {
				if one.Action == "bootaction_report" && one.Status == "running" {
					return true
				}
			}
			return false
		})
		for _, id := range []string{second, third} { // the third must not overtake the second
			if got := getTask(t, s, id, ""); got.Status != "queued" {
				t.Errorf("task %s is %s while its node is held or spoken for", id, got.Status)
			}
		}

		a := s.Do("DELETE", "/api/v1.0/tasks/"+second, "", servertest.Admin())
		var cancelled task
		decode(t, a, &cancelled)
		if a.Status != http.StatusAccepted || cancelled.Status != "terminated" || cancelled.Result.Status != "failure" || *cancelled.TerminatedBy != "admin" {
			t.Errorf("cancel a queued task: %d %s", a.Status, a.Body)
		}
		if got := finished(t, s, third); got.Result.Status != "success" {
			t.Errorf("the task behind it: %s", mustJSON(t, got.Result))
		}
		a = s.Do("DELETE", "/api/v1.0/tasks/"+first, "", servertest.Admin())
		decode(t, a, &cancelled)
		if a.Status != http.StatusAccepted || !cancelled.Terminate {
			t.Errorf("cancel a running task: %d %s", a.Status, a.Body)
		}
		if got := finished(t, s, first); got.Status != "terminated" || got.Result.Status != "failure" || *got.TerminatedBy != "admin" {
			t.Errorf("cancelled: %s", mustJSON(t, got))
		}
		for id, want := range map[string]int{first: 409, "11111111-1111-4111-8111-111111111111": 404, "no-uuid": 404} {
			if a := s.Do("DELETE", "/api/v1.0/tasks/"+id, "", servertest.Admin()); a.Status != want {
				t.Errorf("DELETE task %s: %d, want %d", id, a.Status, want)
			}
		}
	})
}

// A server that stops in the middle leaves its task to the next one.
func TestTask_taken_over(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		await.AtSomePace(t, 200*time.Millisecond, func(step time.Duration) error {
			first := servertest.On(t, s.Store, func(c *server.Config) { c.Lab.Engine.Simulator.Delay = step })
			stop := first.Work()
			ref := storeDesign(t, first, site(t))
			id := createTask(t, first, "prepare_nodes", ref).TaskID
			eventually(t, "some node is being prepared", func() bool {
				return len(getTask(t, first, id, "").Subtasks) == 8
			})
			stop()
			if got := getTask(t, s, id, ""); got.Status != "running" {
				return fmt.Errorf("after the stop the task is %s", got.Status)
			}
			defer s.Work()()
			if got := finished(t, s, id); got.Result.Status != "success" || len(got.Result.Successes) != 8 {
				t.Errorf("taken over: %s", mustJSON(t, got.Result))
			}
			return nil
		})
	})
}

// A server that was killed gives nothing back: its lease must run out.
func TestTask_lease_runs_out(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Lab.Engine.Lease = 300 * time.Millisecond })
	ref := storeDesign(t, s, site(t))
	id := createTask(t, s, "prepare_nodes", ref).TaskID
	// What a killed server leaves: the task taken, its nodes claimed, nothing begun.
	if err := s.Store.InTx(t.Context(), func(tx *storeTx) error {
		return labstore.New(tx).StartTask(t.Context(), leaseOf(id, time.Now().Add(time.Second)), []string{"cedar-n01"})
	}); err != nil {
		t.Fatal(err)
	}
	s.Work()
	if got := finished(t, s, id); got.Result.Status != "success" || len(got.Result.Successes) != 8 {
		t.Errorf("taken over: %s", mustJSON(t, got.Result))
	}
}

// A task that cannot be read, queued or left by a server that is gone, holds up no other.
func TestTask_unreadable(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		st, now := labstore.New(s.Store), time.Now()
		for _, status := range []string{"queued", "running"} {
			id := labstore.NewULID(now)
			row := labstore.Task{
				ID: id, Root: id, Status: status, Action: "prepare_nodes", Plan: store.JSON(`{`), Request: store.JSON(`"of another kind"`),
				CreatedBy: "nobody", CreatedAt: now, UpdatedAt: now,
			}
			if status == "running" {
				row.LeaseOwner, row.LeaseUntil = "a server that is gone", &time.Time{}
			}
			if err := st.CreateTask(t.Context(), &row); err != nil {
				t.Fatal(err)
			}
		}
		defer s.Work()()
		id := createTask(t, s, "prepare_nodes", storeDesign(t, s, site(t))).TaskID
		if got := finished(t, s, id); got.Result.Status != "success" {
			t.Errorf("behind them: %s", mustJSON(t, got.Result))
		}
	})
}

func TestTask_list_and_purge(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		stop := s.Work()
		ref := storeDesign(t, s, site(t))
		done := finished(t, s, createTask(t, s, "prepare_nodes", ref).TaskID)
		stop()
		waiting := createTask(t, s, "prepare_nodes", ref).TaskID

		var all []task
		decode(t, s.Do("GET", "/api/v1.0/tasks", "", servertest.Admin()), &all)
		if len(all) < 40 || all[0].TaskID != done.TaskID || all[len(all)-1].TaskID != waiting {
			t.Errorf("%d tasks, from %s to %s", len(all), all[0].TaskID, all[len(all)-1].TaskID)
		}
		var paged []task
		for path := "/v1/tasks?limit=7"; path != ""; {
			a := s.Do("GET", path, "", servertest.Admin())
			var some []task
			decode(t, a, &some)
			paged = append(paged, some...)
			path, _, _ = strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"), ">")
		}
		if len(paged) != len(all) {
			t.Errorf("%d tasks in pages, want %d", len(paged), len(all))
		}
		var tops []task
		decode(t, s.Do("GET", "/v1/tasks?top=true&status=queued", "", servertest.Admin()), &tops)
		if len(tops) != 1 || tops[0].TaskID != waiting {
			t.Errorf("queued top tasks: %s", mustJSON(t, tops))
		}

		for query, want := range map[string]int{"?days=-1": 400, "?days=None": 200, "?days=": 200, "?days=99999999999999999999": 200} {
			if a := s.Do("DELETE", "/api/v1.0/tasks"+query, "", servertest.Admin()); a.Status != want {
				t.Errorf("DELETE /tasks%s: %d %s", query, a.Status, a.Body)
			}
		}
		a := s.Do("DELETE", "/api/v1.0/tasks?days=0", "", servertest.Admin())
		if a.Status != 200 || string(a.Body) != `"Tables purged successfully."` {
			t.Errorf("purge: %d %s", a.Status, a.Body)
		}
		decode(t, s.Do("GET", "/api/v1.0/tasks", "", servertest.Admin()), &all)
		if len(all) != 1 || all[0].TaskID != waiting {
			t.Errorf("after the purge: %d tasks, want the one that is not over", len(all))
		}
	})
}

func TestCreateTask_refuses(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	ref := storeDesign(t, s, site(t))
	tests := []struct {
		name, body string
		want       int
		text       string
	}{
		{"an unknown action", `{"action":"paint_nodes","design_ref":"x"}`, 400, "Unsupported action paint_nodes"},
		{"no action", `{"design_ref":"x"}`, 400, "Missing input required value: action"},
		{"no design", `{"action":"deploy_nodes"}`, 400, "Missing input required value: design_ref"},
		{"no JSON", `{`, 400, ""},
		{"a list", `[]`, 400, ""},
		{"an unknown stored design", `{"action":"deploy_nodes","design_ref":"slipway:/designs/nope"}`, 400, "design_ref names a stored design that does not exist"},
		{"an unknown scheme", `{"action":"deploy_nodes","design_ref":"ftp://x/y"}`, 400, "scheme"},
		{"a host that is not listed", `{"action":"deploy_nodes","design_ref":"http://127.0.0.1/x"}`, 400, "list of design hosts (--design-hosts)"},
		{"a file without a folder", `{"action":"deploy_nodes","design_ref":"file:///etc/passwd"}`, 400, "folder"},
		{"a filter that is a list", `{"action":"deploy_nodes","design_ref":"` + ref + `","node_filter":[]}`, 400, "node_filter"},
		{"a filter without a set", `{"action":"deploy_nodes","design_ref":"` + ref + `","node_filter":{"filter_set_type":"union"}}`, 400, "/node_filter/filter_set"},
		{"no filter", `{"action":"deploy_nodes","design_ref":"` + ref + `"}`, 201, ""},
		{"null", `{"action":"deploy_nodes","design_ref":"` + ref + `","node_filter":null}`, 201, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := s.Do("POST", "/api/v1.0/tasks", tt.body, servertest.Admin(), servertest.With("Content-Type", "application/json; charset=utf-8"))
			if a.Status != tt.want || !strings.Contains(string(a.Body), tt.text) {
				t.Errorf("%d %s, want %d with %q", a.Status, a.Body, tt.want, tt.text)
			}
		})
	}
}

func TestTask_permissions(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	ref := storeDesign(t, s, site(t))
	reader, operator := s.Token(auth.Reader), s.Token(auth.Operator)
	body := func(action string) string { return `{"action":"` + action + `","design_ref":"` + ref + `"}` }
	tests := []struct {
		method, path, body, token string
		want                      int
	}{
		{"GET", "/api/v1.0/tasks", "", "", 401},
		{"GET", "/api/v1.0/tasks", "", reader, 200},
		{"POST", "/api/v1.0/tasks", body("deploy_nodes"), reader, 403},
		{"POST", "/api/v1.0/tasks", body("deploy_nodes"), operator, 201},
		{"POST", "/api/v1.0/tasks", body("destroy_nodes"), operator, 403},
		{"DELETE", "/api/v1.0/tasks?days=1", "", operator, 403},
		{"GET", "/api/v1.0/health", "", "", 204},
		{"GET", "/api/v1.0/health/extended", "", "", 401},
		{"GET", "/api/v1.0/health/extended", "", reader, 200},
	}
	for _, tt := range tests {
		options := []servertest.Option{servertest.JSON()}
		if tt.token != "" {
			options = append(options, servertest.With("X-Auth-Token", tt.token))
		}
		if a := s.Do(tt.method, tt.path, tt.body, options...); a.Status != tt.want {
			t.Errorf("%s %s %s: %d, want %d\n%s", tt.method, tt.path, tt.body, a.Status, tt.want, a.Body)
		}
	}
}
