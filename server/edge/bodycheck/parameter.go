package bodycheck

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
)

// Parameter decides whether the texts that a request gives for one parameter
// are what the document describes. It is safe for concurrent use.
type Parameter struct {
	root     *node
	place    string
	required bool
	blank    bool     // the empty text is taken, whatever the schema says
	defaults []string // what counts when nothing is given
	items    *Checker // for a list, which takes one text for each item
}

// CompileParameter prepares the check of a parameter. Its schema must be one
// plain type or a list of such, in the query, in a header or in the path, in
// the style that OpenAPI takes for granted there; everything else is an error,
// as are the mistakes that Compile finds. Nothing of p is kept.
func CompileParameter(p *openapi3.Parameter) (*Parameter, error) {
	if err := plainParameter(p); err != nil {
		return nil, err
	}
	checker, err := Compile(p.Schema, Options{PlainIntegers: true, MaxViolations: 1})
	if err != nil {
		return nil, err
	}
	schema := p.Schema.Value
	result := &Parameter{
		root: checker.root, place: p.In, required: p.Required, blank: p.AllowEmptyValue,
		defaults: defaultTexts(schema.Default),
	}
	if schema.Type.Is(openapi3.TypeArray) {
		result.items = checker
	}
	return result, nil
}

// plainParameter reports what in a parameter's description this package does
// not read.
func plainParameter(p *openapi3.Parameter) error {
	method, err := p.SerializationMethod()
	switch {
	case err != nil:
		return err
	case p.Schema == nil || p.Schema.Value == nil:
		return errors.New("the parameter has no schema")
	case p.In == openapi3.ParameterInCookie:
		return errors.New("parameters in cookies are not read")
	case p.In == openapi3.ParameterInQuery && method.Style != openapi3.SerializationForm,
		p.In != openapi3.ParameterInQuery && method.Style != openapi3.SerializationSimple:
		return fmt.Errorf("the style %s is not read", method.Style)
	case p.Schema.Value.Default != nil && p.In != openapi3.ParameterInQuery:
		return errors.New("only parameters in the query have a default")
	}
	schema := p.Schema.Value
	if schema.Type.Is(openapi3.TypeArray) {
		if p.In != openapi3.ParameterInQuery || !method.Explode || schema.Items == nil || schema.Items.Value == nil {
			return errors.New("a list is read from the query only, one text for each of its described items")
		}
		schema = schema.Items.Value
	}
	plain := schema.Type.Is(openapi3.TypeString) || schema.Type.Is(openapi3.TypeInteger) ||
		schema.Type.Is(openapi3.TypeNumber) || schema.Type.Is(openapi3.TypeBoolean)
	if !plain || composed(p.Schema.Value) || composed(schema) {
		return errors.New("the schema is no plain type and no list of one")
	}
	if p.AllowEmptyValue && !p.Schema.Value.Type.Is(openapi3.TypeString) {
		return errors.New("only text may be empty")
	}
	return nil
}

// Take returns the texts that count among those given under the parameter's
// name, or the default when none does, and what is wrong with them ("" when
// nothing is). A parameter that is no list may be repeated in a query when all
// texts are the same, since then it is clear what is meant.
func (p *Parameter) Take(given []string) (taken []string, fault string) {
	if !storable(given) {
		return given, notStorable
	}
	if p.items == nil && len(given) > 1 {
		if p.place != openapi3.ParameterInQuery || !allSame(given) {
			return given, notOnce
		}
		given = given[:1]
	}
	missing := p.missing(given)
	switch {
	case missing && p.required:
		return nil, IsRequired
	case missing:
		return p.defaults, ""
	case p.isBlank(given) && p.defaults == nil:
		return given, isEmptyText
	case p.isBlank(given):
		return p.defaults, ""
	case p.items != nil:
		return given, p.list(given)
	}
	return given, p.one(given[0])
}

