package lab

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

// nextLink is the address of the next page in a Link header.
var nextLink = regexp.MustCompile(`<([^>]*)>; *rel="?next"?`)

// nextOf is the cursor of the next page; Drydock's lists have it in a header only.
func nextOf(header string) string {
	m := nextLink.FindStringSubmatch(header)
	if m == nil {
		return ""
	}
	u, err := url.Parse(m[1])
	if err != nil {
		return ""
	}
	return u.Query().Get("after")
}

type taskRow struct {
	client.LabTask
	State state
	Took  any
	Bar   picture.Bar
	Fault string
	Nodes int
}

func rowOf(v *frame.Visit, t *client.LabTask) taskRow {
	return taskRow{*t, stateOf(t), took(v, t), onNodes(t), fault(t), len(t.Result.Failures) + len(t.Result.Successes)}
}

type tasksShown struct {
	Tabs  []frame.Link
	Rows  []taskRow
	Chips []frame.Chip
	Pager frame.Pager
	Empty frame.Empty
}

// tasks lists what was asked for, the newest first.
func tasks(v *frame.Visit) (*frame.View, error) {
	params := &client.ListTasksParams{Top: ptr(true), Newest: ptr(true), Limit: ptr(int32(50)), After: frame.Optional(v.Query("after"))}
	status := v.Query("status")
	if status != "" {
		params.Status = ptr(client.LabTaskStatus(status))
	}
	rows, next, err := taskPage(v.Context(), v.API, params)
	if err != nil {
		return nil, err
	}
	data := tasksShown{Tabs: tabs("Tasks"), Pager: v.Pager(next)}
	for i := range rows {
		data.Rows = append(data.Rows, rowOf(v, &rows[i]))
	}
	for _, word := range []string{"queued", "running", "complete", "terminated"} {
		value := word
		if status == word {
			value = ""
		}
		data.Chips = append(data.Chips, frame.Chip{Label: word, On: status == word, Href: v.With("status", value)})
	}
	switch {
	case len(rows) > 0:
	case status != "":
		data.Empty = frame.Empty{Why: "No task is " + status + ".", Link: frame.Link{Text: "All tasks", Href: "/ui/tasks"}}
	default:
		data.Empty = frame.Empty{Why: "Nobody has asked for anything yet.", Hint: "Store a design and deploy a node:", Command: "export SLIPWAY_URL=" + v.Server() + " && slipway designs push site.yaml && slipway deploy NODE --design site"}
	}
	return &frame.View{
		Title: "Tasks", Templates: templates, File: "tasks.html", Data: &data, Live: true,
		API: frame.APIPath("/v1/tasks", "top", "true", "newest", "true", "limit", "50", "status", status, "after", v.Query("after")),
		CSV: func(out *frame.CSV) error { return tasksCSV(v, *params, out) },
	}, nil
}

// tasksCSV writes all pages.
func tasksCSV(v *frame.Visit, params client.ListTasksParams, out *frame.CSV) error {
	if err := out.Row("task", "action", "state", "nodes_done", "nodes_failed", "design", "by", "created", "updated"); err != nil {
		return err
	}
	params.After, params.Limit = nil, ptr(int32(500))
	for {
		rows, next, err := taskPage(v.Context(), v.API, &params)
		for i := 0; err == nil && i < len(rows); i++ {
			t := &rows[i]
			err = out.Row(t.TaskID, t.Action, stateOf(t).Words, len(t.Result.Successes), len(t.Result.Failures), t.DesignRef, t.CreatedBy, t.Created, t.Updated)
		}
		if err != nil || next == "" {
			return err
		}
		params.After = &next
	}
}

// order takes the form of a new task: an action, a design and nodes.
func order(v *frame.Visit) (*frame.View, error) {
	body := client.LabNewTask{Action: v.Form("action"), DesignRef: v.Form("design")}
	if names := v.HTTP.PostForm["node"]; len(names) > 0 {
		filter := map[string]any{"filter_set_type": "union", "filter_set": []any{map[string]any{"filter_type": "union", "node_names": names}}}
		text, err := json.Marshal(filter)
		if err == nil {
			err = json.Unmarshal([]byte(`{"node_filter":`+string(text)+`}`), &body)
		}
		if err != nil {
			return nil, err
		}
	} else if strings.HasSuffix(body.Action, "_nodes") && v.Form("all") == "" {
		return nil, v.Invalid("No node was chosen. Choose some in the list of nodes, or all of the design's.")
	}
	answer, err := v.API.CreateTaskWithResponse(v.Context(), nil, body)
	if err != nil {
		return nil, err
	}
	return v.Redirect("/ui/tasks/"+answer.JSON201.TaskID, "The task is queued."), nil
}

