package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// group is a part of words.yaml: what names of properties mean in some schemas. A later
// group says nothing where an earlier one has spoken, nor any group where the
// property speaks for itself.
type group struct {
	Schemas []string          `yaml:"schemas"` // a name with dots leads to a property that has properties
	Words   map[string]string `yaml:"words"`
}

// describe gives each property that says nothing about itself the words that its name
// has there. It returns what is wrong with the words, which keeps nobody from merging: a
// test of this package asks that every word is used, so that none outlives its property.
func describe(doc *yaml.Node, dir string) (wrong, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "words.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var groups []group
	if err := yaml.Unmarshal(text, &groups); err != nil {
		return nil, fmt.Errorf("words.yaml: %w", err)
	}
	_, all := find(doc, "components")
	_, schemas := find(all, "schemas")
	var unused []error
	for _, g := range groups {
		unused = append(unused, g.apply(schemas))
	}
	return errors.Join(unused...), nil
}

func (g group) apply(schemas *yaml.Node) error {
	var errs []error
	unused := map[string]bool{}
	for name := range g.Words {
		unused[name] = true
	}
	for _, name := range g.Schemas {
		properties := propertiesOf(schemas, name)
		if properties == nil {
			errs = append(errs, fmt.Errorf("words.yaml: there is no schema %s with properties", name))
			continue
		}
		used := false
		for i := 0; i < len(properties.Content); i += 2 {
			word := g.Words[properties.Content[i].Value]
			if word == "" || said(properties.Content[i+1], "description") != "" {
				continue
			}
			used = true
			delete(unused, properties.Content[i].Value)
			properties.Content[i+1] = withWord(properties.Content[i+1], word)
		}
		if !used {
			errs = append(errs, fmt.Errorf("words.yaml: a group names %s, and has no word for it", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unused)) {
		errs = append(errs, fmt.Errorf("words.yaml: nobody needs the word %s of the group of %s", name, g.Schemas[0]))
	}
	return errors.Join(errs...)
}

// propertiesOf finds the properties of a schema, or of a property inside it, through
// the items of lists.
func propertiesOf(schemas *yaml.Node, name string) *yaml.Node {
	schema, inner, _ := strings.Cut(name, ".")
	_, n := find(schemas, schema)
	for inner != "" && n != nil {
		var property string
		property, inner, _ = strings.Cut(inner, ".")
		if n = propertiesIn(n); n != nil {
			_, n = find(n, property)
		}
	}
	if n == nil {
		return nil
	}
	return propertiesIn(n)
}

func propertiesIn(n *yaml.Node) *yaml.Node {
	for n != nil {
		if _, properties := find(n, "properties"); properties != nil {
			return properties
		}
		if _, all := find(n, "allOf"); all != nil {
			n = all.Content[len(all.Content)-1]
			continue
		}
		_, n = find(n, "items")
	}
	return nil
}

// withWord adds the description. Beside a reference nothing counts, so that goes into
// an allOf.
func withWord(property *yaml.Node, word string) *yaml.Node {
	out := clone(property)
	if said(out, "$ref") != "" {
		out = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle, Content: []*yaml.Node{
			plain("allOf"), {Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle, Content: []*yaml.Node{out}},
		}}
	}
	at := min(2, len(out.Content))
	out.Content = slices.Insert(out.Content, at, plain("description"), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: word, Style: yaml.DoubleQuotedStyle})
	return out
}
