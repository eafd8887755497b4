package demo

import (
	"sync"
	"time"
)

// Clock is the clock of a store that is being filled. Before Set it is the
// computer's.
type Clock struct {
	mu   sync.Mutex
	at   time.Time     // zero: the computer's time
	tick time.Duration // what one reading adds
}

// reading is what each reading adds, so that what happens later is later.
const reading = time.Microsecond

// Now is the time in the story.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return time.Now()
	}
	c.at = c.at.Add(max(c.tick, reading))
	return c.at
}

// Set moves the clock on; it never goes back.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.After(c.at) {
		c.at = at
	}
}

// Tick makes each reading add d, for work that reads the clock itself.
func (c *Clock) Tick(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tick = d
}

// End gives the computer's time again.
func (c *Clock) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.tick = time.Time{}, 0
}