// missing reports whether nothing was given. A segment of a path is always
// there, but without a text it says nothing.
func (p *Parameter) missing(given []string) bool {
	return len(given) == 0 || p.place == openapi3.ParameterInPath && given[0] == ""
}

// isBlank reports whether what was given says nothing: an empty text where
// something else than text is meant, or the one empty item of a list.
func (p *Parameter) isBlank(given []string) bool {
	if p.items == nil {
		return given[0] == "" && p.root.kinds != kindString
	}
	if p.root.item().kinds == kindString {
		return len(given) == 1 && given[0] == ""
	}
	return slices.Contains(given, "")
}

func (p *Parameter) one(text string) string {
	if text == "" && p.blank || p.root.free() {
		return ""
	}
	s, fault := p.root.read(text)
	if fault != "" {
		return fault
	}
	return p.root.fault(s)
}

// list checks the items as if they had been sent as JSON.
func (p *Parameter) list(given []string) string {
	item := p.root.item()
	body := []byte{'['}
	for i, text := range given {
		s, fault := item.read(text)
		if fault != "" {
			return fault
		}
		if i > 0 {
			body = append(body, ',')
		}
		if s.kind == jsontext.KindString {
			s.raw, _ = jsontext.AppendQuote(nil, s.text) // it is UTF-8
		}
		body = append(body, s.raw...)
	}
	if found := p.items.Check(append(body, ']')); len(found) > 0 {
		return found[0].Message
	}
	return ""
}

// free reports whether n takes any text.
func (n *node) free() bool {
	return n.kinds == kindString && n.enum == nil && n.text == nil && n.mix == nil
}

// read returns what a text means to n, which takes one plain type, or what is
// wrong with it.
func (n *node) read(text string) (s scalar, fault string) {
	switch n.kinds {
	case kindInteger:
		v, err := strconv.ParseInt(text, 10, 64)
		if errors.Is(err, strconv.ErrRange) { // the rule knows how far integers go
			s = scalar{kind: jsontext.KindNumber, raw: []byte(strings.TrimPrefix(text, "+"))}
			if fault = n.fault(s); fault == "" {
				fault = n.wrongType
			}
			return s, fault
		}
		if err != nil {
			return s, n.wrongType
		}
		return scalar{kind: jsontext.KindNumber, raw: strconv.AppendInt(nil, v, 10)}, ""
	case kindInteger | kindNumber:
		v, err := strconv.ParseFloat(text, 64)
		switch {
		case errors.Is(err, strconv.ErrRange), err == nil && (math.IsNaN(v) || math.IsInf(v, 0)):
			return s, notFinite
		case err != nil:
			return s, n.wrongType
		}
		return scalar{kind: jsontext.KindNumber, raw: strconv.AppendFloat(nil, v, 'g', -1, 64)}, ""
	case kindBoolean:
		v, err := strconv.ParseBool(text)
		if err != nil {
			return s, n.wrongType
		}
		raw := strconv.AppendBool(nil, v)
		return scalar{kind: jsontext.Value(raw).Kind(), raw: raw}, ""
	}
	return scalar{kind: jsontext.KindString, text: []byte(text)}, ""
}

// storable reports whether every database can hold the texts and look for
// them: PostgreSQL refuses U+0000 and what is no UTF-8.
func storable(texts []string) bool {
	for _, t := range texts {
		if !utf8.ValidString(t) || strings.IndexByte(t, 0) >= 0 {
			return false
		}
	}
	return true
}

func allSame(texts []string) bool {
	for _, t := range texts {
		if t != texts[0] {
			return false
		}
	}
	return true
}

// defaultTexts writes the default of a schema as a client would.
func defaultTexts(value any) []string {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		texts := []string{}
		for _, item := range v {
			texts = append(texts, defaultTexts(item)...)
		}
		return slices.Clip(texts)
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}
	}
	return []string{fmt.Sprint(value)}
}
