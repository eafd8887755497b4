// Package lifecycle is the state machine of a test opportunity: queued, picked by
// an agent under a lease, finished by a result, or ended by a cancel, by waiting too
// long or by too many lost leases. It is section 9 of the project's SPI contract.
//
//	QUEUED --pick--> PICKED --result--> COMPLETED
//	  |  ^             |  |
//	  |  +--release, --+  +--cancel--> CANCELLING --> CANCELLED or COMPLETED
//	  |     lease over |
//	  |                +--no attempts left--> ABANDONED
//	  +--cancel--> CANCELLED, queue_ttl over --> EXPIRED, late result --> COMPLETED
//
// An Opportunity is a plain value. Every method returns a Change: the value after,
// the events to write and the result to store, all of which belong into the one
// transaction that replaces the value before. Time, tokens and ids are given by the
// caller, so the package answers the same for the same arguments.
//
// Decisions that the contract leaves open and that live here:
//
//   - The server ends a lease, not the clock alone. A result that arrives after
//     expires_at but before the server has noticed is taken as in time; a heartbeat
//     that late is told "lost", and ends the lease on the spot.
//   - A lease that ran out may still post while the opportunity waits. A lease that
//     its agent gave back may not: giving back means "let another run it".
//   - Events never go back in time. When replicas disagree about the clock, an event
//     takes the time of the one before it.
//   - What an agent released, lost or ended with ERROR goes to another one that fits
//     while one is online (Change.Avoid). After an attempt that ended before its
//     time the next one waits: the agent itself from its first failure on, everybody
//     from the second, twice as long each time. A lease that ran out has been pause
//     enough, and an agent that lost its first lease by a restart goes on at once.
//   - What an operator takes back has not used up an attempt.
//   - A requeue keeps QueuedAt, its place in the queue; the queueing limit counts
//     from the last queueing.
package lifecycle
