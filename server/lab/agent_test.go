package lab_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

func agents(c *server.Config) { c.Lab.Engine.Driver = "agent" }

type machine struct {
	ID, Key string
	Node    *string
}

func register(t *testing.T, s *servertest.Server, body string, want int, as ...servertest.Option) machine {
	t.Helper()
	a := s.Do("POST", "/v1/machines", body, append([]servertest.Option{servertest.As(s.Token(auth.Machine)), servertest.JSON()}, as...)...)
	if a.Status != want {
		t.Fatalf("register %s: %d, want %d\n%s", body, a.Status, want, a.Body)
	}
	var m machine
	decode(t, a, &m)
	return m
}

func (m machine) key() servertest.Option { return servertest.With("X-Machine-Key", m.Key) }

type work struct {
	TaskID   string `json:"task_id"`
	Action   string
	Manifest string
}

// poll asks for work until there is some.
func (m machine) poll(t *testing.T, s *servertest.Server) work {
	t.Helper()
	var w work
	eventually(t, "work for the machine", func() bool {
		a := s.Do("GET", "/v1/machines/"+m.ID+"/work?wait=5", "", m.key())
		if a.Status == http.StatusOK {
			decode(t, a, &w)
		}
		return a.Status == http.StatusOK
	})
	return w
}

func (m machine) report(t *testing.T, s *servertest.Server, w work, body string, want int) {
	t.Helper()
	a := s.Do("POST", "/v1/machines/"+m.ID+"/work/"+w.TaskID, body, m.key(), servertest.JSON())
	if a.Status != want {
		t.Fatalf("report %s on %s: %d, want %d\n%s", body, w.Action, a.Status, want, a.Body)
	}
}

const n08 = `{"macs":["52-54-00-CE-DA-08"],"serial":"A1","memory":16384,"cpu_count":8,"address":"10.40.8.108"}`

// The whole way of a machine with nothing but requests that curl can send.
func TestAgent_walk(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		s.Work()
		ref := storeDesign(t, s, site(t))

		m := register(t, s, n08, 201)
		if m.Node != nil {
			t.Errorf("before any task the machine is node %s", *m.Node)
		}
		prepare := createTask(t, s, "prepare_nodes", ref, "cedar-n08").TaskID
		if again := register(t, s, n08, 200, m.key()); again.ID != m.ID || again.Key != m.Key || again.Node == nil || *again.Node != "cedar-n08" {
			t.Errorf("registered again as %+v", again)
		}

		w := m.poll(t, s)
		if w.Action != "configure_hardware" {
			t.Fatalf("the first work is %s", w.Action)
		}
		a := s.Do("POST", "/v1/nodes/cedar-n08/builddata?generator=lshw&task_id="+w.TaskID, "<list/>", m.key(), servertest.With("Content-Type", "text/xml; charset=utf-8"))
		if a.Status != 201 {
			t.Fatalf("build data: %d %s", a.Status, a.Body)
		}
		m.report(t, s, w, `{"status":"running","message":"half way"}`, 200)
		m.report(t, s, w, `{"status":"success","message":"hardware looked at"}`, 200)
		m.report(t, s, w, `{"status":"success","message":"hardware looked at"}`, 200) // the answer was lost
		m.report(t, s, w, `{"status":"success"}`, 409)
		m.report(t, s, w, `{"status":"failure","message":"hardware looked at"}`, 409)
		if got := finished(t, s, prepare); got.Result.Status != "success" {
			t.Fatalf("prepare: %s", mustJSON(t, got.Result))
		}
		var data []buildData
		decode(t, s.Do("GET", "/api/v1.0/tasks/"+w.TaskID+"/builddata", "", servertest.Admin()), &data)
		if len(data) != 1 || data[0].DataFormat != "text/xml" || data[0].DataElement != "<list/>" {
			t.Errorf("build data of the task: %+v", data)
		}

		deploy := createTask(t, s, "deploy_nodes", ref, "cedar-n08").TaskID
		var seen []string
		for {
			w = m.poll(t, s)
			seen = append(seen, w.Action)
			if w.Action == "deploy_node" {
				break
			}
			m.report(t, s, w, `{"status":"success"}`, 200)
		}
		if want := []string{"apply_node_networking", "apply_node_storage", "apply_node_platform", "deploy_node"}; !slices.Equal(seen, want) {
			t.Errorf("work %v, want %v", seen, want)
		}
		var manifest struct{ Key, Image, Kernel, FQDN string }
		decode(t, s.Do("GET", strings.TrimPrefix(w.Manifest, s.URL), "", m.key()), &manifest)
		if len(manifest.Key) != 64 || manifest.Image == "" || !strings.HasPrefix(manifest.FQDN, "cedar-n08.") {
			t.Fatalf("manifest %+v", manifest)
		}
		for _, kind := range []string{"files", "units"} {
			if a := s.Do("GET", "/v1/bootdata/cedar-n08/"+kind, "", key(manifest.Key)); a.Status != 200 {
				t.Errorf("%s: %d", kind, a.Status)
			}
		}
		action := actionID(t, s, "cedar-n08", manifest.Key)
		m.report(t, s, w, `{"status":"success","message":"deployed"}`, 200)
		a = s.Do("POST", "/v1/bootaction/"+action, `{"status":"success"}`, key(manifest.Key), servertest.JSON())
		if a.Status != 200 {
			t.Errorf("signal: %d %s", a.Status, a.Body)
		}
		got := finished(t, s, deploy)
		if got.Result.Status != "success" || !slices.Equal(got.Result.Successes, []string{"cedar-n08"}) {
			t.Errorf("deploy: %s", mustJSON(t, got.Result))
		}
		var nodes []map[string]any
		decode(t, s.Do("GET", "/v1/nodes", "", servertest.Admin()), &nodes)
		if len(nodes) != 1 || nodes[0]["status_name"] != "Deployed" || nodes[0]["memory"] != 16384.0 || nodes[0]["boot_ip"] != "10.40.8.108" {
			t.Errorf("nodes %v", nodes)
		}
		if a := s.Do("GET", "/v1/machines/"+m.ID+"/work", "", m.key()); a.Status != 204 {
			t.Errorf("no more work: %d %s", a.Status, a.Body)
		}
		checkLeftAlone(t, s, m, ref)
	}, agents)
}

