package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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
	defer b.close(ctx)
	switch j.Action {
	case taskplan.InterrogateOOB:
		return d.interrogate(ctx, j, b)
	case taskplan.SetNodeBoot:
		return b.setNetboot(ctx, bootModeOf(j))
	}
	return d.powerCycle(ctx, j, b)
}

// connect logs in and finds the node's system. What cannot get better is not
// tried again.
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
		if try > 0 && !pause(ctx, max(d.config.Interval, pauseOf(last))) {
			break
		}
		b := d.newBoard(address, j.Node)
		if last = b.open(ctx, j.Node.BootMAC); last == nil {
			return b, nil
		}
		b.close(ctx)
		switch status := statusOf(last); {
		case status == http.StatusUnauthorized || status == http.StatusForbidden:
			return nil, fmt.Errorf("the board at %s refuses oob.account and oob.credential", address)
		case hopeless(last):
			return nil, fmt.Errorf("the board at %s: %w", address, last)
		}
	}
	return nil, Transient(fmt.Errorf("the board at %s cannot be reached: %w", address, last))
}

// pauseOf is how long the board has asked to be left alone.
func pauseOf(err error) time.Duration {
	var refused *boardError
	if errors.As(err, &refused) {
		return refused.after
	}
	return 0
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
	return fmt.Sprintf("The board answers by Redfish; the power is %s.", powerWord(b.system.Power)), nil
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
		n.Power, n.BootMAC = powerWord(b.system.Power), j.Node.BootMAC
		n.PowerAddress = j.Node.Address(j.Node.OOB["network"])
		if n.Driver == "" {
			n.Driver = "redfish"
		}
	})
}

// bootModeOf is the mode that the design gives to the node's hardware, in
// Redfish's words; empty when it gives none.
func bootModeOf(j Job) string {
	if j.Site == nil {
		return ""
	}
	profile := j.Site.HardwareProfile(j.Node.HardwareProfile)
	if profile == nil {
		return ""
	}
	return map[string]string{"uefi": "UEFI", "bios": "Legacy"}[profile.BootMode]
}

// setNetboot lets the next boot, and no further one, come from the network: by
// PXE where the board knows it, else by HTTP.
//
// The mode is said again where the board shows it, because some boards fall back
// to Legacy when it is left out, and the machine then boots nothing; others demand
// it, and others refuse it. Where the system takes no changes, its settings
// object does.
func (b *board) setNetboot(ctx context.Context, mode string) (string, error) {
	target := "Pxe"
	if known := b.system.Targets; len(known) > 0 && !slices.Contains(known, target) {
		if target = "UefiHttp"; !slices.Contains(known, target) {
			return "", errors.New("the board can boot neither by PXE nor by HTTP")
		}
	}
	before := b.system.Mode
	if mode = orElse(mode, before); mode == "" {
		mode = "UEFI"
	}
	if err := b.override(ctx, target, mode); err != nil {
		err = fmt.Errorf("the board does not take the boot setting: %w", err)
		if hopeless(err) {
			return "", err
		}
		return "", Transient(err)
	}
	return b.checkMode(ctx, target, mode, before)
}

// checkMode looks whether a board that has taken a boot setting still boots in its
// mode. One that has changed it is told the mode once more; when that does not
// help, the machine would boot nothing, and the step has failed.
func (b *board) checkMode(ctx context.Context, target, mode, before string) (string, error) {
	said := "The next boot is from the network (" + target + ")."
	changed := func() bool {
		return b.read(ctx) == nil && b.system.Mode != "" && b.system.Mode != mode && b.system.Mode != before
	}
	if changed() {
		boot := map[string]any{"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": target, "BootSourceOverrideMode": mode}
		_ = b.change(ctx, b.path, map[string]any{"Boot": boot}) // what matters is what it shows then
		if changed() {
			return "", fmt.Errorf("the board takes the boot setting, but now boots in the mode %s instead of %s", b.system.Mode, mode)
		}
	}
	if b.system.Mode != "" && b.system.Mode != mode {
		said += " The board stays in the mode " + b.system.Mode + ", where the design wants " + mode + "."
	}
	return said, nil
}

// override tries the ways in which boards take a boot setting, and returns the
// first refusal when none is left.
func (b *board) override(ctx context.Context, target, mode string) error {
	short := map[string]any{"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": target}
	long := map[string]any{"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": target, "BootSourceOverrideMode": mode}
	ways := []map[string]any{short, long}
	if b.system.HasMode {
		ways = []map[string]any{long, short}
	}
	var first error
	for _, path := range []string{b.path, b.system.Settings} {
		for _, way := range ways {
			if path == "" {
				continue
			}
			err := b.change(ctx, path, map[string]any{"Boot": way})
			if err == nil {
				return nil
			}
			if first == nil {
				first = err
			}
			if !hopeless(err) || statusOf(err) == 0 {
				return err // it may take it another time
			}
		}
	}
	return first
}

// powerCycle switches the system off and on, looking each time whether it
// happened. A system that is off is only switched on, and one that cannot be
// switched off is restarted.
func (d *redfish) powerCycle(ctx context.Context, j Job, b *board) (string, error) {
	steps := []reset{{"ForceOff", "Off"}, {"On", "On"}}
	if b.system.Power == "Off" {
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
	if b.system.Power == "" {
		return "The power was cycled; the board does not tell whether it is on.", nil
	}
	return "The power was cycled; it is on.", nil
}

// reset is a ResetType and the power that it leads to.
type reset struct{ kind, want string }

// power asks for a reset and waits until the power is as wanted. A board that
// answers that it cannot (409) may be there already, or on the way: the power is
// looked at, and the reset asked for again. One that does not tell its power is
// believed.
func (d *redfish) power(ctx context.Context, b *board, s reset) error {
	if b.system.Reset == "" {
		return errors.New("the board offers no way to switch the power")
	}
	if !b.offers(s.kind) {
		return fmt.Errorf("the board does not know the reset %s", s.kind)
	}
	var refused error
	taken, told := false, false
	for look := range d.config.Looks {
		if !taken {
			_, refused = b.insist(ctx, http.MethodPost, b.system.Reset, map[string]any{"ResetType": s.kind}, "")
			if taken = refused == nil; refused != nil && statusOf(refused) != http.StatusConflict {
				return resetFault(s, refused)
			}
		}
		if err := b.read(ctx); err == nil {
			if b.system.Power == s.want {
				return nil
			}
			told = told || b.system.Power != ""
			if !told && look >= patientLooks && (taken || s.want == "Off") {
				return nil
			}
		}
		if !pause(ctx, d.config.Interval) {
			break
		}
	}
	if !taken {
		return resetFault(s, refused)
	}
	return Transient(fmt.Errorf("the power did not become %s in time", powerWord(s.want)))
}

// patientLooks is how often a board may not tell its power before it counts as one
// that never does.
const patientLooks = 2

func resetFault(s reset, err error) error {
	fault := fmt.Errorf("the board refuses the reset %s: %w", s.kind, err)
	if hopeless(err) && statusOf(err) != http.StatusConflict {
		return fault
	}
	return Transient(fault)
}
