package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// simulator pretends to be machines and their out-of-band controllers, for
// demonstrations and tests. Labels of a node (metadata.owner_data) steer it:
//
//	simulate_fail: deploy_node,destroy_node   these steps fail
//	simulate_fail_once: configure_hardware    these steps fail the first time
//	simulate_signal: success                  how the node's boot actions end
type simulator struct {
	store  *labstore.Store
	config SimulatorConfig
}

const (
	failLabel     = "simulate_fail"
	failOnceLabel = "simulate_fail_once"
	signalLabel   = "simulate_signal"
)

func newSimulator(s *labstore.Store, c SimulatorConfig) *simulator { return &simulator{s, c} }

// Name calls it what it is.
func (s *simulator) Name() string { return "simulator" }

// Simulated is true.
func (s *simulator) Simulated() bool { return true }

// Catalogue is what is configured.
func (s *simulator) Catalogue() *design.Catalogue {
	c := &design.Catalogue{}
	for _, name := range slices.Sorted(maps.Keys(s.config.Images)) {
		image := design.Image{Name: name}
		for kernel := range strings.SplitSeq(s.config.Images[name], ",") {
			if kernel = strings.TrimSpace(kernel); kernel != "" {
				image.Kernels = append(image.Kernels, kernel)
			}
		}
		c.Images = append(c.Images, image)
	}
	return c
}

// Missing is never the case: it stands for every kind of machine.
func (s *simulator) Missing(*design.Node) string { return "" }

// Repeatable is true of every step, since none touches a machine.
func (s *simulator) Repeatable(taskplan.Action) bool { return true }

// Site pretends to set up the provisioner.
func (s *simulator) Site(ctx context.Context, action taskplan.Action) (string, error) {
	if err := s.wait(ctx, "site", action); err != nil {
		return "", err
	}
	return fmt.Sprintf("Simulator: %s done, nothing was touched.", action), nil
}

