package bodycheck

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

type visitState uint8

const (
	visiting visitState = iota + 1
	visited
)

// checkAlternatives refuses a schema that reaches itself through allOf, oneOf,
// anyOf or not alone, without a member or item in between. Such a schema says
// nothing about the value, and kin-openapi may not return from it.
func (c *compiler) checkAlternatives(s *openapi3.Schema) error {
	switch c.state[s] {
	case visited:
		return nil
	case visiting:
		return errors.New("the schema refers to itself as its own alternative")
	}
	c.state[s] = visiting
	if err := unsupported(s); err != nil {
		return err
	}
	for _, ref := range alternatives(s) {
		if ref.Value == nil {
			return fmt.Errorf("reference %q is not resolved", ref.Ref)
		}
		if err := c.checkAlternatives(ref.Value); err != nil {
			return err
		}
	}
	c.state[s] = visited
	return nil
}

// alternatives returns the schemas that s applies to the same value.
func alternatives(s *openapi3.Schema) openapi3.SchemaRefs {
	all := slices.Concat(s.AllOf, s.OneOf, s.AnyOf)
	if s.Not != nil {
		all = append(all, s.Not)
	}
	return all
}

func composed(s *openapi3.Schema) bool {
	return s.Not != nil || len(s.AllOf)+len(s.OneOf)+len(s.AnyOf) > 0
}

// alone returns s without what composes it.
func alone(s *openapi3.Schema) *openapi3.Schema {
	own := *s
	own.AllOf, own.OneOf, own.AnyOf, own.Not, own.Discriminator = nil, nil, nil, nil, nil
	return &own
}

// another returns the one schema that s stands for: a reference beside which only a
// description is written, since next to $ref itself nothing counts. Else nil.
func another(s *openapi3.Schema) *openapi3.SchemaRef {
	if len(s.AllOf) != 1 || s.Nullable || s.Not != nil || len(s.OneOf)+len(s.AnyOf) > 0 || constrains(alone(s)) || s.Extensions["x-go-type"] != nil {
		return nil
	}
	return s.AllOf[0]
}

// mixture compiles a schema with allOf, oneOf, anyOf or not.
func (c *compiler) mixture(n *node, s *openapi3.Schema, waived []string) (err error) {
	m := &mixture{}
	n.mix = m
	if own := alone(s); constrains(own) {
		part := &node{kinds: kindsOf(own)}
		part.wrongType = wrongTypeMessage(part.kinds, n.nullable)
		if err := c.rules(part, own, waived); err != nil {
			return err
		}
		m.parts = append(m.parts, part)
	}
	parts, err := c.branches(s.AllOf, waived)
	if err != nil {
		return fmt.Errorf("allOf: %w", err)
	}
	m.parts = append(m.parts, parts...)
	if s.Not != nil {
		if m.not, err = c.node(s.Not, waived); err != nil {
			return fmt.Errorf("not: %w", err)
		}
	}
	if m.oneOf, err = c.choice(s.OneOf, s.Discriminator, waived); err != nil {
		return fmt.Errorf("oneOf: %w", err)
	}
	if m.oneOf != nil {
		m.oneOf.exactlyOne = true
	}
	if m.anyOf, err = c.choice(s.AnyOf, s.Discriminator, waived); err != nil {
		return fmt.Errorf("anyOf: %w", err)
	}
	return nil
}

func (c *compiler) branches(refs openapi3.SchemaRefs, waived []string) ([]*node, error) {
	nodes := make([]*node, 0, len(refs))
	for _, ref := range refs {
		n, err := c.node(ref, waived)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func (c *compiler) choice(refs openapi3.SchemaRefs, d *openapi3.Discriminator, waived []string) (*choice, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	branches, err := c.branches(refs, waived)
	if err != nil {
		return nil, err
	}
	result := &choice{branches: branches, noMatch: noMatchMessage(len(branches))}
	if d == nil {
		return result, nil
	}
	result.discriminator, err = newDiscriminator(d, refs, branches)
	return result, err
}

// newDiscriminator finds the branches that each mapped value stands for. As in
// kin-openapi, only values in the mapping choose a branch, not schema names.
func newDiscriminator(d *openapi3.Discriminator, refs openapi3.SchemaRefs, branches []*node) (*discriminator, error) {
	result := &discriminator{property: d.PropertyName}
	if len(d.Mapping) == 0 {
		return result, nil
	}
	result.branches = make(map[string][]*node, len(d.Mapping))
	allowed := make([]string, 0, len(d.Mapping))
	for value, target := range d.Mapping {
		ref := target.Ref
		if !strings.Contains(ref, "/") {
			ref = "#/components/schemas/" + ref
		}
		for i := range refs {
			if refs[i].Ref == ref {
				result.branches[value] = append(result.branches[value], branches[i])
			}
		}
		if len(result.branches[value]) == 0 {
			return nil, fmt.Errorf("discriminator: %q stands for %q, which is not among the alternatives", value, target.Ref)
		}
		allowed = append(allowed, value)
	}
	slices.Sort(allowed)
	result.unknown = oneOfMessage(allowed)
	return result, nil
}

// mergeAllOf returns one plain object schema that says the same as s and its
// allOf together, or nil when there is none: when a part is not an open object,
// or two parts describe the same member differently.
func mergeAllOf(s *openapi3.Schema) *openapi3.Schema {
	merged := &openapi3.Schema{Properties: openapi3.Schemas{}}
	if !mergeInto(merged, s) || merged.Type == nil {
		return nil
	}
	return merged
}

func mergeInto(merged, s *openapi3.Schema) bool {
	if !openObject(s) {
		return false
	}
	if s.Type != nil {
		merged.Type = s.Type
	}
	for name, ref := range s.Properties {
		if known := merged.Properties[name]; known != nil && known.Value != ref.Value {
			return false
		}
		merged.Properties[name] = ref
	}
	merged.Required = append(merged.Required, s.Required...)
	merged.MinProps = max(merged.MinProps, s.MinProps)
	if s.MaxProps != nil && (merged.MaxProps == nil || *s.MaxProps < *merged.MaxProps) {
		merged.MaxProps = s.MaxProps
	}
	for _, ref := range s.AllOf {
		if !mergeInto(merged, ref.Value) {
			return false
		}
	}
	return true
}

// openObject reports whether s, apart from its allOf, only names members and
// lets others pass. A part that forbids other members would forbid those of
// its neighbours, so it has to be checked by itself.
func openObject(s *openapi3.Schema) bool {
	others := s.AdditionalProperties
	return (s.Type == nil || s.Type.Is(openapi3.TypeObject)) &&
		len(s.OneOf)+len(s.AnyOf)+len(s.Enum) == 0 && s.Not == nil &&
		others.Schema == nil && (others.Has == nil || *others.Has)
}

// readOnlyNames returns the members that s or its allOf declare readOnly.
func readOnlyNames(s *openapi3.Schema) []string {
	var names []string
	for name, ref := range s.Properties {
		if ref.Value != nil && ref.Value.ReadOnly {
			names = append(names, name)
		}
	}
	for _, ref := range s.AllOf {
		names = append(names, readOnlyNames(ref.Value)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
