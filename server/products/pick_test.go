package products_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
)

const crowd = 64

// heap is how many opportunities a crowd picks.
var heap = 1000

func init() {
	if storetest.Race {
		heap = 300
	}
}

// queueMany makes a product with as many opportunities as are wanted.
func (l *lab) queueMany(n int) string {
	l.t.Helper()
	var specs []string
	for i := range 100 {
		specs = append(specs, fmt.Sprintf("spec %d", i))
	}
	product := l.product("crowded", specs...)
	for i := range n / 100 {
		if made := l.image(product, fmt.Sprintf("image %d", i)); len(made) != 100 {
			l.t.Fatalf("%d opportunities, want 100", len(made))
		}
	}
	return product
}

// pickAll lets a crowd of agents pick from several servers until nothing is
// left, and checks that everything was handed out once.
func pickAll(t *testing.T, servers ...*servertest.Server) {
	t.Helper()
	l := &lab{servers[0], t}
	product := l.queueMany(heap)
	var mu sync.Mutex
	given := map[string]string{}
	var agents sync.WaitGroup
	for i := range crowd {
		name := fmt.Sprintf("agent-%02d", i)
		l.agent(name, object{"capacity": 1000})
		at := servers[i%len(servers)]
		agents.Go(func() {
			for left := heap; left > 0; {
				a := at.Do("POST", "/v1/agents/"+name+"/pick", "{}", servertest.Admin(), servertest.JSON())
				mu.Lock()
				switch a.Status {
				case http.StatusOK:
					id := field(decode(t, a.Body), "test_opportunity_id")
					if other, twice := given[id]; twice {
						t.Errorf("%s was given to %s and to %s", id, other, name)
					}
					given[id] = name
				case http.StatusNoContent:
				default:
					t.Errorf("pick: %d %s", a.Status, a.Body)
					mu.Unlock()
					return
				}
				left = heap - len(given)
				mu.Unlock()
			}
		})
	}
	agents.Wait()
	if len(given) != heap {
		t.Errorf("%d were handed out, want %d", len(given), heap)
	}
	page := l.try("GET", product+"/tests/opportunities?state=PICKED&limit=1", nil)
	if got := page.Header.Get("X-Total-Count"); got != fmt.Sprint(heap) {
		t.Errorf("%s are PICKED, want %d", got, heap)
	}
	for query, want := range map[string]int{"state=PICKED&limit=1000": heap, "state=QUEUED": 0, "state=QUEUED&state=PICKED&limit=1000": heap, "state=PICKED&limit=2": 2} {
		if got := len(l.call("GET", "/opportunities?"+query, nil, http.StatusOK)["test_opportunities"].([]any)); got != want {
			t.Errorf("of all products %d are %s, want %d", got, query, want)
		}
	}
}

func TestPick_EachOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) { pickAll(t, s) })
}

func TestPick_EachOnceWithTwoReplicas(t *testing.T) {
	t.Parallel()
	one, two := replicas(t)
	pickAll(t, one, two)
}

// replicas are two servers with a store each on one PostgreSQL.
func replicas(t *testing.T, change ...func(*server.Config)) (one, two *servertest.Server) {
	t.Helper()
	address := storetest.Postgres(t)
	open := func() *servertest.Server {
		return servertest.On(t, storetest.Open(t, store.Config{DataDir: t.TempDir(), Database: address, MaxConns: 8}), change...)
	}
	return open(), open()
}

// neverLook takes the fallback away, so that only a notification can wake a
// waiting call. How fast it is says BenchmarkLongPoll.
func neverLook(c *server.Config) { c.Products.LookEvery = time.Hour }

// longPoll asks one server for work, and advertises at another once the call
// waits.
func longPoll(t *testing.T, asks, advertises *servertest.Server) {
	t.Helper()
	l := &lab{advertises, t}
	product := l.product("awaited", "smoke")
	l.agent("patient", object{})
	answered := make(chan servertest.Answer, 1)
	go func() {
		answered <- asks.Do("POST", "/v1/agents/patient/pick", `{"wait_seconds": 60}`, servertest.Admin(), servertest.JSON())
	}()
	until(t, "the call waits", func() bool { return asks.Store.Subscribers("work/") > 0 })
	l.image(product, "I1")
	advertised := time.Now()
	if a := <-answered; a.Status != http.StatusOK {
		t.Errorf("pick: %d %s, want 200", a.Status, a.Body)
	}
	t.Logf("answered %s after the advertisement", time.Since(advertised).Round(time.Millisecond/10))
}

