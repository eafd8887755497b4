package jsonfile

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// The types of the attachments that are made of members.
const (
	typeText      = "text/plain;charset=utf8"
	typeTraceback = "text/x-traceback;charset=utf8"
	typeJSON      = "application/json"
)

// Test is a record that is being put together.
type Test struct {
	report.Record
	f       *File
	at      int64
	copied  int  // bytes of attachments that are Data
	noted   int  // bytes of tags and properties
	dropped bool // it has been said that something was
}

// NewTest begins a test where the file stands.
func (f *File) NewTest() *Test {
	t := f.spare
	f.spare = nil
	if t == nil {
		t = &Test{}
	}
	*t = Test{f: f, at: f.Offset(), Record: report.Record{
		Tags: t.Tags[:0], Properties: t.Properties[:0], Attachments: t.Attachments[:0],
	}}
	return t
}

// Test reads one test: fill reads the value and puts what it says into it. Where
// the file breaks off inside, the test is emitted with what is known of it: it has
// failed or is unknown.
func (f *File) Test(fill func(t *Test) error) error {
	t := f.NewTest()
	if err := fill(t); err != nil {
		return f.Broken(t, err)
	}
	return f.Emit(t)
}

// Broken emits a test in which the file broke off, if it has a name, and returns
// err, or that of the sink.
func (f *File) Broken(t *Test, err error) error {
	if !errors.Is(err, errBroken) || t.ID == "" {
		return err
	}
	if t.Status != report.Fail {
		t.Status = report.Unknown
	}
	if emitted := f.Emit(t); emitted != nil {
		return emitted
	}
	return err
}

// Drop gives a test up that turned out to be none.
func (f *File) Drop(t *Test) { f.spare = t }

// Emit hands the test on; it must not be used any more. A test without a name is
// damage. The error is report.ErrStop when there are too many.
func (f *File) Emit(t *Test) error {
	f.spare = t
	if t.ID == "" {
		f.Damage(t.at, report.KindJSON, "a test without a name")
		return nil
	}
	if err := f.Begin(t.at); err != nil {
		return err
	}
	f.Tests++
	if t.Status.Failed() {
		f.Red++
	}
	t.Suite, _ = report.Cut(t.Suite, f.Limits.IDBytes)
	t.Complete = t.Status.Final()
	slices.Sort(t.Tags)
	t.Tags = slices.Compact(t.Tags)
	return f.Sink.Test(&t.Record)
}

// Failure emits a failed test for something that is no test, with what fill
// attaches to it.
func (f *File) Failure(id string, fill func(t *Test)) error {
	t := f.NewTest()
	t.ID, t.Status = id, report.Fail
	if fill != nil {
		fill(t)
	}
	return f.Emit(t)
}

// Worse gives the test the worse of its status and s.
func (t *Test) Worse(s report.Status) { t.Status = report.Worst(t.Status, s) }

// Seconds sets how long the test took, when that can be.
func (t *Test) Seconds(seconds float64) {
	d, ok := report.Duration(seconds, time.Second)
	if !ok {
		t.f.BadDuration()
		return
	}
	t.Duration, t.HasDuration = d, true
}

// Length reads a length of time in the unit. Null is none.
func (t *Test) Length(unit time.Duration) error {
	n, ok, err := t.f.Length()
	if ok {
		t.Seconds(n * unit.Seconds())
	}
	return err
}

// Tag adds a tag. Those above the limit are damage, and dropped.
func (t *Test) Tag(tag string) {
	switch {
	case tag == "":
	case len(t.Tags) < t.f.Limits.TagsPerEvent && t.fits(len(tag)):
		t.Tags = append(t.Tags, tag)
	case !t.dropped:
		t.dropped = true
		t.f.Damage(t.at, report.KindJSON, "more than %d tags, or too long ones; the rest is dropped", t.f.Limits.TagsPerEvent)
	}
}

