package bodycheck

import "github.com/getkin/kin-openapi/openapi3"

// typeKinds are the values that each OpenAPI type takes.
var typeKinds = map[string]kindSet{
	openapi3.TypeString:  kindString,
	openapi3.TypeInteger: kindInteger,
	openapi3.TypeNumber:  kindInteger | kindNumber,
	openapi3.TypeBoolean: kindBoolean,
	openapi3.TypeObject:  kindObject,
	openapi3.TypeArray:   kindArray,
}

// kindsOf returns the types of the values that s may accept. s must have passed
// checkAlternatives, as for the other functions here.
func kindsOf(s *openapi3.Schema) kindSet {
	if isEmpty(s) {
		return kindsAll
	}
	kinds := kindsAll
	if s.Type != nil {
		kinds = 0
		for _, name := range *s.Type {
			kinds |= typeKinds[name]
		}
	}
	for _, ref := range s.AllOf {
		kinds &= kindsOf(ref.Value)
	}
	for _, refs := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf} {
		if len(refs) == 0 {
			continue
		}
		var either kindSet
		for _, ref := range refs {
			either |= kindsOf(ref.Value)
		}
		kinds &= either
	}
	return kinds
}

// acceptsNull reports whether s takes null. As in kin-openapi, nullable decides
// before anything else, the empty schema does not take null, and a schema that
// is not nullable takes it when all it is composed of does.
func acceptsNull(s *openapi3.Schema) bool {
	switch {
	case s.Nullable || s.Type.IncludesNull():
		return true
	case s.Not != nil && acceptsNull(s.Not.Value):
		return false
	case len(s.AllOf)+len(s.OneOf)+len(s.AnyOf) == 0:
		return false
	case len(s.OneOf) > 0 && countNull(s.OneOf) != 1:
		return false
	case len(s.AnyOf) > 0 && countNull(s.AnyOf) == 0:
		return false
	}
	return countNull(s.AllOf) == len(s.AllOf)
}

func countNull(refs openapi3.SchemaRefs) int {
	count := 0
	for _, ref := range refs {
		if acceptsNull(ref.Value) {
			count++
		}
	}
	return count
}

// isEmpty reports whether s says nothing, as openapi3.Schema.IsEmpty does, but
// also for schemas that refer to themselves.
func isEmpty(s *openapi3.Schema) bool { return emptyWithin(s, nil) }

func emptyWithin(s *openapi3.Schema, path []*openapi3.Schema) bool {
	for _, above := range path {
		if above == s {
			return true // what it says is decided further up
		}
	}
	shallow := alone(s)
	shallow.Properties, shallow.Items, shallow.AdditionalProperties.Schema = nil, nil, nil
	if !shallow.IsEmpty() {
		return false
	}
	path = append(path, s)
	below := alternatives(s)
	below = append(below, s.Items, s.AdditionalProperties.Schema)
	for _, ref := range s.Properties {
		below = append(below, ref)
	}
	for _, ref := range below {
		if ref != nil && ref.Value != nil && !emptyWithin(ref.Value, path) {
			return false
		}
	}
	return true
}

// constrains reports whether s, which is not composed, refuses any value but
// null. Whether null is taken is decided for the composed schema as a whole.
func constrains(s *openapi3.Schema) bool {
	plain := *s
	plain.Nullable, plain.ReadOnly, plain.WriteOnly, plain.AllowEmptyValue = false, false, false, false
	return !isEmpty(&plain)
}
