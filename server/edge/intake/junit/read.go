package junit

import (
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// pass is one reading of a file.
type pass struct {
	sink *report.Sink
	run  xmlfile.Notes // what suites have written

	rootAt int64
	cases  int    // testcases of the document at hand
	other  string // the first element in it that may hold tests and is not JUnit's
	counts int64  // errors and failures that the outermost element says
	tries  int64  // failed attempts of tests that have passed at last; Surefire 3 counts them as failures too
	red    bool   // a test in the document at hand has not passed
	mocha  bool   // mocha-junit-reporter has written it
	listed bool   // googletest has written it for --gtest_list_tests, which runs nothing

	suites []suite // that are open
	test   test
	why    child // that is open
	output output
}

// suite is one that is open.
type suite struct {
	depth      int
	name, host string

	errors  *failures // of its own, nil without one
	carried []uint64  // what its failed tests say, by hash
}

// failures are the errors of a suite.
type failures struct {
	place int64
	notes xmlfile.Notes
	count int
	say   []uint64 // the first of them, by hash
}

// test is the open testcase.
type test struct {
	depth  int // 0 if there is none
	place  int64
	rec    report.Record
	notes  xmlfile.Notes
	status [3]string // its attributes status, result and outcome

	failures, skips int // elements
	reruns, flakes  int // attempts that are not the deciding one
	xfail, todo     bool
}

// output is an open system-out or system-err, or a property whose value is text.
type output struct {
	depth    int
	name     string
	property bool
	text     xmlfile.Text
}

// isSuite reports whether an element holds tests.
func isSuite(name string) bool { return name == "testsuites" || name == "testsuite" }

func (p *pass) damage(at int64, format string, args ...any) {
	p.sink.Damage(at, report.KindXML, format, args...)
}

func (p *pass) Start(e *xmlfile.Element) error {
	if e.Depth == 1 {
		p.startRoot(e)
	}
	switch {
	case e.Name == "testcase":
		if p.test.depth > 0 {
			p.damage(e.Place, "a testcase inside a testcase; the outer one ends there")
			if err := p.finish(false); err != nil {
				return err
			}
		}
		return p.startTest(e)
	case isSuite(e.Name):
		if p.test.depth > 0 {
			p.damage(e.Place, "a testsuite inside a testcase; that ends there")
			if err := p.finish(false); err != nil {
				return err
			}
		}
		p.startSuite(e)
	case p.test.depth > 0:
		p.inTest(e)
	case isSuite(e.Above()):
		p.inSuite(e)
	default:
		p.lost(e)
	}
	return nil
}

// lost is damage where something has failed that is neither a test nor a suite, such as
// a step. What stands in an output is text that was not escaped.
func (p *pass) lost(e *xmlfile.Element) {
	if k, known := kindOf(e.Name); known && k == failed && e.Above() != "properties" && p.output.depth == 0 && p.why.depth == 0 {
		p.damage(e.Place, "an element %s in %s, of which it is not known what has failed", report.Quote(e.Name), report.Quote(e.Above()))
	}
}

// startRoot begins a document.
func (p *pass) startRoot(e *xmlfile.Element) {
	p.rootAt, p.counts, p.tries, p.red, p.cases, p.other = e.Place, 0, 0, false, 0, ""
	p.mocha = e.Name == "testsuites" && e.Attr("name") == "Mocha Tests"
	p.listed = e.Name == "testsuites" && e.Attr("name") == "AllTests" && !e.Has("failures") && !e.Has("errors") && !e.Has("time")
	if !isSuite(e.Name) {
		return
	}
	for _, what := range []string{"errors", "failures"} {
		n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(e.Attr(what)), ",", ""), 10, 32)
		if err == nil && n > 0 {
			p.counts += n
		}
	}
}

func (p *pass) startSuite(e *xmlfile.Element) {
	if strings.Contains(e.Attr("xsi:noNamespaceSchemaLocation"), "surefire") {
		xmlfile.Writer(p.sink, "Maven Surefire")
	}
	xmlfile.Writer(p.sink, writers[e.Attr("name")])
	s := suite{depth: e.Depth, name: suiteName(e.Attr("name")), host: strings.TrimSpace(e.Attr("hostname"))}
	if n := len(p.suites); s.host == "" && n > 0 {
		s.host = p.suites[n-1].host
	}
	p.suites = append(p.suites, s)
}

// startTest begins a test. Until something else is seen it has passed.
func (p *pass) startTest(e *xmlfile.Element) error {
	if err := p.sink.Begin(e.Place); err != nil {
		return err
	}
	p.cases++
	t := &p.test
	*t = test{depth: e.Depth, place: e.Place, notes: t.notes, status: [3]string{e.Attr("status"), e.Attr("result"), e.Attr("outcome")}}
	if t.status[2] == "" && strings.EqualFold(e.Attr("success"), "false") {
		t.status[2] = "failed"
	}
	t.notes.Begin(p.sink)
	t.rec = report.Record{
		ID:    p.sink.Text(idOf(e.Attr("classname"), e.Attr("name"), p.mocha), e.Place, report.KindXML, "test id"),
		Start: xmlfile.Time(e.Attr("timestamp")),
		Flaky: strings.EqualFold(e.Attr("flaky"), "true"),
	}
	if n := len(p.suites); n > 0 {
		s := p.suites[n-1]
		t.rec.Suite, t.rec.Host = p.short(s.name), p.short(s.host)
	}
	if e.Forbidden("name") || e.Forbidden("classname") {
		p.damage(e.Place, "test id holds characters that XML forbids")
	}
	xmlfile.Duration(&t.rec, e.Attr("time"), p.sink)
	e.Attrs(func(name, value string) {
		if !known[name] && !strings.HasPrefix(name, "xml") {
			t.notes.Property(name, value)
		}
	})
	return nil
}

