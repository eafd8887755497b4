package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// agent lets the program that runs on a booted machine do the work: the machine
// asks for it, and reports. The work lies in the store, so it does not matter
// which server the machine talks to, nor whether that one is restarted.
type agent struct {
	store *labstore.Store
}

// Name is what it is called.
func (a *agent) Name() string { return "agent" }

// Simulated is false.
func (a *agent) Simulated() bool { return false }

// Catalogue is unknown: what a machine can install is its own business.
func (a *agent) Catalogue() *design.Catalogue { return nil }

// Missing demands a boot MAC address, by which machines are recognized.
func (a *agent) Missing(n *design.Node) string {
	if n.BootMAC == "" {
		return "the design gives no boot_mac, by which its machine could be recognized"
	}
	return ""
}

// Repeatable is true: work that was offered is found again, not offered twice.
func (a *agent) Repeatable(taskplan.Action) bool { return true }

// Site has nothing to set up, because there is no provisioner beside the server.
func (a *agent) Site(_ context.Context, action taskplan.Action) (string, error) {
	return fmt.Sprintf("There is nothing to do for %s: machines with an agent need no provisioner.", action), nil
}

// Do waits for the machine of the node, then for its report.
func (a *agent) Do(ctx context.Context, j Job, _ *Reporter) (string, error) {
	if j.Probe {
		return a.probe(ctx, j)
	}
	if j.Action == taskplan.RelabelNode {
		return "Labels are read from the design; there is nothing to bring up to date on the machine.", nil
	}
	if j.Action == taskplan.IdentifyNode {
		return a.identify(ctx, j)
	}
	m, err := a.machine(ctx, j.Node.Name)
	if err != nil {
		return "", err
	}
	if err := a.note(ctx, j, m, during[j.Action]); err != nil {
		return "", Transient(err)
	}
	w, err := a.finished(ctx, j)
	if err != nil {
		return "", err
	}
	status := after[j.Action]
	if w.Status != WorkSuccess {
		status = failed[j.Action]
	}
	if err := a.note(ctx, j, m, status); err != nil {
		return "", Transient(err)
	}
	return a.outcome(j, w)
}

func (a *agent) outcome(j Job, w *labstore.Work) (string, error) {
	switch {
	case w.Status == WorkSuccess && w.Message != "":
		return w.Message, nil
	case w.Status == WorkSuccess:
		return fmt.Sprintf("The machine has done %s.", j.Action), nil
	}
	err := fmt.Errorf("the machine reports that %s failed", j.Action)
	if w.Message != "" {
		err = errors.New(w.Message)
	}
	if w.Retry {
		return "", Transient(err)
	}
	return "", err
}

// machine returns the machine of the node, which must not be held.
func (a *agent) machine(ctx context.Context, node string) (*labstore.Machine, error) {
	m, err := a.store.MachineOf(ctx, node)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, errors.New("no machine with the node's boot_mac has registered")
	case err != nil:
		return nil, Transient(err)
	case m.Hold && m.HoldReason != "":
		return nil, errors.New("the machine is held: " + m.HoldReason)
	case m.Hold:
		return nil, errors.New("the machine is held")
	}
	return m, nil
}

func (a *agent) probe(ctx context.Context, j Job) (string, error) {
	if _, err := a.store.MachineOf(ctx, j.Node.Name); errors.Is(err, store.ErrNotFound) {
		return "", ErrAbsent
	} else if err != nil {
		return "", Transient(err)
	}
	return "The machine of the node has registered.", nil
}

// identify waits for the machine to register.
func (a *agent) identify(ctx context.Context, j Job) (string, error) {
	var m *labstore.Machine
	err := await(ctx, a.store, labstore.NodeTopic(j.Node.Name), func() (bool, error) {
		var err error
		m, err = a.store.MachineOf(ctx, j.Node.Name)
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return "", waitedInVain(ctx, err, "no machine with the node's boot_mac has registered in time")
	}
	if _, err := a.machine(ctx, j.Node.Name); err != nil {
		return "", err
	}
	if err := a.note(ctx, j, m, ""); err != nil {
		return "", Transient(err)
	}
	return "The machine of the node has registered.", nil
}

// finished offers the work and waits for its end. The offer is withdrawn when
// nobody waits for it any more, but not when the server stops: then the next one
// goes on waiting.
func (a *agent) finished(ctx context.Context, j Job) (*labstore.Work, error) {
	deadline, _ := ctx.Deadline()
	w, err := a.store.OfferWork(ctx, &labstore.Work{
		Task: j.Task, Node: j.Node.Name, Action: string(j.Action), Status: WorkRunning, Deadline: deadline,
	})
	if err != nil {
		return nil, Transient(err)
	}
	err = await(ctx, a.store, labstore.NodeTopic(j.Node.Name), func() (bool, error) {
		var err error
		w, err = a.store.Work(ctx, j.Task)
		return err == nil && w.Status != WorkRunning, err
	})
	if err == nil {
		return w, nil
	}
	if !errors.Is(context.Cause(ctx), errStopping) {
		a.withdraw(ctx, j)
	}
	return nil, waitedInVain(ctx, err, "the machine did not report the end of the step in time")
}

func (a *agent) withdraw(ctx context.Context, j Job) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	// When this fails, the machine finds out with its report: the task is over.
	_ = a.store.ReportWork(ctx, &labstore.Work{Task: j.Task, Node: j.Node.Name, Status: "stopped"}, nil)
}

// waitedInVain says what a step waited for in vain.
func waitedInVain(ctx context.Context, err error, text string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return Transient(errors.New(text))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return Transient(err)
}

// note writes what is known of the machine.
func (a *agent) note(ctx context.Context, j Job, m *labstore.Machine, status string) error {
	return a.store.UpdateNode(ctx, j.Node.Name, func(n *labstore.Node) {
		n.Driver, n.BootMAC, n.BootIP = "agent", j.Node.BootMAC, m.Address
		n.Memory, n.CPUCount, n.Power = m.Memory, m.CPUCount, "on"
		n.PowerAddress = j.Node.Address(j.Node.OOB["network"])
		if status != "" {
			n.Status = status
		}
	})
}
