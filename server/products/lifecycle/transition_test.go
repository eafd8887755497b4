package lifecycle

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

var start = time.Date(2016, 1, 4, 16, 58, 28, 805000000, time.UTC)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// picked returns an opportunity that a1 holds under the token "t1" for 60 s.
func picked(t *testing.T, maxAttempts int) Opportunity {
	t.Helper()
	c, err := New(start, maxAttempts, time.Hour).Opportunity.Pick(at(1), Holder{AgentID: "a1"}, "t1", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return c.Opportunity
}

func wantRefusal(t *testing.T, err error, want Code) {
	t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Code != want || refusal.Message == "" {
		t.Errorf("error %v, want a *Refusal %s with a message", err, want)
	}
}

func TestPick_refusesWhatHasWaitedTooLong(t *testing.T) {
	t.Parallel()

	o := New(start, 3, 2*time.Second).Opportunity
	_, err := o.Pick(at(2), Holder{AgentID: "a1"}, "t1", time.Minute)
	wantRefusal(t, err, NotQueued)
}

func TestHeartbeat_countsFromNow(t *testing.T) {
	t.Parallel()

	c, status := picked(t, 3).Heartbeat(at(31), "t1", uuid.New)
	if got := c.Opportunity.Lease().ExpiresAt; status != LeaseOK || !got.Equal(at(91)) {
		t.Errorf("heartbeat: %s until %v, want ok until %v", status, got, at(91))
	}
	if len(c.Events) != 0 {
		t.Errorf("heartbeat wrote events %v, want none", c.Events)
	}
}

func TestHeartbeat_tooLateEndsTheLease(t *testing.T) {
	t.Parallel()

	c, status := picked(t, 3).Heartbeat(at(61), "t1", uuid.New)
	if status != LeaseIsLost || c.Opportunity.State != Queued {
		t.Errorf("heartbeat at the end of the lease: %s and %s, want lost and QUEUED", status, c.Opportunity.State)
	}
}

func TestPostResult_beforeTheServerNoticedTheEnd(t *testing.T) {
	t.Parallel()

	c, err := picked(t, 1).PostResult(at(3600), Post{Token: "t1", ResultID: uuid.New(), TestStatus: "PASSED"})
	if err != nil || c.Opportunity.State != Completed {
		t.Errorf("result after expires_at: %s, %v, want COMPLETED: nobody else was given it", c.Opportunity.State, err)
	}
}

func TestPostResult_refuses(t *testing.T) {
	t.Parallel()

	held := picked(t, 3)
	post := Post{Token: "t1", ResultID: uuid.New(), TestStatus: "PASSED"}
	released, err := held.Release(at(2), "t1", "", uuid.New)
	if err != nil {
		t.Fatal(err)
	}
	done, err := held.PostResult(at(2), post)
	if err != nil {
		t.Fatal(err)
	}
	cancelled, err := New(start, 3, time.Hour).Opportunity.Cancel(at(1), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	abandoned := picked(t, 1).Sweep(at(61), uuid.New)
	lapsed := held.Sweep(at(61), uuid.New).Opportunity
	again, err := lapsed.Pick(at(62), Holder{AgentID: "a1"}, "t2", time.Minute)
	if err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name string
		o    Opportunity
		post Post
		want Code
	}{
		{"nobody has picked it", New(start, 3, time.Hour).Opportunity, post, NotPicked},
		{"an unknown token", held, Post{Token: "t9"}, LeaseLost},
		{"an unknown token while it waits again", lapsed, Post{Token: "t9"}, LeaseLost},
		{"the agent has given it back", released.Opportunity, post, LeaseLost},
		{"the same agent holds it under a newer lease", again.Opportunity, post, LeaseLost},
		{"it is cancelled", cancelled.Opportunity, post, AlreadyFinal},
		{"it is abandoned", abandoned.Opportunity, post, AlreadyFinal},
		{"somebody else has finished it", done.Opportunity, Post{Token: "t9"}, AlreadyFinal},
		{"another agent id has finished it", done.Opportunity, Post{AgentID: "a2"}, AlreadyFinal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			_, err := tt.o.PostResult(at(70), tt.post)
			wantRefusal(t, err, tt.want)
		})
	}
}

