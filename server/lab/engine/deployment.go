package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// The states of a boot action.
const (
	bootIncomplete = "incomplete"
	bootSuccess    = "success"
	bootFailure    = "failure"
	bootUnreported = "unreported"
)

// beginDeployment makes the boot actions of a node before its deployment starts.
func (e *Engine) beginDeployment(ctx context.Context, t *topTask, j Job) error {
	d := &labstore.Deployment{
		Node: j.Node.Name, Task: j.Task, Root: t.id,
		Digest: t.request.Digest, DesignRef: t.row.DesignRef, BaseURL: t.request.BaseURL,
	}
	var actions []labstore.BootAction
	for _, a := range actionsOf(j.Site, j.Node.Name) {
		row := labstore.BootAction{
			ID: labstore.NewULID(e.store.Now()), Node: j.Node.Name, Name: a.Name, Task: j.Task, Root: t.id, Status: bootUnreported,
		}
		if a.Signaling {
			row.Status = bootIncomplete
		}
		actions = append(actions, row)
	}
	d.Keyed = len(actions) > 0
	return e.store.BeginDeployment(ctx, d, actions)
}

// actionsOf returns the boot actions for a node, in the order of the design.
func actionsOf(site *design.Site, node string) []*design.BootAction {
	var list []*design.BootAction
	for _, a := range site.BootActions {
		if slices.Contains(a.Targets, node) {
			list = append(list, a)
		}
	}
	return list
}

// awaitBootActions waits until every boot action of the nodes has reported its
// end, or the time is over.
func (e *Engine) awaitBootActions(ctx context.Context, root string, nodes []string) taskplan.Outcome {
	var rows []labstore.BootAction
	err := await(ctx, e.store, labstore.BootTopic(root), func() (bool, error) {
		all, err := e.store.BootActionsOfNodes(ctx, root)
		if err != nil {
			return false, err
		}
		rows = slices.DeleteFunc(all, func(a labstore.BootAction) bool {
			return a.Status == bootUnreported || !slices.Contains(nodes, a.Node)
		})
		return !slices.ContainsFunc(rows, func(a labstore.BootAction) bool { return a.Status == bootIncomplete }), nil
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return judge(ctx, "", err, nil)
	}
	return bootOutcome(nodes, rows)
}

func bootOutcome(nodes []string, rows []labstore.BootAction) taskplan.Outcome {
	o := taskplan.Outcome{OK: true}
	bad := map[string]bool{}
	for _, a := range rows {
		m := taskplan.Message{ContextType: "node", Context: a.Node}
		m.Text = fmt.Sprintf("Boot action %s completed with status %s", a.Name, a.Status)
		if a.Status == bootIncomplete {
			m.Text, m.Error = fmt.Sprintf("Boot action %s timed out.", a.Name), true
		}
		if a.Status != bootSuccess {
			bad[a.Node], o.OK = true, false
		}
		o.Messages = append(o.Messages, m)
	}
	for _, n := range nodes {
		if bad[n] {
			o.Failures = append(o.Failures, n)
		} else {
			o.Successes = append(o.Successes, n)
		}
	}
	return o
}

// settled says why a step has nothing to do on the node as it is; empty when it
// has. Whatever the driver, it leaves nodes alone that are deployed, as Drydock does
// (drivers/node/maasdriver/actions/node.py): what runs on them is in use, and
// Shipyard deploys whole sites again to add one node. A deployment whose boot
// actions failed can be repeated.
func (e *Engine) settled(ctx context.Context, j Job) (string, error) {
	switch j.Action {
	case taskplan.ConfigureHardware, taskplan.ApplyNodeNetworking, taskplan.ApplyNodeStorage, taskplan.ApplyNodePlatform, taskplan.DeployNode:
	default:
		return "", nil
	}
	n, err := e.store.Node(ctx, j.Node.Name)
	if errors.Is(err, store.ErrNotFound) || err == nil && n.Status != deployedStatus {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	d, err := e.store.Deployment(ctx, j.Node.Name)
	if err != nil || d.Root == j.Root {
		return "", ignoreAbsent(err)
	}
	actions, err := e.store.BootActions(ctx, d.Task)
	if err != nil {
		return "", err
	}
	for _, action := range actions {
		if action.Status != bootSuccess && action.Status != bootUnreported {
			return "", nil
		}
	}
	return "The node is deployed already and is left alone; destroy it first to deploy it again.", nil
}

func ignoreAbsent(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
