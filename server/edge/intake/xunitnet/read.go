package xunitnet

import (
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// pass is one reading of a file.
type pass struct {
	sink    *report.Sink
	decoder *xmlfile.Decoder

	assembly assembly
	class    string // the open one, as version 1 has them
	test     test
	text     collected
}

// assembly is the open one.
type assembly struct {
	depth  int // 0 if there is none
	place  int64
	counts int64 // tests and other things that it says have failed
	red    bool
}

// test is the open test, or the open error of an assembly.
type test struct {
	depth int // 0 if there is none
	place int64
	rec   report.Record
	notes xmlfile.Notes
	tags  []string
}

// collected is the element whose text is being collected.
type collected struct {
	depth    int // 0 if there is none
	as, mime string
	file     bool
	text     xmlfile.Text
}

func (p *pass) Start(e *xmlfile.Element) error {
	above := e.Above()
	switch {
	case e.Name == "assembly" && (e.Depth == 1 || e.Depth == 2 && above == "assemblies"):
		p.startAssembly(e)
	case p.test.depth > 0:
		p.inTest(e, above)
	case e.Name == "class":
		p.class = e.Attr("name")
	case e.Name == "failure" && above == "class":
		return p.startError(e, p.class, "exception-type") // version 1: the fixture of the class
	case e.Name == "test":
		return p.startTest(e)
	case e.Name == "error" && above == "errors":
		return p.startError(e, e.Attr("name"), "type") // the clean-up of a class, or the run itself
	}
	return nil
}

func (p *pass) startAssembly(e *xmlfile.Element) {
	p.assembly = assembly{depth: e.Depth, place: e.Place}
	xmlfile.Writer(p.sink, e.Attr("test-framework"))
	for _, what := range []string{"failed", "errors"} {
		if n, err := strconv.ParseInt(strings.TrimSpace(e.Attr(what)), 10, 32); err == nil && n > 0 {
			p.assembly.counts += n
		}
	}
}

func (p *pass) begin(e *xmlfile.Element, name string) error {
	if err := p.sink.Begin(e.Place); err != nil {
		return err
	}
	t := &p.test
	*t = test{depth: e.Depth, place: e.Place, notes: t.notes, tags: t.tags[:0]}
	t.notes.Begin(p.sink)
	t.rec.ID = p.sink.Text(strings.TrimSpace(name), e.Place, report.KindXML, "test id")
	return nil
}

func (p *pass) startTest(e *xmlfile.Element) error {
	if err := p.begin(e, e.Attr("name")); err != nil {
		return err
	}
	r := &p.test.rec
	r.Suite, _ = report.Cut(strings.TrimSpace(e.Attr("type")), p.sink.Limits.IDBytes)
	switch result := e.Attr("result"); result {
	case "Pass":
		r.Status = report.Success
	case "Fail":
		r.Status = report.Fail
	case "Skip", "NotRun":
		r.Status = report.Skip
	default:
		p.sink.Warn("a test has the result %s, which means nothing to us", report.Quote(result))
	}
	xmlfile.Duration(r, e.Attr("time"), p.sink)
	r.Start, r.Stop = xmlfile.Time(e.Attr("start-rtf")), xmlfile.Time(e.Attr("finish-rtf"))
	if r.Stop.Before(r.Start) {
		r.Stop = time.Time{}
	}
	return nil
}

// startError begins what went wrong beside the tests, which is called by the type of
// the error where it has no name.
func (p *pass) startError(e *xmlfile.Element, name, typed string) error {
	if strings.TrimSpace(name) == "" {
		name = e.Attr(typed)
	}
	err := p.begin(e, name)
	if err == nil {
		p.test.rec.Status = report.Fail
	}
	return err
}

// inTest takes an element in the open test.
func (p *pass) inTest(e *xmlfile.Element, above string) {
	t := &p.test
	deep := e.Depth - t.depth
	switch {
	case p.text.depth > 0:
	case deep == 1 && above == "failure" && e.Name == "message": // of a class
		p.collect(e, "message", xmlfile.PlainText)
	case deep == 1 && above == "failure" && e.Name == "stack-trace":
		p.collect(e, "traceback", xmlfile.Traceback)
	case deep == 1 && e.Name == "failure":
		if kind := e.Attr("exception-type"); kind != "" {
			t.notes.Property("exception-type", kind)
		}
	case deep == 1 && e.Name == "reason":
		p.collect(e, "reason", xmlfile.PlainText)
	case deep == 1 && e.Name == "output":
		p.collect(e, "stdout", xmlfile.PlainText)
	case deep == 2 && above == "failure" && e.Name == "message":
		p.collect(e, "message", xmlfile.PlainText)
	case deep == 2 && above == "failure" && e.Name == "stack-trace":
		p.collect(e, "traceback", xmlfile.Traceback)
	case deep == 2 && above == "warnings" && e.Name == "warning":
		p.collect(e, "warning", xmlfile.PlainText)
	case deep == 2 && above == "traits" && e.Name == "trait":
		p.trait(e.Attr("name"), e.Attr("value"))
	case deep == 2 && above == "attachments" && e.Name == "attachment":
		p.attachment(e)
	}
}

func (p *pass) collect(e *xmlfile.Element, as, mime string) {
	p.text = collected{depth: e.Depth, as: as, mime: mime, text: p.text.text}
	e.Collect(&p.text.text)
}

// trait makes a tag of a trait, which has a value; Category is the common one.
func (p *pass) trait(name, value string) {
	tag := name + "=" + value
	if name == "Category" || name == "" {
		tag = value
	}
	if len(p.test.tags) <= p.sink.Limits.TagsPerEvent {
		p.test.tags = append(p.test.tags, tag)
	}
}

// attachment begins a file, which is base64 when it has a media type.
func (p *pass) attachment(e *xmlfile.Element) {
	name := p.sink.Text(strings.TrimSpace(e.Attr("name")), e.Place, report.KindXML, "name of an attachment")
	if name == "" {
		name = "attachment"
	}
	mime := e.Attr("media-type")
	if mime == "" {
		p.collect(e, name, xmlfile.PlainText)
		return
	}
	p.collect(e, name, report.HeaderText(mime))
	p.text.file = true
}

func (p *pass) End(e xmlfile.Ended) error {
	switch {
	case e.Depth == p.text.depth:
		c := &p.text
		c.depth = 0
		if c.file {
			p.decoder.Add(&p.test.notes, c.as, c.mime, &c.text, false)
		} else {
			p.test.notes.Add(c.as, c.mime, &c.text)
		}
	case e.Depth == p.test.depth:
		return p.endTest(e.Complete)
	case e.Depth == p.assembly.depth:
		a := p.assembly
		p.assembly = assembly{}
		if e.Complete && a.counts > 0 && !a.red {
			p.sink.Damage(a.place, report.KindXML, "the assembly counts %d failures and errors, and no test in it has failed", a.counts)
		}
	}
	return nil
}

func (p *pass) endTest(complete bool) error {
	t := &p.test
	t.depth = 0
	r := &t.rec
	if !complete && r.Status != report.Fail {
		r.Status = report.Unknown
	}
	r.Complete = complete && r.Status.Final()
	r.Tags = xmlfile.Tags(t.tags, t.place, p.sink)
	t.notes.Into(r)
	p.assembly.red = p.assembly.red || r.Status.Failed()
	return p.sink.Test(r)
}
