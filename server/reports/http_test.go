package reports_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/reports"
	"github.com/slipway-lab/slipway/server/servertest"
)

// clock is the time that the cases of query_cases.json are relative to.
func clock(c *server.Config) {
	c.Now = func() time.Time { return time.Date(2014, 8, 8, 12, 34, 56, 789e6, time.UTC) }
}

func lines(t testing.TB, name string) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// raw logs in the way KernelCI's clients do, without a scheme.
func raw(token string) servertest.Option { return servertest.With("Authorization", token) }

// page is a search's answer.
type page struct {
	Code   int
	Result []map[string]any
	Count  int
	Limit  int
	Skip   int
	Errors []string
}

func get(t testing.TB, s *servertest.Server, path string, options ...servertest.Option) page {
	t.Helper()
	if options == nil {
		options = []servertest.Option{raw(servertest.AdminToken)}
	}
	a := s.Do("GET", path, "", options...)
	var p page
	if err := json.Unmarshal(a.Body, &p); err != nil || a.Status != 200 || p.Code != 200 {
		t.Fatalf("GET %s: %d %s, %v", path, a.Status, a.Body, err)
	}
	return p
}

// post sends JSON and fails the test unless the status is the one wanted.
func post(t testing.TB, s *servertest.Server, want int, path, body string, options ...servertest.Option) servertest.Answer {
	t.Helper()
	if options == nil {
		options = []servertest.Option{raw(servertest.AdminToken)}
	}
	a := s.Do("POST", path, body, append([]servertest.Option{servertest.JSON()}, options...)...)
	if a.Status != want {
		t.Fatalf("POST %s: %d %s, want %d", path, a.Status, a.Body, want)
	}
	return a
}

// load posts every line of a sample.
func load(t testing.TB, s *servertest.Server, path, name string, want int) {
	t.Helper()
	var wg sync.WaitGroup
	work := make(chan string)
	for range 16 { // group commit makes one file of many
		wg.Go(func() {
			for line := range work {
				if a := s.Do("POST", path, line, servertest.JSON(), raw(servertest.AdminToken)); a.Status != want {
					t.Errorf("POST %s: %d %s, want %d\n%s", path, a.Status, a.Body, want, line)
				}
			}
		})
	}
	for _, line := range lines(t, name) {
		work <- line
	}
	close(work)
	wg.Wait()
}

// sample is a server with all sample labs and boots.
func sample(t testing.TB, s *servertest.Server) {
	t.Helper()
	load(t, s, "/lab", "labs.ndjson", 201)
	load(t, s, "/boot", "boots.ndjson", 202)
	if t.Failed() {
		t.FailNow()
	}
}

// TestQueryCases_HTTP asks the questions of query_cases.json over the wire. The
// expected answers come from the original server.
func TestQueryCases_HTTP(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		sample(t, s)
		for _, c := range reports.Cases(t) {
			a := s.Do("GET", "/"+c.Resource+"?"+c.Query, "", raw(servertest.AdminToken))
			if want := c.Expected.Status; a.Status != want {
				t.Errorf("%s: GET /%s?%s: %d %s, want %d", c.ID, c.Resource, c.Query, a.Status, a.Body, want)
				continue
			}
			if c.Effect != nil {
				var p page
				if err := json.Unmarshal(a.Body, &p); err != nil {
					t.Fatal(err)
				}
				t.Run(c.ID, func(t *testing.T) { reports.CheckCase(t, c, p.Count, p.Result) })
			}
		}
		t.Run("counts, groups and batches", func(t *testing.T) { checkAcross(t, s) }) // on the same sample
		t.Run("posted again", func(t *testing.T) { checkReposted(t, s) })
	}, clock)
}

// TestBoot_PostedAgain posts the same boot from many clients at once and then
// with another outcome: it stays one document.
func TestBoot_PostedAgain(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		post(t, s, 201, "/lab", lines(t, "labs.ndjson")[0])
		lab := get(t, s, "/lab").Result[0]["name"]
		report := fmt.Sprintf(`{"lab_name":%q,"job":"next","kernel":"v1","defconfig":"d","board":"b","boot_result":"PASS","boot_time":"10.4"}`, lab)
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				if a := s.Do("POST", "/boots/", report, servertest.JSON(), raw(servertest.AdminToken)); a.Status != 202 {
					t.Errorf("POST /boots/: %d %s", a.Status, a.Body)
				}
			})
		}
		wg.Wait()
		first := get(t, s, "/boot")
		if first.Count != 1 {
			t.Fatalf("%d boots, want 1", first.Count)
		}
		post(t, s, 202, "/boot", strings.Replace(report, "PASS", "FAIL", 1))
		second := get(t, s, "/boot").Result[0]
		for _, field := range []string{"_id", "created_on"} {
			if fmt.Sprint(second[field]) != fmt.Sprint(first.Result[0][field]) {
				t.Errorf("%s: %v became %v", field, first.Result[0][field], second[field])
			}
		}
		if second["status"] != "FAIL" || fmt.Sprint(second["time"]) != "map[$date:10400]" {
			t.Errorf("status %v, time %v; want FAIL, 10400", second["status"], second["time"])
		}
	})
}

