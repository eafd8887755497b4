package subunit

import (
	"bufio"
	"errors"
	"io"
	"unicode/utf8"
)

// xmlTrimmer passes XML on to the decoder byte by byte and leaves out the rest
// of texts, CDATA sections and comments that are too long, because the decoder
// holds each of them in memory as a whole. It knows just enough of XML to find
// where they end, and leaves all judgement to the decoder.
type xmlTrimmer struct {
	r         *bufio.Reader
	textLimit int
	tagLimit  int
	fault     *faultReader

	state    xmlState
	run      int     // bytes of the current text, section or tag
	last     [3]byte // the bytes before the current one, newest first
	quote    byte    // inside a tag: the quotation mark that is open
	entity   int     // bytes since an ampersand without its semicolon
	dropping bool
	pending  string // to be passed on before the input

	in, out int64 // bytes read and passed on
}

type xmlState uint8

const (
	xmlText xmlState = iota
	xmlTag
	xmlInstruction
	xmlComment
	xmlCDATA
)

const (
	commentHead = "<!--"
	cdataHead   = "<![CDATA["
	trimDelay   = 16 // bytes above the limit that may wait for a good place to cut
)

var errLongTag = errors.New("a tag is too long")

// newXMLTrimmer reads from r, of which it keeps the error.
func newXMLTrimmer(r io.Reader, textLimit, tagLimit int) *xmlTrimmer {
	fault := &faultReader{r: r}
	return &xmlTrimmer{r: bufio.NewReaderSize(fault, 64<<10), textLimit: textLimit, tagLimit: tagLimit, fault: fault}
}

// ReadByte keeps the decoder from reading ahead, so that its offset plus
// dropped is the place in the input.
func (t *xmlTrimmer) ReadByte() (byte, error) {
	for {
		if t.pending != "" {
			c := t.pending[0]
			t.pending = t.pending[1:]
			t.out++
			return c, nil
		}
		c, err := t.r.ReadByte()
		if err != nil {
			return 0, err
		}
		t.in++
		pass, err := t.step(c)
		if err != nil {
			return 0, err
		}
		if pass {
			t.out++
			return c, nil
		}
	}
}

// dropped returns how many bytes were left out so far.
func (t *xmlTrimmer) dropped() int64 {
	return max(0, t.in-t.out-int64(len(t.pending)))
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

// step reports whether c is to be passed on.
func (t *xmlTrimmer) step(c byte) (bool, error) {
	t.run++
	pass := true
	switch t.state {
	case xmlText:
		pass = t.textByte(c)
	case xmlComment:
		pass = t.sectionByte(c, '-', " -->") // "--" may not stand inside a comment
	case xmlCDATA:
		pass = t.sectionByte(c, ']', "]]>")
	case xmlInstruction:
		if c == '>' && t.last[0] == '?' {
			t.enter(xmlText)
		}
	default:
		t.tagByte(c)
	}
	t.last[2], t.last[1], t.last[0] = t.last[1], t.last[0], c
	if t.run > t.tagLimit && (t.state == xmlTag || t.state == xmlInstruction) {
		return false, errLongTag
	}
	return pass, nil
}

func (t *xmlTrimmer) enter(state xmlState) {
	t.state, t.run, t.quote, t.entity, t.dropping = state, 0, 0, 0, false
}

func (t *xmlTrimmer) textByte(c byte) bool {
	inEntity := t.entity > 0
	switch {
	case c == '<':
		t.enter(xmlTag)
		t.run = 1
		return true
	case c == '&':
		t.entity = 1
	case c == ';':
		t.entity = 0
	case t.entity > 0:
		t.entity++
	}
	return !t.drops(utf8.RuneStart(c) && !inEntity)
}

// drops reports whether the byte at hand is left out. Dropping begins above the
// limit, if possible at a good place.
func (t *xmlTrimmer) drops(good bool) bool {
	if !t.dropping && t.run > t.textLimit && (good || t.run > t.textLimit+trimDelay) {
		t.dropping = true
	}
	return t.dropping
}

// sectionByte handles a byte of a comment or a CDATA section, which ends with two
// marks and a bracket. A cut section is ended by end.
func (t *xmlTrimmer) sectionByte(c, mark byte, end string) bool {
	if c == '>' && t.last[0] == mark && t.last[1] == mark && t.run > 2 {
		dropped := t.dropping
		t.enter(xmlText)
		if dropped {
			t.pending = end // of which the marks may have been dropped
		}
		return !dropped
	}
	return !t.drops(utf8.RuneStart(c))
}

func (t *xmlTrimmer) tagByte(c byte) {
	switch {
	case t.run == 2 && c == '?':
		t.state = xmlInstruction
	case t.run == len(commentHead) && c == '-' && t.last == [3]byte{'-', '!', '<'}:
		t.enter(xmlComment)
	case t.run == len(cdataHead) && c == '[' && t.last == [3]byte{'A', 'T', 'A'}:
		t.enter(xmlCDATA)
	case t.quote != 0:
		if c == t.quote {
			t.quote = 0
		}
	case c == '"' || c == '\'':
		t.quote = c
	case c == '>':
		t.enter(xmlText)
	}
}
