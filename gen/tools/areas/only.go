package main

import (
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// only takes out of the document the operations of other areas, and the
// components that no operation of this one needs. The generator drops unused
// schemas by itself, but neither those that name themselves nor parameters,
// bodies and answers: a change in one area would change the code of all.
func only(doc *openapi3.T, area string) {
	used := references{}
	for name, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Extensions["x-area"] == area {
				used.operation(op)
			} else {
				item.SetOperation(method, nil)
			}
		}
		if len(item.Operations()) == 0 {
			doc.Paths.Delete(name)
			continue
		}
		used.parameters(item.Parameters)
	}
	keep(doc.Components.Parameters, "parameters", used)
	keep(doc.Components.RequestBodies, "requestBodies", used)
	keep(doc.Components.Responses, "responses", used)
	keep(doc.Components.Headers, "headers", used)
	keep(doc.Components.Schemas, "schemas", used)
}

// keep deletes the components of one kind that nobody refers to.
func keep[C any](components map[string]C, kind string, used references) {
	for name := range components {
		if !used["#/components/"+kind+"/"+name] {
			delete(components, name)
		}
	}
}

// references are the components that were met, by their whole names.
type references map[string]bool

func (r references) operation(op *openapi3.Operation) {
	r.parameters(op.Parameters)
	if op.RequestBody != nil {
		r[op.RequestBody.Ref] = true
		r.content(op.RequestBody.Value.Content)
	}
	for _, answer := range op.Responses.Map() {
		r[answer.Ref] = true
		r.content(answer.Value.Content)
		for _, h := range answer.Value.Headers {
			r[h.Ref] = true
			r.schema(h.Value.Schema)
		}
	}
}

func (r references) parameters(list openapi3.Parameters) {
	for _, p := range list {
		r[p.Ref] = true
		r.schema(p.Value.Schema)
		r.content(p.Value.Content)
	}
}

func (r references) content(c openapi3.Content) {
	for _, media := range c {
		r.schema(media.Schema)
	}
}

// schema notes the schema and all that it is made of.
func (r references) schema(s *openapi3.SchemaRef) {
	if s == nil || r[s.Ref] && strings.HasPrefix(s.Ref, "#") {
		return
	}
	r[s.Ref] = true
	v := s.Value
	for _, p := range v.Properties {
		r.schema(p)
	}
	for _, part := range slices.Concat(v.AllOf, v.OneOf, v.AnyOf) {
		r.schema(part)
	}
	r.schema(v.Items)
	r.schema(v.Not)
	r.schema(v.AdditionalProperties.Schema)
}

// withoutNext takes next out of the pages of lists: package call writes it, so that
// no handler can leave it out or write it another way. A log that goes on, whose next
// is never null, is its handler's.
func withoutNext(doc *openapi3.T) {
	for _, s := range doc.Components.Schemas {
		next := s.Value.Properties["next"]
		if next == nil || !next.Value.Nullable {
			continue
		}
		delete(s.Value.Properties, "next")
		s.Value.Required = slices.DeleteFunc(s.Value.Required, func(name string) bool { return name == "next" })
	}
}