// checkLeftAlone prepares and deploys a node that is deployed, which its machine
// does not notice until the node is destroyed.
func checkLeftAlone(t *testing.T, s *servertest.Server, m machine, ref string) {
	t.Helper()
	for _, action := range []string{"prepare_nodes", "deploy_nodes"} {
		id := createTask(t, s, action, ref, "cedar-n08").TaskID
		if got := finished(t, s, id); got.Result.Status != "success" || !slices.Equal(got.Result.Successes, []string{"cedar-n08"}) {
			t.Errorf("%s on a deployed node: %s", action, mustJSON(t, got.Result))
		}
		if all := mustJSON(t, layers(t, s, id)); !strings.Contains(all, "deployed already and is left alone") {
			t.Errorf("%s on a deployed node says nothing of it:\n%s", action, all)
		}
	}
	destroy := createTask(t, s, "destroy_nodes", ref, "cedar-n08").TaskID
	m.report(t, s, m.poll(t, s), `{"status":"success"}`, 200)
	finished(t, s, destroy)
	again := createTask(t, s, "deploy_nodes", ref, "cedar-n08").TaskID
	if w := m.poll(t, s); w.Action != "apply_node_networking" {
		t.Errorf("after the node was destroyed its machine is to do %s", w.Action)
	}
	s.Do("DELETE", "/v1/tasks/"+again, "", servertest.Admin())
	finished(t, s, again)
}

