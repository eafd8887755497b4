package results_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

const cloudBody = `{"label":"private cloud","endpoint":"http://198.51.100.7:5000/v2.0","endpoint_v3":"http://198.51.100.7:5000/v3",` +
	`"admin_endpoint":"http://198.51.100.7:35357/v2.0","test_user":"demo","admin_user":"admin","alt_user":"alt_demo"}`

func TestClouds(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		admin, asJSON := servertest.Admin(), servertest.JSON()
		a := s.Do("POST", "/v1/clouds", cloudBody, admin, asJSON)
		if a.Status != 201 || a.Header.Get("Location") != "/v1/clouds/1" {
			t.Fatalf("create: %d, Location %q\n%s", a.Status, a.Header.Get("Location"), a.Body)
		}
		a = s.Do("PATCH", "/v1/clouds/1", `{"version":"havana","endpoint_v3":null,"extra_config":{"compute":{"flavor_ref":"2"}}}`, admin, asJSON)
		var cloud struct {
			Label       string
			Version     *string
			EndpointV3  *string                      `json:"endpoint_v3"`
			ExtraConfig map[string]map[string]string `json:"extra_config"`
		}
		if err := json.Unmarshal(a.Body, &cloud); err != nil {
			t.Fatal(err)
		}
		if a.Status != 200 || cloud.Label != "private cloud" || *cloud.Version != "havana" || cloud.EndpointV3 != nil || cloud.ExtraConfig["compute"]["flavor_ref"] != "2" {
			t.Errorf("patch: %d %s", a.Status, a.Body)
		}
		a = s.Do("PUT", "/v1/clouds/1", strings.Replace(cloudBody, "private cloud", "other", 1), admin, asJSON)
		if a.Status != 200 || strings.Contains(string(a.Body), "havana") || !strings.Contains(string(a.Body), `"label":"other"`) {
			t.Errorf("put: %d %s", a.Status, a.Body)
		}
		// What was read can be sent back with a change.
		read := string(s.Do("GET", "/v1/clouds/1", "", admin).Body)
		a = s.Do("PUT", "/v1/clouds/1", strings.Replace(read, `"version":null`, `"version":"icehouse"`, 1), admin, asJSON)
		if a.Status != 200 || !strings.Contains(string(a.Body), `"version":"icehouse"`) || !strings.Contains(string(a.Body), `"id":1,`) {
			t.Errorf("put what was read: %d %s", a.Status, a.Body)
		}
		for path, want := range map[string]int{"/v1/clouds?label=other": 1, "/v1/clouds?label=none": 0, "/v1/clouds?page=2": 1, "/v1/clouds?cpid=x": 0} {
			var list struct{ Pagination struct{ Total int } }
			if err := json.Unmarshal(s.Do("GET", path, "", admin).Body, &list); err != nil || list.Pagination.Total != want {
				t.Errorf("GET %s: total %d, want %d", path, list.Pagination.Total, want)
			}
		}
		for _, tt := range []struct {
			method, path, body string
			want               int
		}{
			{"GET", "/v1/clouds/2", "", 404},
			{"PATCH", "/v1/clouds/2", `{"version":"x"}`, 404},
			{"PATCH", "/v1/clouds/1", `{}`, 400},
			{"PATCH", "/v1/clouds/1", `{"id":2,"version":"x"}`, 400},
			{"PUT", "/v1/clouds/1", strings.Replace(read, `"id":1,`, `"id":2,`, 1), 400},
			{"POST", "/v1/clouds", read, 400},
			{"PATCH", "/v1/clouds/1", `{"label":"  "}`, 400},
			{"PATCH", "/v1/clouds/1", `{"endpoint":"ftp://x/"}`, 400},
			{"PATCH", "/v1/clouds/1", `{"extra_config":{"a":{"b":1}}}`, 400},
			{"PATCH", "/v1/clouds/1", `{"extra_config":{"a]":{"b":"1"}}}`, 400},
			{"DELETE", "/v1/clouds/2", "", 404},
			{"POST", "/v1/runs", `{"cloud_id":77}`, 400},
			{"POST", "/v1/runs", `{"cloud_id":1}`, 201},
			{"DELETE", "/v1/clouds/1", "", 409},
			{"DELETE", "/v1/clouds/1?cascade=true", "", 204},
			{"GET", "/v1/runs/1", "", 404},
		} {
			if a := s.Do(tt.method, tt.path, tt.body, admin, asJSON); a.Status != tt.want {
				t.Errorf("%s %s %s: %d, want %d\n%s", tt.method, tt.path, tt.body, a.Status, tt.want, a.Body)
			}
		}
	})
}

