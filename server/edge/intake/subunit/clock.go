package subunit

import (
	"strconv"
	"time"
)

// parseTime reads the ISO 8601 forms that v1 writers use: "2014-08-15
// 10:34:49.010492Z", with T or a space between date and time, any number of
// decimals or none, and Z, +02:00, +0200, +02 or nothing, which means UTC.
// Decimals after the ninth are cut off. The year 1 is refused because its first
// moment is the zero time, and years that RFC 3339 cannot write are too.
func parseTime(text string) (time.Time, bool) {
	if len(text) < len("2014-08-15 10:34:49") {
		return time.Time{}, false
	}
	separators := text[4] == '-' && text[7] == '-' && text[13] == ':' && text[16] == ':' &&
		(text[10] == ' ' || text[10] == 'T' || text[10] == 't')
	year, ok1 := digits(text[0:4])
	month, ok2 := digits(text[5:7])
	day, ok3 := digits(text[8:10])
	hour, ok4 := digits(text[11:13])
	minute, ok5 := digits(text[14:16])
	second, ok6 := digits(text[17:19])
	if !separators || !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		return time.Time{}, false
	}
	if hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	nanos, rest, ok := parseFraction(text[19:])
	if !ok {
		return time.Time{}, false
	}
	offset, ok := parseZone(rest)
	if !ok {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	if int(t.Month()) != month || t.Day() != day {
		return time.Time{}, false // the 30th of February and the like
	}
	t = t.Add(-offset)
	return t, t.Year() >= 2 && t.Year() <= 9999
}

// parseFraction reads the decimals of a second.
func parseFraction(text string) (nanos int, rest string, ok bool) {
	if text == "" || text[0] != '.' && text[0] != ',' {
		return 0, text, true
	}
	n := 1
	for ; n < len(text) && text[n] >= '0' && text[n] <= '9'; n++ {
		if n <= 9 {
			nanos = nanos*10 + int(text[n]-'0')
		}
	}
	for i := n; i <= 9; i++ {
		nanos *= 10
	}
	return nanos, text[n:], n > 1
}

// parseZone reads the distance from UTC at the end of a time.
func parseZone(text string) (time.Duration, bool) {
	if text == "" || text == "Z" || text == "z" {
		return 0, true
	}
	sign := time.Duration(1)
	switch text[0] {
	case '+':
	case '-':
		sign = -1
	default:
		return 0, false
	}
	text = text[1:]
	var hours, minutes int
	ok, okMinutes := false, true
	switch {
	case len(text) == 5 && text[2] == ':':
		hours, ok = digits(text[:2])
		minutes, okMinutes = digits(text[3:])
	case len(text) == 4:
		hours, ok = digits(text[:2])
		minutes, okMinutes = digits(text[2:])
	case len(text) == 2:
		hours, ok = digits(text)
	}
	if !ok || !okMinutes || hours > 23 || minutes > 59 {
		return 0, false
	}
	return sign * (time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute), true
}

// digits reads a number without a sign.
func digits(text string) (int, bool) {
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}
