package bodycheck

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// kindSet is a set of JSON types. null is not among them: OpenAPI 3.0 decides
// null apart from the type.
type kindSet uint8

const (
	kindString kindSet = 1 << iota
	kindInteger
	kindNumber // any number; an integer is one too
	kindBoolean
	kindObject
	kindArray

	kindsAll = kindString | kindInteger | kindNumber | kindBoolean | kindObject | kindArray
)

// admits returns the types that a token of kind k may belong to.
func admits(k jsontext.Kind) kindSet {
	switch k {
	case jsontext.KindString:
		return kindString
	case jsontext.KindNumber:
		return kindInteger | kindNumber
	case jsontext.KindTrue, jsontext.KindFalse:
		return kindBoolean
	case jsontext.KindBeginObject:
		return kindObject
	case jsontext.KindBeginArray:
		return kindArray
	default:
		return 0
	}
}

// node is one compiled schema. Rules are nil where the schema says nothing.
// Nodes of recursive schemas point back at themselves.
type node struct {
	kinds     kindSet
	nullable  bool
	opaque    bool   // passed on as it came: nobody decodes the numbers inside
	wrongType string // what to say when kinds does not admit a value

	enum   *enumRule
	text   *textRule
	number *numberRule
	array  *arrayRule
	object *objectRule

	// mix, when set, decides everything but null, and the rules are nil.
	mix *mixture
}

// mixture is what allOf, oneOf, anyOf and not ask for, together with the rules
// that stand beside them (as the first of parts).
type mixture struct {
	parts []*node // all of them must accept
	not   *node
	oneOf *choice
	anyOf *choice
}

// choice is the branches of a oneOf or anyOf.
type choice struct {
	exactlyOne bool
	branches   []*node
	noMatch    string
	// discriminator, when set, chooses among the branches for objects.
	discriminator *discriminator
}

// discriminator maps the value of one member to the branches it stands for.
// A nil map means that the value may be any string and chooses nothing.
type discriminator struct {
	property string
	branches map[string][]*node
	unknown  string
}

type arrayRule struct {
	item     *node // nil: items are free
	min, max int   // max < 0: no limit
	tooFew   string
	tooMany  string
	unique   bool
}

type objectRule struct {
	members  map[string]*member
	required int      // how many of members are required
	closed   bool     // no members but those
	others   *node    // the schema of other members; nil: they are free
	known    []string // the names that may be sent, sorted
	min, max int      // max < 0: no limit
	tooFew   string
	tooMany  string
}

// member is a name that the schema knows. Its node is nil when the name is
// only listed as required.
type member struct {
	node     *node
	required bool
	readOnly bool
}

// scalar is a string, number or boolean of the body. For strings, text is the
// unquoted value.
type scalar struct {
	kind jsontext.Kind
	raw  []byte
	text []byte
}

// fault returns what is wrong with a scalar, or "".
func (n *node) fault(s scalar) string {
	mask := admits(s.kind)
	if n.mix != nil {
		if n.kinds&mask == 0 {
			return n.wrongType
		}
		return n.mix.fault(s, mask)
	}
	if n.enum != nil && !n.enum.holds(s) {
		return n.enum.message
	}
	if n.kinds&mask == 0 {
		return n.wrongType
	}
	switch {
	case mask == kindString && n.text != nil:
		return n.text.fault(s.text)
	case mask&kindNumber != 0 && n.number != nil:
		return n.number.fault(s.raw)
	}
	return ""
}

func (m *mixture) fault(s scalar, mask kindSet) string {
	for _, part := range m.parts {
		if f := part.fault(s); f != "" {
			return f
		}
	}
	if m.not != nil && m.not.fault(s) == "" {
		return excluded
	}
	if m.oneOf != nil {
		if f := m.oneOf.fault(s, mask); f != "" {
			return f
		}
	}
	if m.anyOf != nil {
		return m.anyOf.fault(s, mask)
	}
	return ""
}

func (c *choice) fault(s scalar, mask kindSet) string {
	candidates, matches, last := 0, 0, ""
	for _, branch := range c.branches {
		if branch.kinds&mask == 0 {
			continue
		}
		candidates++
		switch f := branch.fault(s); {
		case f != "":
			last = f
		case !c.exactlyOne:
			return ""
		default:
			matches++
		}
	}
	switch {
	case matches == 1:
		return ""
	case matches > 1:
		return ambiguous
	case candidates == 1:
		return last // the one form this type can have, so its complaint helps
	default:
		return c.noMatch
	}
}

// sole returns the one branch that can accept values of the given type, or nil
// when there are several or none.
func (c *choice) sole(mask kindSet) *node {
	var found *node
	for _, branch := range c.branches {
		if branch.kinds&mask == 0 {
			continue
		}
		if found != nil {
			return nil
		}
		found = branch
	}
	return found
}

// sole returns the node that alone decides values of the given type, or nil
// when several have a say.
func (m *mixture) sole(mask kindSet) *node {
	if m.not != nil {
		return nil
	}
	switch {
	case len(m.parts) == 1 && m.oneOf == nil && m.anyOf == nil:
		return m.parts[0]
	case len(m.parts) == 0 && m.anyOf == nil && m.oneOf != nil:
		return m.oneOf.soleFor(mask)
	case len(m.parts) == 0 && m.oneOf == nil && m.anyOf != nil:
		return m.anyOf.soleFor(mask)
	}
	return nil
}

func (c *choice) soleFor(mask kindSet) *node {
	if c.discriminator != nil && mask == kindObject {
		return nil
	}
	return c.sole(mask)
}

// wrongTypeMessage says which types a schema takes.
func wrongTypeMessage(kinds kindSet, nullable bool) string {
	var names []string
	for _, k := range []struct {
		kind kindSet
		name string
	}{
		{kindString, "a string"}, {kindNumber, "a number"}, {kindInteger, "an integer"},
		{kindBoolean, "true or false"}, {kindObject, "an object"}, {kindArray, "an array"},
	} {
		if kinds&k.kind == 0 || k.kind == kindInteger && kinds&kindNumber != 0 {
			continue
		}
		names = append(names, k.name)
	}
	if nullable {
		names = append(names, "null")
	}
	if len(names) == 0 {
		return "is not allowed: its schema takes no value"
	}
	return "must be " + strings.Join(names, " or ")
}
