package edge

import (
	"net/url"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
)

// The names under which a list is told where to go on.
const (
	after  = "after"  // the one that handlers know
	cursor = "cursor" // a second one
	number = "page"   // of lists that also count their pages
)

// paged reports whether the operation is a list that goes on with a cursor.
func (o *operation) paged() bool {
	return slices.Contains(o.query, after) && slices.Contains(o.query, cursor)
}

// continued lets cursor be after, so that a handler finds one name. Two that
// contradict each other are refused by both their names.
func (v *validator) continued(c echo.Context, query url.Values) []fault.Entry {
	if !v.op.paged() {
		return nil
	}
	one, two := query[after], query[cursor]
	if len(two) > 0 {
		if len(one) > 0 && !slices.Equal(one, two) {
			return contradict(after, cursor, "must say the same, or one of them must be left out")
		}
		if st := stateOf(c.Request().Context()); st != nil && len(one) == 0 {
			st.cursor = true
		}
		query[after] = two
		delete(query, cursor)
		if v.op.rawQuery { // its handler reads the text
			call.From(c.Request().Context()).Query = query.Encode()
		}
	}
	if len(query[after]) > 0 && len(query[number]) > 0 && slices.Contains(v.op.query, number) {
		name := after
		if len(two) > 0 {
			name = cursor
		}
		return contradict(name, number, "cannot both say where the page begins")
	}
	return nil
}

// asNamed gives the place in a list, in the entries of a fault, the name by which the
// client gave it.
func asNamed(st *state, f *fault.Fault) *fault.Fault {
	if st == nil || !st.cursor || !slices.ContainsFunc(f.Errors, isAfter) {
		return f
	}
	g := *f
	g.Errors = slices.Clone(f.Errors)
	for i := range g.Errors {
		if isAfter(g.Errors[i]) {
			g.Errors[i].Parameter = cursor
		}
	}
	return &g
}

func isAfter(e fault.Entry) bool { return e.In == openapi3.ParameterInQuery && e.Parameter == after }

// contradict is a fault of two parameters, the first of which says it.
func contradict(one, two, sentence string) []fault.Entry {
	return []fault.Entry{
		{Parameter: one, In: openapi3.ParameterInQuery, Message: "and " + two + " " + sentence},
		{Parameter: two, In: openapi3.ParameterInQuery, Message: "and " + one + " " + sentence},
	}
}
