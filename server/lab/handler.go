package lab

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	labapi "github.com/slipway-lab/slipway/gen/lab"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/lab/boot/bootfiles"
	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/server/lab/nodefilter"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

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

var _ labapi.StrictServerInterface = (*Handler)(nil)

// New checks the settings.
func New(s *labstore.Store, c Config) (*Handler, error) {
	limits, err := limitsOf(c.Limits)
	if err != nil {
		return nil, err
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
