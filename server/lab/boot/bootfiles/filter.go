package bootfiles

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/exec"
)

// ownFilters replace filters of gonja's that give something else than Jinja2's:
// dictsort and items do not see the mappings that keep an order, and items
// walks Go's maps at random; int does not know booleans; tojson writes no blanks;
// round rounds halves up; reverse sorts; default wants an argument; center, format
// and pprint are not Python's.
var ownFilters = map[string]exec.FilterFunction{
	"center":   center,
	"d":        fallback,
	"default":  fallback,
	"dictsort": dictsort,
	"format":   format,
	"int":      integer,
	"items":    items,
	"pprint":   pprint,
	"reverse":  reverse,
	"round":    round,
	"sum":      sum,
	"string": func(_ *exec.Evaluator, in *exec.Value, _ *exec.VarArgs) *exec.Value {
		return exec.AsValue(printed(in).String())
	},
	"tojson":    tojson,
	"urlencode": urlencode,
}

// original calls gonja's filter.
func original(name string, e *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
	f, ok := builtins.Filters.Get(name)
	if !ok {
		return errorf("there is no filter %s", name)
	}
	return f(e, in, params)
}

// dict is Jinja2's dict(a=1). Its entries are sorted, because gonja does not tell
// in which order they were written.
func dict(_ *exec.Evaluator, params *exec.VarArgs) (any, error) {
	if len(params.Args) > 0 {
		return nil, errors.New("dict takes arguments with names")
	}
	var entries []entry
	for _, name := range slices.Sorted(maps.Keys(params.KwArgs)) {
		entries = append(entries, entry{name, params.KwArgs[name]})
	}
	return mapping(entries...), nil
}

// sum also joins lists, which Jinja2's does when it begins with one.
func sum(e *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
	start := argument(params, 1, "start")
	if !start.IsList() {
		return original("sum", e, in, params)
	}
	list := exec.ValuesList{}
	for i := range start.Len() {
		list = append(list, start.Index(i))
	}
	for i := range in.Len() {
		inner := in.Index(i)
		if !inner.IsList() || !argument(params, 0, "attribute").IsNil() {
			return errorf("sum joins lists, without an attribute")
		}
		for j := range inner.Len() {
			list = append(list, inner.Index(j))
		}
	}
	return exec.AsValue(list)
}

// pairsOf returns the entries of a mapping: in their order, or for a Go map by key.
func pairsOf(in *exec.Value) []*exec.Pair {
	if d, ok := in.Interface().(*exec.Dict); ok {
		return d.Pairs
	}
	var list []*exec.Pair
	in.Iterate(func(_, _ int, key, value *exec.Value) bool {
		list = append(list, &exec.Pair{Key: key, Value: value})
		return true
	}, func() {})
	return list
}

func dictsort(e *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
	if !in.IsDict() {
		return errorf("dictsort takes a mapping")
	}
	m := map[string]any{}
	for _, p := range pairsOf(in) {
		m[p.Key.String()] = p.Value.Interface()
	}
	return original("dictsort", e, exec.AsValue(m), params)
}

func items(_ *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
	switch {
	case len(arguments(params)) > 0:
		return errorf("items takes no arguments")
	case in.IsNil():
		return exec.AsValue([]any{})
	case !in.IsDict():
		return errorf("items takes a mapping")
	}
	list := []any{}
	for _, p := range pairsOf(in) {
		list = append(list, tupleOf(p.Key, p.Value))
	}
	return exec.AsValue(list)
}

func integer(e *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
	if in.IsBool() {
		if in.Bool() {
			return exec.AsValue(1)
		}
		return exec.AsValue(0)
	}
	return original("int", e, in, params)
}

// fallback is default: an undefined value, or with a second argument any that is
// false, becomes the first one.
func fallback(e *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
	if len(arguments(params)) > 0 {
		return original("default", e, in, params)
	}
	if in.IsNil() {
		return exec.AsValue("")
	}
	return in
}

func reverse(_ *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
	switch {
	case len(arguments(params)) > 0:
		return errorf("reverse takes no arguments")
	case in.IsString():
		runes := []rune(in.String())
		slices.Reverse(runes)
		return exec.AsValue(string(runes))
	case !in.IsList():
		return errorf("reverse takes a text or a list")
	}
	list := make([]any, 0, in.Len())
	for i := in.Len() - 1; i >= 0; i-- {
		list = append(list, in.Index(i).Interface())
	}
	return exec.AsValue(list)
}

// round rounds to the even neighbour, as Python does.
func round(e *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
	precision, method := argument(params, 0, "precision"), argument(params, 1, "method")
	if !method.IsNil() && method.String() != "common" {
		return original("round", e, in, params)
	}
	if !in.IsNumber() || !precision.IsNil() && !precision.IsInteger() {
		return errorf("round takes a number, and a precision that is a whole number")
	}
	digits := 0
	if !precision.IsNil() {
		digits = precision.Integer()
	}
	if digits < 0 || digits > 15 {
		return original("round", e, in, params)
	}
	// The decimal nearest to the number is what Python takes, too.
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(in.Float(), 'f', digits, 64), 64)
	if digits == 0 {
		rounded = math.RoundToEven(in.Float())
	}
	if err != nil {
		return errorf("round takes a number")
	}
	return exec.AsValue(rounded)
}

// center puts the odd blank where str.center does.
func center(_ *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
	width := argument(params, 0, "width")
	n := 80
	if !width.IsNil() {
		if !width.IsInteger() {
			return errorf("center takes a whole number")
		}
		n = width.Integer()
	}
	text := in.String()
	missing := max(0, n-utf8.RuneCountInString(text))
	left := missing/2 + missing&n&1
	return exec.AsValue(strings.Repeat(" ", left) + text + strings.Repeat(" ", missing-left))
}

