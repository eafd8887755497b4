package products_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// The lifecycle file says in how_to_read how it is to be played.
type lifecycleCase struct {
	ID    string
	Steps []lifecycleStep
}

type lifecycleStep struct {
	Op, Opportunity, Agent, Left, Right string
	Holding                             []string
	Lease                               *string
	Leases                              []string
	LeaseSeconds                        int `json:"lease_seconds"`
	Seconds                             int
	TestStatus                          string          `json:"test_status"`
	ResultPayload                       json.RawMessage `json:"result_payload"`
	SaveLease                           string          `json:"save_lease"`
	SaveResult                          string          `json:"save_result"`
	SaveOpportunity                     string          `json:"save_opportunity"`
	Expect                              struct {
		Status       int
		ErrorID      string `json:"error_id"`
		State        string
		Attempt      *int
		EventTypes   []string `json:"event_types"`
		Opportunity  string
		Count        *int
		TestStatus   string `json:"test_status"`
		Synthetic    bool
		LeaseStatus  map[string]string `json:"lease_status"`
		SameResultAs string            `json:"same_result_as"`
		IDsCount     int               `json:"ids_count"`
		Same         []string
		RightRetryOf string `json:"right_retry_of"`
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("lifecycle/testdata/lifecycle.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []lifecycleCase }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 13 {
		t.Fatalf("%d cases, want 13", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
				var ahead atomic.Int64
				start := time.Now() // the clock stands still between the steps, which may take long
				cfg.Now = func() time.Time { return start.Add(time.Duration(ahead.Load())) }
				l := &lab{servertest.On(t, storetest.Open(t, cfg)), t}
				w := &life{lab: l, ahead: &ahead, product: l.product("test-product.foo", "smoke"), names: map[string]string{}, leaseOf: map[string]string{}, results: map[string]string{}}
				w.names["O1"] = l.image(w.product, "DEADBEEF_83451039")[0]
				for i, step := range c.Steps {
					w.n = i + 1
					w.play(step)
				}
			})
		})
	}
}

type life struct {
	*lab
	n       int
	ahead   *atomic.Int64 // of the start
	product string
	names   map[string]string // of opportunities and leases: id, token
	leaseOf map[string]string // name of a lease: id of its opportunity
	results map[string]string
}

func (w *life) path(name string) string { return w.product + "/tests/opportunities/" + w.names[name] }

func (w *life) play(step lifecycleStep) {
	w.t.Helper()
	switch step.Op {
	case "wait":
		for range step.Seconds { // a second at a time, as the server looks at least that often
			w.ahead.Add(int64(time.Second))
			w.settle()
		}
	case "get_opportunity":
		w.checkOpportunity(w.call("GET", w.path(step.Opportunity), nil, step.Expect.Status), step)
	case "events":
		if got := w.eventTypes(w.product, w.names[step.Opportunity]); !slices.Equal(got, step.Expect.EventTypes) {
			w.t.Errorf("step %d: events %v, want %v", w.n, got, step.Expect.EventTypes)
		}
	case "results":
		w.checkResults(step)
	case "pick":
		w.pick(step)
	case "heartbeat":
		w.heartbeat(step)
	case "post_result":
		w.post(step)
	case "cancel":
		w.refusedOr(w.call("POST", w.path(step.Opportunity)+"/cancel", nil, step.Expect.Status), step)
	case "release":
		w.refusedOr(w.call("POST", w.path(step.Opportunity)+"/release", object{"lease_token": w.names[*step.Lease]}, step.Expect.Status), step)
	case "retry":
		made := ids(w.call("POST", w.path(step.Opportunity)+"/retry", nil, step.Expect.Status))
		if len(made) != step.Expect.IDsCount {
			w.t.Fatalf("step %d: %v, want %d", w.n, made, step.Expect.IDsCount)
		}
		w.names[step.SaveOpportunity] = made[0]
	case "compare":
		w.compare(step)
	default:
		w.t.Fatalf("step %d: the test does not know %s", w.n, step.Op)
	}
}

// settle waits until the server has ended what is due.
func (w *life) settle() {
	w.t.Helper()
	await.That(w.t, "the server ends what is due", func() bool {
		due, err := productstore.New(w.Store).HasDue(w.t.Context(), w.Store.Now())
		if err != nil {
			w.t.Fatal(err)
		}
		return !due
	})
}

func (w *life) refusedOr(a object, step lifecycleStep) {
	w.t.Helper()
	if step.Expect.Status >= 400 {
		w.checkError(a, step)
		return
	}
	w.checkOpportunity(a, step)
}

func (w *life) checkError(a object, step lifecycleStep) {
	w.t.Helper()
	if got := field(a, "id"); got != step.Expect.ErrorID {
		w.t.Errorf("step %d: error %s, want %s", w.n, got, step.Expect.ErrorID)
	}
}

