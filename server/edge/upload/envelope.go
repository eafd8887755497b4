package upload

import (
	"bytes"
	"io"
)

// longestUnit is how many bytes of JSON may stand for one byte of text: \u0041.
const longestUnit = 6

// envelope collects what the outermost object of a JSON body says. Whether the
// object is an envelope around a file or the file itself is known only at its
// end, so nothing here takes effect before that, faults included.
type envelope struct {
	opts      *Options
	nameLimit int // the most bytes of a name that can be a known one
	textLimit int // the most bytes of a known text

	what    role // of the current member
	field   string
	first   byte  // of the current member's value
	start   int64 // of the current member's value
	seen    []string
	texts   []jsonField
	hasFile bool
	file    *Section // nil for null and ""
	problem error    // the first
}

type jsonField struct {
	field string
	text  []byte
}

func newEnvelope(opts *Options, longestName int) *envelope {
	return &envelope{
		opts:      opts,
		nameLimit: longestUnit*longestName + len(`""`) + 1, // one more shows that a name is longer
		textLimit: longestUnit*opts.Limits.Text + len(`""`) + 1,
	}
}

// name takes the name of the next member, with its quotation marks.
func (e *envelope) name(token []byte) {
	e.what, e.field = roleOther, ""
	if len(token) < e.nameLimit {
		e.what, e.field = e.opts.role(unquoted(token))
	}
	if e.what == roleOther {
		return
	}
	for _, field := range e.seen {
		if field == e.field || e.what == roleFile && e.opts.isFile(field) {
			e.blame(malformed(e.field, "%s is given twice in the JSON body", e.field))
			return
		}
	}
	e.seen = append(e.seen, e.field)
}

// begin takes the first byte of a member's value.
func (e *envelope) begin(s *jsonScanner, first byte) {
	e.first, e.start = first, s.off
	if e.what == roleText {
		s.keep = e.textLimit
	}
	e.hasFile = e.hasFile || e.what == roleFile
}

// end takes the end of a member's value, and the value if it was kept.
func (e *envelope) end(offset int64, token []byte) {
	switch e.what {
	case roleFile:
		e.endFile(offset)
	case roleText:
		e.endText(token)
	}
}

func (e *envelope) endFile(offset int64) {
	section := Section{Offset: e.start, Length: offset - e.start}
	switch e.first {
	case '"':
		section = Section{Offset: e.start + 1, Length: section.Length - 2, Text: true}
		if section.Length == 0 {
			return
		}
	case 'n':
		return
	case '{', '[':
	default:
		e.blame(malformed(e.field, "%s in the JSON body must be an object, an array or a string", e.field))
		return
	}
	e.file = &section
}

func (e *envelope) endText(token []byte) {
	switch e.first {
	case 'n':
		return
	case '{', '[':
		e.blame(malformed(e.field, "%s in the JSON body must be a string, a number, true, false or null", e.field))
		return
	case '"':
		token = unquoted(token)
	}
	if limit := e.opts.Limits.Text; len(token) > limit {
		e.blame(tooLarge(e.field, "%s is longer than %d bytes", e.field, limit))
		return
	}
	e.texts = append(e.texts, jsonField{e.field, bytes.Clone(token)})
}

func (e *envelope) blame(err error) {
	if e.problem == nil {
		e.problem = err
	}
}

// isFile reports whether the name is one of the file's.
func (o *Options) isFile(name string) bool {
	what, _ := o.role([]byte(name))
	return what == roleFile
}

// unquoted decodes a string token where it stands. The token may be cut.
func unquoted(token []byte) []byte {
	inside := bytes.TrimSuffix(token[1:], []byte{'"'})
	n, _ := unquote(inside, inside, true)
	return inside[:n]
}

// json reads the body as JSON while it passes to the file's writer. Three
// things can come of it: the object was an envelope, and its member is the
// file; or it was a plain document, or no JSON at all, and is the file itself;
// or it was an envelope but broken, which like a cut multipart body is
// Malformed. For a text-only call the first is the only good one.
func (r *reader) json() error {
	e := newEnvelope(&r.opts, r.longestName())
	s := &jsonScanner{members: e, object: true, depth: r.opts.Limits.Depth}
	if !r.textOnly {
		s.depth++ // for the envelope itself
	}
	if _, err := io.Copy(io.MultiWriter(r.sink, scanWriter{s}), r.in); err != nil {
		return err
	}
	s.finish()
	switch {
	case s.fault != "" && (r.textOnly || e.hasFile):
		return malformed("", "the JSON body is malformed at byte %d: %s", s.faultOff, s.fault)
	case !r.textOnly && !e.hasFile:
		r.file.Posted = true
		return nil
	}
	return r.openEnvelope(e)
}

// openEnvelope takes over what an envelope held.
func (r *reader) openEnvelope(e *envelope) error {
	if e.problem != nil {
		return e.problem
	}
	for _, given := range e.texts {
		if err := r.text(given.field, given.text, inJSON); err != nil {
			return err
		}
	}
	r.file.given, r.file.Posted, r.file.Section = e.hasFile, e.file != nil, e.file
	return nil
}

// scanWriter feeds a scanner with what is written to it.
type scanWriter struct{ s *jsonScanner }

func (w scanWriter) Write(p []byte) (int, error) {
	w.s.feed(p)
	return len(p), nil
}
