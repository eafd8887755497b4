package lifecycle

import (
	"time"

	"github.com/google/uuid"
)

// EventType names a step in the life of an opportunity, as on the wire.
type EventType string

// The events. The first four are SPI's own and tell the normal path; the others
// appear only off it.
const (
	QueuedForAgents EventType = "QUEUED_FOR_AGENTS"
	PickedByAgent   EventType = "PICKED_BY_AGENT"
	ResultPosted    EventType = "RESULT_POSTED"
	ResultStored    EventType = "RESULT_STORED"

	LeaseExpired    EventType = "LEASE_EXPIRED"
	ReleasedByAgent EventType = "RELEASED_BY_AGENT"
	CancelRequested EventType = "CANCEL_REQUESTED"
	CancelledEvent  EventType = "CANCELLED"
	ExpiredEvent    EventType = "EXPIRED"
	AbandonedEvent  EventType = "ABANDONED"
	TakenBack       EventType = "TAKEN_BACK"
)

// syntheticStatus is the test_status of results that the server makes.
const syntheticStatus = "ERROR"

// An Event is one step with its time. Fields that an event type does not have are
// zero.
type Event struct {
	Type   EventType
	Time   time.Time
	Holder *Holder // of the events that an agent caused or lost

	ResultID   uuid.UUID // of RESULT_POSTED and RESULT_STORED
	TestStatus string

	Attempt int    // of a requeue, the number of attempts so far
	Reason  string // why, where it is not plain from the type
}

// A Change is what one step does. One without events changed nothing, or only the
// expires_at of a lease.
type Change struct {
	Opportunity Opportunity
	Events      []Event
	Result      *Result // to be stored with this change; nil if none
	Avoid       *Avoid  // what the agent's failure means for it; nil if none
}

// Avoid says that an agent released, lost or failed the opportunity: another one
// comes first while one is online that fits, and before NotBefore the agent does not
// get it at all. It counts for the opportunities that repeat this one, too.
type Avoid struct {
	AgentID   string
	NotBefore time.Time
}

// step is a Change being put together, all of it at one time.
type step struct {
	Change
	at   time.Time
	wait time.Duration // before the next attempt
}

// begin copies the opportunity, so that the value of the caller stays as it was.
func (o Opportunity) begin(now time.Time) *step {
	at := now.UTC().Truncate(time.Microsecond)
	if at.Before(o.UpdatedAt) {
		at = o.UpdatedAt
	}
	o.Leases = append([]Lease(nil), o.Leases...)
	return &step{Change: Change{Opportunity: o}, at: at}
}

func (s *step) tell(e Event) {
	e.Time = s.at
	s.Events = append(s.Events, e)
	s.Opportunity.UpdatedAt = s.at
}

// queue puts the opportunity into the queue, for the first time or again.
func (s *step) queue(reason string) {
	s.Opportunity.State = Queued
	s.Opportunity.LastQueuedAt = s.at
	s.Opportunity.NotBefore = time.Time{}
	if s.wait > 0 { // else a replica whose clock is behind would wait, too
		s.Opportunity.NotBefore = s.at.Add(s.wait)
	}
	s.tell(Event{Type: QueuedForAgents, Attempt: s.Opportunity.Attempt, Reason: reason})
}

// requeue puts it back after an attempt that told nothing, or gives up.
func (s *step) requeue(reason string, newID func() uuid.UUID) {
	if s.Opportunity.Attempt < s.Opportunity.MaxAttempts {
		s.queue(reason)
		return
	}
	s.Opportunity.State = Abandoned
	s.tell(Event{Type: AbandonedEvent, Reason: "no attempts left"})
	s.storeSynthetic(newID())
}

// endLease closes the held lease and returns its holder. The state is the
// caller's to change.
func (s *step) endLease(how LeaseEnd) *Holder {
	lease := &s.Opportunity.Leases[len(s.Opportunity.Leases)-1]
	lease.End = how
	holder := lease.Holder
	if how != Closed {
		s.Avoid = &Avoid{holder.AgentID, s.at}
	}
	return &holder
}

// hurried makes the next attempt wait, since this one ended before its time: a
// machine that gives back at once whatever it gets would burn all attempts in a
// moment. For others the first such failure does not count, because it is the
// machine's more often than the opportunity's; own is how many count for itself.
func (s *step) hurried(own int) {
	s.wait = s.Opportunity.pause(s.Opportunity.Attempt - 1)
	s.Avoid.NotBefore = s.at.Add(s.Opportunity.pause(own))
}

// storeSynthetic gives an opportunity that ended in silence the result that old
// clients wait for: they know only RESULT_STORED.
func (s *step) storeSynthetic(id uuid.UUID) {
	s.store(&Result{ID: id, TestStatus: syntheticStatus, Attempt: s.Opportunity.Attempt, StoredAt: s.at, Synthetic: true})
}

func (s *step) store(r *Result) {
	s.Result, s.Opportunity.Result = r, r
	s.tell(Event{Type: ResultStored, ResultID: r.ID, TestStatus: r.TestStatus})
}
