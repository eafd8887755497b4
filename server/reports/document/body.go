package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Limits bounds what a body may hold.
type Limits struct {
	Depth int  // nesting of objects and lists; 0 means 64
	Cases int  // test cases and groups in one test group; 0 means 10000
	Zeros bool // texts may hold U+0000: the caller takes it out
}

func (l Limits) depth() int {
	if l.Depth == 0 {
		return 64
	}
	return l.Depth
}

func (l Limits) cases() int {
	if l.Cases == 0 {
		return 10000
	}
	return l.Cases
}

// Body is a JSON object whose members have not been looked at yet.
type Body struct {
	keys   []string // in the order of the text
	values map[string]jsontext.Value
}

// ParseBody reads the text of a body. The error is ErrNoBody, ErrNotJSON (also
// for NaN and Infinity, for a name that stands twice and for text that is not
// UTF-8), ErrNotObject, or an *InvalidError when the text is nested too deeply
// or holds a U+0000, which no database takes, where limits do not allow it.
func ParseBody(text []byte, limits Limits) (Body, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return Body{}, ErrNoBody
	}
	if err := checkText(text, limits); err != nil {
		return Body{}, err
	}
	return members(text)
}

// members reads a JSON text that has been checked.
func members(text []byte) (Body, error) {
	dec := newDecoder(text)
	if dec.PeekKind() != '{' {
		return Body{}, ErrNotObject
	}
	body := Body{values: map[string]jsontext.Value{}}
	_, err := dec.ReadToken()
	for err == nil && dec.PeekKind() == '"' {
		err = body.readMember(dec)
	}
	if err != nil {
		return Body{}, ErrNotJSON
	}
	return body, nil
}

func (b *Body) readMember(dec *jsontext.Decoder) error {
	name, err := dec.ReadToken()
	if err != nil {
		return err
	}
	key := name.String()
	value, err := dec.ReadValue()
	b.keys = append(b.keys, key)
	b.values[key] = value.Clone()
	return err
}

// checkText reads all of the text once.
func checkText(text []byte, limits Limits) error {
	dec := newDecoder(text)
	depth, mayHoldNUL := limits.depth(), !limits.Zeros && bytes.Contains(text, []byte(`\u0000`))
	for values := 0; ; {
		tok, err := dec.ReadToken()
		if dec.StackDepth() == 0 {
			values++ // the end of a value, or of the text
		}
		switch {
		case errors.Is(err, io.EOF) && values == 2:
			return nil
		case err != nil, values > 1:
			return ErrNotJSON
		case dec.StackDepth() > depth:
			return pointError(dec, fmt.Sprintf("is nested too deeply, at most %d levels are allowed", depth))
		case mayHoldNUL && tok.Kind() == '"' && strings.ContainsRune(tok.String(), 0):
			return pointError(dec, "holds the character U+0000, which is not allowed")
		}
	}
}

func pointError(dec *jsontext.Decoder, message string) error {
	return valuesError([]FieldError{{Pointer: string(dec.StackPointer()), Message: message}})
}

func newDecoder(text []byte) *jsontext.Decoder { return jsontext.NewDecoder(bytes.NewBuffer(text)) }

// Members returns the raw values of the body by their keys.
func (b Body) Members() map[string]jsontext.Value { return b.values }
