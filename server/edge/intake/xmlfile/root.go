package xmlfile

import (
	"bytes"
	"slices"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// unread says whose an outermost element is that no reader knows, and what the runner
// can write instead.
var unread = map[string]string{
	"test-results":    ", which is NUnit 2's; NUnit 3's test-run is read",
	"testng-results":  ", which is TestNG's own; its junitreports are read",
	"TestLog":         ", which is Boost.Test's own; --log_format=JUNIT is read",
	"TestResult":      ", which is Boost.Test's own; --log_format=JUNIT is read",
	"Catch2TestRun":   ", which is Catch2's own; --reporter junit is read",
	"Catch":           ", which is Catch2's own; --reporter junit is read",
	"TestCase":        ", as Qt Test's own; its output junitxml is read",
	"doctest":         ", which is doctest's own; --reporters=junit is read",
	"gtester":         ", which is GLib's; its TAP is read",
	"coverage":        ", which is about coverage and tells of no test",
	"checkstyle":      ", which is Checkstyle's and tells of no test",
	"BugCollection":   ", which is FindBugs' and tells of no test",
	"CoverageSession": ", which is about coverage and tells of no test",
}

// root looks in the beginning of a file for its outermost element, behind a
// declaration, comments and lines of output that are no part of it. It returns
// the name without its prefix, and the text from the element on; both are empty
// when there is none.
func root(rest []byte, roots []string) (name string, text []byte) {
	if len(rest) > 0 && rest[0] != '<' {
		rest = pastNoise(rest, roots)
	}
	for len(rest) > 0 {
		var end string
		switch {
		case bytes.HasPrefix(rest, []byte("<!--")):
			end = "-->"
		case bytes.HasPrefix(rest, []byte("<?")):
			end = "?>"
		case rest[0] != '<' || len(rest) > 1 && rest[1] == '!':
			return "", nil
		default:
			i := 1
			for i < len(rest) && rest[i] > ' ' && !nameEnds[rest[i]] {
				i++
			}
			return local(string(rest[1:i])), rest
		}
		i := bytes.Index(rest, []byte(end))
		if i < 0 {
			return "", nil
		}
		rest = bytes.TrimLeft(rest[i+len(end):], " \t\n\v\f\r")
	}
	return "", nil
}

// pastNoise returns the text from where a document begins.
func pastNoise(text []byte, roots []string) []byte {
	for {
		i := bytes.IndexByte(text, '<')
		if i < 0 {
			return nil
		}
		if text = text[i:]; begins(text, roots) {
			return text
		}
		text = text[1:]
	}
}

// Confidences of a document that stands behind lines of output. Other formats may
// hold such a document as the output of a test, so theirs is higher.
const (
	behindLines = report.Possible + 20
	behindText  = report.Possible + 10
)

// Detect judges a file that begins with prefix by its outermost element, which
// must be one of roots. It returns the text from that element on.
func Detect(prefix []byte, roots ...string) ([]byte, report.Confidence) {
	prefix = bytes.TrimLeft(bytes.TrimPrefix(prefix, utf8Mark), " \t\n\v\f\r")
	name, text := root(prefix, roots)
	if !slices.Contains(roots, name) {
		return nil, report.No
	}
	if prefix[0] == '<' {
		return text, report.Certain
	}
	before := prefix[:len(prefix)-len(pastNoise(prefix, roots))]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	switch {
	case len(bytes.TrimSpace(line)) == 0 && len(line) < len(before):
		return text, behindLines
	case before[0] == '{' || before[0] == '[':
		return nil, report.No // JSON with a document in one of its texts
	}
	return text, behindText
}
