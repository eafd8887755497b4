package picture

import (
	"html"
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"
)

// drawing collects SVG. Names go through text and link only; everything else that
// is written into it is ours.
type drawing struct {
	strings.Builder
}

// put writes our own markup.
func (d *drawing) put(parts ...string) {
	for _, part := range parts {
		d.WriteString(part)
	}
}

// text writes somebody's words, for an attribute in double quotes as well as
// between tags.
func (d *drawing) text(s string) {
	d.WriteString(html.EscapeString(visible(s)))
}

// path writes a path of a class, or nothing when it is empty.
func (d *drawing) path(class, data string) {
	if data != "" {
		d.put(`<path class="`, class, `" d="`, data, `"/>`)
	}
}

// open begins a picture that is one image with a name.
func (d *drawing) open(class, width, height, label string) {
	d.put(`<svg class="`, class, `" width="`, width, `" height="`, height, `" role="img" aria-label="`)
	d.text(label)
	d.put(`">`)
}

func (d *drawing) html() template.HTML {
	return template.HTML(d.String()) // every name in it went through text
}

// visible is a name with what a page must not take literally made visible: broken
// encoding, control characters, and the characters that turn the direction of the
// line, which could show one name as another.
func visible(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t', r == '\u2028', r == '\u2029':
			return ' '
		case unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0xfffe, r == 0xffff:
			return '\ufffd'
		}
		return r
	}, s)
}

// link is where an address leads, or "" when it is no page's: only an absolute path
// of this server, a question, a fragment, and http or https.
func link(address string) string {
	for _, r := range address {
		if unicode.IsControl(r) || r == '\\' || r == utf8.RuneError {
			return ""
		}
	}
	lower := strings.ToLower(address)
	switch {
	case strings.HasPrefix(address, "//"):
		return ""
	case strings.HasPrefix(address, "/"), strings.HasPrefix(address, "?"), strings.HasPrefix(address, "#"),
		strings.HasPrefix(lower, "https://"), strings.HasPrefix(lower, "http://"):
		return address
	}
	return ""
}

// shorten is a name that is at most width letters wide, where a letter of an East
// Asian script is two. Its middle goes, because names differ at their ends.
func shorten(name string, width int) string {
	letters := []rune(visible(name))
	if wide(letters) <= width {
		return string(letters)
	}
	start, used := 0, 1 // the ellipsis
	for ; start < len(letters); start++ {
		letter := wide(letters[start : start+1])
		if used+letter > max(width/3, 1)+1 {
			break
		}
		used += letter
	}
	end := len(letters)
	for ; end > start; end-- {
		if used += wide(letters[end-1 : end]); used > width {
			break
		}
	}
	return string(letters[:start]) + "\u2026" + string(letters[end:])
}

// wide is the width of letters in those of the Latin script.
func wide(letters []rune) int {
	width := 0
	for _, r := range letters {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 || r >= 0x1f300):
			width += 2
		default:
			width++
		}
	}
	return width
}
