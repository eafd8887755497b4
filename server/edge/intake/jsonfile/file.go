package jsonfile

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// errBroken says that what follows is not JSON; the damage is noted. A document
// ends there, a file of lines goes on with the next one.
var errBroken = errors.New("the JSON is broken")

// File is a file that is being read. Its methods read the value that comes next,
// and a value that a callback of Object or Array has left is passed over.
type File struct {
	*report.Sink

	// Tests and Red count the tests that were emitted, and those of them that did
	// not do what they should.
	Tests, Red int

	in       report.Input
	dec      *jsontext.Decoder
	src      source
	base     int64 // where the decoder began
	verbatim bool  // the decoder reads the bytes of the file
	longest  int64 // bytes that one value may take
	moved    bool  // a value was read since value() began

	depth   int
	names   names
	members []string // those that were seen in the objects that are open
	words   map[string]bool
	spare   *Test
	holder  *report.Sink // that of the reading proper; see Hold
}

// Open begins to read a file. It holds nothing that must be closed.
func Open(ctx context.Context, in report.Input, s *report.Sink) (*File, error) {
	text, base, verbatim, err := open(ctx, in)
	if err != nil {
		return nil, err
	}
	f := &File{
		Sink: s, holder: s, in: in, base: base, verbatim: verbatim,
		longest: max(s.Limits.AttachmentBytes, int64(s.Limits.TokenBytes)),
		names:   names{all: report.Interner{}}, words: map[string]bool{},
	}
	f.src = source{ctx: ctx, r: text, longest: f.longest}
	f.dec = jsontext.NewDecoder(&f.src, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	f.src.dec = f.dec
	return f, nil
}

// Survey reads a document without noting damage or emitting tests, for what must
// be known before the reading proper, such as a name that comes after a list. Only
// that too much is remembered is damage of s; the survey ends there without an error.
func Survey(ctx context.Context, in report.Input, s *report.Sink, read func(f *File) error) error {
	f, err := Open(ctx, in, report.NewSink(s.Limits, func(*report.Record) error { return nil }))
	if err != nil {
		return err
	}
	f.holder = s
	return f.Document(func() error { return read(f) })
}

// Hold counts bytes that the reader remembers of the file; see report.Sink.Hold.
func (f *File) Hold(bytes int) error { return f.holder.Hold(f.Offset(), bytes) }

// Read reads a document whose value read takes.
func Read(ctx context.Context, in report.Input, s *report.Sink, read func(f *File) error) (*File, error) {
	f, err := Open(ctx, in, s)
	if err != nil {
		return nil, err
	}
	return f, f.Document(func() error { return read(f) })
}

// Document reads a file that is one JSON value. Bytes after it are damage. The
// error is never one of the file's content.
func (f *File) Document(read func() error) error {
	err := read()
	if err == nil {
		err = f.end()
	}
	return f.Stopped(err)
}

// Deep reports whether little is left of the depth that is allowed, so that an
// inner value that may be left out is better passed over.
func (f *File) Deep() bool { return f.depth > f.Limits.Depth-6 }

// Stopped takes from an error what has been noted as damage.
func (f *File) Stopped(err error) error {
	if errors.Is(err, errBroken) || errors.Is(err, report.ErrStop) {
		return nil
	}
	return err
}

func (f *File) end() error {
	_, err := f.dec.ReadToken()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if f.src.err != nil {
		return f.src.err
	}
	f.Damage(f.Offset(), report.KindJSON, "bytes after the end of the JSON value; nothing of them is read")
	return errBroken
}

// Offset is the place of what comes next in the file, near enough where the file
// is not UTF-8.
func (f *File) Offset() int64 { return f.base + f.dec.InputOffset() }

// Kind is that of the value that comes next: '{', '[', '"', '0', 't', 'f', 'n'.
func (f *File) Kind() jsontext.Kind { return f.dec.PeekKind() }

// broken turns an error of the decoder into damage.
func (f *File) broken(err error) error {
	if f.src.err != nil {
		return f.src.err
	}
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, errLong):
		f.Damage(f.Offset(), report.KindJSON, "a value longer than %d bytes; nothing after it is read", f.longest)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		f.Damage(f.Offset(), report.KindTruncated, "the JSON ends too early")
	case errors.As(err, &syntax):
		f.Damage(f.base+syntax.ByteOffset, report.KindJSON, "not JSON: %v", syntax.Err)
	default:
		f.Damage(f.Offset(), report.KindJSON, "not JSON: %v", err)
	}
	return errBroken
}

// raw reads the next value; the bytes are good until the next call.
func (f *File) raw() ([]byte, error) {
	f.moved = true
	v, err := f.dec.ReadValue()
	if err != nil {
		return nil, f.broken(err)
	}
	return v, nil
}

func (f *File) token() error {
	f.moved = true
	if _, err := f.dec.ReadToken(); err != nil {
		return f.broken(err)
	}
	return nil
}

