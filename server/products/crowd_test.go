package products_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
)

// A crowd of agents and owners does everything that may be done to opportunities,
// in any order and at once, while leases run out. Whatever happens, each log must
// be a path through the state machine, and no result may be lost.
func TestLifecycle_InACrowd(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		var ahead atomic.Int64
		s := servertest.On(t, storetest.Open(t, store.Config{DataDir: t.TempDir(), Now: clockAhead(&ahead)}))
		newRabble(t, &ahead, s, s).riot()
	})
	t.Run("replicas", func(t *testing.T) {
		t.Parallel()
		var ahead atomic.Int64
		address := storetest.Postgres(t)
		open := func() *servertest.Server {
			return servertest.On(t, storetest.Open(t, store.Config{DataDir: t.TempDir(), Database: address, MaxConns: 8, Now: clockAhead(&ahead)}))
		}
		newRabble(t, &ahead, open(), open()).riot()
	})
}

func clockAhead(by *atomic.Int64) func() time.Time {
	return func() time.Time { return time.Now().Add(time.Duration(by.Load())) }
}

type rabble struct {
	labs    []*lab
	t       *testing.T
	ahead   *atomic.Int64
	product string

	mu     sync.Mutex
	made   []string
	stored map[string]string // opportunity -> result, as the agent was told
}

func newRabble(t *testing.T, ahead *atomic.Int64, servers ...*servertest.Server) *rabble {
	t.Helper()
	r := &rabble{t: t, ahead: ahead, stored: map[string]string{}}
	for _, s := range servers {
		r.labs = append(r.labs, &lab{s, t})
	}
	r.product = r.labs[0].product("p", "a", "b", "c", "d")
	for i := range 6 {
		r.made = append(r.made, r.labs[0].image(r.product, fmt.Sprintf("image %d", i))...)
	}
	return r
}

const (
	rioters = 8
	deeds   = 40 // of each
)

func (r *rabble) riot() {
	var crowd sync.WaitGroup
	for i := range rioters {
		r.labs[0].agent(fmt.Sprintf("agent %d", i), object{"capacity": 2})
	}
	for i := range rioters {
		crowd.Go(func() {
			l, held := r.labs[i%len(r.labs)], map[string]string{}
			for range deeds {
				if rand.N(4) == 0 {
					r.own(l)
				} else {
					r.serve(l, "/v1/agents/agent%20"+fmt.Sprint(i), held)
				}
			}
		})
	}
	crowd.Wait()
	l := r.labs[0]
	until(r.t, "everything is final", func() bool {
		r.ahead.Add(int64(8 * 24 * time.Hour)) // what waits or runs is over; what is then queued again, next time
		list := l.call("GET", r.product+"/tests/opportunities?state=QUEUED&state=PICKED&state=CANCELLING", nil, http.StatusOK)
		return len(list["test_opportunities"].([]any)) == 0
	})
	for _, o := range r.made {
		r.check(l, o)
	}
	r.checkSilence(l)
}

// checkSilence expects that every agent was told to be silent and to be back by
// turns, whichever server noticed it, and that in the end, after days, all are silent.
func (r *rabble) checkSilence(l *lab) {
	silent := map[string]bool{}
	until(r.t, "all agents are silent", func() bool {
		clear(silent)
		for _, e := range l.agentEvents() {
			agent, now := field(e["data"].(object), "agent_id"), e["event_type"] == "agent.silent"
			if e["event_type"] == "agent.doubled" {
				continue
			}
			if silent[agent] == now {
				r.t.Fatalf("%s is told twice of %s", e["event_type"], agent)
			}
			silent[agent] = now
		}
		for i := range rioters {
			if !silent[fmt.Sprintf("agent %d", i)] {
				return false
			}
		}
		return true
	})
}

// try sends what may be refused, but only for a reason.
func (r *rabble) try(l *lab, method, path string, body any) (int, object) {
	a := l.try(method, path, body)
	if a.Status >= 400 && a.Status != http.StatusConflict {
		r.t.Errorf("%s %s: %d %s", method, path, a.Status, a.Body)
	}
	return a.Status, decode(r.t, a.Body)
}

