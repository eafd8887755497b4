package main

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// tooLarge is the response of any operation whose request has too large a header,
// and the one in the form of KernelCI's errors. Where the document has it, each
// operation says 431.
const (
	tooLarge         = "HeaderTooLarge"
	tooLargeKernelci = "ReportsHeaderTooLarge"
)

// declareTooLarge adds the answer 431 to every operation, because it is given before
// anything else of a request is looked at.
func declareTooLarge(doc *yaml.Node) {
	_, components := find(doc, "components")
	_, paths := find(doc, "paths")
	if components == nil || paths == nil {
		return
	}
	_, responses := find(components, "responses")
	if responses == nil {
		return
	}
	if _, declared := find(responses, tooLarge); declared == nil {
		return
	}
	for i := 1; i < len(paths.Content); i += 2 {
		item := paths.Content[i]
		for j := 0; j < len(item.Content); j += 2 {
			if slices.Contains(methods, item.Content[j].Value) {
				declareTooLargeOf(item.Content[j+1])
			}
		}
	}
}

func declareTooLargeOf(op *yaml.Node) {
	_, responses := find(op, "responses")
	if responses == nil {
		return
	}
	name := tooLarge
	if _, dialect := find(op, "x-dialect"); dialect != nil && dialect.Value == "kernelci" {
		name = tooLargeKernelci
	}
	responses.Content = append(responses.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "431", Style: yaml.DoubleQuotedStyle}, &yaml.Node{
		Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle,
		Content: []*yaml.Node{
			{Kind: yaml.ScalarNode, Tag: "!!str", Value: "$ref"},
			{Kind: yaml.ScalarNode, Tag: "!!str", Value: "#/components/responses/" + name, Style: yaml.DoubleQuotedStyle},
		},
	})
}
