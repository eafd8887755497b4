package lifecycle

import (
	"crypto/subtle"
	"time"

	"github.com/google/uuid"
)

// New makes an opportunity that waits for an agent. Advertising and retrying both
// begin here; a retry is a new opportunity.
func New(now time.Time, maxAttempts int, queueTTL time.Duration) Change {
	s := Opportunity{MaxAttempts: maxAttempts, QueueTTL: queueTTL}.begin(now)
	s.Opportunity.QueuedAt = s.at
	s.queue("")
	return s.Change
}

// Pick hands the opportunity to an agent. It is refused (NotQueued) when it does
// not wait, or has waited longer than it may, which a sweep will find, or must
// pause first.
func (o Opportunity) Pick(now time.Time, by Holder, token string, length time.Duration) (Change, error) {
	if o.State != Queued || o.overdue(now) || o.Attempt >= o.MaxAttempts || now.Before(o.NotBefore) {
		return Change{}, &Refusal{NotQueued, "the test opportunity is not waiting for an agent"}
	}
	s := o.begin(now)
	s.Opportunity.State = Picked
	s.Opportunity.Attempt++
	s.Opportunity.Leases = append(s.Opportunity.Leases, Lease{
		Token: token, Holder: by, Attempt: s.Opportunity.Attempt, Length: length, ExpiresAt: s.at.Add(length),
	})
	s.tell(Event{Type: PickedByAgent, Holder: &by})
	return s.Change, nil
}

// HeartbeatStatus is the answer to one lease of a heartbeat, as on the wire.
type HeartbeatStatus string

// The answers to a heartbeat.
const (
	LeaseOK            HeartbeatStatus = "ok"
	LeaseIsLost        HeartbeatStatus = "lost"
	LeaseCancelPending HeartbeatStatus = "cancel-requested"
)

// Heartbeat extends the lease by its own length, counted from now. While a cancel
// is pending it does so too, so that the agent has its whole grace, and says so. A
// lease that is not held, or over, is lost; one that was over is ended here.
func (o Opportunity) Heartbeat(now time.Time, token string, newID func() uuid.UUID) (Change, HeartbeatStatus) {
	lease := o.Lease()
	if lease == nil || !sameToken(lease.Token, token) {
		return Change{Opportunity: o}, LeaseIsLost
	}
	if o.overdue(now) {
		return o.Sweep(now, newID), LeaseIsLost
	}
	s := o.begin(now)
	lease = s.Opportunity.Lease()
	if until := s.at.Add(lease.Length); until.After(lease.ExpiresAt) {
		lease.ExpiresAt = until
	}
	if o.State == Cancelling {
		return s.Change, LeaseCancelPending
	}
	return s.Change, LeaseOK
}

// Release gives the opportunity back: to the queue, to its end when no attempts are
// left, or to the end that a pending cancel asked for.
func (o Opportunity) Release(now time.Time, token, reason string, newID func() uuid.UUID) (Change, error) {
	switch {
	case o.State.Final():
		return Change{}, o.alreadyFinal()
	case o.Attempt == 0:
		return Change{}, &Refusal{NotPicked, "no agent has picked the test opportunity"}
	}
	lease := o.Lease()
	if lease == nil || !sameToken(lease.Token, token) {
		return Change{}, leaseLost("it is not the one that holds the test opportunity")
	}
	s := o.begin(now)
	holder := s.endLease(Released)
	if o.State == Cancelling {
		s.cancelled("given back by the agent")
		return s.Change, nil
	}
	s.hurried(o.Attempt)
	s.tell(Event{Type: ReleasedByAgent, Holder: holder, Reason: reason})
	s.requeue("released by the agent", newID)
	return s.Change, nil
}

// Cancel ends an opportunity that waits, and asks the agent of one that runs to
// stop within grace. Asking again while that is pending changes nothing.
func (o Opportunity) Cancel(now time.Time, reason string, grace time.Duration) (Change, error) {
	switch {
	case o.State.Final():
		return Change{}, o.alreadyFinal()
	case o.State == Cancelling:
		return Change{Opportunity: o}, nil
	}
	s := o.begin(now)
	s.tell(Event{Type: CancelRequested, Reason: reason})
	if o.State == Queued {
		s.cancelled(reason)
		return s.Change, nil
	}
	s.Opportunity.State = Cancelling
	s.Opportunity.CancelBy = s.at.Add(grace)
	return s.Change, nil
}

// Lose ends the held lease before its time, because its agent came back without
// it; see Dropped. Without a held lease nothing changes.
func (o Opportunity) Lose(now time.Time, reason string, newID func() uuid.UUID) Change {
	if o.Lease() == nil {
		return Change{Opportunity: o}
	}
	s := o.begin(now)
	s.wait = o.pause(o.Attempt - 1)
	s.loseLease(reason, newID)
	return s.Change
}

// TakeBack ends the held lease because an operator says so: back to the queue, or to
// the end that a pending cancel asked for. The attempt does not count, so there is
// always another one. A result of the agent is still taken while nobody else has
// picked the opportunity.
func (o Opportunity) TakeBack(now time.Time, reason string) (Change, error) {
	switch {
	case o.State.Final():
		return Change{}, o.alreadyFinal()
	case o.Lease() == nil:
		return Change{}, &Refusal{NotPicked, "no agent holds the test opportunity"}
	}
	s := o.begin(now)
	s.tell(Event{Type: TakenBack, Holder: s.endLease(Lapsed), Reason: reason})
	if o.State == Cancelling {
		s.cancelled("taken back from the agent")
		return s.Change, nil
	}
	s.Opportunity.MaxAttempts++
	s.queue("taken back")
	return s.Change, nil
}

// Sweep does what is due at now: ends a lease that is over, a wait that is too long,
// a cancel whose grace is over. When nothing is due nothing changes. After it the
// opportunity is not due at the same now, unless a limit of zero says so.
func (o Opportunity) Sweep(now time.Time, newID func() uuid.UUID) Change {
	if !o.overdue(now) {
		return Change{Opportunity: o}
	}
	s := o.begin(now)
	switch {
	case o.State == Queued:
		s.Opportunity.State = Expired
		s.tell(Event{Type: ExpiredEvent, Reason: "no agent picked it in time"})
		s.storeSynthetic(newID())
	case o.State == Cancelling && o.CancelBy.Before(o.Lease().ExpiresAt):
		s.endLease(Closed)
		s.cancelled("the agent did not stop in time")
	default:
		s.loseLease("no heartbeat and no result in time", newID)
	}
	return s.Change
}

// Retryable returns a Refusal (NotFinal) while there is nothing to repeat.
func (o Opportunity) Retryable() error {
	if !o.State.Final() {
		return &Refusal{NotFinal, "the test opportunity is not final yet: " + string(o.State)}
	}
	return nil
}

func (s *step) cancelled(reason string) {
	s.Opportunity.State = Cancelled
	s.tell(Event{Type: CancelledEvent, Reason: reason})
}

func (s *step) loseLease(reason string, newID func() uuid.UUID) {
	cancelling := s.Opportunity.State == Cancelling
	s.tell(Event{Type: LeaseExpired, Holder: s.endLease(Lapsed), Reason: reason})
	if cancelling {
		s.cancelled("the agent is gone")
		return
	}
	s.requeue("lease lost", newID)
}

func sameToken(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
