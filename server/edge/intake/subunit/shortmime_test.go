package subunit

import (
	"slices"
	"strings"
	"testing"
)

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

func TestShortMIME(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`text/plain; charset="utf8"`:                          "text/plain;charset=utf8",
		`text/x-traceback; charset="utf8"; language="python"`: "text/x-traceback;charset=utf8,language=python",
		`text/x-traceback;language=python;charset=utf8`:       "text/x-traceback;charset=utf8,language=python",
		`text/x-traceback;charset=utf8,language=python`:       "text/x-traceback;charset=utf8",
		"image/png":                     "image/png",
		"image/png;":                    "image/png",
		"not a mime":                    "not a mime",
		"text/plain; charset":           "text/plain; charset",
		`text/plain; a="b c"`:           `text/plain; a="b c"`,
		"text/plain\r\nX: y":            "text/plain\r\nX: y",
		"application/vnd.a+json; q=0.5": "application/vnd.a+json;q=0.5",
	} {
		if got := shortMIME(in); got != want {
			t.Errorf("shortMIME(%q) = %q, want %q", in, got, want)
		}
	}
}