// fits counts what tags and properties take: as much as a test's attachments may.
func (t *Test) fits(bytes int) bool {
	if t.noted+bytes > t.f.Limits.InlineBytes {
		return false
	}
	t.noted += bytes
	return true
}

// Property adds a property. Those above the limit of tags are dropped.
func (t *Test) Property(name, value string) {
	name, _ = report.Repair(name)
	value, _ = report.Repair(value)
	name, _ = report.Cut(name, t.f.Limits.IDBytes)
	switch {
	case value == "":
	case len(t.Properties) < t.f.Limits.TagsPerEvent && t.fits(len(name)+len(value)):
		t.Properties = append(t.Properties, report.Property{Name: name, Value: value})
	case !t.dropped:
		t.dropped = true
		t.f.Warn("the test %s has more than %d properties, or too long ones; the rest is dropped", report.Quote(t.ID), t.f.Limits.TagsPerEvent)
	}
}

// ReadProperty reads the next value as a property; arrays and objects as JSON.
func (t *Test) ReadProperty(name string) error {
	switch t.f.Kind() {
	case jsontext.KindNull:
		return t.f.Skip()
	case jsontext.KindBeginArray, jsontext.KindBeginObject:
		v, err := t.f.raw()
		if err != nil {
			return err
		}
		short, _ := report.Cut(v, t.f.Limits.IDBytes)
		t.Property(name, string(short))
		return nil
	}
	value, err := t.f.Name("a property")
	t.Property(name, value)
	return err
}

// Attach reads the next value as a file of the test: a string, an array of strings
// as lines, anything else as JSON. Null and what is empty is none.
func (t *Test) Attach(name string) error {
	switch t.f.Kind() {
	case jsontext.KindNull:
		return t.f.Skip()
	case jsontext.KindBeginArray:
		return t.lines(name)
	case jsontext.KindString:
		return t.attachString(name)
	}
	return t.AttachJSON(name)
}

// AttachJSON reads the next value as a file of the test in JSON.
func (t *Test) AttachJSON(name string) error {
	v, err := t.f.raw()
	if err == nil {
		t.place(name, typeJSON, v, t.f.Offset()-int64(len(v)))
	}
	return err
}

// AttachUnless is Attach but for texts that stand for none.
func (t *Test) AttachUnless(name string, none ...string) error {
	if t.f.Is(jsontext.KindString) {
		return t.attachString(name, none...)
	}
	return t.Attach(name)
}

func (t *Test) attachString(name string, none ...string) error {
	v, err := t.f.raw()
	if err != nil {
		return err
	}
	inner := v[1 : len(v)-1]
	for _, n := range none {
		if string(inner) == n {
			return nil
		}
	}
	if !escaped(inner) {
		t.place(name, typeOf(name), inner, t.f.Offset()-int64(len(v))+1)
		return nil
	}
	text, size := unescape(nil, inner, t.room())
	t.data(name, typeOf(name), text, size)
	return nil
}

func typeOf(name string) string {
	if name == "traceback" {
		return typeTraceback
	}
	return typeText
}

// place attaches bytes of the file.
func (t *Test) place(name, mime string, b []byte, offset int64) {
	if !t.f.verbatim {
		short := b[:min(len(b), t.room())]
		t.data(name, mime, append([]byte(nil), short...), int64(len(b)))
		return
	}
	if a := t.attachment(name, mime, int64(len(b))); a != nil {
		a.Spans = []report.Span{{Offset: offset, Length: int64(len(b))}}
	}
}

// data attaches bytes that are not those of the file: the first ones of size.
func (t *Test) data(name, mime string, b []byte, size int64) {
	if a := t.attachment(name, mime, size); a != nil {
		a.Data, a.Truncated = b, int64(len(b)) < size
		t.copied += len(b)
	}
}