// own is a deed of an owner.
func (r *rabble) own(l *lab) {
	r.mu.Lock()
	o := r.made[rand.N(len(r.made))]
	r.mu.Unlock()
	path := r.product + "/tests/opportunities/" + o
	switch rand.N(6) {
	case 0:
		r.try(l, "POST", path+"/cancel", object{"reason": "because"})
	case 1:
		if status, a := r.try(l, "POST", path+"/retry", nil); status == http.StatusCreated {
			r.mu.Lock()
			r.made = append(r.made, ids(a)...)
			r.mu.Unlock()
		}
	case 2:
		r.ahead.Add(int64(rand.N(time.Second)))
	case 3:
		r.try(l, "POST", path+"/take-back", object{"reason": "because"})
	case 4:
		r.try(l, "POST", fmt.Sprintf("/v1/agents/agent%%20%d/take-back", rand.N(rioters)), nil)
	case 5:
		r.try(l, "PATCH", path, object{"priority": rand.N(101)})
	}
}

// serve is a deed of an agent; held are the tokens of what it believes to hold.
func (r *rabble) serve(l *lab, agent string, held map[string]string) {
	for o, token := range held {
		switch rand.N(6) {
		case 0:
			r.try(l, "POST", r.product+"/tests/opportunities/"+o+"/release", object{"lease_token": token})
			delete(held, o)
		case 1:
			r.try(l, "POST", agent+"/heartbeat", object{"leases": []object{{"test_opportunity_id": o, "token": token}}})
		case 2, 3:
			status := []string{"PASSED", "ERROR"}[rand.N(2)]
			result := object{"test_opportunity_id": o, "test_status": status, "lease_token": token, "result_payload": token}
			for range 1 + rand.N(2) { // now and then twice
				status, a := r.try(l, "POST", r.product+"/tests/results", result)
				if status < 300 {
					r.mu.Lock()
					if other := r.stored[o]; other != "" && other != a["id"] {
						r.t.Errorf("%s has the results %s and %v", o, other, a["id"])
					}
					r.stored[o] = field(a, "id")
					r.mu.Unlock()
				}
			}
			delete(held, o)
		case 4:
			delete(held, o) // forgotten
		}
		return
	}
	ask := object{"holding": keys(held), "lease_seconds": 1 + rand.N(3)}
	if machine := rand.N(8); machine < 2 { // most are old agents, which do not name it
		ask["instance"] = fmt.Sprint("machine ", machine)
	}
	status, a := r.try(l, "POST", agent+"/pick", ask)
	if status == http.StatusOK {
		held[field(a, "test_opportunity_id")] = field(a["lease"].(object), "token")
	}
}

func keys(m map[string]string) []string {
	list := []string{}
	for k := range m {
		list = append(list, k)
	}
	return list
}

// letters abbreviate events, for lives.
var letters = map[string]string{
	"QUEUED_FOR_AGENTS": "q", "PICKED_BY_AGENT": "p", "RESULT_POSTED": "r", "RESULT_STORED": "s", "LEASE_EXPIRED": "l",
	"RELEASED_BY_AGENT": "b", "CANCEL_REQUESTED": "c", "CANCELLED": "x", "EXPIRED": "e", "ABANDONED": "a", "TAKEN_BACK": "t",
}

// lives are all paths through the state machine: up to three attempts, of which
// all but the last ended in silence or were given back, and any number that an
// operator took back.
var lives = regexp.MustCompile(`^q((ptq)*p[lb]q){0,2}(ptq)*(rs|cx|es|p(rs|[lb]as|c(rs|x|lx|tx)))$`)

func (r *rabble) check(l *lab, o string) {
	log := l.call("GET", r.product+"/tests/events?test_opportunity_id="+o, nil, http.StatusOK)["event_logs"].([]any)[0].(object)
	life, last := "", ""
	var times []string
	for _, e := range log["events"].([]any) {
		event := e.(object)
		life += letters[field(event, "event_type")]
		times = append(times, field(event, "timestamp"))
		if event["result_id"] != nil {
			last = field(event, "result_id")
		}
	}
	if !lives.MatchString(life) || !slices.IsSorted(times) {
		r.t.Errorf("the life of %s is no path through the state machine: %s at %s", o, life, times)
	}
	list := l.call("GET", r.product+"/tests/results?test_opportunity_id="+o, nil, http.StatusOK)["test_results"].([]any)
	switch {
	case last == "" && len(list) != 0, last != "" && (len(list) != 1 || list[0].(object)["id"] != last):
		r.t.Errorf("%s: results %v, its log tells of %q", o, list, last)
	case r.stored[o] != "" && r.stored[o] != last:
		r.t.Errorf("%s: the result %s was acknowledged, its log tells of %q", o, r.stored[o], last)
	}
}
