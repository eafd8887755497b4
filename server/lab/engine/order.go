package engine

import (
	"context"
	"encoding/json"
	"time"

	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/server/lab/library"
	"github.com/slipway-lab/slipway/server/lab/nodefilter"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// Order is what somebody wants done.
type Order struct {
	Action    taskplan.Action
	Sent      string // the action as it was asked for
	DesignRef string
	Filter    *nodefilter.Filter
	SentAs    map[string]any // the filter as it was sent; nil when there is none
	By        string
	Tenant    string // whose events tell of the task
	BaseURL   string // how the client reached the server, without a slash at the end
}

// Create queues a task with a copy of its design. The error is a
// *library.RefError when the reference cannot be used, and a
// *library.UnusableError when the design has no effective model, without which
// only its validation can do, or fails validation and is to be installed.
func (e *Engine) Create(ctx context.Context, o Order) (*labstore.Task, error) {
	row, err := e.newTask(ctx, o)
	if err != nil {
		return nil, err
	}
	return row, e.store.CreateTask(ctx, row)
}

// installs are the actions that make machines what the design says. They want one
// that passes validation, as get_target_nodes of Drydock's orchestrator.py does;
// releasing nodes must stay possible when the rules have changed.
var installs = map[taskplan.Action]bool{taskplan.PrepareNodes: true, taskplan.DeployNodes: true}

// newTask makes the row of a queued task and keeps its design.
func (e *Engine) newTask(ctx context.Context, o Order) (*labstore.Task, error) {
	c, text, err := e.library.Design(ctx, o.DesignRef)
	if err == nil && o.Action != taskplan.ValidateDesign {
		err = c.Usable()
	}
	if err == nil && installs[o.Action] {
		err = c.Passed()
	}
	if err != nil {
		return nil, err
	}
	if err := e.library.KeepSnapshot(ctx, c.Digest, text); err != nil {
		return nil, err
	}
	req := request{Digest: c.Digest, BaseURL: o.BaseURL, Tenant: o.Tenant}
	if o.Action.OnNodes() {
		req.Targets = e.targets(c.Site, o.Filter)
		if err := e.noteMACs(ctx, c.Site, req.Targets); err != nil {
			return nil, err
		}
	}
	return e.rowOf(o, req)
}

func (e *Engine) rowOf(o Order, req request) (*labstore.Task, error) {
	now := e.store.Now()
	top := &taskplan.Task{
		ID: newID(), Role: taskplan.Top, Action: o.Action, Status: taskplan.Queued, Result: taskplan.Incomplete, Listed: true, Created: now,
	}
	row := &labstore.Task{
		ID: top.ID, Root: top.ID, Status: string(top.Status), Action: o.Sent, DesignRef: o.DesignRef,
		CreatedBy: o.By, CreatedAt: now, UpdatedAt: now,
	}
	var err error
	if row.Plan, err = json.Marshal(top); err != nil {
		return nil, err
	}
	if row.Request, err = json.Marshal(req); err != nil {
		return nil, err
	}
	if o.SentAs != nil {
		row.Filter, err = json.Marshal(o.SentAs)
	}
	return row, err
}

func (e *Engine) targets(site *design.Site, filter *nodefilter.Filter) []taskplan.Target {
	names := filter.Select(library.Inventory(site))
	list := make([]taskplan.Target, 0, len(names))
	for _, name := range names {
		n := site.Node(name)
		_, missing := e.drivers.oobOf(n)
		list = append(list, taskplan.Target{Name: name, OOBType: n.OOBType, NoDriver: e.drivers.nodes.Missing(n), NoOOBDriver: missing})
	}
	return list
}

// noteMACs keeps which node boots from which address, so that machines can be
// recognized.
func (e *Engine) noteMACs(ctx context.Context, site *design.Site, targets []taskplan.Target) error {
	seen := map[string]bool{}
	var rows []labstore.NodeMAC
	for _, t := range targets {
		if mac, good := design.CleanMAC(site.Node(t.Name).BootMAC); good && !seen[mac] {
			seen[mac] = true
			rows = append(rows, labstore.NodeMAC{MAC: mac, Node: t.Name})
		}
	}
	return e.store.SetNodeMACs(ctx, rows)
}

// Cancel cancels a task and everything under it, and returns the task as it is
// then. The server that works on it acts when it finds the note; one that still
// waits is terminated at once. store.ErrConflict: it is over.
func (e *Engine) Cancel(ctx context.Context, id, by string) (*labstore.Task, error) {
	var row *labstore.Task
	err := e.store.InTx(ctx, func(tx *labstore.Store) error {
		var messages []taskplan.Message
		var err error
		row, err = tx.CancelTask(ctx, id, by, func(r *labstore.Task) error {
			messages, err = cancelQueued(r, e.store.Now())
			return err
		})
		if err != nil {
			return err
		}
		if err := tx.AddMessages(ctx, messageRows(messages)); err != nil || messages == nil {
			return err
		}
		events, err := cancelEvents(row, e.store.Now())
		if err != nil {
			return err
		}
		return tx.AppendEvents(events...)
	})
	return row, err
}

// cancelQueued terminates a task that nobody has begun.
func cancelQueued(row *labstore.Task, now time.Time) ([]taskplan.Message, error) {
	task, err := Plan(row)
	if err != nil {
		return nil, err
	}
	effects, err := taskplan.New(task, taskplan.Config{NewID: newID}).Cancel(task.ID, row.CancelBy, now)
	if err != nil {
		return nil, err
	}
	row.Status, row.UpdatedAt = string(task.Status), now
	row.Plan, err = json.Marshal(task)
	return effects.Messages, err
}

func messageRows(list []taskplan.Message) []labstore.Message {
	rows := make([]labstore.Message, 0, len(list))
	for _, m := range list {
		rows = append(rows, labstore.Message{
			Task: m.Task, Text: m.Text, Error: m.Error, ContextType: m.ContextType, Context: m.Context, CreatedAt: m.Time,
		})
	}
	return rows
}

// cancelEvents tell of a task that was cancelled in the queue.
func cancelEvents(row *labstore.Task, now time.Time) ([]store.Event, error) {
	task, err := Plan(row)
	if err != nil {
		return nil, err
	}
	req, err := requestOf(row)
	if err != nil {
		return nil, err
	}
	return taskEvents(row, req, task, now)
}