func (t *Test) attachment(name, mime string, size int64) *report.Attachment {
	if size == 0 {
		return nil
	}
	if len(t.Attachments) >= t.f.Limits.TestAttachments {
		if !t.dropped {
			t.dropped = true
			t.f.Warn("the test %s has more than %d attachments; the rest is dropped", report.Quote(t.ID), t.f.Limits.TestAttachments)
		}
		return nil
	}
	t.Attachments = append(t.Attachments, report.Attachment{Name: name, MIME: mime, Size: size})
	return &t.Attachments[len(t.Attachments)-1]
}

// room is how many bytes may still be copied for the test.
func (t *Test) room() int { return max(0, t.f.Limits.InlineBytes-t.copied) }

// lines reads an array of strings as one text.
func (t *Test) lines(name string) error {
	var text []byte
	size := int64(0)
	err := t.f.Array(func() error {
		if t.f.Is(jsontext.KindNull) {
			return t.f.Skip()
		}
		v, err := t.f.raw()
		if err != nil {
			return err
		}
		if size > 0 && (len(text) == 0 || text[len(text)-1] != '\n') {
			size++
			if len(text) < t.room() {
				text = append(text, '\n')
			}
		}
		if v[0] == '"' {
			v = v[1 : len(v)-1]
		}
		var n int64
		text, n = unescape(text, v, t.room()-len(text))
		size += n
		return nil
	})
	t.data(name, typeOf(name), text, size)
	return err
}

// AttachText attaches a text that is made of the file.
func (t *Test) AttachText(name, text string) {
	short := text[:min(len(text), t.room())]
	t.data(name, typeOf(name), []byte(short), int64(len(text)))
}

// AttachData attaches bytes that are made of the file; size is how many there
// were, if they are only the first ones. The test keeps them.
func (t *Test) AttachData(name, mime string, b []byte, size int64) {
	if mime == "" {
		mime = typeText
	} else {
		mime = report.HeaderText(mime)
	}
	t.data(name, mime, b[:min(len(b), t.room())], size)
}

// AttachMember names a file of the same post that belongs to the test.
func (t *Test) AttachMember(name, mime, member string) {
	if a := t.attachment(name, report.HeaderText(mime), 1); a != nil {
		a.Size, a.Member = 0, member
	}
}

// Call gives the attachment with the number the name and type that the file has
// for it; what is empty stays.
func (t *Test) Call(number int, name, mime string) {
	a := &t.Attachments[number]
	if name != "" {
		a.Name = name
	}
	if mime != "" {
		a.MIME = report.HeaderText(mime)
	}
}

// Rename gives the attachments from the one with the number first on the names of
// those of an earlier attempt.
func (t *Test) Rename(first, attempt int) {
	for i := first; i < len(t.Attachments); i++ {
		t.Attachments[i].Name = AttemptName(attempt, t.Attachments[i].Name)
	}
}

// AttachBase64 reads the next value as a file in base64. What is not base64 is
// attached as it stands.
func (t *Test) AttachBase64(name, mime string) error {
	if !t.f.Is(jsontext.KindString) {
		return t.f.Skip()
	}
	v, err := t.f.raw()
	if err != nil {
		return err
	}
	inner := v[1 : len(v)-1]
	if escaped(inner) {
		inner, _ = unescape(nil, inner, len(inner))
	}
	t.AttachDecoded(name, mime, inner, int64(len(inner)))
	return nil
}

// AttachDecoded attaches what text is in base64; of a longer one text is the
// beginning. What is not base64 is attached as it stands.
func (t *Test) AttachDecoded(name, mime string, text []byte, size int64) {
	most := min(len(text), (t.room()/3+1)*4)
	whole := int64(most) == size
	if !whole {
		most -= most % 4
	}
	b, err := base64.StdEncoding.AppendDecode(nil, text[:most])
	switch {
	case err != nil:
		t.AttachText(name, string(text))
	case whole:
		t.AttachData(name, mime, b, int64(len(b)))
	default:
		t.AttachData(name, mime, b, size/4*3)
	}
}

// AttemptName is that of an attachment of an attempt before the last one.
func AttemptName(attempt int, name string) string {
	return name + " of attempt " + strconv.Itoa(attempt)
}
