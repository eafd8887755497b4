package jsonfile

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// names returns the same string for the same bytes. Most names of members come
// again and again, so the last ones are found without a map.
type names struct {
	last [256]string
	all  report.Interner
}

// Text is that of the bytes.
func (n *names) Text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	slot := &n.last[byte(len(b))*31^b[0]^b[len(b)-1]*7^b[len(b)/2]*3]
	if *slot != string(b) {
		*slot = n.all.Text(b)
	}
	return *slot
}

func escaped(inner []byte) bool { return bytes.IndexByte(inner, '\\') >= 0 }

// unescape appends what the inside of a string means to dst, up to most bytes of
// it, and returns how long the whole of it is. Bytes that are not UTF-8 stay.
func unescape(dst, inner []byte, most int) ([]byte, int64) {
	size := int64(0)
	put := func(b []byte) {
		size += int64(len(b))
		dst = append(dst, b[:min(len(b), max(0, most))]...)
		most -= len(b)
	}
	var char [utf8.UTFMax]byte
	for {
		i := bytes.IndexByte(inner, '\\')
		if i < 0 || i+1 >= len(inner) {
			put(inner)
			return dst, size
		}
		put(inner[:i])
		r, n := escape(inner[i:])
		put(char[:utf8.EncodeRune(char[:], r)])
		inner = inner[i+n:]
	}
}

// escape returns what an escape stands for and how many bytes it takes.
func escape(b []byte) (rune, int) {
	switch b[1] {
	case 'n':
		return '\n', 2
	case 't':
		return '\t', 2
	case 'r':
		return '\r', 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'u':
		r, ok := hex4(b)
		if !ok {
			return utf8.RuneError, min(len(b), 6)
		}
		if utf16.IsSurrogate(r) {
			if low, ok := hex4(b[6:]); ok {
				if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
					return both, 12
				}
			}
			return utf8.RuneError, 6
		}
		return r, 6
	}
	return rune(b[1]), 2
}

// hex4 reads an escape of the form \u1234.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	r := rune(0)
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// number reads a number as writers spell it: 1234.5, "1,234.5", "0.11s".
func number(text []byte) (float64, bool) {
	text = bytes.TrimSuffix(bytes.TrimSpace(text), []byte("s"))
	if bytes.IndexByte(text, ',') >= 0 {
		text = bytes.ReplaceAll(text, []byte(","), nil)
	}
	v, err := strconv.ParseFloat(string(text), 64)
	return v, err == nil
}
