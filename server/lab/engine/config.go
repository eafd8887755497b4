package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
)

// Config says what works on tasks, how much at once and for how long.
type Config struct {
	Driver                 string                   `name:"lab-driver" enum:"simulator,agent" default:"simulator" help:"What carries out work on nodes: simulator or agent."`
	Idle                   bool                     `name:"lab-idle" help:"Answer the lab's requests, but leave the work on its tasks to the other servers of the database."`
	Workers                int                      `name:"lab-workers" default:"2000" min:"1" help:"How many pieces of work on tasks one server does at once; most of them only wait."`
	Lease                  time.Duration            `name:"lab-lease" default:"30s" min:"100ms" help:"How long after a server has died another one takes over its tasks."`
	Limits                 map[string]time.Duration `name:"lab-limits" placeholder:"STEP=TIME;…" min:"1ms" help:"Time limits of steps that differ from Drydock's, such as deploy_node=90m."`
	MaxMessages            int64                    `name:"lab-max-messages" default:"16777216" min:"1" help:"Limit of the messages that machines may send in one task, in bytes."`
	DesignRetentionDays    int                      `name:"design-retention-days" default:"30" min:"0" max:"36500" help:"How many days the design of a task is kept at least; after that it is deleted with the last task that needs it. 0: no limit."`
	BuildDataRetentionDays int                      `name:"lab-build-data-retention-days" default:"90" min:"0" max:"36500" help:"How many days build data are kept; the newest of each kind stays. 0: no limit."`

	Simulator SimulatorConfig `embed:"" prefix:"simulator-"`
	Redfish   RedfishConfig   `embed:"" prefix:"redfish-"`
}

// SimulatorConfig tunes the driver that only pretends.
type SimulatorConfig struct {
	Delay   time.Duration     `default:"1s" min:"0s" help:"Longest duration of a simulated step; the shortest is half of it. 0: no time."`
	Signals bool              `help:"Let boot actions on simulated nodes succeed without a report."`
	Seed    uint64            `help:"Number from which, with node and step, the durations of simulated steps are drawn."`
	Images  map[string]string `default:"jammy=ga-24.04,hwe-24.04;noble=ga-24.04,hwe-24.04" help:"Images that the simulator offers, with their kernels, as IMAGE=KERNEL,…;…"`
}

// RedfishConfig tunes the driver for boards that speak Redfish, which works
// beside the agent.
type RedfishConfig struct {
	Insecure bool          `help:"Accept any certificate of boards that speak Redfish; most use a self-signed one."`
	Port     int           `default:"443" min:"1" max:"65535" help:"Port on which these boards listen."`
	Interval time.Duration `default:"10s" min:"1ms" help:"Pause between two attempts, and between two checks of the power state; boards are slow."`
	Looks    int           `default:"18" min:"1" help:"How often the power state is checked after a reset. The default is Drydock's."` // drivers/oob/redfish_driver/driver.py
}

// Validate refuses names of steps that mean nothing.
func (c Config) Validate() error {
	_, err := limitsOf(c.Limits)
	return err
}

// limitsOf knows the steps by name.
func limitsOf(settings map[string]time.Duration) (map[taskplan.Action]time.Duration, error) {
	limits := map[taskplan.Action]time.Duration{}
	for name, limit := range settings {
		step, known := taskplan.ParseStep(name)
		if !known {
			return nil, fmt.Errorf("--lab-limits: %q is not a step; the steps are %s", name, strings.Join(taskplan.Steps(), ", "))
		}
		limits[step] = limit
	}
	return limits, nil
}
