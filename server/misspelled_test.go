package server_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// TestMisspelled: what a caller of our own operations misspells is refused and
// named, with the name that was meant; nothing is stored.
func TestMisspelled(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	id := create(t, s, "/v1/products", `{"name":"board","release":"15.04-core","snaps":[]}`)
	spec := create(t, s, "/v1/products/"+id+"/testspecs", `{"name":"smoke","test_payload":{}}`)
	for _, tt := range []struct{ method, path, body, pointer, parameter, meant string }{
		{"PUT", "/v1/agents/a", `{"agentgroup":"arm"}`, "/agentgroup", "", "agent_group"},
		{"PUT", "/v1/agents/a", `{"platforms":"arm64"}`, "/platforms", "", "platform"},
		{"PATCH", "/v1/agents/a", `{"mode":"draining","why":"x"}`, "/why", "", ""},
		{"POST", "/v1/agents/a/pick", `{"wait_second":60}`, "/wait_second", "", "wait_seconds"},
		{"POST", "/v1/agents/a/heartbeat", `{"leases":[{"test_opportunity_id":"o","token":"t","fase":"boot"}]}`, "/leases/0/fase", "", "phase"},
		{"GET", "/v1/agents?platfrom=arm64", "", "", "platfrom", "platform"},
		{"POST", "/v1/products/" + id + "/testspecs", `{"name":"soak","test_payload":{},"agentGroup":"arm"}`, "/agentGroup", "", "agent_group"},
		{"PUT", "/v1/products/" + id + "/testspecs/" + spec, `{"name":"smoke","test_payload":{},"prority":1}`, "/prority", "", "priority"},
		{"PATCH", "/v1/products/" + id + "/testspecs/" + spec, `{"enable":false}`, "/enable", "", "enabled"},
		{"DELETE", "/v1/products/" + id + "/testspecs/" + spec + "?forced=true", "", "", "forced", "force"},
		{"GET", "/v1/products/" + id + "/testspecs?cursr=x", "", "", "cursr", "cursor"},
		{"GET", "/v1/products/" + id + "/tests/opportunities?states=QUEUED", "", "", "states", "state"},
		{"POST", "/v1/webhooks", `{"url":"https://ci.example.com/","event_type":["RESULT_STORED"]}`, "/event_type", "", "event_types"},
		{"POST", "/v1/webhooks", `{"url":"https://ci.example.com/","filter":{"product":"` + id + `"}}`, "/filter/product", "", "product_id"},
		{"GET", "/v1/events?event-type=RESULT_STORED", "", "", "event-type", "event_type"},
		{"POST", "/v1/access-tokens", `{"name":"x","role":["reader"]}`, "/role", "", "roles"},
		{"GET", "/v1/access-tokens?ownr=me", "", "", "ownr", "owner"},
		{"GET", "/v1/audit?form=2026-01-01T00:00:00Z", "", "", "form", "from"},
		{"POST", "/v1/clouds", `{"lable":"x","config":{}}`, "/lable", "", "label"},
		{"DELETE", "/v1/clouds/1?cascading=true", "", "", "cascading", "cascade"},
		{"POST", "/v1/runs", `{"cloudId":1}`, "/cloudId", "", "cloud_id"},
		{"GET", "/v1/runs?outcom=fail", "", "", "outcom", "outcome"},
		{"GET", "/v1/runs/1?x=1", "", "", "x", ""},
		{"POST", "/v1/machines", `{"name":"m","mac":["52:54:00:00:00:01"]}`, "/mac", "", "macs"},
		{"GET", "/v1/machines?nodes=n1", "", "", "nodes", "node"},
		{"POST", "/v1/designs?nmae=x", "---\n", "", "nmae", "name"},
		{"GET", "/v1/designs?nam=x", "", "", "nam", "name"},
		{"GET", "/v1/test-results?outcom=fail", "", "", "outcom", "outcome"},
		{"GET", "/v1/test-results?sort=name", "", "", "sort", ""},
		{"HEAD", "/v1/runs?x=1", "", "", "", ""},
	} {
		media := servertest.JSON()
		if strings.HasPrefix(tt.body, "---") {
			media = servertest.With("Content-Type", "application/x-yaml")
		}
		a := s.Do(tt.method, tt.path, tt.body, servertest.Admin(), media)
		if tt.method == "HEAD" {
			if a.Status != 400 {
				t.Errorf("HEAD %s: %d", tt.path, a.Status)
			}
			continue
		}
		p := readProblem(t, a)
		found := false
		for _, e := range p.Errors {
			named := e.Parameter == tt.parameter && e.In == "query"
			if tt.pointer != "" {
				named = e.Pointer == tt.pointer && e.In == "body"
			}
			found = found || named && strings.Contains(e.Message, "is not a known ") && (tt.meant == "" || strings.Contains(e.Message, "(did you mean "+tt.meant+"?)"))
		}
		name := tt.parameter + tt.pointer[strings.LastIndexByte(tt.pointer, '/')+1:]
		if a.Status != 400 || !found || !strings.Contains(p.Detail, name) {
			t.Errorf("%s %s %s: %d %s", tt.method, tt.path, tt.body, a.Status, a.Body)
		}
	}
	for _, list := range []string{"/v1/agents", "/v1/webhooks", "/v1/clouds", "/v1/runs", "/v1/machines", "/v1/designs"} {
		var page map[string]any
		if err := json.Unmarshal(s.Do("GET", list, "", servertest.Admin()).Body, &page); err != nil {
			t.Fatal(err)
		}
		for name, items := range page {
			if items, isList := items.([]any); isList && len(items) > 0 {
				t.Errorf("%s %s: %v was stored", list, name, items)
			}
		}
	}
}

