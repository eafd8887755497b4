package subunit

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// cut shortens text to max bytes without splitting a character.
func cut[T string | []byte](text T, max int) (T, bool) {
	if len(text) <= max {
		return text, false
	}
	for max > 0 && text[max]&0xc0 == 0x80 {
		max--
	}
	return text[:max], true
}

// repair makes storable text of raw bytes: UTF-8 without U+0000, which
// PostgreSQL cannot hold. It reports whether anything had to be replaced.
func repair(raw string) (string, bool) {
	if utf8.ValidString(raw) && strings.IndexByte(raw, 0) < 0 {
		return raw, false
	}
	return strings.ReplaceAll(strings.ToValidUTF8(raw, "\ufffd"), "\x00", "\ufffd"), true
}

// quote puts text into a reason, shortened.
func quote(text string) string {
	if short, was := cut(text, 80); was {
		return "'" + short + "…'"
	}
	return "'" + text + "'"
}

// interner returns the same string for the same bytes, so that tags and
// attachment names, which repeat with every test, are allocated once. What is
// long, or comes after the table is full, is allocated anew.
type interner map[string]string

const (
	internLength  = 128
	internEntries = 4096
)

func (in interner) text(b []byte) string {
	if s, ok := in[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(b) <= internLength && len(in) < internEntries {
		in[s] = s
	}
	return s
}

// shortMIME spells a media type as testtools prints it: parameters sorted,
// without quotes, joined with commas. A charset ends at a comma, as in testtools
// (_make_content_type in testtools/testresult/real.py), because subunit's own
// writers send "charset=utf8,language=python". So readers that compare with
// python-subunit see the same. Text that does not parse is returned unchanged.
func shortMIME(text string) string {
	base, rest, found := strings.Cut(text, ";")
	base = strings.TrimSpace(base)
	main, sub, ok := strings.Cut(base, "/")
	if !ok || !isToken(main) || !isToken(sub) {
		return text
	}
	if !found {
		return base
	}
	var params []string
	for param := range strings.SplitSeq(rest, ";") {
		if param = strings.TrimSpace(param); param == "" {
			continue
		}
		name, value, ok := strings.Cut(param, "=")
		if name == "charset" {
			value, _, _ = strings.Cut(value, ",")
		}
		if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
			value = value[1 : n-1]
		}
		if !ok || !isToken(name) || !isToken(value) {
			return text
		}
		params = append(params, name+"="+value)
	}
	if len(params) == 0 {
		return base
	}
	slices.Sort(params)
	return base + ";" + strings.Join(params, ",")
}

// isToken reports whether text may stand unquoted in a media type.
func isToken(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return false
		}
	}
	return text != ""
}

func itoa(n int) string { return strconv.Itoa(n) }
