package document

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

var (
	errNotText   = errors.New("is not a text")
	errNotInt    = errors.New("is not a whole number")
	errNotNumber = errors.New("is not a number")
	errNotBool   = errors.New("is not true or false")
	errNotID     = errors.New("is not an id of 24 hex digits")
	errNotIDs    = errors.New("is not a list of ids of 24 hex digits")
	errNotDate   = errors.New("is not a date: YYYY-MM-DD, RFC 3339 or milliseconds")
	errNotList   = errors.New("is not a list")
	errNotObject = errors.New("is not an object")
)

// The longest duration and the latest time, in milliseconds: the end of the
// year 9999. A store may multiply them by a thousand without overflow.
const maxMillis = 253402300799999

// scalarText returns a JSON text, number or boolean as text.
func scalarText(raw jsontext.Value) (string, error) {
	switch raw.Kind() {
	case '"':
		text, ok := unquote(raw)
		if !ok {
			return "", errNotText
		}
		return text, nil
	case '0', 't', 'f':
		return string(raw), nil
	}
	return "", errNotText
}

// takeInt accepts whole numbers, 3.0 too, and their texts. An empty text is no
// value.
func takeInt(raw jsontext.Value) (any, error) {
	if raw.Kind() != '"' && raw.Kind() != '0' {
		return nil, errNotInt
	}
	text, err := scalarText(raw)
	text = strings.TrimSpace(text)
	if err != nil || text == "" {
		return nil, err
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return nil, errNotInt
	}
	return int64(f), nil
}

func takeNumber(raw jsontext.Value) (any, error) {
	f, ok := number(raw)
	if !ok {
		if text, _ := scalarText(raw); raw.Kind() == '"' && strings.TrimSpace(text) == "" {
			return nil, nil
		}
		return nil, errNotNumber
	}
	return f, nil
}

// number reads a JSON number or its text. What Go would read beyond that
// (hexadecimal, underscores, infinities) is no number.
func number(raw jsontext.Value) (float64, bool) {
	if raw.Kind() != '"' && raw.Kind() != '0' {
		return 0, false
	}
	text, err := scalarText(raw)
	text = strings.TrimSpace(text)
	if err != nil || strings.ContainsAny(text, "xXpP_iInN") {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

// takeBool accepts the texts and numbers of booleans as well: example documents
// of 2015 hold "fastboot": "false".
func takeBool(raw jsontext.Value) (any, error) {
	text, err := scalarText(raw)
	if err != nil {
		return nil, errNotBool
	}
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	case "":
		return nil, nil
	}
	return nil, errNotBool
}

// takeSeconds converts seconds to milliseconds. It never fails: a negative
// duration, one that is no number, and one that is too long are 0, as in the original
// (app/utils/boot/__init__.py). A time as it is rendered, {"$date":…}, is
// understood too.
func takeSeconds(raw jsontext.Value) any {
	if raw.Kind() == '{' {
		millis, _ := takeDate(raw)
		n, _ := millis.(int64)
		return max(0, n)
	}
	f, ok := number(raw)
	if !ok || f < 0 {
		return int64(0)
	}
	if millis := math.Round(f * 1000); millis <= maxMillis {
		return int64(millis)
	}
	return int64(0)
}

// takeID accepts an id as plain text and as it is rendered.
func takeID(raw jsontext.Value) (any, error) {
	raw = undress(raw, "$oid")
	text, err := scalarText(raw)
	if err != nil || raw.Kind() != '"' {
		return nil, errNotID
	}
	if text == "" {
		return nil, nil
	}
	id, ok := ParseID(text)
	if !ok {
		return nil, errNotID
	}
	return id, nil
}

// takeIDs accepts a list of ids, and no value for an empty one.
func takeIDs(raw jsontext.Value) (any, error) {
	list, err := elements(raw)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	ids := make([]string, 0, len(list))
	for _, element := range list {
		id, err := takeID(element)
		if text, ok := id.(string); ok {
			ids = append(ids, text)
		} else if err != nil {
			return nil, errNotIDs
		}
	}
	return ids, nil
}

// takeDate accepts a day, an RFC 3339 time, milliseconds, and a time as it is
// rendered.
func takeDate(raw jsontext.Value) (any, error) {
	raw = undress(raw, "$date")
	text, err := scalarText(raw)
	if err != nil {
		return nil, errNotDate
	}
	if raw.Kind() == '0' {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > maxMillis || n < -maxMillis {
			return nil, errNotDate
		}
		return n, nil
	}
	if text = strings.TrimSpace(text); text == "" {
		return nil, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return nil, errNotDate
}

// undress returns the value inside {"name":value}, or raw when it is not that.
func undress(raw jsontext.Value, name string) jsontext.Value {
	if raw.Kind() != '{' {
		return raw
	}
	body, err := members(raw)
	if err != nil || len(body.keys) != 1 || body.keys[0] != name {
		return raw
	}
	return body.values[name]
}

func takeRaw(raw jsontext.Value, kind jsontext.Kind, what string) (any, error) {
	if raw.Kind() != kind {
		return nil, errors.New("is not " + what)
	}
	return Raw(raw), nil
}

// elements returns the values of a JSON list that has been checked; none for
// no list at all.
func elements(raw jsontext.Value) ([]jsontext.Value, error) {
	if raw == nil {
		return nil, nil
	}
	if raw.Kind() != '[' {
		return nil, errNotList
	}
	dec := newDecoder(raw)
	var out []jsontext.Value
	_, err := dec.ReadToken()
	for err == nil && dec.PeekKind() != ']' {
		var v jsontext.Value
		v, err = dec.ReadValue()
		out = append(out, v.Clone())
	}
	return out, err
}
