package products_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
)

// fault reads a case of testdata/faults: each was tried on the server when it did
// the wrong thing; NAME.expect says what is right.
func readFault(t *testing.T, name string) object {
	t.Helper()
	raw, err := os.ReadFile("testdata/faults/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var out object
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// clocked runs a test on every database, with a clock that only the test moves on.
func clocked(t *testing.T, test func(t *testing.T, l *lab, pass func(time.Duration)), change ...func(*server.Config)) {
	t.Helper()
	storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
		var ahead atomic.Int64
		start := time.Now()
		cfg.Now = func() time.Time { return start.Add(time.Duration(ahead.Load())) }
		test(t, &lab{servertest.On(t, storetest.Open(t, cfg), change...), t}, func(d time.Duration) { ahead.Add(int64(d)) })
	})
}

// pick asks for work; nil is none.
func (l *lab) pick(agent string, body object) object {
	l.t.Helper()
	if body == nil {
		body = object{}
	}
	a := l.try("POST", "/v1/agents/"+url.PathEscape(agent)+"/pick", body)
	switch a.Status {
	case http.StatusOK:
		return decode(l.t, a.Body)
	case http.StatusNoContent:
		return nil
	}
	l.t.Fatalf("pick of %s: %d %s", agent, a.Status, a.Body)
	return nil
}

func (l *lab) release(product string, picked object, reason string) object {
	l.t.Helper()
	return l.call("POST", product+"/tests/opportunities/"+field(picked, "test_opportunity_id")+"/release",
		object{"lease_token": picked["lease"].(object)["token"], "reason": reason}, http.StatusOK)
}

// agentEvents are the events of agents, by type and agent.
func (l *lab) agentEvents(options ...servertest.Option) []object {
	l.t.Helper()
	a := l.call("GET", "/v1/events?event_type=agent.silent&event_type=agent.back&event_type=agent.doubled&limit=1000", nil, http.StatusOK, options...)
	var out []object
	for _, e := range a["events"].([]any) {
		out = append(out, e.(object))
	}
	return out
}

func names(events []object) string {
	var out []string
	for _, e := range events {
		out = append(out, field(e, "event_type")+" "+field(e["data"].(object), "agent_id"))
	}
	return strings.Join(out, ", ")
}

// spec adds a test spec to a product.
func (l *lab) spec(product string, body object) {
	l.t.Helper()
	body["test_payload"] = 1
	l.call("POST", product+"/testspecs", body, http.StatusCreated)
}

// Case 15: what an agent gives back goes to another one, and one machine burns no
// attempts.
func TestQueue_ReleasedWorkGoesToAnotherAgent(t *testing.T) {
	t.Parallel()
	sample := readFault(t, "15-release-same-agent")
	spec := sample["spec"].(object)
	clocked(t, func(t *testing.T, l *lab, pass func(time.Duration)) {
		product := l.product("p")
		l.spec(product, object{"name": "s", "agent_group": spec["agent_group"], "max_attempts": spec["max_attempts"]})
		o := l.image(product, "I1")[0]
		for _, a := range sample["agents"].([]any) {
			l.agent(a.(string), object{"agent_group": spec["agent_group"]})
		}
		a := l.release(product, l.pick("bad", nil), "disk full")
		if a["waiting_code"] != "not-asked" || !strings.Contains(field(a, "waiting_reason"), "1 agent that failed it leaves it to others") {
			t.Errorf("released: %v, %v", a["waiting_code"], a["waiting_reason"])
		}
		for range 3 { // good is online, because it sends heartbeats
			if again := l.pick("bad", nil); again != nil {
				t.Fatalf("bad got it again, as attempt %v", again["attempt"])
			}
			pass(time.Minute)
			l.call("POST", "/v1/agents/good/heartbeat", object{"leases": []any{}}, http.StatusOK)
		}
		if got := l.pick("good", nil); got == nil || got["test_opportunity_id"] != o || field(got, "attempt") != "2" {
			t.Errorf("good got %v, want %s as its second attempt", got, o)
		}
	})
}

