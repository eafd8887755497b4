package lab_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// deployingN1 deploys node n1 of a design until its boot data are there, with the
// simulator, and returns its manifest.
func deployingN1(t *testing.T, s *servertest.Server, text string) map[string]any {
	t.Helper()
	createTask(t, s, "deploy_nodes", storeDesign(t, s, text))
	var manifest map[string]any
	eventually(t, "the manifest of n1", func() bool {
		a := s.Do("GET", "/v1/nodes/n1/manifest", "", servertest.Admin())
		if a.Status != http.StatusOK {
			return false
		}
		decode(t, a, &manifest)
		return true
	})
	return manifest
}

// Kernel parameters keep the order of the design, the size of huge pages before
// their number (samples 01).
func TestFault_hugepages(t *testing.T) {
	t.Parallel()

	text := faultDesign(t, "01-hugepages-order.yaml")
	for name, text := range map[string]string{
		"as written":       text,
		"the number first": strings.Replace(text, "      hugepagesz: 1G\n      hugepages: '32'\n", "      hugepages: '32'\n      hugepagesz: 1G\n", 1),
	} {
		s := servertest.New(t)
		s.Work()
		const want = "hugepagesz=1G hugepages=32 intel_iommu=on"
		if got := deployingN1(t, s, text)["kernel_params"]; got != want {
			t.Errorf("%s: kernel_params %q, want %q", name, got, want)
		}
		if script := get(t, s, scriptOf(t, s, "52:54:00:00:01:01"), 200); !strings.Contains(script, " "+want+"\n") {
			t.Errorf("%s: the script is\n%s", name, script)
		}
	}
}

// account is a Keystone account whose tokens end when they are refused.
type account struct{ logins atomic.Int32 }

func (a *account) OwnToken(_ context.Context, refused string) (string, error) {
	if refused != "" {
		a.logins.Add(1)
	}
	return "token" + strings.Repeat("'", int(a.logins.Load())), nil
}

type noAccount struct{}

func (noAccount) OwnToken(context.Context, string) (string, error) { return "", errors.New("down") }

// service is Promenade or Deckhand: it wants a token.
func service(t *testing.T, token string, answer string) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Auth-Token") != token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(srv.Close)
	return srv
}

// Locations and designs at Promenade and Deckhand are fetched with a token of the
// server's own account, a new one when it is refused, or the configured one
// (samples 02).
func TestFault_promenade(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct {
		token  string
		change func(*server.Config)
		want   int
	}{
		"the configured token":     {"static", func(c *server.Config) { c.Lab.Library.DeckhandToken = "static" }, 200},
		"the account's":            {"token", func(c *server.Config) { c.Lab.Library.Account = &account{} }, 200},
		"the account's second one": {"token'", func(c *server.Config) { c.Lab.Library.Account = &account{} }, 200},
		"an account that is down": {"static", func(c *server.Config) {
			c.Lab.Library.Account, c.Lab.Library.DeckhandToken = noAccount{}, "static"
		}, 200},
		"down, and no other":    {"token", func(c *server.Config) { c.Lab.Library.Account = noAccount{} }, 503},
		"a token of no service": {"another", func(c *server.Config) { c.Lab.Library.DeckhandToken = "static" }, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			srv := service(t, tt.token, "#!/bin/sh\n")
			host := strings.TrimPrefix(srv.URL, "http://")
			s := servertest.New(t, hosts(host), tt.change)
			s.Work()
			text := strings.Replace(faultDesign(t, "02-promenade-location.yaml"), "127.0.0.1:21450", host, 1)
			k, _ := deployingN1(t, s, text)["key"].(string)
			a := s.Do("GET", "/v1/bootdata/n1/files", "", key(k))
			if a.Status != tt.want {
				t.Errorf("files: %d, want %d\n%s", a.Status, tt.want, a.Body)
			}
			design := service(t, tt.token, faultDesign(t, "01-hugepages-order.yaml"))
			s2 := servertest.New(t, hosts(strings.TrimPrefix(design.URL, "http://")), tt.change)
			body := `{"rel":"design","type":"x","href":"deckhand+` + design.URL + `/a"}`
			if a := s2.Do("POST", "/v1/validatedesign", body, servertest.Admin(), servertest.JSON()); (a.Status == 200) != (tt.want == 200) {
				t.Errorf("validatedesign: %d\n%s", a.Status, a.Body)
			}
		})
	}
}

