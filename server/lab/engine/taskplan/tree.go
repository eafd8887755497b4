package taskplan

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Config is what a Tree needs to know of its surroundings.
type Config struct {
	NewID  func() string
	Limits map[Action]time.Duration // per step; zero or absent means the default
	// NoSiteDriver says why nobody can work on the site; empty when somebody
	// can.
	NoSiteDriver string
}

// Target is a node that a task is to work on.
type Target struct {
	Name    string
	OOBType string
	// NoDriver and NoOOBDriver say why nobody can work on the node or reach
	// its out-of-band controller; empty when somebody can.
	NoDriver, NoOOBDriver string
}

// Tree is a top task with all its subtasks. It is not safe for concurrent use.
type Tree struct {
	cfg     Config
	top     *Task
	tasks   map[string]*Task
	targets map[string]Target
	effects Effects
	touched map[*Task]bool
	now     time.Time
}

// New makes the tree of a queued top task, which has no subtasks yet.
func New(top *Task, cfg Config) *Tree {
	return &Tree{
		cfg: cfg, top: top, tasks: map[string]*Task{top.ID: top}, targets: map[string]Target{}, touched: map[*Task]bool{},
	}
}

// Load rebuilds a tree from its stored tasks, in the order of their creation,
// the top task first. The targets are those given to Begin.
func Load(tasks []*Task, targets []Target, cfg Config) (*Tree, error) {
	if len(tasks) == 0 || tasks[0].Role != Top {
		return nil, errors.New("a tree starts with its top task")
	}
	for _, task := range tasks {
		task.parent, task.children, task.open = nil, nil, 0
	}
	t := New(tasks[0], cfg)
	for _, task := range tasks[1:] {
		parent := t.tasks[task.Parent]
		if parent == nil {
			return nil, fmt.Errorf("task %s comes before its parent %s", task.ID, task.Parent)
		}
		t.adopt(parent, task)
	}
	t.aim(targets)
	return t, nil
}

func (t *Tree) aim(targets []Target) {
	for _, target := range targets {
		t.targets[target.Name] = target
	}
}

func (t *Tree) adopt(parent, task *Task) {
	task.parent = parent
	parent.children = append(parent.children, task)
	if !task.Status.Final() {
		parent.open++
	}
	t.tasks[task.ID] = task
}

// Top returns the top task.
func (t *Tree) Top() *Task { return t.top }

// Task returns the task of that id, or nil.
func (t *Tree) Task(id string) *Task { return t.tasks[id] }

// Begin starts a queued task on its targets, which may be none.
func (t *Tree) Begin(targets []Target, now time.Time) Effects {
	return t.do(now, func() {
		if t.top.Status != Queued && t.top.Status != Requested {
			return
		}
		t.aim(targets)
		t.top.Status, t.top.Started = Running, now
		t.change(t.top)
		if !plans[t.top.Action].onNodes {
			t.beginSite()
			return
		}
		t.top.Nodes = names(targets)
		if len(targets) == 0 {
			t.say(t.top, "No nodes in scope, no work to do.", false, NoContext, NoContext)
			t.finish(t.top, Success)
			return
		}
		t.say(t.top, "Nodes in scope: "+strings.Join(t.top.Nodes, ", "), false, "task", t.top.ID)
		t.requireDrivers(targets)
		t.advance(t.top)
	})
}

func (t *Tree) beginSite() {
	if t.cfg.NoSiteDriver != "" && !plans[t.top.Action].ownWork {
		t.say(t.top, "No node driver enabled, ending task: "+t.cfg.NoSiteDriver, true, "task", t.top.ID)
		t.top.Message, t.top.Reason = noDriverMessage, noDriverReason
		t.finish(t.top, Failure)
		return
	}
	t.advance(t.top)
}

// The words of the result of a task that nobody can do.
const (
	noDriverMessage = "No NodeDriver enabled."
	noDriverReason  = "Bad Configuration."
)

// requireDrivers says which nodes nobody can work on. When that is all of them,
// the result gets the words of Drydock's missing driver.
func (t *Tree) requireDrivers(targets []Target) {
	if t.top.Action == VerifyNodes { // only asks the out-of-band side
		return
	}
	missing := 0
	for _, target := range targets {
		if target.NoDriver != "" {
			missing++
			t.say(t.top, fmt.Sprintf("Node %s cannot be worked on: %s", target.Name, target.NoDriver), true, "node", target.Name)
		}
	}
	if missing == len(targets) {
		t.top.Message, t.top.Reason = noDriverMessage, noDriverReason
	}
}

// Started notes that the work of a task has begun, from when its limit counts.
func (t *Tree) Started(id string, now time.Time) Effects {
	return t.do(now, func() {
		task := t.tasks[id]
		if task == nil || task.Status.Final() || !task.working() {
			return
		}
		task.Started, task.Deadline = now, now.Add(t.cfg.limit(task.Action))
		if task.Status == Requested {
			task.Status = Running
		}
		t.change(task)
	})
}

// do runs one event and hands out what followed from it.
func (t *Tree) do(now time.Time, event func()) Effects {
	t.now = now
	event()
	effects := t.effects
	t.effects = Effects{}
	clear(t.touched)
	return effects
}

func (t *Tree) change(task *Task) {
	if !t.touched[task] {
		t.touched[task] = true
		t.effects.Changed = append(t.effects.Changed, task)
	}
}

func (t *Tree) say(task *Task, text string, isError bool, contextType, context string) {
	t.effects.Messages = append(t.effects.Messages, Message{task.ID, text, isError, contextType, context, t.now})
}

// create makes a subtask and announces it at its parent.
func (t *Tree) create(parent *Task, role Role, action Action, nodes []string, edit func(*Task)) *Task {
	task := &Task{
		ID: t.cfg.NewID(), Parent: parent.ID, Role: role, Action: action, Status: Requested, Result: Incomplete,
		Nodes: nodes, Listed: true, Created: t.now,
	}
	if edit != nil {
		edit(task)
	}
	t.adopt(parent, task)
	t.touched[task] = true
	t.effects.Created = append(t.effects.Created, task)
	if task.Listed {
		t.say(parent, fmt.Sprintf("Started subtask %s for action %s", task.ID, action), false, "task", parent.ID)
		t.change(parent)
	}
	return task
}

// finish makes a task final.
func (t *Tree) finish(task *Task, result ResultStatus) {
	if task.parent != nil {
		task.parent.open--
	}
	task.Result, task.Ended = result, t.now
	task.Status = Complete
	if task.Terminate {
		task.Status = Terminated
	}
	explain(task)
	t.change(task)
}

func names(targets []Target) []string {
	list := make([]string, 0, len(targets))
	for _, target := range targets {
		list = append(list, target.Name)
	}
	return list
}
