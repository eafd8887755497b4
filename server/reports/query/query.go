package query

import "fmt"

// Op is what a Condition asks of a field.
type Op string

// The operators. A field without a value fulfils only Null and Ne.
const (
	In      Op = "in"      // equal to one of Values; no values: matches nothing
	Null    Op = "null"    // has no value
	NotNull Op = "notnull" // has a value
	Ge      Op = "ge"
	Gt      Op = "gt"
	Lt      Op = "lt"
	Le      Op = "le"
	Ne      Op = "ne" // anything else, also no value at all
)

// Condition is one demand on one field.
type Condition struct {
	Field string
	Kind  Kind
	Op    Op
	// Values holds one value for Ge, Gt, Lt, Le and Ne, any number for In,
	// none for Null and NotNull. Kind says what Go type they have.
	Values []any
}

// Query is a question about one resource. The zero value asks for everything,
// in the order of creation.
type Query struct {
	// Where holds the conditions; all of them must be met. A field may occur
	// several times.
	Where []Condition
	// Sort names the fields to sort by, the first one first, all in the same
	// direction. A name may be any text: one that the resource does not have
	// sorts as if every document had no value there.
	Sort []string
	// Descending tells the direction of all of Sort.
	Descending bool
	// Limit is the most documents to return, 0 for all of them.
	Limit int64
	// Skip is the number of matches to leave out first.
	Skip int64
	// Projection says which fields of the documents to return.
	Projection Projection
	// Aggregate names the fields to group by, in order.
	Aggregate []string
}

// SyntaxError is a query string that is refused. Its text is meant for the
// client.
type SyntaxError struct {
	// Parameter is the key at fault, empty when it is the whole string.
	Parameter string
	// Reason says what was wrong and what is allowed.
	Reason string
}

// Error names the parameter first, because that is what people look for.
func (e *SyntaxError) Error() string {
	if e.Parameter == "" {
		return e.Reason
	}
	return fmt.Sprintf("parameter %s: %s", e.Parameter, e.Reason)
}
