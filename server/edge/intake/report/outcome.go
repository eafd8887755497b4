package report

import "crypto/sha256"

// badness orders the statuses; the worst one of all records of a test is the
// test's.
var badness = [statusCount]uint8{
	Exists: 0, Skip: 1, Success: 2, XFail: 3, UXSuccess: 4, InProgress: 5, Unknown: 6, Fail: 7,
}

// Worst returns the status that counts for a test that has both.
func Worst(a, b Status) Status {
	if badness[a%statusCount] >= badness[b%statusCount] {
		return a
	}
	return b
}

// Counts holds how many tests have each status: counts[Fail], and so on.
type Counts [statusCount]int

// Tests returns how many tests were counted.
func (c Counts) Tests() int {
	sum := 0
	for _, n := range c {
		sum += n
	}
	return sum
}

// Passed counts the tests that did what they should.
func (c Counts) Passed() int { return c[Success] + c[XFail] }

// Failed counts the tests that did not, or did not finish.
func (c Counts) Failed() int { return c[Fail] + c[UXSuccess] + c[InProgress] + c[Unknown] }

// Skipped counts the tests that were not executed on purpose.
func (c Counts) Skipped() int { return c[Skip] }

// NotRun counts the tests that were only listed.
func (c Counts) NotRun() int { return c[Exists] }

// Outcome is what an upload as a whole says.
type Outcome string

// The outcomes.
const (
	OutcomePass       Outcome = "pass"
	OutcomeFail       Outcome = "fail"
	OutcomeIncomplete Outcome = "incomplete" // nothing failed, but something could not be read
	OutcomeSkip       Outcome = "skip"
	OutcomeEmpty      Outcome = "empty"
	OutcomeError      Outcome = "error" // nothing could be read
)

// Outcome decides over an upload with these tests. Green tests never hide
// damage, and an upload without results is never a pass.
func (c Counts) Outcome(format Format, damage int) Outcome {
	switch {
	case format == FormatUnknown || format == FormatGzip, damage > 0 && c.Tests() == 0:
		return OutcomeError
	case c.Failed() > 0:
		return OutcomeFail
	case damage > 0:
		return OutcomeIncomplete
	case c.Passed() > 0:
		return OutcomePass
	case c.Skipped() > 0:
		return OutcomeSkip
	}
	return OutcomeEmpty
}

// Tally folds records into one status per test id, over all routes and tries.
// It keeps about 40 bytes for each test, whatever the length of its id. The
// zero Tally is ready for use.
type Tally struct {
	tests map[[16]byte]Status
}

// Add counts a record.
func (t *Tally) Add(id string, s Status) {
	if t.tests == nil {
		t.tests = map[[16]byte]Status{}
	}
	sum := sha256.Sum256([]byte(id))
	key := [16]byte(sum[:16])
	if before, ok := t.tests[key]; ok {
		s = Worst(before, s)
	}
	t.tests[key] = s
}

// Counts returns the tests by status.
func (t *Tally) Counts() Counts {
	var c Counts
	for _, s := range t.tests {
		c[s%statusCount]++
	}
	return c
}
