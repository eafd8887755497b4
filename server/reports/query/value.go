package query

import (
	"math"
	"strings"
	"time"
)

// The instants that a date in a query string is held to: years 1 to 9999. A
// store may multiply them by a thousand without overflow.
const (
	minMillis = -62135596800000
	maxMillis = 253402300799999
)

// ParseID returns the 24 hex digits of id in lower case, and false when it is
// not an id.
func ParseID(id string) (string, bool) {
	if len(id) != 24 {
		return "", false
	}
	for i := range len(id) {
		if !isHex(id[i]) {
			return "", false
		}
	}
	return strings.ToLower(id), true
}

// parseValue reads one value of a kind. Integers too large for 64 bits are not
// its business: see parseInt.
func parseValue(kind Kind, raw string) (any, bool) {
	switch kind {
	case Int:
		n, over, ok := parseInt(raw)
		return n, ok && over == 0
	case Bool:
		return parseBool(raw)
	case Date:
		return parseDate(raw)
	case ID:
		return ParseID(raw)
	default:
		return raw, raw != ""
	}
}

// parseInt reads a decimal integer with an optional sign. For one that does
// not fit into 64 bits it returns the nearest that does, and over says to
// which side it lies (-1, 1).
func parseInt(raw string) (n int64, over int, ok bool) {
	digits := strings.TrimLeft(raw, "+-")
	if len(raw)-len(digits) > 1 || !isDigits(digits) {
		return 0, 0, false
	}
	negative := raw[0] == '-'
	for i := range len(digits) {
		d := int64(digits[i] - '0')
		if n > (math.MaxInt64-d)/10 {
			if negative {
				return math.MinInt64, -1, true
			}
			return math.MaxInt64, 1, true
		}
		n = n*10 + d
	}
	if negative {
		n = -n
	}
	return n, 0, true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func parseBool(raw string) (value any, ok bool) {
	switch strings.ToLower(raw) {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return nil, false
}

// parseDate reads a date as ranges accept it, in milliseconds: a day, an
// RFC 3339 time, or milliseconds since 1970. Eight digits are a day, never
// milliseconds.
func parseDate(raw string) (millis any, ok bool) {
	if day, ok := parseDay(raw); ok {
		return day.UnixMilli(), true
	}
	if n, _, ok := parseInt(raw); ok {
		return clampMillis(n), !(len(raw) == 8 && isDigits(raw))
	}
	if t, ok := parseTime(raw); ok {
		return clampMillis(t.UnixMilli()), true
	}
	return nil, false
}

func clampMillis(n int64) int64 {
	return max(minMillis, min(n, maxMillis))
}

// parseTime reads RFC 3339. The plus sign of a zone that was not percent coded
// has become a blank on the way here; nothing else in such a time is one.
func parseTime(raw string) (time.Time, bool) {
	raw = strings.Replace(strings.ToUpper(raw), " ", "+", 1)
	t, err := time.Parse(time.RFC3339Nano, raw)
	return t, err == nil
}

// parseDay reads YYYY-MM-DD, where month and day may have one digit, and
// YYYYMMDD. The result is the start of that day in UTC.
func parseDay(raw string) (time.Time, bool) {
	layout := "2006-1-2"
	if !strings.Contains(raw, "-") {
		layout = "20060102"
	}
	t, err := time.Parse(layout, raw)
	return t, err == nil && t.Year() >= 1
}
