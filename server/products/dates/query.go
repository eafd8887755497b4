package dates

import (
	"fmt"
	"time"
)

// A ParamError tells which query parameters were wrong and why. Its text names
// them and is meant for the client.
type ParamError struct {
	Params []string // one name, or both when the two contradict each other
	Reason string
}

func (e *ParamError) Error() string {
	if len(e.Params) == 2 {
		return e.Params[0] + " and " + e.Params[1] + ": " + e.Reason
	}
	return e.Params[0] + ": " + e.Reason
}

// A Param is a query parameter as it came: its name and every value given for it
// after URL decoding. No value means that the parameter was left out.
type Param struct {
	Name   string
	Values []string
}

// A Range is what a pair of parameters asks for. Both bounds are inclusive; a
// nil bound is open.
type Range struct {
	From, To *time.Time
}

// ParseRange reads a start and an end. Every error is a *ParamError: a value that
// is not understood, a parameter given twice, or a start after the end.
func ParseRange(start, end Param) (Range, error) {
	first, err := start.parse()
	if err != nil {
		return Range{}, err
	}
	last, err := end.parse()
	if err != nil {
		return Range{}, err
	}
	var r Range
	if first != nil {
		r.From = &first.First
	}
	if last != nil {
		r.To = &last.Last
	}
	if r.From != nil && r.To != nil && r.From.After(*r.To) {
		return Range{}, &ParamError{Params: []string{start.Name, end.Name}, Reason: "the start is after the end"}
	}
	return r, nil
}

// parse returns nil when the parameter was left out.
func (p Param) parse() (*Span, error) {
	switch len(p.Values) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, &ParamError{Params: []string{p.Name}, Reason: fmt.Sprintf("given %d times, allowed once", len(p.Values))}
	}
	span, err := Parse(p.Values[0])
	if err != nil {
		return nil, &ParamError{Params: []string{p.Name}, Reason: err.Error()}
	}
	return &span, nil
}
