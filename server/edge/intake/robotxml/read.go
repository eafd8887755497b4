package robotxml

import (
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// pass is the second reading of a file.
type pass struct {
	sink   *report.Sink
	failed map[int]string // suites whose teardown has failed, by number
	begun  int

	suites []suite // that are open
	test   test
	text   collected
	errors journal // of the whole run

	counted   int64 // failed tests by the statistics
	countedAt int64
	anyRed    bool
}

// suite is one that is open.
type suite struct {
	number, depth int
	name          string // with those of the suites that it is in
	place         int64

	status, message string
	red             bool // a test in it has failed
}

// test is the open one.
type test struct {
	depth int // 0 if there is none
	place int64
	rec   report.Record
	notes xmlfile.Notes
	tags  []string

	status, message string
	log             journal
}

// journal is messages, one behind the other.
type journal struct {
	text []byte
	lost int64
}

func (j *journal) add(level, text string, most int) {
	line := level + ": " + text + "\n"
	short, _ := report.Cut(line, max(0, most-len(j.text)))
	j.text = append(j.text, short...)
	j.lost += int64(len(line) - len(short))
}

// collected is the element whose text is being collected.
type collected struct {
	depth       int // 0 if there is none
	name, level string
	text        xmlfile.Text
}

func (p *pass) Start(e *xmlfile.Element) error {
	above := e.Above()
	switch e.Name {
	case "robot":
		if e.Depth == 1 {
			xmlfile.Writer(p.sink, e.Attr("generator"))
		}
	case "suite":
		if above == "suite" || above == "robot" {
			p.startSuite(e)
		}
	case "test":
		if above == "suite" && p.test.depth == 0 {
			return p.startTest(e)
		}
	case "status":
		p.startStatus(e)
	case "tag":
		if d := e.Depth - p.test.depth; p.test.depth > 0 && (d == 1 || d == 2 && above == "tags") {
			p.collect(e)
		}
	case "stat":
		if n, err := strconv.ParseUint(strings.TrimSpace(e.Attr("fail")), 10, 31); err == nil && above == "total" {
			p.counted, p.countedAt = p.counted+int64(n), e.Place
		}
	case "msg":
		level := e.Attr("level")
		if level == "FAIL" || level == "WARN" || level == "ERROR" {
			if p.test.depth > 0 || above == "errors" {
				p.collect(e)
				p.text.level = level
			}
		}
	}
	return nil
}

func (p *pass) collect(e *xmlfile.Element) {
	p.text = collected{depth: e.Depth, name: e.Name, text: p.text.text}
	e.Collect(&p.text.text)
}

func (p *pass) startSuite(e *xmlfile.Element) {
	s := suite{number: p.begun, depth: e.Depth, name: e.Attr("name"), place: e.Place}
	p.begun++
	if n := len(p.suites); n > 0 {
		s.name = p.suites[n-1].name + "." + s.name
	}
	s.name, _ = report.Cut(s.name, 2*p.sink.Limits.IDBytes) // what is longer is cut with damage later
	p.suites = append(p.suites, s)
}

func (p *pass) startTest(e *xmlfile.Element) error {
	if err := p.sink.Begin(e.Place); err != nil {
		return err
	}
	t := &p.test
	*t = test{depth: e.Depth, place: e.Place, notes: t.notes, log: journal{text: t.log.text[:0]}, tags: t.tags[:0]}
	t.notes.Begin(p.sink)
	name := e.Attr("name")
	if n := len(p.suites); n > 0 {
		name = p.suites[n-1].name + "." + name
		t.rec.Suite, _ = report.Cut(p.suites[n-1].name, p.sink.Limits.IDBytes)
	}
	t.rec.ID = p.sink.Text(strings.TrimSpace(name), e.Place, report.KindXML, "test id")
	return nil
}

// startStatus takes the status of the open test, or else of the innermost suite.
// Those of keywords stand further inside.
func (p *pass) startStatus(e *xmlfile.Element) {
	status := strings.TrimSpace(e.Attr("status"))
	switch n := len(p.suites); {
	case p.test.depth > 0 && e.Depth == p.test.depth+1:
		p.test.status = status
		p.times(e)
	case p.test.depth == 0 && n > 0 && e.Depth == p.suites[n-1].depth+1:
		p.suites[n-1].status = status
	default:
		return
	}
	p.collect(e)
}

// times takes start and length of the open test. Before schema 5 there were two
// times instead.
func (p *pass) times(e *xmlfile.Element) {
	r := &p.test.rec
	if !e.Has("starttime") {
		r.Start = xmlfile.Time(e.Attr("start"))
		xmlfile.Duration(r, e.Attr("elapsed"), p.sink)
		return
	}
	r.Start, r.Stop = xmlfile.Time(e.Attr("starttime")), xmlfile.Time(e.Attr("endtime"))
	switch {
	case r.Start.IsZero() || r.Stop.IsZero():
	case r.Stop.Before(r.Start):
		r.Stop = r.Start
		p.sink.BadDuration()
	default:
		r.Duration, r.HasDuration = r.Stop.Sub(r.Start), true
	}
}

func (p *pass) End(e xmlfile.Ended) error {
	n := len(p.suites)
	switch {
	case e.Depth == p.text.depth:
		p.endText()
	case e.Depth == p.test.depth:
		return p.endTest(e.Complete)
	case n > 0 && e.Depth == p.suites[n-1].depth:
		return p.endSuite(e.Complete)
	}
	return nil
}

func (p *pass) endText() {
	c, t := &p.text, &p.test
	c.depth = 0
	text := strings.TrimSpace(c.text.String())
	switch {
	case c.name == "tag":
		t.tags = append(t.tags, text)
	case c.name == "msg" && t.depth > 0:
		t.log.add(c.level, text, p.sink.Limits.InlineBytes)
	case c.name == "msg":
		p.errors.add(c.level, text, p.sink.Limits.InlineBytes)
	case t.depth > 0:
		t.message = text
	case len(p.suites) > 0:
		p.suites[len(p.suites)-1].message = text
	}
}
