package main

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// spaceKey is the extension of operations that store something new. Below the
// floor of free space they answer 507, which the document then says of them.
const spaceKey = "x-needs-space"

// declareFull adds the answer 507 to each operation that needs space, in the form
// of its 503: of the systems' own errors there is one of each.
func declareFull(root *yaml.Node, name string) error {
	return eachOperation(root, func(path, method string, op *yaml.Node) error {
		if err := declareFullOf(op); err != nil {
			return fmt.Errorf("%s: %s %s: %w", name, method, path, err)
		}
		return nil
	})
}

func declareFullOf(op *yaml.Node) error {
	_, needs := find(op, spaceKey)
	_, responses := find(op, "responses")
	if needs == nil || responses == nil {
		return nil
	}
	if needs.Value != "true" {
		return fmt.Errorf("%s is true or absent", spaceKey)
	}
	if _, said := find(responses, "507"); said != nil {
		return fmt.Errorf("507 follows from %s, and is not written beside it", spaceKey)
	}
	_, unavailable := find(responses, "503")
	if unavailable == nil {
		return fmt.Errorf("%s needs a response 503, whose form that of 507 follows", spaceKey)
	}
	_, ref := find(unavailable, "$ref")
	if ref == nil || !strings.HasSuffix(ref.Value, "ServiceUnavailable") {
		return fmt.Errorf("%s needs a response 503 that refers to a ServiceUnavailable", spaceKey)
	}
	declare(responses, "507", strings.TrimSuffix(ref.Value, "ServiceUnavailable")+"InsufficientStorage")
	return nil
}
