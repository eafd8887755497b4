package taskplan

import "time"

// Status is where a task is in its life.
type Status string

// The statuses. Subtasks are never queued.
const (
	Requested   Status = "requested"
	Queued      Status = "queued"
	Running     Status = "running"
	Terminating Status = "terminating"
	Terminated  Status = "terminated"
	Complete    Status = "complete"
)

// Final tells whether nothing can happen to the task any more.
func (s Status) Final() bool { return s == Complete || s == Terminated }

// ResultStatus is how a task went.
type ResultStatus string

// The result statuses.
const (
	Incomplete     ResultStatus = "incomplete"
	Success        ResultStatus = "success"
	PartialSuccess ResultStatus = "partial_success"
	Failure        ResultStatus = "failure"
)

// Role is the place of a task in its tree.
type Role string

// The roles. A Split task is a node's own prepare_nodes under that of several
// nodes; a Node task is the work on one node; a Step is the rest.
const (
	Top   Role = "top"
	Split Role = "split"
	Step  Role = "step"
	Node  Role = "node"
)

// Task is a task as the plan sees it. All of it is stored.
type Task struct {
	ID     string
	Parent string // "" at the top
	Role   Role
	Action Action
	Status Status
	Result ResultStatus
	// Message and Reason are the words of the result, mostly empty.
	Message, Reason string
	// Nodes are the targets, in the order of the design.
	Nodes               []string
	Successes, Failures []string
	// Absent marks a probe that found that the provisioner does not know the
	// node, which is no error.
	Absent bool
	// Final marks a failure that trying again cannot mend.
	Final bool
	// Listed tasks appear among the subtasks of their parent.
	Listed bool
	// OwnFilter says that the task carries the node filter of its parent; if
	// not, a subtask's filter names its Nodes.
	OwnFilter bool
	// Stage is the index of a step in its parent's plan, and of the step a
	// parent is at.
	Stage        int
	Retry        int
	Terminate    bool
	TerminatedBy string
	Created      time.Time
	Started      time.Time // when its work began; zero before
	Deadline     time.Time // when its work must have ended; zero before
	Ended        time.Time // when it became final; zero before
	TerminatedAt time.Time // when its cancellation was asked for; zero if it was not

	children []*Task
	parent   *Task
	open     int // children that are not final
}

// Subtasks returns the ids of the listed children, in the order of creation.
func (t *Task) Subtasks() []string {
	ids := []string{}
	for _, c := range t.children {
		if c.Listed {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// node is the node of a Node task.
func (t *Task) node() string { return t.Nodes[0] }

// working tells whether the task itself is work that somebody does.
func (t *Task) working() bool {
	switch t.Role {
	case Node:
		return true
	case Step:
		s := t.stepOf()
		return s.scope == wholeSite || s.scope == wholeStep
	case Top:
		return plans[t.Action].ownWork
	}
	return false
}

// stepOf returns the step that a Step task is.
func (t *Task) stepOf() step { return plans[t.parent.Action].steps[t.Stage] }

// Message is a status message for a task.
type Message struct {
	Task        string
	Text        string
	Error       bool
	ContextType string // node, task, bootaction, site, network, document, NA
	Context     string
	Time        time.Time
}

// NoContext is the context and the context type of a message about nothing in
// particular.
const NoContext = "NA"

// Work is something to do now: for a node, or for the site or a whole step when
// Node is empty.
type Work struct {
	Task   string
	Action Action
	Node   string
	Nodes  []string // of a whole step
	Probe  bool     // identify_node that only asks, and must not wait
	Retry  int      // 0 the first time
	Limit  time.Duration
}

// Effects is what follows from an event. Created and Changed are to be stored
// together with Messages; afterwards Work can start, and the work of the tasks
// in Stop is to be cancelled.
type Effects struct {
	Created  []*Task // parents before their children
	Changed  []*Task // without those in Created
	Messages []Message
	Work     []Work
	Stop     []string
}

// resultOf tells a status from the two lists. Nobody at all is a success.
func resultOf(successes, failures []string) ResultStatus {
	switch {
	case len(failures) == 0:
		return Success
	case len(successes) == 0:
		return Failure
	}
	return PartialSuccess
}