func (w *life) checkOpportunity(a object, step lifecycleStep) {
	w.t.Helper()
	if got := field(a, "state"); step.Expect.State != "" && got != step.Expect.State {
		w.t.Errorf("step %d: %s, want %s", w.n, got, step.Expect.State)
	}
	if step.Expect.Attempt != nil && asText(a["attempt"]) != asText(*step.Expect.Attempt) {
		w.t.Errorf("step %d: attempt %v, want %d", w.n, a["attempt"], *step.Expect.Attempt)
	}
}

func (w *life) checkResults(step lifecycleStep) {
	w.t.Helper()
	list := w.call("GET", w.product+"/results?test_opportunity_id="+w.names[step.Opportunity], nil, step.Expect.Status)["test_results"].([]any)
	if len(list) != *step.Expect.Count {
		w.t.Fatalf("step %d: %d results, want %d", w.n, len(list), *step.Expect.Count)
	}
	if len(list) > 0 {
		r := list[0].(object)
		if r["test_status"] != step.Expect.TestStatus || r["synthetic"] != step.Expect.Synthetic {
			w.t.Errorf("step %d: %v, want %s, synthetic %t", w.n, r, step.Expect.TestStatus, step.Expect.Synthetic)
		}
	}
}

func (w *life) pick(step lifecycleStep) {
	w.t.Helper()
	w.agent(step.Agent, object{})
	body := object{"holding": namesOf(step.Holding, func(name string) string { return w.names[name] })}
	if step.LeaseSeconds > 0 {
		body["lease_seconds"] = step.LeaseSeconds
	}
	a := w.call("POST", "/v1/agents/"+step.Agent+"/pick", body, step.Expect.Status)
	if step.Expect.Opportunity == "" {
		return
	}
	if got := field(a, "test_opportunity_id"); got != w.names[step.Expect.Opportunity] {
		w.t.Fatalf("step %d: picked %s, want %s", w.n, got, step.Expect.Opportunity)
	}
	w.names[step.SaveLease] = field(a["lease"].(object), "token")
	w.leaseOf[step.SaveLease] = field(a, "test_opportunity_id")
}

func namesOf(list []string, f func(string) string) []string {
	out := []string{}
	for _, s := range list {
		out = append(out, f(s))
	}
	return out
}

func (w *life) heartbeat(step lifecycleStep) {
	w.t.Helper()
	var leases []object
	for _, name := range step.Leases {
		leases = append(leases, object{"test_opportunity_id": w.leaseOf[name], "token": w.names[name]})
	}
	a := w.call("POST", "/v1/agents/"+step.Agent+"/heartbeat", object{"leases": leases}, step.Expect.Status)
	for i, name := range step.Leases {
		if got := field(a["leases"].([]any)[i].(object), "status"); got != step.Expect.LeaseStatus[name] {
			w.t.Errorf("step %d: lease %s is %s, want %s", w.n, name, got, step.Expect.LeaseStatus[name])
		}
	}
}

func (w *life) post(step lifecycleStep) {
	w.t.Helper()
	body := object{"test_opportunity_id": w.names[step.Opportunity], "test_status": step.TestStatus, "result_payload": step.ResultPayload}
	if step.Lease != nil {
		body["lease_token"] = w.names[*step.Lease]
	}
	if step.Agent != "" {
		body["agent_id"] = step.Agent
	}
	a := w.call("POST", w.product+"/tests/results", body, step.Expect.Status)
	if step.Expect.Status >= 400 {
		w.checkError(a, step)
		return
	}
	if step.SaveResult != "" {
		w.results[step.SaveResult] = field(a, "id")
	}
	if as := step.Expect.SameResultAs; as != "" && field(a, "id") != w.results[as] {
		w.t.Errorf("step %d: result %v, want the same as %s", w.n, a["id"], as)
	}
	if a["agent_id"] != a["agent-id"] || a["agent_id"] == nil && step.Expect.Status == http.StatusCreated {
		w.t.Errorf("step %d: agent_id %v, agent-id %v", w.n, a["agent_id"], a["agent-id"])
	}
}

func (w *life) compare(step lifecycleStep) {
	w.t.Helper()
	left, right := w.call("GET", w.path(step.Left), nil, http.StatusOK), w.call("GET", w.path(step.Right), nil, http.StatusOK)
	for _, name := range step.Expect.Same {
		if asText(left[name]) != asText(right[name]) {
			w.t.Errorf("step %d: %s %v and %v, want the same", w.n, name, left[name], right[name])
		}
	}
	if right["retry_of"] != w.names[step.Expect.RightRetryOf] {
		w.t.Errorf("step %d: retry_of %v", w.n, right["retry_of"])
	}
}
