package subunit

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// junitReader reads JUnit's XML. There is no schema for it; what all writers
// agree on is testcase elements with classname and name, at any depth, and a
// child that says what went wrong. An error of a suite itself, such as a fixture's,
// is a failed test of the suite's name. Document types are refused, and with them
// all entities but XML's own.
//
// Faults are stepped over where one can: a tag that is none is left out, an end
// tag that is missing is added, and what follows the outermost element is read as
// a further document. All of them are damage.
type junitReader struct {
	*sink
	w    *window
	trim *xmlTrimmer
	dec  *xml.Decoder
	base int64

	tagLost     int64 // what the trimmer left out of the token at hand
	tagControls int64 // and how many characters it replaced in it

	open   []element
	rooted bool  // an outermost element was seen
	stray  int   // depth of an outermost element that is no report, 0 if there is none
	counts int64 // errors and failures that the outermost element says
	rootAt int64
	red    bool // a test in the document at hand has not passed

	rec       Record
	caseDepth int       // depth of the open testcase, 0 if there is none
	status    [2]string // its attributes status and result
	told      told      // what its children said
	dropped   int       // texts that were one too many, in all testcases

	child junitChild
}

// maxFaults is how many faults are stepped over; a step costs as much as some
// hundred bytes that are fine.
const maxFaults = 1 << 18

// element is one that is open.
type element struct {
	name  xml.Name
	suite string // name of the suite, if it is one

	rec  *Record // of the suite's own errors, nil without one
	told told
}

// told is what the children of a test have said.
type told struct {
	failures int // failure and error elements
	skips    int
	room     int // bytes of text that may still be kept
}

// junitChild is the open failure, error or skipped.
type junitChild struct {
	depth int     // 0 if there is none
	of    *Record // the test that it is about
	told  *told

	text     Attachment
	blank    bool   // only white space so far
	note     string // what to show when it stays blank
	lost     int64  // what the trimmer had left out before the text
	noteLost int64  // what it left out of the note
}

func newJUnitReader(s *sink, w *window) *junitReader {
	return &junitReader{sink: s, w: w}
}

func (j *junitReader) read() error {
	head, err := j.w.view(0, declarationBytes)
	if err != nil {
		return err
	}
	head = bytes.Clone(head[:min(len(head), declarationBytes)])
	if bytes.HasPrefix(head, utf8Mark) {
		j.base, head = int64(len(utf8Mark)), head[len(utf8Mark):]
	}
	text, name, ok := toUTF8(head, io.NewSectionReader(j.w.r, j.base, j.w.size-j.base))
	if !ok {
		name, _ = repair(name)
		j.damage(j.base, KindXML, "the encoding "+quote(name)+" is not supported")
		return nil
	}
	j.trim = newXMLTrimmer(j.sink, j.base, j.w.size, text, j.lim.InlineBytes, max(j.lim.TokenBytes, int(min(j.lim.AttachmentBytes, math.MaxInt32))))
	if err := j.tokens(); err != nil {
		return err
	}
	if j.dropped > 0 {
		j.warnf("a test has more than %d attachments; the rest is not listed", j.lim.TestAttachments)
	}
	if j.trim.controls > 0 {
		j.warnf("%d characters that XML forbids were replaced; the first stands at byte %d", j.trim.controls, j.trim.firstAt)
	}
	return nil
}

// decoder returns a new one that goes on where the trimmer stands.
func (j *junitReader) decoder() *xml.Decoder {
	dec := xml.NewDecoder(j.trim)
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 by now
	return dec
}

// tokens reads the whole input.
func (j *junitReader) tokens() error {
	j.dec = j.decoder()
	for {
		lost, controls := j.trim.lost, j.trim.controls
		tok, err := j.dec.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			err = j.broken(err)
		} else {
			j.tagLost, j.tagControls = j.trim.lost-lost, j.trim.controls-controls
			err = j.token(tok)
		}
		if err == nil && j.report.DamageCount > maxFaults {
			err = j.stop("so many faults that the rest is not read")
		}
		if errors.Is(err, errStop) {
			return j.closeTo(0, false)
		}
		if err != nil {
			return err
		}
	}
	if len(j.open) > 0 {
		j.damage(j.offset(), KindXML, "not XML: it ends too early")
	}
	return j.closeTo(0, false)
}

// offset is the place in the input up to which the decoder has read. Of an
// encoding other than UTF-8 it counts the bytes as UTF-8.
func (j *junitReader) offset() int64 {
	return min(j.base+j.trim.in, j.w.size)
}

// broken turns an error of the decoder into damage and goes on with a new one.
func (j *junitReader) broken(err error) error {
	if j.trim.fault.err != nil {
		return j.trim.fault.err
	}
	if j.trim.ended && len(j.open) > 0 {
		j.dec = j.decoder() // whose end of the input is the same damage
		return nil
	}
	reason := err.Error()
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		reason = syntax.Msg
	}
	reason, _ = cut("not XML: "+reason, 200)
	reason, _ = repair(reason)
	j.damage(j.offset(), KindXML, reason)
	if !j.trim.resync() && j.trim.fault.err != nil {
		return j.trim.fault.err
	}
	j.dec = j.decoder()
	return nil
}

