package lab

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/lab/bootfiles"
	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/nodefilter"
	"github.com/slipway-lab/slipway/server/lab/taskplan"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// Config holds the area's settings; the zero value of each but Secret has a
// meaning.
type Config struct {
	// Secret is the server secret. Keys are derived from it, and designs are
	// encrypted under it.
	Secret []byte

	// DesignHosts are the hosts that designs may be fetched from; see Source.
	DesignHosts []string

	// DesignFolder is where file:// references may point; empty: nowhere.
	DesignFolder string

	// DeckhandToken is sent with deckhand+http(s) references.
	DeckhandToken string

	// MaxDesign limits a design in bytes; default 8 MiB.
	MaxDesign int64

	// DesignTimeout limits the fetching of one; default 20 s.
	DesignTimeout time.Duration

	// MaxBootData limits the files of a node's boot actions in bytes, all together;
	// default 64 MiB.
	MaxBootData int64

	// MaxMessages limits what machines may say in one task, in bytes of text;
	// default 16 MiB.
	MaxMessages int64

	// DesignCache is how much of designs is remembered in their effective form,
	// in bytes of documents; default 32 MiB. Negative: nothing.
	DesignCache int64

	// DesignRetention is how long the design of a task is kept at least; it goes
	// when no task and no deployment needs it any more. Default 30 days.
	DesignRetention time.Duration

	// Driver works on the nodes: "simulator" (default) or "agent".
	Driver string

	// Simulator tunes the simulator.
	Simulator SimulatorConfig

	// Redfish tunes the out-of-band driver of that name, which works beside the
	// agent driver.
	Redfish RedfishConfig

	// Limits are the time limits of steps by their names; absent ones are
	// Drydock's.
	Limits map[string]time.Duration

	// NetbootImages is where machines that boot from the network find kernels
	// and RAM disks; empty: in the folder images of the server that DHCP names.
	NetbootImages string

	// Workers is how many pieces of work one server does at once; default 2000,
	// because most of them wait for somebody.
	Workers int

	// Lease is how long a server's promise holds; default 30 s. It is renewed
	// after a third of it.
	Lease time.Duration

	// BuildData is how long build data are kept, except the newest of each
	// generator; default 90 days.
	BuildData time.Duration

	// Login checks the tokens of those who log in through /v3; nil turns that
	// login off.
	Login Login

	// Idle leaves all work on tasks to the other servers of the store.
	Idle bool

	// Done ends long polls; nil never does.
	Done <-chan struct{}
}

// Login tells whose credential an attempt carries.
type Login interface {
	Identify(ctx context.Context, try auth.Attempt) (auth.Identity, error)
}

// Handler answers the operations of the tag lab, and does the work behind them
// while Run runs.
type Handler struct {
	store    *labstore.Store
	config   Config
	limits   map[taskplan.Action]time.Duration
	vault    vault
	source   *source
	sites    *siteCache
	nodes    NodeDriver
	oobs     map[string]OOBDriver
	renderer bootfiles.Renderer
	owner    string // names this server in leases

	mu   sync.Mutex
	tops map[string]*top // those this server works on
}

// New checks the settings.
func New(s *labstore.Store, c Config) (*Handler, error) {
	c.setDefaults()
	limits, err := limitsOf(c.Limits)
	if err != nil {
		return nil, err
	}
	if c.MaxDesign < 0 || c.DesignTimeout < 0 || c.Workers < 0 || c.Lease < 0 || c.BuildData < 0 || c.DesignRetention < 0 || c.MaxBootData < 0 || c.MaxMessages < 0 {
		return nil, errors.New("limits of the lab must not be negative")
	}
	key, err := hkdf.Key(sha256.New, c.Secret, nil, "slipway lab designs", 32)
	if err != nil {
		return nil, err
	}
	h := &Handler{store: s, config: c, limits: limits, sites: newSiteCache(c.DesignCache), tops: map[string]*top{}, owner: newID()}
	if h.vault, err = newVault(key); err != nil {
		return nil, err
	}
	if h.source, err = newSource(c); err != nil {
		return nil, err
	}
	h.renderer.Fetch = h.fetchAsset
	switch c.Driver {
	case "simulator":
		sim := newSimulator(s, c.Simulator)
		h.nodes, h.oobs = sim, map[string]OOBDriver{anyOOB: sim}
	case "agent":
		h.nodes, h.oobs = &agent{store: s}, map[string]OOBDriver{
			design.OOBManual:  manual{},
			design.OOBRedfish: &redfish{store: s, config: c.Redfish},
		}
	default:
		return nil, fmt.Errorf("the lab's driver %q must be simulator or agent", c.Driver)
	}
	return h, nil
}

