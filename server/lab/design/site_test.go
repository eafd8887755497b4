package design_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/nodefilter"
)

// selector is the selector that the lab area uses: the node filter package
// applied to the effective nodes.
func selector(site *design.Site) func(any) ([]string, error) {
	nodes := make([]nodefilter.Node, 0, len(site.Nodes))
	for _, n := range site.Nodes {
		node := nodefilter.Node{Name: n.Name, Rack: n.Rack, Tags: n.Tags, Labels: n.Labels}
		if rack := site.Rack(n.Rack); rack != nil {
			node.RackLabels = rack.Labels
		}
		nodes = append(nodes, node)
	}
	return func(filter any) ([]string, error) {
		f, err := nodefilter.Parse(filter, nodefilter.Limits{})
		if err != nil {
			return nil, err
		}
		return f.Select(nodes), nil
	}
}

// offered is what the node driver behind the recorded cases offered.
var offered = &design.Catalogue{Images: []design.Image{
	{Name: "noble", Kernels: []string{"ga-24.04", "hwe-24.04"}},
	{Name: "jammy", Kernels: []string{"ga-24.04", "hwe-24.04"}},
}}

func options() design.Options {
	return design.Options{Selector: selector, Catalogue: offered}
}

func readSite(tb testing.TB) []byte {
	tb.Helper()
	return readDesign(tb, "site.yaml")
}

func readDesign(tb testing.TB, name string) []byte {
	tb.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// op changes the documents of a design: set and delete by JSON pointer,
// remove_doc, add_doc. The name * stands for every document of the kind.
type op struct {
	Op, Kind, Name, Path string
	Value                any
}

func documents(tb testing.TB, text []byte) []any {
	tb.Helper()
	var docs []any
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc any
		if err := dec.Decode(&doc); err != nil {
			break
		}
		docs = append(docs, doc)
	}
	return docs
}

func mutate(tb testing.TB, text []byte, ops []op) []byte {
	tb.Helper()
	docs := documents(tb, text)
	for _, o := range ops {
		docs = o.apply(tb, docs)
	}
	var out bytes.Buffer
	for _, doc := range docs {
		raw, err := yaml.Marshal(doc)
		if err != nil {
			tb.Fatal(err)
		}
		fmt.Fprintf(&out, "---\n%s", raw)
	}
	return out.Bytes()
}

func (o op) apply(tb testing.TB, docs []any) []any {
	tb.Helper()
	if o.Op == "add_doc" {
		return append(docs, o.Value)
	}
	hits := 0
	var kept []any
	for _, doc := range docs {
		m := doc.(map[string]any)
		name := m["metadata"].(map[string]any)["name"]
		if m["schema"] != "drydock/"+o.Kind+"/v1" || (o.Name != "*" && o.Name != name) {
			kept = append(kept, doc)
			continue
		}
		hits++
		switch o.Op {
		case "remove_doc":
		case "set", "delete":
			kept = append(kept, change(tb, doc, strings.Split(o.Path, "/")[1:], o))
		default:
			tb.Fatalf("unknown op %q", o.Op)
		}
	}
	if hits == 0 {
		tb.Fatalf("op %+v found no document", o)
	}
	return kept
}

// change returns at with the place that path leads to set or deleted.
func change(tb testing.TB, at any, path []string, o op) any {
	tb.Helper()
	key, last := path[0], len(path) == 1
	if list, ok := at.([]any); ok {
		if key == "-" {
			return append(list, o.Value)
		}
		i, err := strconv.Atoi(key)
		if err != nil || i >= len(list) {
			tb.Fatalf("path %s leads nowhere", o.Path)
		}
		switch {
		case !last:
			list[i] = change(tb, list[i], path[1:], o)
		case o.Op == "delete":
			return append(list[:i:i], list[i+1:]...)
		default:
			list[i] = o.Value
		}
		return list
	}
	m, ok := at.(map[string]any)
	if !ok {
		tb.Fatalf("path %s leads through a scalar", o.Path)
	}
	switch {
	case !last:
		if m[key] == nil {
			m[key] = map[string]any{}
		}
		m[key] = change(tb, m[key], path[1:], o)
	case o.Op == "delete":
		delete(m, key)
	default:
		m[key] = o.Value
	}
	return m
}

func readJSON(tb testing.TB, name string, into any) {
	tb.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
}
