package xmlfile

import (
	"bytes"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// maxAttributes is how many attributes of one tag are kept.
const maxAttributes = 1024

// Element is one whose start tag was just read.
type Element struct {
	Name  string // without its prefix
	Depth int    // 1 for the outermost element
	Place int64  // of the tag in the file

	w       *walker
	attrs   []attribute
	names   []byte // of the attributes, one behind the other
	values  []byte // likewise
	dropped int
}

type attribute struct {
	nameEnd, end int // in names and in values
	lost         int64
	forbidden    bool // characters that XML forbids were replaced in it
}

// Attr returns the value of an attribute, which is empty when there is none. Very
// long values lose their end.
func (e *Element) Attr(name string) string {
	value, _ := e.Lookup(name)
	return value
}

// Lookup is Attr for those who need to know how many bytes the end of the value
// has that was lost.
func (e *Element) Lookup(name string) (value string, lost int64) {
	for i := range e.attrs {
		if string(e.name(i)) == name {
			return string(e.value(i)), e.attrs[i].lost
		}
	}
	return "", 0
}

// Has reports whether there is such an attribute.
func (e *Element) Has(name string) bool {
	for i := range e.attrs {
		if string(e.name(i)) == name {
			return true
		}
	}
	return false
}

// Forbidden reports whether there stood characters in an attribute that XML
// forbids and that were replaced.
func (e *Element) Forbidden(name string) bool {
	for i := range e.attrs {
		if string(e.name(i)) == name {
			return e.attrs[i].forbidden
		}
	}
	return false
}

// Attrs calls f for each attribute in the order of the file.
func (e *Element) Attrs(f func(name, value string)) {
	for i := range e.attrs {
		f(string(e.name(i)), string(e.value(i)))
	}
}

// Above returns the name of the element that this one stands in, and the empty
// text for the outermost one.
func (e *Element) Above() string {
	if e.Depth < 2 {
		return ""
	}
	return e.w.open[e.Depth-2].name
}

// Collect has the text of the element, without that of the elements in it, put
// into t, which is emptied first.
func (e *Element) Collect(t *Text) {
	t.reset(e.w.sink.Limits)
	e.w.open[e.Depth-1].text = t
}

func (e *Element) name(i int) []byte {
	from := 0
	if i > 0 {
		from = e.attrs[i-1].nameEnd
	}
	return e.names[from:e.attrs[i].nameEnd]
}

func (e *Element) value(i int) []byte {
	from := 0
	if i > 0 {
		from = e.attrs[i-1].end
	}
	return e.values[from:e.attrs[i].end]
}

// markup reads what begins with a bracket.
func (w *walker) markup() error {
	at := w.at()
	w.r++
	w.more(len("![CDATA["))
	next := byte(0)
	if w.r < w.w {
		next = w.buf[w.r]
	}
	switch next {
	case '!':
		return w.declaration(at)
	case '?':
		if !w.past("?>") {
			return w.broken(syntax("unexpected EOF"))
		}
		return w.err
	case '/':
		w.r++
		return w.endTag(at)
	}
	w.el.Place = at
	raw, empty, err := w.startTag()
	if err != nil {
		return w.broken(err)
	}
	if err := w.started(raw); err != nil || !empty {
		return err
	}
	return w.closeAt(len(w.open)-1, true, w.at())
}

// declaration reads a comment or a section of text, and refuses what else begins
// with an exclamation mark.
func (w *walker) declaration(at int64) error {
	switch {
	case w.takes("!--"):
		w.comment(at)
	case w.takes("![CDATA["):
		if w.section(); !w.more(1) {
			return w.broken(syntax("unexpected EOF in CDATA section"))
		}
		w.r += len("]]>")
	default:
		if !w.more(len("!D")) {
			return w.broken(syntax("unexpected EOF"))
		}
		return w.stop("a document type is refused")
	}
	return w.err
}

// comment passes over a comment. As a section does, one that was cut off can swallow
// the document behind it, up to the end of a comment of its own.
func (w *walker) comment(at int64) {
	s := swallowed{opening: "<!--"}
	for w.more(1) {
		if w.takes("-->") {
			if s.section {
				w.damage(at, "a comment that was cut off: a document that was put behind it is passed over, up to the end of a comment of its own")
			}
			return
		}
		if w.more(1) && w.buf[w.r] == '<' {
			w.more(maxName)
			s.see(w.buf[w.r:w.w], w.kind.Roots)
		}
		if w.more(1) {
			w.r++
		}
		if i := bytes.IndexAny(w.buf[w.r:w.w], "<-"); i > 0 {
			w.r += i
		} else if i < 0 {
			w.r = w.w
		}
	}
	if w.err == nil {
		w.damage(at, "a comment does not end")
	}
}

func (w *walker) endTag(at int64) error {
	name := w.name()
	if len(name) == 0 {
		return w.broken(syntax("expected element name after </"))
	}
	raw := w.names.Text(name) // which the next call could move
	w.space()
	if !w.takes(">") {
		return w.broken(syntax("invalid characters between </%s and >", short(raw)))
	}
	return w.ended(raw, at)
}

// startTag reads a start tag behind its bracket.
func (w *walker) startTag() (raw string, empty bool, err error) {
	e := &w.el
	e.attrs, e.names, e.values, e.dropped = e.attrs[:0], e.names[:0], e.values[:0], 0
	name := w.name()
	if len(name) == 0 {
		return "", false, syntax("expected element name after <")
	}
	raw = w.names.Text(name)
	for {
		w.space()
		switch {
		case !w.more(1):
			return raw, false, syntax("unexpected EOF")
		case w.buf[w.r] == '>':
			w.r++
			return raw, false, w.tooMany()
		case w.buf[w.r] == '/':
			w.r++
			if !w.takes(">") {
				return raw, false, syntax("expected /> in element")
			}
			return raw, true, w.tooMany()
		}
		if err := w.attribute(); err != nil {
			return raw, false, err
		}
	}
}

func (w *walker) tooMany() error {
	if w.el.dropped > 0 {
		w.damage(w.el.Place, "a tag with more than %d attributes; the rest is not read", maxAttributes)
	}
	return nil
}

func (w *walker) attribute() error {
	e := &w.el
	name := w.name()
	if len(name) == 0 {
		return syntax("expected attribute name in element")
	}
	kept := len(e.names)
	e.names = append(e.names, name...)
	w.space()
	if !w.takes("=") {
		return syntax("attribute name without = in element")
	}
	w.space()
	if !w.more(1) || w.buf[w.r] != '"' && w.buf[w.r] != '\'' {
		return syntax("unquoted or missing attribute value in element")
	}
	a := attribute{nameEnd: len(e.names)}
	w.value(&a)
	if !w.more(1) {
		return syntax("unexpected EOF")
	}
	w.r++
	a.end = len(e.values)
	if len(e.attrs) >= maxAttributes {
		e.names, e.values = e.names[:kept], e.values[:e.attrs[maxAttributes-1].end]
		e.dropped++
		return nil
	}
	e.attrs = append(e.attrs, a)
	return nil
}

// value reads the value of an attribute from its quotation mark on, up to the one
// behind it.
func (w *walker) value(a *attribute) {
	quote, set := w.buf[w.r], inDouble
	if quote == '\'' {
		set = inSingle
	}
	w.r++
	limit := len(w.el.values) + max(w.sink.Limits.InlineBytes, w.sink.Limits.IDBytes+1)
	controls := w.controls
	for w.more(1) {
		piece := w.plain(set)
		if len(piece) == 0 {
			if w.buf[w.r] == quote {
				break
			}
			if w.buf[w.r] == '<' {
				w.damage(w.at(), "a bracket in an attribute that is not escaped")
				piece = w.take(1)
			} else {
				piece = w.odd()
			}
		}
		var short []byte
		was := a.lost > 0
		if !was {
			short, was = report.Cut(piece, max(0, limit-len(w.el.values)))
		}
		w.el.values = append(w.el.values, short...)
		if was {
			a.lost += int64(len(piece) - len(short))
		}
	}
	a.forbidden = w.controls > controls
}

// take returns the next n bytes, which are visible.
func (w *walker) take(n int) []byte {
	w.r += n
	return w.buf[w.r-n : w.r]
}
