package report

import (
	"strings"
	"unicode/utf8"
)

// Cut shortens text to max bytes without splitting a character.
func Cut[T string | []byte](text T, max int) (T, bool) {
	if len(text) <= max {
		return text, false
	}
	for max > 0 && text[max]&0xc0 == 0x80 {
		max--
	}
	return text[:max], true
}

// Repair makes storable text of raw bytes: UTF-8 without U+0000, which
// PostgreSQL cannot hold. It reports whether anything had to be replaced.
func Repair(raw string) (string, bool) {
	if utf8.ValidString(raw) && strings.IndexByte(raw, 0) < 0 {
		return raw, false
	}
	return strings.ReplaceAll(strings.ToValidUTF8(raw, "\ufffd"), "\x00", "\ufffd"), true
}

// Quote puts text into a reason, shortened.
func Quote(text string) string {
	if short, was := Cut(text, 80); was {
		return "'" + short + "…'"
	}
	return "'" + text + "'"
}

// Interner returns the same string for the same bytes, so that tags and
// attachment names, which repeat with every test, are allocated once. What is
// long, or comes after the table is full, is allocated anew.
type Interner map[string]string

// The bounds of an Interner: how long a text that it keeps may be, and how many.
const (
	InternLength  = 128
	InternEntries = 4096
)

// Text returns b as a string.
func (in Interner) Text(b []byte) string {
	if s, ok := in[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(b) <= InternLength && len(in) < InternEntries {
		in[s] = s
	}
	return s
}

// HeaderText makes a media type fit for a header: control characters, which a
// header cannot hold, become question marks. All else stays as it was sent,
// because readers depend on odd spellings: python's clients find a charset only
// if it stands where its writers put it.
func HeaderText(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return '?'
		}
		return r
	}, text)
}
