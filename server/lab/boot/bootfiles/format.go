package bootfiles

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/nikolalohinski/gonja/v2/exec"
)

// conversion is one of a format: flags, width, precision and kind.
var conversion = regexp.MustCompile(`%([-+ 0#]*)(\d*)(\.\d+)?(.?)`)

// format is Python's text % values. What does not fit is an error, where Go writes
// into the text what it misses.
func format(_ *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
	if len(params.KwArgs) > 0 {
		return errorf("format takes no arguments with names")
	}
	values, reason := params.Args, ""
	text := conversion.ReplaceAllStringFunc(in.String(), func(found string) string {
		part := conversion.FindStringSubmatch(found)
		if part[4] == "%" {
			return "%"
		}
		if len(values) == 0 {
			reason = "format has more conversions than values"
			return ""
		}
		out, ok := converted(part[1], part[2], part[3], part[4], values[0])
		if !ok {
			reason = "format has a value that its conversion does not take"
		}
		values = values[1:]
		return out
	})
	if reason == "" && len(values) > 0 {
		reason = "format has more values than conversions"
	}
	if reason != "" {
		return errorf("%s", reason)
	}
	return exec.AsValue(text)
}

// converted writes one value.
func converted(flags, width, precision, kind string, v *exec.Value) (string, bool) {
	verb := "%" + flags + width + precision
	switch kind {
	case "s":
		text := printed(v).String()
		if v.IsNil() {
			text = "None"
		}
		return fmt.Sprintf(verb+"s", text), true
	case "r":
		var out strings.Builder
		repr(&out, v, 0)
		return fmt.Sprintf(verb+"s", out.String()), true
	case "d", "i", "u":
		if !isNumber(v) {
			return "", false
		}
		if v.IsFloat() {
			return fmt.Sprintf(verb+"d", int64(v.Float())), true
		}
		return fmt.Sprintf(verb+"d", whole(v)), true
	case "x", "X", "o":
		if !isNumber(v) || v.IsFloat() {
			return "", false
		}
		return fmt.Sprintf(verb+kind, whole(v)), true
	case "e", "E", "f", "F", "g", "G":
		if !isNumber(v) {
			return "", false
		}
		if precision == "" { // Go's %g writes all digits
			verb += ".6"
		}
		return fmt.Sprintf(verb+kind, float(v)), true
	case "c":
		if v.IsString() && len([]rune(v.String())) == 1 {
			return fmt.Sprintf("%"+flags+width+"s", v.String()), true
		}
	}
	return "", false
}
