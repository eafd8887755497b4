package picture

import "strings"

// Outcome is what became of a test, in the words of the API, or Running or Waiting
// while nothing did. Another word counts as Unknown, and no word as not run.
type Outcome string

// The outcomes.
const (
	Fail    Outcome = "fail"
	Error   Outcome = "error"
	Unknown Outcome = "unknown"
	Skip    Outcome = "skip"
	Pass    Outcome = "pass"
	Running Outcome = "running"
	Waiting Outcome = "waiting"
	NotRun  Outcome = ""
)

// order is the worst first, as bars and labels name them, so that red has one
// edge in every picture.
var order = [...]Outcome{Fail, Error, Unknown, Skip, Pass, Running, Waiting}

// known is the outcome with every unknown word made Unknown.
func (o Outcome) known() Outcome {
	switch o {
	case Fail, Error, Skip, Pass, Running, Waiting, NotRun:
		return o
	}
	return Unknown
}

// Word is the outcome as a page names it: not run, when there is none.
func (o Outcome) Word() string {
	if o == NotRun {
		return "not run"
	}
	return string(o.known())
}

// Counts says how many there are of each outcome. A negative number counts as
// none.
type Counts struct {
	Fail, Error, Unknown, Skip, Pass, Running, Waiting int
}

// Count counts outcomes. What was not run counts nowhere.
func Count(outcomes []Outcome) Counts {
	var c Counts
	for _, o := range outcomes {
		c.add(o, 1)
	}
	return c
}

// Of is the number of an outcome.
func (c Counts) Of(o Outcome) int {
	if field := c.field(o); field != nil {
		return max(*field, 0)
	}
	return 0
}

// Total is the sum of all numbers.
func (c Counts) Total() int {
	total := 0
	for _, o := range order {
		total += c.Of(o)
	}
	return total
}

// Worst is the first outcome of which there is one, where a failure comes before an
// error and a pass last; NotRun when there is none. What runs or waits counts only
// beside nothing worse than a pass: the pass does not hide it.
func (c Counts) Worst() Outcome {
	for _, o := range [...]Outcome{Fail, Error, Unknown, Running, Waiting, Pass, Skip} {
		if c.Of(o) > 0 {
			return o
		}
	}
	return NotRun
}

// String names every number that is not zero, the worst first: 9 fail, 1 error,
// 100 pass. It is "none" when there is no number.
func (c Counts) String() string {
	var parts []string
	for _, o := range order {
		if n := c.Of(o); n > 0 {
			parts = append(parts, Number(n)+" "+string(o))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func (c *Counts) add(o Outcome, n int) {
	if field := c.field(o); field != nil {
		*field = max(*field, 0) + max(n, 0)
	}
}

func (c *Counts) addAll(other Counts) {
	for _, o := range order {
		c.add(o, other.Of(o))
	}
}

func (c *Counts) field(o Outcome) *int {
	switch o.known() {
	case Fail:
		return &c.Fail
	case Error:
		return &c.Error
	case Unknown:
		return &c.Unknown
	case Skip:
		return &c.Skip
	case Pass:
		return &c.Pass
	case Running:
		return &c.Running
	case Waiting:
		return &c.Waiting
	}
	return nil
}
