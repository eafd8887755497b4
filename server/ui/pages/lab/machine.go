package lab

import (
	"strings"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

type machineRow struct {
	client.LabMachine
	State state
}

// NewKey is the number of a key that waits for an operator, nil without one.
func (m machineRow) NewKey() any {
	if n, err := m.NewKeyNumber.Get(); err == nil {
		return n
	}
	return nil
}

type machinesShown struct {
	Tabs   []frame.Link
	Rows   []machineRow
	Chips  []frame.Chip
	MaySet bool
	Pager  frame.Pager
	Empty  frame.Empty
}

// machineState says how a machine is. One that is held, or whose new key nobody has
// confirmed, takes no work.
func machineState(m *client.LabMachine, now time.Time) state {
	switch {
	case !m.NewKeyNumber.IsNull():
		return state{picture.Error, "a new key waits"}
	case m.Hold:
		return state{picture.Skip, "held"}
	case now.Sub(m.LastSeen) > frame.QuietAfter:
		return state{picture.Unknown, "quiet"}
	}
	return state{picture.Pass, "heard of"}
}

// machines lists the machines whose agent has registered.
func machines(v *frame.Visit) (*frame.View, error) {
	params := &client.ListMachinesParams{Node: frame.Optional(v.Query("node")), After: frame.Optional(v.Query("after")), Limit: new(int32(pageNodes))}
	answer, err := v.API.ListMachinesWithResponse(v.Context(), params)
	if err != nil {
		return nil, err
	}
	data := machinesShown{Tabs: tabs("Machines"), MaySet: v.May("updateMachine"), Pager: v.Pager(answer.JSON200.Next)}
	for _, m := range answer.JSON200.Machines {
		data.Rows = append(data.Rows, machineRow{m, machineState(&m, v.Now())})
	}
	if node := v.Query("node"); node != "" {
		data.Chips = append(data.Chips, v.Active("node: "+node, "node"))
	}
	if len(data.Rows) == 0 {
		data.Empty = frame.Empty{
			Why: "No machine has registered.", Hint: "A machine does when it boots from this server, or by hand:",
			Command: `curl -H "Authorization: Bearer $SLIPWAY_TOKEN" -H "Content-Type: application/json" -d '{"macs": ["52:54:00:ce:da:08"]}' ` + v.Server() + "/v1/machines",
		}
		if len(data.Chips) > 0 {
			data.Empty = frame.Empty{Why: "No machine is that node.", Link: frame.Link{Text: "All machines", Href: "/ui/machines"}}
		}
	}
	return &frame.View{
		Title: "Machines", Templates: templates, File: "machines.html", Data: &data, API: frame.APIPath("/v1/machines", "node", v.Query("node"), "after", v.Query("after")),
		CSV: func(out *frame.CSV) error { return machinesCSV(v, *params, out) },
	}, nil
}

func machinesCSV(v *frame.Visit, params client.ListMachinesParams, out *frame.CSV) error {
	if err := out.Row("id", "node", "state", "reason", "macs", "serial", "architecture", "memory_mib", "cpus", "address", "registered", "last_seen"); err != nil {
		return err
	}
	params.After = nil
	for {
		answer, err := v.API.ListMachinesWithResponse(v.Context(), &params)
		if err != nil {
			return err
		}
		for _, m := range answer.JSON200.Machines {
			if err := out.Row(m.ID, m.Node, machineState(&m, v.Now()).Words, m.HoldReason, strings.Join(m.Macs, " "), m.Serial, m.Architecture, m.Memory, m.CPUCount, m.Address, m.Registered, m.LastSeen); err != nil {
				return err
			}
		}
		next, err := answer.JSON200.Next.Get()
		if err != nil || next == "" {
			return nil
		}
		params.After = &next
	}
}

// hold takes a machine out of automatic work, with a reason, or back into it.
func hold(v *frame.Visit) (*frame.View, error) {
	change := client.LabMachineChange{Hold: v.Form("do") == "hold", Reason: frame.Optional(strings.TrimSpace(v.Form("reason")))}
	switch v.Form("do") {
	case "hold":
		if change.Reason == nil {
			return nil, v.Invalid("The reason is missing: tasks that fail for the machine name it.")
		}
	case "release":
	default:
		return nil, v.Invalid("“do” must be hold or release.")
	}
	if _, err := v.API.UpdateMachineWithResponse(v.Context(), v.Form("machine"), change); err != nil {
		return nil, err
	}
	said := "The machine is held: tasks fail for its node, with that reason."
	if !change.Hold {
		said = "The machine takes work again."
	}
	return v.Redirect("/ui/machines", said), nil
}
