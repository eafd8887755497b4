package query

import (
	"cmp"
	"slices"
	"strings"
)

// A Getter returns the value of a field, or of a dotted path, of one document:
// nil where there is none, else string, bool, int64, float64, or []string. Ids
// are text and times are int64 milliseconds, as in a Condition. Anything else
// counts as an object.
type Getter func(field string) any

// Match reports whether a document meets all conditions. It is for documents
// that are in memory; a store must answer the same.
func Match(where []Condition, doc Getter) bool {
	for _, c := range where {
		if !c.matches(doc(c.Field)) {
			return false
		}
	}
	return true
}

func (c Condition) matches(v any) bool {
	switch c.Op {
	case Null:
		return v == nil
	case NotNull:
		return v != nil
	case In:
		return c.has(v)
	case Ne:
		return v == nil || CompareValues(v, c.Values[0]) != 0
	}
	if v == nil || rank(v) != rank(c.Values[0]) {
		return false
	}
	order := CompareValues(v, c.Values[0])
	switch c.Op {
	case Ge:
		return order >= 0
	case Gt:
		return order > 0
	case Lt:
		return order < 0
	default:
		return order <= 0
	}
}

// has reports whether v is one of the values; a list is, when one of its
// elements is.
func (c Condition) has(v any) bool {
	if list, ok := v.([]string); ok {
		return slices.ContainsFunc(list, func(element string) bool { return c.has(element) })
	}
	return v != nil && slices.ContainsFunc(c.Values, func(want any) bool { return CompareValues(v, want) == 0 })
}

// Compare orders two documents by the sort fields of q. Documents that it
// finds equal are to be ordered by creation, in the same direction.
func (q Query) Compare(a, b Getter) int {
	for _, field := range q.Sort {
		order := CompareValues(a(field), b(field))
		if q.Descending {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// CompareValues orders two values that a Getter returned: no value first, then
// numbers by size, then text by bytes, then false and true, then objects, which
// are all equal.
func CompareValues(a, b any) int {
	if order := cmp.Compare(rank(a), rank(b)); order != 0 {
		return order
	}
	switch a := a.(type) {
	case string:
		return strings.Compare(a, b.(string))
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
		return cmp.Compare(float64(a), b.(float64))
	case float64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, float64(b))
		}
		return cmp.Compare(a, b.(float64))
	case bool:
		return cmp.Compare(b2i(a), b2i(b.(bool)))
	}
	return 0
}

func rank(v any) int {
	switch v.(type) {
	case nil:
		return 0
	case int64, float64:
		return 1
	case string:
		return 2
	case bool:
		return 3
	}
	return 4
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
