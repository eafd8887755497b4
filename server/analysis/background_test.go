package analysis_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// told is one event as /v1/events shows it.
type told struct {
	ID        string
	EventType string `json:"event_type"`
	Area      string
	Data      struct {
		Head, Base struct{ Ref string }
		Counts     map[string]int64
		Known      int64
		Title, Set string
		Tests      int64
		Replaced   bool
		Status     string
		Cases      map[string]int64
		RunID      int64 `json:"run_id"`
		Outcome    string
	}
}

func eventsOf(t *testing.T, s *servertest.Server, types ...string) []told {
	t.Helper()
	query := url.Values{"limit": {"1000"}, "event_type": types}
	a := s.Do("GET", "/v1/events?"+query.Encode(), "", servertest.Admin())
	var list struct{ Events []told }
	if err := json.Unmarshal(a.Body, &list); err != nil || a.Status != 200 {
		t.Fatalf("events: %d %s", a.Status, a.Body)
	}
	return list.Events
}

// awaitEvents waits for so many events of the types.
func awaitEvents(t *testing.T, s *servertest.Server, want int, types ...string) (list []told) {
	t.Helper()
	await.That(t, fmt.Sprintf("%d events %v", want, types), func() bool {
		list = eventsOf(t, s, types...)
		return len(list) >= want
	})
	if len(list) != want {
		t.Fatalf("%d events %v, want %d: %+v", len(list), types, want, list)
	}
	return list
}

func send(t *testing.T, s *servertest.Server, method, path, body string, want int, options ...servertest.Option) map[string]any {
	t.Helper()
	a := s.Do(method, path, body, append([]servertest.Option{servertest.Admin()}, options...)...)
	var out map[string]any
	_ = json.Unmarshal(a.Body, &out) // an answer without a body has none
	if a.Status != want {
		t.Fatalf("%s %s: %d %s, want %d", method, path, a.Status, a.Body, want)
	}
	return out
}

func makeCloud(t *testing.T, s *servertest.Server) any {
	t.Helper()
	return send(t, s, "POST", "/v1/clouds", `{"label":"c","version":"v3","endpoint":"http://c/","admin_endpoint":"http://c/","admin_user":"a","test_user":"t"}`, 201, servertest.JSON())["id"]
}

// startRun makes a run of a cloud and returns its id.
func startRun(t *testing.T, s *servertest.Server, cloud any, name string) int64 {
	t.Helper()
	return int64(send(t, s, "POST", "/v1/runs", fmt.Sprintf(`{"cloud_id":%v,"name":%q}`, cloud, name), 201, servertest.JSON())["test_id"].(float64))
}

// upload posts tests, as "name" or "!name" for one that fails, to a run.
func upload(t *testing.T, s *servertest.Server, run int64, tests ...string) {
	t.Helper()
	var b strings.Builder
	for _, name := range tests {
		word := "success"
		if name, word = strings.TrimPrefix(name, "!"), map[bool]string{true: "failure", false: word}[strings.HasPrefix(name, "!")]; word == "failure" {
			fmt.Fprintf(&b, "test: %s\nfailure: %s [\nno route to host\n]\n", name, name)
			continue
		}
		fmt.Fprintf(&b, "test: %s\nsuccess: %s\n", name, name)
	}
	send(t, s, "POST", fmt.Sprintf("/v1/post-result?test_id=%d", run), b.String(), 201)
}

