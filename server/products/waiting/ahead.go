package waiting

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

// An Entry is a queued opportunity with its place.
type Entry struct {
	Opportunity
	ID       uuid.UUID
	Priority int64
}

// AheadOf counts what stands before each of the wanted opportunities in the queue,
// which is in the order in which agents are given work, and of which more says that
// it was cut. What pauses stands before nobody, and neither does what no agent that
// is online could pick instead.
func AheadOf(wanted, queue []Entry, more bool, agents []Agent, now time.Time, silence time.Duration) map[uuid.UUID]Ahead {
	agents = slices.DeleteFunc(slices.Clone(agents), func(a Agent) bool { return a.Mode != Online || a.Silent(now, silence) })
	left := make(map[uuid.UUID]Entry, len(wanted))
	for _, e := range wanted {
		left[e.ID] = e
	}
	c := counting{kinds: map[kind]*tally{}, agents: agents}
	out := make(map[uuid.UUID]Ahead, len(wanted))
	for _, e := range queue {
		if _, ok := left[e.ID]; ok {
			out[e.ID] = c.before(e)
			delete(left, e.ID)
		}
		if len(left) == 0 {
			break
		}
		if !now.Before(e.NotBefore) {
			c.of(e).byPriority[e.Priority]++
		}
	}
	for id, e := range left { // behind the cut, or gone meanwhile
		a := c.before(e)
		a.More = more
		out[id] = a
	}
	return out
}

// kind is what decides which agents serve an opportunity.
type kind struct {
	product                  uuid.UUID
	release, platform, group string
	anyPlatform, anyGroup    bool
}

func kindOf(o Opportunity) kind {
	k := kind{product: o.ProductID, release: o.Release, anyPlatform: o.Platform == nil, anyGroup: o.AgentGroup == nil}
	if o.Platform != nil {
		k.platform = *o.Platform
	}
	if o.AgentGroup != nil {
		k.group = *o.AgentGroup
	}
	return k
}

// tally counts the opportunities of a kind so far.
type tally struct {
	serving    []bool // by agent
	byPriority map[int64]int
}

type counting struct {
	kinds  map[kind]*tally
	agents []Agent
}

func (c *counting) of(e Entry) *tally {
	k := kindOf(e.Opportunity)
	t := c.kinds[k]
	if t == nil {
		t = &tally{byPriority: map[int64]int{}, serving: make([]bool, len(c.agents))}
		for i, a := range c.agents {
			t.serving[i] = a.Serves(e.Opportunity)
		}
		c.kinds[k] = t
	}
	return t
}

// before sums up what was counted so far and could be picked instead.
func (c *counting) before(e Entry) Ahead {
	var out Ahead
	own := c.of(e)
	for _, t := range c.kinds {
		if !slices.ContainsFunc(indexes(own.serving), func(i int) bool { return t.serving[i] }) {
			continue
		}
		for priority, n := range t.byPriority {
			switch cmp.Compare(priority, e.Priority) {
			case 1:
				out.Higher += n
			case 0:
				out.Earlier += n
			}
		}
	}
	return out
}

// indexes are the places of what is true.
func indexes(list []bool) []int {
	var out []int
	for i, yes := range list {
		if yes {
			out = append(out, i)
		}
	}
	return out
}
