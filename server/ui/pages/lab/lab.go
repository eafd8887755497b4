// Package lab are the pages of the lab: nodes, machines, tasks and designs.
package lab

import (
	"embed"
	"slices"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

//go:embed *.html
var files embed.FS

var templates = frame.Parse(files, "nodes.html", "node.html", "tasks.html", "task.html", "designs.html", "design.html", "machines.html")

// Pages lists the pages of this package.
func Pages() []frame.Page {
	return []frame.Page{
		{Path: "/ui/nodes", Menu: "Lab", Calls: []string{"listNodes", "listDesigns", "createTask"}, Show: nodes},
		{Path: "/ui/nodes/{host}", In: "Lab", Calls: []string{"listNodes", "listTasks", "listNodeBuildData"}, Show: node},
		{Path: "/ui/machines", In: "Lab", Calls: []string{"listMachines", "updateMachine"}, Show: machines, Do: hold},
		{Path: "/ui/tasks", In: "Lab", Calls: []string{"listTasks", "createTask"}, Show: tasks, Do: order, Live: frame.OnEvents(taskEvents)},
		{Path: "/ui/tasks/{task}", In: "Lab", Calls: []string{"getTask", "cancelTask"}, Show: task, Do: cancel, Live: follow},
		{Path: "/ui/designs", In: "Lab", Calls: []string{"listDesigns", "createDesign"}, Show: designs, Do: store},
		{Path: "/ui/designs/{design}", In: "Lab", Calls: []string{"getDesign", "getDesignDocuments", "validateDesign", "deleteDesign"}, Show: design, Do: remove},
	}
}

// taskEvents are the events after which lists of tasks are different.
func taskEvents(*frame.Visit) client.ListEventsParams {
	return client.ListEventsParams{EventType: []string{"TASK_STARTED", "TASK_ENDED", "task.finished"}}
}

// tabs are the links between the lists.
func tabs(here string) []frame.Link {
	list := []frame.Link{{Text: "Nodes", Href: "/ui/nodes"}, {Text: "Tasks", Href: "/ui/tasks"}, {Text: "Designs", Href: "/ui/designs"}, {Text: "Machines", Href: "/ui/machines"}}
	for i := range list {
		list[i].Current = list[i].Text == here
	}
	return list
}

// crumbs lead back to a list.
func crumbs(text, href string) []frame.Link {
	return []frame.Link{{Text: "Lab", Href: "/ui/nodes"}, {Text: text, Href: href}}
}

// state is what became of something, as a mark and as words.
type state struct {
	Outcome picture.Outcome
	Words   string
}

// stateOf is the state of a task. One that ended without success is never green, and
// a cancelled one is red when a node had failed before.
func stateOf(t *client.LabTask) state {
	switch t.Status {
	case "requested", "queued":
		return state{picture.Waiting, "waits"}
	case "running":
		if len(t.Result.Failures) > 0 {
			return state{picture.Fail, "running, " + frame.Count(len(t.Result.Failures), "node") + " failed"}
		}
		return state{picture.Running, "running"}
	case "terminating":
		return state{picture.Running, "being cancelled"}
	case "terminated":
		if len(t.Result.Failures) > 0 {
			return state{picture.Fail, "cancelled, with failures"}
		}
		return state{picture.Skip, "cancelled"}
	}
	switch t.Result.Status {
	case "success":
		return state{picture.Pass, "done"}
	case "partial_success":
		return state{picture.Fail, "partly failed"}
	case "failure":
		return state{picture.Fail, "failed"}
	}
	return state{picture.Unknown, string(t.Result.Status)}
}

// changed is when a task last changed, which for one that is over is its end.
func changed(t *client.LabTask) time.Time {
	if at, err := t.Updated.Get(); err == nil {
		return at
	}
	return t.Created
}

func over(t *client.LabTask) bool { return t.Status == "complete" || t.Status == "terminated" }

// took is how long a task took, or has taken so far.
func took(v *frame.Visit, t *client.LabTask) any {
	switch {
	case over(t):
		return changed(t).Sub(t.Created)
	case t.Status == "running" || t.Status == "terminating":
		return v.Now().Sub(t.Created)
	}
	return nil
}

// fault is the first error that a task tells of.
func fault(t *client.LabTask) string {
	for _, m := range t.Result.Details.MessageList {
		if m.Error {
			return m.Message
		}
	}
	return ""
}

// onNodes is how many nodes of a task finished and failed.
func onNodes(t *client.LabTask) picture.Bar {
	return picture.Bar{Counts: picture.Counts{Fail: len(t.Result.Failures), Pass: len(t.Result.Successes)}}
}

// actions are those that somebody may order, in the order of their use.
func actions(v *frame.Visit) []string {
	if v.Me == nil || !v.May("createTask") {
		return nil
	}
	var may []string
	for _, action := range []string{"validate_design", "verify_site", "prepare_site", "verify_nodes", "prepare_nodes", "deploy_nodes", "relabel_nodes", "destroy_nodes"} {
		if slices.Contains(v.Me.Permissions, "physical_provisioner:"+action) {
			may = append(may, action)
		}
	}
	return may
}

// has tells whether a text contains what is looked for, whatever its case.
func has(text, wanted string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(wanted))
}
