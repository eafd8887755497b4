package retention_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/refstack"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

type object = map[string]any

const day = 24 * time.Hour

// lab is a server whose clock can be set forward.
type lab struct {
	*servertest.Server
	t     testing.TB
	clock *clock
	as    servertest.Option

	cloud   any
	product string
	things  []*thing
}

// clock is the real one, set forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

// open opens a store with the clock and a server on it.
func open(t testing.TB, cfg store.Config, change ...func(*server.Config)) *lab {
	t.Helper()
	l := &lab{t: t, clock: &clock{}, as: servertest.Admin()}
	cfg.Now = l.clock.now
	change = append([]func(*server.Config){func(c *server.Config) {
		c.Now = l.clock.now
		c.Retention.Every, c.Products.AgentSilence, c.Products.EventRetentionDays = 0, 0, 0
		c.Edge.Audit.RetentionDays, c.Products.OutputRetentionDays, c.Products.WebhookRetentionDays = 0, 0, 0
	}}, change...)
	l.Server = servertest.On(t, storetest.Open(t, cfg), change...)
	return l
}

// call sends a JSON body, nil for none, and reads the answer, which must have the
// wanted status.
func (l *lab) call(method, path string, body any, want int, options ...servertest.Option) object {
	l.t.Helper()
	text, isText := body.(string)
	if body != nil && !isText {
		raw, err := json.Marshal(body)
		if err != nil {
			l.t.Fatal(err)
		}
		text = string(raw)
		options = append([]servertest.Option{servertest.JSON()}, options...)
	}
	a := l.Do(method, path, text, append([]servertest.Option{l.as}, options...)...)
	if a.Status != want {
		l.t.Fatalf("%s %s %.300s: %d %s, want %d", method, path, text, a.Status, a.Body, want)
	}
	var out object
	_ = json.Unmarshal(a.Body, &out) // an answer without a body has none
	return out
}

// thing is something that was stored, and what a test expects of it.
type thing struct {
	kind, line string
	path       string // where it is read
	ref        string
	at         time.Time
	complete   bool
	protected  bool // kept, or verified
	verdict    bool // of an opportunity: it passed or failed
	gone       bool // removed by the model
}

func (l *lab) add(th *thing) *thing {
	th.at = l.clock.now()
	l.things = append(l.things, th)
	l.clock.forward(day)
	return th
}

func (l *lab) begin() {
	l.cloud = l.call("POST", "/v1/clouds", object{"label": "c", "version": "v3", "endpoint": "http://c/", "admin_endpoint": "http://c/", "admin_user": "a", "test_user": "t"}, 201)["id"]
	p := l.call("POST", "/v1/products", object{"name": "board", "release": "24-core", "snaps": []string{"test-snap.foo"}}, 201)
	l.product = "/v1/products/" + p["id"].(string)
	l.call("POST", l.product+"/testspecs", object{"name": "smoke", "test_payload": object{"of": 1}}, 201)
	l.call("PUT", "/v1/agents/bench", object{}, 201)
	l.call("POST", "/v1/lab", object{"name": "l", "contact": object{"name": "a", "surname": "b", "email": "c@example.org"}}, 201)
}

// run stores a run of a suite with tests that passed, one that failed and, when it is
// not complete, one that never ended.
func (l *lab) run(suite string, complete bool, tests int) *thing {
	id := l.startRun(suite)
	l.upload(id, complete, tests)
	return l.add(&thing{kind: "run", line: suite, path: fmt.Sprintf("/v1/runs/%d", id), ref: fmt.Sprintf("run:%d", id), complete: complete})
}

func (l *lab) startRun(suite string) int64 {
	return int64(l.call("POST", "/v1/runs", object{"cloud_id": l.cloud, "name": suite}, 201)["test_id"].(float64))
}

func (l *lab) upload(id int64, complete bool, tests int) {
	var b strings.Builder
	for i := range tests {
		fmt.Fprintf(&b, "test: suite.%d.t%d\nsuccess: suite.%d.t%d\n", id, i, id, i)
	}
	b.WriteString("test: a\nsuccess: a\ntest: b\nfailure: b [\nno route to host\n]\n")
	if !complete {
		b.WriteString("test: c\n")
	}
	l.call("POST", fmt.Sprintf("/v1/post-result?test_id=%d", id), b.String(), 201)
}

func (l *lab) published(cpid string, verified bool) *thing {
	a := l.call("POST", "/v1/results", object{"cpid": cpid, "duration_seconds": 1, "results": []object{{"name": "a"}, {"name": fmt.Sprint("p", len(l.things))}}}, 201)
	id := a["test_id"].(string)
	if verified {
		_, err := refstack.New(l.Store).UpdatePublished(context.Background(), uuid.MustParse(id), func(p *refstack.Published) error {
			p.Verification = 1
			return nil
		})
		if err != nil {
			l.t.Fatal(err)
		}
	}
	return l.add(&thing{kind: "published", line: cpid, path: "/v1/results/" + id, ref: "published:" + id, complete: true, protected: verified})
}

