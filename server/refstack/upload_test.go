package refstack_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// TestPublishResult_Forms uploads every form that clients have sent, and reads
// it back from both of RefStack's worlds.
func TestPublishResult_Forms(t *testing.T) {
	t.Parallel()
	form := servertest.With("Content-Type", "application/x-www-form-urlencoded")
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		tests := []struct {
			name     string
			path     string
			body     string
			options  []servertest.Option
			tests    int
			first    string
			duration int64
		}{
			{name: "names and uuids, as the newest client sends them", path: "/v1/results/", body: sample(t, "13_results_refstack_client.json"), tests: 106,
				first: "tempest.api.identity.admin.v3.test_list_projects.ListProjectsTestJSON.test_list_projects_with_name", duration: 612},
			{name: "uid, until March 2015", path: "/v1/results", body: sample(t, "13_results_uid_2015.json"), tests: 8,
				first: "tempest.api.identity.admin.v3.test_list_projects.ListProjectsTestJSON.test_list_projects_with_name", duration: 25},
			{name: "a form, the client of January 2015", path: "/v1/results/", body: url.Values{"data": {sample(t, "13_results_uid_2015.json")}}.Encode(),
				options: []servertest.Option{form}, tests: 8, first: "tempest.api.identity.admin.v3.test_list_projects.ListProjectsTestJSON.test_list_projects_with_name", duration: 25},
			{name: "JSON that curl calls a form", path: "/v1/results/", body: onePass, options: []servertest.Option{form}, tests: 1, first: "tempest.api.test_a", duration: 25},
			{name: "without the version", path: "/results/", body: onePass, tests: 1, first: "tempest.api.test_a", duration: 25},
			{name: "text/plain", path: "/v1/results", body: onePass, options: []servertest.Option{servertest.With("Content-Type", "text/plain")}, tests: 1, first: "tempest.api.test_a", duration: 25},
			{name: "unknown keys in items, and items after the first unchecked", path: "/v1/results", tests: 3, first: "a", duration: -1,
				body: `{"results":[{"name":"a","uuid":"{6F3D224D-9529-5f4e-baa7-2e0b2dda2fd7}","x":[1]},{"name":"b","uuid":"x"},"c"],"duration_seconds":-1,"cpid":""}`},
			{name: "a byte order mark", path: "/v1/results", tests: 1, first: "tempest.api.test_a", duration: 25, body: "\ufeff" + onePass},
			{name: "a name twice is one test", path: "/v1/results", tests: 1, first: "a", duration: 0, body: `{"cpid":"x","duration_seconds":0,"results":["a",{"name":"a"}]}`},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				a := s.Do("POST", tt.path, tt.body, append([]servertest.Option{servertest.JSON()}, tt.options...)...)
				p := decode[published](t, a, 201)
				if p.TestID == "" || p.TestID != p.TestRunID || p.URL != s.URL+"/v1/results/"+p.TestID || a.Header.Get("Location") != "/v1/results/"+p.TestID {
					t.Errorf("answer %+v, Location %q", p, a.Header.Get("Location"))
				}
				r := decode[result](t, s.Do("GET", strings.TrimPrefix(p.URL, s.URL), ""), 200) // the link that the client prints
				if len(r.Results) != tt.tests || r.Results[0] != tt.first || r.DurationSeconds != tt.duration || r.UserRole != "user" || r.CPID != nil || len(r.Meta) != 0 {
					t.Errorf("GET: %d tests, %+.300v; want %d, the first %s", len(r.Results), r, tt.tests, tt.first)
				}
				checkRun(t, s, p.TestID, tt.tests)
			})
		}
	})
}

// checkRun finds the same upload as a result of the newest run.
func checkRun(t *testing.T, s *servertest.Server, id string, tests int) {
	t.Helper()
	runs := decode[struct {
		Runs []struct {
			TestID        int64 `json:"test_id"`
			CloudID       *int64
			Finished      bool
			CurrentResult struct {
				ResultID string `json:"result_id"`
				Scope    string
				Outcome  string
				Tests    int
			} `json:"current_result"`
		}
	}](t, s.Do("GET", "/v1/runs?limit=1", "", servertest.Admin()), 200)
	run := runs.Runs[0]
	if c := run.CurrentResult; c.ResultID != id || c.Scope != "passes_only" || c.Outcome != "pass" || c.Tests != tests || run.CloudID != nil || !run.Finished {
		t.Errorf("newest run %+v, want the result %s", run, id)
	}
}

