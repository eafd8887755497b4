package xmlfile

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf8"
)

var (
	replacement = []byte("\ufffd")
	lineEnd     = []byte("\n")
	ampersand   = []byte("&")
)

// chars reads text up to the next byte of the set that is special in it: a
// bracket, or the end of a section.
func (w *walker) chars(set *bytesOf) {
	for w.more(1) {
		at := w.at()
		if piece := w.plain(set); len(piece) > 0 {
			w.text(piece, at, !w.recoded)
			continue
		}
		switch c := w.buf[w.r]; {
		case c == '<' && set == inText:
			return
		case c == ']':
			if w.more(len("]]>")) && string(w.buf[w.r:w.r+3]) == "]]>" {
				return
			}
			w.more(len("]]]]>"))
			w.swallowed.escapes(w.buf[w.r:w.w])
			w.text(w.take(1), at, !w.recoded)
		case c == '<':
			w.more(maxName)
			w.swallowed.see(w.buf[w.r:w.w], w.kind.Roots)
			w.text(w.take(1), at, !w.recoded)
		default:
			if piece := w.odd(); len(piece) > 0 {
				w.text(piece, at, false)
			}
		}
	}
}

// section reads a CDATA section up to its end.
func (w *walker) section() {
	at := w.at()
	w.swallowed = swallowed{opening: "<![CDATA["}
	w.chars(inSection)
	w.more(maxName)
	rest := bytes.TrimPrefix(w.buf[w.r:w.w], []byte("]]>"))
	if w.swallowed.section && !bytes.HasPrefix(rest, []byte("<![CDATA[")) && !bytes.HasPrefix(rest, []byte("]]&")) {
		w.damage(at, "a CDATA section that was cut off: a document that was put behind it is read as its text, up to the end of a section of its own")
	}
}

// swallowed watches a CDATA section for another document in it. That of a test which
// prints a report is text; but when a file was cut in a section and another one was
// put behind it, the section reaches to the end of the first one of the other file,
// and a failure between the two would be text as well.
type swallowed struct {
	opening  string // of a section, or of a comment
	document bool   // the beginning of one stands in it
	section  bool   // and behind that the beginning of a section without an end
}

// see looks at a bracket in the section.
func (s *swallowed) see(text []byte, roots []string) {
	switch {
	case !s.document:
		s.document = begins(text, roots)
	case bytes.HasPrefix(text, []byte(s.opening)):
		s.section = true
	}
}

// escapedEnds are how writers put the end of a section into one.
var escapedEnds = [][]byte{[]byte("]]]]>"), []byte("]]&"), []byte("]] >")}

// escapes looks at a square bracket in the section, which may begin the end of a section
// that is text, and is none in it.
func (s *swallowed) escapes(text []byte) {
	for _, end := range escapedEnds {
		s.section = s.section && !bytes.HasPrefix(text, end)
	}
}

// text hands characters to whoever collects them.
func (w *walker) text(piece []byte, at int64, verbatim bool) {
	if len(w.open) == 0 {
		if !blank(bytes.TrimPrefix(bytes.TrimSpace(piece), utf8Mark)) { // files that were joined may each have a mark
			w.damage(at, "text outside of the XML document")
		}
		return
	}
	if t := w.open[len(w.open)-1].text; t != nil {
		t.add(piece, at, verbatim)
	}
}

// odd reads what plain stops at and what is no markup, and returns what it
// stands for: nothing if it is a whole character after all.
func (w *walker) odd() []byte {
	switch c := w.buf[w.r]; {
	case c == '&':
		return w.entity()
	case c == '\r':
		w.r++
		if w.more(1) && w.buf[w.r] == '\n' {
			w.r++
		}
		return lineEnd
	case c < utf8.RuneSelf:
		w.control()
		w.r++
		return replacement
	}
	w.more(utf8.UTFMax)
	r, n := utf8.DecodeRune(w.buf[w.r:w.w])
	switch {
	case r == utf8.RuneError && n <= 1:
		if !w.notUTF8 {
			w.notUTF8 = true
			w.damage(w.at(), "text that is not UTF-8")
		}
	case r == 0xfffe || r == 0xffff:
		w.control()
	default:
		return w.take(n)
	}
	w.r += n
	return replacement
}

func (w *walker) control() {
	if w.controls == 0 {
		w.firstAt = w.at()
	}
	w.controls++
}

// entity reads from an ampersand on. What is no entity of XML is text.
func (w *walker) entity() []byte {
	w.more(maxEntity)
	next := w.buf[w.r+1 : min(w.w, w.r+1+maxEntity)]
	end := bytes.IndexByte(next, ';')
	var stands rune
	known := false
	if end > 0 {
		stands, known = entityOf(next[:end])
	}
	if !known {
		w.damage(w.at(), "an ampersand that begins no entity of XML")
		w.r++
		return ampersand
	}
	if stands == forbidden {
		w.control()
		stands = utf8.RuneError
	}
	w.r += 1 + end + 1
	w.char = utf8.AppendRune(w.char[:0], stands)
	return w.char
}

// forbidden is what an entity stands for that may not stand in XML.
const forbidden rune = -1

// entityOf tells what an entity stands for.
func entityOf(name []byte) (stands rune, known bool) {
	switch string(name) {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "apos":
		return '\'', true
	case "quot":
		return '"', true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	for _, c := range digits {
		decimal := c >= '0' && c <= '9'
		letter := c | 0x20
		if !decimal && (base == 10 || letter < 'a' || letter > 'f') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(string(digits), base, 64)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return 0, false
	case err != nil, n > utf8.MaxRune, n >= 0xd800 && n < 0xe000, n == 0xfffe, n == 0xffff,
		n < ' ' && n != '\t' && n != '\n' && n != '\r':
		return forbidden, true
	}
	return rune(n), true
}

func blank(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }
