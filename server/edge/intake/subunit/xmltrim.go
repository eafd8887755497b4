package subunit

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

// xmlTrimmer stands between the upload, which is UTF-8 by now, and the decoder.
//
// It leaves out comments, and the rest of texts, CDATA sections and attributes
// that are too long, because the decoder holds each of them in memory as a whole.
// And it mends what the decoder would stop at and what a reader can step over:
// characters that XML forbids, text that is not UTF-8, entities that there are
// not, brackets that should have been escaped. It knows just enough of XML to
// find such places, and leaves all other judgement to the decoder.
type xmlTrimmer struct {
	*sink
	base      int64 // where the input begins in the upload
	end       int64 // of the upload, which an offset in another encoding could exceed
	r         *bufio.Reader
	textLimit int
	tagLimit  int // of an attribute's value; a tag may have twice that
	fault     *faultReader

	state    xmlState
	run      int     // bytes passed on of the current text, section or tag
	last     [2]byte // the bytes passed on before the current one, newest first
	quote    byte    // inside a tag: the quotation mark that is open
	value    int     // bytes of the value behind it
	dropping bool
	rest     int    // bytes to come of a character that was looked at
	pending  string // to be passed on before the input

	in       int64 // bytes read
	lost     int64 // bytes left out because something was too long
	controls int64 // characters replaced that XML forbids
	firstAt  int64 // where the first of them stood
	notUTF8  bool
	ended    bool // the input is at its end
}

type xmlState uint8

const (
	xmlText xmlState = iota
	xmlTag
	xmlInstruction
	xmlDirective // which ends the reading, so that nothing leads out of it
	xmlCDATA
)

const (
	commentHead = "<!--"
	commentTail = "-->"
	cdataHead   = "<![CDATA["
	cdataTail   = "]]>"
	replacement = "\ufffd"
	trimDelay   = 16 // bytes above the limit that may wait for a good place to cut
	maxEntity   = 40 // bytes; numbers may have leading zeros
)

var errLongTag = errors.New("a tag is too long")

// newXMLTrimmer reads from r, of which it keeps the error. What it finds goes to
// s, with offsets from base to end.
func newXMLTrimmer(s *sink, base, end int64, r io.Reader, textLimit, tagLimit int) *xmlTrimmer {
	fault := &faultReader{r: r}
	return &xmlTrimmer{
		sink: s, base: base, end: end, r: bufio.NewReaderSize(fault, 64<<10),
		textLimit: textLimit, tagLimit: tagLimit, fault: fault,
	}
}

// at is the place in the input that was read last.
func (t *xmlTrimmer) at() int64 { return min(t.base+max(0, t.in-1), t.end) }

// ReadByte keeps the decoder from reading ahead, so that where the trimmer
// stands is where the decoder stands.
func (t *xmlTrimmer) ReadByte() (byte, error) {
	for {
		if t.pending != "" {
			c := t.pending[0]
			t.pending = t.pending[1:]
			return t.pass(c), nil
		}
		c, err := t.r.ReadByte()
		if err != nil {
			t.ended = true
			return 0, err
		}
		t.in++
		pass, err := t.step(c)
		if err != nil {
			return 0, err
		}
		if pass {
			return t.pass(c), nil
		}
	}
}

func (t *xmlTrimmer) pass(c byte) byte {
	t.run++
	t.last[1], t.last[0] = t.last[0], c
	return c
}

// Read is there because the decoder asks for it; it is not used much.
func (t *xmlTrimmer) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := t.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

// step reports whether c is to be passed on. What is passed on instead of it
// stands in pending.
func (t *xmlTrimmer) step(c byte) (bool, error) {
	switch {
	case t.rest > 0:
		t.rest--
	case c < 0x20 && c != '\t' && c != '\n' && c != '\r':
		t.control()
		return t.instead(replacement), nil
	case c >= utf8.RuneSelf && !t.character(c):
		return t.instead(replacement), nil
	}
	switch t.state {
	case xmlText:
		return t.textByte(c), nil
	case xmlCDATA:
		return t.sectionByte(c), nil
	case xmlInstruction:
		if c == '>' && t.last[0] == '?' {
			t.enter(xmlText)
		}
	case xmlTag:
		if !t.tagByte(c) {
			return false, nil
		}
	}
	if t.run > 2*t.tagLimit && (t.state == xmlTag || t.state == xmlInstruction || t.state == xmlDirective) {
		return false, errLongTag
	}
	return true, nil
}

func (t *xmlTrimmer) enter(state xmlState) {
	t.state, t.run, t.quote, t.value, t.dropping = state, 0, 0, 0, false
}

// instead passes text on for the byte at hand, where it would have gone.
func (t *xmlTrimmer) instead(text string) bool {
	switch {
	case t.state == xmlTag && t.quote != 0:
		t.value += len(text)
		if !t.dropsValue(true) {
			t.pending = text
		}
	case t.state == xmlText || t.state == xmlCDATA:
		if !t.drops(true) {
			t.pending = text
		}
	default:
		t.pending = text
	}
	return false
}

func (t *xmlTrimmer) control() {
	if t.controls == 0 {
		t.firstAt = t.at()
	}
	t.controls++
}

// character looks at the character that begins with c, which is not ASCII. It
// reports false when that must be replaced.
func (t *xmlTrimmer) character(c byte) bool {
	next, _ := t.r.Peek(utf8.UTFMax - 1)
	r, n := utf8.DecodeRune(append([]byte{c}, next...))
	if r == utf8.RuneError && n <= 1 {
		if !t.notUTF8 {
			t.notUTF8 = true
			t.damage(t.at(), KindXML, "text that is not UTF-8")
		}
		return false
	}
	if r == 0xfffe || r == 0xffff {
		t.control()
		t.skip(n - 1)
		return false
	}
	t.rest = n - 1
	return true
}

// skip passes over n bytes that were peeked at.
func (t *xmlTrimmer) skip(n int) {
	n, _ = t.r.Discard(n)
	t.in += int64(n)
}

func (t *xmlTrimmer) textByte(c byte) bool {
	switch {
	case c == '<':
		return t.angle()
	case c == '&':
		return t.entity()
	case c == '>' && t.last == [2]byte{']', ']'} && !t.dropping:
		t.pending = "&gt;" // which only the end of a section may write otherwise
		return false
	}
	return !t.drops(utf8.RuneStart(c))
}

// angle handles the bracket with which a tag begins, or what looks like one.
func (t *xmlTrimmer) angle() bool {
	next, _ := t.r.Peek(len(cdataHead) - 1)
	switch {
	case bytes.HasPrefix(next, []byte(commentHead[1:])):
		t.skip(len(commentHead) - 1)
		t.comment()
		return false
	case bytes.HasPrefix(next, []byte(cdataHead[1:])):
		t.skip(len(cdataHead) - 1)
		t.enter(xmlCDATA)
		t.pending = cdataHead
		return false
	case bytes.HasPrefix(next, []byte("?")):
		t.enter(xmlInstruction)
		return true
	case bytes.HasPrefix(next, []byte("!")):
		t.enter(xmlDirective)
		return true
	}
	t.enter(xmlTag)
	return true
}

// comment passes over a comment behind its first mark.
func (t *xmlTrimmer) comment() {
	began := t.at()
	for dashes := 0; ; {
		c, err := t.r.ReadByte()
		if err != nil {
			t.damage(began, KindXML, "a comment does not end")
			return
		}
		t.in++
		switch {
		case c == '-':
			dashes++
		case c == '>' && dashes >= len(commentTail)-1:
			return
		default:
			dashes = 0
		}
	}
}

