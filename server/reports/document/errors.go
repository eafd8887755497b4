package document

import (
	"errors"
	"strings"
)

// Bodies that are no JSON object. The first two are 422 on the wire, the third
// is 400. They are told in the words of the original, which name the method.
var (
	ErrNoBody    = errors.New("no JSON data")
	ErrNotJSON   = errors.New("not valid JSON")
	ErrNotObject = errors.New("not a JSON object")
)

// InvalidError is a JSON object that cannot be taken. It is 400 on the wire.
type InvalidError struct {
	// Reason is the whole sentence for the client.
	Reason string
	// Fields names what is wrong, where it is single values.
	Fields []FieldError
}

// FieldError is one wrong value.
type FieldError struct {
	Pointer string // JSON pointer into the body
	Message string // what was wrong, what is allowed
}

func (e *InvalidError) Error() string { return e.Reason }

// missingError is a body without some of its mandatory keys, in the words and
// the notation of the original.
func missingError(keys []string) *InvalidError {
	e := &InvalidError{Reason: "One or more mandatory keys are missing: ['" + strings.Join(keys, "', '") + "']"}
	for _, key := range keys {
		e.Fields = append(e.Fields, FieldError{Pointer: "/" + key, Message: "is mandatory"})
	}
	return e
}

func valuesError(fields []FieldError) *InvalidError {
	texts := make([]string, 0, len(fields))
	for _, f := range fields {
		texts = append(texts, strings.TrimPrefix(f.Pointer, "/")+" "+f.Message)
	}
	return &InvalidError{Reason: strings.Join(texts, "; "), Fields: fields}
}

// unknownKeys is the warning that names dropped keys, in the words of the
// original; empty when there are none.
func unknownKeys(keys []string) string {
	const most, longest = 20, 80
	if len(keys) == 0 {
		return ""
	}
	shown := make([]string, 0, most+1)
	for i, key := range keys {
		if i == most {
			shown = append(shown, "…")
			break
		}
		if runes := []rune(key); len(runes) > longest {
			key = string(runes[:longest]) + "…"
		}
		shown = append(shown, key)
	}
	return "Found non recognizable keys, they will not be considered: " + strings.Join(shown, ", ")
}