func (l *lab) boot(job, kernel, status string) *thing {
	board := fmt.Sprint("b", len(l.things))
	l.call("POST", "/v1/boot", object{"lab_name": "l", "board": board, "job": job, "kernel": kernel, "git_branch": "m", "defconfig": "d", "boot_result": status}, 202)
	found := l.call("GET", "/v1/boot?board="+board, nil, 200)["result"].([]any)[0].(object)
	id := found["_id"].(object)["$oid"].(string)
	return l.add(&thing{kind: "boot", line: job, path: "/v1/boot/" + id, complete: status != "OFFLINE", ref: "kernel:" + job + "/m/" + kernel})
}

func (l *lab) group(job, kernel, status string) *thing {
	a := l.call("POST", "/v1/test/group", object{"name": "ltp", "lab_name": "l", "job": job, "kernel": kernel, "git_branch": "m", "arch": "x86", "defconfig": "d", "board": "g",
		"sub_groups": []object{{"name": "fs", "test_cases": []object{{"name": "b", "status": status}, {"name": "c", "status": "SKIP"}}}}}, 201)
	id := a["result"].([]any)[0].(object)["_id"].(object)["$oid"].(string)
	return l.add(&thing{kind: "group", line: job, path: "/v1/test/group/" + id, complete: status == "PASS" || status == "FAIL", ref: "kernel:" + job + "/m/" + kernel})
}

// opportunity advertises an image and has its test done with a status.
func (l *lab) opportunity(image, status string) *thing {
	l.call("POST", l.product+"/images", object{"image_unique_id": image, "extra_snaps": []any{}, "channel": "edge", "image_reference": "http://foo/" + image}, 201)
	picked := l.call("POST", "/v1/agents/bench/pick", nil, http.StatusOK)
	id, token := picked["test_opportunity_id"].(string), picked["lease"].(object)["token"].(string)
	l.call("POST", l.product+"/tests/opportunities/"+id+"/output?offset=0", "console of "+id, 200, servertest.With("Lease-Token", token))
	l.call("POST", l.product+"/tests/results", object{"test_opportunity_id": id, "test_status": status, "lease_token": token}, 201)
	ref := "image:" + strings.TrimPrefix(l.product, "/v1/products/") + "/" + image
	return l.add(&thing{kind: "opportunity", line: "smoke", path: l.product + "/tests/opportunities/" + id, ref: ref, complete: true, verdict: status != "ERROR"})
}

func (l *lab) keep(th *thing, until any) {
	l.call("POST", "/v1/retention/keeps", object{"set": th.ref, "reason": "shipped", "until": until}, 201)
}

// rules sets the server's rules.
func (l *lab) rules(list ...object) {
	l.t.Helper()
	l.call("PUT", "/v1/retention", object{"rules": list}, 200)
}

// dryRun is what would go: rows by class.
func (l *lab) dryRun() map[string]amount {
	l.t.Helper()
	return amounts(l.call("POST", "/v1/retention/runs?dry_run=true", nil, 200))
}

type amount struct {
	Rows, Bytes    int64
	Oldest, Newest string
}

func amounts(run object) map[string]amount {
	by := map[string]amount{}
	for _, one := range run["classes"].([]any) {
		c := one.(object)
		a := amount{Rows: int64(c["rows"].(float64)), Bytes: int64(c["bytes"].(float64))}
		a.Oldest, _ = c["oldest"].(string)
		a.Newest, _ = c["newest"].(string)
		by[c["class"].(string)] = a
	}
	return by
}

// remove makes a run and awaits its end.
func (l *lab) remove() map[string]amount {
	l.t.Helper()
	run := l.call("POST", "/v1/retention/runs", nil, 202)
	return amounts(l.await(run["id"].(string)))
}

func (l *lab) await(id string) (run object) {
	l.t.Helper()
	await.That(l.t, "the run ends", func() bool {
		run = l.call("GET", "/v1/retention/runs/"+id, nil, 200)
		return run["ended_on"] != nil
	})
	if run["state"] != "done" {
		l.t.Fatalf("the run: %v", run)
	}
	return run
}

// there reports whether a thing can still be read.
func (l *lab) there(th *thing) bool {
	l.t.Helper()
	switch a := l.Do("GET", th.path, "", l.as); a.Status {
	case 200:
		return true
	case 404:
		return false
	default:
		l.t.Fatalf("GET %s: %d %s", th.path, a.Status, a.Body)
		return false
	}
}

// random stores things of all kinds in some order.
func (l *lab) random(seed uint64, n int) {
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // the same each time
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	for range n {
		var th *thing
		switch r.IntN(6) {
		case 0:
			th = l.run(pick("tempest", "smoke"), r.IntN(3) > 0, r.IntN(4))
		case 1:
			th = l.published(pick("cp1", "cp2"), r.IntN(4) == 0)
		case 2, 3:
			th = l.boot(pick("mainline", "next"), fmt.Sprint("v", r.IntN(4)), pick("PASS", "FAIL", "OFFLINE"))
		case 4:
			th = l.group(pick("mainline", "next"), fmt.Sprint("w", len(l.things)), pick("PASS", "FAIL", "ERROR"))
		case 5:
			th = l.opportunity(fmt.Sprint("I", len(l.things)), pick("PASSED", "FAILED", "ERROR"))
		}
		if r.IntN(5) == 0 && th.kind != "published" && l.Do("POST", "/v1/retention/keeps", `{"set":"`+th.ref+`","reason":"random"}`, l.as, servertest.JSON()).Status < 300 {
			th.protected = true
		}
	}
}
