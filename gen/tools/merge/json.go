package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// writeJSON writes the node as JSON, its keys in the authors' order. indent is a
// line break with the white space before what stands at this depth.
func writeJSON(out *bytes.Buffer, n *yaml.Node, indent string) error {
	switch n.Kind {
	case yaml.DocumentNode:
		return writeJSON(out, n.Content[0], indent)
	case yaml.MappingNode:
		return writeAll(out, n, indent, "{}", 2)
	case yaml.SequenceNode:
		return writeAll(out, n, indent, "[]", 1)
	case yaml.ScalarNode:
		return writeScalar(out, n)
	}
	return fmt.Errorf("line %d: a node of kind %d has no form in JSON", n.Line, n.Kind)
}

// writeAll writes a map or a list, whose entries have as many nodes as step says.
func writeAll(out *bytes.Buffer, n *yaml.Node, indent, brackets string, step int) error {
	if len(n.Content) == 0 {
		out.WriteString(brackets)
		return nil
	}
	out.WriteByte(brackets[0])
	inner := indent + " "
	for i := 0; i < len(n.Content); i += step {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(inner)
		if step == 2 {
			writeText(out, n.Content[i].Value) // 200: is a number in YAML, and a name here
			out.WriteString(": ")
		}
		if err := writeJSON(out, n.Content[i+step-1], inner); err != nil {
			return err
		}
	}
	out.WriteString(indent)
	out.WriteByte(brackets[1])
	return nil
}

// writeScalar writes text as text and everything else as the value that YAML
// means by it. A date without quotes is text: JSON has no dates.
func writeScalar(out *bytes.Buffer, n *yaml.Node) error {
	var value any
	switch n.Tag {
	case "!!str", "!!timestamp", "!!binary":
		writeText(out, n.Value)
		return nil
	}
	if err := n.Decode(&value); err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	out.Write(text)
	return nil
}

func writeText(out *bytes.Buffer, s string) {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s)           // a string always has a form in JSON
	out.Truncate(out.Len() - 1) // the line break after it
}