// TestMisspelled_OldClients: what clients of other systems send beside what we
// know is ignored, as those systems did, or named in the answer, as KernelCI does.
func TestMisspelled_OldClients(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	id := create(t, s, "/v1/products?colour=red", `{"name":"board","release":"15.04-core","snaps":[],"colour":"red"}`)
	if a := s.Do("POST", "/v1/runs", "", servertest.Admin()); a.Status != 201 {
		t.Fatalf("POST /v1/runs: %d %s", a.Status, a.Body)
	}
	for _, tt := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/v1/products/" + id + "/images?x=1", `{"image_reference":{},"image_unique_id":"i","platform":"arm","channel":"edge","extra_snaps":[],"colour":"red"}`, 201},
		{"POST", "/v1/products/" + id + "/snaps", `{"name":"s","revision":1,"channel":"edge","colour":"red"}`, 201},
		{"GET", "/v1/products/" + id + "/tests/results?colour=red", "", 200},
		{"GET", "/v1/products/" + id + "/tests/events?_=1448899200", "", 200},
		{"POST", "/v1/update-test-status?test_id=1&colour=red", `{"status":"up","colour":"red"}`, 201},
		{"GET", "/v1/results?colour=red", "", 200},
		{"POST", "/job?_=1", `{"job":"next","kernel":"v1","colour":"red"}`, 200},
		{"GET", "/job?_=1448899200&colour=red", "", 200},
		{"GET", "/api/v1.0/tasks?colour=red", "", 200},
		{"GET", "/api/v1.0/nodes?colour=red", "", 200},
		{"GET", "/?colour=red", "", 300},
		{"GET", "/v1/?colour=red", "", 200},
		{"GET", "/healthz?verbose", "", 200},
	} {
		if a := s.Do(tt.method, tt.path, tt.body, servertest.Admin(), servertest.JSON()); a.Status/100 != tt.want/100 {
			t.Errorf("%s %s %s: %d %s, want %d", tt.method, tt.path, tt.body, a.Status, a.Body, tt.want)
		}
	}
}

// create posts a body and returns the id of what it made.
func create(t *testing.T, s *servertest.Server, path, body string) string {
	t.Helper()
	a := s.Do("POST", path, body, servertest.Admin(), servertest.JSON())
	var made struct{ ID string }
	if err := json.Unmarshal(a.Body, &made); err != nil || a.Status != 201 || made.ID == "" {
		t.Fatalf("POST %s %s: %d %s", path, body, a.Status, a.Body)
	}
	return made.ID
}
