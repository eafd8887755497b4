// Command merge joins the fragments of the OpenAPI document into the one
// document that everything else is made from.
//
// A fragment is a YAML file named NN-area.yaml. Fragments refer to each other
// only by #/components/..., so joining them is a matter of keys: the document
// is a tree of maps, maps join at the top, under paths and under each kind of
// component, and the list of tags is concatenated. Any other key that two
// fragments both hold is an error that names both places. Names, order and
// comments stay as the authors wrote them. Anchors are for the authors only: in
// the document every alias and merge key is written out, because generators for
// other languages read neither.
//
// A fragment says once, as x-area at its top, which area its operations belong
// to; in the document every operation says it. An operation with x-needs-space
// gets its answer 507, and every operation its answer 431. The document is written as YAML for people and as JSON for the server, which reads that ten times as fast.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// mark is the first line of the document. It is put together here, so that whoever
// looks for generated files does not find this one.
const mark = "# Code generated" + " by gen/tools/merge from the fragments in this folder. DO NOT EDIT.\n"

func main() {
	dir := flag.String("dir", "openapi", "folder that holds the fragments")
	out := flag.String("out", "openapi/slipway.yaml", "file to write; the JSON is written beside it")
	flag.Parse()
	if err := run(*dir, *out); err != nil {
		fmt.Fprintln(os.Stderr, "merge:", err)
		os.Exit(1)
	}
}

func run(dir, out string) error {
	names, err := filepath.Glob(filepath.Join(dir, "[0-9][0-9]-*.yaml"))
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("no fragment in %s", dir)
	}
	sort.Strings(names)

	m := merger{origin: map[*yaml.Node]string{}}
	for _, name := range names {
		if err := m.add(name); err != nil {
			return err
		}
	}
	own, err := readCases(dir)
	if err != nil {
		return err
	}
	wrong, err := describe(m.doc, dir)
	if wrong != nil {
		fmt.Fprintln(os.Stderr, "merge: not used:", wrong)
	}
	if err := errors.Join(err, showProblems(m.doc, own), settleNullable(m.doc)); err != nil {
		return err
	}
	var text bytes.Buffer
	text.WriteString(mark)
	enc := yaml.NewEncoder(&text)
	enc.SetIndent(2)
	if err := enc.Encode(m.doc); err != nil {
		return err
	}
	if err := os.WriteFile(out, text.Bytes(), 0o644); err != nil {
		return err
	}
	var same bytes.Buffer
	if err := writeJSON(&same, m.doc, "\n"); err != nil {
		return err
	}
	same.WriteByte('\n')
	return os.WriteFile(strings.TrimSuffix(out, filepath.Ext(out))+".json", same.Bytes(), 0o644)
}

// merger holds the document so far, and of each key in it the file it came
// from.
type merger struct {
	doc    *yaml.Node
	origin map[*yaml.Node]string
}

func (m *merger) add(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var file yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(file.Content) != 1 || file.Content[0].Kind != yaml.MappingNode {
		return fmt.Errorf("%s: a fragment is one map", name)
	}
	root := file.Content[0]
	writeOut(root)
	if err := stampArea(root, name); err != nil {
		return err
	}
	if err := errors.Join(declareFull(root, name), declarePaged(root), declareOnce(root), declareCommon(root, name)); err != nil {
		return err
	}
	m.remember(root, name)
	if m.doc == nil {
		m.doc = root
		return nil
	}
	return m.join(m.doc, root, nil)
}

func (m *merger) remember(n *yaml.Node, name string) {
	m.origin[n] = name
	for _, c := range n.Content {
		m.remember(c, name)
	}
}

// join adds every key of from to into, where path says how to reach them.
func (m *merger) join(into, from *yaml.Node, path []string) error {
	var errs []error
	into.Style &^= yaml.FlowStyle // else what joins an empty {} ends up in one line that nobody can read
	for i := 0; i < len(from.Content); i += 2 {
		key, value := from.Content[i], from.Content[i+1]
		oldKey, old := find(into, key.Value)
		here := append(path[:len(path):len(path)], key.Value)
		switch {
		case old == nil:
			into.Content = append(into.Content, key, value)
		case joins(here):
			errs = append(errs, m.join(old, value, here))
		case len(here) == 1 && key.Value == "tags":
			old.Content = append(old.Content, value.Content...)
		default:
			errs = append(errs, fmt.Errorf("%s:%d: %q stands in %s:%d already",
				m.origin[key], key.Line, key.Value, m.origin[oldKey], oldKey.Line))
		}
	}
	return errors.Join(errs...)
}

// joins reports whether the map at path is joined key by key.
func joins(path []string) bool {
	switch len(path) {
	case 1:
		return path[0] == "paths" || path[0] == "components"
	case 2:
		return path[0] == "components"
	}
	return false
}

func find(m *yaml.Node, key string) (k, v *yaml.Node) {
	for i := 0; i < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i], m.Content[i+1]
		}
	}
	return nil, nil
}

// writeOut puts what they stand for in the place of aliases and merge keys, and
// drops the anchors.
func writeOut(n *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		*n = *clone(n.Alias)
	}
	n.Anchor = ""
	var merged []*yaml.Node
	for i := 0; i < len(n.Content); i++ {
		if n.Kind == yaml.MappingNode && i%2 == 0 && n.Content[i].Tag == "!!merge" {
			value := n.Content[i+1]
			writeOut(value)
			merged = append(merged, value.Content...)
			i++
			continue
		}
		writeOut(n.Content[i])
		merged = append(merged, n.Content[i])
	}
	n.Content = merged
}

func clone(n *yaml.Node) *yaml.Node {
	c := *n
	c.Content = nil
	for _, child := range n.Content {
		c.Content = append(c.Content, clone(child))
	}
	return &c
}
