package bodycheck

import (
	"bytes"
	"math"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// numberRule is what a schema asks of a number.
type numberRule struct {
	whole        bool // integers only
	wholeMessage string
	plain        bool // see Options.PlainIntegers

	ranged       bool // low and high apply
	low, high    int64
	rangeMessage string

	min, max           float64 // infinite: no bound
	exMin, exMax       bool
	minMessage         string
	maxMessage         string
	multiple           float64 // 0: any
	multipleMessage    string
	integerFormat      openapi3.IntegerFormatValidator // both are nil unless the
	numberFormat       openapi3.NumberFormatValidator  // program defined the format
	formatMessage      string
	multipleOfFraction *openapi3.Schema // decides multipleOf where integers cannot
}

// fault returns what is wrong with a number, or "". raw is a finite JSON number.
func (r *numberRule) fault(raw []byte) string {
	v, whole, fits := int64(0), false, false
	if r.whole || r.multiple != 0 {
		v, whole, fits = parseInteger(raw)
	}
	if r.whole {
		if !whole || r.plain && bytes.ContainsAny(raw, ".eE") {
			return r.wholeMessage
		}
		if r.ranged && (!fits || v < r.low || v > r.high) {
			return r.rangeMessage
		}
		if r.integerFormat != nil && (!fits || r.integerFormat.Validate(v) != nil) {
			return r.formatMessage
		}
	}
	f := float64(v)
	if !whole || !fits {
		f = floatOf(raw)
	}
	switch {
	case r.numberFormat != nil && r.numberFormat.Validate(f) != nil:
		return r.formatMessage
	case f < r.min || r.exMin && f == r.min:
		return r.minMessage
	case f > r.max || r.exMax && f == r.max:
		return r.maxMessage
	case r.multiple != 0 && !r.isMultiple(v, f, whole && fits):
		return r.multipleMessage
	}
	return ""
}

func (r *numberRule) isMultiple(v int64, f float64, exact bool) bool {
	if m := int64(r.multiple); exact && float64(m) == r.multiple {
		return v%m == 0
	}
	return r.multipleOfFraction.VisitJSONNumber(f) == nil
}

// parseInteger reads a JSON number exactly. It reports whether the number is
// whole, however it is written (1.0 and 1e2 are), and whether it fits v.
func parseInteger(raw []byte) (v int64, whole, fits bool) {
	if v, ok := shortInteger(raw); ok {
		return v, true, true
	}
	negative := raw[0] == '-'
	if negative {
		raw = raw[1:]
	}
	digits, exponent := raw, 0
	if i := bytes.IndexAny(raw, "eE"); i >= 0 {
		digits, exponent = raw[:i], parseExponent(raw[i+1:])
	}
	if i := bytes.IndexByte(digits, '.'); i >= 0 {
		exponent -= len(digits) - i - 1
	}
	digits, exponent = trimZeros(digits, exponent)
	if len(digits) == 0 {
		return 0, true, true
	}
	if exponent < 0 {
		return 0, false, false
	}
	v, fits = compose(digits, exponent, negative)
	return v, true, fits
}

// shortInteger reads the usual case: a sign and at most 18 digits.
func shortInteger(raw []byte) (v int64, ok bool) {
	digits := raw
	if digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	if len(digits) < len(raw) {
		v = -v
	}
	return v, true
}

// trimZeros drops the zeros around the digits; a dot among them is ignored.
// Those at the end move into the exponent.
func trimZeros(digits []byte, exponent int) ([]byte, int) {
	digits = bytes.TrimLeft(digits, "0.")
	for len(digits) > 0 {
		switch digits[len(digits)-1] {
		case '0':
			exponent++
		case '.':
		default:
			return digits, exponent
		}
		digits = digits[:len(digits)-1]
	}
	return nil, 0
}

// compose computes digits * 10^exponent, if that fits 64 bits.
func compose(digits []byte, exponent int, negative bool) (v int64, fits bool) {
	if len(digits)+exponent > 20 { // 19 digits and a dot
		return 0, false
	}
	var u uint64
	push := func(d uint64) bool {
		if u > (math.MaxUint64-d)/10 {
			return false
		}
		u = u*10 + d
		return true
	}
	for _, c := range digits {
		if c != '.' && !push(uint64(c-'0')) {
			return 0, false
		}
	}
	for range exponent {
		if !push(0) {
			return 0, false
		}
	}
	switch {
	case !negative && u <= math.MaxInt64:
		return int64(u), true
	case negative && u <= 1<<63:
		return -int64(u), true // -int64(1<<63) is the smallest int64 itself
	}
	return 0, false
}

// parseExponent reads an exponent and cuts it to what keeps arithmetic on it
// safe: a body is far shorter than a thousand million digits.
func parseExponent(text []byte) int {
	negative := text[0] == '-'
	if text[0] == '-' || text[0] == '+' {
		text = text[1:]
	}
	exponent := 0
	for _, c := range text {
		exponent = min(exponent*10+int(c-'0'), 1_000_000_000)
	}
	if negative {
		return -exponent
	}
	return exponent
}

// finite reports whether a JSON number is within the range of a float64.
func finite(raw []byte) bool {
	if len(raw) < 300 && bytes.IndexByte(raw, 'e') < 0 && bytes.IndexByte(raw, 'E') < 0 {
		return true
	}
	_, err := strconv.ParseFloat(string(raw), 64)
	return err == nil
}

// floatOf returns the nearest float64 of a finite JSON number.
func floatOf(raw []byte) float64 {
	f, _ := strconv.ParseFloat(string(raw), 64)
	return f
}
