package lava

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Suite is the tests of one definition.
type Suite struct {
	Name  string
	Tests []Test

	key string // with its place
}

// Test is one result.
type Test struct {
	Name      string
	Result    string // PASS, FAIL, SKIP or ERROR
	Set       string // the set inside the suite that it belongs to, empty for none
	Value     *float64
	Unit      string
	Reference string // where somebody put more about it

	end int // the line of the log where it ends, -1 when that is not known
}

// step is one entry of the results as LAVA writes it.
type step struct {
	name, result, measurement, unit, logEndLine string
	duration, errorType, reference, set         string
	extra                                       []*yaml.Node
}

// readSteps reads the entries of a suite in the order in which they ran: LAVA
// lists the last one first.
func readSteps(list []*yaml.Node) []step {
	steps := make([]step, 0, len(list))
	for _, n := range slices.Backward(list) {
		var s step
		eachMember(n, func(key string, value *yaml.Node) {
			if into := s.member(key); into != nil {
				*into = scalarOf(value)
			} else if key == "metadata" {
				s.readMetadata(value)
			}
		})
		steps = append(steps, s)
	}
	return steps
}

// member returns where a member of an entry goes.
func (s *step) member(key string) *string {
	switch key {
	case "name":
		return &s.name
	case "result":
		return &s.result
	case "measurement":
		return &s.measurement
	case "unit":
		return &s.unit
	case "log_end_line":
		return &s.logEndLine
	}
	return nil
}

func (s *step) readMetadata(n *yaml.Node) {
	eachMember(n, func(key string, value *yaml.Node) {
		switch key {
		case "duration":
			s.duration = scalarOf(value)
		case "error_type":
			s.errorType = scalarOf(value)
		case "reference":
			s.reference = scalarOf(value)
		case "set":
			s.set = scalarOf(value)
		case "extra":
			s.extra = elements(value)
		}
	})
}

func newSuite(key string, steps []step) Suite {
	s := Suite{key: key}
	_, s.Name = number(key)
	for i := range steps {
		if t := steps[i].test(); t.Name != "" {
			s.Tests = append(s.Tests, t)
		}
	}
	return s
}

// compareSuites orders them as they ran; 10_x comes after 2_y.
func compareSuites(a, b Suite) int {
	m, _ := number(a.key)
	n, _ := number(b.key)
	return cmp.Or(cmp.Compare(m, n), cmp.Compare(a.key, b.key))
}

func (s *step) test() Test {
	t := Test{
		Name: strings.TrimSpace(s.name), Result: resultOf(s.result), Set: s.set,
		Reference: s.reference, end: -1,
	}
	if n, err := strconv.Atoi(s.logEndLine); err == nil && n >= 0 {
		t.end = n
	}
	if v, err := strconv.ParseFloat(s.measurement, 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
		t.Value, t.Unit = &v, s.unit
	}
	return t
}

// resultOf turns LAVA's word for a result into KernelCI's. LAVA's fourth word is
// unknown: the test began and nobody heard how it ended.
func resultOf(word string) string {
	switch strings.ToLower(word) {
	case "pass":
		return "PASS"
	case "fail":
		return "FAIL"
	case "skip":
		return "SKIP"
	}
	return "ERROR"
}

// step returns the last of LAVA's own steps that has one of the names, the first
// name first, and nil when it did not come to that.
func (j *Job) step(names ...string) *step {
	for _, name := range names {
		for i := range slices.Backward(j.steps) {
			if j.steps[i].name == name {
				return &j.steps[i]
			}
		}
	}
	return nil
}

// login is the step in which the board came up. Newer versions of LAVA call it
// login-action.
func (j *Job) login() *step { return j.step("login-action", "auto-login-action") }
