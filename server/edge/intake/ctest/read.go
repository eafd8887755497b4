package ctest

import (
	"strings"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// pass is one reading of a file. Its tests stand at Site/Testing/Test, the list of
// all that should run before them at Site/Testing/TestList/Test.
type pass struct {
	sink    *report.Sink
	decoder *xmlfile.Decoder
	list    list

	test  test
	value value
	step  step
}

const testDepth = 3

// test is the open one.
type test struct {
	depth  int // 0 if there is none
	place  int64
	rec    report.Record
	notes  xmlfile.Notes
	tags   []string
	status string

	name, path, fullName string
	completion, exit     string // measurements that say how it ended
}

// value is the element whose text is being collected.
type value struct {
	depth            int // 0 if there is none
	element          string
	measured         measurement
	encoded, archive bool
	text             xmlfile.Text
}

// measurement is the open Measurement, which is the output, or NamedMeasurement.
type measurement struct {
	output            bool
	name, kind        string
	file              string
	encoding, packing string
}

func (p *pass) Start(e *xmlfile.Element) error {
	switch {
	case e.Depth == 1:
		xmlfile.Writer(p.sink, e.Attr("Generator"))
	case e.Name == "Test" && e.Depth == testDepth && (e.Above() == "Testing" || e.Above() == "DynamicAnalysis"):
		return p.startTest(e)
	case p.test.depth == 0 && p.inStep(e):
	case e.Name == "Test" && e.Above() == "TestList":
		p.collect(e)
	case p.test.depth == 0:
	case e.Name == "Measurement" || e.Name == "NamedMeasurement":
		p.value.measured = measurement{
			output: e.Name == "Measurement", name: e.Attr("name"), kind: e.Attr("type"), file: e.Attr("filename"),
			encoding: e.Attr("encoding"), packing: e.Attr("compression"),
		}
	case e.Name == "Value":
		p.collect(e)
		m := &p.value.measured
		for _, packing := range []string{m.packing, e.Attr("compression")} {
			p.value.archive = p.value.archive || packing != ""
		}
		p.value.encoded = m.encoding == "base64" || e.Attr("encoding") == "base64"
	case e.Depth == p.test.depth+1 && e.Name == "Log", e.Name == "Defect":
		p.value.measured = measurement{name: e.Attr("type")}
		p.collect(e)
	case e.Depth == p.test.depth+1 && (e.Name == "Name" || e.Name == "Path" || e.Name == "FullName"), e.Name == "Label":
		p.collect(e)
	}
	return nil
}

func (p *pass) startTest(e *xmlfile.Element) error {
	if err := p.sink.Begin(e.Place); err != nil {
		return err
	}
	t := &p.test
	*t = test{depth: e.Depth, place: e.Place, notes: t.notes, status: e.Attr("Status")}
	t.notes.Begin(p.sink)
	return nil
}

func (p *pass) collect(e *xmlfile.Element) {
	v := &p.value
	*v = value{depth: e.Depth, element: e.Name, measured: v.measured, text: v.text}
	e.Collect(&v.text)
}

func (p *pass) End(e xmlfile.Ended) error {
	switch {
	case e.Depth == p.value.depth:
		p.endValue(e)
	case e.Depth == p.test.depth:
		return p.endTest(e.Complete)
	case p.step.depth > 0 && e.Depth == p.step.depth:
		return p.endStep()
	case (e.Name == "Testing" || e.Name == "DynamicAnalysis") && e.Depth == testDepth-1:
		return p.endTesting(e.Place)
	}
	return nil
}

func (p *pass) endValue(e xmlfile.Ended) {
	v, t := &p.value, &p.test
	v.depth = 0
	if p.step.depth > 0 {
		p.stepText()
		return
	}
	text := func() string { return strings.TrimSpace(v.text.String()) }
	switch v.element {
	case "Test":
		p.list.add(text(), e.Place, p.sink)
	case "Name":
		t.name = text()
	case "Path":
		t.path = text()
	case "FullName":
		t.fullName = text()
	case "Label":
		t.tags = append(t.tags, text())
	case "Log": // of valgrind and the like
		t.notes.Add("log", xmlfile.PlainText, &v.text)
	case "Defect":
		t.notes.Property(v.measured.name, text())
	case "Value":
		p.measured()
	}
}

// measured takes what was measured: the output, a file, or a value with a name.
func (p *pass) measured() {
	v, t := &p.value, &p.test
	m := &v.measured
	switch text := strings.TrimSpace(v.text.String()); {
	case m.output && v.encoded:
		p.decoder.Add(&t.notes, t.outputName(), xmlfile.PlainText, &v.text, v.archive)
	case m.output:
		t.notes.Add(t.outputName(), xmlfile.PlainText, &v.text)
	case m.kind == "file" || v.encoded:
		p.file()
	case m.name == "Execution Time":
		xmlfile.Duration(&t.rec, text, p.sink)
	case text != "":
		switch m.name {
		case "Completion Status":
			t.completion = text
		case "Exit Code":
			t.exit = text
		}
		t.notes.Property(m.name, text)
	}
}

// file takes a file that a test has attached, or a picture that it has measured.
// A file is in a tar archive that is compressed, which stays as it is.
func (p *pass) file() {
	v, m := &p.value, &p.value.measured
	name, mime := m.file, "application/octet-stream"
	if name == "" {
		name = m.name
	}
	if name == "" {
		name = "file"
	}
	switch {
	case m.packing == "tar/gzip":
		name, mime = name+".tar.gz", "application/gzip"
	case strings.Contains(m.kind, "/"):
		mime = report.HeaderText(m.kind)
	}
	name = p.sink.Text(name, p.test.place, report.KindXML, "name of an attachment")
	if v.encoded {
		p.decoder.Add(&p.test.notes, name, mime, &v.text, v.archive && m.packing != "tar/gzip")
		return
	}
	p.test.notes.Add(name, mime, &v.text)
}

// outputName is what the output is called: of a test that was not run CTest
// writes the reason there.
func (t *test) outputName() string {
	switch t.outcome() {
	case report.Skip:
		return "reason"
	case report.Fail:
		if t.status == "notrun" {
			return "message"
		}
	}
	return "stdout"
}

func (t *test) outcome() report.Status {
	switch t.status {
	case "passed":
		return report.Success
	case "failed":
		return report.Fail
	case "notrun":
		if strings.HasPrefix(t.completion, "SKIP_") || t.completion == "Disabled" {
			return report.Skip
		}
		return report.Fail
	}
	return report.Unknown
}

func (p *pass) endTest(complete bool) error {
	t := &p.test
	t.depth = 0
	r := &t.rec
	r.Status = t.outcome()
	if r.Status == report.Unknown {
		p.sink.Warn("a test has the status %s, which means nothing to us", report.Quote(t.status))
	}
	if !complete && r.Status != report.Fail {
		r.Status = report.Unknown
	}
	if r.Status == report.Fail && t.status == "failed" && t.exit != "Failed" {
		t.notes.AddString("message", xmlfile.PlainText, t.exit, 0)
	}
	r.Complete = complete && r.Status.Final()
	r.ID = p.sink.Text(t.name, t.place, report.KindXML, "test id")
	if t.path != "." {
		r.Suite, _ = report.Cut(t.path, p.sink.Limits.IDBytes)
	}
	r.Tags = xmlfile.Tags(t.tags, t.place, p.sink)
	t.notes.Into(r)
	p.list.seen(t.fullName, t.path)
	return p.sink.Test(r)
}

// endTesting delivers the tests that were listed and not run.
func (p *pass) endTesting(at int64) error {
	rest := p.list
	p.list = list{}
	for _, name := range rest.names {
		if rest.run[name] {
			continue
		}
		if err := p.sink.Begin(at); err != nil {
			return err
		}
		id := p.sink.Text(rest.short(name), at, report.KindXML, "test id")
		if err := p.sink.Test(&report.Record{ID: id, Status: report.Exists, Complete: true}); err != nil {
			return err
		}
	}
	return nil
}
