package demo

import (
	"math/rand/v2"
	"time"
)

// habit is how a test behaves from version to version. Versions count back from the
// end of the story: 0 is the newest.
type habit struct {
	skip    bool
	flaky   float64 // how often it fails for no reason
	broken  float64 // how often the lab breaks it
	failing []span
	lost    []span // where the lab breaks it
	message string
}

// span is where a test fails: from an older version to a newer one, both included.
type span struct{ from, to int }

// last says that a test fails since some versions ago.
func last(n int) []span { return []span{{n - 1, 0}} }

// ever says that a test never passed.
func ever() []span { return []span{{1 << 30, 0}} }

// test is a test of a suite.
type test struct {
	name string
	took time.Duration
	habit
}

// outcome is what becomes of the test in a version.
func (h *habit) outcome(back int, draw *rand.Rand) string {
	flaked, broke := draw.Float64() < h.flaky, draw.Float64() < h.broken // drawn always, so that nothing shifts
	for _, s := range h.failing {
		if back <= s.from && back >= s.to {
			return failed
		}
	}
	for _, s := range h.lost {
		if back <= s.from && back >= s.to {
			return broken
		}
	}
	switch {
	case h.skip:
		return skipped
	case broke && back > 0: // a story does not end in an accident
		return broken
	case flaked && back > 0:
		return failed
	}
	return passed
}

// The outcomes of a story.
const (
	passed  = "pass"
	failed  = "fail"
	skipped = "skip"
	broken  = "error"
)

// took varies how long something takes, and lets what fails take its time.
func took(usual time.Duration, outcome string, draw *rand.Rand) time.Duration {
	d := time.Duration(float64(usual) * (0.85 + 0.3*draw.Float64()))
	switch outcome {
	case failed:
		d = d*2 + 3*time.Second
	case skipped:
		d = 4 * time.Millisecond
	}
	return d
}