// limitsOf knows the steps by name.
func limitsOf(settings map[string]time.Duration) (map[taskplan.Action]time.Duration, error) {
	limits := map[taskplan.Action]time.Duration{}
	for name, limit := range settings {
		step, known := taskplan.ParseStep(name)
		if !known {
			return nil, fmt.Errorf("lab-limits: %q is no step; steps are %s", name, strings.Join(taskplan.Steps(), ", "))
		}
		if limit <= 0 {
			return nil, fmt.Errorf("lab-limits: the limit of %s must be longer than no time", name)
		}
		limits[step] = limit
	}
	return limits, nil
}

func (c *Config) setDefaults() {
	if c.MaxDesign == 0 {
		c.MaxDesign = int64(design.DefaultLimits.Bytes)
	}
	if c.DesignTimeout == 0 {
		c.DesignTimeout = 20 * time.Second
	}
	if c.MaxMessages == 0 {
		c.MaxMessages = 16 << 20
	}
	if c.MaxBootData == 0 {
		c.MaxBootData = 64 << 20
	}
	if c.DesignCache == 0 {
		c.DesignCache = 32 << 20
	}
	if c.DesignRetention == 0 {
		c.DesignRetention = 30 * 24 * time.Hour
	}
	if c.Driver == "" {
		c.Driver = "simulator"
	}
	if c.Workers == 0 {
		c.Workers = 2000
	}
	if c.Lease == 0 {
		c.Lease = 30 * time.Second
	}
	if c.BuildData == 0 {
		c.BuildData = 90 * 24 * time.Hour
	}
	c.Simulator.setDefaults()
	c.Redfish.setDefaults()
}

// options are what a design is checked with.
func (h *Handler) options() design.Options {
	catalogue := h.nodes.Catalogue()
	o := design.Options{
		Limits:    limitsOfDesign(h.config.MaxDesign),
		Selector:  selector,
		Catalogue: catalogue,
	}
	if catalogue == nil {
		o.NoCatalogue = "the driver " + h.nodes.Name() + " does not know which images there are"
	}
	return o
}

// limitsOfDesign lets the other limits grow with that of the bytes.
func limitsOfDesign(most int64) design.Limits {
	l := design.DefaultLimits
	grown := func(limit int) int { return max(limit, int(int64(limit)/1024*(most/int64(l.Bytes/1024)))) }
	return design.Limits{Bytes: int(most), Values: grown(l.Values), Documents: grown(l.Documents)}
}

// selector lets boot actions choose their nodes.
func selector(site *design.Site) func(any) ([]string, error) {
	inventory := inventoryOf(site)
	return func(filter any) ([]string, error) {
		f, err := nodefilter.Parse(filter, nodefilter.Limits{})
		if err != nil {
			return nil, err
		}
		return f.Select(inventory), nil
	}
}

// inventoryOf shows a filter what it can see of a design.
func inventoryOf(site *design.Site) []nodefilter.Node {
	list := make([]nodefilter.Node, 0, len(site.Nodes))
	for _, n := range site.Nodes {
		row := nodefilter.Node{Name: n.Name, Rack: n.Rack, Tags: n.Tags, Labels: n.Labels}
		if rack := site.Rack(n.Rack); rack != nil {
			row.RackLabels = rack.Labels
		}
		list = append(list, row)
	}
	return list
}

// Waits look at the store when they are woken, which the store does across
// servers, and now and then besides: at first after lookFirst, then less and less
// often up to lookLast, since thousands may wait for hours.
const (
	lookFirst = time.Second
	lookLast  = 8 * time.Second
)

// await calls look until it answers true, whenever the topic was notified. It
// returns the error of look or of the context.
func await(ctx context.Context, s *labstore.Store, topic string, look func() (bool, error)) error {
	wake, stop := s.Subscribe(topic)
	defer stop()
	for pause := lookFirst; ; {
		if done, err := look(); done || err != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-wake:
			timer.Stop()
			pause = lookFirst
		case <-timer.C:
			pause = min(2*pause, lookLast)
		}
	}
}