func (j *junitReader) stop(reason string) error {
	j.damage(j.offset(), KindXML, reason)
	return errStop
}

func (j *junitReader) token(tok xml.Token) error {
	switch tok := tok.(type) {
	case xml.StartElement:
		if len(j.open) >= j.lim.Depth {
			return j.stop("nested deeper than " + itoa(j.lim.Depth))
		}
		j.open = append(j.open, element{name: tok.Name})
		return j.startElement(tok)
	case xml.EndElement:
		return j.endElement(tok.Name)
	case xml.CharData:
		j.charData(tok)
	case xml.Directive:
		return j.stop("a document type is refused")
	}
	return nil
}

// isSuite reports whether an element holds tests.
func isSuite(name string) bool { return name == "testsuites" || name == "testsuite" }

func (j *junitReader) startElement(el xml.StartElement) error {
	name, depth := el.Name.Local, len(j.open)
	if depth == 1 {
		if err := j.startRoot(el); err != nil {
			return err
		}
	}
	above := &j.open[max(0, depth-2)]
	switch {
	case j.stray > 0:
	case name == "testcase":
		if j.caseDepth > 0 {
			j.damage(j.offset(), KindXML, "a testcase inside a testcase; the outer one ends there")
			if err := j.finish(false); err != nil {
				return err
			}
		}
		return j.startCase(el)
	case isSuite(name):
		j.open[depth-1].suite = attribute(el, "name")
		if j.caseDepth > 0 {
			j.damage(j.offset(), KindXML, "a testsuite inside a testcase; that ends there")
			return j.finish(false)
		}
	case j.caseDepth > 0 && depth == j.caseDepth+1:
		if name == "failure" || name == "error" || name == "skipped" {
			j.startChild(el, &j.rec, &j.told)
		}
	case j.caseDepth == 0 && depth > 1 && isSuite(above.name.Local) && (name == "failure" || name == "error"):
		return j.suiteError(el, above)
	}
	return nil
}

// startRoot begins a document.
func (j *junitReader) startRoot(el xml.StartElement) error {
	name := el.Name.Local
	known := isSuite(name) || name == "testcase"
	if j.rooted {
		j.damage(j.offset(), KindXML, "bytes after the end of the XML document")
		if !known {
			j.stray = 1
		}
	} else if !known {
		return j.stop("no JUnit report: the outermost element is " + quote(name))
	}
	j.rooted, j.red, j.counts, j.rootAt = true, false, 0, j.offset()
	if isSuite(name) {
		for _, what := range []string{"errors", "failures"} {
			n, err := strconv.ParseInt(strings.TrimSpace(attribute(el, what)), 10, 32)
			if err == nil && n > 0 {
				j.counts += n
			}
		}
	}
	return nil
}

// suiteError begins an error that stands in a suite and belongs to no test, as
// that of a fixture does. All of one suite are one failed test of its name.
func (j *junitReader) suiteError(el xml.StartElement, suite *element) error {
	if suite.suite == "" {
		j.damage(j.offset(), KindXML, "an error of a suite that has no name")
		return nil
	}
	if suite.rec == nil {
		at := j.offset()
		if err := j.begin(at); err != nil {
			return err
		}
		suite.rec = &Record{ID: j.text(suite.suite, at, KindXML, "name of a suite"), Status: Fail}
		suite.told = told{room: j.lim.InlineBytes}
	}
	j.startChild(el, suite.rec, &suite.told)
	return nil
}

