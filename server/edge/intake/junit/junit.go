// Package junit reads JUnit's XML. There is no schema for it; what all writers
// agree on is testcase elements with classname and name, at any depth, and a child
// that says what went wrong. An error of a suite itself, such as a fixture's, is a
// failed test of the suite's name.
package junit

import (
	"bytes"
	"context"
	"regexp"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// roots are the elements that may be the outermost one.
var roots = []string{"testsuites", "testsuite", "testcase"}

// New returns the reader.
func New() report.Reader { return reader{} }

type reader struct{}

var _ report.Collider = reader{}

func (reader) Info() report.Info {
	return report.Info{
		Format:     report.FormatJUnit,
		Title:      "JUnit XML",
		Recognised: "An outermost element testsuites, testsuite or testcase; what is XML and no other format is read as JUnit too.",
		Naming: "classname, a dot and name; name alone when it says the classname already, and classname alone when there is no name. " +
			"Tests of different suites that would have one id have the suite's name and a dot in front, or the host's name in brackets when only that differs.",
		Example: `<testsuite name="arm"><testcase classname="arm.Joint" name="turns" time="0.5"/></testsuite>`,
	}
}

// Detect is sure of the outermost element, and takes any other XML for a JUnit
// report that is broken.
func (reader) Detect(prefix []byte) report.Confidence {
	if _, sure := xmlfile.Detect(prefix, roots...); sure > report.No {
		return sure
	}
	if bytes.HasPrefix(bytes.TrimLeft(prefix, " \t\n\v\f\r"), []byte("<")) {
		return report.Possible
	}
	return report.No
}

// Collides says that tests of different suites may have one id.
func (reader) Collides() {}

func (reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	p := &pass{sink: s}
	p.run.Begin(s)
	if err := xmlfile.Walk(ctx, in, s, xmlfile.Kind{Title: "JUnit report", Roots: roots}, p); err != nil {
		return err
	}
	for _, a := range p.run.Attachments[:min(len(p.run.Attachments), s.Limits.RunAttachments)] {
		s.Report.Attachments = append(s.Report.Attachments, report.RunAttachment{Attachment: a})
	}
	return nil
}

// idOf makes the id of a test. jest-junit, ctest and Checkbox write the name as
// classname too; mocha-junit-reporter writes the title as classname and the full
// title, which ends with it, as name.
func idOf(class, name string, mocha bool) string {
	class, name = strings.TrimSpace(class), strings.TrimSpace(name)
	switch {
	case class == "" || class == name:
		return name
	case name == "":
		return class
	case mocha && strings.HasSuffix(name, " "+class):
		return name
	case strings.HasPrefix(name, class) && strings.IndexByte(".#:/", name[len(class)]) >= 0:
		return name
	}
	return class + "." + name
}

// writers are known by the name that they give the whole report.
var writers = map[string]string{
	"Mocha Tests": "mocha-junit-reporter", "jest tests": "jest-junit", "vitest tests": "vitest", "pytest": "pytest", "nose2-junit": "nose2",
	"AllTests": "googletest", "JUnit Jupiter": "JUnit Platform", "JUnit Vintage": "JUnit Platform", "nextest-run": "cargo-nextest",
}

// stamps are what writers put into the names of suites that is another one in the
// next run: unittest-xml-reporting the time, Avocado the id of the job.
var stamps = regexp.MustCompile(`-\d{14}$|^job-\d{4}-\d\d-\d\dT\d\d[.:]\d\d-[0-9a-f]+$`)

// suiteName is the name of a suite as it may stand in an id: of a path the last
// part, as PHPUnit writes the folder of its tests, and no time.
func suiteName(name string) string {
	name = strings.TrimSpace(name)
	if xmlfile.IsPath(name) {
		whole := strings.TrimRight(name, `/\`)
		name = whole[strings.LastIndexAny(whole, `/\`)+1:]
	}
	if stamp := stamps.FindStringIndex(name); stamp != nil {
		if stamp[0] == 0 {
			return "job"
		}
		name = name[:stamp[0]]
	}
	return name
}

// failWords are what a status attribute has in it that says that a test failed: igt has
// dmesg-fail and incomplete, others "timed out" and crashed.
var failWords = regexp.MustCompile(`fail|error|\berr\b|broken|crash|time[-_ ]?d?[-_ ]?out|abort|incomplete|interrupt|cancel|unsuccess|terminat|not[-_ ]?pass|\b(hung|hang|killed|died|panic|panicked|notok|not ok|nok|ko)\b`)

// failWord reports whether a status attribute says that a test failed.
func failWord(text string) bool {
	switch text {
	case "", "run", "completed", "passed", "pass", "success", "ok": // as nearly always
		return false
	}
	return failWords.MatchString(strings.ToLower(text)) && !xfailWord(text)
}

// xfailWord is failWord for a test that failed as it was expected to.
func xfailWord(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "xfail", "xfailed", "expected-fail", "expected_failure", "expected failure", "expectedfailure":
		return true
	}
	return false
}

// skipWord is failWord for a test that was not executed.
func skipWord(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "notrun", "not_run", "not run", "not-run", "notexecuted", "not_executed", "not executed", "disabled", "skip", "skipped", "ignored", "suppressed", "pending", "untested", "blocked",
		"filtered", "todo", "excluded":
		return true
	}
	return false
}

// doubtWord is failWord for a test of which its runner does not know how it ended.
func doubtWord(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "unknown", "undefined", "inconclusive", "indeterminate", "unresolved":
		return true
	}
	return false
}
