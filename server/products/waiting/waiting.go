// Package waiting says why a queued test opportunity still waits: no agent is
// registered that could run it, none of those is online and heard of, all of them
// are busy, it pauses after a failed attempt, or others stand before it.
// A queue that does not explain itself is the first thing lab owners ask about;
// openQA answers the same question with its current_reason.
//
// The answer is for people and changes nothing. It follows the rule by which agents
// are given work, Agent.Serves and Opportunity.May, which live here so that both can be held against
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

// DefaultSilence is how long nothing may be heard of an agent before it counts as
// silent. Agents poll every few seconds.
const DefaultSilence = 2 * time.Minute

// An Agent is what counts of a registered agent.
type Agent struct {
	ID         string
	Platform   *string
	AgentGroup *string
	Products   []uuid.UUID // empty: all
	Releases   []string    // empty: all
	Mode       Mode
	LastSeenAt time.Time
	Silence    *time.Duration // its limit; nil: that of all
	Capacity   int
	Holding    int // leases it has
}

// An Opportunity is what counts of a queued test opportunity; nil means any.
type Opportunity struct {
	ProductID  uuid.UUID
	Release    string
	Platform   *string
	AgentGroup *string

	NotBefore time.Time            // its next attempt
	Avoided   map[string]time.Time // agents that failed it, and when they may have it again at the earliest
	Ahead     Ahead
}

// Ahead counts what stands before an opportunity: what is picked first by an agent
// that could have it.
type Ahead struct {
	Higher  int  // of higher priority
	Earlier int  // of the same, but waiting for longer
	More    bool // there may be more: not everything was counted
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

// Silent reports whether nothing was heard of the agent for longer than its limit,
// whatever it holds; limit is for one that has none of its own, and 0 is no limit. An
// old agent that says nothing while a test runs counts as silent meanwhile, which
// takes nothing from it.
func (a Agent) Silent(now time.Time, limit time.Duration) bool {
	if a.Silence != nil {
		limit = *a.Silence
	}
	return limit > 0 && now.Sub(a.LastSeenAt) > limit
}

// May reports whether the agent gets the opportunity when it asks now and has room.
// One that failed it pauses, and leaves it to another that fits, is online and has
// not; silence is the limit of agents that have none of their own.
func (o Opportunity) May(a Agent, agents []Agent, now time.Time, silence time.Duration) bool {
	if !a.Serves(o) || now.Before(o.NotBefore) {
		return false
	}
	until, failed := o.Avoided[a.ID]
	return !failed || !now.Before(until) && !slices.ContainsFunc(agents, func(other Agent) bool {
		_, failed := o.Avoided[other.ID]
		return !failed && other.Mode == Online && !other.Silent(now, silence) && other.Serves(o)
	})
}

// Code is the stable slug of a reason.
type Code string

// The reasons, in the order in which they are looked for.
const (
	NoAgent    Code = "no-agent"
	NoneOnline Code = "none-online"
	AllBusy    Code = "all-busy"
	Paused     Code = "paused"    // until the next attempt
	Behind     Code = "behind"    // others stand before it
	NotAsked   Code = "not-asked" // an agent could have it and will, when it asks
)

// A Reason says why an opportunity waits. Text is for people and may name the
// platform and the group.
type Reason struct {
	Code Code
	Text string
}

// Why finds the reason among all agents that the opportunity's owner has. An agent
// counts as gone when it was not heard of for longer than its limit; silence is that
// of agents that have none of their own.
func Why(o Opportunity, agents []Agent, now time.Time, silence time.Duration) Reason {
	var online []Agent
	serving, modes := 0, map[string]int{}
	for _, a := range agents {
		if !a.Serves(o) {
			continue
		}
		serving++
		switch {
		case a.Mode != Online:
			modes[string(a.Mode)]++
		case a.Silent(now, silence):
			modes["silent"]++
		default:
			online = append(online, a)
		}
	}
	switch {
	case serving == 0:
		return Reason{NoAgent, "no agent registered" + missing(o, agents)}
	case len(online) == 0:
		return Reason{NoneOnline, fmt.Sprintf("none online: of %s that could run it, %s", count(serving), list(modes))}
	}
	return o.among(online, now, silence)
}

// among finds the reason when agents that serve it are online.
func (o Opportunity) among(online []Agent, now time.Time, silence time.Duration) Reason {
	may, free := 0, 0
	for _, a := range online {
		if !o.May(a, online, now, silence) {
			continue
		}
		may++
		if a.Holding < a.Capacity {
			free++
		}
	}
	others := ""
	if n := len(online) - may; n > 0 {
		others = fmt.Sprintf("; %s that failed it leave it to others", count(n))
		if n == 1 {
			others = "; 1 agent that failed it leaves it to others"
		}
	}
	switch {
	case may == 0:
		return Reason{Paused, "pauses after a failed attempt: the next one begins at " + o.next(online).UTC().Format(time.RFC3339) + " at the earliest"}
	case free == 0:
		return Reason{AllBusy, fmt.Sprintf("all busy: each of %s online holds as much as it can", count(may)) + others + o.Ahead.behind("; ")}
	case o.Ahead.Higher+o.Ahead.Earlier > 0:
		return Reason{Behind, o.Ahead.behind("") + fmt.Sprintf("; %s online could run it", count(free)) + others}
	}
	return Reason{NotAsked, fmt.Sprintf("not asked for yet: %s online could run it", count(free)) + others}
}

// next is when the first of the agents may have it, none of which may now.
func (o Opportunity) next(online []Agent) time.Time {
	var first time.Time
	for _, a := range online {
		if until := o.Avoided[a.ID]; first.IsZero() || until.Before(first) {
			first = until
		}
	}
	if first.Before(o.NotBefore) {
		return o.NotBefore
	}
	return first
}

// behind names what stands before it, after a separator; nothing when nothing does.
func (a Ahead) behind(separator string) string {
	var parts []string
	if a.Higher > 0 {
		parts = append(parts, fmt.Sprintf("%d of higher priority", a.Higher))
	}
	if a.Earlier > 0 {
		parts = append(parts, fmt.Sprintf("%d that waited longer", a.Earlier))
	}
	if len(parts) == 0 {
		return ""
	}
	least, stand := "", "stand"
	if a.More {
		least = "at least "
	} else if a.Higher+a.Earlier == 1 {
		stand = "stands"
	}
	return separator + least + strings.Join(parts, " and ") + " " + stand + " before it"
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
