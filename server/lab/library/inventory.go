package library

import (
	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/nodefilter"
)

// selector lets boot actions choose their nodes.
func selector(site *design.Site) func(any) ([]string, error) {
	inventory := Inventory(site)
	return func(filter any) ([]string, error) {
		f, err := nodefilter.Parse(filter, nodefilter.Limits{})
		if err != nil {
			return nil, err
		}
		return f.Select(inventory), nil
	}
}

// Inventory shows a filter what it can see of a design.
func Inventory(site *design.Site) []nodefilter.Node {
	list := make([]nodefilter.Node, 0, len(site.Nodes))
	for _, n := range site.Nodes {
		row := nodefilter.Node{Name: n.Name, Rack: n.Rack, Tags: n.Tags, Labels: n.Labels}
		if rack := site.Rack(n.Rack); rack != nil {
			row.RackLabels = rack.Labels
		}
		list = append(list, row)
	}
	return list
}
