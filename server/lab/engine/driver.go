package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// NodeDriver works on nodes. It is safe for concurrent use.
type NodeDriver interface {
	// Name is how the driver calls itself in messages and health.
	Name() string
	// Simulated drivers touch no machine, and say so in every message.
	Simulated() bool
	// Catalogue is what nodes may choose from; nil when the driver cannot know.
	Catalogue() *design.Catalogue
	// Missing says why the driver cannot work on the node; empty when it can.
	Missing(n *design.Node) string
	// Site does a step on the whole site and answers what it did.
	Site(ctx context.Context, action taskplan.Action) (string, error)
	// Do does a step on a node and answers what it did. The context has the
	// step's deadline. An error is final unless it is Transient. ErrAbsent is
	// the answer of a probe that finds nothing.
	Do(ctx context.Context, j Job, r *Reporter) (string, error)
	// Repeatable tells whether a step may be done again when the server that
	// did it was killed.
	Repeatable(a taskplan.Action) bool
}

// OOBDriver reaches nodes out of band: power and one-time boot.
type OOBDriver interface {
	// Do does interrogate_oob, set_node_boot or power_cycle_node on a node.
	Do(ctx context.Context, j Job, r *Reporter) (string, error)
}

// Drivers are what works on nodes and reaches them out of band.
type Drivers struct {
	nodes NodeDriver
	oobs  map[string]OOBDriver // by out-of-band type
}

// NewDrivers makes the drivers that the settings name.
func NewDrivers(s *labstore.Store, c Config) (*Drivers, error) {
	switch c.Driver {
	case "simulator":
		sim := newSimulator(s, c.Simulator)
		return &Drivers{sim, map[string]OOBDriver{anyOOB: sim}}, nil
	case "agent":
		return &Drivers{&agent{store: s}, map[string]OOBDriver{
			design.OOBManual:  manual{},
			design.OOBRedfish: &redfish{store: s, config: c.Redfish},
		}}, nil
	}
	return nil, fmt.Errorf("the lab's driver %q must be simulator or agent", c.Driver)
}

// Name is how the node driver calls itself.
func (d *Drivers) Name() string { return d.nodes.Name() }

// Simulated tells whether the node driver touches no machine.
func (d *Drivers) Simulated() bool { return d.nodes.Simulated() }

// Options are what designs are checked with on account of the drivers.
func (d *Drivers) Options() design.Options {
	o := design.Options{Catalogue: d.nodes.Catalogue(), NoDriver: d.missing}
	if o.Catalogue == nil {
		o.NoCatalogue = "the driver " + d.nodes.Name() + " does not know which images there are"
	}
	return o
}

// anyOOB is the type under which a driver stands for every type.
const anyOOB = "*"

// ErrAbsent says that the provisioner does not know a node.
var ErrAbsent = errors.New("the provisioner does not know the node")

// Job is a step on a node.
type Job struct {
	Task   string
	Root   string
	Action taskplan.Action
	Probe  bool // only ask, do not wait
	Retry  int
	Site   *design.Site
	Node   *design.Node
}

type transientError struct{ err error }

func (t transientError) Error() string { return t.err.Error() }
func (t transientError) Unwrap() error { return t.err }

// Transient marks an error that trying again may mend.
func Transient(err error) error {
	if err == nil {
		return nil
	}
	return transientError{err}
}

func isTransient(err error) bool {
	var t transientError
	return errors.As(err, &t)
}

// Reporter takes what a driver has to say while it works. It takes the node's
// secrets out of every text.
type Reporter struct {
	store   *labstore.Store
	job     Job
	secrets []string
}

func (e *Engine) reporter(j Job) *Reporter {
	r := &Reporter{store: e.store, job: j}
	if j.Node != nil && len(j.Node.OOB["credential"]) > 0 {
		r.secrets = []string{j.Node.OOB["credential"]}
	}
	return r
}

// Redact takes the secrets out of a text.
func (r *Reporter) Redact(text string) string {
	for _, s := range r.secrets {
		text = strings.ReplaceAll(text, s, "********")
	}
	return text
}

// Message adds a message to the task of the node.
func (r *Reporter) Message(ctx context.Context, text string, isError bool) error {
	return r.store.AddMessages(ctx, []labstore.Message{{
		Task: r.job.Task, Text: r.Redact(text), Error: isError,
		ContextType: "node", Context: r.job.Node.Name, CreatedAt: r.store.Now(),
	}})
}

// BuildData keeps something that was found out about the node.
func (r *Reporter) BuildData(ctx context.Context, generator, format, data string) error {
	return r.store.AddBuildData(ctx, &labstore.BuildData{
		Node: r.job.Node.Name, Task: r.job.Task, Generator: generator, Format: format, Data: []byte(r.Redact(data)),
	})
}

// manual is for boards whose power a person switches.
type manual struct{}

// Do asks nobody and switches nothing; it says so.
func (manual) Do(_ context.Context, j Job, _ *Reporter) (string, error) {
	switch j.Action {
	case taskplan.InterrogateOOB:
		return "The node has no out-of-band controller; nothing was asked.", nil
	case taskplan.SetNodeBoot:
		return "The node has no out-of-band controller; make sure that it boots from the network.", nil
	}
	return "The node has no out-of-band controller; switch it off and on by hand.", nil
}

// missing says why nobody can work on a node; empty when somebody can.
func (d *Drivers) missing(n *design.Node) string {
	if why := d.nodes.Missing(n); why != "" {
		return why
	}
	_, why := d.oobOf(n)
	return why
}

// oobOf returns the driver for a node's out-of-band type, or why there is none.
func (d *Drivers) oobOf(n *design.Node) (OOBDriver, string) {
	if every := d.oobs[anyOOB]; every != nil {
		return every, ""
	}
	if n.OOBType == "" {
		return nil, "it has no out-of-band type"
	}
	if driver := d.oobs[n.OOBType]; driver != nil {
		return driver, ""
	}
	return nil, "no driver for the out-of-band type " + n.OOBType
}