func TestPick_LongPoll(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) { longPoll(t, s, s) }, neverLook)
}

func TestPick_LongPollAcrossReplicas(t *testing.T) {
	t.Parallel()
	one, two := replicas(t, neverLook)
	longPoll(t, one, two)
}

func TestPick_Refused(t *testing.T) {
	t.Parallel()
	l := &lab{servertest.New(t), t}
	l.call("POST", "/v1/agents/stranger/pick", nil, http.StatusNotFound)
	l.agent("a1", object{})
	for _, body := range []string{`{"lease_seconds": 0}`, `{"lease_seconds": 604801}`, `{"wait_seconds": 61}`, `{"holding": "x"}`, `[]`, `{`} {
		l.call("POST", "/v1/agents/a1/pick", body, http.StatusBadRequest)
	}
	if a := l.try("POST", "/v1/agents/a1/pick", nil); a.Status != http.StatusNoContent || a.Header.Get("Retry-After") == "" {
		t.Errorf("pick without work: %d, Retry-After %q", a.Status, a.Header.Get("Retry-After"))
	}
	l.call("POST", "/v1/agents/a1/heartbeat", `{"leases": [{"test_opportunity_id": "x", "token": "y"}]}`, http.StatusOK)
}

func TestAgent_OnlyOnlineAgentsGetWork(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		product := l.product("p", "smoke")
		o := l.image(product, "I1")[0]
		l.agent("a/1 ä", object{}) // any text is an id
		path := "/v1/agents/a%2F1%20%C3%A4"
		for _, mode := range []string{"draining", "maintenance", "offline"} {
			if a := l.call("PATCH", path, object{"mode": mode, "comment": "why"}, http.StatusOK); a["mode"] != mode || a["comment"] != "why" {
				t.Errorf("PATCH: %v", a)
			}
			l.call("POST", path+"/pick", nil, http.StatusNoContent)
		}
		l.agent("a/1 ä", object{"platform": "armhf"}) // registering again resumes nothing
		l.call("POST", path+"/pick", nil, http.StatusNoContent)
		l.call("PATCH", path, object{"mode": "online"}, http.StatusOK)
		if a := l.call("POST", path+"/pick", nil, http.StatusOK); field(a, "test_opportunity_id") != o {
			t.Errorf("picked %v", a)
		}
		a := l.call("GET", path, nil, http.StatusOK)
		if a["state"] != "busy" || len(a["holding"].([]any)) != 1 {
			t.Errorf("agent %v", a)
		}
		l.call("DELETE", path, nil, http.StatusConflict)
		list := l.call("GET", "/v1/agents?platform=armhf&mode=online", nil, http.StatusOK)["agents"].([]any)
		if len(list) != 1 || list[0].(object)["state"] != "busy" {
			t.Errorf("agents %v", list)
		}
	})
}

// An agent that asks again and holds nothing has restarted: what it had is given
// out anew.
func TestPick_RestartedAgentLosesItsLease(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		product := l.product("p", "smoke")
		o := l.image(product, "I1")[0]
		l.agent("a1", object{})
		first := l.call("POST", "/v1/agents/a1/pick", nil, http.StatusOK)
		l.call("POST", "/v1/agents/a1/pick", object{"holding": []string{o}}, http.StatusNoContent)
		again := l.call("POST", "/v1/agents/a1/pick", nil, http.StatusOK)
		if again["test_opportunity_id"] != o || field(again, "attempt") != "2" {
			t.Errorf("picked %v, want %s as its second attempt", again, o)
		}
		want := "QUEUED_FOR_AGENTS PICKED_BY_AGENT LEASE_EXPIRED QUEUED_FOR_AGENTS PICKED_BY_AGENT"
		if got := strings.Join(l.eventTypes(product, o), " "); got != want {
			t.Errorf("events %s, want %s", got, want)
		}
		a := l.call("POST", product+"/tests/results", object{
			"test_opportunity_id": o, "test_status": "PASSED", "lease_token": first["lease"].(object)["token"],
		}, http.StatusConflict)
		if a["id"] != "lease-lost" {
			t.Errorf("result under the first lease: %v", a["id"])
		}
	})
}
