package dates

import (
	"fmt"
	"strings"
	"time"
)

// maxLength bounds a value in bytes. The longest spelling without repeated
// spaces has 37.
const maxLength = 100

// maxOffset is the largest distance of a zone from UTC that is in use anywhere.
const maxOffset = 14 * time.Hour

// A Span is the stretch of time that a value names. Both ends belong to it, both
// are in UTC and whole microseconds.
type Span struct {
	First, Last time.Time
}

// A SyntaxError says why a value was not understood. Its text is meant for the
// client and does not repeat the value.
type SyntaxError struct {
	Reason string
}

func (e *SyntaxError) Error() string { return e.Reason }

// Parse reads one value. Every error is a *SyntaxError.
func Parse(text string) (Span, error) {
	text = strings.Trim(text, " \t\r\n")
	switch {
	case text == "":
		return Span{}, &SyntaxError{"the value is empty; give a date such as 2015-09-14 or 20150914T17:51:31Z"}
	case len(text) > maxLength:
		return Span{}, &SyntaxError{fmt.Sprintf("the value is longer than %d characters", maxLength)}
	}
	p := parser{rest: text}
	span, err := p.value()
	if err != nil {
		return Span{}, err
	}
	return span, nil
}

// parser holds what is left of the value, and the parts found so far. unit is
// the length of what the value names; zero stands for a whole day.
type parser struct {
	rest             string
	year, month, day int
	hour, min, sec   int
	nanos            int
	unit             time.Duration
	seconds          bool // the time went down to the seconds
	offset           time.Duration
}

func (p *parser) value() (Span, error) {
	if err := p.date(); err != nil {
		return Span{}, err
	}
	if err := p.sepAndTime(); err != nil {
		return Span{}, err
	}
	if err := p.zone(); err != nil {
		return Span{}, err
	}
	if p.rest != "" {
		return Span{}, &SyntaxError{"there is text after the date that is neither a time nor a zone; zones are Z, UTC, GMT or an offset such as +02:00"}
	}
	return p.span(), nil
}

func (p *parser) span() Span {
	first := time.Date(p.year, time.Month(p.month), p.day, p.hour, p.min, p.sec, p.nanos, time.UTC)
	next := first.AddDate(0, 0, 1)
	if p.unit > 0 {
		next = first.Add(p.unit)
	}
	return Span{
		First: first.Add(-p.offset),
		Last:  next.Add(-p.offset - time.Microsecond),
	}
}

// digits returns the number of leading digits, counting no further than limit.
func (p *parser) digits(limit int) int {
	n := 0
	for n < len(p.rest) && n < limit && p.rest[n] >= '0' && p.rest[n] <= '9' {
		n++
	}
	return n
}

// number takes n digits; the caller has counted them.
func (p *parser) number(n int) int {
	v := 0
	for _, c := range []byte(p.rest[:n]) {
		v = v*10 + int(c-'0')
	}
	p.rest = p.rest[n:]
	return v
}

// skip takes c if it comes next and reports whether it did.
func (p *parser) skip(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// part takes a two-digit number that may not exceed limit.
func (p *parser) part(name string, limit int) (int, error) {
	if p.digits(2) != 2 {
		return 0, &SyntaxError{"the " + name + " needs two digits"}
	}
	v := p.number(2)
	if v > limit {
		return 0, &SyntaxError{fmt.Sprintf("the %s must be 00 to %02d", name, limit)}
	}
	return v, nil
}