// The server's own token is for hosts that the operator has named: with a star whoever
// writes a reference could have it sent to himself.
func TestFault_tokenForAnybody(t *testing.T) {
	t.Parallel()

	for name, change := range map[string]func(*server.Config){
		"the configured token": func(c *server.Config) { c.Lab.Library.DeckhandToken = "static" },
		"the account's":        func(c *server.Config) { c.Lab.Library.Account = &account{} },
	} {
		s := servertest.New(t, hosts("*"), change)
		for _, scheme := range []string{"deckhand+http", "promenade+http", "DECKHAND+HTTP"} {
			body := `{"rel":"design","type":"x","href":"` + scheme + `://designs.example:1/a"}`
			a := s.Do("POST", "/v1/validatedesign", body, servertest.Admin(), servertest.JSON())
			if a.Status != 400 || !strings.Contains(string(a.Body), "shows its token to none of those") {
				t.Errorf("%s, %s: %d\n%s", name, scheme, a.Status, a.Body)
			}
		}
	}
}

// An unknown scheme fails the validation; a host that may not be called and a node
// that nobody can work on are warnings about the node.
func TestFault_validation(t *testing.T) {
	t.Parallel()

	text := faultDesign(t, "02-promenade-location.yaml")
	for name, tt := range map[string]struct {
		text   string
		change func(*server.Config)
		status int
		want   string
	}{
		"an unknown scheme":     {strings.Replace(text, "promenade+http:", "gopher:", 1), func(*server.Config) {}, 400, "Boot action join has a location with the scheme"},
		"no scheme":             {strings.Replace(text, "promenade+http://127.0.0.1:21450", "", 1), func(*server.Config) {}, 400, "which is not supported"},
		"a host of nobody's":    {text, func(*server.Config) {}, 200, "for BaremetalNode n1 has a location that leads to a host that is not on"},
		"a templated host":      {strings.Replace(text, "127.0.0.1:21450", "{{ node.hostname }}", 1), func(*server.Config) {}, 200, "passed"},
		"no driver for libvirt": {strings.Replace(text, "type: manual", "type: ipmi\n    network: pxe\n    account: a\n    credential: b", 1), agents, 200, "BaremetalNode n1 cannot be worked on: no driver for the out-of-band type ipmi"},
	} {
		s := servertest.New(t, tt.change)
		ref := storeDesign(t, s, tt.text)
		a := s.Do("POST", "/v1/validatedesign", `{"href":"`+ref+`"}`, servertest.Admin(), servertest.JSON())
		if a.Status != tt.status || !strings.Contains(string(a.Body), tt.want) {
			t.Errorf("%s: %d, want %d with %q\n%s", name, a.Status, tt.status, tt.want, a.Body)
		}
	}
}

// A fault that no other time mends is no 503.
func TestFault_permanent(t *testing.T) {
	t.Parallel()

	s := servertest.New(t) // which may call nobody
	s.Work()
	k, _ := deployingN1(t, s, faultDesign(t, "02-promenade-location.yaml"))["key"].(string)
	a := s.Do("GET", "/v1/bootdata/n1/files", "", key(k))
	if a.Status != 400 || !strings.Contains(string(a.Body), "not on the server's list of design hosts") {
		t.Errorf("files: %d\n%s", a.Status, a.Body)
	}
}

const repositories = `data:
  authorized_keys: []
  repositories:
    remove_unlisted: true
    docker:
      repo_type: apt
      url: https://download.docker.example/linux/ubuntu
      distributions: [noble]
      components: [stable]
      arches: [amd64]
`

