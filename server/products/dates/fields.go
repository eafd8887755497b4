package dates

import (
	"strings"
	"time"
)

// date takes YYYY-MM-DD or YYYYMMDD and checks that the day exists.
func (p *parser) date() error {
	bad := &SyntaxError{"a date is written YYYY-MM-DD or YYYYMMDD"}
	switch p.digits(8) {
	case 8:
		p.year, p.month, p.day = p.number(4), p.number(2), p.number(2)
	case 4:
		p.year = p.number(4)
		if !p.skip('-') || p.digits(3) != 2 {
			return bad
		}
		p.month = p.number(2)
		if !p.skip('-') || p.digits(3) != 2 {
			return bad
		}
		p.day = p.number(2)
	default:
		return bad
	}
	if p.year < 1970 {
		return &SyntaxError{"the year must be 1970 to 9999"}
	}
	day := time.Date(p.year, time.Month(p.month), p.day, 0, 0, 0, 0, time.UTC)
	if day.Month() != time.Month(p.month) || day.Day() != p.day {
		return &SyntaxError{"there is no such day in the calendar"}
	}
	return nil
}

// sepAndTime takes a separator and the time behind it. Spaces that no time
// follows are left for the zone.
func (p *parser) sepAndTime() error {
	if p.skip('T') || p.skip('t') {
		if p.digits(1) == 0 {
			return &SyntaxError{"a time must follow the T"}
		}
		return p.time()
	}
	behind := strings.TrimLeft(p.rest, " ")
	if (&parser{rest: behind}).digits(1) == 0 {
		return nil
	}
	if len(behind) < len(p.rest) {
		p.rest = behind
		return p.time()
	}
	// Digits directly behind the date: it was YYYYMMDD, or it would have refused
	// them. HH alone would make Unix seconds (1442253091) look like a date.
	if n := p.digits(7); n != 4 && n != 6 {
		return &SyntaxError{"directly after YYYYMMDD a time is written HHMM or HHMMSS"}
	}
	return p.basicTime()
}

// time takes HH, HH:MM[:SS[frac]] or HHMM[SS[frac]].
func (p *parser) time() error {
	switch p.digits(7) {
	case 2:
		return p.extendedTime()
	case 4, 6:
		return p.basicTime()
	}
	return &SyntaxError{"a time is written HH, HH:MM, HH:MM:SS, HHMM or HHMMSS"}
}

func (p *parser) extendedTime() (err error) {
	p.unit = time.Hour
	if p.hour, err = p.part("hour", 23); err != nil {
		return err
	}
	if !p.skip(':') {
		return nil
	}
	p.unit = time.Minute
	if p.min, err = p.part("minute", 59); err != nil {
		return err
	}
	if !p.skip(':') {
		return nil
	}
	return p.secondsAndFraction()
}

func (p *parser) basicTime() (err error) {
	withSeconds := p.digits(6) == 6
	p.unit = time.Minute
	if p.hour, err = p.part("hour", 23); err != nil {
		return err
	}
	if p.min, err = p.part("minute", 59); err != nil {
		return err
	}
	if !withSeconds {
		return nil
	}
	return p.secondsAndFraction()
}

func (p *parser) secondsAndFraction() (err error) {
	p.unit, p.seconds = time.Second, true
	if p.sec, err = p.part("second", 59); err != nil {
		return err
	}
	if !p.skip('.') && !p.skip(',') {
		return nil
	}
	n := p.digits(10)
	if n == 0 || n > 9 {
		return &SyntaxError{"a fraction of a second has 1 to 9 digits"}
	}
	kept := min(n, 6)
	for range kept {
		p.unit /= 10
	}
	p.nanos = p.number(kept) * int(p.unit)
	p.number(n - kept)
	return nil
}

// zone takes the zone, if there is one. Spaces that no zone follows are put back.
func (p *parser) zone() error {
	if p.seconds && p.lostPlus() {
		p.skip(' ')
		return p.zoneOffset(1)
	}
	spaced := p.rest
	p.rest = strings.TrimLeft(p.rest, " ")
	for _, name := range []string{"Z", "z", "UTC", "GMT"} {
		if strings.HasPrefix(p.rest, name) {
			p.rest = p.rest[len(name):]
			return nil
		}
	}
	switch {
	case p.skip('+'):
		return p.zoneOffset(1)
	case p.skip('-'):
		return p.zoneOffset(-1)
	}
	p.rest = spaced
	return nil
}

// lostPlus reports whether the rest begins with one space and HH:MM or HHMM: an
// offset whose plus sign was decoded as a space.
func (p *parser) lostPlus() bool {
	ahead := parser{rest: p.rest}
	if !ahead.skip(' ') {
		return false
	}
	switch ahead.digits(5) {
	case 4:
		return true
	case 2:
		ahead.number(2)
		return ahead.skip(':')
	}
	return false
}

func (p *parser) zoneOffset(sign time.Duration) error {
	hours, err := p.part("hour of the zone offset", 14)
	if err != nil {
		return err
	}
	minutes := 0
	if p.skip(':') || p.digits(1) == 1 {
		if minutes, err = p.part("minute of the zone offset", 59); err != nil {
			return err
		}
	}
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if offset > maxOffset {
		return &SyntaxError{"a zone offset is at most 14:00"}
	}
	p.offset = sign * offset
	return nil
}
