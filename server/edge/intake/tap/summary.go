package tap

import (
	"bytes"
	"regexp"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// summary is what a runner says of the whole run in comments of the outermost
// level.
type summary struct {
	counts bool   // "# tests 3" of node, tape and mocha; "# fail 1" is no name behind it
	failed string // the line that says that the run failed
	tools  bool   // it is a tool's, and no comment
	at     int64
}

// ending begins the comment of Perl's Test::More that comes with an exit code; it
// writes it where diagnostics go, behind a plan that may be met.
var ending = []byte("# Looks like your test exited with ")

// kselftest is what the kernel's test programs say last of a run that failed
// (tools/testing/selftests/kselftest.h, kselftest_harness.h).
var kselftest = regexp.MustCompile(`^# (Totals: pass:\d.* (fail|error):0*[1-9]|FAILED: \d+ / \d+ tests passed)`)

// kselftestFails spares other comments the pattern.
func kselftestFails(text []byte) bool {
	return (bytes.HasPrefix(text, []byte("# Totals: ")) || bytes.HasPrefix(text, []byte("# FAILED: "))) && kselftest.Match(text)
}

func (s *summary) add(text []byte, at int64) {
	if s.failed != "" {
		return
	}
	if rest, ok := bytes.CutPrefix(text, ending); ok && positive(rest) {
		s.failed, s.at = string(text[:min(len(text), 200)]), at
	}
	if kselftestFails(text) {
		s.failed, s.at = string(text[:min(len(text), 200)]), at
	}
	if rest, ok := bytes.CutPrefix(text, []byte("# tests ")); ok {
		s.counts = positive(rest)
	}
	if rest, ok := bytes.CutPrefix(text, []byte("# fail ")); ok && s.counts && positive(rest) {
		s.failed, s.at = string(text[:min(len(text), 200)]), at
	}
}

// problems begin what npm, yarn and make print last of a command that failed.
var problems = [][]byte{[]byte("npm ERR! Test failed"), []byte("npm error Test failed"), []byte("npm ERR! code "), []byte("npm error code "), []byte("error Command failed with exit code "), []byte("make: *** ")}

// tool takes a line that is no TAP. A point behind it takes it back: then it was
// what a test has printed.
func (s *summary) tool(text []byte, at int64) {
	for _, p := range problems {
		if s.failed == "" && bytes.HasPrefix(text, p) {
			s.failed, s.at, s.tools = string(text[:min(len(text), 200)]), at, true
		}
	}
}

func (s *summary) point() {
	if s.tools {
		*s = summary{counts: s.counts}
	}
}

// positive reports whether a text begins with a number above zero.
func positive(text []byte) bool {
	text = bytes.TrimLeft(text, " ")
	return number(append([]byte("0"), text[:digitsOf(text)]...)) > 0
}

// checkSummary compares what the comments say with the tests of the document.
func (r *reader) checkSummary() {
	if r.told.failed != "" && !r.red {
		r.sink.Damage(r.told.at, report.KindVerdict, "a line says that the run failed, and no test in it did: %s", report.Quote(r.told.failed))
	}
}
