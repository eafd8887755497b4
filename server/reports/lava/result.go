package lava

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
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
	Reference string         // where somebody put more about it
	Details   map[string]any // what LAVA says of a failure, nil for nothing

	end int // the line of the log where it ends, -1 when that is not known
}

// The results of a test.
const (
	pass    = "PASS"
	fail    = "FAIL"
	skip    = "SKIP"
	errored = "ERROR"
)

// unnamed is the name of a test that LAVA does not name.
const unnamed = "unnamed"

// step is one entry of the results as LAVA writes it.
type step struct {
	name, result, measurement, unit, logEndLine string
	duration, errorType, errorMessage           string
	reference, set, testCase                    string
	extra                                       []*yaml.Node
}

// readResults reads the suites, each a YAML text in an object. Results that are
// missing are none: LAVA leaves them out when the job did not ask for them. A suite
// that cannot be read is one test without a result.
func (j *Job) readResults(raw json.RawMessage) {
	if len(raw) == 0 || string(raw) == "null" {
		return
	}
	var suites map[string]json.RawMessage
	if err := json.Unmarshal(raw, &suites); err != nil {
		j.warn("results is not an object of test suites: they were not read")
		return
	}
	keys := slices.SortedFunc(maps.Keys(suites), compareKeys)
	left := j.limits.tests()
	for _, key := range keys {
		steps, err := readSteps(suites[key], j.limits.tests(), &j.leftOut)
		if err != nil {
			j.warn("results/%.80s is not a YAML list of results, or is too long: it was not read", key)
		}
		if key == "lava" {
			j.steps, j.blind = steps, err != nil
			continue
		}
		suite := newSuite(key, steps)
		if err != nil {
			suite.Tests = append(suite.Tests, Test{Name: suite.Name, Result: errored, end: -1})
		}
		left = j.add(suite, left)
	}
	places := map[string]int{}
	for i := range j.Suites {
		places[j.Suites[i].key] = i
	}
	for i := range j.steps {
		left = j.addDefinition(&j.steps[i], places, left)
	}
	slices.SortStableFunc(j.Suites, func(a, b Suite) int { return compareKeys(a.key, b.key) })
	if n := j.leftOut.count(); n > 0 {
		j.warn("results: only the first %d tests are kept, %d more are not", j.limits.tests(), n)
	}
}

func (j *Job) warn(format string, args ...any) {
	j.Warnings = append(j.Warnings, clean(fmt.Sprintf(format, args...)))
}

// add keeps of a suite what the limits leave room for, and returns for how many
// more tests there is.
func (j *Job) add(s Suite, left int) int {
	if len(j.Suites) == j.limits.tests() {
		j.leftOut.add(s.Tests...)
		return left
	}
	room := min(left, len(s.Tests))
	j.leftOut.add(s.Tests[room:]...)
	s.Tests = s.Tests[:room]
	j.Suites = append(j.Suites, s)
	return left - room
}

// addDefinition looks at a step that ran the tests of a definition, which LAVA
// calls like the definition's suite, 0_dmesg. One that did not end well is a test of
// that suite, also when the suite never came. places says where the suites are.
func (j *Job) addDefinition(s *step, places map[string]int, left int) int {
	place, name := number(s.name)
	result := resultOf(s.result)
	if place < 0 || result == pass {
		return left
	}
	if result == fail && !isPanic(s.errorMessage) {
		result = failed(s.errorType)
	}
	t := Test{Name: name, Result: result, Details: s.details(), end: -1}
	i, came := places[s.name]
	switch {
	case !came:
		suite := newSuite(s.name, nil)
		suite.Tests = []Test{t}
		places[s.name] = len(j.Suites)
		return j.add(suite, left)
	case left == 0 || i == len(j.Suites): // there was no room for the suite either
		j.leftOut.add(t)
		return left
	}
	j.Suites[i].Tests = append(j.Suites[i].Tests, t)
	return left - 1
}