// checkReposted changes the sample boots by posting them with another outcome.
func checkReposted(t *testing.T, s *servertest.Server) {
	t.Helper()
	if p := get(t, s, "/v1/boots?limit=1"); p.Count != 2000 || p.Limit != 1 {
		t.Fatalf("count %d, limit %d; want 2000, 1", p.Count, p.Limit)
	}
	load(t, s, "/boot", "boots_reposted.ndjson", 202)
	if p := get(t, s, "/boot?limit=1&skip=1999"); p.Count != 2000 || len(p.Result) != 1 || p.Skip != 1999 {
		t.Errorf("count %d, %d returned, skip %d; want 2000, 1, 1999", p.Count, len(p.Result), p.Skip)
	}
	if p := get(t, s, "/boot?skip=5000"); p.Count != 2000 || len(p.Result) != 0 {
		t.Errorf("skip past the end: count %d, %d returned; want 2000, 0", p.Count, len(p.Result))
	}
	if p := get(t, s, "/boot"); len(p.Result) != 2000 {
		t.Errorf("%d returned without limit, want 2000", len(p.Result))
	}
}

// TestBoot_Refused walks the checks of a write in their order.
func TestBoot_Refused(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	admin, none := raw(servertest.AdminToken), raw("")
	text := servertest.With("Content-Type", "text/plain")
	tests := []struct {
		name, body string
		options    []servertest.Option
		want       int
		reason     string
	}{
		{"no token comes before everything", "{", []servertest.Option{text}, 403, "not authorized"},
		{"an empty token", "{", []servertest.Option{none, text}, 403, "not authorized"},
		{"content type before the body", "{", []servertest.Option{admin, text}, 415, "application/json"},
		{"no body", "", []servertest.Option{admin, servertest.JSON()}, 422, "No JSON data found in the POST request"},
		{"no JSON", "{", []servertest.Option{admin, servertest.JSON()}, 422, "Provided JSON is not valid"},
		{"NaN", `{"boot_time":NaN}`, []servertest.Option{admin, servertest.JSON()}, 422, "Provided JSON is not valid"},
		{"a list", `[]`, []servertest.Option{admin, servertest.JSON()}, 400, "object"},
		{"missing keys", `{"job":"a"}`, []servertest.Option{admin, servertest.JSON()}, 400, "One or more mandatory keys are missing: ['lab_name', "},
		{"unknown lab", `{"lab_name":"l","job":"a","kernel":"k","defconfig":"d","board":"b"}`, []servertest.Option{admin, servertest.JSON()}, 403, "not associated with lab 'l'"},
		{"bad status", `{"lab_name":"l","job":"a","kernel":"k","defconfig":"d","board":"b","boot_result":"x"}`, []servertest.Option{admin, servertest.JSON()}, 400, "boot_result must be one of"},
		{"too large", `{"lab_name":"` + strings.Repeat("x", 2<<20) + `"}`, []servertest.Option{admin, servertest.JSON()}, 413, "limit"},
	}
	for _, tt := range tests {
		a := s.Do("POST", "/boot", tt.body, tt.options...)
		var problem struct {
			Code   int
			Reason string
		}
		_ = json.Unmarshal(a.Body, &problem)
		if a.Status != tt.want || problem.Code != tt.want || !strings.Contains(problem.Reason, tt.reason) {
			t.Errorf("%s: %d %s, want %d with %q", tt.name, a.Status, a.Body, tt.want, tt.reason)
		}
		if got := a.Header.Get("WWW-Authenticate"); got != "" {
			t.Errorf("%s: WWW-Authenticate %q", tt.name, got)
		}
		if got := a.Header.Get("Content-Type"); got != "application/json; charset=UTF-8" {
			t.Errorf("%s: Content-Type %q", tt.name, got)
		}
	}
	if p := get(t, s, "/boot"); p.Count != 0 {
		t.Errorf("%d boots were stored, want none", p.Count)
	}
}

// TestBoot_Delete removes by id and by filter, and never more than was meant.
func TestBoot_Delete(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		post(t, s, 201, "/lab", lines(t, "labs.ndjson")[0])
		lab := get(t, s, "/lab").Result[0]["name"]
		for i := range 6 {
			post(t, s, 202, "/boot", fmt.Sprintf(`{"lab_name":%q,"job":"j","kernel":"k%d","defconfig":"d","board":"b"}`, lab, i))
		}
		id := get(t, s, "/boot?kernel=k0").Result[0]["_id"].(map[string]any)["$oid"].(string)
		for _, tt := range []struct {
			path       string
			want, left int
		}{
			{"/boot", 400, 6},
			{"/boot?", 400, 6},
			{"/boot?kernel=", 400, 6},
			{"/boot?status=PASS&kernel=k1", 400, 6},
			{"/boot?nonsense=1", 400, 6},
			{"/boot?_id=xyz", 200, 6},
			{"/boot?kernel=nope", 200, 6},
			{"/boot/xyz", 400, 6},
			{"/boot/000000000000000000000000", 404, 6},
			{"/boots/" + strings.ToUpper(id) + "/", 200, 5},
			{"/boot/" + id, 404, 5},
			{"/boot?kernel=k1&kernel=k2&job=j", 200, 3},
			{"/boot?job=j", 200, 0},
		} {
			a := s.Do("DELETE", tt.path, "", raw(servertest.AdminToken))
			if a.Status != tt.want {
				t.Errorf("DELETE %s: %d %s, want %d", tt.path, a.Status, a.Body, tt.want)
			}
			if p := get(t, s, "/boot"); p.Count != tt.left {
				t.Fatalf("DELETE %s: %d boots are left, want %d", tt.path, p.Count, tt.left)
			}
		}
	})
}
