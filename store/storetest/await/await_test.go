package await

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// failing is a test that may fail.
type failing struct {
	testing.TB
	failures []string
}

func (f *failing) Helper()             {}
func (f *failing) Logf(string, ...any) {}
func (f *failing) Errorf(format string, args ...any) {
	f.failures = append(f.failures, fmt.Sprintf(format, args...))
}

func TestAtSomePace(t *testing.T) {
	t.Parallel()

	var units []time.Duration
	AtSomePace(t, 1, func(unit time.Duration) error {
		if units = append(units, unit); unit < 4 {
			return errors.New("too fast")
		}
		return nil
	})
	if !slices.Equal(units, []time.Duration{1, 2, 4}) {
		t.Errorf("attempts with %v, want 1, 2 and 4 ns", units)
	}

	f := &failing{TB: t}
	attempts := 0
	AtSomePace(f, 1, func(time.Duration) error {
		attempts++
		return fmt.Errorf("attempt %d", attempts)
	})
	if attempts != 7 || len(f.failures) != 1 || !strings.HasSuffix(f.failures[0], "at last: attempt 7") {
		t.Errorf("%d attempts that fail say %q", attempts, f.failures)
	}
}

func TestUntil(t *testing.T) {
	t.Parallel()

	looks := 0
	That(t, "the third look", func() bool { looks++; return looks == 3 })
	if looks != 3 {
		t.Errorf("%d looks, want 3", looks)
	}
	c := make(chan int, 1)
	c <- 5
	if got := Receive(t, "five", c); got != 5 {
		t.Errorf("received %d, want 5", got)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()

	var l Log
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { fmt.Fprint(&l, "line\n") })
		_ = l.String()
	}
	all.Wait()
	if got := l.String(); got != strings.Repeat("line\n", 8) {
		t.Errorf("the log holds %q", got)
	}
}
