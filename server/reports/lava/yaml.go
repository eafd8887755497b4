package lava

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The texts come from outside, so they are read as a tree of nodes and never
// decoded: decoding follows aliases and compares all keys of a mapping with each
// other, which lets a short text take very long.

// maxYAML is the longest text that is read at once. A definition has some
// kilobytes, the results of a suite with ten thousand tests some four megabytes.
const maxYAML = 6 << 20

var errYAML = errors.New("not YAML, or too long")

// parseYAML returns the root of a text, nil for an empty one. A text of several
// documents is none.
func parseYAML(text string) (*yaml.Node, error) {
	if len(text) > maxYAML {
		return nil, errYAML
	}
	var doc, another yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(text))
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, errYAML
	}
	if err := dec.Decode(&another); !errors.Is(err, io.EOF) {
		return nil, errYAML // results in it would be lost
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// eachEntry calls each for the entries of a list; an empty text is an empty list.
// Of a text that is too long to be read at once the entries are read one by one,
// which works for the two ways in which they are written: as JSON, and each on a
// line of its own.
func eachEntry(text string, each func(*yaml.Node)) error {
	if len(text) > maxYAML {
		return eachOfMany(text, each)
	}
	list, err := parseYAML(text)
	if list = resolve(list); err != nil || list != nil && list.Kind != yaml.SequenceNode {
		return errYAML
	}
	for _, n := range elements(list) {
		each(n)
	}
	return nil
}

func eachOfMany(text string, each func(*yaml.Node)) (err error) {
	one := func(entry string) {
		n, bad := parseYAML(entry)
		if bad != nil {
			err = errYAML
		}
		each(n)
	}
	if strings.HasPrefix(strings.TrimSpace(text), "[") {
		dec := json.NewDecoder(strings.NewReader(text))
		if _, err := dec.Token(); err != nil {
			return errYAML
		}
		for dec.More() {
			var entry json.RawMessage
			if dec.Decode(&entry) != nil {
				return errYAML
			}
			one(string(entry))
		}
		return err
	}
	first, rest, found := strings.Cut("\n"+text, "\n- ")
	if !found || strings.Trim(first, "- \n") != "" {
		return errYAML
	}
	for entry := range strings.SplitSeq(rest, "\n- ") {
		one("  " + entry)
	}
	return err
}

// resolve follows an alias, one step: an alias of an alias does not exist.
func resolve(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// eachMember calls each for the pairs of a mapping; there are none in anything else.
func eachMember(n *yaml.Node, each func(key string, value *yaml.Node)) {
	if n = resolve(n); n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		each(scalarOf(n.Content[i]), n.Content[i+1])
	}
}

// elements returns the entries of a list; there are none in anything else.
func elements(n *yaml.Node) []*yaml.Node {
	if n = resolve(n); n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// member returns the value of a key, nil for none.
func member(n *yaml.Node, key string) (found *yaml.Node) {
	eachMember(n, func(k string, value *yaml.Node) {
		if k == key {
			found = value
		}
	})
	return found
}

// scalarOf returns a scalar as text, whatever type it seems to have; what is no
// scalar, or null, is empty.
func scalarOf(n *yaml.Node) string {
	if n = resolve(n); n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return clean(n.Value)
}

// clean makes the zero bytes that serial consoles send something that a database
// keeps.
func clean(text string) string { return strings.ReplaceAll(text, "\x00", "\uFFFD") }
