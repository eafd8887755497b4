package lab

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

// pageNodes is how many nodes are on a page.
const pageNodes = 100

// groups of nodes, those that need somebody first.
var groups = []struct {
	name    string
	outcome picture.Outcome
	states  []string
}{
	{"in trouble", picture.Fail, []string{"Failed commissioning", "Failed deployment", "Broken"}},
	{"under way", picture.Running, []string{"Commissioning", "Deploying", "Releasing"}},
	{"deployed", picture.Pass, []string{"Deployed", "Allocated"}},
	{"ready", picture.Skip, []string{"Ready"}},
	{"new", picture.Unknown, nil},
}

// groupOf is the group of a node. One whose power cannot be told is in trouble,
// whatever else is said of it.
func groupOf(n *client.LabNode) int {
	if n.PowerState == "error" {
		return 0
	}
	for i, g := range groups {
		if slices.Contains(g.states, string(n.StatusName)) {
			return i
		}
	}
	return len(groups) - 1
}

type nodeRow struct {
	client.LabNode
	Outcome picture.Outcome
}

type nodesShown struct {
	Tabs    []frame.Link
	Rows    []nodeRow
	Total   int
	Chips   []frame.Chip
	Bar     picture.Bar
	Pager   frame.Pager
	Empty   frame.Empty
	Q       string
	State   string
	Actions []string
	Designs []client.LabDesign
}

// nodes lists the nodes, those in trouble first.
func nodes(v *frame.Visit) (*frame.View, error) {
	answer, err := v.API.ListNodesWithResponse(v.Context(), nil)
	if err != nil {
		return nil, err
	}
	data := nodesShown{Tabs: tabs("Nodes"), Q: v.Query("q"), State: v.Query("state"), Actions: actions(v)}
	counts := make([]int, len(groups))
	var all []nodeRow
	for _, n := range *answer.JSON200 {
		g := groupOf(&n)
		counts[g]++
		if data.State != "" && data.State != groups[g].name || data.Q != "" && !has(n.Hostname, data.Q) {
			continue
		}
		all = append(all, nodeRow{n, groups[g].outcome})
	}
	slices.SortStableFunc(all, func(a, b nodeRow) int {
		return cmp.Or(cmp.Compare(groupOf(&a.LabNode), groupOf(&b.LabNode)), strings.Compare(a.Hostname, b.Hostname))
	})
	for i, g := range groups {
		on := data.State == g.name
		value := g.name
		if on {
			value = ""
		}
		if counts[i] > 0 || on {
			data.Chips = append(data.Chips, frame.Chip{Label: g.name, Outcome: string(g.outcome), Count: counts[i], On: on, Href: v.With("state", value)})
		}
	}
	data.Total = len(all)
	data.Bar = picture.Bar{Tall: true, Counts: picture.Counts{Fail: counts[0], Running: counts[1], Pass: counts[2], Skip: counts[3], Unknown: counts[4]}}
	from, _ := strconv.Atoi(v.Query("after"))
	from = min(max(from, 0), len(all))
	data.Rows = all[from:min(from+pageNodes, len(all))]
	if from+pageNodes < len(all) {
		data.Pager = v.Pager(strconv.Itoa(from + pageNodes))
	} else {
		data.Pager = v.Pager(nil)
	}
	if len(*answer.JSON200) == 0 {
		data.Empty = frame.Empty{
			Why: "No node has been seen yet: a node is known when the first task touches it.", Hint: "Store a design and prepare its nodes:",
			Command: "export SLIPWAY_URL=" + v.Server() + " && slipway designs push site.yaml && slipway deploy --action prepare_nodes --design site",
		}
	} else if len(all) == 0 {
		data.Empty = frame.Empty{Why: "No node is like that.", Link: frame.Link{Text: "All nodes", Href: "/ui/nodes"}}
	}
	if len(data.Actions) > 0 && len(data.Rows) > 0 {
		if list, err := v.API.ListDesignsWithResponse(v.Context(), &client.ListDesignsParams{}); err == nil {
			data.Designs = list.JSON200.Designs
		} else if !frame.Refused(err) {
			return nil, err
		}
	}
	return &frame.View{
		Title: "Nodes", Outcome: string(data.Bar.Counts.Worst()), Templates: templates, File: "nodes.html", Data: &data, API: "/v1/nodes",
		CSV: func(out *frame.CSV) error {
			err := out.Row("hostname", "status", "power", "boot_ip", "boot_mac", "memory_mib", "cpus", "power_address")
			for i := 0; err == nil && i < len(all); i++ {
				n := all[i]
				err = out.Row(n.Hostname, n.StatusName, n.PowerState, n.BootIP, n.BootMac, n.Memory, n.CPUCount, n.PowerAddress)
			}
			return err
		},
	}, nil
}

