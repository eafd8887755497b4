// Package await is how tests wait: for a condition and never for a time. A
// machine that is busy makes such a test slow, and not red.
//
// What must not happen cannot be waited for at all. There, let something happen
// that would come later, await that, and then look.
package await

import (
	"sync"
	"testing"
	"time"
)

// Limit is how long to wait for what should come at once. It is long, because
// only a test that fails anyway waits for its end.
const Limit = 3 * time.Minute

// Until looks again and again until look answers true, and tells whether it did
// within Limit.
func Until(look func() bool) bool {
	end := time.Now().Add(Limit)
	for pause := time.Millisecond; !look(); pause = min(2*pause, 10*time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(pause)
	}
	return true
}

// That is Until for a condition without which the test cannot go on.
func That(t testing.TB, what string, look func() bool) {
	t.Helper()
	if !Until(look) {
		t.Fatalf("not within %s: %s", Limit, what)
	}
}

// Receive returns what comes from a channel, or its zero when it is closed. The
// test ends when nothing comes.
func Receive[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	limit := time.NewTimer(Limit)
	defer limit.Stop()
	select {
	case v := <-from:
		return v
	case <-limit.C:
		t.Fatalf("not within %s: %s", Limit, what)
		panic("unreachable")
	}
}

// AtSomePace is for what is itself about time. It makes the attempt with a
// unit of time, and while that fails again with twice the unit: the proportions
// stay, but a pause of the machine weighs less. Code that is wrong fails at every
// pace, and the last error is the test's.
func AtSomePace(t testing.TB, unit time.Duration, attempt func(unit time.Duration) error) {
	t.Helper()
	const doublings = 6
	for i := 0; ; i++ {
		err := attempt(unit << i)
		if err == nil {
			return
		}
		if i == doublings {
			t.Errorf("at every pace from %s to %s, at last: %v", unit, unit<<i, err)
			return
		}
		t.Logf("with %s: %v", unit<<i, err)
	}
}

// Log keeps what a process or another goroutine writes, for a test that shows it
// when it fails. Its zero value is empty.
type Log struct {
	mu   sync.Mutex
	text []byte
}

// Write never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

// String returns what was written until now.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
