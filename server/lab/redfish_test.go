package lab_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/lab/engine/boardtest"
	"github.com/slipway-lab/slipway/server/servertest"
)

// faultDesign is a design of testdata/faults.
func faultDesign(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile("testdata/faults/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// boards makes the server speak Redfish to a board, without its long pauses.
func boards(b *boardtest.Board) func(*server.Config) {
	return func(c *server.Config) {
		c.Lab.Engine.Driver = "agent"
		c.Lab.Engine.Redfish.Insecure, c.Lab.Engine.Redfish.Port = true, b.Port
		c.Lab.Engine.Redfish.Interval, c.Lab.Engine.Redfish.Looks = time.Millisecond, 18
		c.Lab.Engine.Limits = map[string]time.Duration{"identify_node": time.Second}
	}
}

// TestRedfish_quirks prepares a node on a board with each quirk: it is set to boot
// from the network in the mode of the design, and its power is cycled.
func TestRedfish_quirks(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name   string
		quirks []string
		change func(*boardtest.Board)
		mode   string // afterwards
	}{
		{name: "none"},
		{name: "changes need the tag of what is changed", quirks: []string{boardtest.IfMatch}},
		{name: "changes go to the settings object", quirks: []string{boardtest.SettingsURI}},
		{name: "changes go to the settings object, with its tag", quirks: []string{boardtest.FutureState}},
		{name: "a setting without the mode means Legacy", quirks: []string{boardtest.SupermicroMode}, change: modeUEFI, mode: "UEFI"},
		{name: "the same without showing the mode", quirks: []string{boardtest.SupermicroMode}, mode: "UEFI"},
		{name: "a setting without the mode is refused", quirks: []string{boardtest.ModeRequired}, change: modeUEFI, mode: "UEFI"},
		{name: "the same without showing the mode, mode required", quirks: []string{boardtest.ModeRequired}},
		{name: "a setting with the mode is refused", quirks: []string{boardtest.ModeReadOnly}, change: modeUEFI, mode: "UEFI"},
		{name: "the design's mode replaces another", change: func(b *boardtest.Board) { b.Mode = "Legacy" }, mode: "UEFI"},
		{name: "no sessions", quirks: []string{boardtest.NoSessions}},
		{name: "sessions turned off", quirks: []string{boardtest.SessionsOff}},
		{name: "off already, and not saying so", quirks: []string{boardtest.PowerNull}, change: func(b *boardtest.Board) { b.Power = "Off" }},
		{name: "on the way to off", quirks: []string{boardtest.PoweringOffRace}, change: func(b *boardtest.Board) { b.GoingOff(9) }},
		{name: "busy once", quirks: []string{boardtest.ResetBusy}},
		{name: "members of other types", quirks: []string{boardtest.WrongTypes}},
		{name: "a number as text", quirks: []string{boardtest.StringCount}},
		{name: "a baseboard that is down with the power", quirks: []string{boardtest.BaseboardDown}, change: func(b *boardtest.Board) { b.Power = "Off" }},
		{name: "moved by a slash", quirks: []string{boardtest.SlashMoved}},
		{name: "several at once", quirks: []string{boardtest.FutureState, boardtest.ModeRequired, boardtest.NoSessions, boardtest.WrongTypes, boardtest.SlashMoved}, change: modeUEFI, mode: "UEFI"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			b := boardtest.New(t, tt.quirks...)
			if tt.change != nil {
				tt.change(b)
			}
			s := servertest.New(t, boards(b))
			s.Work()
			ref := storeDesign(t, s, faultDesign(t, "redfish.yaml"))

			id := createTask(t, s, "prepare_nodes", ref).TaskID
			finished(t, s, id)
			all := layers(t, s, id)
			for _, step := range []string{"set_node_boot", "power_cycle_node"} {
				if got := findTask(t, all, step, "prepare_nodes"); got.Result.Status != "success" {
					t.Errorf("%s: %s", step, mustJSON(t, all))
				}
			}
			power, mode, once := b.State()
			if power != "On" || once != "Pxe" || mode != tt.mode {
				t.Errorf("the board is %s, in the mode %q, and boots from %q; want On, %q, Pxe; it was asked for %s", power, mode, once, tt.mode, b.Asked())
			}
			if open, _ := b.Sessions(); open != 0 {
				t.Errorf("%d sessions are left open", open)
			}

			verify := createTask(t, s, "verify_nodes", ref).TaskID
			if got := finished(t, s, verify); got.Result.Status != "success" {
				t.Errorf("verify_nodes: %s", mustJSON(t, got.Result))
			}
		})
	}
}

func modeUEFI(b *boardtest.Board) { b.Mode = "UEFI" }

// TestRedfish_hopeless: what cannot get better is asked once, and is a failure.
func TestRedfish_hopeless(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct {
		change func(*boardtest.Board, *server.Config)
		want   string
		logins int
	}{
		"a wrong password":           {func(*boardtest.Board, *server.Config) {}, "refuses oob.account and oob.credential", 1},
		"a certificate of nobody's":  {func(_ *boardtest.Board, c *server.Config) { c.Lab.Engine.Redfish.Insecure = false }, "certificate", 0},
		"a board of somebody else's": {func(b *boardtest.Board, _ *server.Config) { b.Moved = "https://board.example" }, "redirects to somewhere else", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			b := boardtest.New(t)
			s := servertest.New(t, boards(b), func(c *server.Config) { tt.change(b, c) })
			s.Work()
			text := faultDesign(t, "redfish.yaml")
			if name == "a wrong password" {
				text = strings.Replace(text, boardtest.Password, "another", 1)
			}
			id := createTask(t, s, "verify_nodes", storeDesign(t, s, text)).TaskID
			got := finished(t, s, id)
			if got.Result.Status != "failure" || !slices.Equal(got.Result.Failures, []string{"n1"}) {
				t.Errorf("the result is %s", mustJSON(t, got.Result))
			}
			if all := mustJSON(t, layers(t, s, id)); !strings.Contains(all, tt.want) {
				t.Errorf("nothing says %q: %s", tt.want, all)
			}
			if _, logins := b.Sessions(); logins != tt.logins {
				t.Errorf("%d logins, want %d", logins, tt.logins)
			}
		})
	}
}
