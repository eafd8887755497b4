package taskplan

import (
	"fmt"
	"slices"
)

// advance takes a parent to its next step when the current one is over, and
// ends it after the last.
func (t *Tree) advance(parent *Task) {
	p := plans[parent.Action]
	if p.ownWork {
		t.offer(parent, parent.Nodes, "")
		return
	}
	if p.split && parent.Role == Top && len(parent.Nodes) > 1 {
		t.split(parent)
		return
	}
	for t.stepOver(parent) {
		if parent.Terminate || parent.Stage == len(p.steps) {
			t.conclude(parent)
			return
		}
		if t.startStage(parent) {
			return
		}
	}
}

// stepOver tells whether the parent may go on, and moves it to the next stage
// when the current one has run.
func (t *Tree) stepOver(parent *Task) bool {
	if parent.open > 0 {
		return false
	}
	if n := len(parent.children); n > 0 && parent.children[n-1].Stage == parent.Stage {
		t.collected(parent)
		parent.Stage++
		t.change(parent)
	}
	return true
}

// collected announces the end of steps on the whole site, as Drydock does.
func (t *Tree) collected(parent *Task) {
	for _, c := range parent.children {
		if c.Stage == parent.Stage && c.stepOf().scope == wholeSite {
			t.say(parent, "Collected subtask "+c.ID, false, "task", c.ID)
		}
	}
}

// startStage starts the parent's current step. It answers false, with the stage
// behind it, when there is nobody to do it for.
func (t *Tree) startStage(parent *Task) bool {
	s := plans[parent.Action].steps[parent.Stage]
	if s.scope == wholeSite {
		task := t.create(parent, Step, s.action, nil, func(c *Task) { c.Stage = parent.Stage })
		t.offer(task, nil, "")
		return true
	}
	nodes := t.input(parent)
	groups := [][]string{nodes}
	if s.scope == perOOB {
		groups = t.byOOBType(parent, nodes)
	}
	started := false
	for _, group := range groups {
		if len(group) > 0 {
			t.startStep(parent, s, group)
			started = true
		}
	}
	if !started {
		parent.Stage++
		t.change(parent)
	}
	return started
}

func (t *Tree) startStep(parent *Task, s step, nodes []string) {
	task := t.create(parent, Step, s.action, nodes, func(c *Task) {
		c.Stage, c.Listed, c.OwnFilter = parent.Stage, !s.unlisted, s.ownFilter
		if s.scope != wholeStep {
			c.Status, c.Started = Running, t.now
		}
	})
	if s.scope == wholeStep {
		t.offer(task, nodes, "")
		return
	}
	t.startNodes(task, nodes)
}

func (t *Tree) startNodes(step *Task, nodes []string) {
	for _, name := range nodes {
		task := t.create(step, Node, step.Action, []string{name}, func(c *Task) { c.Retry, c.Stage = step.Retry, step.Stage })
		t.offer(task, nil, name)
	}
}

// offer puts work up to be done.
func (t *Tree) offer(task *Task, nodes []string, name string) {
	probe := task.Role == Node && task.parent.stepOf().probe
	t.effects.Work = append(t.effects.Work, Work{
		Task: task.ID, Action: task.Action, Node: name, Nodes: nodes, Probe: probe, Retry: task.Retry, Limit: t.cfg.limit(task.Action),
	})
}

// split gives each node a subtask of the same action, so that a slow one does
// not hold up the others.
func (t *Tree) split(top *Task) {
	if len(top.children) == 0 {
		for _, name := range top.Nodes {
			if t.targets[name].NoDriver != "" {
				continue
			}
			task := t.create(top, Split, top.Action, []string{name}, func(c *Task) { c.Status, c.Started = Running, t.now })
			t.advance(task)
		}
	}
	if top.open == 0 {
		t.conclude(top)
	}
}

