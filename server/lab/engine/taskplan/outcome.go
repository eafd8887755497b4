package taskplan

import (
	"fmt"
	"slices"
	"time"
)

// Outcome is how a piece of work ended.
type Outcome struct {
	OK bool
	// Absent is the answer of a probe that found nothing. It is no error.
	Absent bool
	// Transient failures are tried again where the step allows it.
	Transient bool
	// Message says what happened; an outcome that is not OK should have one.
	Message string
	// Successes and Failures are the nodes of a whole step, and the
	// messages those of whole pieces of work.
	Successes, Failures []string
	Messages            []Message
	// ResultMessage and ResultReason become the words of the result.
	ResultMessage, ResultReason string
}

// Finished notes how the work of a task ended, and takes its parents on.
// Outcomes of tasks that are over, for example by a time limit, change nothing.
func (t *Tree) Finished(id string, o Outcome, now time.Time) Effects {
	return t.do(now, func() {
		task := t.tasks[id]
		if task == nil || task.Status.Final() || !task.working() {
			return
		}
		t.report(task, o)
		switch {
		case task.Role == Node:
			t.nodeDone(task, o)
		case task.Role == Top:
			t.finish(task, okOr(o.OK && !task.Terminate))
		default:
			t.wholeDone(task, o)
		}
	})
}

func okOr(ok bool) ResultStatus {
	if ok {
		return Success
	}
	return Failure
}

// report writes the messages of an outcome to its task.
func (t *Tree) report(task *Task, o Outcome) {
	if o.ResultMessage != "" || o.ResultReason != "" {
		task.Message, task.Reason = o.ResultMessage, o.ResultReason
	}
	if o.Message != "" {
		contextType, context := NoContext, NoContext
		if task.Role == Node {
			contextType, context = "node", task.node()
		}
		t.say(task, o.Message, !o.OK && !o.Absent, contextType, context)
	}
	for _, m := range o.Messages {
		m.Task = task.ID
		if m.Time.IsZero() {
			m.Time = t.now
		}
		t.effects.Messages = append(t.effects.Messages, m)
	}
}

func (t *Tree) nodeDone(task *Task, o Outcome) {
	task.Absent, task.Final = o.Absent && !o.OK, !o.OK && !o.Transient
	task.Successes, task.Failures = nil, nil
	if o.OK && !task.Terminate {
		task.Successes = task.Nodes
	} else {
		task.Failures = task.Nodes
	}
	t.finish(task, resultOf(task.Successes, task.Failures))
	t.settle(task.parent)
}

// wholeDone ends a step that is one piece of work. Nodes that the outcome does
// not name have failed.
func (t *Tree) wholeDone(task *Task, o Outcome) {
	if task.stepOf().scope == wholeSite {
		t.finish(task, okOr(o.OK && !task.Terminate))
	} else {
		finished := map[string]bool{}
		for _, name := range o.Successes {
			finished[name] = !task.Terminate
		}
		for _, name := range o.Failures {
			finished[name] = false
		}
		t.lists(task, finished)
		t.finish(task, resultOf(task.Successes, task.Failures))
	}
	t.advance(task.parent)
}

// settle ends a step whose nodes are all done, or tries the failed ones again.
func (t *Tree) settle(step *Task) {
	if step.open > 0 {
		return
	}
	finished, again := map[string]bool{}, []string{}
	for _, c := range step.children {
		if c.Result == Success {
			finished[c.node()] = true
		}
	}
	for _, c := range step.children {
		if c.Retry == step.Retry && c.Result != Success && !c.Final && !c.Absent && !c.Terminate {
			again = append(again, c.node())
		}
	}
	if len(again) > 0 && !step.Terminate && step.stepOf().retries > 0 {
		if step.Retry < step.stepOf().retries {
			t.say(step, "Retrying task for failed entities.", false, NoContext, NoContext)
			step.Retry++
			t.change(step)
			t.startNodes(step, again)
			return
		}
		t.say(step, "Retry requested, out of attempts.", false, NoContext, NoContext)
	}
	t.lists(step, finished)
	if step.stepOf().probe {
		t.greet(step)
	}
	t.finish(step, resultOf(step.Successes, step.Failures))
	if step.Terminate {
		step.Result = Failure
	}
	t.advance(step.parent)
}

// greet tells which nodes the provisioner knows already: they are not touched
// from outside, for one of them may be deployed.
func (t *Tree) greet(probe *Task) {
	for _, name := range probe.Successes {
		t.say(probe.parent, "Node found in provisioner, skipping OOB management", false, "node", name)
	}
}

// Expire ends work that has not ended by itself within its limit and the grace,
// which drivers have to notice their deadline.
func (t *Tree) Expire(grace time.Duration, now time.Time) Effects {
	return t.do(now, func() {
		for _, task := range t.working() {
			if task.Deadline.IsZero() || !now.After(task.Deadline.Add(grace)) {
				continue
			}
			t.effects.Stop = append(t.effects.Stop, task.ID)
			t.fail(task, fmt.Sprintf("Step %s did not end within %s.", task.Action, t.cfg.limit(task.Action)))
		}
	})
}

// Resume takes up a tree whose server was killed. Work that may be repeated is
// offered again, with a message; the rest has failed. It must be the first event
// after Load.
func (t *Tree) Resume(repeatable func(Action) bool, now time.Time) Effects {
	return t.do(now, func() {
		for _, task := range t.working() {
			switch {
			case task.Terminate:
				t.fail(task, "Cancelled while the server was stopped.")
			case task.Status == Requested:
				t.offerAgain(task)
			case repeatable(task.Action):
				task.Deadline, task.Started = time.Time{}, time.Time{}
				t.change(task)
				t.say(task, "Resumed after the server was stopped.", false, "task", task.ID)
				t.offerAgain(task)
			default:
				t.fail(task, fmt.Sprintf("The server was stopped during %s.", task.Action))
			}
		}
	})
}

// working returns the tasks that are somebody's work and not over. An event may
// end some of them while others are looked at; fail and offer bear that.
func (t *Tree) working() []*Task {
	var list []*Task
	var walk func(*Task)
	walk = func(task *Task) {
		if task.working() && !task.Status.Final() && task.Status != Queued {
			list = append(list, task)
		}
		for _, c := range task.children {
			walk(c)
		}
	}
	walk(t.top)
	return list
}

func (t *Tree) offerAgain(task *Task) {
	switch task.Role {
	case Node:
		t.offer(task, nil, task.node())
	default:
		t.offer(task, slices.Clone(task.Nodes), "")
	}
}

// fail ends a task's work for good, with a message.
func (t *Tree) fail(task *Task, text string) {
	if task.Status.Final() {
		return
	}
	o := Outcome{Message: text}
	t.report(task, o)
	switch task.Role {
	case Node:
		t.nodeDone(task, o)
	case Top:
		t.finish(task, Failure)
	default:
		t.wholeDone(task, o)
	}
}
