// Package waiting says why a queued test opportunity still waits: no agent is
// registered that could run it, none of those is online, or all of them are busy.
// A queue that does not explain itself is the first thing lab owners ask about;
// openQA answers the same question with its current_reason.
//
// The answer is for people and changes nothing. It follows the rule by which agents
// are given work, Agent.Serves, which lives here so that both can be held against
// each other in tests. Everything is a plain value.
package waiting

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Mode is what an agent's owner wants of it. Only online agents get work.
type Mode string

// The modes of an agent, as on the wire.
const (
	Online      Mode = "online"
	Draining    Mode = "draining"
	Maintenance Mode = "maintenance"
	Offline     Mode = "offline"
)

// DefaultSilence is how long an agent that runs nothing may be silent before it
// counts as gone. Agents poll every few seconds.
const DefaultSilence = 2 * time.Minute

// An Agent is what counts of a registered agent.
type Agent struct {
	Platform   *string
	AgentGroup *string
	Products   []uuid.UUID // empty: all
	Releases   []string    // empty: all
	Mode       Mode
	LastSeenAt time.Time
	Capacity   int
	Holding    int // leases it has
}

// An Opportunity is what counts of a queued test opportunity; nil means any.
type Opportunity struct {
	ProductID  uuid.UUID
	Release    string
	Platform   *string
	AgentGroup *string
}

// Serves reports whether the agent may be given the opportunity, apart from whether
// it is online and has room.
func (a Agent) Serves(o Opportunity) bool {
	return fits(o.Platform, a.Platform) && fits(o.AgentGroup, a.AgentGroup) && a.allows(o)
}

func (a Agent) allows(o Opportunity) bool {
	return (len(a.Products) == 0 || slices.Contains(a.Products, o.ProductID)) &&
		(len(a.Releases) == 0 || slices.Contains(a.Releases, o.Release))
}

// fits reports whether an agent's property satisfies what is wanted. An agent
// without one only satisfies those who want none.
func fits(wanted, has *string) bool {
	return wanted == nil || has != nil && *wanted == *has
}

// silent reports whether nothing shows that the agent is alive. One that holds a
// lease is working: old agents say nothing for hours while a test runs.
func (a Agent) silent(now time.Time, limit time.Duration) bool {
	return a.Holding == 0 && now.Sub(a.LastSeenAt) > limit
}

// Code is the stable slug of a reason.
type Code string

// The reasons, in the order in which they are looked for.
const (
	NoAgent    Code = "no-agent"
	NoneOnline Code = "none-online"
	AllBusy    Code = "all-busy"
	NotAsked   Code = "not-asked" // an agent could have it and will, when it asks
)

// A Reason says why an opportunity waits. Text is for people and may name the
// platform and the group.
type Reason struct {
	Code Code
	Text string
}

// Why finds the reason among all agents that the opportunity's owner has. An agent
// without a lease counts as gone when it was not seen for longer than silence.
func Why(o Opportunity, agents []Agent, now time.Time, silence time.Duration) Reason {
	var serving, online, free int
	modes := map[string]int{}
	for _, a := range agents {
		if !a.Serves(o) {
			continue
		}
		serving++
		switch {
		case a.Mode != Online:
			modes[string(a.Mode)]++
		case a.silent(now, silence):
			modes["silent"]++
		default:
			online++
			if a.Holding < a.Capacity {
				free++
			}
		}
	}
	switch {
	case serving == 0:
		return Reason{NoAgent, "no agent registered" + missing(o, agents)}
	case online == 0:
		return Reason{NoneOnline, fmt.Sprintf("none online: of %s that could run it, %s", count(serving), list(modes))}
	case free == 0:
		return Reason{AllBusy, fmt.Sprintf("all busy: each of %s online holds as much as it can", count(online))}
	}
	return Reason{NotAsked, fmt.Sprintf("not asked for yet: %s online could run it", count(free))}
}

// missing tells what no agent has, as precisely as it can: the platform, the group,
// both together, or the permission for product and release.
func missing(o Opportunity, agents []Agent) string {
	has := func(match func(Agent) bool) bool { return slices.ContainsFunc(agents, match) }
	platform := func(a Agent) bool { return fits(o.Platform, a.Platform) }
	group := func(a Agent) bool { return fits(o.AgentGroup, a.AgentGroup) }
	switch {
	case len(agents) == 0:
		return ""
	case !has(platform):
		return " for platform " + *o.Platform
	case !has(group):
		return " for group " + *o.AgentGroup
	case !has(func(a Agent) bool { return platform(a) && group(a) }):
		return fmt.Sprintf(" for platform %s in group %s", *o.Platform, *o.AgentGroup)
	}
	return " that takes this product in release " + o.Release
}

func count(n int) string {
	if n == 1 {
		return "1 agent"
	}
	return fmt.Sprintf("%d agents", n)
}

// list writes counts as "1 draining, 2 silent".
func list(counts map[string]int) string {
	var out []string
	for what, n := range counts {
		out = append(out, fmt.Sprintf("%d %s", n, what))
	}
	slices.SortFunc(out, func(a, b string) int {
		return strings.Compare(a[strings.IndexByte(a, ' '):], b[strings.IndexByte(b, ' '):])
	})
	return strings.Join(out, ", ")
}
