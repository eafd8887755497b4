package query

import (
	"maps"
	"slices"
	"strings"
)

// ParseStrict is Parse for a resource that KernelCI does not have. Nobody relies
// there on filters being dropped, so a range without a comma or on a field that
// is none, and a value that is not of its field's kind, are a *SyntaxError. Keys
// that the resource does not know are for the caller to refuse.
func (p Parser) ParseStrict(raw string, fields Catalogue) (Query, error) {
	a, err := split(raw)
	if err != nil {
		return Query{}, err
	}
	r := reader{args: a, fields: fields}
	for _, key := range a.keys {
		if reason := r.unusable(key); reason != "" {
			return Query{}, &SyntaxError{Parameter: key, Reason: reason}
		}
	}
	return p.Parse(raw, fields)
}

// unusable says why Parse would drop something that was given under a key.
func (r *reader) unusable(key string) string {
	given := r.args.given(key)
	for _, o := range rangeOps {
		if o.key == key {
			return r.unusableRange(o.op, given)
		}
	}
	f, isField := r.fields.lookup(key)
	for _, v := range given {
		switch key {
		case createdOn:
			if _, ok := parseDay(v); !ok {
				return quote(v) + " is no day such as 2026-01-31"
			}
		case "date_range", "time_range":
			if _, _, ok := parseInt(v); !ok {
				return quote(v) + " is no whole number"
			}
		default:
			if _, ok := equality(f, []string{v}); isField && !ok {
				return quote(v) + " is no value of this field"
			}
		}
	}
	return ""
}

func (r *reader) unusableRange(op Op, given []string) string {
	for _, arg := range given {
		name, value, _ := strings.Cut(arg, ",")
		name = strings.TrimSpace(name)
		if _, ok := r.fields.lookup(name); !ok || strings.TrimSpace(value) == "" {
			return quote(arg) + " is not a field, a comma and a value; the fields are " + strings.Join(slices.Sorted(maps.Keys(r.fields)), ", ")
		}
		if _, ok := r.rangeCondition(op, arg); !ok {
			return quote(arg) + " has no value of the field " + name
		}
	}
	return ""
}
