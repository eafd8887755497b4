// Package boardtest is a board for tests: a small Redfish service with one system,
// whose power changes only after a few looks, as on real boards, and with the
// quirks that boards of several makers were met with.
package boardtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// What every board of this package believes, and the address of its interface.
const (
	Account  = "root"
	Password = "hunter2-hunter2"
	MAC      = "52:54:00:CE:DA:08"
)

// The quirks.
const (
	IfMatch         = "if-match"              // changes need the tag of what is changed (AMI, Lenovo)
	SettingsURI     = "settings-uri"          // changes go to the settings object only (iDRAC 10)
	FutureState     = "future-state"          // the same, with a tag (AMI)
	SupermicroMode  = "supermicro-mode"       // a setting without the mode turns the board to Legacy
	ModeRequired    = "mode-required"         // a setting without the mode is refused
	ModeReadOnly    = "hpe-mode-ro"           // a setting with the mode is refused
	NoSessions      = "no-sessions"           // there is no session service (iDRAC 8)
	SessionsOff     = "session-401-basic-ok"  // the session service refuses everybody
	PowerNull       = "power-null-off-409"    // the power is not told, and off twice is a conflict
	PoweringOffRace = "poweringoff-race-409"  // resets are a conflict while the power goes off
	ResetBusy       = "reset-503-retry-after" // the first reset comes at a bad time
	WrongTypes      = "types"                 // members that nobody needs have other types
	StringCount     = "summary-string-count"  // a number is a text
	BaseboardDown   = "hgx-503-when-off"      // one of two systems cannot be read while the power is off
	SlashMoved      = "slash-301"             // paths of collections are moved to the same with a slash
)

// Board is the service. Its fields may be set before the first request.
type Board struct {
	Power    string
	Mode     string // of boot; empty: not shown
	Targets  string // what it can boot from, as JSON
	Resets   string // it knows, as JSON
	Busy     int    // calls to the root that fail first
	Others   int    // systems besides
	Moved    string // where it redirects to
	Quirks   []string
	Host     string
	Port     int
	mu       sync.Mutex
	next     string // what the power is going to be
	looks    int    // until then
	asked    []string
	logins   int
	sessions int
	version  int
	once     string
}

// New starts a board. It ends with the test.
func New(t testing.TB, quirks ...string) *Board {
	t.Helper()
	b := &Board{Power: "On", Targets: `["Pxe","Hdd"]`, Resets: `["On","ForceOff"]`, Quirks: quirks, version: 1}
	srv := httptest.NewTLSServer(b)
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	b.Host = u.Hostname()
	if b.Port, err = strconv.Atoi(u.Port()); err != nil {
		t.Fatal(err)
	}
	return b
}

// Asked returns what was posted and patched with success or asked for, in order.
func (b *Board) Asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked)
}

// Sessions returns how many sessions are open, and how many logins there were.
func (b *Board) Sessions() (open, logins int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sessions, b.logins
}

// State returns the power, the boot mode and what it boots from next.
func (b *Board) State() (power, mode, once string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Power, b.Mode, b.once
}

func (b *Board) has(quirk string) bool { return slices.Contains(b.Quirks, quirk) }

const (
	root     = "/redfish/v1"
	sessions = root + "/SessionService/Sessions"
	system   = root + "/Systems/1"
)

// ServeHTTP answers as a board does.
func (b *Board) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	path := strings.TrimSuffix(r.URL.Path, "/")
	switch {
	case b.Moved != "":
		http.Redirect(w, r, b.Moved+r.URL.Path, http.StatusTemporaryRedirect)
		return
	case b.has(SlashMoved) && !strings.HasSuffix(r.URL.Path, "/") && (path == sessions || path == root+"/Systems"):
		http.Redirect(w, r, r.URL.Path+"/", http.StatusMovedPermanently)
		return
	}
	switch at := r.Method + " " + path; at {
	case "GET " + root:
		if b.Busy--; b.Busy >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `{"@odata.id":"/redfish/v1/","Id":"RootService","RedfishVersion":"1.15.0","Systems":{"@odata.id":"%s/Systems"},
			"SessionService":{"@odata.id":"/redfish/v1/SessionService"},"Links":{"Sessions":{"@odata.id":%q}}}`, root, sessions)
	case "POST " + sessions:
		b.login(w, body)
	default:
		user, password, _ := r.BasicAuth()
		if r.Header.Get("X-Auth-Token") != "t" && (user != Account || password != Password) {
			no(w, http.StatusUnauthorized, "Base.1.0.NoValidSession")
			return
		}
		b.answer(w, r, at, body)
	}
}