func TestGetMiniconf(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) {
		c.Results.TempestConfig = map[string]map[string]string{"compute": {"flavor_ref": "1", "image_ref": "abc"}}
	})
	extra := strings.TrimSuffix(cloudBody, "}") + `,"extra_config":{"compute":{"flavor_ref":"50%"},"new":{"a":"b"}}}`
	for _, body := range []string{cloudBody, extra} {
		if a := s.Do("POST", "/v1/clouds", body, servertest.Admin(), servertest.JSON()); a.Status != 201 {
			t.Fatalf("cloud: %d %s", a.Status, a.Body)
		}
	}
	second, first, none := newRun(t, s, `{"cloud_id":2}`), newRun(t, s, `{"cloud_id":1}`), newRun(t, s, "")
	const base = `"image_alt_ssh_password":"password","image_alt_ssh_user":"root","image_ref":"abc","image_ssh_password":"password","image_ssh_user":"root"}`
	const identity = `"identity":{"admin_username":"admin","alt_username":"alt_demo","uri":"http://198.51.100.7:5000/v2.0","uri_v3":"http://198.51.100.7:5000/v3","username":"demo"}`
	for _, tt := range []struct{ name, run, want string }{
		{"a cloud with more options", second, `{"cli":{"enabled":"False"},"compute":{"flavor_ref":"50%%",` + base + `,` + identity + `,"new":{"a":"b"}}`},
		{"another cloud, nothing of the first leaks", first, `{"cli":{"enabled":"False"},"compute":{"flavor_ref":"1",` + base + `,` + identity + `}`},
		{"no cloud", none, `{"cli":{"enabled":"False"},"compute":{"flavor_ref":"1",` + base + `}`},
	} {
		a := s.Do("GET", "/get-miniconf?test_id="+tt.run, "")
		if a.Status != 200 || string(a.Body) != tt.want {
			t.Errorf("%s: %d\n%s\nwant\n%s", tt.name, a.Status, a.Body, tt.want)
		}
		if d := a.Header.Get("Content-Disposition"); d != "attachment; filename=miniconf.json" {
			t.Errorf("Content-Disposition %q", d)
		}
	}
	for _, query := range []string{"", "?test_id=", "?test_id=abc", "?test_id=999", "?test_id=0", "?test_id=99999999999999999999", "?test_id=1&test_id=2"} {
		if a := s.Do("GET", "/v1/get-miniconf"+query, ""); a.Status != 400 || !strings.Contains(string(a.Body), "test_id") {
			t.Errorf("GET /v1/get-miniconf%s: %d %s, want 400 that names test_id", query, a.Status, a.Body)
		}
	}
}

func TestDeprecated(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	id := newRun(t, s, "")
	script := s.Do("GET", "/get-script", "")
	if script.Status != 200 || !strings.HasPrefix(string(script.Body), "#!/usr/bin/env python3") {
		t.Errorf("get-script: %d %.60s", script.Status, script.Body)
	}
	cases := s.Do("GET", "/v1/get-testcases?test_id="+id, "")
	if string(cases.Body) != `{"testcases":["tempest"]}` || cases.Header.Get("Content-Disposition") != "attachment; filename=testcases.json" {
		t.Errorf("get-testcases: %s, %q", cases.Body, cases.Header.Get("Content-Disposition"))
	}
	refused := []servertest.Answer{
		s.Do("GET", "/v1/get-testcases?test_id=x", ""),
		s.Do("GET", "/get-testcases", ""),
		s.Do("GET", "/v1/get-testcases?test_id=4711", ""),
		s.Do("GET", "/v1/get-testcases?test_id="+id, "", servertest.With("Authorization", "Bearer nobody")),
		s.Do("GET", "/v1/get-script", "", servertest.With("Authorization", "Bearer nobody")),
		s.Do("GET", "/get-script", "", servertest.With("Accept", "application/v9")),
	}
	for _, a := range refused {
		if a.Status < 400 {
			t.Errorf("%d %s, want an error", a.Status, a.Body)
		}
	}
	for _, a := range append(refused, script, cases) {
		if a.Header.Get("Deprecation") != "@1402444800" || a.Header.Get("Warning") != `299 - "deprecated"` || !strings.Contains(a.Header.Get("Link"), `rel="deprecation"`) {
			t.Errorf("headers %v", a.Header)
		}
	}
	if a := s.Do("GET", "/v1/get-testcases?test_id=x", ""); a.Status != 400 {
		t.Errorf("get-testcases of no run: %d, want 400", a.Status)
	}
}
