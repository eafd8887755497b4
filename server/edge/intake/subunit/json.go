package subunit

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonReader reads the JSON forms of results that RefStack's runners and
// servers have used. They are known by the member that holds the list:
//
//	A  "results" as an array    names of passed tests
//	B  "data"    as an object   tests by class, with word and seconds
//	C  "results" as an object   the same by full name
//	D  "tests"   as an array    our own form
//
// It works token by token, so that a list may be of any length. A member that
// appears twice is damage, and the last of several values wins, except that
// only the first list is read.
//
// Nothing is read of a value that more bytes follow, nor of a list under
// "results" whose entries carry a verdict of their own: that is another tool's
// file, and its entries are no passes.
type jsonReader struct {
	*sink
	w    *window
	src  *faultReader
	dec  *jsontext.Decoder
	base int64 // where the decoder began

	found survey

	seen    map[string]bool
	list    string // the member that held the list
	summary map[string]float64
	sumAt   int64
	words   map[string]int // entries of the list by the words of B and C
	entries int
	red     bool   // a test of the list did not pass
	failed  string // a member that says that the run failed
	failsAt int64
	more    bool // a member names the next page
	moreAt  int64
	total   float64 // tests on all pages
	totalAt int64

	rec   Record
	named bool // rec has its id
}

func newJSONreader(s *sink, w *window) *jsonReader {
	return &jsonReader{sink: s, w: w, seen: map[string]bool{}, words: map[string]int{}}
}

// faultReader remembers an error of the input, which must not be taken for a
// fault in its content.
type faultReader struct {
	r   io.Reader
	err error
}

func (f *faultReader) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

func (j *jsonReader) read() error {
	head, err := j.w.view(0, len(utf8Mark))
	if err != nil {
		return err
	}
	if bytes.HasPrefix(head, utf8Mark) {
		j.base = int64(len(utf8Mark))
	}
	check := jsonCheck{sink: j.sink}
	if ok, err := check.passes(j.w, j.base); !ok || err != nil {
		return err
	}
	if j.found, err = j.survey(); err != nil {
		return err
	}
	if j.found.trailing >= 0 {
		j.damage(j.base+j.found.trailing, KindJSON, "bytes after the end of the JSON value; nothing of it is read")
		return nil
	}
	j.dec = j.decoder()
	if err := j.document(); !errors.Is(err, errStop) {
		return err
	}
	return j.flush()
}

