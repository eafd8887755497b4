package document

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Document is one job, build, boot or other report. It is not safe for use by
// several goroutines at once.
type Document struct {
	schema *Schema
	values []any
	given  []bool
}

// Schema returns what the document is one of.
func (d *Document) Schema() *Schema { return d.schema }

// Clone returns a copy that can be changed without changing d.
func (d *Document) Clone() *Document {
	return &Document{schema: d.schema, values: slices.Clone(d.values), given: slices.Clone(d.given)}
}

// Get returns the value of a field, nil when it has none. It panics when the
// schema has no such field.
func (d *Document) Get(name string) any {
	return d.values[d.schema.Fields[d.schema.at(name)].place]
}

// Set gives a field a value of one of the types that the package comment names.
// It panics when the schema has no such field.
func (d *Document) Set(name string, value any) { d.values[d.schema.at(name)] = value }

// Text returns a text field's value, empty when it has none.
func (d *Document) Text(name string) string {
	text, _ := d.Get(name).(string)
	return text
}

// Given reports whether the body that the document was read from had the field,
// be it null.
func (d *Document) Given(name string) bool { return d.given[d.schema.at(name)] }

// Apply gives the document the fields of a PUT's body (IntakeChanges): those that
// are Given, null for the default, except that a result stays then: its default would
// make a failed test pass. It reports whether anything changed. What
// lists of ids hold, and what stays out of sight, is for the caller to apply.
func (d *Document) Apply(changes *Document) bool {
	changed := false
	for i := range d.schema.Fields {
		f := &d.schema.Fields[i]
		v := changes.values[i]
		if v == nil && f.Only != nil {
			continue
		}
		if v == nil && !f.has(NullStays) {
			v = f.Default
		}
		if changes.given[i] && !f.has(Hidden) && f.Kind != IDs && !equal(d.values[i], v) {
			d.values[i], changed = v, true
		}
	}
	if changed && d.schema.finish != nil {
		d.schema.finish(d)
	}
	return changed
}

// equal compares two values that are no lists of ids.
func equal(a, b any) bool {
	rawA, isRawA := a.(Raw)
	rawB, isRawB := b.(Raw)
	if isRawA || isRawB {
		return isRawA == isRawB && string(rawA) == string(rawB)
	}
	return a == b
}

// Identity returns bytes that are equal for two documents of a schema when,
// and only when, they are the same report. It is nil for schemas without
// identity.
func (d *Document) Identity() []byte { return d.Twin(0) }

// Twin is the identity of one of several documents that one upload holds and that
// have the same Identity: they are different reports, told apart by their order,
// from 0. That of the first is Identity itself.
func (d *Document) Twin(number int) []byte {
	if d.schema.Identity == nil {
		return nil
	}
	return d.schema.identity(d, number)
}

// Value returns what a field or a dotted path holds, in the types that the
// query language compares: nil, string, bool, int64 or float64, and Raw for
// what is an object or a list. Names that do not exist hold nothing.
func (d *Document) Value(path string) any {
	name, rest, dotted := strings.Cut(path, ".")
	if _, ok := d.schema.index[name]; !ok {
		return nil
	}
	v := d.Get(name)
	raw, isRaw := v.(Raw)
	switch {
	case !dotted:
		return v
	case !isRaw:
		return nil
	}
	return rawValue(jsontext.Value(raw), rest)
}

// rawValue follows a dotted path into a JSON object.
func rawValue(raw jsontext.Value, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		body, err := members(raw)
		if err != nil {
			return nil
		}
		raw = body.values[name]
	}
	switch raw.Kind() {
	case '"':
		text, _ := unquote(raw)
		return text
	case 't', 'f':
		return raw.Kind() == 't'
	case '0':
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			return n
		}
		f, _ := strconv.ParseFloat(string(raw), 64)
		return f
	case '{', '[':
		return Raw(raw)
	}
	return nil
}

// AppendJSON appends the document as clients know it: every field, null where
// there is no value. keep says which fields to render; nil means all.
func (d *Document) AppendJSON(dst []byte, keep func(name string) bool) []byte {
	dst = append(dst, '{')
	first := len(dst)
	for i := range d.schema.Fields {
		f := &d.schema.Fields[i]
		if f.has(Hidden) || keep != nil && !keep(f.Name) {
			continue
		}
		if len(dst) > first {
			dst = append(dst, ',')
		}
		dst = append(dst, f.label...)
		if value := d.values[f.place]; value == nil && f.has(Filled) {
			dst = append(dst, "[]"...)
		} else {
			dst = appendValue(dst, f.Kind, value)
		}
	}
	return append(dst, '}')
}

// appendValue renders one value as its kind asks. An object without a value is
// {}, everything else null.
func appendValue(dst []byte, kind Kind, value any) []byte {
	switch v := value.(type) {
	case string:
		if kind == ID {
			return appendID(dst, v)
		}
		return appendText(dst, v)
	case int64:
		if kind == Date || kind == Seconds {
			return append(strconv.AppendInt(append(dst, `{"$date":`...), v, 10), '}')
		}
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return appendFloat(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case Raw:
		return append(dst, v...)
	case []string:
		return appendIDs(dst, v)
	}
	if kind == Object {
		return append(dst, "{}"...)
	}
	return append(dst, "null"...)
}

func appendID(dst []byte, id string) []byte {
	return append(append(append(dst, `{"$oid":"`...), id...), `"}`...)
}

func appendIDs(dst []byte, ids []string) []byte {
	dst = append(dst, '[')
	for i, id := range ids {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendID(dst, id)
	}
	return append(dst, ']')
}

// appendText quotes text without escaping more than JSON demands. Text that is
// not UTF-8 cannot come in; it would be mended, which is what the error says.
func appendText(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}

func appendFloat(dst []byte, f float64) []byte {
	format := byte('f')
	if abs := max(f, -f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64)
}

func unquote(raw jsontext.Value) (string, bool) {
	text, err := jsontext.AppendUnquote(nil, raw)
	return string(text), err == nil
}