func TestAgent_failures(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, agents, func(c *server.Config) {
		c.Lab.Engine.Limits = map[string]time.Duration{"identify_node": 200 * time.Millisecond, "configure_hardware": 500 * time.Millisecond}
	})
	s.Work()
	ref := storeDesign(t, s, strings.Replace(site(t), "type: redfish, network", "type: ipmi, network", 1))
	says := func(id, text string) {
		t.Helper()
		if got := finished(t, s, id); got.Result.Status != "failure" {
			t.Errorf("task %s: %s", id, mustJSON(t, got.Result))
		}
		if all := mustJSON(t, layers(t, s, id)); !strings.Contains(all, text) {
			t.Errorf("no message says %q:\n%s", text, all)
		}
	}
	// No out-of-band driver, and no machine either.
	says(createTask(t, s, "prepare_nodes", ref, "cedar-n07").TaskID, "no driver for the out-of-band type")
	says(createTask(t, s, "verify_nodes", ref, "cedar-n07").TaskID, "no driver for the out-of-band type")
	says(createTask(t, s, "deploy_nodes", ref, "cedar-n07").TaskID, "no machine with the node's boot_mac has registered")

	m := register(t, s, n08, 201)
	says(createTask(t, s, "prepare_nodes", ref, "cedar-n08").TaskID, "did not report the end of the step in time")
	a := s.Do("PATCH", "/v1/machines/"+m.ID, `{"hold":true,"reason":"lent to the kernel team"}`, servertest.Admin(), servertest.JSON())
	if a.Status != 200 {
		t.Fatalf("hold: %d %s", a.Status, a.Body)
	}
	says(createTask(t, s, "destroy_nodes", ref, "cedar-n08").TaskID, "the machine is held: lent to the kernel team")
}

func TestMachines_refuse(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, agents)
	ref := storeDesign(t, s, site(t))
	a := register(t, s, `{"macs":["52:54:00:00:00:01"]}`, 201)
	b := register(t, s, `{"macs":["52:54:00:00:00:02","52:54:00:00:00:03"]}`, 201)
	register(t, s, `{"macs":["52:54:00:00:00:01","52:54:00:00:00:02"]}`, 409)
	register(t, s, `{"macs":[]}`, 400)
	register(t, s, `{"macs":["nonsense"]}`, 400)
	for _, mac := range []string{"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"} { // of any machine
		register(t, s, `{"macs":["52:54:00:00:00:04","`+mac+`"]}`, 400)
	}
	register(t, s, `{"macs":["52:54:00:00:00:01"],"colour":"red"}`, 400)
	createTask(t, s, "deploy_nodes", ref, "cedar-n08") // nobody works on it, but its address is known

	tests := []struct {
		method, path, body string
		option             servertest.Option
		want               int
	}{
		{"GET", "/v1/machines/" + a.ID + "/work", "", servertest.JSON(), 401},
		{"GET", "/v1/machines/" + a.ID + "/work", "", servertest.Admin(), 401},
		{"GET", "/v1/machines/" + a.ID + "/work", "", b.key(), 403},
		{"GET", "/v1/machines/" + a.ID + "/work", "", a.key(), 409},
		{"GET", "/v1/machines/" + a.ID + "/work?wait=61", "", a.key(), 400},
		{"POST", "/v1/machines/" + a.ID + "/work/11111111-1111-4111-8111-111111111111", `{"status":"success"}`, a.key(), 404},
		{"POST", "/v1/nodes/cedar-n08/builddata?generator=lshw", "x", a.key(), 403},
		{"POST", "/v1/nodes/nobody/builddata?generator=lshw", "x", servertest.Admin(), 404},
		{"POST", "/v1/nodes/cedar-n08/builddata?generator=lshw", "x", servertest.Admin(), 201},
		{"POST", "/v1/nodes/cedar-n08/builddata", "x", servertest.Admin(), 400},
		{"POST", "/v1/nodes/cedar-n08/builddata?generator=lshw", "\xff", servertest.Admin(), 400},
		{"GET", "/v1/nodes/cedar-n08/manifest", "", servertest.Admin(), 404},
		{"GET", "/v1/nodes/cedar-n08/manifest", "", a.key(), 403},
		{"GET", "/v1/machines/nope", "", servertest.Admin(), 404},
		{"GET", "/v1/machines?node=cedar-n08", "", servertest.Admin(), 200},
		{"DELETE", "/v1/machines/" + a.ID, "", servertest.Admin(), 204},
		{"GET", "/v1/machines/" + a.ID + "/work", "", a.key(), 404},
		{"DELETE", "/v1/machines/" + a.ID, "", servertest.Admin(), 404},
	}
	for _, tt := range tests {
		if got := s.Do(tt.method, tt.path, tt.body, servertest.JSON(), tt.option); got.Status != tt.want {
			t.Errorf("%s %s: %d, want %d\n%s", tt.method, tt.path, got.Status, tt.want, got.Body)
		}
	}
}
