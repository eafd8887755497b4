package lab_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

// statusName is what GET /v1/nodes says of a node.
func statusName(t *testing.T, s *servertest.Server, node string) string {
	t.Helper()
	var nodes []struct {
		Hostname   string `json:"hostname"`
		StatusName string `json:"status_name"`
	}
	decode(t, s.Do("GET", "/v1/nodes", "", servertest.Admin()), &nodes)
	for _, n := range nodes {
		if n.Hostname == node {
			return n.StatusName
		}
	}
	return ""
}

func cancel(t *testing.T, s *servertest.Server, id string) task {
	t.Helper()
	if a := s.Do("DELETE", "/v1/tasks/"+id, "", servertest.Admin()); a.Status != http.StatusAccepted {
		t.Fatalf("DELETE /v1/tasks/%s: %d %s", id, a.Status, a.Body)
	}
	return finished(t, s, id)
}

// A node whose step was cancelled does not stay in the middle of it, and the
// result says why it ended (samples 19).
func TestState_cancelled(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		s.Work()
		ref := storeDesign(t, s, site(t))
		m := register(t, s, n08, 201)
		for _, tt := range []struct{ action, step, during, after string }{
			{"prepare_nodes", "configure_hardware", "Commissioning", "Failed commissioning"},
			{"deploy_nodes", "deploy_node", "Deploying", "Failed deployment"},
			{"destroy_nodes", "destroy_node", "Releasing", "Broken"},
		} {
			id := createTask(t, s, tt.action, ref, "cedar-n08").TaskID
			for {
				w := m.poll(t, s)
				if w.Action == tt.step {
					break
				}
				m.report(t, s, w, `{"status":"success"}`, 200)
			}
			eventually(t, "the node in the step", func() bool { return statusName(t, s, "cedar-n08") == tt.during })
			got := cancel(t, s, id)
			if got.Status != "terminated" || got.Result.Status != "failure" || got.Result.Message == nil || !strings.HasPrefix(*got.Result.Message, "Cancelled by ") {
				t.Errorf("%s: %s", tt.action, mustJSON(t, got))
			}
			if is := statusName(t, s, "cedar-n08"); is != tt.after {
				t.Errorf("%s cancelled: the node is %s, want %s", tt.action, is, tt.after)
			}
		}
	}, agents)
}

// A task that failed says so in its result and in the event log (samples 20).
func TestState_events(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	s.Work()
	ref := storeDesign(t, s, labelled(t, "cedar-n08", "simulate_fail: deploy_node"))
	id := createTask(t, s, "deploy_nodes", ref, "cedar-n08").TaskID
	got := finished(t, s, id)
	const want = "deploy_nodes failed on cedar-n08."
	if got.Result.Status != "failure" || got.Result.Message == nil || *got.Result.Message != want {
		t.Errorf("the result is %s, want the message %q", mustJSON(t, got.Result), want)
	}
	if is := statusName(t, s, "cedar-n08"); is != "Failed deployment" {
		t.Errorf("the node is %s", is)
	}
	var log struct {
		Events []struct {
			Type string `json:"event_type"`
			Area string
			Data struct {
				TaskID   string `json:"task_id"`
				Action   string
				Result   string
				Message  string
				Failures []string
			}
		}
	}
	decode(t, s.Do("GET", "/v1/events", "", servertest.Admin()), &log)
	if len(log.Events) != 3 || log.Events[0].Type != "TASK_STARTED" || log.Events[1].Type != "TASK_ENDED" || log.Events[2].Type != "task.finished" || log.Events[2].Area != "lab" {
		t.Fatalf("events %s", mustJSON(t, log))
	}
	d := log.Events[1].Data
	if finished := log.Events[2]; finished.Area != log.Events[1].Area || mustJSON(t, finished.Data) != mustJSON(t, d) {
		t.Errorf("task.finished says %s, want what TASK_ENDED says", mustJSON(t, finished))
	}
	if d.TaskID != id || d.Action != "deploy_nodes" || d.Result != "failure" || d.Message != want || !slices.Equal(d.Failures, []string{"cedar-n08"}) {
		t.Errorf("the event says %s", mustJSON(t, d))
	}
}

// A task that was cancelled in the queue is told as well.
func TestState_cancelled_in_queue(t *testing.T) {
	t.Parallel()

	s := servertest.New(t) // nobody works
	id := createTask(t, s, "verify_site", storeDesign(t, s, site(t))).TaskID
	if got := cancel(t, s, id); got.Result.Message == nil || !strings.HasPrefix(*got.Result.Message, "Cancelled by ") {
		t.Errorf("the result is %s", mustJSON(t, got.Result))
	}
	if log := string(s.Do("GET", "/v1/events", "", servertest.Admin()).Body); !strings.Contains(log, "TASK_ENDED") || !strings.Contains(log, id) {
		t.Errorf("events %s", log)
	}
}

// Deploying a deployed node leaves it alone, whatever the driver (the agent's is in
// TestAgent_walk).
func TestState_deployed_again(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Lab.Engine.Simulator.Signals = true })
	s.Work()
	ref := storeDesign(t, s, site(t))
	for _, action := range []string{"prepare_nodes", "deploy_nodes"} {
		finished(t, s, createTask(t, s, action, ref, "cedar-n08").TaskID)
	}
	for _, action := range []string{"prepare_nodes", "deploy_nodes"} {
		id := createTask(t, s, action, ref, "cedar-n08").TaskID
		if got := finished(t, s, id); got.Result.Status != "success" || !slices.Equal(got.Result.Successes, []string{"cedar-n08"}) {
			t.Errorf("%s on a deployed node: %s", action, mustJSON(t, got.Result))
		}
		if all := mustJSON(t, layers(t, s, id)); !strings.Contains(all, "deployed already and is left alone") {
			t.Errorf("%s on a deployed node says nothing of it:\n%s", action, all)
		}
	}
	if is := statusName(t, s, "cedar-n08"); is != "Deployed" {
		t.Errorf("the node is %s", is)
	}
}

// relabel_nodes says that it did nothing, where it is looked for.
func TestState_relabel(t *testing.T) {
	t.Parallel()

	for name, driver := range map[string]func(*server.Config){"simulator": func(*server.Config) {}, "agent": agents} {
		s := servertest.New(t, driver)
		s.Work()
		got := finished(t, s, createTask(t, s, "relabel_nodes", storeDesign(t, s, site(t)), "cedar-n07", "cedar-n08").TaskID)
		if got.Result.Message == nil || !strings.Contains(*got.Result.Message, "nothing") {
			t.Errorf("%s: %s", name, mustJSON(t, got.Result))
		}
	}
}
