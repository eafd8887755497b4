package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// fleet is a lab's agents, and the addresses of the servers that they know: when
// one does not answer they ask the next.
type fleet struct {
	t       *testing.T
	servers []*process

	mu    sync.Mutex
	given map[string][]string // opportunity -> the agents that were given it
	done  map[string]string   // opportunity -> the id of its result, as its agent was told
}

// ask sends a request to a server, the first-th at first, until one answers.
func (f *fleet) ask(first int, method, url, body string) (int, map[string]any) {
	deadline := time.Now().Add(await.Limit)
	for i := first; time.Now().Before(deadline); i++ {
		status, text, err := f.servers[i%len(f.servers)].call(method, url, "application/json", body)
		if err != nil || status == http.StatusServiceUnavailable {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		var answer map[string]any
		_ = json.Unmarshal(text, &answer)
		return status, answer
	}
	f.t.Errorf("%s %s: no server answers within %s", method, url, await.Limit)
	return 0, nil
}

// must is ask for what has to succeed.
func (f *fleet) must(method, url, body string, want int) map[string]any {
	f.t.Helper()
	status, answer := f.ask(0, method, url, body)
	if status != want {
		f.t.Fatalf("%s %s: %d %v, want %d", method, url, status, answer, want)
	}
	return answer
}

// advertise makes n opportunities, a multiple of 100, and returns the path of
// their product.
func (f *fleet) advertise(n int) string {
	f.t.Helper()
	p := f.must("POST", "/v1/products", `{"name": "crowded", "release": "r"}`, http.StatusCreated)
	product := "/v1/products/" + p["id"].(string)
	for i := range 100 {
		f.must("POST", product+"/testspecs", fmt.Sprintf(`{"name": "spec %d", "test_payload": 1, "max_attempts": 10}`, i), http.StatusCreated)
	}
	for i := range n / 100 {
		body := fmt.Sprintf(`{"image_unique_id": "image %d", "extra_snaps": [], "channel": "edge", "image_reference": null}`, i)
		f.must("POST", product+"/images", body, http.StatusCreated)
	}
	return product
}

// work is the life of an agent: it picks and reports until there is nothing left.
// It begins with server first.
func (f *fleet) work(first int, name, product string) {
	for {
		status, o := f.ask(first, "POST", "/v1/agents/"+name+"/pick", `{"holding": [], "wait_seconds": 1}`)
		if status == http.StatusNoContent && f.finished(product) || status == 0 {
			return
		}
		if status != http.StatusOK {
			continue // others hold what is left, and one of them may have to give it back
		}
		id := o["test_opportunity_id"].(string)
		f.mu.Lock()
		f.given[id] = append(f.given[id], name)
		f.mu.Unlock()
		body := fmt.Sprintf(`{"test_opportunity_id": %q, "test_status": "PASSED", "lease_token": %q, "result_payload": %q}`,
			id, o["lease"].(map[string]any)["token"], name)
		status, r := f.ask(first, "POST", product+"/tests/results", body)
		if status != http.StatusCreated && status != http.StatusOK { // 200: it was stored, and the answer was lost
			f.t.Errorf("the result of %s by %s: %d %v", id, name, status, r)
			return
		}
		f.mu.Lock()
		f.done[id] = r["id"].(string)
		f.mu.Unlock()
	}
}

// finished reports whether nothing is queued or held any more.
func (f *fleet) finished(product string) bool {
	status, list := f.ask(0, "GET", product+"/tests/opportunities?state=QUEUED&state=PICKED&limit=1", "")
	return status == http.StatusOK && len(list["test_opportunities"].([]any)) == 0
}

// start lets so many agents work until everything is done; wait returns then.
func (f *fleet) start(agents int, product string) (wait func()) {
	f.t.Helper()
	f.given, f.done = map[string][]string{}, map[string]string{}
	var working sync.WaitGroup
	for i := range agents {
		name := fmt.Sprintf("agent-%02d", i)
		f.must("PUT", "/v1/agents/"+name, `{}`, http.StatusCreated)
		working.Go(func() { f.work(i, name, product) })
	}
	return working.Wait
}

// check holds what the agents were told against what is stored: every
// opportunity was given to one agent, whose result is the one that is there.
func (f *fleet) check(product string, n int) {
	f.t.Helper()
	if len(f.done) != n {
		f.t.Errorf("%d opportunities were finished, want %d", len(f.done), n)
	}
	stored := map[string]map[string]any{}
	for from := ""; ; {
		list := f.must("GET", product+"/tests/results?limit=1000"+from, "", http.StatusOK)["test_results"].([]any)
		for _, r := range list {
			result := r.(map[string]any)
			stored[result["test_opportunity_id"].(string)] = result
			from = "&start_date=" + result["created_at"].(string) // both ends are inclusive
		}
		if len(list) < 1000 {
			break
		}
	}
	for id, agents := range f.given {
		r := stored[id]
		switch {
		case len(agents) != 1:
			f.t.Errorf("%s was given to %q", id, agents)
		case r == nil:
			f.t.Errorf("the result of %s was acknowledged and is lost", id)
		case r["id"] != f.done[id] || r["result_payload"] != agents[0] || r["agent_id"] != agents[0]:
			f.t.Errorf("%s was done by %s as result %s; stored is %v", id, agents[0], f.done[id], r)
		}
	}
}

// progress returns when so many results were acknowledged.
func (f *fleet) progress(n int) {
	await.That(f.t, fmt.Sprintf("%d results are acknowledged", n), func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.done) >= n || f.t.Failed()
	})
}

