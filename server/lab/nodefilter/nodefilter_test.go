package nodefilter

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// cases is testdata/cases.json: filters with what Drydock selects and what this
// package should select where that differs.
type cases struct {
	Inventories map[string][]struct {
		Name, Rack string
		Tags       []string
		Labels     map[string]string
	}
	RackLabels map[string]map[string]map[string]string `json:"rack_labels"`
	Cases      []struct {
		ID              string
		Note            string
		Inventory       string
		NodeFilter      json.RawMessage `json:"node_filter"`
		Expect          []string
		ReferenceHTTP   int      `json:"reference_http"`
		Recommended     []string `json:"recommended"`
		RecommendedHTTP int      `json:"recommended_http"`
	}
}

func readCases(tb testing.TB) cases {
	tb.Helper()
	raw, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		tb.Fatal(err)
	}
	var c cases
	if err := json.Unmarshal(raw, &c); err != nil {
		tb.Fatal(err)
	}
	return c
}

func (c cases) inventory(name string) []Node {
	var nodes []Node
	for _, n := range c.Inventories[name] {
		nodes = append(nodes, Node{
			Name: n.Name, Rack: n.Rack, Tags: n.Tags, Labels: n.Labels,
			RackLabels: c.RackLabels[name][n.Rack],
		})
	}
	return nodes
}

func TestSelect_cases(t *testing.T) {
	t.Parallel()

	all := readCases(t)
	if len(all.Cases) != 63 {
		t.Fatalf("testdata/cases.json: %d cases, want 63", len(all.Cases))
	}
	for _, tt := range all.Cases {
		t.Run(tt.ID, func(t *testing.T) {
			t.Parallel()

			want, refused := tt.Expect, tt.RecommendedHTTP == 400
			if tt.Recommended != nil {
				want = tt.Recommended
			}
			filter, err := ParseJSON(tt.NodeFilter, Limits{})
			if refused {
				var wrong *Error
				if !errors.As(err, &wrong) {
					t.Fatalf("ParseJSON(%s): error %v, want an *Error (%s)", tt.NodeFilter, err, tt.Note)
				}
				return
			}
			if err != nil {
				t.Fatalf("ParseJSON(%s): %v", tt.NodeFilter, err)
			}
			// The cases are sorted by name, and so is every inventory in them.
			if got := filter.Select(all.inventory(tt.Inventory)); !slices.Equal(got, want) {
				t.Errorf("Select(%s):\n got %v\nwant %v (%s)", tt.NodeFilter, got, want, tt.Note)
			}
		})
	}
}

func TestParse_names_what_is_wrong(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, filter, want string
	}{
		{"not JSON", `{`, "node_filter is not JSON"},
		{"a number", `7`, "node_filter must be an object or null, not a number"},
		{"unknown member", `{"filter_set_type":"union","filter_set":[],"x/y":1}`, "node_filter/x~1y is unknown; allowed are filter_set_type, filter_set"},
		{"no type", `{"filter_set":[]}`, `node_filter/filter_set_type must be "union" or "intersection"`},
		{"no set", `{"filter_set_type":"union"}`, "node_filter/filter_set must be a list of filters, not null"},
		{"tag is a number", `{"filter_set_type":"union","filter_set":[{"filter_type":"union","node_tags":["a",1]}]}`, "node_filter/filter_set/0/node_tags/1 must be a string, not a number"},
		{"label is a list", `{"filter_set_type":"union","filter_set":[{"filter_type":"union","node_labels":{"a":[]}}]}`, "node_filter/filter_set/0/node_labels/a must be a string or null, not a list"},
		{"rack label is an object", `{"filter_set_type":"union","filter_set":[{"filter_type":"union","rack_labels":{"a":{}}}]}`, "node_filter/filter_set/0/rack_labels/a must be a string or null, not an object"},
		{"rack names is a boolean", `{"filter_set_type":"union","filter_set":[{"filter_type":"union","rack_names":true}]}`, "node_filter/filter_set/0/rack_names must be a list of strings, not a boolean"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			_, err := ParseJSON([]byte(tt.filter), Limits{})
			if err == nil || err.Error() != tt.want {
				t.Errorf("ParseJSON(%s):\n got %v\nwant %s", tt.filter, err, tt.want)
			}
		})
	}
}

