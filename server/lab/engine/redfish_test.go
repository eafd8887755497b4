package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/engine/boardtest"
	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
	"github.com/slipway-lab/slipway/store/storetest"
)

// newBoard starts a board and returns it with the driver and a job for its node.
func newBoard(t *testing.T, s *store.Store, power string) (*boardtest.Board, *redfish, Job) {
	t.Helper()
	f := boardtest.New(t)
	f.Power = power
	d := &redfish{store: labstore.New(s), config: RedfishConfig{Insecure: true, Port: f.Port, Interval: time.Millisecond, Looks: 18}}
	node := &design.Node{Addressing: []design.Address{{Network: "oob", IP: f.Host}}}
	node.Name, node.OOBType, node.BootMAC = "n1", design.OOBRedfish, "52:54:00:ce:da:08"
	node.OOB = map[string]string{"network": "oob", "account": "root", "credential": boardtest.Password}
	return f, d, Job{Node: node}
}

func wants(t *testing.T, f *boardtest.Board, name string, want ...string) {
	t.Helper()
	if got := strings.Join(f.Asked(), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("%s: the board was asked for\n%s\nwant\n%s", name, got, strings.Join(want, "\n"))
	}
	if open, _ := f.Sessions(); open != 0 {
		t.Errorf("%s: %d sessions are left open", name, open)
	}
}

func TestRedfish(t *testing.T) {
	t.Parallel()

	const off, on = `{"ResetType":"ForceOff"}`, `{"ResetType":"On"}`
	tests := []struct {
		name, power string
		action      taskplan.Action
		change      func(*boardtest.Board, *Job)
		asked       []string
		fails       string
	}{
		{name: "interrogate", power: "On", action: taskplan.InterrogateOOB},
		{name: "a slow board", power: "On", action: taskplan.InterrogateOOB, change: func(f *boardtest.Board, _ *Job) { f.Busy = 3 }},
		{name: "cycle", power: "On", action: taskplan.PowerCycleNode, asked: []string{off, on}},
		{name: "only on", power: "Off", action: taskplan.PowerCycleNode, asked: []string{on}},
		{
			name: "PXE", power: "Off", action: taskplan.SetNodeBoot,
			asked: []string{`{"Boot":{"BootSourceOverrideEnabled":"Once","BootSourceOverrideTarget":"Pxe"}}`},
		},
		{
			name: "HTTP", power: "Off", action: taskplan.SetNodeBoot, change: func(f *boardtest.Board, _ *Job) { f.Targets = `["UefiHttp"]` },
			asked: []string{`{"Boot":{"BootSourceOverrideEnabled":"Once","BootSourceOverrideTarget":"UefiHttp"}}`},
		},
		{name: "one of several systems", power: "Off", action: taskplan.PowerCycleNode, change: func(f *boardtest.Board, _ *Job) { f.Others = 2 }, asked: []string{on}},
		{name: "only restarts", power: "On", action: taskplan.PowerCycleNode, change: func(f *boardtest.Board, _ *Job) { f.Resets = `["On","GracefulRestart","ForceRestart"]` }, asked: []string{`{"ResetType":"ForceRestart"}`}},
		{name: "no reset at all", power: "On", action: taskplan.PowerCycleNode, change: func(f *boardtest.Board, _ *Job) { f.Resets = `["Nmi"]` }, fails: "does not know the reset"},
		{
			name: "several systems, none the node's", power: "On", action: taskplan.PowerCycleNode, fails: "none of the 3 has the node's boot_mac",
			change: func(f *boardtest.Board, j *Job) { f.Others, j.Node.BootMAC = 2, "52:54:00:ce:da:09" },
		},
		{name: "redirected", power: "On", action: taskplan.InterrogateOOB, change: func(f *boardtest.Board, _ *Job) { f.Moved = "https://board.example" }, fails: "redirects to somewhere else"},
		{name: "no account", power: "On", action: taskplan.InterrogateOOB, change: func(_ *boardtest.Board, j *Job) { delete(j.Node.OOB, "account") }, fails: "no oob.account"},
		{name: "neither", power: "Off", action: taskplan.SetNodeBoot, change: func(f *boardtest.Board, _ *Job) { f.Targets = `["Cd"]` }, fails: "neither by PXE nor by HTTP"},
		{name: "a wrong password", power: "On", action: taskplan.InterrogateOOB, change: func(_ *boardtest.Board, j *Job) { j.Node.OOB["credential"] = "x" }, fails: "refuses oob.account"},
		{name: "no address", power: "On", action: taskplan.InterrogateOOB, change: func(_ *boardtest.Board, j *Job) { j.Node.Addressing = nil }, fails: "no address on its oob.network"},
		{name: "never there", power: "On", action: taskplan.InterrogateOOB, change: func(f *boardtest.Board, _ *Job) { f.Busy = 1000 }, fails: "cannot be reached"},
	}
	storetest.EachDirect(t, func(t *testing.T, s *store.Store) {
		for _, tt := range tests {
			f, d, j := newBoard(t, s, tt.power)
			if tt.change != nil {
				tt.change(f, &j)
			}
			j.Action = tt.action
			said, err := d.Do(t.Context(), j, nil)
			if tt.fails == "" && (err != nil || said == "") || tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)) {
				t.Errorf("%s: %q, %v; want an error with %q", tt.name, said, err, tt.fails)
				continue
			}
			if strings.Contains(fmt.Sprint(said, err), boardtest.Password) {
				t.Errorf("%s: the password is shown", tt.name)
			}
			wants(t, f, tt.name, tt.asked...)
			if tt.fails == "" && tt.action != taskplan.SetNodeBoot {
				if n, err := d.store.Node(t.Context(), "n1"); err != nil || n.Power != "on" || n.PowerAddress != "127.0.0.1" {
					t.Errorf("%s: the node is %+v, %v", tt.name, n, err)
				}
			}
		}
	})
}
