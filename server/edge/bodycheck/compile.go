package bodycheck

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// compiler turns schemas into nodes, each once.
type compiler struct {
	options Options
	nodes   map[nodeKey]*node
	state   map[*openapi3.Schema]visitState // see checkAlternatives
}

// nodeKey is a schema and the names that it need not require, because a schema
// around it declares them readOnly.
type nodeKey struct {
	schema *openapi3.Schema
	waived string
}

// node compiles the schema behind ref. waived are the names that the schemas
// around it, which apply to the same value, declare readOnly: a client cannot
// send them, so they are not required.
func (c *compiler) node(ref *openapi3.SchemaRef, waived []string) (*node, error) {
	s := ref.Value
	if s == nil {
		return nil, fmt.Errorf("reference %q is not resolved", ref.Ref)
	}
	if err := c.checkAlternatives(s); err != nil {
		return nil, err
	}
	own := readOnlyNames(s)
	waived = slices.DeleteFunc(slices.Clone(waived), func(name string) bool { return slices.Contains(own, name) })
	key := nodeKey{schema: s, waived: strings.Join(waived, "\x00")}
	if n := c.nodes[key]; n != nil {
		return n, nil
	}
	if other := another(s); other != nil {
		n, err := c.node(other, union(waived, own))
		c.nodes[key] = n
		return n, err
	}
	n := &node{kinds: kindsOf(s), nullable: acceptsNull(s), opaque: s.Extensions["x-go-type"] == "json.RawMessage"}
	n.wrongType = wrongTypeMessage(n.kinds, n.nullable)
	c.nodes[key] = n // before its members, which may refer back to it
	if isEmpty(s) {
		return n, nil
	}
	waived = union(waived, own)
	if !composed(s) {
		return n, c.rules(n, s, waived)
	}
	if merged := mergeAllOf(s); merged != nil {
		return n, c.rules(n, merged, waived)
	}
	return n, c.mixture(n, s, waived)
}

// rules fills in what the keywords of s ask for, apart from allOf, oneOf,
// anyOf and not.
func (c *compiler) rules(n *node, s *openapi3.Schema, waived []string) error {
	if err := unsupported(s); err != nil {
		return err
	}
	if err := c.rulesByType(n, s, waived); err != nil {
		return err
	}
	if len(s.Enum) == 0 {
		return nil
	}
	enum, err := newEnum(s.Enum, n.nullable)
	if err != nil {
		return err
	}
	if len(enum.containers) == 0 {
		n.enum = enum
		return nil
	}
	// An object or array has to be captured to compare it, so the other rules
	// become a part of their own.
	others := *n
	values := &node{kinds: enum.kinds, wrongType: enum.message, enum: enum}
	n.mix = &mixture{parts: []*node{values, &others}}
	n.text, n.number, n.array, n.object = nil, nil, nil, nil
	return nil
}

func (c *compiler) rulesByType(n *node, s *openapi3.Schema, waived []string) (err error) {
	if n.kinds&kindString != 0 {
		if n.text, err = newTextRule(s); err != nil {
			return err
		}
	}
	if n.kinds&(kindInteger|kindNumber) != 0 {
		if n.number, err = newNumberRule(s, n, c.options); err != nil {
			return err
		}
	}
	if n.kinds&kindArray != 0 {
		if n.array, err = c.arrayRule(s); err != nil {
			return err
		}
	}
	if n.kinds&kindObject != 0 {
		n.object, err = c.objectRule(s, waived)
	}
	return err
}

func (c *compiler) arrayRule(s *openapi3.Schema) (*arrayRule, error) {
	if s.Items == nil && s.MinItems == 0 && s.MaxItems == nil && !s.UniqueItems {
		return nil, nil
	}
	r := &arrayRule{min: clamp(s.MinItems), max: -1, unique: s.UniqueItems, tooFew: atLeast(s.MinItems, "item")}
	if s.MaxItems != nil {
		r.max, r.tooMany = clamp(*s.MaxItems), atMost(*s.MaxItems, "item")
	}
	if s.Items == nil {
		return r, nil
	}
	item, err := c.node(s.Items, nil)
	if err != nil {
		return nil, fmt.Errorf("items: %w", err)
	}
	r.item = item
	return r, nil
}

func (c *compiler) objectRule(s *openapi3.Schema, waived []string) (*objectRule, error) {
	others := s.AdditionalProperties
	closed := others.Has != nil && !*others.Has
	if len(s.Properties) == 0 && len(s.Required) == 0 && !closed && others.Schema == nil && s.MinProps == 0 && s.MaxProps == nil {
		return nil, nil
	}
	r := &objectRule{closed: closed, min: clamp(s.MinProps), max: -1, tooFew: atLeast(s.MinProps, "member")}
	if s.MaxProps != nil {
		r.max, r.tooMany = clamp(*s.MaxProps), atMost(*s.MaxProps, "member")
	}
	if err := c.members(r, s, waived); err != nil {
		return nil, err
	}
	if closed || others.Schema == nil {
		return r, nil
	}
	node, err := c.node(others.Schema, nil)
	if err != nil {
		return nil, fmt.Errorf("additionalProperties: %w", err)
	}
	r.others = node
	return r, nil
}

func (c *compiler) members(r *objectRule, s *openapi3.Schema, waived []string) error {
	r.members = make(map[string]*member, len(s.Properties))
	for name, ref := range s.Properties {
		n, err := c.node(ref, nil)
		if err != nil {
			return fmt.Errorf("property %q: %w", name, err)
		}
		r.members[name] = &member{node: n, readOnly: ref.Value.ReadOnly}
	}
	r.known = sortedNames(r.members)
	for _, name := range s.Required {
		m := r.members[name]
		if m == nil {
			m = new(member)
			r.members[name] = m
		}
		if !m.required && !slices.Contains(waived, name) {
			m.required = true
			r.required++
		}
	}
	return nil
}

