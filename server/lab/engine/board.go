package engine

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/stmcginnis/gofish"
	"github.com/stmcginnis/gofish/schemas"

	"github.com/slipway-lab/slipway/server/lab/design"
)

// board is a connection to one board.
type board struct {
	client *gofish.APIClient
	path   string // of the system
	system boardSystem
}

// boardSystem is what is read of a ComputerSystem (DSP0268). Resets and boot
// settings are sent by hand: gofish 0.21.0 posts a reset to the target of
// another action and writes every member of Boot, empty ones too, which boards
// refuse (schemas/computersystem.go).
type boardSystem struct {
	PowerState string
	Boot       struct {
		Mode    string   `json:"BootSourceOverrideMode"`
		Targets []string `json:"BootSourceOverrideTarget@Redfish.AllowableValues"`
	}
	Actions struct {
		Reset struct {
			Target string   `json:"target"`
			Types  []string `json:"ResetType@Redfish.AllowableValues"`
		} `json:"#ComputerSystem.Reset"`
	}
}

func refusedLogin(err error) bool {
	var answer *schemas.Error
	return errors.As(err, &answer) && (answer.HTTPReturnedStatusCode == http.StatusUnauthorized || answer.HTTPReturnedStatusCode == http.StatusForbidden)
}

func (d *redfish) login(ctx context.Context, address string, n *design.Node) (*board, error) {
	client, err := gofish.ConnectContext(ctx, gofish.ClientConfig{
		Endpoint: "https://" + net.JoinHostPort(address, strconv.Itoa(d.config.Port)), Username: n.OOB["account"], Password: n.OOB["credential"],
		HTTPClient: d.http(), NoModifyTransport: true,
	})
	if err != nil {
		return nil, err
	}
	b := &board{client: client}
	systems, err := client.Service.Systems()
	if err == nil {
		b.path, err = systemOf(systems, n.BootMAC)
	}
	if err == nil {
		err = b.read()
	}
	if err != nil {
		client.Logout()
		return nil, err
	}
	return b, nil
}

// http is a client for boards. It follows redirections on the same host only,
// since another one would be shown the session, and reads so much of an answer
// and no more.
func (d *redfish) http() *http.Client {
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: d.config.Insecure}, //nolint:gosec // a setting, off by default
		TLSHandshakeTimeout: 30 * time.Second,
	}
	return &http.Client{
		Transport: limited{transport},
		Timeout:   time.Minute,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme || len(via) > 3 {
				return errors.New("the board redirects to somewhere else")
			}
			return nil
		},
	}
}

// maxBoardAnswer is more than any board has to say in one answer.
const maxBoardAnswer = 4 << 20

type limited struct{ http.RoundTripper }

// RoundTrip lets the answer end, with an error, at its limit.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxBoardAnswer)
	}
	return resp, err
}

var errNoSystem = errors.New("it manages no system that is the node's")

// systemOf returns the path of the node's system. A board of a chassis manages
// several; switching another one's power would be worse than none.
func systemOf(systems []*schemas.ComputerSystem, mac string) (string, error) {
	if len(systems) == 1 {
		return systems[0].ODataID, nil
	}
	want, good := design.CleanMAC(mac)
	for _, s := range systems {
		interfaces, err := s.EthernetInterfaces()
		if err != nil {
			return "", err
		}
		for _, i := range interfaces {
			for _, text := range []string{i.MACAddress, i.PermanentMACAddress} {
				if found, clean := design.CleanMAC(text); clean && good && found == want {
					return s.ODataID, nil
				}
			}
		}
	}
	return "", fmt.Errorf("%w: none of the %d has the node's boot_mac", errNoSystem, len(systems))
}

// read gets the state of the system anew.
func (b *board) read() error {
	resp, err := b.client.Get(b.path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b.system = boardSystem{}
	return json.NewDecoder(resp.Body).Decode(&b.system)
}

// offers tells whether the board knows a reset. One that does not say knows all.
func (b *board) offers(kind string) bool {
	known := b.system.Actions.Reset.Types
	return len(known) == 0 || slices.Contains(known, kind)
}

// restart is the hardest restart that the board knows.
func (b *board) restart() string {
	for _, kind := range []string{"ForceRestart", "PowerCycle", "GracefulRestart"} {
		if b.offers(kind) {
			return kind
		}
	}
	return "ForceOff" // which power then finds missing
}
