package bodycheck

import (
	"bytes"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// textRule is what a schema asks of a string. Lengths count characters (code
// points).
type textRule struct {
	min, max  int // max < 0: no limit
	tooShort  string
	tooLong   string
	pattern   *regexp.Regexp
	mismatch  string
	format    func([]byte) bool
	malformed string
}

func (r *textRule) fault(text []byte) string {
	if r.max >= 0 && len(text) > r.max && utf8.RuneCount(text) > r.max {
		return r.tooLong
	}
	if r.min > 0 && utf8.RuneCount(text) < r.min {
		return r.tooShort
	}
	if r.pattern != nil && !r.pattern.Match(text) {
		return r.mismatch
	}
	if r.format != nil && !r.format(text) {
		return r.malformed
	}
	return ""
}

// escapedCodePoint is how ECMA 262, the regular expressions of OpenAPI, writes
// a character by its number.
var escapedCodePoint = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

func compilePattern(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile(escapedCodePoint.ReplaceAllString(pattern, `\x{$1}`))
}

// textFormat returns the check of a format, or nil when the format is only a
// description. Beside those of kin-openapi's defaults and uuid, these are the
// formats that the program has defined with openapi3.DefineStringFormatValidator.
func textFormat(format string) (check func([]byte) bool, message string) {
	switch format {
	case "":
		return nil, ""
	case "date-time":
		return isDateTime, "must be a time such as 2024-05-31T17:30:00Z"
	case "date":
		return isDate, "must be a date such as 2024-05-31"
	case "uuid":
		return isUUID, "must be a UUID such as 123e4567-e89b-12d3-a456-426614174000"
	case "byte":
		return isBase64, "must be base64"
	}
	defined, ok := openapi3.SchemaStringFormats[format]
	if !ok {
		return nil, ""
	}
	return func(text []byte) bool { return defined.Validate(string(text)) == nil }, "must be in the format " + format
}

// isDateTime takes what kin-openapi takes, if it can be bound to a time.Time
// (no 31 February, no second 60, no offset of a day or more) and written again in
// UTC, as it is kept: 9999-12-31T23:59:59-01:00 is in a year that no answer can have.
func isDateTime(text []byte) bool {
	if !readsAsTime(text) {
		return false
	}
	if year := string(text[:4]); year != "0000" && year != "9999" {
		return true
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	year := t.UTC().Round(time.Microsecond).Year()
	return err == nil && 0 <= year && year <= 9999
}

func readsAsTime(text []byte) bool {
	const layout = "2024-05-31T17:30:00"
	if len(text) <= len(layout) || text[10] != 'T' || !isDate(text[:10]) || !isClock(text[11:]) || text[16] != ':' {
		return false
	}
	if second, ok := twoDigits(text[17:]); !ok || second > 59 {
		return false
	}
	rest := text[len(layout):]
	if rest[0] == '.' {
		fraction := rest[1:]
		rest = bytes.TrimLeft(fraction, "0123456789")
		if len(rest) == len(fraction) || len(rest) == 0 {
			return false
		}
	}
	switch rest[0] {
	case 'Z':
		return len(rest) == 1
	case '+', '-':
		return len(rest) == len("+02:00") && isClock(rest[1:])
	}
	return false
}

// isClock reports whether text starts with hours and minutes.
func isClock(text []byte) bool {
	if len(text) < len("17:30") || text[2] != ':' {
		return false
	}
	hour, ok := twoDigits(text)
	minute, ok2 := twoDigits(text[3:])
	return ok && ok2 && hour < 24 && minute < 60
}

func isDate(text []byte) bool {
	if len(text) != len("2024-05-31") || text[4] != '-' || text[7] != '-' {
		return false
	}
	century, ok := twoDigits(text)
	year, ok2 := twoDigits(text[2:])
	month, ok3 := twoDigits(text[5:])
	day, ok4 := twoDigits(text[8:])
	if !ok || !ok2 || !ok3 || !ok4 || month < 1 || month > 12 {
		return false
	}
	return day >= 1 && day <= daysIn(month, century*100+year)
}

func daysIn(month, year int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

func twoDigits(text []byte) (n int, ok bool) {
	a, b := text[0]-'0', text[1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}

// isUUID takes the 36 characters of RFC 9562, whatever the version.
func isUUID(text []byte) bool {
	if len(text) != 36 {
		return false
	}
	for i, c := range text {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isHex(c) {
				return false
			}
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// isBase64 takes both alphabets, with or without padding, as kin-openapi does.
func isBase64(text []byte) bool {
	for _, c := range bytes.TrimRight(text, "=") {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case c == '+', c == '/', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