func newTextRule(s *openapi3.Schema) (*textRule, error) {
	r := &textRule{min: clamp(s.MinLength), max: -1, tooShort: atLeast(s.MinLength, "character")}
	if s.MinLength == 1 {
		r.tooShort = isEmptyText
	}
	if s.MaxLength != nil {
		r.max, r.tooLong = clamp(*s.MaxLength), atMost(*s.MaxLength, "character")
	}
	if s.Pattern != "" {
		pattern, err := compilePattern(s.Pattern)
		if err != nil {
			return nil, fmt.Errorf("pattern: %w", err)
		}
		r.pattern, r.mismatch = pattern, "must match the pattern "+s.Pattern
	}
	r.format, r.malformed = textFormat(s.Format)
	if r.min == 0 && r.max < 0 && r.pattern == nil && r.format == nil {
		return nil, nil
	}
	return r, nil
}

func newNumberRule(s *openapi3.Schema, n *node, o Options) (*numberRule, error) {
	r := &numberRule{
		whole: n.kinds&kindNumber == 0, wholeMessage: n.wrongType, plain: o.PlainIntegers,
		min: math.Inf(-1), max: math.Inf(1),
	}
	r.setFormat(s.Format)
	if s.Min != nil {
		r.min, r.exMin = *s.Min, s.ExclusiveMin.IsTrue()
		r.minMessage = "must be at least " + number(r.min)
		if r.exMin {
			r.minMessage = "must be more than " + number(r.min)
		}
	}
	if s.Max != nil {
		r.max, r.exMax = *s.Max, s.ExclusiveMax.IsTrue()
		r.maxMessage = "must be at most " + number(r.max)
		if r.exMax {
			r.maxMessage = "must be less than " + number(r.max)
		}
	}
	if s.MultipleOf != nil {
		if m := *s.MultipleOf; !(m > 0) || math.IsInf(m, 0) {
			return nil, errors.New("multipleOf must be more than 0")
		}
		r.multiple, r.multipleMessage = *s.MultipleOf, "must be a multiple of "+number(*s.MultipleOf)
		r.multipleOfFraction = &openapi3.Schema{MultipleOf: s.MultipleOf}
	}
	if !r.whole && r.numberFormat == nil && s.Min == nil && s.Max == nil && s.MultipleOf == nil {
		return nil, nil
	}
	return r, nil
}

func (r *numberRule) setFormat(format string) {
	r.formatMessage = "must be in the format " + format
	switch {
	case !r.whole:
		r.numberFormat = openapi3.SchemaNumberFormats[format]
		return
	case format == "int32":
		r.ranged, r.low, r.high = true, math.MinInt32, math.MaxInt32
	case format == "int64", format == "" && r.plain:
		r.ranged, r.low, r.high = true, math.MinInt64, math.MaxInt64
	default:
		r.integerFormat = openapi3.SchemaIntegerFormats[format]
	}
	r.rangeMessage = fmt.Sprintf("must be an integer from %d to %d", r.low, r.high)
}

// unsupported refuses the keywords of OpenAPI 3.1. kin-openapi would skip them
// in silence, and the document promises more than is checked.
func unsupported(s *openapi3.Schema) error {
	var used []string
	for _, k := range []struct {
		name string
		used bool
	}{
		{"a boolean schema", s.Always != nil},
		{"const", s.Const != nil}, {"prefixItems", len(s.PrefixItems) > 0}, {"contains", s.Contains != nil},
		{"minContains", s.MinContains != nil}, {"maxContains", s.MaxContains != nil},
		{"patternProperties", len(s.PatternProperties) > 0}, {"dependentSchemas", len(s.DependentSchemas) > 0},
		{"dependentRequired", len(s.DependentRequired) > 0}, {"propertyNames", s.PropertyNames != nil},
		{"unevaluatedItems", s.UnevaluatedItems.Has != nil || s.UnevaluatedItems.Schema != nil},
		{"unevaluatedProperties", s.UnevaluatedProperties.Has != nil || s.UnevaluatedProperties.Schema != nil},
		{"if", s.If != nil}, {"$dynamicRef", s.DynamicRef != ""}, {"contentSchema", s.ContentSchema != nil},
		{"a number as exclusiveMinimum", s.ExclusiveMin.Value != nil},
		{"a number as exclusiveMaximum", s.ExclusiveMax.Value != nil},
	} {
		if k.used {
			used = append(used, k.name)
		}
	}
	if len(used) > 0 {
		return fmt.Errorf("not part of OpenAPI 3.0: %s", strings.Join(used, ", "))
	}
	return nil
}

// clamp makes a limit of the document an int. A limit that large limits nothing
// but stays far from overflow.
func clamp(n uint64) int { return int(min(n, math.MaxInt32)) }

func union(a, b []string) []string {
	joined := slices.Concat(a, b)
	slices.Sort(joined)
	return slices.Compact(joined)
}

// streaming reports whether no object or array has to be read twice.
func (c *compiler) streaming() bool {
	for _, n := range c.nodes {
		if n.mix == nil {
			continue
		}
		for _, kind := range []kindSet{kindObject, kindArray} {
			if n.kinds&kind != 0 && n.mix.sole(kind) == nil {
				return false
			}
		}
	}
	return true
}
