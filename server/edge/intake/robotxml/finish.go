package robotxml

import (
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// endTest delivers the open test.
func (p *pass) endTest(complete bool) error {
	t := &p.test
	t.depth = 0
	r := &t.rec
	r.Status = statusOf(t.status)
	if r.Status == report.Unknown && complete {
		p.sink.Warn("a test has the status %s, which means nothing to us", report.Quote(t.status))
	}
	teardowns := p.teardowns()
	if r.Status == report.Success && p.tornDown() {
		r.Status = report.Fail
		t.notes.AddString("message", xmlfile.PlainText, strings.Join(teardowns, "\n\nAlso "), 0)
		teardowns = nil
	}
	if !complete && r.Status != report.Fail {
		r.Status = report.Unknown
	}
	r.Complete = complete && r.Status.Final()
	name := "message"
	if r.Status == report.Skip {
		name = "reason"
	}
	t.notes.AddString(name, xmlfile.PlainText, t.message, 0)
	if r.Status != report.Skip {
		t.notes.AddString("message", xmlfile.PlainText, strings.Join(teardowns, "\n\nAlso "), 0)
	}
	if log := string(t.log.text); log != "FAIL: "+t.message+"\n" {
		t.notes.AddString("log", xmlfile.PlainText, log, t.log.lost)
	}
	r.Tags = xmlfile.Tags(t.tags, t.place, p.sink)
	t.notes.Into(r)
	if r.Status.Failed() {
		p.red()
	}
	return p.sink.Test(r)
}

// teardowns says which suites around the test have a teardown that failed, the
// innermost first, in Robot's words (robot/result/suiteteardownfailed.py).
func (p *pass) teardowns() (say []string) {
	for i := len(p.suites) - 1; i >= 0; i-- {
		message, failed := p.failed[p.suites[i].number]
		if !failed {
			continue
		}
		text := "Parent suite teardown failed:\n" + message
		if !strings.Contains(p.test.message, text[1:]) { // Rebot's own files say it already, behind "Also"
			say = append(say, text)
		}
	}
	return say
}

// tornDown reports whether there is such a suite.
func (p *pass) tornDown() bool {
	return slices.ContainsFunc(p.suites, func(s suite) bool {
		_, failed := p.failed[s.number]
		return failed
	})
}

// red notes that something has failed in all suites that are open.
func (p *pass) red() {
	p.anyRed = true
	for i := range p.suites {
		p.suites[i].red = true
	}
}

func statusOf(word string) report.Status {
	switch word {
	case "PASS":
		return report.Success
	case "FAIL":
		return report.Fail
	case "SKIP", "NOT RUN", "NOT_RUN":
		return report.Skip
	}
	return report.Unknown
}

// endSuite closes a suite. One that has failed though no test in it did is a failed
// test itself.
func (p *pass) endSuite(complete bool) error {
	n := len(p.suites)
	s := p.suites[n-1]
	_, teardown := p.failed[s.number]
	if s.red || s.status != "FAIL" && !teardown {
		p.suites = p.suites[:n-1]
		return nil
	}
	p.red()
	p.suites = p.suites[:n-1]
	if err := p.sink.Begin(s.place); err != nil {
		return err
	}
	var notes xmlfile.Notes
	notes.Begin(p.sink)
	if s.message == "" {
		s.message = p.failed[s.number]
	}
	notes.AddString("message", xmlfile.PlainText, s.message, 0)
	r := report.Record{
		ID:     p.sink.Text(strings.TrimSpace(s.name), s.place, report.KindXML, "name of a suite"),
		Status: report.Fail, Complete: complete,
	}
	notes.Into(&r)
	return p.sink.Test(&r)
}

// finish keeps what Robot has reported of the run as a whole.
func (p *pass) finish() {
	if p.counted > 0 && !p.anyRed {
		p.sink.Damage(p.countedAt, report.KindVerdict, "the statistics count %d failed tests, and no test in the file has failed", p.counted)
	}
	if len(p.errors.text) == 0 || p.sink.Limits.RunAttachments < 1 {
		return
	}
	size := int64(len(p.errors.text)) + p.errors.lost
	p.sink.Report.Attachments = append(p.sink.Report.Attachments, report.RunAttachment{Attachment: report.Attachment{
		Name: "errors", MIME: xmlfile.PlainText, Size: size, Data: p.errors.text, Truncated: p.errors.lost > 0,
	}})
}
