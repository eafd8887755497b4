package xmlfile

import (
	"bytes"
	"io"
	"regexp"
	"strings"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
)

// DeclarationBytes is how far an XML declaration may reach.
const DeclarationBytes = 1024

var declaredEncoding = regexp.MustCompile(`^\s*<\?xml\s[^>]*?encoding\s*=\s*["']([^"'>]*)["']`)

// IsUTF16 reports whether input whose first bytes are head is XML in UTF-16, with
// or without a mark.
func IsUTF16(head []byte) bool {
	return utf16Of(head[:min(len(head), DeclarationBytes)]) != nil
}

// utf16Of returns the encoding of input whose first bytes are head, if it is
// XML in UTF-16, with or without a mark.
func utf16Of(head []byte) encoding.Encoding {
	order, mark := unicode.LittleEndian, unicode.IgnoreBOM
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		mark, head = unicode.UseBOM, head[2:]
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		order, mark, head = unicode.BigEndian, unicode.UseBOM, head[2:]
	case len(head) >= 2 && head[0] == 0:
		order = unicode.BigEndian
	}
	high, low := 1, 0
	if order == unicode.BigEndian {
		high, low = 0, 1
	}
	for ; len(head) >= 2 && head[high] == 0; head = head[2:] {
		if head[low] == '<' {
			return unicode.UTF16(order, mark)
		}
		if !spaces[head[low]] {
			return nil
		}
	}
	return nil
}

// UTF8 returns r, which begins with head, as UTF-8: r itself when it is so
// already. ok is false when the declaration names an encoding that is not known.
// A declaration that can be read as ASCII and names UTF-16 is wrong, and is passed
// over.
func UTF8(head []byte, r io.Reader) (decoded io.Reader, name string, ok bool) {
	if wide := utf16Of(head); wide != nil {
		return wide.NewDecoder().Reader(r), "utf-16", true
	}
	found := declaredEncoding.FindSubmatch(head)
	if found == nil {
		return r, "", true
	}
	name = strings.ToLower(strings.TrimSpace(string(found[1])))
	if name == "utf8" || name == "utf-8" || strings.HasPrefix(name, "utf-16") || strings.HasPrefix(name, "ucs-2") {
		return r, name, true
	}
	e, canonical := charset.Lookup(name)
	switch {
	case e == nil || canonical == "replacement":
		return nil, name, false
	case canonical == "utf-8":
		return r, name, true
	}
	return e.NewDecoder().Reader(r), name, true
}