func no(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":"Base.1.0.GeneralError","message":"no","@Message.ExtendedInfo":[{"MessageId":%q,"Message":"no"}]}}`, message)
}

func (b *Board) login(w http.ResponseWriter, body map[string]any) {
	b.logins++
	switch {
	case b.has(NoSessions):
		no(w, http.StatusMethodNotAllowed, "Base.1.0.OperationNotAllowed")
	case b.has(SessionsOff), body["UserName"] != Account || body["Password"] != Password:
		no(w, http.StatusUnauthorized, "Base.1.0.NoValidSession")
	default:
		b.sessions++
		w.Header().Set("X-Auth-Token", "t")
		w.Header().Set("Location", sessions+"/1")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"@odata.id":"%s/1","Id":"1"}`, sessions)
	}
}

func (b *Board) answer(w http.ResponseWriter, r *http.Request, at string, body map[string]any) {
	switch {
	case at == "DELETE "+sessions+"/1":
		b.sessions--
		w.WriteHeader(http.StatusNoContent)
	case at == "GET "+root+"/Systems":
		b.systems(w)
	case at == "GET "+root+"/Systems/HGX_Baseboard_0":
		if b.Power == "Off" {
			no(w, http.StatusServiceUnavailable, "Base.1.0.ServiceTemporarilyUnavailable")
			return
		}
		fmt.Fprintf(w, `{"@odata.id":%q,"Id":"HGX_Baseboard_0","PowerState":"On"}`, r.URL.Path)
	case strings.HasPrefix(at, "GET "+root+"/Systems/other"):
		fmt.Fprintf(w, `{"@odata.id":%q,"Id":"other","PowerState":"On"}`, r.URL.Path)
	case at == "GET "+system+"/EthernetInterfaces":
		fmt.Fprintf(w, `{"Members":[{"@odata.id":"%s/EthernetInterfaces/1"}]}`, system)
	case at == "GET "+system+"/EthernetInterfaces/1":
		fmt.Fprintf(w, `{"@odata.id":"%s/EthernetInterfaces/1","Id":"1","MACAddress":%q}`, system, MAC)
	case at == "GET "+system:
		b.show(w)
	case at == "GET "+system+"/Settings":
		w.Header().Set("ETag", b.tag())
		fmt.Fprintf(w, `{"@odata.id":"%s/Settings","Id":"Settings"}`, system)
	case at == "PATCH "+system:
		b.patch(w, r, body, false)
	case at == "PATCH "+system+"/Settings":
		b.patch(w, r, body, true)
	case at == "POST "+system+"/Actions/ComputerSystem.Reset":
		b.reset(w, body)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (b *Board) tag() string { return fmt.Sprintf(`W/"%d"`, b.version) }

func (b *Board) systems(w http.ResponseWriter) {
	var members []string
	for i := range b.Others {
		members = append(members, fmt.Sprintf(`{"@odata.id":"%s/Systems/other%d"}`, root, i))
	}
	if b.has(BaseboardDown) {
		members = append(members, fmt.Sprintf(`{"@odata.id":"%s/Systems/HGX_Baseboard_0"}`, root))
	}
	members = append(members, fmt.Sprintf(`{"@odata.id":%q}`, system))
	fmt.Fprintf(w, `{"@odata.id":"%s/Systems","Members":[%s]}`, root, strings.Join(members, ","))
}

func (b *Board) show(w http.ResponseWriter) {
	if b.looks--; b.looks < 0 && b.next != "" {
		b.Power, b.next = b.next, ""
	}
	power := strconv.Quote(b.Power)
	if b.has(PowerNull) && b.Power == "Off" {
		power = "null"
	}
	more, boot := "", ""
	if b.has(WrongTypes) {
		more += `,"MemorySummary":{"TotalSystemMemoryGiB":"N/A"},"Status":"fine","Links":[]`
	}
	if b.has(StringCount) {
		more += `,"ProcessorSummary":{"Count":"2"}`
	}
	if b.has(SettingsURI) || b.has(FutureState) {
		more += fmt.Sprintf(`,"@Redfish.Settings":{"SettingsObject":{"@odata.id":"%s/Settings"}}`, system)
	}
	if b.Mode != "" {
		boot = fmt.Sprintf(`,"BootSourceOverrideMode":%q`, b.Mode)
	}
	w.Header().Set("ETag", b.tag())
	fmt.Fprintf(w, `{"@odata.id":%q,"Id":"1","PowerState":%s,
		"EthernetInterfaces":{"@odata.id":"%s/EthernetInterfaces"},
		"Boot":{"BootSourceOverrideTarget@Redfish.AllowableValues":%s%s},
		"Actions":{"#ComputerSystem.Reset":{"target":"%s/Actions/ComputerSystem.Reset","ResetType@Redfish.AllowableValues":%s}}%s}`,
		system, power, system, b.Targets, boot, system, b.Resets, more)
}

func (b *Board) patch(w http.ResponseWriter, r *http.Request, body map[string]any, settings bool) {
	boot, _ := body["Boot"].(map[string]any)
	mode, hasMode := boot["BootSourceOverrideMode"].(string)
	match := r.Header.Get("If-Match")
	switch {
	case b.has(SettingsURI) && !settings:
		no(w, http.StatusMethodNotAllowed, "Base.1.0.OperationNotAllowed")
	case b.has(FutureState) && !settings:
		no(w, http.StatusBadRequest, "Ami.1.0.OperationSupportedInFutureStateURI")
	case (b.has(IfMatch) || b.has(FutureState)) && match == "":
		no(w, http.StatusPreconditionRequired, "Ami.1.0.PreconditionHeaderMissing")
	case match != "" && match != "*" && match != b.tag():
		no(w, http.StatusPreconditionFailed, "Base.1.0.PreconditionFailed")
	case b.has(ModeRequired) && !hasMode:
		no(w, http.StatusBadRequest, "Base.1.0.PropertyMissing")
	case b.has(ModeReadOnly) && hasMode:
		no(w, http.StatusBadRequest, "iLO.2.14.PropertyNotWritableOrUnknown")
	default:
		if b.Mode != "" && hasMode {
			b.Mode = mode
		}
		if b.has(SupermicroMode) && !hasMode {
			b.Mode = "Legacy"
		}
		b.version++
		b.once, _ = boot["BootSourceOverrideTarget"].(string)
		b.note(body)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (b *Board) note(body map[string]any) {
	text, _ := json.Marshal(body)
	b.asked = append(b.asked, string(text))
}

func (b *Board) reset(w http.ResponseWriter, body map[string]any) {
	kind, _ := body["ResetType"].(string)
	b.note(body)
	switch {
	case b.has(ResetBusy) && len(b.asked) == 1:
		w.Header().Set("Retry-After", "0")
		no(w, http.StatusServiceUnavailable, "Base.1.0.ServiceTemporarilyUnavailable")
		return
	case b.has(PowerNull) && kind == "ForceOff" && b.Power == "Off":
		no(w, http.StatusConflict, "IDRAC.2.8.PSU501")
		return
	case b.has(PoweringOffRace) && b.Power == "PoweringOff":
		no(w, http.StatusConflict, "Base.1.0.ResourceInUse")
		return
	}
	switch kind {
	case "On":
		b.next, b.looks = "On", 2
	case "ForceOff":
		b.next, b.looks = "Off", 2
	}
	w.WriteHeader(http.StatusNoContent)
}

// GoingOff puts the board into the state in which its power goes off by itself.
func (b *Board) GoingOff(looks int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Power, b.next, b.looks = "PoweringOff", "Off", looks
}