// TestPublishResult_Refusals is every 400 of an upload with RefStack's text.
func TestPublishResult_Refusals(t *testing.T) {
	t.Parallel()
	const schema = "Request doesnt correspond to schema"
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		tests := []struct{ name, body, want, pointer string }{
			{"nothing", "", "Malformed request", ""},
			{"no JSON", "{", "Malformed request", ""},
			{"two values", onePass + "{}", "Malformed request", ""},
			{"not UTF-8", `{"cpid":"` + "\xff" + `","duration_seconds":1,"results":["a"]}`, "Malformed request", ""},
			{"a list", `[]`, schema, ""},
			{"no cpid", `{"duration_seconds":1,"results":["a"]}`, schema, "/cpid"},
			{"cpid is a number", `{"cpid":1,"duration_seconds":1,"results":["a"]}`, schema, "/cpid"},
			{"no duration", `{"cpid":"a","results":["a"]}`, schema, "/duration_seconds"},
			{"duration is text", `{"cpid":"a","duration_seconds":"1","results":["a"]}`, schema, "/duration_seconds"},
			{"duration is no integer", `{"cpid":"a","duration_seconds":1.5,"results":["a"]}`, schema, "/duration_seconds"},
			{"duration beyond any integer", `{"cpid":"a","duration_seconds":99999999999999999999,"results":["a"]}`, schema, "/duration_seconds"},
			{"no results", `{"cpid":"a","duration_seconds":1}`, schema, "/results"},
			{"results is an object", `{"cpid":"a","duration_seconds":1,"results":{"a":["PASS",1]}}`, schema, "/results"},
			{"an unknown member", `{"cpid":"a","duration_seconds":1,"results":["a"],"job_id":7}`, schema, "/job_id"},
			{"a member twice", `{"cpid":"a","cpid":"b","duration_seconds":1,"results":["a"]}`, schema, "/cpid"},
			{"the first is a number", `{"cpid":"a","duration_seconds":1,"results":[1]}`, schema, "/results/0"},
			{"the first name is a number", `{"cpid":"a","duration_seconds":1,"results":[{"name":1}]}`, schema, "/results/0/name"},
			{"the first uuid is none", `{"cpid":"a","duration_seconds":1,"results":[{"name":"a","uuid":"x"}]}`, schema, "/results/0/uuid"},
			{"a later one has no name", `{"cpid":"a","duration_seconds":1,"results":["a",{"uuid":"x"}]}`, schema, "/results/1/name"},
			{"U+0000 in the cpid", `{"cpid":"\u0000","duration_seconds":1,"results":["a"]}`, schema, "/cpid"},
			{"U+0000 in a name", `{"cpid":"a","duration_seconds":1,"results":["a\u0000"]}`, schema, "/results/0"},
			{"nested too deeply", `{"cpid":"a","duration_seconds":1,"results":[{"name":"a","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}]}`, schema, ""},
			{"a name of 65537 bytes", `{"cpid":"a","duration_seconds":1,"results":["` + strings.Repeat("x", 64<<10+1) + `"]}`, schema, "/results/0"},
			{"no test", `{"cpid":"a","duration_seconds":1,"results":[]}`, "Uploaded results must contain at least one passing test.", "/results"},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				p := decode[problem](t, s.Do("POST", "/v1/results/", tt.body, servertest.JSON()), 400)
				if p.Code != 400 || p.Title != tt.want || p.Detail != tt.want || p.Message != tt.want {
					t.Errorf("%+v, want %q", p, tt.want)
				}
				if len(p.Errors) == 0 || p.Errors[0].Pointer != tt.pointer {
					t.Errorf("errors %+v, want one at %q", p.Errors, tt.pointer)
				}
			})
		}
		if list := decode[page](t, s.Do("GET", "/v1/results/", ""), 200); len(list.Results) != 0 {
			t.Errorf("%d results after refusals only", len(list.Results))
		}
		runs := decode[struct{ Runs []any }](t, s.Do("GET", "/v1/runs", "", servertest.Admin()), 200)
		if len(runs.Runs) != 0 {
			t.Errorf("%d runs after refusals only", len(runs.Runs))
		}
	})
}

func TestPublishResult_TooLarge(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, small)
	body := fmt.Sprintf(`{"cpid":"a","duration_seconds":1,"results":[%q]}`, strings.Repeat("x", 2000))
	if a := s.Do("POST", "/v1/results/", body, servertest.JSON()); a.Status != 413 {
		t.Errorf("%d, want 413\n%.300s", a.Status, a.Body)
	}
}

func TestGetPassListSchema(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	schema := decode[struct {
		Required             []string
		AdditionalProperties bool
		Properties           map[string]any
	}](t, s.Do("GET", "/v1/results/schema", ""), 200)
	if len(schema.Required) != 3 || len(schema.Properties) != 3 || schema.AdditionalProperties {
		t.Errorf("schema %+v", schema)
	}
}

// TestPublishResult_Verdicts refuses lists whose items say how they ended: what
// did not pass must not be listed as passed.
func TestPublishResult_Verdicts(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for _, items := range []string{`{"name":"a","status":"failed"}`, `"a",{"name":"b","outcome":"fail"}`, `{"name":"a"},{"name":"b","result":"SKIP"}`} {
		a := s.Do("POST", "/v1/results", `{"cpid":"x","duration_seconds":1,"results":[`+items+`]}`, servertest.JSON())
		if a.Status != 400 || !strings.Contains(string(a.Body), "no list of passes") {
			t.Errorf("%s: %d %s, want 400 that says why", items, a.Status, a.Body)
		}
	}
}