// Without another agent the same one gets it again, but after pauses: three
// releases in 0.1 s ended a job.
func TestQueue_PauseBetweenAttempts(t *testing.T) {
	t.Parallel()
	clocked(t, func(t *testing.T, l *lab, pass func(time.Duration)) {
		product := l.product("p", "smoke")
		o := l.image(product, "I1")[0]
		l.agent("bad", object{"silence_seconds": 0})
		l.agent("elsewhere", object{"agent_group": "g", "platform": "x", "releases": []string{"16"}}) // online, and does not fit
		l.agent("gone", object{"mode": "maintenance"})
		for _, pause := range []time.Duration{30 * time.Second, time.Minute} {
			a := l.release(product, l.pick("bad", nil), "disk full")
			if a["waiting_code"] != "paused" {
				t.Errorf("released: %v, %v, want paused", a["waiting_code"], a["waiting_reason"])
			}
			pass(pause - time.Second)
			if l.pick("bad", nil) != nil {
				t.Fatalf("picked within %s", pause)
			}
			pass(time.Second)
		}
		if got := l.pick("bad", nil); got == nil || field(got, "attempt") != "3" {
			t.Fatalf("third attempt: %v", got)
		} else if a := l.release(product, got, "disk full"); a["state"] != "ABANDONED" || a["test_opportunity_id"] != o {
			t.Errorf("after the third: %v", a)
		}
	})
}

func TestQueue_WithoutPause(t *testing.T) {
	t.Parallel()
	clocked(t, func(t *testing.T, l *lab, _ func(time.Duration)) {
		product := l.product("p", "smoke")
		l.image(product, "I1")
		l.agent("only", object{})
		for range 3 {
			l.release(product, l.pick("only", nil), "")
		}
	}, func(c *server.Config) { c.Products.RetryPause = 0 })
}

// A machine that fails everything does not end the queue: every job is done by the
// other one.
func TestQueue_OneBadMachineAmongTwo(t *testing.T) {
	t.Parallel()
	clocked(t, func(t *testing.T, l *lab, pass func(time.Duration)) {
		product := l.product("p", "a", "b", "c", "d")
		all := append(l.image(product, "I1"), l.image(product, "I2")...)
		for _, a := range []string{"bad", "good"} {
			l.agent(a, object{})
		}
		for range 50 {
			if got := l.pick("bad", nil); got != nil {
				l.release(product, got, "disk full")
			}
			if got := l.pick("good", nil); got != nil {
				l.call("POST", product+"/tests/results", object{"test_opportunity_id": got["test_opportunity_id"], "test_status": "PASSED", "agent_id": "good"}, http.StatusCreated)
			}
			pass(100 * time.Millisecond)
		}
		list := l.call("GET", product+"/tests/opportunities?state=COMPLETED", nil, http.StatusOK)["test_opportunities"].([]any)
		if len(list) != len(all) {
			t.Errorf("%d of %d are completed", len(list), len(all))
		}
	})
}

// A lease that ran out, a restart, and a retry after ERROR are failures of the
// agent, too.
func TestQueue_LostAndErrorGoToAnotherAgent(t *testing.T) {
	t.Parallel()
	clocked(t, func(t *testing.T, l *lab, pass func(time.Duration)) {
		product := l.product("p", "smoke")
		for _, a := range []string{"one", "two", "three"} {
			l.agent(a, object{"silence_seconds": 0})
		}
		o := l.image(product, "I1")[0]
		l.pick("one", object{"lease_seconds": 1})
		pass(2 * time.Second)
		if l.pick("one", nil) != nil {
			t.Fatal("one lost it, and got it again")
		}
		l.pick("two", nil)
		if l.pick("two", nil) != nil { // it has restarted
			t.Fatal("two lost it, and got it again")
		}
		pass(30 * time.Second)
		l.pick("three", nil)
		l.call("POST", product+"/tests/results", object{"test_opportunity_id": o, "test_status": "error", "agent_id": "three"}, http.StatusCreated)
		l.agent("four", object{"silence_seconds": 0})
		again := ids(l.call("POST", product+"/tests/opportunities/"+o+"/retry", nil, http.StatusCreated))[0]
		for _, a := range []string{"one", "two", "three"} {
			if l.pick(a, nil) != nil {
				t.Errorf("%s failed it, and got its retry while four is online", a)
			}
		}
		if got := l.pick("four", nil); got == nil || got["test_opportunity_id"] != again || field(got, "attempt") != "1" {
			t.Errorf("four got %v, want the retry %s", got, again)
		}
	})
}