// branch is a task with those below it.
type branch struct {
	taskRow
	Href     string
	On       string // the node of a step
	Messages []client.LabMessage
	Below    []*branch
	Open     bool
	Inside   int // steps that only its own page shows
	Silent   int // messages that only the API shows
}

// What a page shows of a large task: above manySteps the branches that ended well are
// on their own pages, and of messages and of steps in one branch there are so many at
// most. Failures come first, so that they are among those.
const (
	manySteps    = 150
	mostBelow    = 100
	mostMessages = 30
)

// prune leaves out what a page of so many steps has no room for.
func (b *branch) prune(steps int) {
	if extra := len(b.Messages) - mostMessages; extra > 0 && steps > manySteps {
		slices.SortStableFunc(b.Messages, func(x, y client.LabMessage) int { return cmp.Compare(lower(x.Error), lower(y.Error)) })
		b.Messages, b.Silent = b.Messages[:mostMessages], extra
	}
	if steps > manySteps && !b.Open && len(b.Below) > 0 {
		b.Inside, b.Below, b.Messages = b.count(), nil, nil
		return
	}
	if extra := len(b.Below) - mostBelow; extra > 0 {
		slices.SortStableFunc(b.Below, func(x, y *branch) int { return cmp.Compare(lower(x.Open), lower(y.Open)) })
		for _, below := range b.Below[mostBelow:] {
			b.Inside += 1 + below.count()
		}
		b.Below = b.Below[:mostBelow]
	}
	for _, below := range b.Below {
		if steps > manySteps && !below.Open {
			below.Messages = nil // one is a link away
		}
		below.prune(steps)
	}
}

// lower puts what is true first.
func lower(first bool) int {
	if first {
		return 0
	}
	return 1
}

// count is how many steps are below a branch.
func (b *branch) count() int {
	n := len(b.Below)
	for _, below := range b.Below {
		n += below.count()
	}
	return n
}

type taskShown struct {
	Crumbs    []frame.Link
	Top       *branch
	Steps     int
	Timeline  picture.Timeline
	Parent    string
	MayCancel bool
	Faults    []*branch // steps that tell of an error, each once for node and text
	Numbers   bool      // the timeline's fit into the page
}

// task shows a task: the tree of its steps with their messages, open where they fail,
// and the time of each.
func task(v *frame.Visit) (*frame.View, error) {
	id := v.Path("task")
	all, err := layers(v, id)
	if err != nil {
		return nil, err
	}
	top := all[id]
	if top == nil {
		return nil, v.NotFound("There is no such task.")
	}
	data := taskShown{Crumbs: crumbs("Tasks", "/ui/tasks"), Steps: len(all), MayCancel: v.May("cancelTask") && !over(top)}
	if parent, err := top.ParentTaskID.Get(); err == nil {
		data.Parent = parent
	}
	data.Top = data.grow(v, all, top, map[string]bool{})
	data.Timeline.Now = v.Now()
	data.Numbers = len(all) <= manySteps
	if v.Query("as") != "csv" { // which has all
		data.Top.prune(len(all))
	}
	data.Faults = data.Faults[:min(len(data.Faults), mostBelow)]
	s := data.Top.State
	return &frame.View{
		Title: top.Action + ", " + s.Words, Outcome: string(s.Outcome), Templates: templates, File: "task.html", Data: &data, Live: !over(top),
		API: frame.APIPath("/v1/tasks/"+id, "layers", "-1"), CSV: data.csv,
	}, nil
}

// layers asks for a task and all below it, by their ids.
func layers(v *frame.Visit, id string) (map[string]*client.LabTask, error) {
	every := "-1"
	answer, err := v.API.GetTask(v.Context(), id, &client.GetTaskParams{Layers: &every})
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var members map[string]json.RawMessage
	if err := json.NewDecoder(answer.Body).Decode(&members); err != nil {
		return nil, err
	}
	all := map[string]*client.LabTask{}
	for name, text := range members {
		if name == "init_task_id" {
			continue
		}
		t := &client.LabTask{}
		if err := json.Unmarshal(text, t); err != nil {
			return nil, err
		}
		all[name] = t
	}
	return all, nil
}

