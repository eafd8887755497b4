package lifecycle

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

// A Post is a result as an agent sends it. Token says which lease it belongs to;
// when it is empty, as old agents leave it, AgentID does.
type Post struct {
	Token      string
	AgentID    string
	ResultID   uuid.UUID // used when the result is new
	TestStatus string    // as NormalizeStatus returns it
	Digest     Digest
}

// PostResult ends the opportunity with a result. The same result posted again by
// the same lease changes nothing: the Change then has no events, and the result
// that counts is in its Opportunity. A *Refusal says why a result is not taken.
func (o Opportunity) PostResult(now time.Time, p Post) (Change, error) {
	if o.State == Completed && o.Result.postedBy(p) {
		if o.Result.Digest != p.Digest {
			return Change{}, &Refusal{AlreadyPosted, "another result was posted for this test opportunity under the same lease"}
		}
		return Change{Opportunity: o}, nil
	}
	switch {
	case o.State.Final():
		return Change{}, o.alreadyFinal()
	case o.Attempt == 0:
		return Change{}, &Refusal{NotPicked, "no agent has picked the test opportunity"}
	}
	i := o.leaseOf(p)
	if err := o.mayPost(i); err != nil {
		return Change{}, err
	}
	s := o.begin(now)
	s.Opportunity.Leases[i].End = Closed
	lease := s.Opportunity.Leases[i]
	s.Opportunity.State = Completed
	s.tell(Event{Type: ResultPosted, Holder: &lease.Holder, ResultID: p.ResultID, TestStatus: p.TestStatus})
	s.store(&Result{
		ID: p.ResultID, TestStatus: p.TestStatus, Attempt: lease.Attempt, StoredAt: s.at,
		Token: lease.Token, Holder: lease.Holder, Digest: p.Digest,
	})
	if ClassOf(p.TestStatus) == ClassError {
		s.Avoid = &Avoid{lease.Holder.AgentID, s.at}
	}
	return s.Change, nil
}

// leaseOf finds the lease under which a result comes, -1 if there is none. An agent
// that names no token means its latest.
func (o Opportunity) leaseOf(p Post) int {
	for i := len(o.Leases) - 1; i >= 0; i-- {
		lease := o.Leases[i]
		if p.Token != "" && sameToken(lease.Token, p.Token) || p.Token == "" && lease.Holder.AgentID == p.AgentID {
			return i
		}
	}
	return -1
}

// mayPost decides about a result under a lease of an opportunity that is not
// final. While the opportunity only waits, a lapsed lease is good enough: hardware
// time is dear and nobody else runs it.
func (o Opportunity) mayPost(i int) error {
	switch {
	case i < 0:
		return leaseLost("no such lease of the test opportunity is known")
	case o.Leases[i].End == Held:
		return nil
	case o.Leases[i].End == Released:
		return leaseLost("its agent has given the test opportunity back")
	case o.State != Queued:
		return leaseLost("another agent holds the test opportunity now")
	}
	return nil
}

func (r *Result) postedBy(p Post) bool {
	if p.Token == "" {
		return r.Holder.AgentID == p.AgentID
	}
	return sameToken(r.Token, p.Token)
}

// MaxStatusLength is the length of the longest test_status.
const MaxStatusLength = 32

// NormalizeStatus returns a test_status in the upper case in which it is stored, and
// whether it is one: 1 to 32 letters, digits or underscores. Words that nobody
// agreed on are fine; a result must not be lost over a word.
func NormalizeStatus(text string) (string, bool) {
	if text == "" || len(text) > MaxStatusLength {
		return "", false
	}
	for _, c := range []byte(text) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && c != '_' && (c < '0' || c > '9') {
			return "", false
		}
	}
	return strings.ToUpper(text), true
}

// Class is what a test_status counts as.
type Class string

// The classes. Every status that is not one of SPI's words counts as other.
const (
	ClassPassed  Class = "passed"
	ClassFailed  Class = "failed"
	ClassError   Class = "error"
	ClassSkipped Class = "skipped"
	ClassOther   Class = "other"
)

// ClassOf returns what a normalized status counts as.
func ClassOf(status string) Class {
	switch status {
	case "PASSED":
		return ClassPassed
	case "FAILED":
		return ClassFailed
	case "ERROR":
		return ClassError
	case "SKIPPED":
		return ClassSkipped
	}
	return ClassOther
}
