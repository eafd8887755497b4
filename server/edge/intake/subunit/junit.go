package subunit

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// junitReader reads JUnit's XML. There is no schema for it; what all writers
// agree on is testcase elements with classname and name, at any depth, and a
// child that says what went wrong. Document types are refused, and with them
// all entities but XML's own.
type junitReader struct {
	*sink
	w    *window
	trim *xmlTrimmer
	dec  *xml.Decoder
	base int64

	depth  int
	rooted bool // the outermost element was seen

	rec       Record
	caseDepth int // depth of the open testcase, 0 if there is none
	failures  int // failure and error elements in it
	skips     int
	room      int // bytes of text that may still be kept of it
	dropped   int // texts that were one too many, in all testcases

	childDepth int // depth of the open failure, error or skipped, or 0
	child      Attachment
	childBlank bool   // only white space so far
	childNote  string // what to show when it stays blank
	childDrop  int64  // what the trimmer had dropped before it
}

func newJUnitReader(s *sink, w *window) *junitReader {
	return &junitReader{sink: s, w: w}
}

func (j *junitReader) read() error {
	head, err := j.w.view(0, len(utf8Mark))
	if err != nil {
		return err
	}
	if strings.HasPrefix(string(head), string(utf8Mark)) {
		j.base = int64(len(utf8Mark))
	}
	j.trim = newXMLTrimmer(io.NewSectionReader(j.w.r, j.base, j.w.size-j.base), j.lim.InlineBytes, j.lim.TokenBytes)
	j.dec = xml.NewDecoder(j.trim)
	j.dec.CharsetReader = charsetReader
	for {
		tok, err := j.dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			err = j.broken(err)
		} else {
			err = j.token(tok)
		}
		if errors.Is(err, errStop) {
			break
		}
		if err != nil {
			return err
		}
	}
	if j.dropped > 0 {
		j.warnf("a test has more than %d attachments; the rest is not listed", j.lim.TestAttachments)
	}
	if j.caseDepth > 0 {
		return j.finish(false)
	}
	return nil
}

// offset is the place in the input up to which the decoder has read.
func (j *junitReader) offset() int64 {
	return min(j.base+j.dec.InputOffset()+j.trim.dropped(), j.w.size)
}

// broken turns an error of the decoder into damage.
func (j *junitReader) broken(err error) error {
	if j.trim.fault.err != nil {
		return j.trim.fault.err
	}
	reason := err.Error()
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		reason = syntax.Msg
	}
	reason, _ = cut("not XML: "+reason, 200)
	reason, _ = repair(reason)
	return j.stop(reason)
}

func (j *junitReader) stop(reason string) error {
	j.damage(j.offset(), KindXML, reason)
	return errStop
}

func (j *junitReader) token(tok xml.Token) error {
	switch tok := tok.(type) {
	case xml.StartElement:
		j.depth++
		if j.depth > j.lim.Depth {
			return j.stop("nested deeper than " + itoa(j.lim.Depth))
		}
		return j.startElement(tok)
	case xml.EndElement:
		err := j.endElement()
		j.depth--
		return err
	case xml.CharData:
		return j.charData(tok)
	case xml.Directive:
		return j.stop("a document type is refused")
	}
	return nil
}

