// Package overview is the page of what needs a person now.
package overview

import (
	"context"
	"embed"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/pages/usual"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

//go:embed *.html
var files embed.FS

var templates = frame.Parse(files, "overview.html")

// Pages lists the pages of this package.
func Pages() []frame.Page {
	return []frame.Page{{
		Path: "/ui", Menu: "Overview", Show: show,
		Live: frame.OnEvents(func(*frame.Visit) client.ListEventsParams { return client.ListEventsParams{} }),
	}}
}

// How many rows a section shows; the rest is behind a link.
const (
	mostSets    = 6
	mostRows    = 5
	lookedAt    = 30 // comparisons, of which some may be of the same set
	fewWaiting  = 200
	shownHours  = 24
	mostRunning = 8
)

// now is all that the page shows. A section is nil when the visitor may not see it.
type now struct {
	mu sync.Mutex

	Tiles    []tile
	Sets     *sets
	Running  *running
	Waiting  *waiting
	Trouble  *trouble
	Damaged  *damaged
	Pins     *pins
	Problems []string // sections that could not be read, and why
	Fresh    bool     // nothing was ever stored
	Server   string
}

type tile struct {
	Number     int64
	Label      string
	Class      string
	Href       string
	Spark      picture.Spark
	NoPictures bool
}

type sets struct {
	Rows []client.MadeComparison
	More bool
}

type running struct {
	Opportunities []atWork
	Tasks         []client.LabTask
}

// atWork is an opportunity that an agent holds.
type atWork struct {
	client.Opportunity
	Ran   time.Duration // so far
	Usual time.Duration // how long its like mostly takes; 0: nothing like it passed lately
}

// Late reports whether it takes twice as long as its like.
func (a atWork) Late() bool { return a.Usual > 0 && a.Ran > 2*a.Usual }

// Left is how long it will take by then, 0 when that cannot be said.
func (a atWork) Left() time.Duration { return max(a.Usual-a.Ran, 0) }

type waiting struct {
	Rows  []client.Opportunity
	Total int
	More  bool
}

type trouble struct {
	Agents   []client.Agent
	Machines []client.LabMachine
	Nodes    []client.LabNode
	Count    int
}

type damaged struct{ Rows []client.Run }

func show(v *frame.Visit) (*frame.View, error) {
	n := &now{Server: v.Server()}
	var all sync.WaitGroup
	for _, s := range []struct {
		calls []string
		read  func(context.Context, *frame.Visit) error
	}{
		{[]string{"getActivity"}, n.readActivity},
		{[]string{"listComparisons"}, n.readSets},
		{[]string{"listAllOpportunities"}, n.readOpportunities},
		{[]string{"listTasks"}, n.readTasks},
		{[]string{"listAgents"}, n.readAgents},
		{[]string{"listMachines"}, n.readMachines},
		{[]string{"listNodes"}, n.readNodes},
		{[]string{"listRuns"}, n.readRuns},
		{[]string{"listEvents"}, n.readFresh},
	} {
		if !v.May(s.calls...) {
			continue
		}
		all.Go(func() {
			if err := s.read(v.Context(), v); err != nil && !frame.Refused(err) {
				n.put(func() { n.Problems = append(n.Problems, err.Error()) })
			}
		})
	}
	all.Go(func() { n.readPins(v.Context(), v) })
	all.Wait()
	view := &frame.View{Title: "Overview", Templates: templates, File: "overview.html", Data: n, Live: v.May("listEvents")}
	if v.May("listComparisons") {
		view.API = frame.APIPath("/v1/comparisons", "new_failures_at_least", "1")
		view.CSV = func(out *frame.CSV) error {
			return frame.ComparisonsCSV(v, client.ListComparisonsParams{NewFailuresAtLeast: new(int64(1))}, out)
		}
	}
	if n.Sets != nil && len(n.Sets.Rows) > 0 {
		view.Outcome = "fail"
	}
	return view, nil
}

// put changes what several sections write.
func (n *now) put(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

func (n *now) readActivity(ctx context.Context, v *frame.Visit) error {
	hours := int32(shownHours)
	answer, err := v.API.GetActivityWithResponse(ctx, &client.GetActivityParams{Hours: &hours})
	if err != nil {
		return err
	}
	var failures, errors, results, tests []int
	var total struct{ failures, errors, results, tests int64 }
	for _, h := range answer.JSON200.Hours {
		failures, errors = append(failures, int(h.NewFailures)), append(errors, int(h.Counts.Error))
		results, tests = append(results, int(h.Results)), append(tests, int(h.Tests))
		total.failures += h.NewFailures
		total.errors += h.Counts.Error
		total.results += h.Results
		total.tests += h.Tests
	}
	const per = "per hour, last 24 hours"
	n.put(func() {
		n.Tiles = append([]tile{
			{Number: total.failures, Label: "new failures", Class: "bad", Href: "#new", Spark: picture.Spark{Values: failures, Per: per, Outcome: picture.Fail}},
			{Number: total.errors, Label: "never ended", Class: "err", Href: "#damage", Spark: picture.Spark{Values: errors, Per: per, Outcome: picture.Error}},
			{Number: total.results, Label: "results", Href: "/ui/runs", Spark: picture.Spark{Values: results, Per: per}},
			{Number: total.tests, Label: "tests", Href: "/ui/runs", Spark: picture.Spark{Values: tests, Per: per}},
		}, n.Tiles...)
	})
	return nil
}

func (n *now) readSets(ctx context.Context, v *frame.Visit) error {
	least, limit := int64(1), int32(lookedAt)
	answer, err := v.API.ListComparisonsWithResponse(ctx, &client.ListComparisonsParams{NewFailuresAtLeast: &least, Limit: &limit})
	if err != nil {
		return err
	}
	s := &sets{}
	seen := map[string]bool{}
	for _, made := range answer.JSON200.Comparisons {
		thing := made.Head.Ref
		if made.Head.Kind == client.SetKindRun {
			thing, _, _ = strings.Cut(thing, "/") // whatever the attempt
		}
		if seen[thing] {
			continue // it was replaced since
		}
		seen[thing] = true
		if s.More = len(s.Rows) == mostSets; s.More {
			break
		}
		s.Rows = append(s.Rows, made)
	}
	n.put(func() { n.Sets = s })
	return nil
}

// active are the states of opportunities that somebody works on.
var active = []client.OpportunityState{client.OpportunityStatePICKED, client.OpportunityStateCANCELLING}

func (n *now) readOpportunities(ctx context.Context, v *frame.Visit) error {
	limit := int32(mostRunning)
	at, err := v.API.ListAllOpportunitiesWithResponse(ctx, &client.ListAllOpportunitiesParams{State: active, Limit: &limit})
	if err != nil {
		return err
	}
	limit = fewWaiting
	queued, err := v.API.ListAllOpportunitiesWithResponse(ctx, &client.ListAllOpportunitiesParams{State: []client.OpportunityState{client.OpportunityStateQUEUED}, Limit: &limit})
	if err != nil {
		return err
	}
	list := queued.JSON200.TestOpportunities
	w := &waiting{Total: len(list), More: !queued.JSON200.Next.IsNull()}
	for i := len(list) - 1; i >= 0 && len(w.Rows) < mostRows; i-- { // the longest waiting first
		w.Rows = append(w.Rows, list[i])
	}
	work, err := workOf(v, at.JSON200.TestOpportunities)
	if err != nil {
		return err
	}
	n.put(func() {
		n.Waiting = w
		n.running().Opportunities = work
		n.Tiles = append(n.Tiles, tile{Number: int64(w.Total), Label: "waiting", Class: "wait", Href: "#waiting", NoPictures: true})
	})
	return nil
}

// workOf says of opportunities how long they have run, and how long their like takes.
func workOf(v *frame.Visit, list []client.Opportunity) ([]atWork, error) {
	products := make([]string, 0, len(list))
	for i := range list {
		products = append(products, list[i].ProductID)
	}
	usually, err := usual.Durations(v, products...)
	if err != nil {
		return nil, err
	}
	picked, err := usual.Picked(v, products...)
	if err != nil {
		return nil, err
	}
	work := make([]atWork, 0, len(list))
	for i := range list {
		o := &list[i]
		one := atWork{Opportunity: *o, Usual: usually[usual.LineOf(o)]}
		if since := picked[o.TestOpportunityID]; !since.IsZero() {
			one.Ran = max(v.Now().Sub(since), 0)
		}
		work = append(work, one)
	}
	return work, nil
}

func (n *now) running() *running {
	if n.Running == nil {
		n.Running = &running{}
	}
	return n.Running
}

func (n *now) readTasks(ctx context.Context, v *frame.Visit) error {
	limit, top, status := int32(mostRunning), true, client.LabTaskStatusRunning
	answer, err := v.API.ListTasksWithResponse(ctx, &client.ListTasksParams{Limit: &limit, Top: &top, Status: &status})
	if err != nil {
		return err
	}
	n.put(func() { n.running().Tasks = *answer.JSON200 })
	return nil
}

func (n *now) trouble() *trouble {
	if n.Trouble == nil {
		n.Trouble = &trouble{}
	}
	return n.Trouble
}

func (n *now) readAgents(ctx context.Context, v *frame.Visit) error {
	limit := int32(1000)
	answer, err := v.API.ListAgentsWithResponse(ctx, &client.ListAgentsParams{Limit: &limit})
	if err != nil {
		return err
	}
	n.put(func() {
		for _, a := range answer.JSON200.Agents {
			if a.State == client.AgentStateSilent {
				n.trouble().Count++
				if len(n.trouble().Agents) < mostRows {
					n.trouble().Agents = append(n.trouble().Agents, a)
				}
			}
		}
	})
	return nil
}

// readMachines finds the machines that took work and say nothing any more, and those
// whose new key waits for somebody. What is held is so on purpose.
func (n *now) readMachines(ctx context.Context, v *frame.Visit) error {
	answer, err := v.API.ListMachinesWithResponse(ctx, &client.ListMachinesParams{Limit: new(int32(1000))})
	if err != nil {
		return err
	}
	n.put(func() {
		for _, m := range answer.JSON200.Machines {
			if waits := !m.NewKeyNumber.IsNull(); waits || !m.Hold && v.Now().Sub(m.LastSeen) > frame.QuietAfter {
				n.trouble().Count++
				if len(n.trouble().Machines) < mostRows {
					n.trouble().Machines = append(n.trouble().Machines, m)
				}
			}
		}
	})
	return nil
}

func (n *now) readNodes(ctx context.Context, v *frame.Visit) error {
	answer, err := v.API.ListNodesWithResponse(ctx, nil)
	if err != nil {
		return err
	}
	n.put(func() {
		for _, node := range *answer.JSON200 {
			if name := string(node.StatusName); strings.Contains(name, "ailed") || strings.Contains(name, "roken") {
				n.trouble().Count++
				if len(n.trouble().Nodes) < mostRows {
					n.trouble().Nodes = append(n.trouble().Nodes, node)
				}
			}
		}
	})
	return nil
}

func (n *now) readRuns(ctx context.Context, v *frame.Visit) error {
	damage, limit := true, int32(mostRows)
	answer, err := v.API.ListRunsWithResponse(ctx, &client.ListRunsParams{Damaged: &damage, Limit: &limit})
	if err != nil {
		return err
	}
	n.put(func() {
		n.Damaged = &damaged{}
		for _, r := range answer.JSON200.Runs {
			if v.Now().Sub(r.CreatedAt) < 7*24*time.Hour {
				n.Damaged.Rows = append(n.Damaged.Rows, r)
			}
		}
	})
	return nil
}

// readFresh finds out whether anything ever happened here.
func (n *now) readFresh(ctx context.Context, v *frame.Visit) error {
	limit := int32(1)
	answer, err := v.API.ListEventsWithResponse(ctx, &client.ListEventsParams{Limit: &limit})
	if err != nil {
		return err
	}
	n.put(func() { n.Fresh = len(answer.JSON200.Events) == 0 && answer.JSON200.RemovedTo.IsNull() })
	return nil
}

// Empty says how to begin, while nothing was stored.
func (n *now) Empty() frame.Empty {
	return frame.Empty{
		Why: "Nothing was stored yet.", Hint: "Upload any result file and its outcome is here:",
		Command: "slipway upload results.xml --server " + n.Server + " --token \"$SLIPWAY_TOKEN\"",
		Link:    frame.Link{Text: "Which formats there are", Href: "/docs/#/runner/listFormats"},
	}
}

// TitleOf is the first part of a set's title, and RestOf what follows it.
func (s *sets) TitleOf(title string) string { head, _, _ := strings.Cut(title, ", "); return head }

// RestOf is what follows the first part of a set's title.
func (s *sets) RestOf(title string) string {
	_, rest, _ := strings.Cut(title, ", ")
	return strings.ReplaceAll(rest, ", ", " · ")
}

// Damage is the first finding of a run's result.
func (d *damaged) Damage(r client.Run) string {
	result, err := r.CurrentResult.Get()
	if err != nil || len(result.Damage) == 0 {
		return ""
	}
	return result.Damage[0].Reason
}

// Node is the address of a node's page.
func (t *trouble) Node(name string) string { return "/ui/nodes/" + url.PathEscape(name) }