// details is what LAVA says of a failure, nil for nothing.
func (s *step) details() map[string]any { return detailsOf(s.errorType, s.errorMessage) }

func detailsOf(errorType, message string) map[string]any {
	d := map[string]any{}
	if errorType != "" {
		d["error_type"] = errorType
	}
	if message != "" {
		d["error_msg"] = message
	}
	if len(d) == 0 {
		return nil
	}
	return d
}

// tally counts tests by their results.
type tally map[string]int

func (t *tally) add(tests ...Test) {
	if *t == nil {
		*t = tally{}
	}
	for i := range tests {
		(*t)[tests[i].Result]++
	}
}

func (t tally) count() int { return t[pass] + t[fail] + t[errored] + t[skip] }

// worst is the result of all of them together.
func (t tally) worst() string {
	for _, result := range []string{fail, errored, pass} {
		if t[result] > 0 {
			return result
		}
	}
	return skip
}

// readSteps reads the entries of a suite in the order in which they ran: LAVA
// lists the last one first. Of more than most the first are kept, and the others
// counted.
func readSteps(raw json.RawMessage, most int, leftOut *tally) (steps []step, err error) {
	keep := func(n *yaml.Node) {
		steps = append(steps, readStep(n))
		if len(steps) >= 2*most {
			steps = countOff(steps, most, leftOut)
		}
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw) // a list of its own; JSON is YAML
	}
	text = clean(text)
	err = eachEntry(text, keep)
	steps = countOff(steps, most, leftOut)
	slices.Reverse(steps)
	return steps, err
}

// countOff leaves the last entries of a list.
func countOff(steps []step, most int, leftOut *tally) []step {
	n := max(0, len(steps)-most)
	for i := range steps[:n] {
		leftOut.add(steps[i].test())
	}
	return slices.Clone(steps[n:])
}

// readStep reads an entry. What is no entry is a step without name and result.
func readStep(n *yaml.Node) (s step) {
	eachMember(n, func(key string, value *yaml.Node) {
		if into := s.member(key); into != nil {
			*into = scalarOf(value)
		} else if key == "metadata" {
			s.readMetadata(value)
		}
	})
	return s
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
			s.errorType = notNone(scalarOf(value))
		case "error_msg":
			s.errorMessage = notNone(scalarOf(value))
		case "case":
			s.testCase = scalarOf(value)
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
	_, name := number(key)
	s.Name = nameOf(name)
	for i := range steps {
		s.Tests = append(s.Tests, steps[i].test())
	}
	return s
}

// maxName is the longest name that a report may have.
const maxName = 1024

// nameOf makes of the first of some texts that holds one a name that a report may
// have.
func nameOf(texts ...string) string {
	for _, text := range texts {
		if text = strings.TrimSpace(clean(text)); text != "" {
			return strings.ToValidUTF8(text[:min(len(text), maxName)], "")
		}
	}
	return unnamed
}

// number splits the place of a suite from its name: 0_dmesg.
func number(key string) (n int, name string) {
	digits, name, found := strings.Cut(key, "_")
	n, err := strconv.Atoi(digits)
	if !found || err != nil || n < 0 || name == "" {
		return -1, key
	}
	return n, name
}

// compareKeys orders suites as they ran; 10_x comes after 2_y, LAVA's own first.
func compareKeys(a, b string) int {
	m, _ := number(a)
	n, _ := number(b)
	return cmp.Or(cmp.Compare(m, n), strings.Compare(a, b))
}

func (s *step) test() Test {
	t := Test{
		Name: nameOf(s.name, s.testCase), Result: resultOf(s.result),
		Reference: s.reference, Details: s.details(), end: -1,
	}
	if s.set != "" {
		t.Set = nameOf(s.set)
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
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "pass":
		return pass
	case "fail":
		return fail
	case "skip":
		return skip
	}
	return errored
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
