package query

import (
	"fmt"
	"time"
)

// Limits of a Parser whose own are zero.
const (
	defaultMaxValues = 1000
	defaultMaxSort   = 16
)

// createdOn is the one field that has parameters of its own.
const createdOn = "created_on"

// Parser reads query strings. The zero value is ready to use.
type Parser struct {
	// Now tells the time that date_range and time_range count back from; nil
	// means time.Now.
	Now func() time.Time
	// MaxValues is the most values that all filters, field, nfield and sort
	// may have together; 0 means 1000.
	MaxValues int
	// MaxSort is the most fields to sort or to group by; 0 means 16.
	MaxSort int
}

// Parse reads the query string of a GET. What makes no sense is ignored, as
// the package comment tells; the error, when there is one, is a *SyntaxError.
func (p Parser) Parse(raw string, fields Catalogue) (Query, error) {
	a, err := split(raw)
	if err != nil {
		return Query{}, err
	}
	r := reader{args: a, fields: fields}
	r.equalities()
	r.ranges()
	r.created(p.now())

	q := Query{Where: r.where}
	for _, read := range []func(args, *Query) error{readPaging, readSort} {
		if err := read(a, &q); err != nil {
			return Query{}, err
		}
	}
	for i, name := range q.Sort {
		q.Sort[i] = fields.resolve(name)
	}
	q.Aggregate = a.given("aggregate")
	q.Projection = NewProjection(a.given("field"), a.given("nfield"))
	return q, p.check(q)
}

func (p Parser) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

// check holds a query to the limits.
func (p Parser) check(q Query) error {
	maxValues, maxSort := p.MaxValues, p.MaxSort
	if maxValues == 0 {
		maxValues = defaultMaxValues
	}
	if maxSort == 0 {
		maxSort = defaultMaxSort
	}
	n := len(q.Projection.Keep) + len(q.Projection.Drop)
	for _, c := range q.Where {
		n += len(c.Values)
	}
	switch {
	case n > maxValues:
		return &SyntaxError{Reason: fmt.Sprintf("the query string has %d values, at most %d are allowed", n, maxValues)}
	case len(q.Sort) > maxSort:
		return &SyntaxError{Parameter: "sort", Reason: fmt.Sprintf("at most %d fields are allowed", maxSort)}
	case len(q.Aggregate) > maxSort:
		return &SyntaxError{Parameter: "aggregate", Reason: fmt.Sprintf("at most %d fields are allowed", maxSort)}
	}
	return nil
}
