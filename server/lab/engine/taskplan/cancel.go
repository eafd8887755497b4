package taskplan

import (
	"errors"
	"time"
)

// ErrFinal says that a task is over and cannot be cancelled.
var ErrFinal = errors.New("the task is already final")

// Cancel ends a task and everything under it: what has not begun is terminated
// at once, what is being done is told to stop and terminated when it has. The
// rest of the tree goes on without its nodes. Cancelling again changes nothing.
func (t *Tree) Cancel(id, by string, now time.Time) (Effects, error) {
	task := t.tasks[id]
	switch {
	case task == nil:
		return Effects{}, errors.New("no such task")
	case task.Status.Final():
		return Effects{}, ErrFinal
	case task.Terminate:
		return Effects{}, nil
	}
	return t.do(now, func() {
		t.say(task, "Cancelled by "+by+".", false, "task", task.ID)
		t.terminate(task, by)
		t.collapse(task)
	}), nil
}

// terminate marks a task and all under it before anything is ended, so that
// nobody starts a further step.
func (t *Tree) terminate(task *Task, by string) {
	if task.Status.Final() {
		return
	}
	task.Terminate, task.TerminatedBy, task.TerminatedAt = true, by, t.now
	if task.Status == Running {
		task.Status = Terminating
	}
	t.change(task)
	for _, c := range task.children {
		t.terminate(c, by)
	}
}

// collapse ends what is not being done, from the leaves up, and stops the rest.
func (t *Tree) collapse(task *Task) {
	if task.Status.Final() {
		return
	}
	if task.working() {
		if task.Status == Terminating {
			t.effects.Stop = append(t.effects.Stop, task.ID)
			return
		}
		t.fail(task, "Cancelled before it began.")
		return
	}
	if len(task.children) == 0 { // still queued
		t.conclude(task)
		return
	}
	for _, c := range task.children {
		t.collapse(c)
	}
}
