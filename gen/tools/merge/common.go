package main

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// declareCommon adds what no operation can escape: a header too large, and a body
// in an unknown Content-Encoding, which even a GET may have. Their form is that of
// the operation's system.
func declareCommon(root *yaml.Node, name string) error {
	return eachOperation(root, func(path, method string, op *yaml.Node) error {
		_, responses := find(op, "responses")
		if responses == nil {
			return nil
		}
		for _, answer := range []struct{ status, response, description string }{
			{"415", "UnsupportedMediaType", "The server does not read this Content-Encoding."}, {"431", "HeaderTooLarge", "The header is larger than its limit."},
		} {
			_, there := find(responses, answer.status)
			_, likeness := find(responses, "400")
			switch {
			case there != nil && answer.status == "431":
				return fmt.Errorf("%s: %s %s: 431 can come of every operation, and is not written at one", name, method, path)
			case there != nil:
			case likeness != nil && said(op, "x-deprecated-since") != "" && said(likeness, "$ref") == "":
				declareLike(responses, answer.status, likeness, answer.description)
			default:
				declare(responses, answer.status, components+formOf(op)+answer.response)
			}
		}
		return nil
	})
}

// components is where the answers stand that are declared.
const components = "#/components/responses/"

// declare adds an answer that refers to a component.
func declare(responses *yaml.Node, status, component string) {
	responses.Style &^= yaml.FlowStyle
	responses.Content = append(responses.Content,
		&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: status, Style: yaml.DoubleQuotedStyle},
		reference(component))
}

// declareLike adds an answer with the headers and the form of another: all answers of a
// deprecated operation say that it is.
func declareLike(responses *yaml.Node, status string, likeness *yaml.Node, description string) {
	declare(responses, status, "")
	answer := clone(likeness)
	if _, text := find(answer, "description"); text != nil {
		text.Value = description
	}
	responses.Content[len(responses.Content)-1] = answer
}

// formOf is how the names of the answers begin that an operation gives to errors.
func formOf(op *yaml.Node) string {
	if said(op, "x-dialect") == "kernelci" {
		return "Reports"
	}
	return ""
}

// said is the text under a key, "" without one.
func said(m *yaml.Node, key string) string {
	_, v := find(m, key)
	if v == nil {
		return ""
	}
	return v.Value
}

const keyParameter = "#/components/parameters/IdempotencyKey"

// declareOnce lets each call that makes something be sent again without being done
// twice: a POST that stores something new and whose body is read whole, of a caller
// who logs in. It can then contradict what came under the same key before.
func declareOnce(root *yaml.Node) error {
	return eachOperation(root, func(_, method string, op *yaml.Node) error {
		_, parameters := find(op, "parameters")
		if !takesKey(parameters) {
			if method != "post" || !repeats(op) {
				return nil
			}
			if parameters == nil {
				parameters = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
				op.Content = append(op.Content, plain("parameters"), parameters)
			}
			parameters.Style &^= yaml.FlowStyle
			parameters.Content = append(parameters.Content, reference(keyParameter))
		}
		if _, responses := find(op, "responses"); responses != nil {
			if _, conflict := find(responses, "409"); conflict == nil {
				declare(responses, "409", components+"Conflict")
			}
		}
		return nil
	})
}

func takesKey(parameters *yaml.Node) bool {
	return parameters != nil && slices.ContainsFunc(parameters.Content, func(p *yaml.Node) bool { return said(p, "$ref") == keyParameter })
}

// repeats reports whether an operation makes something and can be told by its body
// from another call.
func repeats(op *yaml.Node) bool {
	_, security := find(op, "security")
	public := security != nil && len(security.Content) == 0
	return said(op, spaceKey) == "true" && said(op, "x-body") != "stream" && said(op, "x-login") != "true" && !public && readWhole(op)
}

// readWhole reports whether every body of an operation is a document or a form of
// texts, and not a stream.
func readWhole(op *yaml.Node) bool {
	_, body := find(op, "requestBody")
	if body == nil {
		return true
	}
	_, content := find(body, "content")
	if content == nil {
		return false
	}
	for i := 0; i < len(content.Content); i += 2 {
		media := content.Content[i].Value
		if media != "application/x-www-form-urlencoded" && media != "application/json" && !strings.HasSuffix(media, "+json") {
			return false
		}
	}
	return true
}