func (j *junitReader) startElement(el xml.StartElement) error {
	name := el.Name.Local
	if j.depth == 1 {
		if j.rooted {
			return j.stop("bytes after the end of the XML document")
		}
		j.rooted = true
		if name != "testsuites" && name != "testsuite" && name != "testcase" {
			return j.stop("no JUnit report: the outermost element is " + quote(name))
		}
	}
	switch {
	case name == "testcase" && j.caseDepth > 0:
		j.damage(j.offset(), KindXML, "a testcase inside a testcase is not read")
	case name == "testcase":
		return j.startCase(el)
	case j.caseDepth == 0 || j.depth != j.caseDepth+1:
	case name == "failure" || name == "error":
		j.rec.Status = Fail
		j.failures++
		j.startChild(el, "traceback", "text/x-traceback;charset=utf8", j.failures)
	case name == "skipped":
		if j.rec.Status != Fail {
			j.rec.Status = Skip
		}
		j.skips++
		j.startChild(el, "reason", "text/plain;charset=utf8", j.skips)
	}
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
	j.caseDepth, j.failures, j.skips, j.room = j.depth, 0, 0, j.lim.InlineBytes
	j.rec = Record{ID: j.text(id, at, KindXML, "test id"), Status: Success}
	text := attribute(el, "time")
	if text == "" {
		return nil
	}
	length, ok := parseSeconds(text)
	if !ok {
		j.damage(at, KindXML, "bad time")
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

// startChild begins the text that explains an outcome, the nth of its kind.
func (j *junitReader) startChild(el xml.StartElement, name, mime string, n int) {
	if n > 1 {
		name += "-" + itoa(n)
	}
	j.childDepth = j.depth
	j.child = Attachment{Name: name, MIME: mime}
	j.childBlank = true
	j.childNote = attribute(el, "message")
	if j.childNote == "" {
		j.childNote = attribute(el, "type")
	}
	j.childDrop = j.trim.dropped()
}

func (j *junitReader) charData(text []byte) error {
	blank := len(bytes.TrimSpace(text)) == 0
	if j.depth == 0 && !blank {
		return j.stop("text outside of the XML document")
	}
	if j.childDepth == 0 || j.depth != j.childDepth {
		return nil
	}
	j.childBlank = j.childBlank && blank
	j.fill(string(text))
	return nil
}

// fill adds text to the attachment at hand, up to the limit.
func (j *junitReader) fill(text string) {
	j.child.Size += int64(len(text))
	if j.child.Truncated {
		return
	}
	text, j.child.Truncated = cut(text, j.room)
	j.child.Data = append(j.child.Data, text...)
	j.room -= len(text)
}

func (j *junitReader) endElement() error {
	switch {
	case j.childDepth > 0 && j.depth == j.childDepth:
		j.endChild()
	case j.caseDepth > 0 && j.depth == j.caseDepth:
		return j.finish(true)
	}
	return nil
}

func (j *junitReader) endChild() {
	j.childDepth = 0
	if j.childBlank {
		j.room += len(j.child.Data)
		j.child.Data, j.child.Size, j.child.Truncated = nil, 0, false
		j.fill(j.childNote)
	}
	if dropped := j.trim.dropped() - j.childDrop; dropped > 0 {
		j.child.Size += dropped
		j.child.Truncated = true
	}
	if j.child.Size == 0 {
		return
	}
	if len(j.rec.Attachments) >= j.lim.TestAttachments {
		j.dropped++
		return
	}
	if j.child.Data == nil {
		j.child.Data = []byte{} // there is no room left, and there are no spans
	}
	j.rec.Attachments = append(j.rec.Attachments, j.child)
}

// finish delivers the open test. One that the end of the input cut off has
// failed if that was said, and is otherwise unknown.
func (j *junitReader) finish(complete bool) error {
	if !complete && j.childDepth > 0 {
		j.endChild()
	}
	if !complete && j.rec.Status != Fail {
		j.rec.Status = Unknown
	}
	j.rec.Complete = complete
	j.caseDepth, j.childDepth = 0, 0
	return j.deliver(&j.rec)
}

// charsetReader lets the decoder read the one other encoding that JUnit
// writers still use.
func charsetReader(charset string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "iso-8859-1", "latin1", "us-ascii", "ascii":
		return &latin1Reader{r: input.(io.ByteReader)}, nil
	}
	return nil, errors.New("the encoding " + quote(charset) + " is not supported")
}

// latin1Reader turns ISO 8859-1 into UTF-8. Like the trimmer below it, it does
// not read ahead.
type latin1Reader struct {
	r    io.ByteReader
	rest byte // second byte of a character, 0 if there is none
}

func (l *latin1Reader) ReadByte() (byte, error) {
	if c := l.rest; c != 0 {
		l.rest = 0
		return c, nil
	}
	c, err := l.r.ReadByte()
	if err != nil || c < 0x80 {
		return c, err
	}
	l.rest = 0x80 | c&0x3f
	return 0xc0 | c>>6, nil
}

func (l *latin1Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := l.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}