// The rule in SQL is that of package waiting: the only other agent counts when it is
// allowed the product and the release, and in this tenant alone.
func TestQueue_OnlyAnAgentThatFitsTakesOver(t *testing.T) {
	t.Parallel()
	const odd = `15.04 "core" \\ ä<`
	for name, tt := range map[string]struct {
		other object
		takes bool
	}{
		"any":             {object{}, true},
		"release":         {object{"releases": []string{"16", odd}}, true},
		"another release": {object{"releases": []string{"16"}}, false},
		"platform":        {object{"platform": "arm", "agent_group": "lab"}, true},
		"draining":        {object{"mode": "draining"}, false},
		"product":         {object{"products": []string{"the product"}}, true},
		"another product": {object{"products": []string{"3d5a9b52-8c43-4e0c-a0c3-5a3f0c9e7b11"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clocked(t, func(t *testing.T, l *lab, _ func(time.Duration)) {
				id := field(l.call("POST", "/v1/products", object{"name": "p", "release": odd}, http.StatusCreated), "id")
				product := "/v1/products/" + id
				l.spec(product, object{"name": "s"})
				l.image(product, "I1")
				body := object{}
				for k, v := range tt.other {
					body[k] = v
				}
				if name == "product" {
					body["products"] = []string{id}
				}
				l.agent("bad", object{})
				l.release(product, l.pick("bad", nil), "")
				l.call("PUT", "/v1/agents/good", body, http.StatusCreated, servertest.As(l.TokenOf("elsewhere", "lab"))) // no help here
				code := "paused"
				if l.agent("other", body); tt.takes {
					code = "not-asked"
				}
				list := l.call("GET", product+"/tests/opportunities", nil, http.StatusOK)["test_opportunities"].([]any)
				if got := list[0].(object)["waiting_code"]; got != code {
					t.Errorf("waits because of %v, want %s", got, code)
				}
				if got := l.pick("other", nil); (got != nil) != tt.takes {
					t.Errorf("the other agent got %v, want it: %t", got, tt.takes)
				}
			}, func(c *server.Config) { c.Products.RetryPause = time.Hour })
		})
	}
}

// Case 16: two machines that name themselves differently.
func TestQueue_SecondMachineUnderOneID(t *testing.T) {
	t.Parallel()
	clocked(t, func(t *testing.T, l *lab, pass func(time.Duration)) {
		product := l.product("p", "smoke")
		o := l.image(product, "I1")[0]
		l.agent("dup", object{})
		a, b := object{"instance": "machine A", "holding": []any{}}, object{"instance": "machine B"}
		if got := l.pick("dup", a); got == nil || got["test_opportunity_id"] != o {
			t.Fatalf("A got %v", got)
		}
		for range 3 {
			if refused := l.call("POST", "/v1/agents/dup/pick", b, http.StatusConflict); refused["id"] != "agent-doubled" {
				t.Errorf("B: %v", refused)
			}
			pass(50 * time.Second)
			l.call("POST", "/v1/agents/dup/heartbeat", object{"leases": []any{}, "instance": "machine A"}, http.StatusOK)
		}
		l.call("POST", "/v1/agents/dup/pick", b, http.StatusConflict, servertest.With("Idempotency-Key", "k"))
		if got := names(l.agentEvents()); got != "agent.doubled dup, agent.doubled dup" { // at 0 s and, beyond the limit, once more
			t.Errorf("events %q", got)
		}
		if got := l.call("GET", product+"/tests/opportunities/"+o, nil, http.StatusOK); field(got, "attempt") != "1" || got["held_by"] != "dup" {
			t.Errorf("the opportunity: attempt %v, held by %v", got["attempt"], got["held_by"])
		}
		pass(2*time.Minute + time.Second)
		if got := l.pick("dup", b); got == nil { // A is silent: B replaces it, and has nothing of A's
			t.Errorf("B got nothing after A was silent")
		}
		if got := l.call("GET", "/v1/agents/dup", nil, http.StatusOK); got["instance"] != "machine B" {
			t.Errorf("agent %v", got)
		}
	})
}

// Old agents do not name their machine: they are told by an event alone, and do not
// burn all attempts.
func TestQueue_SecondMachineWithoutInstance(t *testing.T) {
	t.Parallel()
	clocked(t, func(t *testing.T, l *lab, pass func(time.Duration)) {
		product := l.product("p", "smoke")
		o := l.image(product, "I1")[0]
		l.agent("dup", object{})
		for i, want := range []int{200, 200, 204, 204, 204, 204} {
			if a := l.try("POST", "/v1/agents/dup/pick", object{"holding": []any{}}); a.Status != want {
				t.Fatalf("pick %d: %d %s, want %d", i, a.Status, a.Body, want)
			}
		}
		got := l.call("GET", product+"/tests/opportunities/"+o, nil, http.StatusOK)
		if got["state"] != "QUEUED" || field(got, "attempt") != "2" || got["waiting_code"] != "paused" {
			t.Errorf("%v, attempt %v, %v", got["state"], got["attempt"], got["waiting_reason"])
		}
		if got := names(l.agentEvents()); got != "agent.doubled dup" {
			t.Errorf("events %q", got)
		}
		pass(30 * time.Second)
		if got := l.pick("dup", nil); got == nil || field(got, "attempt") != "3" {
			t.Errorf("after the pause: %v", got)
		}
	})
}

// Case 17: an agent dies under the default lease of four hours.
func TestQueue_DeadAgentIsSilent(t *testing.T) {
	t.Parallel()
	clocked(t, func(t *testing.T, l *lab, pass func(time.Duration)) {
		product := l.product("p", "smoke")
		made := l.image(product, "I1")
		l.agent("dead", object{})
		picked := l.pick("dead", nil)
		next := l.image(product, "I2")[0]
		if a := l.call("GET", "/v1/agents/dead", nil, http.StatusOK); a["state"] != "busy" || l.metric("busy") != "1" {
			t.Errorf("alive: %v, %s busy", a["state"], l.metric("busy"))
		}
		pass(2*time.Minute + time.Second)
		until(t, "the event", func() bool { return len(l.agentEvents()) > 0 })
		e := l.agentEvents()[0]
		data := e["data"].(object)
		if e["event_type"] != "agent.silent" || data["agent_id"] != "dead" || asText(data["holding"]) != asText(made) || data["mode"] != "online" {
			t.Errorf("event %v", e)
		}
		a := l.call("GET", "/v1/agents/dead", nil, http.StatusOK)
		if a["state"] != "silent" || len(a["holding"].([]any)) != 1 || l.metric("silent") != "1" || l.metric("busy") != "0" {
			t.Errorf("dead: %v, %s silent, %s busy", a, l.metric("silent"), l.metric("busy"))
		}
		w := l.call("GET", product+"/tests/opportunities/"+next, nil, http.StatusOK)
		if w["waiting_code"] != "none-online" || !strings.Contains(field(w, "waiting_reason"), "1 silent") {
			t.Errorf("waits: %v, %v", w["waiting_code"], w["waiting_reason"])
		}
		// It was alive after all: its lease is good, and it is back once.
		for range 2 {
			l.call("POST", "/v1/agents/dead/heartbeat", object{"leases": []object{{"test_opportunity_id": made[0], "token": picked["lease"].(object)["token"]}}}, http.StatusOK)
		}
		if got := names(l.agentEvents()); got != "agent.silent dead, agent.back dead" {
			t.Errorf("events %q", got)
		}
	})
}

// metric reads how many agents are in a state.
func (l *lab) metric(state string) string {
	l.t.Helper()
	a := l.try("GET", "/metrics", nil)
	for _, line := range strings.Split(string(a.Body), "\n") {
		if n, ok := strings.CutPrefix(line, `slipway_agents{state="`+state+`"} `); ok {
			return n
		}
	}
	l.t.Fatalf("no metric of %s agents in %d %s", state, a.Status, a.Body)
	return ""
}

// Each of what an agent does is a sign of life, and what it does not do is none.
func TestQueue_SignsOfLife(t *testing.T) {
	t.Parallel()
	clocked(t, func(t *testing.T, l *lab, pass func(time.Duration)) {
		product := l.product("p", "smoke")
		l.image(product, "I1")
		l.agent("a1", object{})
		token := func(p object) string { return field(p["lease"].(object), "token") }
		p := l.pick("a1", nil)
		path := product + "/tests/opportunities/" + field(p, "test_opportunity_id")
		events := 0
		for _, sign := range []struct {
			name string
			send func()
		}{
			{"register", func() { l.agent("a1", object{}) }},
			{"poll", func() { l.pick("a1", object{"holding": []string{field(p, "test_opportunity_id")}}) }},
			{"output", func() {
				if a := l.Do("POST", path+"/output?offset=0", "x", servertest.Admin(), servertest.With("Lease-Token", token(p))); a.Status != 200 {
					t.Errorf("output: %d %s", a.Status, a.Body)
				}
			}},
			{"release", func() { l.release(product, p, "") }},
		} {
			pass(3 * time.Minute)
			events++
			until(t, "it is silent", func() bool { return len(l.agentEvents()) == events })
			l.call("PATCH", "/v1/agents/a1", object{"mode": "online"}, http.StatusOK) // an operator's, so no sign of life
			if got := l.agentEvents(); len(got) != events {
				t.Fatalf("before %s: %s", sign.name, names(got))
			}
			sign.send()
			events++
			if got := l.agentEvents(); len(got) != events || got[events-1]["event_type"] != "agent.back" {
				t.Fatalf("after %s: %s", sign.name, names(got))
			}
		}
		pass(time.Minute)
		p = l.pick("a1", nil)
		pass(3 * time.Minute)
		until(t, "it is silent", func() bool { return len(l.agentEvents()) == events+1 })
		l.call("POST", product+"/tests/results", object{"test_opportunity_id": p["test_opportunity_id"], "test_status": "PASSED", "agent_id": "a1"}, http.StatusCreated)
		if got := l.agentEvents(); got[len(got)-1]["event_type"] != "agent.back" {
			t.Errorf("after a result: %s", names(got))
		}
	})
}

func TestQueue_SilenceLimits(t *testing.T) {
	t.Parallel()
	clocked(t, func(t *testing.T, l *lab, pass func(time.Duration)) {
		l.agent("default", object{})
		l.agent("never", object{"silence_seconds": 0})
		l.agent("hours", object{"silence_seconds": 14400})
		l.call("PUT", "/v1/agents/x", object{"silence_seconds": -1}, http.StatusBadRequest)
		l.call("PUT", "/v1/agents/x", object{"silence_seconds": 604801}, http.StatusBadRequest)
		if a := l.call("GET", "/v1/agents/hours", nil, http.StatusOK); field(a, "silence_seconds") != "14400" {
			t.Errorf("agent %v", a)
		}
		pass(3 * time.Hour)
		until(t, "one is silent", func() bool { return len(l.agentEvents()) == 1 })
		pass(2 * time.Hour)
		until(t, "two are silent", func() bool { return len(l.agentEvents()) == 2 })
		pass(24 * 365 * time.Hour)
		l.agent("default", object{})
		if got := names(l.agentEvents()); got != "agent.silent default, agent.silent hours, agent.back default" {
			t.Errorf("events %q", got)
		}
		if a := l.call("GET", "/v1/agents/never", nil, http.StatusOK); a["state"] != "idle" {
			t.Errorf("agent %v", a)
		}
	})
}

func TestQueue_WithoutSilenceLimit(t *testing.T) {
	t.Parallel()
	clocked(t, func(t *testing.T, l *lab, pass func(time.Duration)) {
		l.agent("a1", object{})
		l.agent("short", object{"silence_seconds": 10})
		pass(10000 * time.Hour)
		until(t, "one is silent", func() bool { return len(l.agentEvents()) > 0 })
		if a := l.call("GET", "/v1/agents/a1", nil, http.StatusOK); a["state"] != "idle" || names(l.agentEvents()) != "agent.silent short" {
			t.Errorf("agent %v, events %s", a, names(l.agentEvents()))
		}
	}, func(c *server.Config) { c.Products.AgentSilence = 0 })
}

// Two replicas look at the same agents, of two tenants, over and over: each silence
// and each return is told once, to its own tenant.
func TestQueue_SilenceIsToldOnce(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	start := time.Now()
	address := storetest.Postgres(t)
	open := func() *lab {
		cfg := store.Config{DataDir: t.TempDir(), Database: address, MaxConns: 8, Now: func() time.Time { return start.Add(time.Duration(ahead.Load())) }}
		return &lab{servertest.On(t, storetest.Open(t, cfg)), t}
	}
	labs := []*lab{open(), open()}
	other := servertest.As(labs[0].TokenOf("other", "lab"))
	const agents, rounds = 20, 4
	path := func(i int) string { return fmt.Sprintf("/v1/agents/agent-%02d", i) }
	for i := range agents {
		labs[0].agent(fmt.Sprintf("agent-%02d", i), object{})
	}
	labs[0].call("PUT", path(0), object{}, http.StatusCreated, other)
	for round := range rounds {
		ahead.Add(int64(time.Hour))
		until(t, "all are silent", func() bool {
			return len(labs[1].agentEvents()) == agents*(2*round+1) && len(labs[0].agentEvents(other)) == 1
		})
		var crowd sync.WaitGroup
		for i := range 2 * agents { // each is heard of at both replicas at once
			crowd.Go(func() {
				labs[i%2].Do("POST", path(i/2)+"/heartbeat", `{"leases": []}`, servertest.Admin(), servertest.JSON())
			})
		}
		crowd.Wait()
		if got := len(labs[0].agentEvents()); got != agents*(2*round+2) {
			t.Fatalf("round %d: %d events, want %d", round, got, agents*(2*round+2))
		}
	}
	if got := names(labs[1].agentEvents(other)); got != "agent.silent agent-00" {
		t.Errorf("the other tenant: %s", got)
	}
}

// Operators take work back at once, and no attempt is lost by it.
func TestQueue_TakeBack(t *testing.T) {
	t.Parallel()
	clocked(t, func(t *testing.T, l *lab, pass func(time.Duration)) {
		product := l.product("p")
		l.spec(product, object{"name": "s", "max_attempts": 1})
		o := l.image(product, "I1")[0]
		path := product + "/tests/opportunities/" + o
		if a := l.call("POST", path+"/take-back", nil, http.StatusConflict); a["id"] != "not-picked" {
			t.Errorf("take back what nobody has: %v", a)
		}
		l.agent("dead", object{})
		l.agent("good", object{})
		first := l.pick("dead", nil)
		runner := servertest.As(l.TokenOf("", "lab"))
		l.call("POST", path+"/take-back", nil, http.StatusForbidden, runner)
		l.call("POST", path+"/take-back", nil, http.StatusNotFound, servertest.As(l.TokenOf("other", "operator")))
		for range 2 { // the same call again is the same answer
			a := l.call("POST", path+"/take-back", object{"reason": "no power"}, http.StatusOK, servertest.With("Idempotency-Key", "k"))
			if a["state"] != "QUEUED" || field(a, "max_attempts") != "2" || field(a, "attempt") != "1" {
				t.Errorf("taken back: %v", a)
			}
		}
		hb := l.call("POST", "/v1/agents/dead/heartbeat", object{"leases": []object{{"test_opportunity_id": o, "token": first["lease"].(object)["token"]}}}, http.StatusOK)
		if hb["leases"].([]any)[0].(object)["status"] != "lost" {
			t.Errorf("heartbeat %v", hb)
		}
		if l.pick("dead", nil) != nil {
			t.Error("it went to the agent it was taken from, while another one is online")
		}
		if got := l.pick("good", nil); got == nil || got["test_opportunity_id"] != o {
			t.Errorf("good got %v", got)
		}
		// All that an agent holds, and the agent itself.
		l.call("DELETE", "/v1/agents/good", nil, http.StatusConflict)
		l.call("POST", "/v1/agents/good/take-back", nil, http.StatusNotFound, servertest.As(l.TokenOf("other", "operator")))
		if a := l.call("POST", "/v1/agents/good/take-back", object{"reason": "moved"}, http.StatusOK, runner); len(a["holding"].([]any)) != 0 {
			t.Errorf("agent %v", a)
		}
		if a := l.pick("good", nil); a == nil || field(a, "attempt") != "3" { // both failed it, and nobody else is there
			t.Errorf("after that: %v", a)
		}
		l.call("DELETE", "/v1/agents/good?force=true", nil, http.StatusNoContent)
		want := "QUEUED_FOR_AGENTS PICKED_BY_AGENT TAKEN_BACK QUEUED_FOR_AGENTS PICKED_BY_AGENT TAKEN_BACK QUEUED_FOR_AGENTS PICKED_BY_AGENT TAKEN_BACK QUEUED_FOR_AGENTS"
		if got := strings.Join(l.eventTypes(product, o), " "); got != want {
			t.Errorf("events\n got %s\nwant %s", got, want)
		}
		// A cancel that is pending ends it.
		last := l.pick("dead", nil)
		l.call("POST", path+"/cancel", nil, http.StatusOK)
		if a := l.call("POST", path+"/take-back", nil, http.StatusOK); a["state"] != "CANCELLED" || last == nil {
			t.Errorf("taken back during a cancel: %v", a["state"])
		}
		if a := l.call("POST", path+"/take-back", nil, http.StatusConflict); a["id"] != "already-final" {
			t.Errorf("take back what is final: %v", a)
		}
		l.call("POST", path+"/take-back", object{"reson": "x"}, http.StatusBadRequest)
	})
}

// Case 18: what stands before an opportunity, and how to raise it.
func TestQueue_WaitingReasonNamesWhatStandsBefore(t *testing.T) {
	t.Parallel()
	clocked(t, func(t *testing.T, l *lab, _ func(time.Duration)) {
		product := l.product("p")
		l.spec(product, object{"name": "low", "priority": 0, "triggers": []string{"image"}})
		low := l.image(product, "I1")[0]
		earlier := low
		low = l.image(product, "I2")[0]
		l.spec(product, object{"name": "high", "priority": 60, "channels": []string{"stable"}})
		l.spec(product, object{"name": "elsewhere", "priority": 60, "platform": "amd64", "channels": []string{"stable"}}) // no agent could run it instead
		for i := range 3 {
			l.call("POST", product+"/images", object{"image_unique_id": fmt.Sprint("H", i), "extra_snaps": []any{}, "channel": "stable", "image_reference": 1, "platform": "arm"}, http.StatusCreated)
		}
		l.agent("only", object{"platform": "arm"})
		l.call("PUT", "/v1/agents/only", object{"platform": "arm"}, http.StatusCreated, servertest.As(l.TokenOf("other", "lab")))
		path := product + "/tests/opportunities/" + low
		get := func() (code, reason string) {
			a := l.call("GET", path, nil, http.StatusOK)
			return field(a, "waiting_code"), field(a, "waiting_reason")
		}
		high := len(l.call("GET", product+"/tests/opportunities?state=QUEUED", nil, http.StatusOK)["test_opportunities"].([]any)) - 2
		if code, reason := get(); code != "behind" || !strings.Contains(reason, "of higher priority and 1 that waited longer stand before it") || high < 3 {
			t.Errorf("low waits: %s, %s, of %d high ones", code, reason, high)
		}
		l.pick("only", nil)
		if code, reason := get(); code != "all-busy" || !strings.Contains(reason, "of higher priority and 1 that waited longer stand before it") {
			t.Errorf("low waits: %s, %s", code, reason)
		}
		l.call("PATCH", path, object{"priority": 101}, http.StatusBadRequest)
		l.call("PATCH", path, object{"prio": 1}, http.StatusBadRequest)
		l.call("PATCH", path, object{"priority": 90}, http.StatusNotFound, servertest.As(l.TokenOf("other", "operator")))
		if a := l.call("PATCH", path, object{"priority": 90}, http.StatusOK); field(a, "priority") != "90" || strings.Contains(field(a, "waiting_reason"), "before it") {
			t.Errorf("raised: %v, %v", a["priority"], a["waiting_reason"])
		}
		l.call("PATCH", product+"/tests/opportunities/"+earlier, object{"priority": 10}, http.StatusOK)
		l.agent("second", object{"platform": "arm"})
		if got := l.pick("second", nil); got == nil || got["test_opportunity_id"] != low {
			t.Errorf("second got %v, want the raised one", got)
		}
		l.call("POST", path+"/cancel", nil, http.StatusOK)
		l.call("PATCH", path, object{"priority": 1}, http.StatusOK) // it still runs
		l.call("POST", product+"/tests/opportunities/"+earlier+"/cancel", nil, http.StatusOK)
		if a := l.call("PATCH", product+"/tests/opportunities/"+earlier, object{"priority": 1}, http.StatusConflict); a["id"] != "already-final" {
			t.Errorf("PATCH of a final one: %v", a)
		}
	})
}

// Two machines begin under one id at the same moment, each at its own replica: one of
// them has the id, and the other one is refused, told once.
func TestQueue_TwoMachinesAtTwoReplicas(t *testing.T) {
	t.Parallel()
	one, two := replicas(t)
	labs := []*lab{{one, t}, {two, t}}
	product := labs[0].product("p", "a", "b", "c")
	for i := range 10 {
		name := fmt.Sprintf("dup-%d", i)
		labs[0].agent(name, object{"capacity": 100})
		labs[0].image(product, fmt.Sprint("I", i))
		var statuses [2]atomic.Int64
		var crowd sync.WaitGroup
		for k := range 8 {
			crowd.Go(func() {
				a := labs[k%2].Do("POST", "/v1/agents/"+name+"/pick", fmt.Sprintf(`{"instance": "machine %d"}`, k%2), servertest.Admin(), servertest.JSON())
				switch a.Status {
				case http.StatusOK, http.StatusNoContent:
					statuses[k%2].Add(1)
				case http.StatusConflict:
				default:
					t.Errorf("pick: %d %s", a.Status, a.Body)
				}
			})
		}
		crowd.Wait()
		if a, b := statuses[0].Load(), statuses[1].Load(); a != 0 && a != 4 || a+b != 4 {
			t.Errorf("%s: %d and %d picks were answered, want all of one machine and none of the other", name, a, b)
		}
	}
	if got := len(labs[1].agentEvents()); got != 10 {
		t.Errorf("%d events, want one for each id", got)
	}
}
