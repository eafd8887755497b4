package bootfiles

import (
	"strings"

	"github.com/nikolalohinski/gonja/v2/exec"
)

// urlencode is Jinja2's filter (jinja2/filters.py, do_urlencode): a text keeps
// letters, digits, "_.-~" and "/"; a map or a list of pairs becomes a query
// string, where "/" is encoded too and a blank becomes "+". gonja's encodes and
// leaves other characters.
func urlencode(_ *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
	if len(arguments(params)) > 0 {
		return errorf("urlencode takes no arguments")
	}
	var pairs []string
	add := func(key, value *exec.Value) {
		pairs = append(pairs, quote(key.String(), true)+"="+quote(value.String(), true))
	}
	switch {
	case in.IsDict():
		in.Iterate(func(_, _ int, key, value *exec.Value) bool {
			add(key, value)
			return true
		}, func() {})
	case in.IsList():
		for i := range in.Len() {
			item := exec.ToValue(in.Index(i).Interface())
			if !item.IsList() || item.Len() != 2 {
				return errorf("urlencode takes a text, a map or a list of pairs")
			}
			add(exec.ToValue(item.Index(0).Interface()), exec.ToValue(item.Index(1).Interface()))
		}
	default:
		return exec.AsValue(quote(in.String(), false))
	}
	return exec.AsValue(strings.Join(pairs, "&"))
}

func quote(text string, query bool) string {
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("_.-~", c) >= 0,
			c == '/' && !query:
			out.WriteByte(c)
		case c == ' ' && query:
			out.WriteByte('+')
		default:
			out.WriteByte('%')
			out.WriteByte(hex[c>>4])
			out.WriteByte(hex[c&15])
		}
	}
	return out.String()
}
