package trx

import (
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// pass is the second reading of a file.
type pass struct {
	sink  *report.Sink
	known *definitions

	tests []*test // that are open: those of data rows stand in that of their method
	spare []*test
	red   bool
	ran   bool   // there is a part that tells of a run
	other string // the first part that is none of the schema's

	text    xmlfile.Text
	name    string // of the element whose text is collected
	depth   int    // of it, 0 if there is none
	summary summary
}

// test is one that is open.
type test struct {
	depth  int
	place  int64
	status report.Status
	rec    report.Record
	notes  xmlfile.Notes
}

// summary is what the file says of the run as a whole.
type summary struct {
	depth   int // 0 if there is none
	place   int64
	outcome string
	counted int64 // failed tests and the like that its counters say
	infos   []info
	open    *info // the RunInfo at hand
}

// info is something that has happened to the run.
type info struct{ outcome, text string }

// maxInfos is how many of them are looked at.
const maxInfos = 1000

// results are the elements that are a test. There are more types of results in
// the schema, all of which say the same of themselves.
func isResult(e *xmlfile.Element) bool {
	return strings.HasSuffix(e.Name, "Result") && (e.Above() == "Results" || e.Above() == "InnerResults") || e.Name == "TestResultAggregation" && e.Above() == "Results"
}

// parts are the elements of the outermost one (vstst.xsd, TestRunType), and whether
// they tell of a run.
var parts = map[string]bool{
	"Results": true, "ResultSummary": true, "TestDefinitions": true, "TestEntries": true,
	"Build": false, "TestLists": false, "TestRunConfiguration": false, "TestSettings": false, "Times": false,
}

func (p *pass) Start(e *xmlfile.Element) error {
	if e.Depth == 2 {
		ran, known := parts[e.Name]
		p.ran = p.ran || ran
		if !known && p.other == "" {
			p.other = e.Name
		}
	}
	switch {
	case isResult(e):
		return p.startTest(e)
	case e.Name == "ResultSummary" && e.Depth == 2:
		p.summary = summary{depth: e.Depth, place: e.Place, outcome: e.Attr("outcome")}
	case p.summary.depth > 0 && e.Name == "Counters":
		for _, what := range []string{"failed", "error", "timeout", "aborted", "notRunnable", "disconnected"} {
			if n, err := strconv.ParseUint(strings.TrimSpace(e.Attr(what)), 10, 31); err == nil {
				p.summary.counted += int64(n)
			}
		}
	case p.summary.depth > 0 && e.Name == "RunInfo":
		p.summary.open = &info{outcome: e.Attr("outcome")}
	case len(p.tests) > 0:
		p.inTest(e)
	case p.summary.depth > 0 && (e.Name == "Text" || e.Name == "StdOut"):
		p.collect(e)
	}
	return nil
}

func (p *pass) collect(e *xmlfile.Element) {
	p.name, p.depth = e.Name, e.Depth
	e.Collect(&p.text)
}

func (p *pass) startTest(e *xmlfile.Element) error {
	if err := p.sink.Begin(e.Place); err != nil {
		return err
	}
	t := &test{}
	if n := len(p.spare); n > 0 {
		t, p.spare = p.spare[n-1], p.spare[:n-1]
	}
	*t = test{depth: e.Depth, place: e.Place, notes: t.notes}
	t.notes.Begin(p.sink)
	p.tests = append(p.tests, t)

	definition := p.known.tests[idOf(e.Attr("testId"))]
	t.rec.ID = p.sink.Text(name(definition.class, e.Attr("testName")), e.Place, report.KindXML, "test id")
	t.rec.Suite, _ = report.Cut(definition.class, p.sink.Limits.IDBytes)
	if definition.tags != "" {
		t.rec.Tags = xmlfile.Tags(strings.Split(definition.tags, "\n"), e.Place, p.sink)
	}
	t.status = report.Fail // what is not written is the first word of the list, Error
	if e.Has("outcome") {
		t.status = p.statusOf(e.Attr("outcome"))
	}
	t.rec.Start, t.rec.Stop = xmlfile.Time(e.Attr("startTime")), xmlfile.Time(e.Attr("endTime"))
	if t.rec.Stop.Before(t.rec.Start) {
		t.rec.Stop = time.Time{}
	}
	if text := e.Attr("duration"); text != "" {
		length, ok := clock(text)
		if !ok {
			p.sink.BadDuration()
		}
		t.rec.Duration, t.rec.HasDuration = length, ok
	}
	return nil
}

// name makes the id of a test.
func name(class, test string) string {
	test = strings.TrimSpace(test)
	if class == "" || strings.HasPrefix(test, class+".") {
		return test
	}
	return class + "." + test
}

// statusOf reads an outcome of the schema's list (vstst.xsd, TestOutcome).
func (p *pass) statusOf(outcome string) report.Status {
	switch outcome {
	case "Passed", "PassedButRunAborted", "Warning", "Completed":
		return report.Success
	case "Failed", "Error", "Timeout", "Aborted", "Disconnected", "NotRunnable":
		return report.Fail
	case "NotExecuted", "Inconclusive", "Pending":
		return report.Skip
	case "InProgress":
		return report.InProgress
	}
	p.sink.Warn("a test has the outcome %s, which means nothing to us", report.Quote(outcome))
	return report.Unknown
}

// clock reads "00:01:02.5", and days in front of it as .NET writes them:
// "1.00:00:00".
func clock(text string) (time.Duration, bool) {
	parts := strings.Split(strings.TrimSpace(text), ":")
	if len(parts) != 3 {
		return 0, false
	}
	days, hours, dotted := strings.Cut(parts[0], ".")
	if !dotted {
		days, hours = "0", parts[0]
	}
	d, err1 := strconv.ParseUint(days, 10, 16)
	h, err2 := strconv.ParseUint(hours, 10, 16)
	m, err3 := strconv.ParseUint(parts[1], 10, 16)
	s, ok := report.ParseDuration(parts[2], time.Second)
	whole, fits := report.Duration(float64(d)*24+float64(h)+float64(m)/60, time.Hour)
	if err1 != nil || err2 != nil || err3 != nil || !ok || !fits {
		return 0, false
	}
	total := whole.Round(time.Minute) + s
	return total, total >= 0
}

// outputs are the elements whose text is kept, with the names that it gets.
var outputs = map[string]string{
	"StdOut": "stdout", "StdErr": "stderr", "DebugTrace": "debug", "Message": "message", "StackTrace": "traceback",
}

// inTest takes an element in the innermost open test.
func (p *pass) inTest(e *xmlfile.Element) {
	t := p.tests[len(p.tests)-1]
	switch _, output := outputs[e.Name]; {
	case output && p.depth == 0:
		p.collect(e)
	case e.Name == "ResultFile":
		t.notes.Property("file", e.Attr("path"))
	case e.Name == "UriAttachment" || e.Name == "A" && e.Above() == "UriAttachment":
		t.notes.Property("file", e.Attr("href"))
	}
}

func (p *pass) End(e xmlfile.Ended) error {
	n := len(p.tests)
	switch {
	case e.Depth == p.depth:
		p.depth = 0
		p.endText()
	case n > 0 && e.Depth == p.tests[n-1].depth:
		return p.endTest(e.Complete)
	case e.Name == "RunInfo" && p.summary.open != nil:
		if p.summary.infos = append(p.summary.infos, *p.summary.open); len(p.summary.infos) > maxInfos {
			p.summary.infos = p.summary.infos[:maxInfos]
		}
		p.summary.open = nil
	case e.Depth == 1:
		p.endRun()
		if p.other != "" && !p.ran { // such as CppUnit's and AUnit's own XML
			p.sink.Damage(e.Place, report.KindXML, "there are no Results in it, and an element %s, which is not TRX's", report.Quote(p.other))
		}
		p.ran, p.other = false, ""
	}
	return nil
}

// endText keeps what was collected.
func (p *pass) endText() {
	n := len(p.tests)
	switch {
	case n > 0:
		t := p.tests[n-1]
		as, mime := outputs[p.name], xmlfile.PlainText
		switch {
		case as == "traceback":
			mime = xmlfile.Traceback
		case as == "message" && t.status == report.Skip:
			as = "reason"
		}
		t.notes.Add(as, mime, &p.text)
	case p.name == "Text" && p.summary.open != nil:
		p.summary.open.text, _ = report.Cut(strings.TrimSpace(p.text.String()), 400)
	case p.name == "StdOut" && !p.text.Blank():
		p.runOutput()
	}
}

// runOutput keeps what the run has written.
func (p *pass) runOutput() {
	if len(p.sink.Report.Attachments) >= p.sink.Limits.RunAttachments {
		return
	}
	var notes xmlfile.Notes
	notes.Begin(p.sink)
	notes.Add("stdout", xmlfile.PlainText, &p.text)
	for _, a := range notes.Attachments {
		p.sink.Report.Attachments = append(p.sink.Report.Attachments, report.RunAttachment{Attachment: a})
	}
}

func (p *pass) endTest(complete bool) error {
	n := len(p.tests)
	t := p.tests[n-1]
	p.tests, p.spare = p.tests[:n-1], append(p.spare, t)
	if !complete && t.status != report.Fail && t.status != report.InProgress {
		t.status = report.Unknown
	}
	t.rec.Status, t.rec.Complete = t.status, complete && t.status.Final()
	t.notes.Into(&t.rec)
	p.red = p.red || t.status.Failed()
	return p.sink.Test(&t.rec)
}

// endRun is damage when the run has failed and no test in it did. When one did,
// what happened to the run is told without more: adapters note each failed test
// there as well.
func (p *pass) endRun() {
	s := p.summary
	failed := s.counted > 0
	switch s.outcome {
	case "Failed", "Aborted", "Error", "Timeout", "Disconnected", "NotRunnable", "InProgress":
		failed = true
	}
	say := []string{}
	for _, i := range s.infos {
		if i.outcome == "Error" || i.outcome == "Failed" || i.outcome == "Aborted" {
			failed = true
			say = append(say, i.text)
		}
	}
	switch text := strings.Join(say, "; "); {
	case !failed:
	case p.red && text != "":
		p.sink.Warn("the run says: %s", text)
	case p.red:
	case text == "":
		p.sink.Damage(s.place, report.KindXML, "the outcome of the run is %s with %d failed tests, and no test in it has failed", report.Quote(s.outcome), s.counted)
	default:
		p.sink.Damage(s.place, report.KindXML, "the run has failed: %s", text)
	}
	p.summary, p.red = summary{}, false
}
