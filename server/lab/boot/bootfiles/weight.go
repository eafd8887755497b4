package bootfiles

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nikolalohinski/gonja/v2/exec"
)

// maxWork bounds what one filter does before the guard is asked again: entries
// times characters of the attribute's path by which they are sorted, or pairs of
// entries that are compared.
const maxWork = 2 << 20

// entrywise are the filters that take their input apart: a text becomes one entry
// for each character, which takes far more memory than the text.
var entrywise = map[string]bool{
	"batch": true, "dictsort": true, "groupby": true, "join": true, "list": true, "map": true, "max": true, "min": true,
	"reject": true, "rejectattr": true, "reverse": true, "select": true, "selectattr": true, "slice": true, "sort": true,
	"sum": true, "unique": true, "random": true, "first": true, "last": true, "split": true, "splitlines": true,
}

// widening are the filters and methods whose number arguments make text longer.
var widening = map[string]bool{
	"center": true, "indent": true, "batch": true, "slice": true, "wordwrap": true, "tojson": true,
	"ljust": true, "rjust": true, "zfill": true, "expandtabs": true, "truncate": true,
}

const maxWidth = 1000

// before weighs a call of a filter or method: what goes in, and what could come
// out. It fails without the call when that is more than a template may make.
func (g *guard) before(name string, in *exec.Value, params *exec.VarArgs) error {
	if err := g.tick(); err != nil {
		return err
	}
	most := g.lim.Output
	if in.IsList() || in.IsDict() || entrywise[name] {
		most = g.lim.Value
	}
	weight, args := g.weigh(in, most), 0
	for _, arg := range arguments(params) {
		args += g.weigh(arg, g.lim.Output)
	}
	if weight > most || args > g.lim.Output {
		return g.stop(errValue)
	}
	width, err := widthOf(name, params)
	if err != nil {
		return g.stop(err)
	}
	if err := checkFormat(name, in); err != nil {
		return g.stop(err)
	}
	if entriesOf(in)*16*(1+len(attributeOf(name, params))) > maxWork && comparing[name] {
		return g.stop(errSteps)
	}
	if outcome(name, in, params, call{weight, args, width}) > min(g.lim.Output, g.lim.Memory-g.made) {
		return g.stop(errValue)
	}
	return nil
}

// comparing are the filters that look up an attribute of each entry, some of them
// for each comparison.
var comparing = map[string]bool{
	"groupby": true, "join": true, "map": true, "max": true, "min": true, "rejectattr": true, "selectattr": true,
	"sort": true, "sum": true, "unique": true,
}

// attributeOf is the path of the attribute by which a filter looks at each entry.
// Where its place depends on the filter, the longest text among the arguments is
// taken for it.
func attributeOf(name string, params *exec.VarArgs) string {
	if named, ok := params.KwArgs["attribute"]; ok {
		return named.String()
	}
	longest := ""
	for i, arg := range params.Args {
		if name == "map" || name == "join" && i == 0 { // a filter's name and its arguments; what goes in between
			continue
		}
		if text := arg.String(); arg.IsString() && len(text) > len(longest) {
			longest = text
		}
	}
	return longest
}

// widthOf is the greatest number among the arguments that make text longer. The
// engine takes the first also as a text of digits.
func widthOf(name string, params *exec.VarArgs) (int, error) {
	if !widening[name] {
		return 0, nil
	}
	width := 0
	take := func(arg *exec.Value, mayBeText bool) {
		if arg.IsNumber() || mayBeText && arg.IsString() {
			width = max(width, arg.Integer())
		}
	}
	for i, arg := range params.Args {
		take(arg, i == 0)
	}
	for key, arg := range params.KwArgs {
		take(arg, key == "width" || key == "linecount" || key == "slices" || key == "length")
	}
	if width > maxWidth {
		return 0, fmt.Errorf("%s with a number above %d", name, maxWidth)
	}
	return width, nil
}

func checkFormat(name string, in *exec.Value) error {
	if (name == "format" || name == "format_map") && wideFormat.MatchString(in.String()) {
		return errors.New("a format asks for a width above 999")
	}
	return nil
}

// call is what is known of a call before it: the weight of its input and of all
// its arguments, and the greatest width.
type call struct{ weight, args, width int }

// outcome is the most that a call can make, in bytes, for the filters and methods
// that multiply; for others it is no more than a few times their input.
func outcome(name string, in *exec.Value, params *exec.VarArgs, c call) int {
	text := ""
	if in.IsString() {
		text = in.String()
	}
	switch name {
	case "replace": // the new text comes once for each old one
		times := entriesOf(in) + 1
		if old := argument(params, 0, "old"); in.IsString() && old.IsString() {
			times = strings.Count(text, old.String())
		}
		return c.weight + times*c.args
	case "join": // what goes in between comes once for each entry; the method has the entries as argument
		return c.weight + c.args + entriesOf(in)*c.args + entriesOf(argument(params, 0, "d"))*c.weight
	case "indent":
		return c.weight + (strings.Count(text, "\n")+1)*max(c.width, c.args, 4)
	case "expandtabs":
		return c.weight + strings.Count(text, "\t")*max(c.width, 8)
	case "batch", "slice":
		return c.weight + (entriesOf(in)+c.width)*entryWeight + c.width*c.args
	case "format", "format_map": // a format may name an argument many times, and each may be 999 wide
		return c.weight + (strings.Count(text, "%")+strings.Count(text, "{"))*(c.args+maxWidth)
	case "urlize": // rel and target come once for each link
		return c.weight + (strings.Count(text, ".")+strings.Count(text, ":")+strings.Count(text, "@"))*(c.args+64)
	case "tojson":
		if c.width > 0 {
			entries, deepest := shape(in, 0)
			return 6*c.weight + 2*entries*(deepest+1)*c.width
		}
	}
	return 0
}

// entriesOf is the number of entries; of a text, that of its bytes.
func entriesOf(v *exec.Value) int {
	switch {
	case v.IsString():
		return len(v.String())
	case v.IsDict():
		if d, ok := v.Interface().(*exec.Dict); ok {
			return len(d.Pairs)
		}
		return v.Len()
	case v.IsList():
		return v.Len()
	}
	return 0
}

// shape counts the entries of a value that was weighed, and how deep they lie.
func shape(v *exec.Value, depth int) (entries, deepest int) {
	v = exec.ToValue(v.Interface())
	entries, deepest = 1, depth
	add := func(inner *exec.Value) {
		n, d := shape(inner, depth+1)
		entries, deepest = entries+n, max(deepest, d)
	}
	switch {
	case depth > maxNesting:
	case v.IsDict():
		for _, p := range pairsOf(v) {
			add(p.Value)
		}
	case v.IsList():
		for i := range v.Len() {
			add(v.Index(i))
		}
	}
	return entries, deepest
}

func arguments(params *exec.VarArgs) []*exec.Value {
	all := append([]*exec.Value(nil), params.Args...)
	for _, arg := range params.KwArgs {
		all = append(all, arg)
	}
	return all
}
