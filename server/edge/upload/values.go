package upload

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The places a value can come from, as messages call them.
const (
	inPath  = "path"
	inQuery = "query"
	inForm  = "form"
	inJSON  = "JSON body"
)

// Value is one text that was given for a field.
type Value struct {
	Text  string // valid UTF-8, never empty
	Place string // where it stood: "path", "query", "form" or "JSON body"
}

// Values holds the text fields of a request by name, in the order found. Empty
// values are left out: they say nothing. Whether two values of one field agree
// depends on what the field means ("yes" and "true" do), so it is decided by
// the methods that read a field.
type Values map[string][]Value

func (v Values) add(name, text, place string) {
	given := Value{Text: text, Place: place}
	if text != "" && !slices.Contains(v[name], given) {
		v[name] = append(v[name], given)
	}
}

// ID returns a field that holds the positive integer id of something, 1 to
// 2^63-1, as digits with or without white space around them. ok is false when
// the field was not given or blank. Errors are Malformed and Conflict.
func (v Values) ID(field string) (id int64, ok bool, err error) {
	return merge(v[field], field, func(text string) (int64, bool, error) {
		digits := strings.TrimSpace(text)
		if digits == "" {
			return 0, false, nil
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || n == 0 {
			return 0, false, malformed(field, "%s must be an integer from 1 to 9223372036854775807", field)
		}
		return int64(n), true, nil
	})
}

// Bool returns a field that says yes or no: "true 1 yes on t y" or "false 0 no
// off f n", in any case. ok is false when the field was not given or blank,
// which means that the client did not say. Errors are Malformed and Conflict.
func (v Values) Bool(field string) (value, ok bool, err error) {
	return merge(v[field], field, func(text string) (bool, bool, error) {
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "":
			return false, false, nil
		case "true", "1", "yes", "on", "t", "y":
			return true, true, nil
		case "false", "0", "no", "off", "f", "n":
			return false, true, nil
		}
		return false, false, malformed(field,
			"%s must be one of true, 1, yes, on, t, y or false, 0, no, off, f, n", field)
	})
}

// Text returns a field that must hold more than white space. The text comes
// back whole, its own white space included. Errors are Missing, Conflict and,
// for a text with U+0000 (which PostgreSQL cannot store), Malformed.
func (v Values) Text(field string) (string, error) {
	text, err := v.Optional(field)
	if err == nil && strings.TrimSpace(text) == "" {
		err = &Error{Kind: Missing, Field: field, Reason: field + " is required and must not be empty"}
	}
	return text, err
}

// Optional is Text for a field that may be absent or blank.
func (v Values) Optional(field string) (string, error) {
	text, _, err := merge(v[field], field, func(text string) (string, bool, error) {
		if strings.ContainsRune(text, 0) {
			return "", false, malformed(field, "%s must not contain the character U+0000", field)
		}
		return text, true, nil
	})
	return text, err
}

// merge reads every value given for a field and returns the one they agree on.
func merge[T comparable](given []Value, field string, read func(string) (T, bool, error)) (T, bool, error) {
	var (
		zero, result T
		first        *Value
	)
	for i, g := range given {
		value, ok, err := read(g.Text)
		switch {
		case err != nil:
			return zero, false, standing(err, g.Place)
		case !ok:
		case first == nil:
			first, result = &given[i], value
		case value != result:
			return zero, false, conflict(field, first.Place, g.Place)
		}
	}
	return result, first != nil, nil
}

// standing adds to an error where the value stood.
func standing(err error, place string) error {
	var e *Error
	if errors.As(err, &e) {
		e.In = wordFor(place)
	}
	return err
}

// In returns where a field was given first, in the words of the errors that a
// client sees: path, query, form or body; "" when it was not given.
func (v Values) In(field string) string {
	if len(v[field]) == 0 {
		return ""
	}
	return wordFor(v[field][0].Place)
}

func wordFor(place string) string {
	if place == inJSON {
		return "body"
	}
	return place
}

func conflict(field, place, other string) *Error {
	reason := field + " has one value in the " + place + " and another in the " + other
	if place == other {
		reason = field + " is given twice in the " + place + " with different values"
	}
	return &Error{Kind: Conflict, Field: field, In: wordFor(place), Reason: reason}
}

// repair turns bytes into UTF-8. Each wrong byte becomes one U+FFFD, so a text
// in a one-byte encoding keeps its number of characters.
func repair(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	return string([]rune(string(text)))
}
