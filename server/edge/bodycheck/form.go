package bodycheck

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// CheckForm returns what is wrong with the values of a form, or nil. Form
// values are text, so each is first read as what its property may be: a number
// where numbers are allowed and the text is one, true or false in the spellings
// of strconv.ParseBool, a JSON object where only objects are allowed, else a
// string. A property that takes an array takes the name repeated; "a,b" is one
// item. The result is then checked as if it had been sent as JSON.
func (c *Checker) CheckForm(values map[string][]string) []Violation {
	f := form{text: []byte{'{'}}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f.property(c.root.property(name), name, values[name])
	}
	f.text = append(f.text, '}')
	found := append(f.violations, c.Check(f.text)...)
	return found[:min(len(found), c.options.MaxViolations)]
}

// form is a form being rewritten as JSON.
type form struct {
	text       []byte
	violations []Violation
}

func (f *form) property(n *node, name string, values []string) {
	if len(values) == 0 {
		return
	}
	start := len(f.text)
	if start > 1 {
		f.text = append(f.text, ',')
	}
	text, err := jsontext.AppendQuote(f.text, name)
	if err != nil {
		f.text = f.text[:start]
		f.refuse("", "has a member name that is not valid UTF-8")
		return
	}
	f.text = append(text, ':')
	pointer := string(jsontext.Pointer("").AppendToken(name))
	switch {
	case n != nil && n.kinds&kindArray != 0 && (len(values) > 1 || n.kinds&^kindArray == 0):
		f.array(n.item(), pointer, values)
		return
	case len(values) > 1:
		f.refuse(pointer, notOnce)
	}
	f.value(n, pointer, values[0])
}

func (f *form) array(item *node, pointer string, values []string) {
	f.text = append(f.text, '[')
	for i, value := range values {
		if i > 0 {
			f.text = append(f.text, ',')
		}
		f.value(item, pointer+"/"+strconv.Itoa(i), value)
	}
	f.text = append(f.text, ']')
}

func (f *form) value(n *node, pointer, value string) {
	quoted, err := jsontext.AppendQuote(nil, value)
	if err != nil {
		f.refuse(pointer, notUTF8)
		f.text = append(f.text, quoted...) // with the bad bytes replaced
		return
	}
	f.text = append(f.text, n.fromText(value, quoted)...)
}

func (f *form) refuse(pointer, message string) {
	f.violations = append(f.violations, Violation{Pointer: cut(jsontext.Pointer(pointer)), Message: message})
}

// fromText returns the JSON value that the text of a form stands for. quoted is
// the text as a JSON string.
func (n *node) fromText(text string, quoted []byte) []byte {
	if n == nil {
		return quoted
	}
	readings := n.readings(text)
	for _, s := range readings {
		if n.fault(s) == "" {
			return s.raw
		}
	}
	switch {
	case n.kinds&kindString != 0:
		return quoted
	case len(readings) > 0:
		return readings[0].raw // wrong too, but its complaint is the helpful one
	case text == "" && n.nullable:
		return []byte("null")
	case n.kinds == kindObject && jsontext.Value(text).IsValid():
		return []byte(text)
	}
	return quoted
}

// readings returns what text may mean other than a string.
func (n *node) readings(text string) (found []scalar) {
	if n.kinds&(kindInteger|kindNumber) != 0 {
		raw := []byte(text)
		if v, err := strconv.ParseInt(text, 10, 64); err == nil {
			raw = strconv.AppendInt(nil, v, 10) // also +5 and 007, which binding takes
		}
		v := jsontext.Value(raw)
		bare := strings.Trim(text, whitespace) == text
		if bare && v.Kind() == jsontext.KindNumber && v.IsValid() && finite(raw) {
			found = append(found, scalar{kind: jsontext.KindNumber, raw: raw})
		}
	}
	if v, err := strconv.ParseBool(text); err == nil && n.kinds&kindBoolean != 0 {
		raw := strconv.AppendBool(nil, v)
		found = append(found, scalar{kind: jsontext.Value(raw).Kind(), raw: raw})
	}
	return found
}

// property returns the schema of a member of the objects that n takes, or nil.
func (n *node) property(name string) *node {
	if n.object != nil {
		if m := n.object.members[name]; m != nil && m.node != nil {
			return m.node
		}
		return n.object.others
	}
	return n.find(func(part *node) *node { return part.property(name) })
}

// item returns the schema of the items of the arrays that n takes, or nil.
func (n *node) item() *node {
	if n.array != nil {
		return n.array.item
	}
	return n.find((*node).item)
}

// find returns the first result for a part or branch of n.
func (n *node) find(get func(*node) *node) *node {
	if n.mix == nil {
		return nil
	}
	branches := slices.Clone(n.mix.parts)
	for _, c := range []*choice{n.mix.oneOf, n.mix.anyOf} {
		if c != nil {
			branches = append(branches, c.branches...)
		}
	}
	for _, branch := range branches {
		if found := get(branch); found != nil {
			return found
		}
	}
	return nil
}