// decoder returns one that stands at the beginning of the input.
func (j *jsonReader) decoder() *jsontext.Decoder {
	j.src = &faultReader{r: io.NewSectionReader(j.w.r, j.base, j.w.size-j.base)}
	return jsontext.NewDecoder(j.src, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// flush delivers the test in which the input broke off, when its id was there.
// It has failed if that was said, and is otherwise unknown.
func (j *jsonReader) flush() error {
	if !j.named {
		return nil
	}
	if j.rec.Status != Fail {
		j.rec.Status = Unknown
	}
	j.rec.Complete, j.named = false, false
	if j.begin(j.offset()) != nil {
		return nil // there were too many, and that is damage already
	}
	return j.deliver(&j.rec)
}

func (j *jsonReader) offset() int64 { return j.base + j.dec.InputOffset() }

// broken turns an error of the decoder into damage.
func (j *jsonReader) broken(err error) error {
	if j.src.err != nil {
		return j.src.err
	}
	offset, reason := j.offset(), "the JSON ends too early"
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) && !errors.Is(err, io.ErrUnexpectedEOF) {
		offset = j.base + syntax.ByteOffset
		reason, _ = cut("not JSON: "+syntax.Err.Error(), 200)
		reason, _ = repair(reason)
	}
	j.damage(offset, KindJSON, reason)
	return errStop
}

// token reads the next token.
func (j *jsonReader) token() (jsontext.Token, error) {
	tok, err := j.dec.ReadToken()
	if err != nil {
		return tok, j.broken(err)
	}
	return tok, nil
}

// skip passes over the next value.
func (j *jsonReader) skip() error {
	if err := j.dec.SkipValue(); err != nil {
		return j.broken(err)
	}
	return nil
}

// wrong notes that the next value is of no use and passes over it.
func (j *jsonReader) wrong(reason string) error {
	// A value that is not even JSON is damage of its own, and not twice.
	if j.dec.PeekKind() != jsontext.KindInvalid {
		j.damage(j.offset(), KindJSON, reason)
	}
	return j.skip()
}

// object reads an object and calls member with the decoder before each value.
func (j *jsonReader) object(member func(name string, at int64) error) error {
	if _, err := j.token(); err != nil {
		return err
	}
	for j.dec.PeekKind() != jsontext.KindEndObject {
		tok, err := j.token()
		if err != nil {
			return err
		}
		name := tok.String()
		if err := member(name, j.offset()); err != nil {
			return err
		}
	}
	_, err := j.token()
	return err
}

// array reads an array and calls item with the decoder before each value.
func (j *jsonReader) array(item func(i int) error) error {
	if _, err := j.token(); err != nil {
		return err
	}
	for i := 0; j.dec.PeekKind() != jsontext.KindEndArray; i++ {
		if err := item(i); err != nil {
			return err
		}
	}
	_, err := j.token()
	return err
}

// document reads the whole input.
func (j *jsonReader) document() error {
	if j.dec.PeekKind() == jsontext.KindBeginObject {
		if err := j.object(j.member); err != nil {
			return err
		}
	} else if err := j.skip(); err != nil {
		return err
	}
	if j.list == "" {
		j.damage(j.base, KindJSON, "none of the four known shapes: no list of tests under results, data or tests")
	}
	j.compareSummary()
	j.comparePage()
	if j.failed != "" && !j.red {
		j.damage(j.failsAt, KindJSON, "the member "+quote(j.failed)+" says that the run failed, and no test in the list did")
	}
	return nil
}

// member reads one member of the outermost object.
func (j *jsonReader) member(name string, at int64) error {
	switch name {
	case "results", "data", "tests", "summary", "cpid", "duration_seconds":
	default:
		return j.stranger(name, at)
	}
	if j.seen[name] {
		j.damage(at, KindJSON, "the member "+name+" appears twice")
	}
	j.seen[name] = true
	kind := j.dec.PeekKind()
	switch {
	case name == "cpid" && kind == jsontext.KindString:
		tok, err := j.token()
		if err != nil {
			return err
		}
		cpid := j.text(tok.String(), at, KindJSON, "cpid")
		j.report.CPID = &cpid
		return nil
	case name == "duration_seconds" && kind == jsontext.KindNumber:
		tok, err := j.token()
		if err != nil {
			return err
		}
		seconds, err := tok.Float()
		if err != nil {
			j.damage(at, KindJSON, "duration_seconds is out of range")
			return nil
		}
		j.report.DurationSeconds = &seconds
		return nil
	case name == "summary" && kind == jsontext.KindBeginObject:
		return j.readSummary(at)
	case name == "cpid", name == "duration_seconds", name == "summary":
		return j.wrong("the member " + name + " is of the wrong type")
	}
	return j.readList(name, kind)
}

// readList reads the list of tests.
func (j *jsonReader) readList(name string, kind jsontext.Kind) error {
	if j.list != "" {
		return j.wrong("a second list of tests under " + name + " is not read")
	}
	shape := name + string(rune(kind))
	switch shape {
	case "results[", "results{", "data{", "tests[":
		j.list = shape
	}
	switch shape {
	case "results[":
		if j.found.verdict != "" {
			j.damage(j.found.at, KindJSON, "the entries of results carry "+quote(j.found.verdict)+", so they are no list of passes and are not read")
			return j.skip()
		}
		j.report.Scope = ScopePasses
		return j.array(j.passed)
	case "results{":
		return j.object(j.flat)
	case "data{":
		return j.object(j.class)
	case "tests[":
		return j.array(j.ours)
	}
	return j.wrong("the member " + name + " holds no list of tests")
}

// deliverRecord hands out j.rec and makes it empty again.
func (j *jsonReader) deliverRecord(word string, at int64) error {
	if err := j.begin(at); err != nil {
		j.named = false
		return err
	}
	if statusOfWord(word) != Unknown {
		j.words[word]++ // other words could be any number of different ones
	}
	j.entries++
	j.red = j.red || j.rec.Status.Failed()
	j.rec.Complete = j.rec.Status.Final()
	err := j.deliver(&j.rec)
	j.rec, j.named = Record{Tags: j.rec.Tags[:0]}, false
	return err
}

// seconds reads a length of time. One that is none changes nothing of the test.
func (j *jsonReader) seconds() error {
	switch j.dec.PeekKind() {
	case jsontext.KindNull:
		return j.skip()
	case jsontext.KindNumber:
	default:
		if j.dec.PeekKind() != jsontext.KindInvalid {
			j.badDuration()
		}
		return j.skip()
	}
	tok, err := j.token()
	if err != nil {
		return err
	}
	seconds, err := tok.Float()
	d, ok := lengthOf(seconds)
	if err != nil || !ok {
		j.badDuration()
		return nil
	}
	j.rec.Duration, j.rec.HasDuration = d, true
	return nil
}

// lengthOf turns seconds into a duration of less than a century.
func lengthOf(seconds float64) (time.Duration, bool) {
	const most = 100 * 366 * 24 * 3600
	if !(seconds >= 0 && seconds < most) {
		return 0, false
	}
	return time.Duration(seconds*float64(time.Second) + 0.5), true
}
