package engine

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
	"github.com/slipway-lab/slipway/store/storetest"
)

// fakeBoard is a small Redfish service: a root, sessions, and one system whose
// power changes only after a few looks, as on real boards.
type fakeBoard struct {
	mu       sync.Mutex
	power    string
	next     string // what the power is going to be
	looks    int    // until then
	targets  string // what it can boot from
	busy     int    // calls to the root that fail first
	resets   string // it knows
	others   int    // systems besides
	moved    string // where it redirects to
	asked    []string
	sessions int
}

const boardPassword = "hunter2-hunter2"

func (f *fakeBoard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	if f.moved != "" {
		http.Redirect(w, r, f.moved+r.URL.Path, http.StatusTemporaryRedirect)
		return
	}
	switch at := r.Method + " " + strings.TrimSuffix(r.URL.Path, "/"); {
	case at == "GET /redfish/v1":
		if f.busy--; f.busy >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, `{"@odata.id":"/redfish/v1/","Id":"RootService","RedfishVersion":"1.15.0","Systems":{"@odata.id":"/redfish/v1/Systems"},
			"SessionService":{"@odata.id":"/redfish/v1/SessionService"},"Links":{"Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}}}`)
	case at == "POST /redfish/v1/SessionService/Sessions":
		if body["UserName"] != "root" || body["Password"] != boardPassword {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":{"code":"Base.1.0.NoValidSession","message":"no"}}`)
			return
		}
		f.sessions++
		w.Header().Set("X-Auth-Token", "t")
		w.Header().Set("Location", "/redfish/v1/SessionService/Sessions/1")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"@odata.id":"/redfish/v1/SessionService/Sessions/1","Id":"1"}`)
	case r.Header.Get("X-Auth-Token") != "t":
		w.WriteHeader(http.StatusUnauthorized)
	case at == "DELETE /redfish/v1/SessionService/Sessions/1":
		f.sessions--
		w.WriteHeader(http.StatusNoContent)
	case at == "GET /redfish/v1/Systems":
		var members []string
		for i := range f.others {
			members = append(members, fmt.Sprintf(`{"@odata.id":"/redfish/v1/Systems/other%d"}`, i))
		}
		fmt.Fprintf(w, `{"@odata.id":"/redfish/v1/Systems","Members":[%s]}`, strings.Join(append(members, `{"@odata.id":"/redfish/v1/Systems/1"}`), ","))
	case strings.HasPrefix(at, "GET /redfish/v1/Systems/other"):
		fmt.Fprintf(w, `{"@odata.id":%q,"Id":"other","PowerState":"On"}`, r.URL.Path)
	case at == "GET /redfish/v1/Systems/1/EthernetInterfaces":
		fmt.Fprint(w, `{"Members":[{"@odata.id":"/redfish/v1/Systems/1/EthernetInterfaces/1"}]}`)
	case at == "GET /redfish/v1/Systems/1/EthernetInterfaces/1":
		fmt.Fprint(w, `{"@odata.id":"/redfish/v1/Systems/1/EthernetInterfaces/1","Id":"1","MACAddress":"52:54:00:CE:DA:08"}`)
	case at == "GET /redfish/v1/Systems/1":
		if f.looks--; f.looks < 0 && f.next != "" {
			f.power, f.next = f.next, ""
		}
		fmt.Fprintf(w, `{"@odata.id":"/redfish/v1/Systems/1","Id":"1","PowerState":%q,
			"EthernetInterfaces":{"@odata.id":"/redfish/v1/Systems/1/EthernetInterfaces"},
			"Boot":{"BootSourceOverrideTarget@Redfish.AllowableValues":%s},
			"Actions":{"#ComputerSystem.Reset":{"target":"/redfish/v1/Systems/1/Actions/ComputerSystem.Reset","ResetType@Redfish.AllowableValues":%s}}}`, f.power, f.targets, f.resets)
	case at == "PATCH /redfish/v1/Systems/1", at == "POST /redfish/v1/Systems/1/Actions/ComputerSystem.Reset":
		text, _ := json.Marshal(body)
		f.asked = append(f.asked, string(text))
		switch body["ResetType"] {
		case "On":
			f.next, f.looks = "On", 2
		case "ForceOff":
			f.next, f.looks = "Off", 2
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// newBoard starts a board and returns it with the driver and a job for its node.
func newBoard(t *testing.T, s *store.Store, power string) (*fakeBoard, *redfish, Job) {
	t.Helper()
	f := &fakeBoard{power: power, targets: `["Pxe","Hdd"]`, resets: `["On","ForceOff"]`}
	srv := httptest.NewTLSServer(f)
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	d := &redfish{store: labstore.New(s), config: RedfishConfig{Insecure: true, Port: port, Interval: time.Millisecond, Looks: 18}}
	node := &design.Node{Addressing: []design.Address{{Network: "oob", IP: u.Hostname()}}}
	node.Name, node.OOBType, node.BootMAC = "n1", design.OOBRedfish, "52:54:00:ce:da:08"
	node.OOB = map[string]string{"network": "oob", "account": "root", "credential": boardPassword}
	return f, d, Job{Node: node}
}

func (f *fakeBoard) wants(t *testing.T, name string, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if got := strings.Join(f.asked, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("%s: the board was asked for\n%s\nwant\n%s", name, got, strings.Join(want, "\n"))
	}
	if f.sessions != 0 {
		t.Errorf("%s: %d sessions are left open", name, f.sessions)
	}
}

func TestRedfish(t *testing.T) {
	t.Parallel()

	const off, on = `{"ResetType":"ForceOff"}`, `{"ResetType":"On"}`
	tests := []struct {
		name, power string
		action      taskplan.Action
		change      func(*fakeBoard, *Job)
		asked       []string
		fails       string
	}{
		{name: "interrogate", power: "On", action: taskplan.InterrogateOOB},
		{name: "a slow board", power: "On", action: taskplan.InterrogateOOB, change: func(f *fakeBoard, _ *Job) { f.busy = 3 }},
		{name: "cycle", power: "On", action: taskplan.PowerCycleNode, asked: []string{off, on}},
		{name: "only on", power: "Off", action: taskplan.PowerCycleNode, asked: []string{on}},
		{
			name: "PXE", power: "Off", action: taskplan.SetNodeBoot,
			asked: []string{`{"Boot":{"BootSourceOverrideEnabled":"Once","BootSourceOverrideTarget":"Pxe"}}`},
		},
		{
			name: "HTTP", power: "Off", action: taskplan.SetNodeBoot, change: func(f *fakeBoard, _ *Job) { f.targets = `["UefiHttp"]` },
			asked: []string{`{"Boot":{"BootSourceOverrideEnabled":"Once","BootSourceOverrideTarget":"UefiHttp"}}`},
		},
		{name: "one of several systems", power: "Off", action: taskplan.PowerCycleNode, change: func(f *fakeBoard, _ *Job) { f.others = 2 }, asked: []string{on}},
		{name: "only restarts", power: "On", action: taskplan.PowerCycleNode, change: func(f *fakeBoard, _ *Job) { f.resets = `["On","GracefulRestart","ForceRestart"]` }, asked: []string{`{"ResetType":"ForceRestart"}`}},
		{name: "no reset at all", power: "On", action: taskplan.PowerCycleNode, change: func(f *fakeBoard, _ *Job) { f.resets = `["Nmi"]` }, fails: "does not know the reset"},
		{
			name: "several systems, none the node's", power: "On", action: taskplan.PowerCycleNode, fails: "none of the 3 has the node's boot_mac",
			change: func(f *fakeBoard, j *Job) { f.others, j.Node.BootMAC = 2, "52:54:00:ce:da:09" },
		},
		{name: "redirected", power: "On", action: taskplan.InterrogateOOB, change: func(f *fakeBoard, _ *Job) { f.moved = "https://board.example" }, fails: "redirects to somewhere else"},
		{name: "no account", power: "On", action: taskplan.InterrogateOOB, change: func(_ *fakeBoard, j *Job) { delete(j.Node.OOB, "account") }, fails: "no oob.account"},
		{name: "neither", power: "Off", action: taskplan.SetNodeBoot, change: func(f *fakeBoard, _ *Job) { f.targets = `["Cd"]` }, fails: "neither by PXE nor by HTTP"},
		{name: "a wrong password", power: "On", action: taskplan.InterrogateOOB, change: func(_ *fakeBoard, j *Job) { j.Node.OOB["credential"] = "x" }, fails: "refuses oob.account"},
		{name: "no address", power: "On", action: taskplan.InterrogateOOB, change: func(_ *fakeBoard, j *Job) { j.Node.Addressing = nil }, fails: "no address on its oob.network"},
		{name: "never there", power: "On", action: taskplan.InterrogateOOB, change: func(f *fakeBoard, _ *Job) { f.busy = 1000 }, fails: "cannot be reached"},
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
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
			if strings.Contains(fmt.Sprint(said, err), boardPassword) {
				t.Errorf("%s: the password is shown", tt.name)
			}
			f.wants(t, tt.name, tt.asked...)
			if tt.fails == "" && tt.action != taskplan.SetNodeBoot {
				if n, err := d.store.Node(t.Context(), "n1"); err != nil || n.Power != "on" || n.PowerAddress != "127.0.0.1" {
					t.Errorf("%s: the node is %+v, %v", tt.name, n, err)
				}
			}
		}
	})
}
