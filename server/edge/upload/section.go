package upload

import (
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// Section is where, in a JSON body that was written out whole, the file
// stands: `{"test_id": 7, "file": …}`. It is reported instead of the file
// itself because only the end of the body shows that there is one. The caller
// copies what Open returns to where the file shall stay.
type Section struct {
	Offset int64 // in the body
	Length int64 // in the body, without the quotation marks of a string
	Text   bool  // the file is the text of a JSON string, not JSON itself
}

// Open returns the file. body is what Read wrote; it is not closed and must
// not change. An object or array comes back as the very bytes of the body, a
// string decoded. Half a surrogate pair becomes U+FFFD, other bytes that are
// not UTF-8 stay.
func (s Section) Open(body io.ReaderAt) io.Reader {
	raw := io.NewSectionReader(body, s.Offset, s.Length)
	if !s.Text {
		return raw
	}
	return &jsonText{r: raw}
}

// longestEscape is the longest that stands for one character, a surrogate pair:
// \ud83d\ude00.
const longestEscape = 12

// jsonText decodes the inside of a JSON string that is known to be well formed.
type jsonText struct {
	r    io.Reader
	raw  [4 << 10]byte
	kept int // bytes of an unfinished escape at the start of raw
	out  [4 << 10]byte
	text []byte // decoded in out, not handed out yet
	err  error
}

func (t *jsonText) Read(p []byte) (int, error) {
	for len(t.text) == 0 && len(p) > 0 {
		if t.err != nil {
			return 0, t.err
		}
		t.fill()
	}
	n := copy(p, t.text)
	t.text = t.text[n:]
	return n, nil
}

// fill reads more and decodes what is complete.
func (t *jsonText) fill() {
	var n int
	n, t.err = t.r.Read(t.raw[t.kept:])
	have := t.raw[:t.kept+n]
	written, used := unquote(t.out[:], have, t.err != nil)
	t.text = t.out[:written]
	t.kept = copy(t.raw[:], have[used:])
}

// unquote decodes the inside of a JSON string into dst, which may be the same
// memory, and returns how much it wrote and read. Unless this is the end, an
// escape that may go on behind src is left unread.
func unquote(dst, src []byte, final bool) (w, r int) {
	for r < len(src) {
		if src[r] != '\\' {
			dst[w] = src[r]
			w++
			r++
			continue
		}
		if !final && len(src)-r < longestEscape {
			break
		}
		char, n := escape(src[r:])
		r += n
		w += utf8.EncodeRune(dst[w:], char)
	}
	return w, r
}

// escapes are the characters of the two-byte escapes that mean another one.
var escapes = [256]rune{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', '"': '"', '\\': '\\', '/': '/'}

// escape decodes one escape, and two of them for a surrogate pair. A backslash
// that starts none, which the scanner never lets through, stays itself. The
// character is never longer than what stands for it.
func escape(text []byte) (char rune, length int) {
	if len(text) > 1 && escapes[text[1]] != 0 {
		return escapes[text[1]], 2
	}
	first, ok := unit(text)
	if !ok {
		return '\\', 1
	}
	if !utf16.IsSurrogate(first) {
		return first, 6
	}
	if second, ok := unit(text[6:]); ok {
		if pair := utf16.DecodeRune(first, second); pair != utf8.RuneError {
			return pair, longestEscape
		}
	}
	return utf8.RuneError, 6
}

// unit reads \uXXXX.
func unit(text []byte) (char rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for _, c := range text[2:6] {
		digit := unhex[c]
		if digit == notHex {
			return 0, false
		}
		char = char<<4 | rune(digit)
	}
	return char, true
}