// entity handles an ampersand. XML's own entities and numbers of characters that
// may be pass as they are, all at once, so that none is cut in two.
func (t *xmlTrimmer) entity() bool {
	next, _ := t.r.Peek(maxEntity)
	end := bytes.IndexByte(next, ';')
	name := ""
	if end > 0 {
		name = string(next[:end])
	}
	switch known, allowed := entityKind(name); {
	case !known:
		t.damage(t.at(), KindXML, "an ampersand that begins no entity of XML")
		return t.instead("&amp;")
	case !allowed:
		t.control()
		t.skip(end + 1)
		return t.instead(replacement)
	default:
		t.skip(end + 1)
		return t.instead("&" + name + ";")
	}
}

// entityKind tells whether there is an entity of that name, and whether what it
// stands for may stand in XML.
func entityKind(name string) (known, allowed bool) {
	switch name {
	case "lt", "gt", "amp", "apos", "quot":
		return true, true
	}
	if len(name) < 2 || name[0] != '#' {
		return false, false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	for i := range len(digits) {
		if !isHex(digits[i]) || base == 10 && digits[i] > '9' {
			return false, false
		}
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if errors.Is(err, strconv.ErrSyntax) {
		return false, false
	}
	switch {
	case err != nil, n > utf8.MaxRune, n >= 0xd800 && n < 0xe000, n == 0xfffe, n == 0xffff:
		return true, false
	case n < 0x20:
		return true, n == '\t' || n == '\n' || n == '\r'
	}
	return true, true
}

// drops reports whether what is at hand is left out. Dropping begins above the
// limit, if possible at a good place.
func (t *xmlTrimmer) drops(good bool) bool {
	if !t.dropping && t.run >= t.textLimit && (good || t.run > t.textLimit+trimDelay) {
		t.dropping = true
	}
	if t.dropping {
		t.lost++
	}
	return t.dropping
}

// dropsValue is drops for the value of an attribute, of which value tells the
// length so far.
func (t *xmlTrimmer) dropsValue(good bool) bool {
	if t.value > t.tagLimit && good {
		t.dropping = true
	}
	if t.dropping {
		t.lost++
	}
	return t.dropping
}

// sectionByte handles a byte of a CDATA section.
func (t *xmlTrimmer) sectionByte(c byte) bool {
	if c != ']' {
		return !t.drops(utf8.RuneStart(c))
	}
	next, _ := t.r.Peek(len(cdataTail) - 1)
	if !bytes.HasPrefix(next, []byte(cdataTail[1:])) {
		return !t.drops(true)
	}
	t.skip(len(cdataTail) - 1)
	t.enter(xmlText)
	t.pending = cdataTail
	return false
}

// tagByte reports whether a byte of a tag is passed on.
func (t *xmlTrimmer) tagByte(c byte) bool {
	switch {
	case t.quote == 0:
		switch c {
		case '"', '\'':
			t.quote, t.value = c, 0
		case '>':
			t.enter(xmlText)
		}
		return true
	case c == t.quote:
		t.quote, t.dropping = 0, false
		return true
	case c == '&':
		return t.entity()
	case c == '<':
		t.damage(t.at(), KindXML, "a bracket in an attribute that is not escaped")
		return t.instead("&lt;")
	}
	t.value++
	return !t.dropsValue(utf8.RuneStart(c))
}

// resync passes over the input up to the next bracket, where a new decoder can
// begin. It returns false at the end of the input.
func (t *xmlTrimmer) resync() bool {
	again := t.last[0] == '<' && t.run > 0 && t.pending == "" && !t.ended // that was the fault itself
	t.pending, t.rest, t.last = "", 0, [2]byte{}
	t.enter(xmlText)
	if again {
		if t.angle() {
			t.pending = "<"
		}
		return true
	}
	for {
		next, err := t.r.Peek(1)
		if err != nil {
			t.ended = true
			return false
		}
		if next[0] == '<' {
			return true
		}
		t.skip(1)
	}
}
