package results_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

const formType = "application/x-www-form-urlencoded"

func TestUpdateStatus(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		id := newRun(t, s, "")
		tests := []struct {
			name, path, contentType, body string
			want                          int
			wantText                      string
			wantFinished                  string // of the message: null, true, false
		}{
			{name: "the seed's curl line", path: "/v1/update-test-status/" + id, contentType: formType, body: "status=test complete", want: 201, wantText: "test complete", wantFinished: "null"},
			{name: "with a slash", path: "/v1/update-test-status/" + id + "/", contentType: formType, body: "status=x", want: 201, wantText: "x", wantFinished: "null"},
			{name: "without the prefix", path: "/update-test-status/" + id, contentType: formType, body: "status=x", want: 201, wantText: "x", wantFinished: "null"},
			{name: "the runner of May 2014", path: "/v1/update-test-status", contentType: formType, body: "test_id=" + id + "&status=running+tempest%3A+50%25+done", want: 201, wantText: "running tempest: 50% done", wantFinished: "null"},
			{name: "a semicolon, a bare percent, a plus", path: "/v1/update-test-status/" + id, contentType: formType, body: "status=step 1; 50% done + more", want: 201, wantText: "step 1; 50% done   more", wantFinished: "null"},
			{name: "latin-1", path: "/v1/update-test-status/" + id, contentType: formType, body: "status=caf\xe9", want: 201, wantText: "caf\ufffd", wantFinished: "null"},
			{name: "JSON with a number and a boolean", path: "/v1/update-test-status", contentType: "application/json", body: `{"test_id":` + id + `,"status":"x","finished":false}`, want: 201, wantText: "x", wantFinished: "false"},
			{name: "all in the query", path: "/v1/update-test-status?test_id=" + id + "&status=a;b&finished=NO", want: 201, wantText: "a;b", wantFinished: "false"},
			{name: "the same twice", path: "/v1/update-test-status/" + id + "?test_id=" + id, contentType: formType, body: "status=x&test_id=" + id, want: 201, wantText: "x", wantFinished: "null"},
			{name: "finished", path: "/v1/update-test-status/" + id, contentType: formType, body: "status=done&finished=Yes", want: 201, wantText: "done", wantFinished: "true"},
			{name: "late, and it does not open the run again", path: "/v1/update-test-status/" + id, contentType: formType, body: "status=late&finished=false", want: 201, wantText: "late", wantFinished: "false"},
			{name: "65536 bytes", path: "/v1/update-test-status/" + id, contentType: formType, body: "status=" + strings.Repeat("x", 64<<10), want: 201, wantText: strings.Repeat("x", 64<<10), wantFinished: "null"},

			{name: "empty", path: "/v1/update-test-status/" + id, contentType: formType, body: "status=", want: 400},
			{name: "blank", path: "/v1/update-test-status/" + id, contentType: formType, body: "status=+%09", want: 400},
			{name: "no message", path: "/v1/update-test-status/" + id, contentType: formType, body: "finished=true", want: 400},
			{name: "no run", path: "/v1/update-test-status", contentType: formType, body: "status=x", want: 400},
			{name: "an unknown run", path: "/v1/update-test-status/99999", contentType: formType, body: "status=x", want: 400},
			{name: "a run that is no number", path: "/v1/update-test-status/abc", contentType: formType, body: "status=x", want: 400},
			{name: "zero", path: "/v1/update-test-status/0", contentType: formType, body: "status=x", want: 400},
			{name: "a huge number", path: "/v1/update-test-status/99999999999999999999", contentType: formType, body: "status=x", want: 400},
			{name: "two runs", path: "/v1/update-test-status/" + id, contentType: formType, body: "status=x&test_id=77", want: 400},
			{name: "finished that is no boolean", path: "/v1/update-test-status/" + id, contentType: formType, body: "status=x&finished=2", want: 400},
			{name: "U+0000", path: "/v1/update-test-status/" + id, contentType: formType, body: "status=a%00b", want: 400},
			{name: "65537 bytes", path: "/v1/update-test-status/" + id, contentType: formType, body: "status=" + strings.Repeat("x", 64<<10+1), want: 413},
			{name: "an unknown Content-Type", path: "/v1/update-test-status/" + id, contentType: "text/plain", body: "status=x", want: 415},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				a := s.Do("POST", tt.path, tt.body, servertest.With("Content-Type", tt.contentType))
				if a.Status != tt.want {
					t.Fatalf("POST %.60s: %d, want %d\n%.300s", tt.path, a.Status, tt.want, a.Body)
				}
				if tt.want != 201 {
					return
				}
				var got struct {
					Message string
					Status  struct {
						Text     string
						Finished json.RawMessage
					}
				}
				if err := json.Unmarshal(a.Body, &got); err != nil {
					t.Fatal(err)
				}
				if got.Message != "thank you" || got.Status.Text != tt.wantText || string(got.Status.Finished) != tt.wantFinished {
					t.Errorf("saved %.200q finished %s, want %.200q finished %s", got.Status.Text, got.Status.Finished, tt.wantText, tt.wantFinished)
				}
			})
		}
		t.Run("the run stays finished", func(t *testing.T) {
			var run struct {
				Finished   bool
				FinishedAt *string `json:"finished_at"`
			}
			if err := json.Unmarshal(s.Do("GET", "/v1/runs/"+id, "", servertest.Admin()).Body, &run); err != nil || !run.Finished || run.FinishedAt == nil {
				t.Errorf("run %+v, %v", run, err)
			}
		})
		t.Run("messages are listed oldest first", func(t *testing.T) {
			var list struct {
				Statuses   []struct{ Text string }
				Pagination struct{ Total int }
			}
			a := s.Do("GET", "/v1/runs/"+id+"/statuses?limit=2&page=1", "", servertest.Admin())
			if err := json.Unmarshal(a.Body, &list); err != nil {
				t.Fatal(err)
			}
			if len(list.Statuses) != 2 || list.Statuses[0].Text != "test complete" || list.Pagination.Total != 12 {
				t.Errorf("statuses %.300s", a.Body)
			}
			if want := `</v1/runs/` + id + `/statuses?limit=2&page=2>; rel="next"`; a.Header.Get("Link") != want {
				t.Errorf("Link %q, want %q", a.Header.Get("Link"), want)
			}
		})
		t.Run("a walk that asks for no page by number goes by cursor", func(t *testing.T) {
			var list struct{ Next string }
			a := s.Do("GET", "/v1/runs/"+id+"/statuses?limit=2", "", servertest.Admin())
			if err := json.Unmarshal(a.Body, &list); err != nil || list.Next == "" {
				t.Fatalf("%s, %v", a.Body, err)
			}
			if want := `</v1/runs/` + id + `/statuses?after=` + list.Next + `&limit=2>; rel="next"`; a.Header.Get("Link") != want {
				t.Errorf("Link %q, want %q", a.Header.Get("Link"), want)
			}
		})
	})
}

