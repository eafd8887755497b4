package query

import (
	"fmt"
	"strings"
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

// reader collects the conditions of one query string.
type reader struct {
	args   args
	fields Catalogue
	where  []Condition
}

// equalities reads key=value for every searchable key.
func (r *reader) equalities() {
	for _, key := range r.args.keys {
		f, ok := r.fields.lookup(key)
		if !ok || f.RangeOnly || key == createdOn || isParameter(key) {
			continue
		}
		if c, ok := equality(f, r.args.given(key)); ok {
			r.where = append(r.where, c)
		}
	}
}

// equality makes the condition that a field has one of the values. It returns
// false when they are no filter: there are none, or one is not of the field's
// kind. A malformed id is a filter that matches nothing.
func equality(f Field, values []string) (Condition, bool) {
	c := Condition{Field: f.Name, Kind: f.Kind, Op: In}
	if len(values) == 0 {
		return c, false
	}
	if len(values) == 1 && values[0] == "null" {
		c.Op = Null
		return c, true
	}
	for _, raw := range values {
		v, ok := parseValue(f.Kind, raw)
		if ok {
			c.Values = append(c.Values, v)
			continue
		}
		if _, over, isInt := parseInt(raw); f.Kind == Int && isInt && over != 0 {
			continue // a number that no field can hold
		}
		if f.Kind != ID {
			return c, false
		}
	}
	return c, true
}

// rangeOps are the operators of ranges. The original has gte and lt; the others
// are ours, in the same style.
var rangeOps = []struct {
	key string
	op  Op
}{{"gte", Ge}, {"lt", Lt}, {"gt", Gt}, {"lte", Le}, {"ne", Ne}}

// ranges reads op=field,value. For the same operator and field the last one
// counts; one that is ignored does not.
func (r *reader) ranges() {
	for _, o := range rangeOps {
		at := map[string]int{} // field to its place in where
		for _, arg := range r.args.values[o.key] {
			c, ok := r.rangeCondition(o.op, arg)
			if !ok {
				continue
			}
			if i, again := at[c.Field]; again {
				r.where[i] = c
				continue
			}
			at[c.Field] = len(r.where)
			r.where = append(r.where, c)
		}
	}
}

// rangeCondition reads one argument of an operator. Exactly one comma is
// allowed, because the original splits and counts.
func (r *reader) rangeCondition(op Op, arg string) (Condition, bool) {
	parts := strings.Split(arg, ",")
	if len(parts) != 2 {
		return Condition{}, false
	}
	f, ok := r.fields.lookup(strings.TrimSpace(parts[0]))
	raw := strings.TrimSpace(parts[1])
	if !ok || raw == "" {
		return Condition{}, false
	}
	c := Condition{Field: f.Name, Kind: f.Kind, Op: op}
	if op == Ne && raw == "null" {
		c.Op = NotNull
		return c, true
	}
	if n, over, isInt := parseInt(raw); f.Kind == Int && isInt && over != 0 {
		c.Op, c.Values = beyond(op, over), []any{n}
		return c, true
	}
	v, ok := parseValue(f.Kind, raw)
	if !ok {
		return Condition{}, false
	}
	c.Values = []any{v}
	return c, true
}

// beyond returns the operator that says of the largest (over is 1) or smallest
// integer what op says of a number beyond it.
func beyond(op Op, over int) Op {
	switch {
	case op == Ne:
		// Not exact: it leaves out the bound itself, which nothing holds.
		return Ne
	case over > 0 && (op == Ge || op == Gt):
		return Gt
	case over > 0:
		return Le
	case op == Ge || op == Gt:
		return Ge
	default:
		return Lt
	}
}

// created adds what created_on, date_range and time_range say. The bounds of
// the first two give way to explicit ones; time_range replaces everything that
// was said about the field.
func (r *reader) created(now time.Time) {
	f, ok := r.fields.lookup(createdOn)
	if !ok {
		return
	}
	if minutes, ok := r.lastEvenEmpty("time_range"); ok {
		r.forget(f.Name)
		r.span(f, minutesSpan(minutes, now))
		return
	}
	if s, ok := r.days(now); ok {
		r.span(f, s)
	}
}

// span is a pair of bounds in milliseconds, the upper one excluded.
type span struct{ from, to int64 }

func minutesSpan(raw string, now time.Time) span {
	from, to := TimeRange(raw, now)
	return span{from.UnixMilli(), to.UnixMilli()}
}

// days returns the span of created_on and date_range. With both, the range ends
// on the day given; a created_on that is no day counts as today then, and as
// nothing without a range.
func (r *reader) days(now time.Time) (span, bool) {
	end := now
	raw, _ := r.args.last(createdOn)
	day, isDay := parseDay(raw)
	if isDay {
		end = day
	}
	from, to := Day(end)
	n, isRange := r.lastEvenEmpty("date_range")
	if isRange {
		from, to = DateRange(n, end)
	}
	return span{from.UnixMilli(), to.UnixMilli()}, isDay || isRange
}

// lastEvenEmpty returns the last value of key and whether the key is there: an
// empty date_range or time_range means its default.
func (r *reader) lastEvenEmpty(key string) (string, bool) {
	values := r.args.values[key]
	if len(values) == 0 {
		return "", false
	}
	return values[len(values)-1], true
}

func (r *reader) span(f Field, s span) {
	if !r.has(f.Name, Ge, Gt) {
		r.where = append(r.where, Condition{Field: f.Name, Kind: f.Kind, Op: Ge, Values: []any{s.from}})
	}
	if !r.has(f.Name, Lt, Le) {
		r.where = append(r.where, Condition{Field: f.Name, Kind: f.Kind, Op: Lt, Values: []any{s.to}})
	}
}

func (r *reader) has(field string, ops ...Op) bool {
	for _, c := range r.where {
		for _, op := range ops {
			if c.Field == field && c.Op == op {
				return true
			}
		}
	}
	return false
}

func (r *reader) forget(field string) {
	var kept []Condition
	for _, c := range r.where {
		if c.Field != field {
			kept = append(kept, c)
		}
	}
	r.where = kept
}

func readPaging(a args, q *Query) (err error) {
	if q.Limit, err = readCount(a, "limit"); err != nil {
		return err
	}
	q.Skip, err = readCount(a, "skip")
	return err
}

// readCount reads limit or skip. A number too large for 64 bits is as good as
// the largest.
func readCount(a args, key string) (int64, error) {
	raw, ok := a.last(key)
	if !ok {
		return 0, nil
	}
	if !isDigits(raw) {
		return 0, &SyntaxError{Parameter: key, Reason: quote(raw) + " is not a whole number of 0 or more"}
	}
	n, _, _ := parseInt(raw)
	return n, nil
}

// readSort reads sort and sort_order. Any integer but 1 means descending, and
// so does none: that is the original's default.
func readSort(a args, q *Query) error {
	q.Sort = a.given("sort")
	raw, ok := a.last("sort_order")
	n := int64(-1)
	if ok {
		if n, _, ok = parseInt(raw); !ok {
			return &SyntaxError{Parameter: "sort_order", Reason: quote(raw) + " is not an integer; 1 is ascending, -1 descending"}
		}
	}
	q.Descending = len(q.Sort) > 0 && n != 1
	return nil
}

// quote repeats what a client sent, but not all of it when it is long.
func quote(raw string) string {
	const most = 40
	if runes := []rune(raw); len(runes) > most {
		raw = string(runes[:most]) + "…"
	}
	return fmt.Sprintf("%q", raw)
}

// isParameter reports whether key controls the query and so is no field.
func isParameter(key string) bool {
	switch key {
	case "limit", "skip", "sort", "sort_order", "field", "nfield", "aggregate",
		"date_range", "time_range", "gte", "lt", "gt", "lte", "ne":
		return true
	}
	return false
}