func attribute(el xml.StartElement, name string) string {
	for _, a := range el.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// startCase begins a test. Until something else is seen it has passed.
func (j *junitReader) startCase(el xml.StartElement) error {
	at := j.offset()
	if err := j.begin(at); err != nil {
		return err
	}
	id := attribute(el, "name")
	if class := attribute(el, "classname"); class != "" {
		id = class + "." + id
	}
	j.caseDepth = len(j.open)
	j.told = told{room: j.lim.InlineBytes}
	j.status = [2]string{attribute(el, "status"), attribute(el, "result")}
	j.rec = Record{ID: j.text(id, at, KindXML, "test id"), Status: Success}
	if j.tagControls > 0 {
		j.damage(at, KindXML, "test id holds characters that XML forbids")
	}
	text := attribute(el, "time")
	if text == "" {
		return nil
	}
	length, ok := parseSeconds(text)
	if !ok {
		j.badDuration()
		return nil
	}
	j.rec.Duration, j.rec.HasDuration = length, true
	return nil
}

// parseSeconds reads "1.5", "1,234.5" (Ant groups thousands) and "1,5" (as other
// locales print it).
func parseSeconds(text string) (time.Duration, bool) {
	separator := ""
	if !strings.Contains(text, ".") {
		separator = "."
	}
	seconds, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", separator), 64)
	length, ok := lengthOf(seconds)
	return length, ok && err == nil
}

// startChild begins an element that explains the outcome of a test.
func (j *junitReader) startChild(el xml.StartElement, of *Record, says *told) {
	var n int // how many of its kind the test has by now
	name, mime := "traceback", "text/x-traceback;charset=utf8"
	if el.Name.Local == "skipped" {
		name, mime = "reason", "text/plain;charset=utf8"
		if of.Status != Fail {
			of.Status = Skip
		}
		says.skips++
		n = says.skips
	} else {
		of.Status = Fail
		says.failures++
		n = says.failures
	}
	if n > 1 {
		name += "-" + itoa(n)
	}
	note := attribute(el, "message")
	if note == "" {
		note = attribute(el, "type")
	}
	j.child = junitChild{
		depth: len(j.open), of: of, told: says,
		text: Attachment{Name: name, MIME: mime}, blank: true, note: note, lost: j.trim.lost, noteLost: j.tagLost,
	}
}

func (j *junitReader) charData(text []byte) {
	blank := len(bytes.TrimSpace(text)) == 0
	if len(j.open) == 0 && !blank {
		j.damage(j.offset(), KindXML, "text outside of the XML document")
	}
	if j.child.depth == 0 || len(j.open) != j.child.depth {
		return
	}
	j.child.blank = j.child.blank && blank
	j.child.fill(string(text))
}

// fill adds text to the attachment at hand, up to the limit.
func (c *junitChild) fill(text string) {
	c.text.Size += int64(len(text))
	if c.text.Truncated {
		return
	}
	text, c.text.Truncated = cut(text, c.told.room)
	c.text.Data = append(c.text.Data, text...)
	c.told.room -= len(text)
}

// endElement closes the element of that name, and those inside it that were not
// closed.
func (j *junitReader) endElement(name xml.Name) error {
	depth := len(j.open)
	for depth > 0 && j.open[depth-1].name != name {
		depth--
	}
	if depth == 0 {
		j.damagef(j.offset(), KindXML, "not XML: an end tag </%s> that ends nothing", shortName(name))
		return nil
	}
	if depth < len(j.open) {
		j.damagef(j.offset(), KindXML, "not XML: an element <%s> that </%s> ends", shortName(j.open[len(j.open)-1].name), shortName(name))
		if err := j.closeTo(depth, false); err != nil {
			return err
		}
	}
	return j.closeTo(depth-1, true)
}

func shortName(name xml.Name) string {
	short, _ := cut(name.Local, 80)
	return short
}

// closeTo closes elements until only depth of them are open; complete says that
// their end tags were there.
func (j *junitReader) closeTo(depth int, complete bool) error {
	for len(j.open) > depth {
		if err := j.closeOne(complete); err != nil {
			return err
		}
		j.open[len(j.open)-1] = element{}
		j.open = j.open[:len(j.open)-1]
	}
	return nil
}

func (j *junitReader) closeOne(complete bool) error {
	depth := len(j.open)
	if j.child.depth == depth {
		j.endChild()
	}
	if j.caseDepth == depth {
		if err := j.finish(complete); err != nil {
			return err
		}
	}
	if rec := j.open[depth-1].rec; rec != nil {
		j.red = true
		rec.Complete = complete
		if err := j.deliver(rec); err != nil {
			return err
		}
	}
	if depth == 1 {
		if complete && j.counts > 0 && !j.red {
			j.damagef(j.rootAt, KindXML, "the report counts %d errors and failures, and no test in it has failed", j.counts)
		}
		j.stray = 0
	}
	return nil
}

func (j *junitReader) endChild() {
	c := &j.child
	c.depth = 0
	lost := j.trim.lost - c.lost
	if c.blank {
		c.told.room += len(c.text.Data)
		c.text.Data, c.text.Size, c.text.Truncated = nil, 0, false
		c.fill(c.note)
		lost += c.noteLost
	}
	if lost > 0 {
		c.text.Size += lost
		c.text.Truncated = true
	}
	if c.text.Size == 0 {
		return
	}
	if len(c.of.Attachments) >= j.lim.TestAttachments {
		j.dropped++
		return
	}
	if c.text.Data == nil {
		c.text.Data = []byte{} // there is no room left, and there are no spans
	}
	c.of.Attachments = append(c.of.Attachments, c.text)
}

// finish delivers the open test. Without a child that says how it ended its
// attributes do, if they can. One that was cut off has failed if that was said,
// and is otherwise unknown.
func (j *junitReader) finish(complete bool) error {
	if j.child.depth > 0 {
		j.endChild()
	}
	if j.told.failures+j.told.skips == 0 {
		switch {
		case failWord(j.status[0]) || failWord(j.status[1]):
			j.rec.Status = Fail
		case skipWord(j.status[0]) || skipWord(j.status[1]):
			j.rec.Status = Skip
		}
	}
	if !complete && j.rec.Status != Fail {
		j.rec.Status = Unknown
	}
	j.red = j.red || j.rec.Status.Failed()
	j.rec.Complete = complete
	j.caseDepth = 0
	return j.deliver(&j.rec)
}
