package query

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// args are the decoded pairs of a query string.
type args struct {
	keys   []string            // in order of first appearance
	values map[string][]string // cleaned; empty ones are kept
}

// split decodes a query string. It is more patient than net/url, as the
// original was: a percent sign that starts no code stands for itself, and a
// semicolon is an ordinary character.
func split(raw string) (args, error) {
	a := args{values: map[string][]string{}}
	for len(raw) > 0 {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		key, value = unescape(key), unescape(value)
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return args{}, &SyntaxError{Reason: "the query string is not UTF-8"}
		}
		if _, seen := a.values[key]; !seen {
			a.keys = append(a.keys, key)
		}
		a.values[key] = append(a.values[key], clean(value))
	}
	return a, nil
}

// given returns the values of key that are not empty, without repetitions.
func (a args) given(key string) []string {
	var out []string
	seen := map[string]bool{}
	for _, v := range a.values[key] {
		if v != "" && !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// last returns the value of key that counts for parameters that take one: the
// last that is not empty.
func (a args) last(key string) (string, bool) {
	values := a.values[key]
	for i := len(values) - 1; i >= 0; i-- {
		if values[i] != "" {
			return values[i], true
		}
	}
	return "", false
}

// clean makes control characters blanks and removes the blanks around a value,
// as Tornado's get_arguments did for the original. It also keeps zero bytes
// away from databases that refuse them.
func clean(value string) string {
	value = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, value)
	return strings.TrimSpace(value)
}

func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b.WriteByte(' ')
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}