func pprint(_ *exec.Evaluator, in *exec.Value, _ *exec.VarArgs) *exec.Value {
	var out strings.Builder
	repr(&out, in, 0)
	return exec.AsValue(out.String())
}

// repr writes a value as Python would in a program.
func repr(out *strings.Builder, v *exec.Value, depth int) {
	v = exec.ToValue(v.Interface())
	switch {
	case depth > maxNesting:
		out.WriteString("…")
	case v.IsNil():
		out.WriteString("None")
	case v.IsString():
		out.WriteString(pythonString(v.String()))
	case isPair(v):
		p := v.Interface().(*exec.Pair)
		out.WriteByte('(')
		repr(out, p.Key, depth+1)
		out.WriteString(", ")
		repr(out, p.Value, depth+1)
		out.WriteByte(')')
	case v.IsDict():
		out.WriteByte('{')
		for i, p := range pairsOf(v) {
			if i > 0 {
				out.WriteString(", ")
			}
			repr(out, p.Key, depth+1)
			out.WriteString(": ")
			repr(out, p.Value, depth+1)
		}
		out.WriteByte('}')
	case v.IsList():
		open, end := "[", "]"
		if v.Val.Type() == tuple {
			open, end = "(", ")"
		}
		out.WriteString(open)
		for i := range v.Len() {
			if i > 0 {
				out.WriteString(", ")
			}
			repr(out, v.Index(i), depth+1)
		}
		out.WriteString(end)
	default:
		out.WriteString(v.String())
	}
}

// tuple is the type of what dictsort lists.
var tuple = func() reflect.Type {
	sorted := original("dictsort", nil, exec.AsValue(map[string]any{"": 0}), exec.NewVarArgs())
	return sorted.Index(0).Val.Type()
}()

func tupleOf(values ...*exec.Value) any {
	out := reflect.MakeSlice(tuple, 0, len(values))
	for _, v := range values {
		inner := reflect.New(tuple.Elem()).Elem()
		if v := v.Interface(); v != nil {
			inner.Set(reflect.ValueOf(v))
		}
		out = reflect.Append(out, inner)
	}
	return out.Interface()
}

func isPair(v *exec.Value) bool {
	p, ok := v.Interface().(*exec.Pair)
	return ok && p != nil
}

func pythonString(text string) string {
	quoted := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text)
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		return `"` + quoted + `"`
	}
	return "'" + strings.ReplaceAll(quoted, "'", `\'`) + "'"
}

// tojson writes JSON as Jinja2 does (htmlsafe_json_dumps): keys sorted, blanks
// behind commas and colons, ASCII only, and nothing that HTML would take for
// markup.
func tojson(_ *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
	indent := argument(params, 0, "indent")
	w := jsonWriter{indent: -1}
	if !indent.IsNil() {
		if !indent.IsInteger() || indent.Integer() < 0 {
			return errorf("tojson takes a whole number as indent")
		}
		w.indent = indent.Integer()
	}
	w.value(in, 0)
	if w.err != nil {
		return exec.AsValue(w.err)
	}
	return exec.AsSafeValue(w.out.String())
}

type jsonWriter struct {
	out    strings.Builder
	indent int // -1: all in one line
	err    error
}

func (w *jsonWriter) value(v *exec.Value, depth int) {
	v = exec.ToValue(v.Interface())
	switch {
	case depth > maxNesting:
		w.err = errors.New("tojson: the value is nested too deeply")
	case v.IsNil():
		w.out.WriteString("null")
	case v.IsString():
		w.text(v.String())
	case v.IsDict():
		pairs := slices.Clone(pairsOf(v))
		slices.SortFunc(pairs, func(a, b *exec.Pair) int { return strings.Compare(a.Key.String(), b.Key.String()) })
		w.list('{', '}', len(pairs), depth, func(i int) {
			w.text(pairs[i].Key.String())
			w.out.WriteString(": ")
			w.value(pairs[i].Value, depth+1)
		})
	case v.IsList():
		w.list('[', ']', v.Len(), depth, func(i int) { w.value(v.Index(i), depth+1) })
	case v.IsBool():
		w.out.WriteString(strconv.FormatBool(v.Bool()))
	case v.IsNumber():
		w.out.WriteString(v.String())
	default:
		w.err = fmt.Errorf("tojson: a %s does not exist in JSON", reflect.TypeOf(v.Interface()).Kind())
	}
}

func (w *jsonWriter) list(open, end byte, n, depth int, item func(i int)) {
	w.out.WriteByte(open)
	for i := range n {
		if i > 0 {
			w.out.WriteByte(',')
		}
		switch {
		case w.indent >= 0:
			w.out.WriteString("\n" + strings.Repeat(" ", w.indent*(depth+1)))
		case i > 0:
			w.out.WriteByte(' ')
		}
		item(i)
	}
	if n > 0 && w.indent >= 0 {
		w.out.WriteString("\n" + strings.Repeat(" ", w.indent*depth))
	}
	w.out.WriteByte(end)
}

func (w *jsonWriter) text(text string) {
	quoted, err := json.Marshal(text) // escapes <, > and &
	if err != nil {
		w.err = err
		return
	}
	for _, r := range string(quoted) {
		switch {
		case r == '\'':
			w.out.WriteString(`\u0027`)
		case r < utf8.RuneSelf:
			w.out.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&w.out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&w.out, `\u%04x`, r)
		}
	}
}
