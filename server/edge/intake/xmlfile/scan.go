package xmlfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"unicode/utf8"
)

const (
	bufferBytes = 64 << 10
	minBuffer   = 4 << 10
	maxName     = 1024 // bytes of the name of an element or of an attribute
	maxEntity   = 40   // bytes; numbers may have leading zeros
)

// bytesOf is a set of bytes.
type bytesOf [256]bool

func setOf(chars string) *bytesOf {
	var set bytesOf
	for i := range len(chars) {
		set[chars[i]] = true
	}
	return &set
}

// special returns the set of what ends a run of plain characters: chars, line
// ends that have to be made one, and what XML forbids.
func special(chars string) *bytesOf {
	set := setOf(chars + "\r")
	for c := range byte(' ') {
		set[c] = set[c] || c != '\t' && c != '\n'
	}
	return set
}

var (
	spaces      = setOf(" \t\n\v\f\r")
	inText      = special("<&")
	inSection   = special("]<")
	inDouble    = special(`"<&`)
	inSingle    = special("'<&")
	nameEnds    = setOf(" \t\n\r/>=\"'<&")
	nameLetters = letters()
)

func letters() *bytesOf {
	set := setOf("_:")
	for c := range 256 {
		letter := byte(c) | 0x20
		set[c] = set[c] || letter >= 'a' && letter <= 'z' || c >= utf8.RuneSelf
	}
	return set
}

// scanner is the input, which is UTF-8 by now, with some bytes of it to look at.
type scanner struct {
	ctx  context.Context
	src  io.Reader
	buf  []byte
	r, w int   // what is to be read of buf
	off  int64 // place of buf[0] in the input
	eof  bool
	err  error // of reading
}

// more makes n bytes visible, and reports false when there are not as many.
func (s *scanner) more(n int) bool {
	return s.w-s.r >= n || s.fill(n)
}

func (s *scanner) fill(n int) bool {
	for empty := 0; s.w-s.r < n && !s.eof; empty++ {
		if len(s.buf)-s.r < n || s.w == len(s.buf) {
			s.off += int64(s.r)
			s.w = copy(s.buf, s.buf[s.r:s.w])
			s.r = 0
		}
		k, err := s.src.Read(s.buf[s.w:])
		s.w += k
		switch {
		case err == nil && k > 0:
			empty, err = 0, s.ctx.Err()
		case err == nil && empty > 100:
			err = io.ErrNoProgress
		}
		if err != nil {
			s.eof = true
			if !errors.Is(err, io.EOF) {
				s.err, s.r, s.w = err, 0, 0
			}
		}
	}
	return s.w-s.r >= n
}

// place is that of the next byte.
func (s *scanner) place() int64 { return s.off + int64(s.r) }

// plain takes what comes before the next byte that is in the set, is no whole
// UTF-8, or stands at the end of what is visible.
func (s *scanner) plain(set *bytesOf) []byte {
	i, b := s.r, s.buf[:s.w]
	for i < len(b) {
		c := b[i]
		if c < utf8.RuneSelf {
			if set[c] {
				break
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 || r == 0xfffe || r == 0xffff {
			break
		}
		i += n
	}
	b = b[s.r:i]
	s.r = i
	return b
}

// space passes over white space.
func (s *scanner) space() {
	for s.more(1) {
		for s.r < s.w && spaces[s.buf[s.r]] {
			s.r++
		}
		if s.r < s.w {
			return
		}
	}
}

// takes passes over text if it comes next.
func (s *scanner) takes(text string) bool {
	if s.more(len(text)) && string(s.buf[s.r:s.r+len(text)]) == text {
		s.r += len(text)
		return true
	}
	return false
}

// name takes the name of an element or of an attribute, which is empty when
// there is none.
func (s *scanner) name() []byte {
	s.more(maxName)
	b := s.buf[s.r:min(s.w, s.r+maxName)]
	if len(b) == 0 || !nameLetters[b[0]] {
		return nil
	}
	i := 1
	for i < len(b) && b[i] > ' ' && b[i] != 0x7f && !nameEnds[b[i]] {
		i++
	}
	if !utf8.Valid(b[:i]) {
		return nil
	}
	s.r += i
	return b[:i]
}

// find goes on to the next byte c, and reports false at the end of the input.
func (s *scanner) find(c byte) bool {
	for s.more(1) {
		if i := bytes.IndexByte(s.buf[s.r:s.w], c); i >= 0 {
			s.r += i
			return true
		}
		s.r = s.w
	}
	return false
}

// past passes over all up to the end of text, which begins with first, and
// reports false when it does not come.
func (s *scanner) past(text string) bool {
	for s.find(text[0]) {
		if s.takes(text) {
			return true
		}
		if s.more(1) {
			s.r++
		}
	}
	return false
}
