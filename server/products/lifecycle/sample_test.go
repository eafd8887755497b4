package lifecycle

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

// The lifecycle file says in how_to_read how it is to be played. Here the server is
// a handful of values and time passes when the file says so; what the HTTP tests
// add is the store, the clock and the wire.
type lifecycleCase struct {
	ID    string          `json:"id"`
	Title string          `json:"title"`
	Steps []lifecycleStep `json:"steps"`
}

type lifecycleStep struct {
	Op            string          `json:"op"`
	Opportunity   string          `json:"opportunity"`
	Agent         string          `json:"agent"`
	Lease         *string         `json:"lease"`
	Leases        []string        `json:"leases"`
	LeaseSeconds  int             `json:"lease_seconds"`
	Seconds       int             `json:"seconds"`
	TestStatus    string          `json:"test_status"`
	ResultPayload json.RawMessage `json:"result_payload"`
	SaveLease     string          `json:"save_lease"`
	SaveResult    string          `json:"save_result"`
	SaveAs        string          `json:"save_opportunity"`
	Expect        struct {
		Status       int               `json:"status"`
		ErrorID      Code              `json:"error_id"`
		State        State             `json:"state"`
		Attempt      *int              `json:"attempt"`
		EventTypes   []EventType       `json:"event_types"`
		Opportunity  string            `json:"opportunity"`
		Count        *int              `json:"count"`
		TestStatus   string            `json:"test_status"`
		Synthetic    bool              `json:"synthetic"`
		LeaseStatus  map[string]string `json:"lease_status"`
		SameResultAs string            `json:"same_result_as"`
	} `json:"expect"`
}

func TestLifecycle_samples(t *testing.T) {
	t.Parallel()

	raw, err := os.ReadFile("testdata/lifecycle.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []lifecycleCase `json:"cases"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 13 {
		t.Fatalf("%d cases, want 13", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.ID+" "+c.Title, func(t *testing.T) {
			t.Parallel()

			w := &world{
				t: t, now: time.Date(2016, 1, 4, 16, 58, 28, 805000000, time.UTC), tokens: map[string]string{},
				leaseOf: map[string]string{}, results: map[string]uuid.UUID{}, opportunities: map[string]*record{},
			}
			w.add("O1")
			for i, step := range c.Steps {
				w.step = fmt.Sprintf("step %d (%s)", i+1, step.Op)
				w.play(step)
			}
		})
	}
}

// record is an opportunity and its log.
type record struct {
	Opportunity
	events []Event
}

type world struct {
	t             *testing.T
	step          string
	now           time.Time
	order         []string
	opportunities map[string]*record
	tokens        map[string]string // name of a lease in the file: token
	leaseOf       map[string]string // name of a lease in the file: opportunity
	results       map[string]uuid.UUID
}

func (w *world) add(name string) {
	w.order = append(w.order, name)
	w.opportunities[name] = &record{}
	w.apply(name, New(w.now, DefaultMaxAttempts, DefaultQueueTTL))
}

func (w *world) apply(name string, c Change) {
	r := w.opportunities[name]
	r.Opportunity = c.Opportunity
	r.events = append(r.events, c.Events...)
}

func (w *world) sweep() {
	for _, name := range w.order {
		w.apply(name, w.opportunities[name].Sweep(w.now, uuid.New))
	}
}

func (w *world) play(step lifecycleStep) {
	w.t.Helper()
	switch step.Op {
	case "wait":
		// A second at a time, as the server looks at least that often.
		for range step.Seconds {
			w.now = w.now.Add(time.Second)
			w.sweep()
		}
	case "get_opportunity":
		w.checkState(step)
	case "events":
		w.checkEvents(step)
	case "results":
		w.checkResults(step)
	case "pick":
		w.pick(step)
	case "heartbeat":
		w.heartbeat(step)
	case "post_result":
		w.post(step)
	case "release", "cancel":
		w.end(step)
	case "retry":
		if err := w.opportunities[step.Opportunity].Retryable(); err != nil {
			w.t.Errorf("%s: %v", w.step, err)
		}
		w.add(step.SaveAs)
	case "compare":
		// The context of a retry is copied by the server, not by this package.
	default:
		w.t.Fatalf("%s: the test does not know this step", w.step)
	}
}

func (w *world) checkState(step lifecycleStep) {
	w.t.Helper()
	got := w.opportunities[step.Opportunity]
	if got.State != step.Expect.State || got.Attempt != *step.Expect.Attempt {
		w.t.Errorf("%s: %s, attempt %d, want %s, %d", w.step, got.State, got.Attempt, step.Expect.State, *step.Expect.Attempt)
	}
}

