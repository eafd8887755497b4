package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// allowed is the table of section 9 of the contract: from state, to state, and the
// events that tell it. A change that is not in it is wrong, however it came about.
var allowed = map[string]bool{
	"-> QUEUED: QUEUED_FOR_AGENTS":                                   true,
	"QUEUED -> PICKED: PICKED_BY_AGENT":                              true,
	"QUEUED -> COMPLETED: RESULT_POSTED RESULT_STORED":               true,
	"QUEUED -> CANCELLED: CANCEL_REQUESTED CANCELLED":                true,
	"QUEUED -> EXPIRED: EXPIRED RESULT_STORED":                       true,
	"PICKED -> COMPLETED: RESULT_POSTED RESULT_STORED":               true,
	"PICKED -> QUEUED: RELEASED_BY_AGENT QUEUED_FOR_AGENTS":          true,
	"PICKED -> QUEUED: LEASE_EXPIRED QUEUED_FOR_AGENTS":              true,
	"PICKED -> ABANDONED: LEASE_EXPIRED ABANDONED RESULT_STORED":     true,
	"PICKED -> ABANDONED: RELEASED_BY_AGENT ABANDONED RESULT_STORED": true,
	"PICKED -> CANCELLING: CANCEL_REQUESTED":                         true,
	"PICKED -> QUEUED: TAKEN_BACK QUEUED_FOR_AGENTS":                 true,
	"CANCELLING -> CANCELLED: TAKEN_BACK CANCELLED":                  true,
	"CANCELLING -> COMPLETED: RESULT_POSTED RESULT_STORED":           true,
	"CANCELLING -> CANCELLED: CANCELLED":                             true,
	"CANCELLING -> CANCELLED: LEASE_EXPIRED CANCELLED":               true,
}

// model is one opportunity, everything that happened to it, and a clock that may
// also jump back a little, as clocks of replicas do.
type model struct {
	now    time.Time
	o      Opportunity
	events []Event
	stored int
	tokens []string // of every lease so far
	taken  int      // how often an operator took it back
	most   int      // attempts that its test spec gives it
}

func (m *model) take(t *rapid.T, c Change) {
	before := m.o
	if len(c.Events) == 0 {
		if c.Opportunity.State != before.State || c.Opportunity.Attempt != before.Attempt || c.Result != nil {
			t.Fatalf("%s changed to %s without an event", before.State, c.Opportunity.State)
		}
	} else {
		var types []string
		for _, e := range c.Events {
			types = append(types, string(e.Type))
		}
		row := strings.TrimSpace(fmt.Sprintf("%s -> %s: %s", before.State, c.Opportunity.State, strings.Join(types, " ")))
		if !allowed[row] {
			t.Fatalf("not in the table of the contract: %s", row)
		}
	}
	if c.Result != nil {
		m.stored++
	}
	for i, l := range c.Opportunity.Leases {
		if i < len(before.Leases) && before.Leases[i].End == Held && (l.End == Lapsed || l.End == Released) &&
			(c.Avoid == nil || c.Avoid.AgentID != l.Holder.AgentID) {
			t.Fatalf("the lease of %s ended as %s, and it is not avoided: %+v", l.Holder.AgentID, l.End, c.Avoid)
		}
	}
	m.o = c.Opportunity
	m.events = append(m.events, c.Events...)
}

func (m *model) someToken(t *rapid.T) string {
	if lease := m.o.Lease(); lease != nil && rapid.IntRange(0, 3).Draw(t, "right token") > 0 {
		return lease.Token
	}
	return rapid.SampledFrom(append([]string{"none", ""}, m.tokens...)).Draw(t, "token")
}

