package robotxml

import (
	"strings"

	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// survey is the first reading of a file. It finds the suites whose teardown has
// failed, by their number in the order in which they begin.
type survey struct {
	suites []surveyed // that are open
	begun  int
	failed map[int]string // what the teardown said
	bytes  int

	teardown int // depth of the open teardown of a suite, 0 if there is none
	status   int // depth of the open status that says that something has failed
	text     xmlfile.Text
}

type surveyed struct {
	number, depth int
	failed        bool
	message       string
}

// maxMessages is how many bytes of messages are kept in all; suites beyond that
// fail their tests without saying why.
const maxMessages = 16 << 20

func (s *survey) Start(e *xmlfile.Element) error {
	switch {
	case e.Name == "suite" && (e.Above() == "suite" || e.Above() == "robot"):
		s.suites = append(s.suites, surveyed{number: s.begun, depth: e.Depth})
		s.begun++
	case len(s.suites) == 0:
	case e.Name == "kw" && e.Above() == "suite" && strings.EqualFold(e.Attr("type"), "teardown"):
		s.teardown = e.Depth
	case e.Name == "status" && e.Attr("status") == "FAIL":
		top := &s.suites[len(s.suites)-1]
		ofTeardown := s.teardown > 0 && e.Depth == s.teardown+1
		top.failed = top.failed || ofTeardown
		if ofTeardown || top.failed && e.Depth == top.depth+1 {
			s.status = e.Depth
			e.Collect(&s.text)
		}
	}
	return nil
}

func (s *survey) End(e xmlfile.Ended) error {
	n := len(s.suites)
	switch {
	case n == 0:
	case e.Depth == s.status:
		s.status = 0
		// Before Robot 7 only the suite says what went wrong.
		text := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s.text.String()), "Suite teardown failed:"))
		if top := &s.suites[n-1]; top.message == "" {
			top.message = text
		}
	case e.Depth == s.teardown:
		s.teardown = 0
	case e.Depth == s.suites[n-1].depth:
		if top := s.suites[n-1]; top.failed {
			if s.bytes += len(top.message); s.bytes > maxMessages {
				top.message = ""
			}
			s.failed[top.number] = top.message
		}
		s.suites = s.suites[:n-1]
	}
	return nil
}
