package main

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// Each list that continues with after takes its second name, and names the next
// page in a header.
const (
	cursorAlias = "#/components/parameters/PageCursor"
	linkHeader  = "#/components/headers/Link"
)

// cursors are the parameters by which a list continues.
var cursors = []string{"#/components/parameters/Cursor", "#/components/parameters/LongCursor"}

// declarePaged adds to each list that continues with a cursor what all such lists
// have, so that no fragment can leave it out.
func declarePaged(root *yaml.Node) error {
	return eachOperation(root, func(_, _ string, op *yaml.Node) error {
		if _, parameters := find(op, "parameters"); parameters != nil && nameTwice(parameters) {
			linkNext(op)
		}
		return nil
	})
}

// nameTwice adds the second name of a cursor behind the first, and reports whether
// there is one.
func nameTwice(parameters *yaml.Node) bool {
	at := slices.IndexFunc(parameters.Content, func(p *yaml.Node) bool {
		_, ref := find(p, "$ref")
		return ref != nil && slices.Contains(cursors, ref.Value)
	})
	if at < 0 {
		return false
	}
	parameters.Content = slices.Insert(parameters.Content, at+1, reference(cursorAlias))
	return true
}

// linkNext adds the header Link to the answer 200, unless it is there.
func linkNext(op *yaml.Node) {
	_, responses := find(op, "responses")
	if responses == nil {
		return
	}
	_, ok := find(responses, "200")
	if ok == nil {
		return
	}
	_, headers := find(ok, "headers")
	if headers == nil {
		headers = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		ok.Content = append(ok.Content, plain("headers"), headers)
	}
	if _, link := find(headers, "Link"); link == nil {
		headers.Content = append(headers.Content, plain("Link"), reference(linkHeader))
	}
}

// eachOperation calls f with every operation of a fragment, until it fails.
func eachOperation(root *yaml.Node, f func(path, method string, op *yaml.Node) error) error {
	_, paths := find(root, "paths")
	if paths == nil {
		return nil
	}
	for i := 1; i < len(paths.Content); i += 2 {
		item := paths.Content[i]
		for j := 0; j < len(item.Content); j += 2 {
			if method := item.Content[j].Value; slices.Contains(methods, method) {
				if err := f(paths.Content[i-1].Value, method, item.Content[j+1]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func plain(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

func reference(to string) *yaml.Node {
	return &yaml.Node{
		Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle,
		Content: []*yaml.Node{plain("$ref"), {Kind: yaml.ScalarNode, Tag: "!!str", Value: to, Style: yaml.DoubleQuotedStyle}},
	}
}
