package lifecycle

import (
	"time"

	"github.com/google/uuid"
)

// State is where an opportunity stands. Its text is the word of the wire.
type State string

// The states. The last four are final: nothing leaves them.
const (
	Queued     State = "QUEUED"
	Picked     State = "PICKED"
	Cancelling State = "CANCELLING"
	Completed  State = "COMPLETED"
	Cancelled  State = "CANCELLED"
	Expired    State = "EXPIRED"
	Abandoned  State = "ABANDONED"
)

// Final reports whether nothing can happen any more.
func (s State) Final() bool {
	return s != Queued && s != Picked && s != Cancelling
}

// maxDoublings bounds how often the pause between attempts doubles.
const maxDoublings = 5

// Limits and defaults of leases, attempts and queueing. The default lease of four
// hours fits agents that never send heartbeats.
const (
	DefaultLease       = 4 * time.Hour
	MinLease           = time.Second
	MaxLease           = 7 * 24 * time.Hour
	DefaultMaxAttempts = 3
	DefaultQueueTTL    = 7 * 24 * time.Hour
)

// A Holder is an agent as it was when it acted: events keep telling its platform
// and group even when it is registered anew with others.
type Holder struct {
	AgentID    string
	Platform   *string
	AgentGroup *string
}

// LeaseEnd says how a lease ended.
type LeaseEnd string

// The ends of a lease. Only a lapsed one may still post a result.
const (
	Held     LeaseEnd = ""         // not ended
	Lapsed   LeaseEnd = "lapsed"   // ran out, or its agent came back without it
	Released LeaseEnd = "released" // given back by its agent
	Closed   LeaseEnd = "closed"   // the opportunity became final under it
)

// A Lease is one agent's right to run the opportunity, once.
type Lease struct {
	Token     string
	Holder    Holder
	Attempt   int           // which attempt it is, from 1
	Length    time.Duration // every heartbeat extends it by this
	ExpiresAt time.Time
	End       LeaseEnd
}

// A Result is what an opportunity ended with. Status and digest are all that the
// machine needs of it; the payload stays with the caller.
type Result struct {
	ID         uuid.UUID
	TestStatus string
	Attempt    int
	StoredAt   time.Time

	// Synthetic says that the server made it, because nobody reported anything. The
	// rest is then zero.
	Synthetic bool
	Token     string // of the lease that posted it
	Holder    Holder
	Digest    Digest
}

// Digest identifies the content of a posted result, so that the same post sent
// again is known from a different one. The caller computes it.
type Digest [32]byte

// An Opportunity is everything about one that decides what may happen to it. Times
// are UTC and whole microseconds.
type Opportunity struct {
	State       State
	Attempt     int // picks so far
	MaxAttempts int
	QueueTTL    time.Duration
	Pause       time.Duration // between attempts; see NotBefore

	QueuedAt     time.Time // first queueing: its place in the queue
	LastQueuedAt time.Time // QueueTTL counts from here
	NotBefore    time.Time // while QUEUED: nobody picks it earlier; zero for at once
	UpdatedAt    time.Time // time of the latest event

	Leases   []Lease   // all it ever had, oldest first
	CancelBy time.Time // while CANCELLING: when the agent's grace is over
	Result   *Result   // in COMPLETED, EXPIRED and ABANDONED
}

// Lease returns the lease that is held now, or nil.
func (o Opportunity) Lease() *Lease {
	if o.State != Picked && o.State != Cancelling {
		return nil
	}
	return &o.Leases[len(o.Leases)-1]
}

// Deadline returns when Sweep has something to do if nothing else happens before;
// the zero time when the opportunity is final.
func (o Opportunity) Deadline() time.Time {
	switch o.State {
	case Queued:
		return o.LastQueuedAt.Add(o.QueueTTL)
	case Picked:
		return o.Lease().ExpiresAt
	case Cancelling:
		if lease := o.Lease(); lease.ExpiresAt.Before(o.CancelBy) {
			return lease.ExpiresAt
		}
		return o.CancelBy
	}
	return time.Time{}
}

// pause returns how long the opportunity waits after a number of attempts that
// failed: Pause after the first, twice that after the second, and so on, but never
// so long that it would expire meanwhile.
func (o Opportunity) pause(failed int) time.Duration {
	if failed < 1 {
		return 0
	}
	return min(o.Pause<<min(failed-1, maxDoublings), o.QueueTTL/2)
}

// overdue reports whether the deadline has come.
func (o Opportunity) overdue(now time.Time) bool {
	return !o.State.Final() && !now.Before(o.Deadline())
}
