package query

import "strings"

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