type stepRow struct {
	client.LabTask
	State state
	Took  any
	Fault string
}

type nodeShown struct {
	Crumbs []frame.Link
	Node   nodeRow
	Steps  []stepRow
	Strip  picture.Strip
	Data   []client.LabBuildData
	MayRun bool
	Pager  frame.Pager
	Empty  frame.Empty
}

// node shows one node: its state, the steps that were done with it, what was found out
// about it.
func node(v *frame.Visit) (*frame.View, error) {
	host := v.Path("host")
	answer, err := v.API.ListNodesWithResponse(v.Context(), nil)
	if err != nil {
		return nil, err
	}
	list := *answer.JSON200
	at := slices.IndexFunc(list, func(n client.LabNode) bool { return n.Hostname == host })
	if at < 0 {
		return nil, v.NotFound("No task has touched a node of this name.")
	}
	data := nodeShown{Crumbs: crumbs("Nodes", "/ui/nodes"), Node: nodeRow{list[at], groups[groupOf(&list[at])].outcome}}
	api := frame.APIPath("/v1/tasks", "node", host, "newest", "true", "limit", "50", "after", v.Query("after"))
	if err := data.steps(v, host); err != nil && !frame.Refused(err) {
		return nil, err
	}
	latest := "true"
	found, err := v.API.ListNodeBuildDataWithResponse(v.Context(), host, &client.ListNodeBuildDataParams{Latest: &latest})
	switch {
	case err == nil:
		data.Data = *found.JSON200
	case errors.Is(err, client.ErrNotFound): // nothing was found out about it, as when its commissioning failed
	case !frame.Refused(err):
		return nil, err
	}
	return &frame.View{Title: host, Outcome: string(data.Node.Outcome), Templates: templates, File: "node.html", Data: &data, API: api, CSV: data.csv}, nil
}

// steps asks for what was done with the node, the newest first.
func (d *nodeShown) steps(v *frame.Visit, host string) error {
	rows, next, err := taskPage(v.Context(), v.API, &client.ListTasksParams{
		Node: &host, Newest: ptr(true), Limit: ptr(int32(50)), After: frame.Optional(v.Query("after")),
	})
	if err != nil {
		return err
	}
	d.Pager = v.Pager(next)
	for i := range rows {
		t := &rows[i]
		if len(t.SubtaskIDList) > 0 {
			continue // its steps are in the list
		}
		d.Steps = append(d.Steps, stepRow{*t, stateOf(t), took(v, t), fault(t)})
		d.Strip.Outcomes = append(d.Strip.Outcomes, stateOf(t).Outcome)
	}
	slices.Reverse(d.Strip.Outcomes)
	d.Strip.Label = "steps, newest right"
	if len(d.Steps) == 0 {
		d.Empty = frame.Empty{Why: "No step of a task has worked on this node alone.", Hint: "Prepare it:", Command: "slipway deploy " + frame.Quote(host) + " --action prepare_nodes --design DESIGN --server " + v.Server()}
	}
	return nil
}

func (d *nodeShown) csv(out *frame.CSV) error {
	err := out.Row("task", "action", "state", "created", "updated", "fault")
	for i := 0; err == nil && i < len(d.Steps); i++ {
		s := &d.Steps[i]
		err = out.Row(s.TaskID, s.Action, s.State.Words, s.Created, s.Updated, s.Fault)
	}
	return err
}

func ptr[T any](value T) *T { return &value }

// taskPage asks for a page of tasks and where the next one begins.
func taskPage(ctx context.Context, api *client.API, params *client.ListTasksParams) ([]client.LabTask, string, error) {
	answer, err := api.ListTasksWithResponse(ctx, params)
	if err != nil {
		return nil, "", err
	}
	return *answer.JSON200, nextOf(answer.HTTPResponse.Header.Get("Link")), nil
}
