package ctest

import (
	"strings"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// step is what CTest has done before the tests: Build.xml says what the compiler
// called an error, Configure.xml how CMake ended. One that failed is a failed test
// of its name, as the tests that it should have made are in no other file.
type step struct {
	depth  int // 0 if there is none
	place  int64
	name   string
	notes  xmlfile.Notes
	failed bool
	errors int

	errorDepth int // of the open error, 0 if there is none
}

// maxErrors is how many errors of a build are kept.
const maxErrors = 50

// inStep takes an element of a step, and reports whether it was one.
func (p *pass) inStep(e *xmlfile.Element) bool {
	s := &p.step
	if e.Depth == testDepth-1 && (e.Name == "Build" || e.Name == "Configure") {
		*s = step{depth: e.Depth, place: e.Place, name: e.Name}
		s.notes.Begin(p.sink)
		return true
	}
	if s.depth == 0 {
		return false
	}
	switch {
	case s.name == "Configure":
		if e.Name == "ConfigureStatus" || e.Name == "Log" {
			p.collect(e)
		}
	case e.Depth == s.depth+1 && (e.Name == "Error" || e.Name == "Failure" && e.Attr("type") == "Error"):
		s.failed, s.errorDepth = true, e.Depth
		s.errors++
	case e.Depth == s.depth+1:
		s.errorDepth = 0
	case s.errorDepth > 0 && s.errors <= maxErrors && (e.Name == "Text" || e.Name == "StdErr" || e.Name == "StdOut"):
		p.collect(e)
	}
	return true
}

// stepText keeps a text of the step.
func (p *pass) stepText() {
	v, s := &p.value, &p.step
	switch v.element {
	case "ConfigureStatus":
		text := strings.TrimSpace(v.text.String())
		s.failed = s.failed || text != "" && text != "0"
		s.notes.Property("status", text)
	case "Log":
		s.notes.Add("log", xmlfile.PlainText, &v.text)
	default:
		s.notes.Add("message", xmlfile.PlainText, &v.text)
	}
}

// endStep makes a failed test of a step that failed.
func (p *pass) endStep() error {
	s := &p.step
	s.depth = 0
	if !s.failed {
		return nil
	}
	if err := p.sink.Begin(s.place); err != nil {
		return err
	}
	rec := report.Record{ID: s.name, Status: report.Fail, Complete: true}
	s.notes.Into(&rec)
	return p.sink.Test(&rec)
}