// wait takes the step's time.
func (s *simulator) wait(ctx context.Context, name string, action taskplan.Action) error {
	if s.config.Delay == 0 {
		return ctx.Err()
	}
	hash := fnv.New64a()
	_, _ = fmt.Fprintf(hash, "%s/%s", name, action)
	draw := rand.New(rand.NewPCG(s.config.Seed, hash.Sum64())) //nolint:gosec // not for secrets
	half := s.config.Delay / 2
	timer := time.NewTimer(half + time.Duration(draw.Int64N(int64(half)+1)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Do pretends to do a step.
func (s *simulator) Do(ctx context.Context, j Job, r *Reporter) (string, error) {
	if j.Probe {
		return s.probe(ctx, j)
	}
	status, power := after[j.Action], power[j.Action]
	if known, err := s.store.Node(ctx, j.Node.Name); err == nil && known.Status == deployedStatus && j.Action == taskplan.ConfigureHardware {
		status, power = known.Status, known.Power // it stays what it is; only its build data are new
	}
	if err := s.update(ctx, j, during[j.Action], ""); err != nil {
		return "", Transient(err)
	}
	if err := s.wait(ctx, j.Node.Name, j.Action); err != nil {
		return "", err
	}
	if fails(j) {
		if err := s.update(ctx, j, failed[j.Action], ""); err != nil {
			return "", Transient(err)
		}
		return "", Transient(fmt.Errorf("simulator: %s failed because a label of the node says so", j.Action))
	}
	if j.Action == taskplan.ConfigureHardware {
		if err := s.commission(ctx, j, r); err != nil {
			return "", Transient(err)
		}
	}
	if err := s.update(ctx, j, status, power); err != nil {
		return "", Transient(err)
	}
	if j.Action == taskplan.DeployNode {
		if err := s.signal(ctx, j); err != nil {
			return "", Transient(err)
		}
	}
	return fmt.Sprintf("Simulator: %s done, nothing was touched.", j.Action), nil
}

// signal ends the boot actions of the deployment, where a label or the setting
// asks for it.
func (s *simulator) signal(ctx context.Context, j Job) error {
	status := j.Node.Labels[signalLabel]
	if status == "" && s.config.Signals {
		status = bootSuccess
	}
	if status != bootSuccess && status != bootFailure {
		return nil
	}
	actions, err := s.store.BootActions(ctx, j.Task)
	for _, a := range actions {
		if err != nil || a.Status != bootIncomplete {
			continue
		}
		_, err = s.store.SignalBootAction(ctx, a.ID, status, []labstore.Message{{
			Task: j.Task, Text: "Simulator: signalled in place of the boot action.", ContextType: "bootaction", Context: a.ID, CreatedAt: s.store.Now(),
		}})
		if errors.Is(err, store.ErrConflict) { // somebody signalled meanwhile
			err = nil
		}
	}
	return err
}

// deployedStatus is MAAS's word for a node that does its work.
const deployedStatus = "Deployed"

// MAAS's words for a node during, after and after a failure of a step.
var (
	during = map[taskplan.Action]string{
		taskplan.ConfigureHardware: "Commissioning",
		taskplan.DeployNode:        "Deploying",
		taskplan.DestroyNode:       "Releasing",
	}
	after = map[taskplan.Action]string{
		taskplan.ConfigureHardware: "Ready",
		taskplan.DeployNode:        deployedStatus,
		taskplan.DestroyNode:       "Ready",
	}
	failed = map[taskplan.Action]string{
		taskplan.ConfigureHardware: "Failed commissioning",
		taskplan.DeployNode:        "Failed deployment",
		taskplan.DestroyNode:       "Broken",
	}
	power = map[taskplan.Action]string{
		taskplan.PowerCycleNode:    "on",
		taskplan.ConfigureHardware: "off",
		taskplan.DeployNode:        "on",
		taskplan.DestroyNode:       "off",
	}
)

func fails(j Job) bool {
	in := func(label string) bool {
		return slices.ContainsFunc(strings.Split(j.Node.Labels[label], ","), func(s string) bool {
			return strings.TrimSpace(s) == string(j.Action)
		})
	}
	return in(failLabel) || j.Retry == 0 && in(failOnceLabel)
}

// probe tells whether the node needs no power cycle, because it was prepared.
func (s *simulator) probe(ctx context.Context, j Job) (string, error) {
	known, err := s.store.Node(ctx, j.Node.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "", ErrAbsent
	case err != nil:
		return "", Transient(err)
	case known.Status == "New" || known.Status == "Failed commissioning" || known.Status == "Broken":
		return "", ErrAbsent
	}
	return fmt.Sprintf("Simulator: the node is known (%s).", known.Status), nil
}

const (
	simulatedMemory = 16384
	simulatedCPUs   = 8
)

// update writes the state of the pretended machine. Its power address says what
// it is.
func (s *simulator) update(ctx context.Context, j Job, status, power string) error {
	return s.store.UpdateNode(ctx, j.Node.Name, func(n *labstore.Node) {
		n.Driver, n.PowerAddress, n.BootMAC = "simulator", "simulator", j.Node.BootMAC
		n.Memory, n.CPUCount = simulatedMemory, simulatedCPUs
		n.BootIP = j.Node.Address(j.Node.PrimaryNetwork)
		if status != "" {
			n.Status = status
		}
		if power != "" {
			n.Power = power
		}
	})
}

// commission leaves the build data that commissioning leaves.
func (s *simulator) commission(ctx context.Context, j Job, r *Reporter) error {
	lshw := fmt.Sprintf("<?xml version=\"1.0\"?>\n<!-- made by Slipway's simulator -->\n<list><node id=%q class=\"system\"><vendor>Slipway simulator</vendor></node></list>\n", j.Node.Name)
	lldp := "<?xml version=\"1.0\"?>\n<!-- made by Slipway's simulator -->\n<lldp label=\"LLDP neighbors\"/>\n"
	if err := r.BuildData(ctx, "lshw", "text/xml", lshw); err != nil {
		return err
	}
	return r.BuildData(ctx, "lldp", "text/xml", lldp)
}
