package report

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseDuration reads a length of time as reports write it: a number of units,
// with commas between thousands and an exponent if need be. It is false for what
// is no number, negative, or longer than time.Duration can hold: some 290 years.
func ParseDuration(text string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(text), ",", ""), 64)
	if err != nil {
		return 0, false
	}
	return Duration(n, unit)
}

// Duration is ParseDuration for a number that was already read.
func Duration(n float64, unit time.Duration) (time.Duration, bool) {
	length := n * float64(unit)
	if !(length >= 0 && length < math.MaxInt64) { // so that NaN is refused too
		return 0, false
	}
	return time.Duration(math.Round(length)), true
}