// actions are what anybody may ask at any time. Refused requests must change
// nothing, which rapid's check after every action sees.
func (m *model) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"time passes": func(t *rapid.T) {
			m.now = m.now.Add(time.Duration(rapid.IntRange(-2, 40).Draw(t, "seconds")) * time.Second)
		},
		"pick": func(t *rapid.T) {
			agent := rapid.SampledFrom([]string{"a1", "a2"}).Draw(t, "agent")
			length := time.Duration(rapid.IntRange(1, 30).Draw(t, "lease")) * time.Second
			token := fmt.Sprint("t", len(m.tokens))
			if c, err := m.o.Pick(m.now, Holder{AgentID: agent}, token, length); err == nil {
				if m.now.Before(m.o.NotBefore) {
					t.Fatalf("picked at %v, although it pauses until %v", m.now, m.o.NotBefore)
				}
				m.tokens = append(m.tokens, token)
				m.take(t, c)
			}
		},
		"heartbeat": func(t *rapid.T) {
			token := m.someToken(t)
			c, status := m.o.Heartbeat(m.now, token, uuid.New)
			m.take(t, c)
			holds := m.o.Lease() != nil && m.o.Lease().Token == token
			if (status != LeaseIsLost) != holds || holds && !m.o.Lease().ExpiresAt.After(m.now) {
				t.Fatalf("heartbeat of %q answered %s, held lease %+v", token, status, m.o.Lease())
			}
		},
		"release": func(t *rapid.T) {
			if c, err := m.o.Release(m.now, m.someToken(t), "", uuid.New); err == nil {
				m.take(t, c)
			}
		},
		"post": func(t *rapid.T) {
			p := Post{Token: m.someToken(t), AgentID: rapid.SampledFrom([]string{"a1", "a2", "a3"}).Draw(t, "agent"), ResultID: uuid.New(), TestStatus: "PASSED"}
			p.Digest[0] = byte(rapid.IntRange(0, 1).Draw(t, "content"))
			if c, err := m.o.PostResult(m.now, p); err == nil {
				m.take(t, c)
			}
		},
		"cancel": func(t *rapid.T) {
			if c, err := m.o.Cancel(m.now, "", 20*time.Second); err == nil {
				m.take(t, c)
			}
		},
		"taken back": func(t *rapid.T) {
			if c, err := m.o.TakeBack(m.now, ""); err == nil {
				if c.Opportunity.State == Queued {
					m.taken++
				}
				m.take(t, c)
			} else if m.o.Lease() != nil {
				t.Fatalf("what %s holds cannot be taken back: %v", m.o.Lease().Holder.AgentID, err)
			}
		},
		"agent restarts": func(t *rapid.T) { m.take(t, m.o.Lose(m.now, "", uuid.New)) },
		"sweep": func(t *rapid.T) {
			m.take(t, m.o.Sweep(m.now, uuid.New))
			if m.o.overdue(m.now) {
				t.Fatalf("%s is still due after a sweep", m.o.State)
			}
		},
		"": m.check,
	}
}

// check holds after every action.
func (m *model) check(t *rapid.T) {
	held := 0
	for _, l := range m.o.Leases {
		if l.End == Held {
			held++
		}
	}
	running := m.o.State == Picked || m.o.State == Cancelling
	if running != (held == 1) || running != (m.o.Lease() != nil) {
		t.Fatalf("%s with %d held leases", m.o.State, held)
	}
	if m.o.Attempt > m.o.MaxAttempts || m.o.Attempt != len(m.o.Leases) {
		t.Fatalf("attempt %d of %d with %d leases", m.o.Attempt, m.o.MaxAttempts, len(m.o.Leases))
	}
	if m.o.MaxAttempts != m.most+m.taken {
		t.Fatalf("%d attempts at most, of which %d are given and %d were taken back", m.o.MaxAttempts, m.most, m.taken)
	}
	if m.o.State == Queued && m.o.NotBefore.After(m.o.Deadline()) {
		t.Fatalf("pauses until %v, and expires at %v", m.o.NotBefore, m.o.Deadline())
	}
	withResult := m.o.State == Completed || m.o.State == Expired || m.o.State == Abandoned
	if m.stored > 1 || (m.stored == 1) != withResult || (m.o.Result != nil) != withResult {
		t.Fatalf("%s with %d results stored", m.o.State, m.stored)
	}
	if m.o.State.Final() != m.o.Deadline().IsZero() {
		t.Fatalf("%s has the deadline %v", m.o.State, m.o.Deadline())
	}
	m.checkEvents(t)
}

func (m *model) checkEvents(t *rapid.T) {
	for i := 1; i < len(m.events); i++ {
		if m.events[i].Time.Before(m.events[i-1].Time) {
			t.Fatalf("event %d, %s, is before the one before it", i, m.events[i].Type)
		}
	}
	if first := m.events[0]; !first.Time.Equal(m.o.QueuedAt) || first.Attempt != 0 {
		t.Fatalf("first event %+v, queued at %v", first, m.o.QueuedAt)
	}
	if last := m.events[len(m.events)-1]; !last.Time.Equal(m.o.UpdatedAt) {
		t.Fatalf("last event at %v, updated at %v", last.Time, m.o.UpdatedAt)
	}
}

func TestOpportunity_invariants(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		m := &model{now: time.Date(2016, 1, 4, 12, 0, 0, 123456789, time.UTC)}
		maxAttempts := rapid.IntRange(1, 3).Draw(t, "max attempts")
		ttl := time.Duration(rapid.IntRange(2, 120).Draw(t, "queue ttl")) * time.Second
		m.most = maxAttempts
		m.take(t, New(m.now, maxAttempts, ttl))
		m.o.Pause = time.Duration(rapid.IntRange(0, 30).Draw(t, "pause")) * time.Second
		t.Repeat(m.actions())
	})
}