// The manifest tells which devices names stand for and how interfaces are bonded;
// the seed tells cloud-init the same (samples 03 and 21).
func TestFault_network(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	s.Work()
	manifest := deployingN1(t, s, strings.Replace(faultDesign(t, "03-manifest-aliases-and-bond.yaml"), "data:\n  authorized_keys: []\n", repositories, 1))
	shown := mustJSON(t, manifest)
	for _, want := range []string{
		`{"address":"0000:18:00.0","alias":"nic_a","bus_type":"pci","dev_type":"10G"}`,
		`"alias":"bootdisk","bus_type":"scsi"`,
		`"bond":{"down_delay":3000,"hash":"layer3+4","mode":"802.3ad","mon_rate":100,"peer_rate":"fast","up_delay":1000}`,
		`"mtu":1500`, `"gateway":"10.20.0.1"`, `"url":"https://download.docker.example/linux/ubuntu"`, `"remove_unlisted":true`,
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the manifest does not say %s:\n%s", want, shown)
		}
	}
	seed, _ := manifest["seed"].(string)
	const want = `ethernets:
    nic_a:
        match:
            name: enp24s0f0*
        dhcp4: false
        mtu: 1500
    nic_b:
        match:
            name: enp24s0f1*
        dhcp4: false
        mtu: 1500
bonds:
    bond0:
        interfaces: [nic_a, nic_b]
        parameters:
            mode: 802.3ad
            lacp-rate: fast
            transmit-hash-policy: layer3+4
            mii-monitor-interval: 100
            up-delay: 1000
            down-delay: 3000
        dhcp4: false
        addresses: [10.20.0.11/24]
        mtu: 1500
        routes:
            - to: 0.0.0.0/0
              via: 10.20.0.1
              metric: 10
        nameservers:
            addresses: [10.20.0.1]
            search: [lab.example]
`
	if got := get(t, s, seed+"network-config", 200); strings.TrimSpace(got) != strings.TrimSpace("version: 2\n"+want) {
		t.Errorf("network-config\n%s\nwant\n%s", got, want)
	}
	var user struct {
		APT struct {
			Preserve bool `yaml:"preserve_sources_list"`
			Sources  map[string]struct{ Source string }
		}
	}
	if err := yaml.Unmarshal([]byte(get(t, s, seed+"user-data", 200)), &user); err != nil {
		t.Fatal(err)
	}
	const line = "deb [arch=amd64] https://download.docker.example/linux/ubuntu noble stable"
	if user.APT.Preserve || user.APT.Sources["docker.list"].Source != line {
		t.Errorf("apt: %+v", user.APT)
	}
}

// Firmware goes on where nothing is to be installed, and the interface that booted
// is the one that is named (samples 13 and 14).
func TestFault_ipxe(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	var n struct{ Script, Chain string }
	decode(t, s.Do("GET", "/v1/netboot", "", servertest.Admin()), &n)
	if !strings.HasSuffix(n.Script, "/${netX/mac}/ipxe") || !strings.Contains(n.Chain, "/${netX/mac}/ipxe || exit 1\n") {
		t.Errorf("GET /v1/netboot: %+v", n)
	}
	createTask(t, s, "verify_nodes", storeDesign(t, s, site(t)), "cedar-n08")
	if text := get(t, s, scriptOf(t, s, "52:54:00:ce:da:08"), 200); !strings.HasSuffix(text, "\nexit 1") {
		t.Errorf("the script is\n%s", text)
	}
}

// TestFault_crowd: as many nodes' boot actions as a setting says are rendered at
// once. Who waits gets the archive when there is room, and 503 when his time is
// over.
func TestFault_crowd(t *testing.T) {
	t.Parallel()

	const crowd = 4
	for name, tt := range map[string]struct {
		time time.Duration
		want int
	}{"in time": {await.Limit, 200}, "too late": {200 * time.Millisecond, 503}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			var now, most atomic.Int32
			called, answer := make(chan struct{}, crowd), make(chan struct{})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				most.Store(max(most.Load(), now.Add(1)))
				defer now.Add(-1)
				called <- struct{}{}
				select {
				case <-answer:
				case <-r.Context().Done():
				}
				_, _ = w.Write([]byte("#!/bin/sh\n"))
			}))
			t.Cleanup(srv.Close)
			host := strings.TrimPrefix(srv.URL, "http://")
			text := strings.Replace(faultDesign(t, "02-promenade-location.yaml"), "promenade+http://127.0.0.1:21450", "http://"+host, 1)
			s := servertest.New(t, hosts(host), func(c *server.Config) { c.Lab.Boot.MaxRenders, c.Lab.Boot.MaxTime = 1, tt.time })
			s.Work()
			k, _ := deployingN1(t, s, text)["key"].(string)

			done := make(chan servertest.Answer, crowd)
			for range crowd {
				go func() { done <- s.Do("GET", "/v1/bootdata/n1/files", "", key(k)) }()
			}
			<-called
			if tt.want == 200 {
				close(answer)
			}
			for range crowd {
				if a := <-done; a.Status != tt.want || (a.Header.Get("Retry-After") != "") != (tt.want == 503) {
					t.Errorf("files: %d, Retry-After %q; want %d\n%.300s", a.Status, a.Header.Get("Retry-After"), tt.want, a.Body)
				}
			}
			if tt.want == 200 && most.Load() != 1 { // else the one before may still be noticing
				t.Errorf("%d were rendered at once, want 1", most.Load())
			}
		})
	}
}
