package query

import "time"

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
