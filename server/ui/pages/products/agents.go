package products

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

// recentResults is of how many results an agent's strip is.
const recentResults = 20

// held is what an agent works on.
type held struct {
	client.HeldOpportunity
	Name string // of the spec; "" when it is not known
}

type agentRow struct {
	client.Agent
	State  state
	Holds  []held
	Seen   time.Time
	Passed string // the share of its last results
	Counts picture.Counts
	Next   client.AgentMode // that the form sets; "" for none
}

type agentsShown struct {
	Rows   []*agentRow
	Chips  []frame.Chip
	Agent  string
	Pager  frame.Pager
	Empty  frame.Empty
	Silent int
	MaySet bool
}

// agentState is the state of an agent: silence is trouble, whatever its mode says.
func agentState(a *client.Agent) state {
	switch {
	case a.State == client.AgentStateSilent && a.Mode == client.AgentModeOffline:
		return state{picture.Skip, "offline"}
	case a.State == client.AgentStateSilent:
		return state{picture.Error, "silent"}
	case a.State == client.AgentStateBusy && a.Mode != client.AgentModeOnline:
		return state{picture.Running, "busy, " + string(a.Mode)}
	case a.State == client.AgentStateBusy:
		return state{picture.Running, "busy"}
	case a.Mode != client.AgentModeOnline:
		return state{picture.Skip, string(a.Mode)}
	}
	return state{picture.Pass, "idle"}
}

// agents lists the agents: those in trouble first, then those at work.
func agents(v *frame.Visit) (*frame.View, error) {
	mode := v.Query("mode")
	params := &client.ListAgentsParams{
		Mode: (*client.AgentMode)(frame.Optional(mode)), Platform: frame.Optional(v.Query("platform")), AgentGroup: frame.Optional(v.Query("agent_group")),
		After: frame.Optional(v.Query("after")), Limit: new(int32(100)), Recent: new(int32(recentResults)),
	}
	data := agentsShown{Agent: v.Query("agent"), MaySet: v.May("updateAgent")}
	if data.Agent != "" {
		params.Limit = new(int32(most))
	}
	answer, err := v.API.ListAgentsWithResponse(v.Context(), params)
	if err != nil {
		return nil, err
	}
	names, err := heldNames(v, answer.JSON200.Agents)
	if err != nil && !frame.Refused(err) {
		return nil, err
	}
	for _, a := range answer.JSON200.Agents {
		if data.Agent == "" || data.Agent == a.AgentID {
			data.add(&a, names)
		}
	}
	order := []picture.Outcome{picture.Error, picture.Running, picture.Pass, picture.Skip}
	slices.SortStableFunc(data.Rows, func(a, b *agentRow) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.State.Outcome), slices.Index(order, b.State.Outcome)), strings.Compare(a.AgentID, b.AgentID))
	})
	data.Pager = v.Pager(answer.JSON200.Next)
	for _, word := range []string{"online", "draining", "maintenance", "offline"} {
		chip := frame.Chip{Label: word, On: mode == word, Href: v.With("mode", word)}
		if chip.On {
			chip.Href = v.With("mode")
		}
		data.Chips = append(data.Chips, chip)
	}
	for _, name := range []string{"agent", "platform", "agent_group"} {
		if value := v.Query(name); value != "" {
			data.Chips = append(data.Chips, v.Active(strings.TrimPrefix(name, "agent_")+": "+value, name))
		}
	}
	if len(data.Rows) == 0 {
		data.Empty = frame.Empty{Why: "No agent has registered.", Hint: "Start one:", Command: "slipway agent run --server " + v.Server() + " --name lab1-01 --platform amd64 -- ./run-test"}
		if v.HTTP.URL.RawQuery != "" {
			data.Empty = frame.Empty{Why: "No agent is like that.", Link: frame.Link{Text: "All agents", Href: "/ui/agents"}}
		}
	}
	outcome := ""
	if data.Silent > 0 {
		outcome = "error"
	}
	return &frame.View{
		Title: "Agents", Outcome: outcome, Templates: templates, File: "agents.html", Data: &data, Live: v.May("listEvents"),
		API: frame.APIPath("/v1/agents", "recent", strconv.Itoa(recentResults), "mode", mode, "platform", v.Query("platform"), "agent_group", v.Query("agent_group"), "after", v.Query("after")),
		CSV: func(out *frame.CSV) error { return agentsCSV(v, *params, data.Agent, out) },
	}, nil
}

