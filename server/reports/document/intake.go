package document

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Intake makes a document of a posted body: second names, defaults and derived
// fields are applied. It also returns warnings for the client, such as the keys
// that were dropped. The error is an *InvalidError.
func (s *Schema) Intake(body Body) (*Document, []string, error) {
	d, warnings, err := s.read(body, true)
	if err == nil {
		s.complete(d)
	}
	return d, warnings, err
}

// IntakeChanges makes a document of the body of a PUT, which may have any
// subset of the keys. Only fields that are Given mean anything: no defaults are
// set. The error is an *InvalidError, also when no known key is left.
func (s *Schema) IntakeChanges(body Body) (*Document, []string, error) {
	return s.read(body, false)
}

// complete sets the defaults and what follows from other fields.
func (s *Schema) complete(d *Document) {
	for i, f := range s.Fields {
		if d.values[i] == nil && !(f.has(NullStays) && d.given[i]) {
			d.values[i] = f.Default
		}
	}
	if s.finish != nil {
		s.finish(d)
	}
}

// read takes the values out of a body, and warns of the keys that it drops.
// whole says that mandatory keys must be there; else only that they are not
// null.
func (s *Schema) read(body Body, whole bool) (*Document, []string, error) {
	d, err := s.values(body, whole)
	if err != nil {
		return nil, nil, err
	}
	unknown, known := s.unknown(body)
	warning := unknownKeys(unknown)
	switch {
	case known == 0:
		return nil, nil, &InvalidError{Reason: strings.TrimSpace("No valid or acceptable keys in the JSON data. " + warning)}
	case warning == "":
		return d, nil, nil
	}
	return d, []string{warning}, nil
}

func (s *Schema) values(body Body, whole bool) (*Document, error) {
	d := s.New()
	var missing []string
	var wrong []FieldError
	for i := range s.Fields {
		f := &s.Fields[i]
		key, raw, given := f.find(body)
		value, err := f.take(raw)
		if err != nil {
			wrong = append(wrong, within(key, err)...)
			continue
		}
		if f.has(Must) && value == nil && (whole || given) {
			missing = append(missing, key)
		}
		d.values[i], d.given[i] = value, given
	}
	switch {
	case len(missing) > 0:
		return nil, missingError(missing)
	case len(wrong) > 0:
		return nil, valuesError(wrong)
	}
	return d, nil
}

// unknown returns the keys that no field is read from, those inside described
// objects with the object's name before them, and how many others there are.
func (s *Schema) unknown(body Body) (unknown []string, known int) {
	for _, key := range body.keys {
		i, ok := s.posted[key]
		switch {
		case !ok:
			unknown = append(unknown, key)
		case i < 0:
		default:
			known++
			if sub := s.Fields[i].Sub; sub != nil {
				unknown = append(unknown, sub.unknownInside(key, body.values[key])...)
			}
		}
	}
	return unknown, known
}

func (s *Schema) unknownInside(name string, raw jsontext.Value) []string {
	body, err := members(raw)
	if err != nil {
		return nil // not an object: take says so
	}
	inside, _ := s.unknown(body)
	for i, key := range inside {
		inside[i] = name + "." + key
	}
	return inside
}

// find returns the member of the body that the field is read from: of several
// the strongest that is not null. For none it returns the strongest key.
func (f *Field) find(body Body) (key string, raw jsontext.Value, given bool) {
	for _, k := range f.keys {
		v, ok := body.values[k]
		if given = given || ok; !ok {
			continue
		}
		if raw == nil || raw.Kind() == 'n' || string(raw) == `""` {
			key, raw = k, v
		}
	}
	if key == "" && len(f.keys) > 0 {
		key = f.keys[0]
	}
	return key, raw, given
}

// take converts one value of a body. No value, null, and an empty text where
// text is not wanted, are nil. The error is an *InvalidError or a plain one.
func (f *Field) take(raw jsontext.Value) (any, error) {
	if raw == nil || raw.Kind() == 'n' {
		return nil, nil
	}
	switch f.Kind {
	case Text:
		return f.takeText(raw)
	case Int:
		return takeInt(raw)
	case Number:
		return takeNumber(raw)
	case Bool:
		return takeBool(raw)
	case Seconds:
		return takeSeconds(raw), nil
	case ID:
		return takeID(raw)
	case Reference:
		return f.takeText(undress(raw, "$oid"))
	case Date:
		return takeDate(raw)
	case List:
		return takeRaw(raw, '[', "a list")
	case IDs:
		return takeIDs(raw)
	}
	if f.Sub != nil {
		return f.Sub.takeObject(raw)
	}
	return takeRaw(raw, '{', "an object")
}

func (f *Field) takeText(raw jsontext.Value) (any, error) {
	text, err := scalarText(raw)
	if err != nil {
		return nil, err
	}
	if f.has(Upper) {
		text = strings.ToUpper(strings.TrimSpace(text))
	}
	switch most := f.maxText(); {
	case text == "":
		return nil, nil
	case most > 0 && len(text) > most:
		return nil, fmt.Errorf("is longer than %d bytes", most)
	case f.Only != nil && !slices.Contains(f.Only, text):
		return nil, fmt.Errorf("must be one of %s", strings.Join(f.Only, ", "))
	case f.has(NotNone) && (strings.EqualFold(text, "null") || strings.EqualFold(text, "none")):
		return nil, nil
	}
	return text, nil
}

// takeObject reads an object whose members a schema describes, and writes it
// again with those that have a value.
func (s *Schema) takeObject(raw jsontext.Value) (any, error) {
	body, err := members(raw)
	if err != nil {
		return nil, errNotObject
	}
	d, err := s.values(body, true)
	if err != nil {
		return nil, err
	}
	return Raw(d.AppendJSON(nil, func(name string) bool { return d.Get(name) != nil })), nil
}

// within turns the error of a value into errors that point into the body.
func within(key string, err error) []FieldError {
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		return []FieldError{{Pointer: "/" + key, Message: err.Error()}}
	}
	if len(invalid.Fields) == 0 {
		return []FieldError{{Pointer: "/" + key, Message: invalid.Reason}}
	}
	out := make([]FieldError, 0, len(invalid.Fields))
	for _, f := range invalid.Fields {
		out = append(out, FieldError{Pointer: "/" + key + f.Pointer, Message: f.Message})
	}
	return out
}