func TestRunToken(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	secret := newRun(t, s, `{"run_token":"correct-horse"}`)
	open := newRun(t, s, "")
	for _, call := range []struct{ method, path, body string }{
		{"GET", "/v1/get-miniconf?test_id=%s", ""},
		{"GET", "/v1/get-testcases?test_id=%s", ""},
		{"POST", "/v1/update-test-status?test_id=%s", "status=x"},
		{"POST", "/v1/post-result?test_id=%s", "file=test: a%%0Asuccess: a%%0A"},
	} {
		for _, tt := range []struct {
			name, run, query string
			bearer           string
			good             bool
			want             int
		}{
			{name: "missing", run: secret, want: 401},
			{name: "wrong", run: secret, query: "&run_token=wrong-horse", want: 403},
			{name: "in the query", run: secret, query: "&run_token=correct-horse", good: true},
			{name: "as Bearer", run: secret, bearer: "correct-horse", good: true},
			{name: "wrong as Bearer", run: secret, bearer: "wrong-horse", want: 403},
			{name: "an open run and no credential", run: open, good: true},
			{name: "an open run and a typing error", run: open, bearer: "correct-horse", want: 401},
		} {
			options := []servertest.Option{servertest.With("Content-Type", formType)}
			if tt.bearer != "" {
				options = append(options, servertest.As(tt.bearer))
			}
			path := fmt.Sprintf(call.path, tt.run) + tt.query
			a := s.Do(call.method, path, strings.ReplaceAll(call.body, "%%", "%"), options...)
			if tt.good && a.Status >= 300 || !tt.good && a.Status != tt.want {
				t.Errorf("%s %s, token %s: %d, want %d\n%.200s", call.method, path, tt.name, a.Status, tt.want, a.Body)
			}
		}
	}
}

func TestRequireToken(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Results.RequireToken = true })
	id := newRun(t, s, "")
	if a := s.Do("POST", "/v1/update-test-status/"+id, "status=x", servertest.With("Content-Type", formType)); a.Status != 401 {
		t.Errorf("without login: %d, want 401", a.Status)
	}
	if a := s.Do("POST", "/v1/update-test-status/"+id, "status=x", servertest.With("Content-Type", formType), servertest.Admin()); a.Status != 201 {
		t.Errorf("with login: %d, want 201", a.Status)
	}
}
