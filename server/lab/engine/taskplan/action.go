package taskplan

import (
	"slices"
	"time"
)

// Action is what a task does, in the words of the wire.
type Action string

// The actions that can be asked for.
const (
	ValidateDesign Action = "validate_design"
	VerifySite     Action = "verify_site"
	PrepareSite    Action = "prepare_site"
	VerifyNodes    Action = "verify_nodes"
	PrepareNodes   Action = "prepare_nodes"
	DeployNodes    Action = "deploy_nodes"
	DestroyNodes   Action = "destroy_nodes"
	RelabelNodes   Action = "relabel_nodes"
)

// The actions of subtasks.
const (
	ValidateNodeServices     Action = "validate_node_services"
	CreateNetworkTemplate    Action = "create_network_template"
	ConfigureUserCredentials Action = "configure_user_credentials"
	ConfigureNodeProvisioner Action = "configure_node_provisioner"
	InterrogateOOB           Action = "interrogate_oob"
	SetNodeBoot              Action = "set_node_boot"
	PowerCycleNode           Action = "power_cycle_node"
	IdentifyNode             Action = "identify_node"
	ConfigureHardware        Action = "configure_hardware"
	ApplyNodeNetworking      Action = "apply_node_networking"
	ApplyNodeStorage         Action = "apply_node_storage"
	ApplyNodePlatform        Action = "apply_node_platform"
	DeployNode               Action = "deploy_node"
	BootactionReport         Action = "bootaction_report"
	DestroyNode              Action = "destroy_node"
	RelabelNode              Action = "relabel_node"
)

// spellings maps what a client may ask for to the action. Drydock's
// documentation uses the singular for actions on nodes, its code the plural.
var spellings = map[string]Action{
	"validate_design": ValidateDesign, "verify_site": VerifySite, "prepare_site": PrepareSite,
	"verify_nodes": VerifyNodes, "verify_node": VerifyNodes,
	"prepare_nodes": PrepareNodes, "prepare_node": PrepareNodes,
	"deploy_nodes": DeployNodes, "deploy_node": DeployNodes,
	"destroy_nodes": DestroyNodes, "destroy_node": DestroyNodes,
	"relabel_nodes": RelabelNodes, "relabel_node": RelabelNodes,
}

// ParseAction returns the action that a client asks for, in either spelling.
func ParseAction(sent string) (Action, bool) {
	a, ok := spellings[sent]
	return a, ok
}

// Actions returns what can be asked for, in the plural, sorted.
func Actions() []string {
	var list []string
	for a := range plans {
		list = append(list, string(a))
	}
	slices.Sort(list)
	return list
}

// Steps returns the names of everything that has a time limit, sorted.
func Steps() []string {
	names := map[Action]bool{ValidateDesign: true}
	for _, p := range plans {
		for _, s := range p.steps {
			names[s.action] = true
		}
	}
	var list []string
	for a := range names {
		list = append(list, string(a))
	}
	slices.Sort(list)
	return list
}

// ParseStep returns the step of that name.
func ParseStep(name string) (Action, bool) { return Action(name), slices.Contains(Steps(), name) }

// OnNodes tells whether the action works on nodes, which it must hold alone.
func (a Action) OnNodes() bool { return plans[a].onNodes }

// scope says how a step is divided.
type scope int

const (
	perNode   scope = iota // a subtask for each node
	perOOB                 // a step for each out-of-band type, with a subtask for each node
	wholeSite              // one piece of work for the site
	wholeStep              // one piece of work for all nodes of the step
)

// step is a part of a plan. Several may run under one parent one after the
// other; what fails in one is not in the next.
type step struct {
	action Action
	scope  scope
	// unlisted steps exist, but Drydock does not name them among the subtasks
	// of their parent, and clients compare those lists.
	unlisted bool
	// probe steps ask whether the provisioner knows a node. Those it knows
	// skip the following steps up to the one that rejoins.
	probe, rejoins bool
	retries        int  // how often the failed nodes are tried again
	ownFilter      bool // carries the filter of its parent instead of names
}

type plan struct {
	onNodes bool
	// split plans run once per node, each under a subtask of the same action,
	// when there is more than one node.
	split bool
	steps []step
	// ownWork is done by the top task itself.
	ownWork bool
}

const maxRetries = 3

var plans = map[Action]plan{
	ValidateDesign: {ownWork: true},
	VerifySite:     {steps: []step{{action: ValidateNodeServices, scope: wholeSite}}},
	PrepareSite: {steps: []step{
		{action: CreateNetworkTemplate, scope: wholeSite},
		{action: ConfigureUserCredentials, scope: wholeSite},
		{action: ConfigureNodeProvisioner, scope: wholeSite},
	}},
	VerifyNodes: {onNodes: true, steps: []step{{action: InterrogateOOB, scope: perOOB}}},
	PrepareNodes: {onNodes: true, split: true, steps: []step{
		{action: IdentifyNode, unlisted: true, probe: true, ownFilter: true},
		{action: SetNodeBoot, scope: perOOB},
		{action: PowerCycleNode, scope: perOOB},
		{action: IdentifyNode},
		{action: ConfigureHardware, retries: maxRetries, rejoins: true},
	}},
	DeployNodes: {onNodes: true, steps: []step{
		{action: ApplyNodeNetworking, ownFilter: true},
		{action: ApplyNodeStorage, unlisted: true},
		{action: ApplyNodePlatform},
		{action: DeployNode, retries: maxRetries},
		{action: BootactionReport, scope: wholeStep},
	}},
	DestroyNodes: {onNodes: true, steps: []step{{action: DestroyNode, retries: maxRetries, ownFilter: true}}},
	RelabelNodes: {onNodes: true, steps: []step{{action: RelabelNode}}},
}

// generic is the limit of everything that has none of its own.
const generic = 5 * time.Minute

// DefaultLimits are Drydock's time limits (config.py) for one node, or for the
// site or all nodes where the step is not divided.
var DefaultLimits = map[Action]time.Duration{
	CreateNetworkTemplate:    2 * time.Minute,
	ConfigureUserCredentials: 2 * time.Minute,
	IdentifyNode:             10 * time.Minute,
	ConfigureHardware:        30 * time.Minute,
	DeployNode:               45 * time.Minute,
	BootactionReport:         15 * time.Minute,
	DestroyNode:              30 * time.Minute,
}

// limit returns the time limit of an action: the configured one, Drydock's, or
// five minutes.
func (c Config) limit(a Action) time.Duration {
	if d := c.Limits[a]; d > 0 {
		return d
	}
	if d := DefaultLimits[a]; d > 0 {
		return d
	}
	return generic
}

// Repeatable tells whether a step may simply be done again when the server that
// did it was killed. Power cycles, deployments and releases may not: the machine
// may be in the middle of it. A driver that knows better says so itself.
func Repeatable(a Action) bool {
	switch a {
	case PowerCycleNode, ConfigureHardware, DeployNode, DestroyNode:
		return false
	}
	return true
}