func (w *world) checkEvents(step lifecycleStep) {
	w.t.Helper()
	var got []EventType
	for _, e := range w.opportunities[step.Opportunity].events {
		got = append(got, e.Type)
	}
	if !slices.Equal(got, step.Expect.EventTypes) {
		w.t.Errorf("%s:\n got %v\nwant %v", w.step, got, step.Expect.EventTypes)
	}
}

func (w *world) checkResults(step lifecycleStep) {
	w.t.Helper()
	got := w.opportunities[step.Opportunity].Result
	if (got != nil) != (*step.Expect.Count == 1) {
		w.t.Fatalf("%s: result %v, want %d", w.step, got, *step.Expect.Count)
	}
	if got != nil && (got.TestStatus != step.Expect.TestStatus || got.Synthetic != step.Expect.Synthetic) {
		w.t.Errorf("%s: %s, synthetic %t, want %s, %t", w.step, got.TestStatus, got.Synthetic, step.Expect.TestStatus, step.Expect.Synthetic)
	}
}

func (w *world) pick(step lifecycleStep) {
	w.t.Helper()
	w.sweep()
	length := DefaultLease
	if step.LeaseSeconds > 0 {
		length = time.Duration(step.LeaseSeconds) * time.Second
	}
	for _, name := range w.order {
		token := uuid.NewString()
		change, err := w.opportunities[name].Pick(w.now, Holder{AgentID: step.Agent}, token, length)
		if err != nil {
			continue
		}
		if name != step.Expect.Opportunity {
			w.t.Fatalf("%s: picked %s, want %q", w.step, name, step.Expect.Opportunity)
		}
		w.apply(name, change)
		w.tokens[step.SaveLease], w.leaseOf[step.SaveLease] = token, name
		return
	}
	if step.Expect.Status != 204 {
		w.t.Fatalf("%s: nothing to pick, want %s", w.step, step.Expect.Opportunity)
	}
}

func (w *world) heartbeat(step lifecycleStep) {
	w.t.Helper()
	for _, lease := range step.Leases {
		name := w.leaseOf[lease]
		change, got := w.opportunities[name].Heartbeat(w.now, w.tokens[lease], uuid.New)
		w.apply(name, change)
		if want := step.Expect.LeaseStatus[lease]; string(got) != want {
			w.t.Errorf("%s: %s, want %s", w.step, got, want)
		}
	}
}

func (w *world) post(step lifecycleStep) {
	w.t.Helper()
	status, ok := NormalizeStatus(step.TestStatus)
	if !ok {
		w.t.Fatalf("%s: NormalizeStatus(%q) refuses it", w.step, step.TestStatus)
	}
	p := Post{
		AgentID: step.Agent, ResultID: uuid.New(), TestStatus: status,
		Digest: sha256.Sum256([]byte(status + string(step.ResultPayload))),
	}
	if step.Lease != nil {
		p.Token = w.tokens[*step.Lease]
	}
	change, err := w.opportunities[step.Opportunity].PostResult(w.now, p)
	answer := 201
	if err == nil && len(change.Events) == 0 {
		answer = 200
	}
	if !w.expected(step, answer, err) || err != nil {
		return
	}
	w.apply(step.Opportunity, change)
	if step.SaveResult != "" {
		w.results[step.SaveResult] = change.Opportunity.Result.ID
	}
	if as := step.Expect.SameResultAs; as != "" && change.Opportunity.Result.ID != w.results[as] {
		w.t.Errorf("%s: another result than %s", w.step, as)
	}
}

// end plays release and cancel, which answer with the opportunity.
func (w *world) end(step lifecycleStep) {
	w.t.Helper()
	o := w.opportunities[step.Opportunity]
	var change Change
	var err error
	if step.Op == "release" {
		change, err = o.Release(w.now, w.tokens[*step.Lease], "", uuid.New)
	} else {
		change, err = o.Cancel(w.now, "by its owner", 5*time.Minute)
	}
	if !w.expected(step, 200, err) || err != nil {
		return
	}
	w.apply(step.Opportunity, change)
	if o.State != step.Expect.State {
		w.t.Errorf("%s: %s, want %s", w.step, o.State, step.Expect.State)
	}
}

// expected compares an answer, which is 409 when there is an error.
func (w *world) expected(step lifecycleStep, answer int, err error) bool {
	w.t.Helper()
	var code Code
	var refusal *Refusal
	if errors.As(err, &refusal) {
		answer, code = 409, refusal.Code
	}
	if answer != step.Expect.Status || code != step.Expect.ErrorID {
		w.t.Errorf("%s: %d %q (%v), want %d %q", w.step, answer, code, err, step.Expect.Status, step.Expect.ErrorID)
		return false
	}
	return true
}