// 64 agents at two servers on one database finish 1000 opportunities, each once.
func TestFleet_TwoServers(t *testing.T) {
	t.Parallel()
	data, database := t.TempDir(), "--database="+storetest.Postgres(t)
	f := &fleet{t: t, servers: []*process{startProcess(t, data, database), startProcess(t, data, database)}}
	product := f.advertise(1000)
	f.start(64, product)()
	f.check(product, 1000)
	for id, r := range f.history(product) {
		want := []string{"QUEUED_FOR_AGENTS", "PICKED_BY_AGENT", "RESULT_POSTED", "RESULT_STORED"}
		if !slices.Equal(r, want) {
			t.Errorf("events of %s: %q, want %q", id, r, want)
		}
	}
}

// history follows the event log of all areas to its end.
func (f *fleet) history(product string) map[string][]string {
	f.t.Helper()
	of := map[string][]string{}
	for next := "0"; ; {
		page := f.must("GET", "/v1/events?limit=1000&product_id="+path.Base(product)+"&after="+next, "", http.StatusOK)
		list := page["events"].([]any)
		for _, e := range list {
			event := e.(map[string]any)
			id := event["test_opportunity_id"].(string)
			of[id] = append(of[id], event["event_type"].(string))
		}
		if len(list) == 0 {
			return of
		}
		next = page["next"].(string)
	}
}

// A server that is killed while agents pick and report loses nothing that was
// acknowledged, and gives nothing to two of them. What it gave without being able
// to say so goes to whoever asks next, when its agent asks again.
func TestFleet_ServerKilled(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		killWhileWorking(t, startProcess(t, t.TempDir()))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		data, database := t.TempDir(), "--database="+storetest.Postgres(t)
		killWhileWorking(t, startProcess(t, data, database), startProcess(t, data, database))
	})
}

func killWhileWorking(t *testing.T, servers ...*process) {
	t.Helper()
	const n = 600
	f := &fleet{t: t, servers: servers}
	product := f.advertise(n)
	wait := f.start(16, product)
	for i := range 3 {
		f.progress(100 + 150*i)
		victim := servers[i%len(servers)]
		victim.kill(t)
		victim.restart(t)
	}
	wait()
	f.check(product, n)
}