// input returns the nodes that the parent's current step works on.
func (t *Tree) input(parent *Task) []string {
	alive, skipping := t.able(parent), map[string]bool{}
	for stage, s := range plans[parent.Action].steps[:parent.Stage] {
		succeeded, absent := t.outcome(parent, stage)
		if s.rejoins {
			clear(skipping)
		}
		if !s.probe {
			alive = keep(alive, func(name string) bool { return skipping[name] || succeeded[name] })
			continue
		}
		for name := range succeeded {
			skipping[name] = true
		}
		alive = keep(alive, func(name string) bool { return succeeded[name] || absent[name] })
	}
	if parent.Stage < len(plans[parent.Action].steps) && !plans[parent.Action].steps[parent.Stage].rejoins {
		alive = keep(alive, func(name string) bool { return !skipping[name] })
	}
	return alive
}

// able returns the targets that somebody can work on.
func (t *Tree) able(parent *Task) []string {
	return keep(parent.Nodes, func(name string) bool {
		return t.targets[name].NoDriver == "" || parent.Action == VerifyNodes
	})
}

// outcome collects who succeeded in a stage of the parent, and whom a probe did
// not find.
func (t *Tree) outcome(parent *Task, stage int) (succeeded, absent map[string]bool) {
	succeeded, absent = map[string]bool{}, map[string]bool{}
	for _, c := range parent.children {
		if c.Stage != stage {
			continue
		}
		for _, name := range c.Successes {
			succeeded[name] = true
		}
		for _, n := range c.children {
			if n.Absent {
				absent[n.node()] = true
			}
		}
	}
	return succeeded, absent
}

// byOOBType groups nodes by out-of-band type, in the order in which the types
// appear. Nodes whose type has no driver get a message and are left out.
func (t *Tree) byOOBType(parent *Task, nodes []string) [][]string {
	var groups [][]string
	place := map[string]int{}
	for _, name := range nodes {
		target := t.targets[name]
		if target.NoOOBDriver != "" {
			t.say(parent, fmt.Sprintf("Node %s OOB type %s is not supported: %s", name, orNone(target.OOBType), target.NoOOBDriver), true, "node", name)
			continue
		}
		i, known := place[target.OOBType]
		if !known {
			i = len(groups)
			place[target.OOBType] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], name)
	}
	return groups
}

func orNone(text string) string {
	if text == "" {
		return "(none)"
	}
	return text
}

// conclude ends a parent whose children are all final.
func (t *Tree) conclude(parent *Task) {
	p := plans[parent.Action]
	switch {
	case !p.onNodes:
		t.finish(parent, fromChildren(parent))
	case p.split && parent.Role == Top && len(parent.Nodes) > 1:
		finished := map[string]bool{}
		for _, c := range parent.children {
			for _, name := range c.Successes {
				finished[name] = true
			}
		}
		t.lists(parent, finished)
		t.finish(parent, resultOf(parent.Successes, parent.Failures))
	default:
		finished := map[string]bool{}
		if parent.Stage == len(p.steps) {
			for _, name := range t.input(parent) {
				finished[name] = true
			}
		}
		t.lists(parent, finished)
		t.finish(parent, resultOf(parent.Successes, parent.Failures))
	}
	if parent.Terminate {
		parent.Result = Failure
	}
	if parent.parent != nil {
		t.advance(parent.parent)
	}
}

// lists sorts a task's nodes into its two lists.
func (t *Tree) lists(task *Task, finished map[string]bool) {
	task.Successes = keep(task.Nodes, func(name string) bool { return finished[name] })
	task.Failures = keep(task.Nodes, func(name string) bool { return !finished[name] })
	t.change(task)
}

// fromChildren is Drydock's counting: the first result counts, and one of the
// other kind makes it partial. No children are a success.
func fromChildren(parent *Task) ResultStatus {
	good, bad := len(parent.children) == 0, false
	for _, c := range parent.children {
		good = good || c.Result == Success || c.Result == PartialSuccess
		bad = bad || c.Result != Success
	}
	switch {
	case good && bad:
		return PartialSuccess
	case bad:
		return Failure
	}
	return Success
}

func keep(list []string, want func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return !want(name) })
}
