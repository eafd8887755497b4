package junit

import (
	"hash/maphash"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// kind is what an element says about the outcome.
type kind uint8

const (
	failed kind = iota
	skipped
	rerun // a further attempt that failed as the first one did
	flaky // an attempt that failed before one that passed
)

var kinds = map[string]kind{
	"failure": failed, "error": failed, "skipped": skipped,
	"ignored": skipped, // TestNG
	// Surefire's words, which others have taken over
	"rerunFailure": rerun, "rerunError": rerun, "flakyFailure": flaky, "flakyError": flaky,
}

// kindOf is the kind of an element, also of one that begins with a capital letter.
func kindOf(name string) (k kind, known bool) {
	if k, known = kinds[name]; known {
		return k, true
	}
	switch strings.ToLower(name) {
	case "failure", "error", "skipped", "ignored":
		return kinds[strings.ToLower(name)], true
	}
	return 0, false
}

// child is an element that explains the outcome of a test.
type child struct {
	depth   int // 0 if there is none
	kind    kind
	suite   *failures // of the suite whose own error it is, nil if it is the open test's
	message string
	lost    int64 // bytes that the message has lost
	spare   bool  // the message is only for want of another
	body    xmlfile.Text
	trace   xmlfile.Text // Surefire's stackTrace
}

// maxCarried is how many failures of its tests a suite remembers.
const maxCarried = 1024

var seed = maphash.MakeSeed()

// explain begins an element that explains the outcome of a test.
func (p *pass) explain(k kind, e *xmlfile.Element) {
	why := &p.why
	*why = child{depth: e.Depth, kind: k, body: why.body, trace: why.trace}
	why.message, why.lost = e.Lookup("message")
	why.trace.Reset()
	e.Collect(&why.body)
	typed := e.Attr("type")
	if why.message == "" {
		why.message, why.spare = typed, true
	}
	t := &p.test
	if t.depth == 0 {
		return
	}
	switch k {
	case failed:
		t.failures++
	case skipped:
		t.skips++
		t.xfail = t.xfail || typed == "pytest.xfail" || strings.EqualFold(typed, "xfail")
		t.todo = t.todo || typed == "todo"
	case rerun:
		t.reruns++
	case flaky:
		t.flakes++
	}
}

// endExplanation keeps the texts of the element at hand.
func (p *pass) endExplanation() {
	why := &p.why
	why.depth = 0
	notes := &p.test.notes
	if why.suite != nil {
		notes = &why.suite.notes
	}
	body := &why.body
	if body.Blank() {
		body = &why.trace
	}
	if why.kind != skipped {
		p.remember(body)
	}
	switch {
	case why.message == "", why.spare && !body.Blank(), why.message == strings.TrimSpace(body.String()):
		why.message = ""
	case why.kind == skipped:
		notes.AddString("reason", xmlfile.PlainText, why.message, why.lost)
	default:
		notes.AddString("message", xmlfile.PlainText, why.message, why.lost)
	}
	if why.kind == skipped {
		notes.Add("reason", xmlfile.PlainText, body)
	} else {
		notes.Add("traceback", xmlfile.Traceback, body)
	}
}

// remember notes what a failure says, so that a suite that says the same of itself
// is no further test.
func (p *pass) remember(body *xmlfile.Text) {
	n := len(p.suites)
	if n == 0 || p.why.message == "" && body.Blank() {
		return
	}
	sum := maphash.String(seed, p.why.message+"\x00"+strings.TrimSpace(body.String()))
	s := &p.suites[n-1]
	switch {
	case p.why.suite != nil:
		if len(p.why.suite.say) < maxCarried {
			p.why.suite.say = append(p.why.suite.say, sum)
		}
	case len(s.carried) < maxCarried:
		s.carried = append(s.carried, sum)
	}
}
