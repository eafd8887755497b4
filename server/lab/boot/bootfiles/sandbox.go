package bootfiles

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/parser"
)

// sandbox builds the environment of one rendering: gonja's, with every filter,
// method and statement reporting to the guard, and without what could reach
// outside the template or has no bound.
func sandbox(g *guard) *exec.Environment {
	g.filterSet = g.filters()
	return &exec.Environment{
		Context: exec.NewContext(map[string]any{
			"range":     g.makeRange,
			"dict":      dict,
			"namespace": global("namespace"),
			"cycler":    global("cycler"),
			"joiner":    global("joiner"),
		}),
		Filters:           g.filterSet,
		Tests:             g.tests(builtins.Tests),
		ControlStructures: exec.NewControlStructureSet(g.statements()),
		Methods: exec.Methods{
			Bool:  builtins.Methods.Bool,
			Int:   builtins.Methods.Int,
			Float: builtins.Methods.Float,
			Str:   watched(g, builtins.Methods.Str, textMethods),
			Dict:  watched(g, builtins.Methods.Dict, dictMethods),
			List:  watched(g, builtins.Methods.List, listMethods),
		},
	}
}

func global(name string) any {
	f, _ := builtins.GlobalFunctions.Get(name)
	return f
}

// makeRange is Jinja2's range with a bound. It gives a list; gonja's gives a
// channel, whose sender stays behind when nobody reads it to the end.
func (g *guard) makeRange(_ *exec.Evaluator, params *exec.VarArgs) (any, error) {
	if err := g.tick(); err != nil {
		return nil, err
	}
	bounds := make([]int, 0, 3)
	for _, arg := range params.Args {
		if !arg.IsInteger() {
			return nil, errors.New("range takes whole numbers")
		}
		bounds = append(bounds, arg.Integer())
	}
	var start, stop int
	step := 1
	switch len(bounds) {
	case 1:
		stop = bounds[0]
	case 2:
		start, stop = bounds[0], bounds[1]
	case 3:
		start, stop, step = bounds[0], bounds[1], bounds[2]
	default:
		return nil, errors.New("range takes one to three numbers")
	}
	if step == 0 {
		return nil, errors.New("the step of a range cannot be 0")
	}
	list := []int{}
	for i := start; (step > 0 && i < stop) || (step < 0 && i > stop); i += step {
		if len(list) >= g.lim.Range {
			return nil, g.stop(fmt.Errorf("a range has more than %d entries", g.lim.Range))
		}
		list = append(list, i)
	}
	return list, g.spend(8 * len(list))
}

// filterNames are those of gonja's filters that Jinja2 has as well.
var filterNames = []string{
	"abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape",
	"filesizeformat", "first", "float", "forceescape", "format", "groupby", "indent", "int", "items", "join", "last",
	"length", "list", "lower", "map", "max", "min", "pprint", "random", "reject", "rejectattr", "replace", "reverse",
	"round", "safe", "select", "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "tojson", "trim",
	"truncate", "unique", "upper", "urlize", "wordcount", "wordwrap", "xmlattr",
}

// watchFilter passes its input on and counts a step. No template can name it.
const watchFilter = "\x00watch"

func (g *guard) filters() *exec.FilterSet {
	set := make(map[string]exec.FilterFunction, len(filterNames)+1)
	for _, name := range filterNames {
		if f, ok := builtins.Filters.Get(name); ok {
			set[name] = g.filter(name, f)
		}
	}
	for name, f := range ownFilters {
		set[name] = g.filter(name, f)
	}
	set[watchFilter] = func(_ *exec.Evaluator, in *exec.Value, _ *exec.VarArgs) *exec.Value {
		if err := g.tick(); err != nil {
			return exec.AsValue(err)
		}
		return in
	}
	return exec.NewFilterSet(set)
}

// filter wraps a filter: it is counted, its input and output are weighed, and
// the arguments that multiply the input are checked first.
func (g *guard) filter(name string, f exec.FilterFunction) exec.FilterFunction {
	return func(e *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
		if in.IsError() {
			return in
		}
		if err := g.before(name, in, params); err != nil {
			return exec.AsValue(err)
		}
		if in.IsString() && entrywise[name] && name != "reverse" {
			in = characters(in)
		}
		out := f(e, copied(in), allCopied(params))
		if out == nil || out.IsError() {
			return out
		}
		if failed := failedEntry(out); failed != nil {
			return failed
		}
		if g.weigh(out, g.lim.Output) > g.lim.Output {
			return exec.AsValue(g.stop(errValue))
		}
		if err := g.charge(out); err != nil {
			return exec.AsValue(err)
		}
		return out
	}
}

// wideFormat finds widths of four digits and widths taken from an argument.
var wideFormat = regexp.MustCompile(`[%:{][^%{}]*(\d{4,}|\*|\{)`)

// The methods that templates may call. Missing are encode, whose result nothing
// can use, and clear and pop, which Jinja2's own sandbox refuses.
var (
	textMethods = []string{
		"capitalize", "casefold", "center", "count", "endswith", "expandtabs", "find", "format", "format_map",
		"isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "islower", "isnumeric", "isprintable", "isspace",
		"istitle", "isupper", "join", "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix",
		"replace", "rfind", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip",
		"swapcase", "title", "upper", "zfill",
	}
	dictMethods = []string{"copy", "get", "items", "keys", "setdefault", "update", "values"}
	listMethods = []string{"append", "copy", "extend", "reverse"}
)

// watched wraps methods as filter does. Methods that change a list or map are
// found out afterwards: what they leave must still be worth keeping, which a
// list inside itself is not.
func watched[T any](g *guard, from *exec.MethodSet[T], names []string) *exec.MethodSet[T] {
	set := make(map[string]exec.Method[T], len(names))
	for _, name := range names {
		method, ok := from.Get(name)
		own, better := ownMethods[name].(exec.Method[T])
		if better {
			method, ok = own, true
		}
		if !ok {
			continue
		}
		set[name] = func(self T, value *exec.Value, params *exec.VarArgs) (any, error) {
			if err := g.before(name, value, params); err != nil {
				return nil, err
			}
			if !better {
				params = allCopied(params)
			}
			result, err := method(self, value, params)
			switch {
			case err != nil && better: // a sentence, which the engine would lose
				return nil, g.stop(err)
			case err != nil:
				return nil, err
			}
			if value.IsList() || value.IsDict() {
				if err := g.keep(value); err != nil {
					return nil, err
				}
			}
			made := exec.AsValue(result)
			if err := g.charge(made); err != nil {
				return nil, err
			}
			return result, g.keep(made)
		}
	}
	return exec.NewMethodSet(set)
}

// statements are those that Jinja2 has without extensions, except the ones that
// need other templates.
func (g *guard) statements() map[string]parser.ControlStructureParser {
	set := map[string]parser.ControlStructureParser{
		"for": g.forStatement, "macro": g.macroStatement, "set": g.setStatement, "with": g.withStatement,
		"block": g.blockStatement, "filter": g.filterStatement, "if": g.ifStatement, "call": g.callStatement,
		"autoescape": g.autoescapeStatement, "raw": g.rawStatement,
	}
	for name, parse := range set {
		set[name] = g.nested(parse)
	}
	return set
}
