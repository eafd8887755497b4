package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// connectTries is how often a board is called before it counts as unreachable.
const connectTries = 10

// redfish reaches boards whose oob.type is redfish, at the node's address on
// oob.network, with oob.account and oob.credential.
type redfish struct {
	store  *labstore.Store
	config RedfishConfig
}

// Do interrogates a board, lets it boot from the network once, or cycles the
// power.
func (d *redfish) Do(ctx context.Context, j Job, r *Reporter) (string, error) {
	b, err := d.connect(ctx, j)
	if err != nil {
		return "", err
	}
	defer b.client.Logout()
	switch j.Action {
	case taskplan.InterrogateOOB:
		return d.interrogate(ctx, j, b)
	case taskplan.SetNodeBoot:
		return b.setNetboot()
	}
	return d.powerCycle(ctx, j, b)
}

// connect logs in and finds the board's only system.
func (d *redfish) connect(ctx context.Context, j Job) (*board, error) {
	address := j.Node.Address(j.Node.OOB["network"])
	if address == "" {
		return nil, errors.New("the design gives the node no address on its oob.network")
	}
	if j.Node.OOB["account"] == "" || j.Node.OOB["credential"] == "" {
		return nil, errors.New("the design gives the node no oob.account and oob.credential")
	}
	var last error
	for try := range connectTries {
		if try > 0 && !pause(ctx, d.config.Interval) {
			return nil, Transient(fmt.Errorf("the board at %s cannot be reached: %w", address, last))
		}
		b, err := d.login(ctx, address, j.Node)
		if err == nil {
			return b, nil
		}
		if errors.Is(err, errNoSystem) {
			return nil, fmt.Errorf("the board at %s: %w", address, err)
		}
		if refusedLogin(err) {
			return nil, fmt.Errorf("the board at %s refuses oob.account and oob.credential", address)
		}
		last = err
	}
	return nil, Transient(fmt.Errorf("the board at %s cannot be reached: %w", address, last))
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (d *redfish) interrogate(ctx context.Context, j Job, b *board) (string, error) {
	if err := d.note(ctx, j, b); err != nil {
		return "", Transient(err)
	}
	return fmt.Sprintf("The board answers by Redfish; the power is %s.", powerWord(b.system.PowerState)), nil
}

// powerWord is MAAS's word for a power state.
func powerWord(state string) string {
	switch state {
	case "On", "PoweringOff":
		return "on"
	case "Off", "PoweringOn":
		return "off"
	}
	return "unknown"
}

func (d *redfish) note(ctx context.Context, j Job, b *board) error {
	return d.store.UpdateNode(ctx, j.Node.Name, func(n *labstore.Node) {
		n.Power, n.BootMAC = powerWord(b.system.PowerState), j.Node.BootMAC
		n.PowerAddress = j.Node.Address(j.Node.OOB["network"])
		if n.Driver == "" {
			n.Driver = "redfish"
		}
	})
}

// setNetboot lets the next boot, and no further one, come from the network: by
// PXE where the board knows it, else by HTTP.
func (b *board) setNetboot() (string, error) {
	target := "Pxe"
	if known := b.system.Boot.Targets; len(known) > 0 && !slices.Contains(known, target) {
		if target = "UefiHttp"; !slices.Contains(known, target) {
			return "", errors.New("the board can boot neither by PXE nor by HTTP")
		}
	}
	resp, err := b.client.Patch(b.path, map[string]any{
		"Boot": map[string]any{"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": target},
	})
	if err != nil {
		return "", Transient(fmt.Errorf("the board does not take the boot setting: %w", err))
	}
	_ = resp.Body.Close()
	return "The next boot is from the network (" + target + ").", nil
}

// powerCycle switches the system off and on, looking each time whether it
// happened. A system that is off is only switched on, and one that cannot be
// switched off is restarted.
func (d *redfish) powerCycle(ctx context.Context, j Job, b *board) (string, error) {
	steps := []reset{{"ForceOff", "Off"}, {"On", "On"}}
	if b.system.PowerState == "Off" {
		steps = steps[1:]
	} else if !b.offers("ForceOff") || !b.offers("On") {
		steps = []reset{{b.restart(), "On"}}
	}
	for _, s := range steps {
		if err := d.power(ctx, b, s); err != nil {
			return "", err
		}
	}
	if err := d.note(ctx, j, b); err != nil {
		return "", Transient(err)
	}
	return "The power was cycled; it is on.", nil
}

// reset is a ResetType and the power that it leads to.
type reset struct{ kind, want string }

// power asks for a reset and waits until the power is as wanted.
func (d *redfish) power(ctx context.Context, b *board, s reset) error {
	action := b.system.Actions.Reset
	if action.Target == "" {
		return errors.New("the board offers no way to switch the power")
	}
	if !b.offers(s.kind) {
		return fmt.Errorf("the board does not know the reset %s", s.kind)
	}
	resp, err := b.client.Post(action.Target, map[string]any{"ResetType": s.kind})
	if err != nil {
		return Transient(fmt.Errorf("the board refuses the reset %s: %w", s.kind, err))
	}
	_ = resp.Body.Close()
	for range d.config.Looks {
		if err := b.read(); err == nil && b.system.PowerState == s.want {
			return nil
		}
		if !pause(ctx, d.config.Interval) {
			break
		}
	}
	return Transient(fmt.Errorf("the power did not become %s in time", powerWord(s.want)))
}
