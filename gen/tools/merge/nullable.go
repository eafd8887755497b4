package main

import (
	"fmt"
	"path"

	"go.yaml.in/yaml/v3"
)

// OpenAPI 3.0.3 gives nullable a meaning beside a type only. Authors write it beside
// a reference, or alone, and mean what they say; here it becomes what every reader
// of the document understands.

// anyNull takes the place of nullable at a schema without a type. Such a schema takes
// any value, null included: nothing has to be said to people. Go's generator and the
// validator need to be told: see overlay.yaml, and package openapi.
const anyNull = "x-nullable"

// settleNullable goes through a document whose fragments have all been joined.
func settleNullable(doc *yaml.Node) error {
	_, components := find(doc, "components")
	if components == nil {
		return nil
	}
	_, schemas := find(components, "schemas")
	return eachMap(doc, func(m *yaml.Node) error {
		key, nullable := find(m, "nullable")
		if key == nil || nullable.Value != "true" || said(m, "type") != "" {
			return nil
		}
		_, all := find(m, "allOf")
		if all == nil {
			key.Value = anyNull
			return nil
		}
		return orNull(m, all, schemas)
	})
}

// orNull makes {allOf: [the reference], nullable: true} a choice of what the reference
// leads to and of null. The Go type stays that of the reference.
func orNull(m, all, schemas *yaml.Node) error {
	if len(all.Content) != 1 || said(all.Content[0], "$ref") == "" || schemas == nil {
		return fmt.Errorf("line %d: nullable without a type stands beside an allOf of one reference, or alone", m.Line)
	}
	name := path.Base(said(all.Content[0], "$ref"))
	_, schema := find(schemas, name)
	if schema == nil || said(schema, "type") == "" {
		return fmt.Errorf("line %d: %s has no type, so nothing can be nullable beside it", m.Line, name)
	}
	kind := said(schema, "type")
	null := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle, Content: []*yaml.Node{
		plain("type"), plain(kind), plain("nullable"), {Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"},
		plain("enum"), {Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}}},
	}}
	key, _ := find(m, "allOf")
	key.Value = "anyOf"
	all.Content = append(all.Content, null)
	m.Content = append([]*yaml.Node{plain("type"), plain(kind)}, m.Content...)
	if said(m, "x-go-type") == "" {
		m.Content = append(m.Content, plain("x-go-type"), plain(name))
	}
	return nil
}

// eachMap calls f with every map below n that is no part of an example, until it fails.
func eachMap(n *yaml.Node, f func(*yaml.Node) error) error {
	if n.Kind == yaml.MappingNode {
		if err := f(n); err != nil {
			return err
		}
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && (i%2 == 0 || isExample(n.Content[i-1].Value, c)) {
			continue
		}
		if err := eachMap(c, f); err != nil {
			return err
		}
	}
	return nil
}

// isExample reports whether a value is shown only. A property may have the name example.
func isExample(key string, value *yaml.Node) bool {
	return (key == "example" || key == "examples") && said(value, "type") == "" && said(value, "$ref") == ""
}
