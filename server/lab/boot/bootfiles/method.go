package bootfiles

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/nikolalohinski/gonja/v2/exec"
)

// ownMethods replace methods of texts that gonja has wrong: its split counts
// pieces where Python counts cuts, its justifying ones want a fill character. Those
// of mappings sort, where Python keeps the order. Those that change a list or mapping
// change a copy of it.
var ownMethods = map[string]any{
	"split":  textMethod(func(self string, p *exec.VarArgs) (any, error) { return split(self, p, false) }),
	"rsplit": textMethod(func(self string, p *exec.VarArgs) (any, error) { return split(self, p, true) }),
	"ljust":  textMethod(func(self string, p *exec.VarArgs) (any, error) { return pad(self, p, 0, 1) }),
	"rjust":  textMethod(func(self string, p *exec.VarArgs) (any, error) { return pad(self, p, 1, 0) }),

	"append":  listMethod(appendTo),
	"extend":  listMethod(extend),
	"reverse": listMethod(reverseList),

	"update":     changeMapping(update),
	"setdefault": changeMapping(setDefault),

	"items":  mappingMethod(func(p *exec.Pair) any { return tupleOf(p.Key, p.Value) }),
	"keys":   mappingMethod(func(p *exec.Pair) any { return p.Key.Interface() }),
	"values": mappingMethod(func(p *exec.Pair) any { return p.Value.Interface() }),
}

func textMethod(f func(self string, p *exec.VarArgs) (any, error)) exec.Method[string] {
	return func(self string, _ *exec.Value, p *exec.VarArgs) (any, error) { return f(self, p) }
}

// mappingMethod lists something of each entry.
func mappingMethod(of func(*exec.Pair) any) exec.Method[map[string]any] {
	return func(_ map[string]any, value *exec.Value, p *exec.VarArgs) (any, error) {
		if len(arguments(p)) > 0 {
			return nil, errors.New("the method takes no arguments")
		}
		list := []any{}
		for _, pair := range pairsOf(value) {
			list = append(list, of(pair))
		}
		return list, nil
	}
}

// split cuts at a separator, or at runs of white space when none is given, and
// at most maxsplit times.
func split(text string, params *exec.VarArgs, fromRight bool) (any, error) {
	separator, most := argument(params, 0, "sep"), argument(params, 1, "maxsplit")
	cuts := -1
	if !most.IsNil() {
		if !most.IsInteger() {
			return nil, errors.New("split takes a separator and a number")
		}
		cuts = most.Integer()
	}
	var pieces []string
	switch {
	case separator.IsNil():
		pieces = strings.Fields(text)
	case !separator.IsString() || separator.String() == "":
		return nil, errors.New("split takes a separator that is not empty")
	default:
		pieces = strings.Split(text, separator.String())
	}
	if surplus := len(pieces) - 1 - cuts; cuts >= 0 && surplus > 0 {
		if separator.IsNil() {
			return nil, errors.New("split takes a separator together with a number")
		}
		if fromRight {
			rest := strings.Join(pieces[:surplus+1], separator.String())
			pieces = append([]string{rest}, pieces[surplus+1:]...)
		} else {
			pieces = append(pieces[:cuts:cuts], strings.Join(pieces[cuts:], separator.String()))
		}
	}
	list := make([]any, 0, len(pieces))
	for _, piece := range pieces {
		list = append(list, piece)
	}
	return list, nil
}

// pad fills a text up to a width; left and right are the shares of the filling.
func pad(text string, params *exec.VarArgs, left, right int) (any, error) {
	width, fill := argument(params, 0, "width"), argument(params, 1, "fillchar")
	if !width.IsInteger() || width.Integer() > maxWidth {
		return nil, errors.New("a width must be a number up to 1000")
	}
	char := " "
	if !fill.IsNil() {
		char = fill.String()
	}
	if utf8.RuneCountInString(char) != 1 {
		return nil, errors.New("a text is filled up with one character")
	}
	missing := max(0, width.Integer()-utf8.RuneCountInString(text))
	return strings.Repeat(char, missing*left) + text + strings.Repeat(char, missing*right), nil
}

// argument returns a parameter by place or by name, and null when it is absent.
func argument(params *exec.VarArgs, place int, name string) *exec.Value {
	if place < len(params.Args) {
		return params.Args[place]
	}
	if value, ok := params.KwArgs[name]; ok {
		return value
	}
	return exec.AsValue(nil)
}