// Skip passes over the next value.
func (f *File) Skip() error {
	f.moved = true
	for depth := 0; ; {
		tok, err := f.dec.ReadToken()
		if err != nil {
			return f.broken(err)
		}
		switch tok.Kind() {
		case jsontext.KindBeginObject, jsontext.KindBeginArray:
			depth++
		case jsontext.KindEndObject, jsontext.KindEndArray:
			depth--
		}
		if depth <= 0 {
			return nil
		}
	}
}

// enter reads the bracket that opens a value of the kind and reports whether
// there was one. Null is none; anything else than the kind is damage.
func (f *File) enter(kind jsontext.Kind, what string) (bool, error) {
	switch got := f.Kind(); got {
	case kind:
	case jsontext.KindNull:
		return false, f.Skip()
	case jsontext.KindInvalid:
		return false, f.token() // says what is wrong
	default:
		f.Damage(f.Offset(), report.KindJSON, "%s where there should be %s", kindName(got), what)
		return false, f.Skip()
	}
	if f.depth >= f.Limits.Depth {
		f.Damage(f.Offset(), report.KindJSON, "nested deeper than %d", f.Limits.Depth)
		return false, errBroken
	}
	f.depth++
	return true, f.token()
}

// Object reads an object and calls member before each value. A member that
// appears twice is damage, and is read twice.
func (f *File) Object(member func(name string) error) error {
	return f.object(member, true)
}

// Map is Object for names that are data, which may repeat.
func (f *File) Map(member func(name string) error) error {
	return f.object(member, false)
}

func (f *File) object(member func(name string) error, once bool) error {
	ok, err := f.enter(jsontext.KindBeginObject, "an object")
	if !ok || err != nil {
		return err
	}
	first := len(f.members)
	var seen map[string]bool
	for f.Kind() != jsontext.KindEndObject {
		name, err := f.name()
		if err != nil {
			return err
		}
		if once {
			seen = f.note(name, first, seen)
		}
		f.moved = false
		if err := member(name); err != nil {
			return err
		}
		if !f.moved {
			if err := f.Skip(); err != nil {
				return err
			}
		}
	}
	f.members = f.members[:first]
	f.depth--
	return f.token()
}

// fewMembers is how many names are compared one by one, and manyMembers how many
// are compared at all.
const (
	fewMembers  = 24
	manyMembers = 10_000
)

// note remembers a member's name and says so when it is the second of its name. An
// object with too many members to be sure is damage.
func (f *File) note(name string, first int, seen map[string]bool) map[string]bool {
	twice := false
	switch {
	case seen == nil:
		twice = slices.Contains(f.members[first:], name)
		f.members = append(f.members, name)
		if len(f.members)-first > fewMembers {
			seen = map[string]bool{}
			for _, m := range f.members[first:] {
				seen[m] = true
			}
		}
	case len(seen) < manyMembers:
		twice = seen[name]
		seen[name] = true
		if len(seen) == manyMembers && !twice {
			f.Damage(f.Offset(), report.KindJSON, "an object with more than %d members", manyMembers)
		}
	}
	if twice {
		f.Damage(f.Offset(), report.KindJSON, "the member %s appears twice", report.Quote(name))
	}
	return seen
}

// value lets read take the next value, and passes over it if it did not.
func (f *File) value(read func() error) error {
	f.moved = false
	if err := read(); err != nil {
		return err
	}
	if !f.moved {
		return f.Skip()
	}
	return nil
}

// Array reads an array and calls item before each value.
func (f *File) Array(item func() error) error {
	ok, err := f.enter(jsontext.KindBeginArray, "an array")
	if !ok || err != nil {
		return err
	}
	for f.Kind() != jsontext.KindEndArray {
		if err := f.value(item); err != nil {
			return err
		}
	}
	f.depth--
	return f.token()
}

// Objects reads an array of objects and calls item before each; other values in
// it are damage.
func (f *File) Objects(item func() error) error {
	return f.Array(func() error {
		if f.Kind() == jsontext.KindBeginObject {
			return item()
		}
		_, err := f.enter(jsontext.KindBeginObject, "an object")
		return err
	})
}

func (f *File) name() (string, error) {
	v, err := f.raw()
	if err != nil {
		return "", err
	}
	if len(v) < 2 || v[0] != '"' {
		return "", f.broken(jsontext.ErrNonStringName)
	}
	if inner := v[1 : len(v)-1]; !escaped(inner) {
		return f.names.Text(inner), nil
	}
	text, _ := unescape(nil, v[1:len(v)-1], f.Limits.TokenBytes)
	return string(text), nil
}

func kindName(k jsontext.Kind) string {
	switch k {
	case jsontext.KindBeginObject:
		return "an object"
	case jsontext.KindBeginArray:
		return "an array"
	case jsontext.KindString:
		return "a string"
	case jsontext.KindNumber:
		return "a number"
	}
	return "a word"
}
