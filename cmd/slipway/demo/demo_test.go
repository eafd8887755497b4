package demo_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/cmd/slipway/demo"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))) // a story makes two thousand calls
	os.Exit(m.Run())
}

// secret is that of servertest's servers.
var secret = []byte("test-server-secret")

// filled is a server with a demo.
type filled struct {
	*servertest.Server
	t     *testing.T
	made  *demo.Made
	until time.Time
}

func fill(t *testing.T, cfg store.Config, o demo.Options) *filled {
	t.Helper()
	o.Clock = &demo.Clock{}
	cfg.Now = o.Clock.Now
	o.Store, o.Secret = storetest.Open(t, cfg), secret
	if o.Until.IsZero() {
		o.Until = time.Now()
	}
	made, err := demo.Fill(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return &filled{servertest.On(t, o.Store), t, made, o.Until}
}

// get asks for a document.
func (f *filled) get(path string, into any) {
	f.t.Helper()
	a := f.Do("GET", path, "", servertest.Admin())
	if a.Status != http.StatusOK {
		f.t.Fatalf("GET %s: %d %.500s", path, a.Status, a.Body)
	}
	if err := json.Unmarshal(a.Body, into); err != nil {
		f.t.Fatalf("GET %s: %v", path, err)
	}
}

// list asks for all pages of a list.
func (f *filled) list(path, name string) []map[string]any {
	f.t.Helper()
	var all []map[string]any
	for after := ""; ; {
		var page map[string]json.RawMessage
		f.get(path+after, &page)
		var items []map[string]any
		if err := json.Unmarshal(page[name], &items); err != nil {
			f.t.Fatalf("GET %s: %s: %v", path, name, err)
		}
		all = append(all, items...)
		var next string
		if text := page["next"]; len(items) == 0 || text == nil || string(text) == "null" || json.Unmarshal(text, &next) != nil {
			return all
		}
		after = "&after=" + next
	}
}

// tally counts the values of a field.
func tally(rows []map[string]any, field string) map[string]int {
	counts := map[string]int{}
	for _, row := range rows {
		counts[fmt.Sprint(row[field])]++
	}
	return counts
}

func (f *filled) wantAll(what string, got map[string]int, want ...string) {
	f.t.Helper()
	for _, w := range want {
		if got[w] == 0 {
			f.t.Errorf("no %s is %s: %v", what, w, got)
		}
	}
}

// comparisons are the events of comparisons, the oldest first.
func (f *filled) comparisons() []comparison {
	f.t.Helper()
	var all []comparison
	for _, e := range f.list("/v1/events?limit=1000&event_type=comparison", "events") {
		text, err := json.Marshal(e["data"])
		var c comparison
		if err == nil {
			err = json.Unmarshal(text, &c)
		}
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

type comparison struct {
	Head struct {
		Ref, Title string
	}
	Counts map[string]int
	Known  int
}

// TestFill: what a demo promises is there.
func TestFill(t *testing.T) {
	t.Parallel()
	storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
		days := 0 // as many as a demo has
		if storetest.Race {
			days = 25 // the fewest that have everything
		}
		f := fill(t, cfg, demo.Options{Seed: 1, Days: days})
		f.sets()
		f.work()
		f.machines()
		f.people()
		f.names()
	})
}

// sets: runs and kernels with regressions, flaky tests, known issues and damage.
func (f *filled) sets() {
	f.t.Helper()
	if n := len(f.list("/v1/clouds?limit=100", "clouds")); n != 3 {
		f.t.Errorf("%d clouds", n)
	}
	lines, known := map[string]int{}, 0
	all := f.comparisons()
	for _, c := range all {
		kind, _, _ := strings.Cut(c.Head.Ref, ":")
		lines[kind] += c.Counts["new_failure"]
		known += c.Known
	}
	f.wantAll("new failure", lines, "run", "kernel", "image", "opportunity")
	if known == 0 {
		f.t.Error("no known issue explains a failure")
	}
	if newest := all[len(all)-1]; len(all) < 60 {
		f.t.Errorf("%d comparisons, the newest is %+v", len(all), newest)
	}
	var clouds struct{ Clouds []struct{ ID int64 } }
	f.get("/v1/clouds", &clouds)
	flaky := 0
	for _, c := range clouds.Clouds {
		flaky += len(f.list(fmt.Sprintf("/v1/flaky-tests?cloud_id=%d&limit=100", c.ID), "tests"))
	}
	if flaky == 0 {
		f.t.Error("no test of a cloud is flaky")
	}
	if n := len(f.list("/v1/flaky-tests?job=mainline&limit=100", "tests")); n == 0 {
		f.t.Error("no test of a kernel is flaky")
	}
	issues := f.list("/v1/known-issues?limit=100", "known_issues")
	f.wantAll("known issue", tally(issues, "state"), "open", "closed")
}

// work: opportunities in every state, agents busy, idle and silent.
func (f *filled) work() {
	f.t.Helper()
	states, results := map[string]int{}, map[string]int{}
	for _, p := range f.list("/v1/products?limit=100", "products") {
		opportunities := f.list(fmt.Sprintf("/v1/products/%s/tests/opportunities?limit=1000", p["id"]), "test_opportunities")
		for state, n := range tally(opportunities, "state") {
			states[state] += n
		}
		for status, n := range tally(f.list(fmt.Sprintf("/v1/products/%s/tests/results?limit=1000", p["id"]), "test_results"), "test_status") {
			results[status] += n
		}
	}
	f.wantAll("opportunity", states, "QUEUED", "PICKED", "CANCELLING", "COMPLETED", "CANCELLED", "EXPIRED", "ABANDONED")
	f.wantAll("result", results, "PASSED", "FAILED", "ERROR", "SKIPPED")
	f.wantAll("agent", tally(f.list("/v1/agents?limit=100", "agents"), "state"), "busy", "idle", "silent")
}

// machines: nodes in several states, tasks that ended well and badly, and a draft of a
// design that is not valid.
func (f *filled) machines() {
	f.t.Helper()
	var nodes, tasks []map[string]any
	f.get("/v1/nodes", &nodes)
	f.get("/v1/tasks", &tasks)
	if len(nodes) != 30 {
		f.t.Errorf("%d nodes, want 30", len(nodes))
	}
	f.wantAll("node", tally(nodes, "status_name"), "Deployed", "Ready", "Failed deployment", "Failed commissioning")
	results, statuses := map[string]int{}, map[string]int{}
	for _, one := range tasks {
		if one["parent_task_id"] == nil {
			results[fmt.Sprint(one["result"].(map[string]any)["status"])]++
			statuses[fmt.Sprint(one["status"])]++
		}
	}
	f.wantAll("task", results, "success", "partial_success", "failure")
	f.wantAll("task", statuses, "complete", "terminated", "queued")
	if n := len(f.list("/v1/designs?limit=100", "designs")); n != 2 {
		f.t.Errorf("%d designs, want 2", n)
	}
}

// people: tokens, one of them revoked, webhooks with deliveries, entries of the audit
// log.
func (f *filled) people() {
	f.t.Helper()
	tokens := f.list("/v1/access-tokens?limit=100", "access_tokens")
	if revoked := len(tokens) - tally(tokens, "revoked_at")["<nil>"]; len(tokens) < 10 || revoked != 1 {
		f.t.Errorf("%d tokens, %d of them revoked", len(tokens), revoked)
	}
	deliveries := map[string]int{}
	for _, w := range f.list("/v1/webhooks?limit=100", "webhooks") {
		for state, n := range tally(f.list(fmt.Sprintf("/v1/webhooks/%s/deliveries?limit=1000", w["id"]), "deliveries"), "state") {
			deliveries[state] += n
		}
	}
	f.wantAll("delivery", deliveries, "delivered", "pending")
	if n := len(f.list("/v1/audit?limit=100", "entries")); n < 100 {
		f.t.Errorf("%d entries of the audit log", n)
	}
}

// names: Japanese, and HTML that must not become any.
func (f *filled) names() {
	f.t.Helper()
	for _, path := range []string{"/v1/clouds", "/v1/products", "/v1/agents", "/v1/lab", "/v1/test-results?name=" + url.QueryEscape("日本語.試験.ログイン画面.正しい合言葉で入れる"), "/v1/access-tokens"} {
		a := f.Do("GET", path, "", servertest.Admin())
		foreign := strings.ContainsFunc(string(a.Body), func(r rune) bool { return r >= 0x3040 && r <= 0x9fff })
		if a.Status != http.StatusOK || !foreign && path != "/v1/products" {
			f.t.Errorf("GET %s: %d, Japanese %t", path, a.Status, foreign)
		}
	}
	if a := f.Do("GET", "/v1/test-results?name="+url.QueryEscape(`ui.render.<script>alert("x")</script>`), "", servertest.Admin()); !strings.Contains(string(a.Body), "script") {
		f.t.Errorf("no test has HTML in its name: %d %.300s", a.Status, a.Body)
	}
}

// TestFill_SameSeed: a story told twice is the same, to the last comparison.
func TestFill_SameSeed(t *testing.T) {
	t.Parallel()
	var twice [2]*filled
	until := time.Now()
	var both sync.WaitGroup
	for i := range twice {
		both.Go(func() {
			twice[i] = fill(t, store.Config{DataDir: t.TempDir()}, demo.Options{Seed: 7, Days: 8, Until: until})
		})
	}
	both.Wait()
	if a, b := twice[0].made.Counts, twice[1].made.Counts; !maps.Equal(a, b) {
		t.Errorf("counts differ:\n%v\n%v", a, b)
	}
	told := func(f *filled) []string {
		var lines []string
		for _, c := range f.comparisons() {
			lines = append(lines, fmt.Sprint(c.Head.Title, c.Counts, c.Known))
		}
		return lines
	}
	if a, b := told(twice[0]), told(twice[1]); !slices.Equal(a, b) {
		t.Errorf("comparisons differ:\n%v\n%v", a, b)
	}
}

// TestFill_Twice: a server that has anything is refused, but for a tenant of its own.
func TestFill_Twice(t *testing.T) {
	t.Parallel()
	clock := &demo.Clock{}
	s := storetest.Open(t, store.Config{DataDir: t.TempDir(), Now: clock.Now})
	server := servertest.On(t, s)
	if a := server.Do("POST", "/v1/runs", "{}", servertest.Admin(), servertest.JSON()); a.Status != http.StatusCreated {
		t.Fatalf("POST /v1/runs: %d %s", a.Status, a.Body)
	}
	server.Stop()
	o := demo.Options{Store: s, Secret: secret, Clock: clock, Days: 2, Until: time.Now()}
	if _, err := demo.Fill(t.Context(), o); !errors.Is(err, demo.ErrNotEmpty) || !strings.Contains(err.Error(), "runs") {
		t.Fatalf("into a server that has a run: %v, want ErrNotEmpty", err)
	}
	o.Tenant = "demo"
	if _, err := demo.Fill(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, err := demo.Fill(t.Context(), o); !errors.Is(err, demo.ErrNotEmpty) {
		t.Errorf("a second time: %v, want ErrNotEmpty", err)
	}
	f := &filled{Server: server, t: t}
	token := server.TokenOf("demo", "admin")
	a := server.Do("GET", "/v1/products?limit=10", "", servertest.As(token))
	if a.Status != http.StatusOK || !strings.Contains(string(a.Body), "pc-kernel") {
		t.Errorf("the tenant's products: %d %.300s", a.Status, a.Body)
	}
	if list := f.list("/v1/products?limit=10", "products"); len(list) != 0 {
		t.Errorf("who has no tenant sees %v", list)
	}
}

// BenchmarkFill says how long a demo takes, which is to be under 10 s.
func BenchmarkFill(b *testing.B) {
	for b.Loop() {
		clock := &demo.Clock{}
		s := storetest.Open(b, store.Config{DataDir: b.TempDir(), Now: clock.Now})
		if _, err := demo.Fill(b.Context(), demo.Options{Store: s, Secret: secret, Clock: clock, Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