func TestPostResult_lateOneKeepsItsAttempt(t *testing.T) {
	t.Parallel()

	o := picked(t, 3).Sweep(at(61), uuid.New).Opportunity
	c, err := o.Pick(at(62), Holder{AgentID: "a2"}, "t2", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	o = c.Opportunity.Sweep(at(122), uuid.New).Opportunity
	late, err := o.PostResult(at(123), Post{Token: "t1", ResultID: uuid.New(), TestStatus: "PASSED"})
	if err != nil {
		t.Fatal(err)
	}
	if got := late.Result; got.Attempt != 1 || got.Holder.AgentID != "a1" {
		t.Errorf("result of attempt %d by %s, want 1 by a1", got.Attempt, got.Holder.AgentID)
	}
}

func TestSweep_whileCancelling(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name  string
		grace time.Duration
		at    int
		want  []EventType
	}{
		{"nothing is due", time.Hour, 60, nil},
		{"the lease is over first", time.Hour, 61, []EventType{LeaseExpired, CancelledEvent}},
		{"the grace is over first", 10 * time.Second, 12, []EventType{CancelledEvent}},
		{"both are over, the grace was first", 10 * time.Second, 3600, []EventType{CancelledEvent}},
		{"both are over, the lease was first", time.Hour, 7200, []EventType{LeaseExpired, CancelledEvent}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			c, err := picked(t, 3).Cancel(at(2), "", tt.grace)
			if err != nil {
				t.Fatal(err)
			}
			var got []EventType
			for _, e := range c.Opportunity.Sweep(at(tt.at), uuid.New).Events {
				got = append(got, e.Type)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("Sweep: %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSweep_expires(t *testing.T) {
	t.Parallel()

	o := New(start, 3, 2*time.Second).Opportunity
	if c := o.Sweep(start.Add(2*time.Second-time.Microsecond), uuid.New); len(c.Events) != 0 {
		t.Errorf("Sweep a microsecond early: %v, want nothing", c.Events)
	}
	c := o.Sweep(at(2), uuid.New)
	if c.Opportunity.State != Expired || c.Result == nil || !c.Result.Synthetic || c.Result.TestStatus != "ERROR" {
		t.Errorf("Sweep: %s with %+v, want EXPIRED with a synthetic ERROR", c.Opportunity.State, c.Result)
	}
}

func TestRequeue_keepsThePlaceAndRestartsTheLimit(t *testing.T) {
	t.Parallel()

	c := picked(t, 3).Sweep(at(61), uuid.New)
	o := c.Opportunity
	if !o.QueuedAt.Equal(start) || !o.LastQueuedAt.Equal(at(61)) || !o.Deadline().Equal(at(61).Add(time.Hour)) {
		t.Errorf("queued at %v, last %v, due %v; want %v, %v, an hour later", o.QueuedAt, o.LastQueuedAt, o.Deadline(), start, at(61))
	}
	if e := c.Events[1]; e.Type != QueuedForAgents || e.Attempt != 1 || e.Reason == "" {
		t.Errorf("requeue event %+v, want one with attempt 1 and a reason", e)
	}
}

func TestRelease_withoutAttemptsLeftAbandons(t *testing.T) {
	t.Parallel()

	c, err := picked(t, 1).Release(at(2), "t1", "no cable", uuid.New)
	if err != nil || c.Opportunity.State != Abandoned || c.Events[0].Reason != "no cable" {
		t.Errorf("Release: %s, %v, %v; want ABANDONED with the agent's reason", c.Opportunity.State, c.Events, err)
	}
}

func TestCancel_twice(t *testing.T) {
	t.Parallel()

	c, err := picked(t, 3).Cancel(at(2), "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Opportunity.Cancel(at(3), "", time.Minute)
	if err != nil || len(again.Events) != 0 || !reflect.DeepEqual(again.Opportunity, c.Opportunity) {
		t.Errorf("second cancel: %v, %v, want no change", again.Events, err)
	}
}

func TestRetryable(t *testing.T) {
	t.Parallel()

	wantRefusal(t, picked(t, 3).Retryable(), NotFinal)
	c, err := New(start, 3, time.Hour).Opportunity.Cancel(at(1), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Opportunity.Retryable(); err != nil {
		t.Errorf("Retryable when cancelled: %v, want nil", err)
	}
}

// TestChange_leavesTheValueBefore guards the transaction that is rolled back and
// run again with the value it read.
func TestChange_leavesTheValueBefore(t *testing.T) {
	t.Parallel()

	o := picked(t, 3)
	before := o
	before.Leases = slices.Clone(o.Leases)
	o.Heartbeat(at(30), "t1", uuid.New)
	o.Sweep(at(3600), uuid.New)
	if _, err := o.Release(at(2), "t1", "", uuid.New); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(o, before) {
		t.Errorf("a change wrote into the value it was made from:\n got %+v\nwant %+v", o, before)
	}
}

func TestDropped(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name            string
		capacity        int
		leased, holding []string
		want            []string
	}{
		{"a restarted agent has lost all", 1, []string{"o1"}, nil, []string{"o1"}},
		{"an agent that says what it holds keeps it", 1, []string{"o1"}, []string{"o1"}, nil},
		{"one of two is lost", 2, []string{"o1", "o2"}, []string{"o2"}, []string{"o1"}},
		{"below capacity nothing is lost", 3, []string{"o1", "o2"}, nil, nil},
		{"what it claims to hold without a lease does not matter", 1, nil, []string{"o9"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if got := Dropped(tt.capacity, tt.leased, tt.holding); !slices.Equal(got, tt.want) {
				t.Errorf("Dropped(%d, %v, %v) = %v, want %v", tt.capacity, tt.leased, tt.holding, got, tt.want)
			}
		})
	}
}

func TestNormalizeStatus(t *testing.T) {
	t.Parallel()

	tests := []struct {
		text, want string
		class      Class
	}{
		{"PASSED", "PASSED", ClassPassed},
		{"failed", "FAILED", ClassFailed},
		{"Error", "ERROR", ClassError},
		{"skipped", "SKIPPED", ClassSkipped},
		{"flaky_2", "FLAKY_2", ClassOther},
		{"abcdefghijklmnopqrstuvwxyz_01234", "ABCDEFGHIJKLMNOPQRSTUVWXYZ_01234", ClassOther},
		{"abcdefghijklmnopqrstuvwxyz_012345", "", ""},
		{"", "", ""},
		{"not run", "", ""},
		{"ÉCHEC", "", ""},
		{"PASSED\x00", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()

			got, ok := NormalizeStatus(tt.text)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("NormalizeStatus(%q) = %q, %t, want %q", tt.text, got, ok, tt.want)
			}
			if ok && ClassOf(got) != tt.class {
				t.Errorf("ClassOf(%q) = %s, want %s", got, ClassOf(got), tt.class)
			}
		})
	}
}

func FuzzNormalizeStatus(f *testing.F) {
	for _, seed := range []string{"PASSED", "passed", "", "ß", "a b", "_"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := NormalizeStatus(text)
		if !ok {
			return
		}
		if again, ok := NormalizeStatus(got); !ok || again != got {
			t.Errorf("NormalizeStatus(%q) = %q, and again %q, %t", text, got, again, ok)
		}
	})
}

// A machine that gives back at once what it gets: another one may have it at once
// the first time, itself only after a pause, and then everybody waits.
func TestRelease_pausesLongerEachTime(t *testing.T) {
	t.Parallel()

	o := New(start, 5, time.Hour).Opportunity
	o.Pause = 30 * time.Second
	now := start
	for i, want := range []struct{ all, own time.Duration }{{0, 30}, {30, 60}, {60, 120}, {120, 240}} {
		c, err := o.Pick(now, Holder{AgentID: "bad"}, "t", time.Minute)
		if err != nil {
			t.Fatalf("attempt %d: %v", i+1, err)
		}
		if c, err = c.Opportunity.Release(now, "t", "disk full", uuid.New); err != nil {
			t.Fatal(err)
		}
		o = c.Opportunity
		if own := c.Avoid.NotBefore.Sub(now); c.Avoid.AgentID != "bad" || own != want.own*time.Second {
			t.Errorf("attempt %d: avoids %s for %s, want bad for %ds", i+1, c.Avoid.AgentID, own, want.own)
		}
		if want.all == 0 != o.NotBefore.IsZero() || want.all > 0 && o.NotBefore.Sub(now) != want.all*time.Second {
			t.Errorf("attempt %d: waits until %v, want %ds after %v", i+1, o.NotBefore, want.all, now)
		}
		if want.all > 0 {
			_, err = o.Pick(o.NotBefore.Add(-time.Microsecond), Holder{AgentID: "good"}, "u", time.Minute)
			wantRefusal(t, err, NotQueued)
			now = o.NotBefore
		}
	}
}

func TestTakeBack_doesNotCount(t *testing.T) {
	t.Parallel()

	c, err := picked(t, 1).TakeBack(at(2), "no power")
	if err != nil || c.Opportunity.State != Queued || c.Opportunity.MaxAttempts != 2 {
		t.Fatalf("%s with %d attempts, %v, want QUEUED with another one", c.Opportunity.State, c.Opportunity.MaxAttempts, err)
	}
	late, err := c.Opportunity.PostResult(at(3), Post{Token: "t1", ResultID: uuid.New(), TestStatus: "PASSED"})
	if err != nil || late.Opportunity.State != Completed {
		t.Errorf("result of the agent that was alive after all: %v", err)
	}
	_, err = c.Opportunity.TakeBack(at(3), "")
	wantRefusal(t, err, NotPicked)
	_, err = late.Opportunity.TakeBack(at(4), "")
	wantRefusal(t, err, AlreadyFinal)
}