func agentsCSV(v *frame.Visit, params client.ListAgentsParams, only string, out *frame.CSV) error {
	if err := out.Row("agent", "state", "mode", "platform", "group", "capacity", "holding", "recent", "last_seen", "comment"); err != nil {
		return err
	}
	params.After, params.Limit = nil, new(int32(most))
	for a, err := range v.API.ListAgentsAll(v.Context(), &params) {
		if err != nil {
			return err
		}
		if only != "" && only != a.AgentID {
			continue
		}
		if err := out.Row(a.AgentID, agentState(&a).Words, string(a.Mode), a.Platform, a.AgentGroup, a.Capacity, len(a.Holding), a.Recent, at(a.LastSeenAt), a.Comment); err != nil {
			return err
		}
	}
	return nil
}

// heldNames are the specs of what agents hold, with one call for all.
func heldNames(v *frame.Visit, list []client.Agent) (map[string]string, error) {
	if !slices.ContainsFunc(list, func(a client.Agent) bool { return len(a.Holding) > 0 }) {
		return nil, nil
	}
	answer, err := v.API.ListAllOpportunitiesWithResponse(v.Context(), &client.ListAllOpportunitiesParams{
		State: []client.OpportunityState{client.OpportunityStatePICKED, client.OpportunityStateCANCELLING}, Limit: new(int32(most)),
	})
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, o := range answer.JSON200.TestOpportunities {
		names[o.TestOpportunityID] = o.SpecName
	}
	return names, nil
}

func (d *agentsShown) add(a *client.Agent, names map[string]string) {
	row := &agentRow{Agent: *a, State: agentState(a), Seen: at(a.LastSeenAt)}
	for _, h := range a.Holding {
		row.Holds = append(row.Holds, held{h, names[h.TestOpportunityID]})
	}
	if a.Recent != nil {
		for _, letter := range *a.Recent {
			switch letter {
			case 'p':
				row.Counts.Pass++
			case 'f':
				row.Counts.Fail++
			case 'e':
				row.Counts.Error++
			case 's':
				row.Counts.Skip++
			default:
				row.Counts.Unknown++
			}
		}
		row.Passed = frame.Share(int64(row.Counts.Pass), int64(row.Counts.Total()-row.Counts.Skip))
	}
	if row.State.Outcome == picture.Error {
		d.Silent++
	}
	switch a.Mode {
	case client.AgentModeOnline:
		row.Next = client.AgentModeDraining
	case client.AgentModeDraining, client.AgentModeMaintenance:
		row.Next = client.AgentModeOnline
	}
	d.Rows = append(d.Rows, row)
}

// setMode takes the form that drains an agent or lets it go on.
func setMode(v *frame.Visit) (*frame.View, error) {
	id, mode := v.Form("agent"), client.AgentMode(v.Form("mode"))
	if id == "" || mode != client.AgentModeDraining && mode != client.AgentModeOnline {
		return nil, v.Invalid("The form must name an agent and the mode draining or online.")
	}
	body := client.UpdateAgentJSONRequestBody{Mode: mode}
	if comment := strings.TrimSpace(v.Form("comment")); comment != "" {
		body.Comment.Set(comment)
	}
	if _, err := v.API.UpdateAgentWithResponse(v.Context(), id, body); err != nil {
		return nil, err
	}
	said := id + " drains: it finishes what it holds and gets nothing new."
	if mode == client.AgentModeOnline {
		said = id + " may pick again."
	}
	return v.Redirect("/ui/agents", said), nil
}