// known are the attributes of a testcase that are no property of the test. googletest
// before 1.8.1 writes a test's properties as further ones.
var known = map[string]bool{
	"name": true, "classname": true, "class": true, "time": true, "timestamp": true, "status": true, "result": true, "flaky": true,
	"file": true, "line": true, "assertions": true, "id": true, "hostname": true, "failure": true, "type": true, "duration": true,
}

// short is what an id may hold of a suite's name.
func (p *pass) short(name string) string {
	name, _ = report.Cut(name, p.sink.Limits.IDBytes)
	return name
}

// inTest takes an element in the open test.
func (p *pass) inTest(e *xmlfile.Element) {
	t := &p.test
	switch above := e.Above(); {
	case p.why.depth > 0 && e.Depth == p.why.depth+1:
		switch e.Name {
		case "stackTrace":
			e.Collect(&p.why.trace)
		case "system-out", "system-err":
			p.startOutput(e)
		}
	case e.Depth == t.depth+1:
		k, why := kindOf(e.Name)
		if e.Name == "warning" && strings.HasPrefix(e.Attr("type"), "PHPUnit") {
			k, why = failed, true // its run ends with an exit code that is not 0
		}
		switch {
		case why:
			p.explain(k, e)
		case e.Name == "system-out" || e.Name == "system-err" || e.Name == "warning":
			p.startOutput(e)
		}
	case e.Depth == t.depth+2 && (above == "failures" || above == "errors"):
		if k, why := kindOf(e.Name); why {
			p.explain(k, e)
		}
	case e.Depth == t.depth+2 && above == "properties" && e.Name == "property":
		if e.Has("value") {
			t.notes.Property(e.Attr("name"), e.Attr("value"))
			return
		}
		p.output = output{depth: e.Depth, name: e.Attr("name"), property: true, text: p.output.text}
		e.Collect(&p.output.text)
	default:
		p.lost(e)
	}
}

// inSuite takes an element that stands in a suite and is no test.
func (p *pass) inSuite(e *xmlfile.Element) {
	switch e.Name {
	case "system-out", "system-err":
		p.startOutput(e)
	case "failure", "error":
		s := &p.suites[len(p.suites)-1]
		if s.name == "" {
			p.damage(e.Place, "an error of a suite that has no name")
			return
		}
		p.explain(failed, e)
		if s.errors == nil {
			s.errors = &failures{place: e.Place}
			s.errors.notes.Begin(p.sink)
		}
		s.errors.count++
		p.why.suite = s.errors
	default:
		if p.other == "" && others[strings.ToLower(e.Name)] {
			p.other = e.Name
		}
	}
}

// others are elements of other formats that hold tests, and of JUnit's in another
// writing, in small letters.
var others = map[string]bool{
	"suite": true, "suites": true, "test-suite": true, "test_suite": true, "testsuite": true, "testsuites": true, "feature": true, "scenario": true,
	"test": true, "tests": true, "case": true, "cases": true, "test-case": true, "test_case": true, "testcase": true, "testcases": true, "results": true,
}

func (p *pass) startOutput(e *xmlfile.Element) {
	name := "stdout"
	switch e.Name {
	case "system-err":
		name = "stderr"
	case "warning": // PHPUnit before version 10
		name = "warning"
	}
	p.output = output{depth: e.Depth, name: name, text: p.output.text}
	e.Collect(&p.output.text)
}

func (p *pass) End(e xmlfile.Ended) error {
	switch {
	case e.Depth == p.output.depth:
		p.endOutput()
	case e.Depth == p.why.depth:
		p.endExplanation()
	case e.Depth == p.test.depth:
		if err := p.finish(e.Complete); err != nil {
			return err
		}
	case isSuite(e.Name):
		if err := p.endSuite(e.Complete); err != nil {
			return err
		}
	}
	if e.Depth == 1 && p.cases == 0 && p.other != "" { // such as libcheck's own XML
		p.damage(p.rootAt, "there is no testcase in it, and an element %s, which is not JUnit's", report.Quote(p.other))
	}
	if e.Depth == 1 && e.Complete && p.counts > 0 && p.counts != p.tries && !p.red {
		p.damage(p.rootAt, "the report counts %d errors and failures, and no test in it has failed", p.counts)
	}
	return nil
}

// endOutput keeps what a test or a suite has written, or the property that was
// written as text.
func (p *pass) endOutput() {
	o := &p.output
	o.depth = 0
	switch {
	case o.property:
		p.test.notes.Property(o.name, strings.TrimSpace(o.text.String()))
	case p.test.depth > 0:
		p.test.notes.Add(o.name, xmlfile.PlainText, &o.text)
	default:
		name := o.name
		if n := len(p.suites); n > 0 && p.suites[n-1].name != "" {
			name = p.short(p.suites[n-1].name + ": " + o.name)
		}
		p.run.Add(name, xmlfile.PlainText, &o.text)
	}
}
