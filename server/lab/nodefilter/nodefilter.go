// Package nodefilter decides which nodes of a site design a node filter
// selects. It knows nothing of designs, tasks or HTTP: the caller hands it an
// inventory of effective nodes (after inheritance) and gets names back.
//
// A filter is a set of filters, each with criteria. Inside one criterion the
// values are alternatives, whatever the filter's type says; the type joins the
// criteria of one filter, and the type of the set joins the filters:
//
//	{"filter_set_type": "union" | "intersection",
//	 "filter_set": [{"filter_type": "union" | "intersection",
//	                 "node_names": [], "node_tags": [], "node_labels": {},
//	                 "rack_names": [], "rack_labels": {}}]}
//
// Drydock's documentation reads two labels in one intersection filter as "both
// of them", its code as "either of them" (orchestrator/orchestrator.py,
// process_filter). Clients were built on the code, so the code is followed. To
// demand two labels, write two filters joined by an intersection set.
//
// Three things differ from Drydock on purpose: names come back in the order of
// the design and once each, rack_labels counts, and a filter that cannot be
// understood is refused instead of failing later or matching nothing.
package nodefilter

// Node is what a filter can see of a node.
type Node struct {
	Name   string
	Rack   string
	Tags   []string
	Labels map[string]string
	// RackLabels are the labels of the Rack document that Rack names.
	RackLabels map[string]string
}

// Join says how results are put together.
type Join string

// The two ways to join. They are also the words on the wire.
const (
	Union        Join = "union"
	Intersection Join = "intersection"
)

// Filter is a checked node filter. A nil *Filter selects every node.
type Filter struct {
	join  Join
	parts []part
}

// part is one filter of the set.
type part struct {
	join     Join
	criteria []criterion
}

// criterion answers for one node whether any of its alternatives fits.
type criterion func(*Node) bool

// Select returns the names of the nodes that the filter selects, in the order
// of the inventory.
func (f *Filter) Select(inventory []Node) []string {
	names := []string{}
	for i := range inventory {
		if f.Matches(&inventory[i]) {
			names = append(names, inventory[i].Name)
		}
	}
	return names
}

// Matches tells whether the filter selects this node.
func (f *Filter) Matches(n *Node) bool {
	if f == nil {
		return true
	}
	for i := range f.parts {
		if f.parts[i].matches(n) != (f.join == Intersection) {
			return f.join == Union
		}
	}
	return f.join == Intersection
}

// matches joins the criteria. Without any, a union filter selects no node and
// an intersection filter sets no limit. Drydock crashes when the latter stands
// alone; beside other filters it drops it, which comes to the same.
func (p *part) matches(n *Node) bool {
	for _, fits := range p.criteria {
		if fits(n) != (p.join == Intersection) {
			return p.join == Union
		}
	}
	return p.join == Intersection
}
