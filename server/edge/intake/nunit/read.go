package nunit

import (
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// pass is one reading of a file.
type pass struct {
	sink *report.Sink

	result string // of the run
	rootAt int64
	red    bool

	suites []*suite // that are open
	test   test
	text   xmlfile.Text
	depth  int      // of the element whose text is collected, 0 if there is none
	as     string   // what the text becomes
	from   *details // whose it is
}

// details are what a test or a suite says of itself.
type details struct {
	depth  int // 0 if it is not open
	place  int64
	id     string
	result string
	notes  xmlfile.Notes
	tags   []string
}

type suite struct {
	details
	red bool // a test in it has failed
}

type test struct {
	details
	rec report.Record
}

func (p *pass) Start(e *xmlfile.Element) error {
	above := e.Above()
	switch e.Name {
	case "test-run":
		if e.Depth == 1 {
			p.result, p.rootAt, p.red = e.Attr("result"), e.Place, false
			if n, err := strconv.ParseUint(strings.TrimSpace(e.Attr("failed")), 10, 31); err == nil && n > 0 && statusOf(p.result) != report.Fail {
				p.result = "Failed" // what it counts says so
			}
			if version := e.Attr("engine-version"); version != "" {
				xmlfile.Writer(p.sink, "NUnit engine "+version)
			}
		}
	case "test-suite":
		if p.test.depth == 0 {
			p.startSuite(e)
		}
	case "test-case":
		if p.test.depth == 0 {
			return p.startTest(e)
		}
	case "property":
		if d := p.inner(); d != nil && e.Depth == d.depth+2 && above == "properties" {
			p.property(d, e.Attr("name"), e.Attr("value"))
		}
	default:
		p.startText(e, above)
	}
	return nil
}

// inner is the innermost thing that is open, nil without one.
func (p *pass) inner() *details {
	if p.test.depth > 0 {
		return &p.test.details
	}
	if n := len(p.suites); n > 0 {
		return &p.suites[n-1].details
	}
	return nil
}

// open begins a test or a suite.
func (p *pass) open(e *xmlfile.Element, id string) details {
	return details{depth: e.Depth, place: e.Place, id: strings.TrimSpace(id), result: e.Attr("result")}
}

func (p *pass) startSuite(e *xmlfile.Element) {
	id := e.Attr("fullname")
	if name := e.Attr("name"); id == "" || xmlfile.IsPath(id) {
		id = name // of an assembly the full name is a path
	}
	id, _ = report.Cut(id, 2*p.sink.Limits.IDBytes) // what is longer is cut with damage later
	s := &suite{details: p.open(e, id)}
	s.notes.Begin(p.sink)
	if n := len(p.suites); n > 0 {
		s.tags = append(s.tags, p.suites[n-1].tags...)
	}
	p.suites = append(p.suites, s)
}

func (p *pass) startTest(e *xmlfile.Element) error {
	if err := p.sink.Begin(e.Place); err != nil {
		return err
	}
	t := &p.test
	id := e.Attr("fullname")
	if id == "" {
		id = e.Attr("name")
	}
	notes, tags := t.notes, t.tags[:0]
	*t = test{details: p.open(e, id)}
	t.notes, t.tags = notes, tags
	t.notes.Begin(p.sink)
	if n := len(p.suites); n > 0 {
		t.tags = append(t.tags, p.suites[n-1].tags...)
		t.rec.Suite, _ = report.Cut(p.suites[n-1].id, p.sink.Limits.IDBytes)
	}
	r := &t.rec
	r.ID = p.sink.Text(t.id, e.Place, report.KindXML, "test id")
	r.Start, r.Stop = xmlfile.Time(e.Attr("start-time")), xmlfile.Time(e.Attr("end-time"))
	if r.Stop.Before(r.Start) {
		r.Stop = time.Time{}
	}
	xmlfile.Duration(r, e.Attr("duration"), p.sink)
	if label := e.Attr("label"); label != "" {
		t.notes.Property("label", label)
	}
	return nil
}

// property keeps a value. Categories of a fixture are those of its tests too.
func (p *pass) property(d *details, name, value string) {
	if name == "Category" {
		if len(d.tags) <= p.sink.Limits.TagsPerEvent {
			d.tags = append(d.tags, value)
		}
		return
	}
	d.notes.Property(name, value)
}

// startText takes an element whose text may be kept.
func (p *pass) startText(e *xmlfile.Element, above string) {
	d := p.inner()
	if d == nil || p.depth > 0 {
		return
	}
	deep := e.Depth - d.depth
	switch {
	case e.Name == "message" && deep == 2 && above == "reason":
		p.as = "reason"
		if statusOf(d.result) != report.Skip {
			p.as = "message"
		}
	case e.Name == "message" && (deep == 2 && above == "failure" || deep == 3 && above == "assertion"):
		p.as = "message"
	case e.Name == "stack-trace" && (deep == 2 && above == "failure" || deep == 3 && above == "assertion"):
		p.as = "traceback"
	case e.Name == "output" && deep == 1:
		p.as = "stdout"
	case e.Name == "filePath" && deep == 3 && above == "attachment":
		p.as = "file"
	default:
		return
	}
	p.depth, p.from = e.Depth, d
	e.Collect(&p.text)
}

func (p *pass) End(e xmlfile.Ended) error {
	n := len(p.suites)
	switch {
	case e.Depth == p.depth:
		p.endText()
	case e.Depth == p.test.depth:
		return p.endTest(e.Complete)
	case n > 0 && e.Depth == p.suites[n-1].depth:
		return p.endSuite(e.Complete)
	case e.Depth == 1 && e.Complete && !p.red && statusOf(p.result) == report.Fail:
		p.sink.Damage(p.rootAt, report.KindXML, "the result of the run is %s, and no test in it has failed", report.Quote(p.result))
	}
	return nil
}

// endText keeps what was collected. What an assertion says is mostly said by the
// failure too.
func (p *pass) endText() {
	notes := &p.from.notes
	p.depth, p.from = 0, nil
	switch {
	case p.as == "file":
		notes.Property("file", strings.TrimSpace(p.text.String()))
	case p.as == "traceback":
		notes.AddOnce(p.as, xmlfile.Traceback, &p.text)
	case p.as == "message":
		notes.AddOnce(p.as, xmlfile.PlainText, &p.text)
	default:
		notes.Add(p.as, xmlfile.PlainText, &p.text)
	}
}

// statusOf reads NUnit's TestStatus.
func statusOf(result string) report.Status {
	switch result {
	case "Passed", "Warning":
		return report.Success
	case "Failed":
		return report.Fail
	case "Skipped", "Inconclusive":
		return report.Skip
	}
	return report.Unknown
}

func (p *pass) endTest(complete bool) error {
	t := &p.test
	t.depth = 0
	r := &t.rec
	r.Status = statusOf(t.result)
	if r.Status == report.Unknown {
		p.sink.Warn("a test has the result %s, which means nothing to us", report.Quote(t.result))
	}
	if !complete && r.Status != report.Fail {
		r.Status = report.Unknown
	}
	r.Complete = complete && r.Status.Final()
	r.Tags = xmlfile.Tags(t.tags, t.place, p.sink)
	t.notes.Into(r)
	if r.Status.Failed() {
		p.markRed()
	}
	return p.sink.Test(r)
}

func (p *pass) markRed() {
	p.red = true
	for _, s := range p.suites {
		s.red = true
	}
}

// endSuite closes a suite. One that has failed though no test in it did is a failed
// test itself.
func (p *pass) endSuite(complete bool) error {
	n := len(p.suites)
	s := p.suites[n-1]
	p.suites = p.suites[:n-1]
	if s.red || statusOf(s.result) != report.Fail {
		return nil
	}
	p.markRed()
	if err := p.sink.Begin(s.place); err != nil {
		return err
	}
	r := report.Record{
		ID:     p.sink.Text(s.id, s.place, report.KindXML, "name of a suite"),
		Status: report.Fail, Complete: complete,
		Tags: xmlfile.Tags(s.tags, s.place, p.sink),
	}
	s.notes.Into(&r)
	return p.sink.Test(&r)
}
