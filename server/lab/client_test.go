package lab_test

import (
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// What Drydock's own client and CLI send (drydock_client/client.py and session.py,
// cli/task/actions.py at 61bcf4f, with requests 2.28.1 and keystoneauth1 5.0.0), byte
// for byte but for hosts, ids and tokens.
func TestDrydockClient(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		s.Work()
		ref := storeDesign(t, s, site(t))
		python := []servertest.Option{
			servertest.With("User-Agent", "python-requests/2.28.1"), servertest.With("Accept", "*/*"),
			servertest.With("X-Context-Marker", "6371dcb7-2d87-4402-ba9b-3c860840c6b2"), servertest.With("X-End-User", "carol"),
		}
		send := func(method, path, body, token string) servertest.Answer {
			options := append([]servertest.Option{servertest.With("X-Auth-Token", token)}, python...)
			if body != "" {
				options = append(options, servertest.JSON())
			}
			return s.Do(method, path, strings.ReplaceAll(body, "REF", ref), options...)
		}

		login := s.Do("POST", "/v3/auth/tokens", `{"auth": {"identity": {"methods": ["password"], "password": {"user": {"password": "`+servertest.AdminToken+
			`", "name": "admin", "domain": {"name": "default"}}}}, "scope": {"project": {"name": "service", "domain": {"name": "default"}}}}}`,
			servertest.JSON(), servertest.With("Accept", "application/json"), servertest.With("User-Agent", "-c keystoneauth1/5.0.0 python-requests/2.28.1 CPython/3.11.2"))
		token := login.Header.Get("X-Subject-Token")
		if login.Status != 201 || token == "" {
			t.Fatalf("login: %d %s", login.Status, login.Body)
		}

		var made task
		a := send("POST", "/api/v1.0/tasks", `{"action": "prepare_nodes", "design_ref": "REF", "node_filter": {"filter_set_type": "intersection", "filter_set": [{"filter_type": "union", "node_names": ["cedar-n08"], "rack_names": []}]}}`, token)
		if decode(t, a, &made); a.Status != 201 {
			t.Fatalf("task create -n: %d %s", a.Status, a.Body)
		}
		finished(t, s, made.TaskID)
		// -t is lost by the CLI, which leaves no criterion and so no node.
		a = send("POST", "/api/v1.0/tasks", `{"action": "deploy_nodes", "design_ref": "REF", "node_filter": {"filter_set_type": "intersection", "filter_set": [{"filter_type": "union", "node_names": [], "rack_names": []}]}}`, token)
		decode(t, a, &made)
		if got := finished(t, s, made.TaskID); got.Result.Details.MessageList[0].Message != "No nodes in scope, no work to do." {
			t.Errorf("task create -t: %s", mustJSON(t, got))
		}

		tests := []struct {
			method, path, body, token string
			want                      int
			text                      string
		}{
			{"POST", "/api/v1.0/tasks", `{"action": "verify_site", "design_ref": "REF", "node_filter": null}`, token, 201, `"node_filter":null`},
			{"POST", "/api/v1.0/tasks", `{"action": "paint_nodes", "design_ref": "REF", "node_filter": null}`, token, 400, "Unsupported action paint_nodes"},
			{"POST", "/api/v1.0/tasks", `{"action": "deploy_nodes", "design_ref": null, "node_filter": null}`, token, 400, "design_ref"},
			{"POST", "/api/v1.0/tasks", `{"action": "prepare_nodes", "design_ref": "REF", "node_filter": {"filter_set_type": "intersection", "filter_set": [{"filter_type": "union", "node_names": ["cedar-n01"], "node_tags": [], "node_labels": {}, "rack_names": [], "rack_labels": {}}]}}`, token, 201, "cedar-n01"},
			{"GET", "/api/v1.0/tasks", "", token, 200, `"kind":"Task"`},
			{"GET", "/api/v1.0/tasks/" + made.TaskID + "?builddata=true&subtaskerrors=true&layers=-1", "", token, 200, `"init_task_id":"` + made.TaskID + `"`},
			{"GET", "/api/v1.0/tasks/" + made.TaskID + "?layers=2", "", token, 200, `"init_task_id"`},
			{"GET", "/api/v1.0/tasks/" + made.TaskID, "", token, 200, `"task_id":"` + made.TaskID + `"`},
			{"GET", "/api/v1.0/tasks/" + made.TaskID + "/builddata", "", token, 404, "No build data found"},
			{"GET", "/api/v1.0/nodes", "", token, 200, `"hostname":"cedar-n08"`},
			{"GET", "/api/v1.0/nodes/cedar-n08/builddata?latest=True", "", token, 200, `"generator":"lshw"`},
			{"GET", "/api/v1.0/nodes/cedar-n08/builddata?latest=False", "", token, 200, `"generator":"lshw"`},
			{"POST", "/api/v1.0/nodefilter", `{"node_filter": null, "design_ref": "REF"}`, token, 200, `["cedar-n01",`},
			{"POST", "/api/v1.0/nodefilter", `{"node_filter": {"filter_set_type": "union", "filter_set": [{"filter_type": "intersection", "rack_names": ["rack-a"], "node_tags": ["gpu"]}]}, "design_ref": "REF"}`, token, 200, `["cedar-n02","cedar-n04"]`},
			{"POST", "/api/v1.0/validatedesign", `{"href": "REF"}`, token, 200, `"message":"Site design passed validation"`},
			{"DELETE", "/api/v1.0/tasks?days=None", "", token, 200, "Tables purged successfully."},
			{"DELETE", "/api/v1.0/tasks?days=90", "", token, 200, "Tables purged successfully."},
			{"GET", "/api/v1.0/nodes", "", "nonsense", 401, "message"},
		}
		for _, tt := range tests {
			if a := send(tt.method, tt.path, tt.body, tt.token); a.Status != tt.want || !strings.Contains(string(a.Body), tt.text) {
				t.Errorf("%s %s %s: %d %.400s, want %d with %q", tt.method, tt.path, tt.body, a.Status, a.Body, tt.want, tt.text)
			}
		}
	})
}
