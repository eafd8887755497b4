package xmlfile

import (
	"bytes"
	"io"
	"regexp"
	"strings"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
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
// already. known is false when the declaration names an encoding that is not known,
// which then is taken for UTF-8. A declaration that can be read as ASCII and names
// UTF-16, or another encoding in which it would be none, is wrong, and is passed over.
func UTF8(head []byte, r io.Reader) (decoded io.Reader, name string, known bool) {
	if wide := utf16Of(head); wide != nil {
		return wide.NewDecoder().Reader(r), "utf-16", true
	}
	found := declaredEncoding.FindSubmatch(head)
	if found == nil {
		return r, "", true
	}
	name = strings.ToLower(strings.TrimSpace(string(found[1])))
	if name == "" || name == "utf8" || name == "utf-8" || strings.HasPrefix(name, "utf-16") || strings.HasPrefix(name, "ucs-2") {
		return r, name, true
	}
	e := encodingOf(name)
	if e == nil {
		return r, name, false
	}
	const declaration = "<?xml"
	if text, err := e.NewDecoder().String(declaration); e == unicode.UTF8 || err != nil || text != declaration {
		return r, name, true
	}
	return e.NewDecoder().Reader(r), name, true
}

// encodingOf returns the encoding of that name, nil if there is none. The web does not
// know those of DOS, such as cp850, and Python's names have other hyphens.
func encodingOf(name string) encoding.Encoding {
	hyphened := strings.TrimSuffix(strings.ReplaceAll(name, "_", "-"), "-sig")
	for _, name := range []string{name, hyphened, strings.Replace(hyphened, "latin-", "latin", 1)} {
		if e, canonical := charset.Lookup(name); e != nil && canonical != "replacement" {
			if canonical == "utf-8" {
				return unicode.UTF8
			}
			return e
		}
		if e, err := ianaindex.IANA.Encoding(name); err == nil && e != nil {
			return e
		}
	}
	return nil
}