// TestBackground_Runs: every result of a line is compared once with the one before it.
func TestBackground_Runs(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		cloud := makeCloud(t, s)
		first, second, other := startRun(t, s, cloud, "full"), startRun(t, s, cloud, "full"), startRun(t, s, cloud, "smoke")
		upload(t, s, first, "a", "b", "!c")
		upload(t, s, other, "!a")
		upload(t, s, second, "!a", "b", "!c", "!d")
		upload(t, s, second, "!a", "b", "!c", "!d") // the same bytes are one result
		upload(t, s, second, "a", "b")
		list := awaitEvents(t, s, 2, "comparison")
		for i, want := range []string{"new_failure:1 new_failing:1 still_failing:1 fixed:0", "new_failure:0 new_failing:0 still_failing:0 fixed:0"} {
			d := list[i].Data
			got := ""
			for _, class := range []string{"new_failure", "new_failing", "still_failing", "fixed"} {
				got += fmt.Sprintf(" %s:%d", class, d.Counts[class])
			}
			head := fmt.Sprintf("run:%d/%d", second, i+1)
			if d.Head.Ref != head || d.Base.Ref != fmt.Sprintf("run:%d/1", first) || got[1:] != want || list[i].Area != "analysis" {
				t.Errorf("comparison %d: %+v, want %s: %s", i, list[i], head, want)
			}
		}
		if d := list[1].Data; d.Counts["gone"] != 1 || d.Counts["still_passing"] != 2 {
			t.Errorf("the second comparison: %+v", d)
		}
		results := eventsOf(t, s, "run.result")
		if len(results) != 4 || results[0].Data.RunID != first || results[0].Data.Outcome != "fail" || results[0].Area != "results" {
			t.Errorf("run.result: %+v", results)
		}
		if finished := eventsOf(t, s, "run.finished"); len(finished) != 3 {
			t.Errorf("run.finished: %+v, want one for each run", finished)
		}
	})
}

// TestBackground_KnownIssue: that an issue explains something is told once a day.
func TestBackground_KnownIssue(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	cloud := makeCloud(t, s)
	send(t, s, "POST", "/v1/known-issues", `{"title":"the switch is down","match":{"name":"*","message":"no route"}}`, 201, servertest.JSON())
	for range 3 {
		upload(t, s, startRun(t, s, cloud, ""), "!a", "!b", "c")
	}
	for _, e := range awaitEvents(t, s, 2, "comparison") {
		if e.Data.Known != 2 {
			t.Errorf("%+v, want 2 known failures", e.Data)
		}
	}
	list := awaitEvents(t, s, 1, "known_issue.matched")
	if d := list[0].Data; d.Title != "the switch is down" || d.Tests != 2 || d.Set != "run:2/1" {
		t.Errorf("known_issue.matched: %+v", d)
	}
}

// TestBackground_Kernels: a kernel is compared once when nothing has come for a
// while; boots and groups alone tell only that they are there.
func TestBackground_Kernels(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		send(t, s, "POST", "/v1/lab", `{"name":"l","contact":{"name":"a","surname":"b","email":"c@example.org"}}`, 201, servertest.JSON())
		for i, status := range []string{"PASS", "FAIL"} {
			for _, board := range []string{"b1", "b2"} {
				send(t, s, "POST", "/v1/boot", fmt.Sprintf(`{"lab_name":"l","board":%q,"job":"j","kernel":"v%d","git_branch":"feature/x","defconfig":"d","boot_result":%q}`, board, i, status), 202, servertest.JSON())
			}
			send(t, s, "POST", "/v1/test/group", fmt.Sprintf(`{"name":"ltp","lab_name":"l","job":"j","kernel":"v%d","git_branch":"feature/x",
				"test_cases":[{"name":"a","status":%q}],"sub_groups":[{"name":"fs","test_cases":[{"name":"b","status":"ERROR"}]}]}`, i, status), 201, servertest.JSON())
		}
		list := awaitEvents(t, s, 1, "comparison")
		d := list[0].Data
		if d.Head.Ref != "kernel:j/feature%2Fx/v1" || d.Base.Ref != "kernel:j/feature%2Fx/v0" || d.Counts["new_failure"] != 3 || d.Counts["error"] != 1 {
			t.Errorf("comparison: %+v", d)
		}
		if groups := eventsOf(t, s, "test_group.stored"); len(groups) != 2 || groups[1].Data.Cases["FAIL"] != 1 || groups[1].Data.Cases["ERROR"] != 1 || groups[0].Area != "reports" {
			t.Errorf("test_group.stored: %+v", groups)
		}
		if boots := eventsOf(t, s, "boot.stored"); len(boots) != 4 || boots[3].Data.Status != "FAIL" || boots[3].Data.Replaced {
			t.Errorf("boot.stored: %+v", boots)
		}
		for _, status := range []string{"BUILD", "PASS", "PASS"} {
			a := s.Do("POST", "/v1/job", fmt.Sprintf(`{"job":"j","kernel":"v1","git_branch":"feature/x","status":%q}`, status), servertest.Admin(), servertest.JSON())
			if a.Status/100 != 2 {
				t.Fatalf("job: %d %s", a.Status, a.Body)
			}
		}
		if jobs := eventsOf(t, s, "job.completed"); len(jobs) != 1 || jobs[0].Data.Status != "PASS" {
			t.Errorf("job.completed: %+v", jobs)
		}
	}, func(c *server.Config) { c.Analysis.RestReports = 0 })
}