func TestParse_limits(t *testing.T) {
	t.Parallel()

	one := `{"filter_type":"union","node_names":["a","b"]}`
	two := `{"filter_set_type":"union","filter_set":[` + one + `,` + one + `]}`
	tests := []struct {
		name string
		lim  Limits
		ok   bool
	}{
		{"both exactly met", Limits{Filters: 2, Values: 4}, true},
		{"one filter too many", Limits{Filters: 1, Values: 4}, false},
		{"one name too many", Limits{Filters: 2, Values: 3}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if _, err := ParseJSON([]byte(two), tt.lim); (err == nil) != tt.ok {
				t.Errorf("ParseJSON with %+v: error %v, want ok %v", tt.lim, err, tt.ok)
			}
		})
	}
}

func TestParse_cuts_hostile_keys(t *testing.T) {
	t.Parallel()

	_, err := Parse(map[string]any{strings.Repeat("é", 1<<16): 1}, Limits{})
	if err == nil || len(err.Error()) > 200 {
		t.Errorf("Parse of a key of 128 KiB: error of %d bytes, want a short one", len(fmt.Sprint(err)))
	}
}

func TestForNodes(t *testing.T) {
	t.Parallel()

	const want = `{"filter_set_type":"intersection","filter_set":[{"node_names":["n1"],"filter_type":"union"}]}`
	if got := string(ForNodes("n1")); got != want {
		t.Errorf("ForNodes(n1) = %s, want %s", got, want)
	}
	filter, err := ParseJSON(ForNodes(), Limits{})
	if err != nil {
		t.Fatalf("ParseJSON(ForNodes()): %v", err)
	}
	if got := filter.Select([]Node{{Name: "n1"}}); len(got) != 0 {
		t.Errorf("ForNodes() selects %v, want nothing", got)
	}
}

func FuzzParseJSON(f *testing.F) {
	all := readCases(f)
	for _, c := range all.Cases {
		f.Add([]byte(c.NodeFilter))
	}
	inventory := all.inventory("cedar")
	f.Fuzz(func(t *testing.T, raw []byte) {
		filter, err := ParseJSON(raw, Limits{Filters: 20, Values: 100})
		if err != nil {
			var wrong *Error
			if !errors.As(err, &wrong) || len(err.Error()) > 500 {
				t.Fatalf("ParseJSON(%q): %v is no short *Error", raw, err)
			}
			return
		}
		first := filter.Select(inventory)
		if again := filter.Select(inventory); !reflect.DeepEqual(first, again) {
			t.Fatalf("Select(%q) differs: %v, then %v", raw, first, again)
		}
		if len(first) > len(inventory) {
			t.Fatalf("Select(%q) gives %d names of %d nodes", raw, len(first), len(inventory))
		}
	})
}

func BenchmarkSelect_1000_nodes(b *testing.B) {
	nodes := make([]Node, 1000)
	names := make([]string, len(nodes))
	for i := range nodes {
		names[i] = fmt.Sprintf("node-%04d", i)
		nodes[i] = Node{Name: names[i], Rack: "r", Tags: []string{"lab", "worker"}, Labels: map[string]string{"tier": "load"}}
	}
	raw := ForNodes(names...)
	b.ReportAllocs()
	for b.Loop() {
		filter, err := ParseJSON(raw, Limits{})
		if err != nil {
			b.Fatal(err)
		}
		if got := filter.Select(nodes); len(got) != len(nodes) {
			b.Fatalf("selected %d of %d nodes", len(got), len(nodes))
		}
	}
}