// grow makes the branch of a task. Each task is in the tree once, whatever the answer
// says of its parents.
func (d *taskShown) grow(v *frame.Visit, all map[string]*client.LabTask, t *client.LabTask, seen map[string]bool) *branch {
	id := t.TaskID
	seen[id] = true
	b := &branch{taskRow: rowOf(v, t), Href: "/ui/tasks/" + id, On: nodeOf(t), Messages: t.Result.Details.MessageList}
	b.Open = b.State.Outcome == picture.Fail || !over(t)
	if d.timed(all, t) {
		step := picture.Step{Name: t.Action, Group: b.On, Link: b.Href, Outcome: b.State.Outcome, Start: t.Created}
		if over(t) {
			step.End = changed(t)
		}
		if b.State.Outcome == picture.Waiting {
			step.Start = time.Time{}
		}
		d.Timeline.Steps = append(d.Timeline.Steps, step)
	}
	if len(t.SubtaskIDList) == 0 && b.Fault != "" && !slices.ContainsFunc(d.Faults, func(f *branch) bool { return f.On == b.On && f.Action == b.Action && f.Fault == b.Fault }) {
		d.Faults = append(d.Faults, b)
	}
	for _, sub := range t.SubtaskIDList {
		if below := all[sub]; below != nil && !seen[sub] {
			b.Below = append(b.Below, d.grow(v, all, below, seen))
		}
	}
	return b
}

// timed tells whether the timeline has a task: every step, but for the task above all
// others. Where its rows are nodes, only steps that no others are part of are in them,
// and those that failed though none of their parts did.
func (d *taskShown) timed(all map[string]*client.LabTask, t *client.LabTask) bool {
	switch {
	case len(t.SubtaskIDList) == 0:
		return true
	case t.TaskID == d.topID(all, t):
		return false
	case len(all) <= timelineSteps:
		return true
	}
	failed := func(t *client.LabTask) bool { return t != nil && stateOf(t).Outcome == picture.Fail }
	return failed(t) && !slices.ContainsFunc(t.SubtaskIDList, func(id string) bool { return failed(all[id]) })
}

// timelineSteps is how many steps have a row of their own in a timeline.
const timelineSteps = 50

// topID is the id of the task above all others.
func (d *taskShown) topID(all map[string]*client.LabTask, t *client.LabTask) string {
	for {
		parent, err := t.ParentTaskID.Get()
		if err != nil || all[parent] == nil {
			return t.TaskID
		}
		t = all[parent]
	}
}

// nodeOf is the one node that a task works on, or "".
func nodeOf(t *client.LabTask) string {
	text, err := json.Marshal(t.NodeFilter)
	if err != nil {
		return ""
	}
	var filter struct {
		Set []struct {
			Names []string `json:"node_names"`
		} `json:"filter_set"`
	}
	if json.Unmarshal(text, &filter) != nil || len(filter.Set) != 1 || len(filter.Set[0].Names) != 1 {
		return ""
	}
	return filter.Set[0].Names[0]
}

func (d *taskShown) csv(out *frame.CSV) error {
	err := out.Row("task", "parent", "action", "node", "state", "created", "updated", "time", "error", "message")
	var write func(b *branch)
	write = func(b *branch) {
		row := []any{b.TaskID, b.ParentTaskID, b.Action, b.On, b.State.Words, b.Created, b.Updated}
		if len(b.Messages) == 0 && err == nil {
			err = out.Row(row...)
		}
		for i := 0; err == nil && i < len(b.Messages); i++ {
			m := &b.Messages[i]
			err = out.Row(append(slices.Clone(row), m.TS, m.Error, m.Message)...)
		}
		for _, below := range b.Below {
			write(below)
		}
	}
	if err == nil {
		write(d.Top)
	}
	return err
}

// cancel asks for the end of a task.
func cancel(v *frame.Visit) (*frame.View, error) {
	id := v.Path("task")
	if _, err := v.API.CancelTaskWithResponse(v.Context(), id); err != nil {
		return nil, err
	}
	return v.Redirect("/ui/tasks/"+url.PathEscape(id), "The task is being cancelled."), nil
}

// followEvery is how often a task that is at work is looked at: its steps are no events.
const followEvery = 2 * time.Second

// follow has the page of a task fetched anew while it changes, and ends with it.
func follow(v *frame.Visit, s *frame.Stream) error {
	id := v.Path("task")
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	last := s.Since
	for {
		answer, err := v.API.GetTask(v.Context(), id, &client.GetTaskParams{})
		if err != nil {
			return err
		}
		var t client.LabTask
		err = json.NewDecoder(http.MaxBytesReader(nil, answer.Body, 64<<20)).Decode(&t)
		_ = answer.Body.Close()
		if err != nil {
			return err
		}
		if now := changed(&t).Format(time.RFC3339Nano) + " " + string(t.Status) + " " + frame.Number(len(t.SubtaskIDList)); now != last || !over(&t) {
			last = now
			s.Changed(now)
		}
		if over(&t) {
			s.End("")
			return nil
		}
		select {
		case <-tick.C:
		case <-v.Context().Done():
			return nil
		}
	}
}