// TestBackground_Webhook: a webhook hears of comparisons with enough new failures.
func TestBackground_Webhook(t *testing.T) {
	t.Parallel()
	got := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(receiver.Close)
	u, _ := url.Parse(receiver.URL)
	s := servertest.New(t, func(c *server.Config) { c.Products.WebhookHosts = []string{u.Host} })
	hook := send(t, s, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"event_types":["comparison"],"filter":{"new_failures_at_least":2}}`, receiver.URL), 201, servertest.JSON())
	if filter := hook["filter"].(map[string]any); filter["new_failures_at_least"] != 2.0 {
		t.Errorf("the filter is %v", filter)
	}
	cloud := makeCloud(t, s)
	for _, tests := range [][]string{{"a", "b", "c"}, {"!a", "b", "c"}, {"!a", "!b", "!c"}, {"!a", "!b", "!c", "d"}} {
		upload(t, s, startRun(t, s, cloud, ""), tests...)
	}
	awaitEvents(t, s, 3, "comparison")
	if body := await.Receive(t, "a delivery", got); !strings.Contains(body, `"ref":"run:3/1"`) {
		t.Errorf("delivered %s, want the comparison of run 3", body)
	}
	path := fmt.Sprintf("/v1/webhooks/%s/deliveries", hook["id"])
	if list := send(t, s, "GET", path, "", 200)["deliveries"].([]any); len(list) != 1 {
		t.Errorf("%d deliveries, want 1: %v", len(list), list)
	}
}

// TestBackground_ProductWebhooks: a webhook for one product hears what is told of the
// sets of its opportunities, and of no other product's; whoever follows the product's
// events meets none that is no step of an opportunity.
func TestBackground_ProductWebhooks(t *testing.T) {
	t.Parallel()
	got := make(chan string, 16)
	hooks := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
	}))
	t.Cleanup(hooks.Close)
	s := servertest.New(t, func(c *server.Config) { c.Products.WebhookHosts = []string{strings.TrimPrefix(hooks.URL, "http://")} })
	c := newCreation(t, s)
	for _, product := range []string{"P", "Q"} {
		c.store(object{"do": "product", "key": product, "name": product, "release": "r", "specs": []any{object{"name": "smoke", "platform": "amd64"}}})
	}
	send(t, s, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":"%s/hook","event_types":["comparison","known_issue.matched"],"filter":{"product_id":%q}}`, hooks.URL, c.ids["P"]), 201, servertest.JSON())
	c.issue(object{"name": "smoke"})
	for i, status := range []string{"PASSED", "FAILED"} {
		for _, product := range []string{"P", "Q"} {
			key := fmt.Sprint(product, i)
			c.store(object{"do": "image", "key": key, "product": product, "image_unique_id": key, "results": []any{object{"spec": "smoke", "platform": "amd64", "status": status}}})
		}
	}
	both := await.Receive(t, "a delivery", got) + await.Receive(t, "another delivery", got)
	for _, part := range []string{`"event_type":"comparison"`, `"event_type":"known_issue.matched"`, `"ref":"opportunity:`, `"product_id":"` + c.ids["P"] + `"`} {
		if !strings.Contains(both, part) {
			t.Errorf("delivered %s, without %s", both, part)
		}
	}
	awaitEvents(t, s, 2, "comparison")
	if strings.Contains(both, c.ids["Q"]) || len(got) > 0 {
		t.Errorf("delivered what is of another product: %s", both)
	}
	for _, path := range []string{"/v1/events?limit=1000&product_id=", "/v1/products/"} {
		path += c.ids["P"]
		if strings.HasPrefix(path, "/v1/products/") {
			path += "/tests/events"
		}
		if a := s.Do("GET", path, "", servertest.Admin()); a.Status != 200 || strings.Contains(string(a.Body), "comparison") {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
}

// TestBackground_Servers: with several servers on one database each set is told once,
// and in the order in which they came.
func TestBackground_Servers(t *testing.T) {
	t.Parallel()
	cfg := store.Config{DataDir: t.TempDir(), Database: storetest.Postgres(t), MaxConns: 6}
	var servers []*servertest.Server
	for range 3 {
		servers = append(servers, servertest.On(t, storetest.Open(t, cfg)))
	}
	s := servers[0]
	cloud := makeCloud(t, s)
	const runs = 30
	for i := range runs {
		at := servers[i%len(servers)]
		upload(t, at, startRun(t, at, cloud, ""), fmt.Sprintf("!t%d", i), "a")
	}
	var heads []string
	for _, e := range awaitEvents(t, s, runs-1, "comparison") {
		heads = append(heads, e.Data.Head.Ref)
	}
	want := make([]string, 0, runs-1)
	for i := 2; i <= runs; i++ {
		want = append(want, fmt.Sprintf("run:%d/1", i))
	}
	if !slices.Equal(heads, want) {
		t.Errorf("comparisons of %v\nwant %v", heads, want)
	}
}

// TestBackground_Images: what is told of test opportunities, of images and of published
// results.
func TestBackground_Images(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, func(c *server.Config) { c.Analysis.RestReports = 0 })
	c := &creation{Server: s, t: t, ids: map[string]string{}, at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	c.store(object{"do": "product", "key": "P", "name": "board", "release": "24-core", "specs": []any{object{"name": "smoke", "platform": "amd64"}, object{"name": "full", "platform": "amd64"}}})
	for i, status := range []string{"PASSED", "FAILED"} {
		c.store(object{"do": "image", "key": fmt.Sprint("i", i), "product": "P", "image_unique_id": fmt.Sprint("IMG", i), "results": []any{
			object{"spec": "smoke", "platform": "amd64", "status": status, "tests": nil},
			object{"spec": "full", "platform": "amd64", "status": "PASSED", "tests": []any{[]any{"a", "success"}}},
		}})
	}
	for _, passes := range []string{`{"name":"a"},{"name":"b"}`, `{"name":"a"}`} {
		send(t, s, "POST", "/v1/results", fmt.Sprintf(`{"cpid":"cp1","duration_seconds":1,"results":[%s]}`, passes), 201, servertest.JSON())
	}
	counts := map[string]string{}
	for _, e := range awaitEvents(t, s, 4, "comparison") {
		kind, _, _ := strings.Cut(e.Data.Head.Ref, ":")
		if base, _, _ := strings.Cut(e.Data.Base.Ref, ":"); base != kind {
			t.Errorf("%s is compared with %s", e.Data.Head.Ref, e.Data.Base.Ref)
		}
		counts[kind] += fmt.Sprintf("new_failure %d gone %d still_passing %d;", e.Data.Counts["new_failure"], e.Data.Counts["gone"], e.Data.Counts["still_passing"])
	}
	for kind, want := range map[string]string{
		"opportunity": "new_failure 1 gone 0 still_passing 0;new_failure 0 gone 0 still_passing 1;",
		"image":       "new_failure 1 gone 0 still_passing 1;", "published": "new_failure 0 gone 1 still_passing 1;",
	} {
		if counts[kind] != want {
			t.Errorf("comparisons of the kind %s: %q, want %q", kind, counts[kind], want)
		}
	}
}
