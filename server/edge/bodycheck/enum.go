package bodycheck

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// enumRule is a list of allowed values.
type enumRule struct {
	kinds      kindSet // the types among the values
	texts      map[string]struct{}
	numbers    []float64
	yes, no    bool     // true, false
	containers [][]byte // objects and arrays in canonical form
	message    string
}

func newEnum(values []any, nullable bool) (*enumRule, error) {
	r := &enumRule{texts: map[string]struct{}{}}
	var allowed []string
	for _, v := range values {
		shown, err := r.add(v)
		if err != nil {
			return nil, fmt.Errorf("enum: %w", err)
		}
		if shown != "" {
			allowed = append(allowed, shown)
		}
	}
	if nullable {
		allowed = append(allowed, "null")
	}
	r.message = oneOfMessage(allowed)
	return r, nil
}

// add takes one value and returns how to show it. null is left to nullable.
func (r *enumRule) add(v any) (shown string, err error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		r.kinds |= kindString
		r.texts[v] = struct{}{}
		if v == "" {
			return `""`, nil
		}
		return v, nil
	case bool:
		r.kinds |= kindBoolean
		r.yes, r.no = r.yes || v, r.no || !v
		return strconv.FormatBool(v), nil
	case []any, map[string]any:
		return r.addContainer(v)
	}
	// What is left are the number types that loaders and programs use.
	raw, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return "", fmt.Errorf("a value of type %T cannot be compared", v)
	}
	r.kinds |= kindInteger | kindNumber
	r.numbers = append(r.numbers, f)
	return string(raw), nil
}

func (r *enumRule) addContainer(v any) (shown string, err error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	form, err := jsontext.AppendFormat(nil, raw, canonical...)
	if err != nil {
		return "", err
	}
	r.kinds |= admits(jsontext.Value(form).Kind())
	r.containers = append(r.containers, form)
	return string(form), nil
}

// holds reports whether a scalar is among the values. Numbers are compared as
// kin-openapi does, as 64-bit floats.
func (r *enumRule) holds(s scalar) bool {
	switch s.kind {
	case jsontext.KindString:
		_, ok := r.texts[string(s.text)]
		return ok
	case jsontext.KindNumber:
		return len(r.numbers) > 0 && slices.Contains(r.numbers, floatOf(s.raw))
	case jsontext.KindTrue:
		return r.yes
	default:
		return r.no
	}
}

// holdsContainer reports whether an object or array is among the values.
func (r *enumRule) holdsContainer(raw []byte) bool {
	if len(r.containers) == 0 {
		return false
	}
	form, err := jsontext.AppendFormat(nil, raw, canonical...)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(r.containers, func(c []byte) bool { return bytes.Equal(c, form) })
}
