package picture

import (
	"math"
	"strconv"
	"time"
)

// space keeps the parts of one number on one line.
const space = "\u00a0"

// Number is a whole number with its thousands apart: 12 408.
func Number(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, digits = "\u2212", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + space + digits[i:]
	}
	return sign + digits
}

// Percent is a share with one digit, rounded so that 100 % means all and 0 % means
// none: 1 999 of 2 000 are 99.9 %, one of a million is under 0.1 %.
func Percent(part, total int) string {
	switch {
	case total <= 0:
		return "\u2014"
	case part <= 0:
		return "0" + space + "%"
	case part >= total:
		return "100" + space + "%"
	}
	tenths := math.Floor(float64(part) / float64(total) * 1000)
	if tenths < 1 {
		return "<0.1" + space + "%"
	}
	return strconv.FormatFloat(math.Min(tenths, 999)/10, 'f', -1, 64) + space + "%"
}

// Took is a length of time in two units at most: 48 ms, 4.8 s, 3 min 21 s, 1 h 37
// min, 2 d 4 h. One below zero, which two clocks can make, has its sign.
func Took(d time.Duration) string {
	if d < 0 {
		if d == math.MinInt64 {
			d++
		}
		return "\u2212" + Took(-d)
	}
	switch {
	case d == 0:
		return "0" + space + "s"
	case d < time.Millisecond:
		return "<1" + space + "ms"
	case d < 100*time.Millisecond:
		return strconv.FormatInt(d.Milliseconds(), 10) + space + "ms"
	case d < 59950*time.Millisecond:
		return strconv.FormatFloat(math.Round(d.Seconds()*10)/10, 'f', -1, 64) + space + "s"
	case d < time.Hour-500*time.Millisecond:
		s := int64(d.Round(time.Second) / time.Second)
		return units(s, 60, "min", "s")
	case d < 48*time.Hour-30*time.Second:
		m := int64(d.Round(time.Minute) / time.Minute)
		return units(m, 60, "h", "min")
	}
	return units(int64(d.Round(time.Hour)/time.Hour), 24, "d", "h")
}

// units writes n small units as big ones and the rest, which is left out when it
// is nothing.
func units(n, per int64, big, small string) string {
	text := Number(int(n/per)) + space + big
	if rest := n % per; rest > 0 {
		text += space + strconv.FormatInt(rest, 10) + space + small
	}
	return text
}

// coordinate writes a length in the fewest letters: two digits after the point at
// most, and none that say nothing.
func coordinate(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "0"
	}
	rounded := math.Round(v*100) / 100
	if rounded == 0 {
		return "0" // and never -0
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
