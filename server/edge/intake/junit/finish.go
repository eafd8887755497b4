package junit

import (
	"slices"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// finish delivers the open test. One that was cut off has failed if that was said,
// and is otherwise unknown.
func (p *pass) finish(complete bool) error {
	if p.output.depth > 0 {
		p.endOutput()
	}
	if p.why.depth > 0 {
		p.endExplanation()
	}
	t := &p.test
	t.depth = 0
	status := t.outcome()
	if status == report.Unknown {
		p.sink.Warn("a status attribute does not say how its test ended")
	}
	if !complete && (status != report.Fail && t.failures == 0) {
		status = report.Unknown
	} else if !complete {
		status = report.Fail
	}
	if p.listed && status == report.Success && t.status == [3]string{} && !t.rec.HasDuration {
		status = report.Exists
	}
	t.rec.Status, t.rec.Complete = status, complete
	if t.rec.ID == "" && status.Failed() {
		t.rec.ID = p.sink.Text(t.rec.Suite, t.place, report.KindXML, "test id") // googletest's failure outside of a test
	}
	if others := t.reruns + t.flakes; others > 0 {
		t.rec.Attempts, t.rec.Flaky = others+1, true
	}
	if status == report.Success {
		p.tries += int64(t.flakes)
	}
	t.notes.Into(&t.rec)
	p.red = p.red || status.Failed() || t.failures > 0
	return p.sink.Test(&t.rec)
}

// outcome is what the children of a test say, and without one that says how it
// ended its attributes, if they can.
func (t *test) outcome() report.Status {
	said := func(word func(string) bool) bool { return slices.ContainsFunc(t.status[:], word) }
	switch {
	case t.failures > 0 && t.todo:
		return report.XFail // node's runner ignores it
	case t.failures > 0, t.reruns > 0 && t.flakes == 0:
		return report.Fail
	case t.skips > 0 && t.xfail:
		return report.XFail
	case t.skips > 0:
		return report.Skip
	case said(failWord):
		return report.Fail
	case said(xfailWord):
		return report.XFail
	case said(skipWord):
		return report.Skip
	case said(doubtWord):
		return report.Unknown
	}
	return report.Success
}

// endSuite closes a suite. Its own errors are a failed test of its name, unless a
// test in it has failed with the same.
func (p *pass) endSuite(complete bool) error {
	n := len(p.suites)
	s := p.suites[n-1]
	p.suites = p.suites[:n-1]
	if n > 1 {
		above := &p.suites[n-2]
		if room := maxCarried - len(above.carried); room > 0 {
			above.carried = append(above.carried, s.carried[:min(room, len(s.carried))]...)
		}
	}
	if s.errors == nil || s.carries() {
		return nil
	}
	p.red = true
	if err := p.sink.Begin(s.errors.place); err != nil {
		return err
	}
	rec := report.Record{
		ID:     p.sink.Text(s.name, s.errors.place, report.KindXML, "name of a suite"),
		Status: report.Fail, Complete: complete,
		Suite: p.short(s.name), Host: p.short(s.host),
	}
	s.errors.notes.Into(&rec)
	return p.sink.Test(&rec)
}

// carries reports whether all that the suite says against itself is said by tests
// of it too.
func (s *suite) carries() bool {
	if len(s.errors.say) < s.errors.count {
		return false
	}
	for _, sum := range s.errors.say {
		if !slices.Contains(s.carried, sum) {
			return false
		}
	}
	return true
}
