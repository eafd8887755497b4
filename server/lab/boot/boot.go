package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-lab/slipway/server/lab/boot/bootfiles"
	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/library"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// Config says what machines that boot are given.
type Config struct {
	MaxData int64         `name:"lab-max-boot-data" default:"67108864" min:"1" help:"Limit of all files of a node's boot actions together, in bytes."`
	MaxTime time.Duration `name:"lab-max-boot-time" default:"25s" min:"100ms" max:"10m" help:"How long rendering and packing all files of a node's boot actions may take together, fetching what they name included."`

	MaxRenders int `name:"lab-max-boot-renders" default:"8" min:"1" max:"1000" help:"How many nodes' boot actions one server renders at once; others wait within --lab-max-boot-time, then they get 503."`

	TemplateTime   time.Duration `name:"lab-template-time" default:"2s" min:"10ms" max:"1m" help:"How long one template of a boot action may take."`
	TemplateMemory int64         `name:"lab-template-memory" default:"33554432" min:"1048576" max:"1073741824" help:"Limit of all values that one template of a boot action makes, in bytes."`

	Images string `name:"netboot-images" placeholder:"URL" help:"Address below which machines that boot from the network find <image>/<kernel>/vmlinuz and initrd. Default: the folder images of the server that DHCP names. GET /v1/netboot shows what to configure in DHCP."`

	// Done ends what is being rendered; nil never does.
	Done <-chan struct{} `kong:"-"`
}

// Server makes what machines fetch. It is safe for concurrent use.
type Server struct {
	store     *labstore.Store
	library   *library.Library
	config    Config
	secret    []byte
	simulated bool
	renderer  bootfiles.Renderer
	slots     chan struct{} // one for each that renders
}

// ErrBusy says that so many others were rendering that the time was over before
// it began.
var ErrBusy = errors.New("too many boot actions are being rendered")

// New returns a server whose keys come from the secret. Simulated tells that the
// machines are not real.
func New(s *labstore.Store, l *library.Library, c Config, secret []byte, simulated bool) *Server {
	return &Server{
		store: s, library: l, config: c, secret: secret, simulated: simulated, slots: make(chan struct{}, max(1, c.MaxRenders)),
		renderer: bootfiles.Renderer{
			Fetch:  l.Asset,
			Limits: bootfiles.Limits{Time: c.TemplateTime, Memory: int(c.TemplateMemory)},
		},
	}
}

// begin waits until there is room to render: what one node may cost in memory is
// then bounded for all of them together. done must be called.
func (s *Server) begin(ctx context.Context) (done func(), err error) {
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, errors.Join(ErrBusy, ctx.Err())
	}
}

// bounded is a context that ends when the time for a node's boot actions is over,
// all templates and locations together, or the server stops.
func (s *Server) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, s.config.MaxTime)
	if s.config.Done != nil {
		go func() {
			select {
			case <-s.config.Done:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	return ctx, cancel
}

// Archive renders the files (design.AssetFile) or units (design.AssetUnit) of a
// deployment. The error is a *bootfiles.FetchError or *bootfiles.RenderError when
// the design cannot be rendered, now or at all, and ErrBusy when too many others were.
func (s *Server) Archive(ctx context.Context, d *labstore.Deployment, kind string) ([]byte, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	done, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	files, err := s.render(ctx, d, kind)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := bootfiles.WriteArchive(ctx, &out, files); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (s *Server) render(ctx context.Context, d *labstore.Deployment, kind string) ([]bootfiles.File, error) {
	var files []bootfiles.File
	left := s.config.MaxData
	err := s.eachAsset(ctx, d, func(a design.Asset, c bootfiles.Context) error {
		if a.Type != kind {
			return nil
		}
		f, err := s.renderer.File(ctx, assetOf(a), c)
		if left -= int64(len(f.Data)); err == nil && left < 0 {
			err = &bootfiles.RenderError{Path: a.Path, Err: fmt.Errorf("the node's files are larger than the limit of %d bytes together", s.config.MaxData)}
		}
		files = append(files, f)
		return err
	})
	return files, err
}

// Packages are what the boot actions of a deployment want installed.
func (s *Server) Packages(ctx context.Context, d *labstore.Deployment) ([]bootfiles.Package, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	done, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	list := []bootfiles.Package{}
	left := s.config.MaxData
	err = s.eachAsset(ctx, d, func(a design.Asset, c bootfiles.Context) error {
		if a.Type != design.AssetPackages {
			return nil
		}
		for _, p := range a.Packages {
			list = append(list, bootfiles.Package{Name: p.Name, Version: p.Version})
		}
		if a.Location == "" {
			return nil
		}
		more, err := s.renderer.Packages(ctx, assetOf(a), c)
		for _, p := range more {
			left -= int64(len(p.Name) + len(p.Version))
		}
		if err == nil && left < 0 {
			err = &bootfiles.RenderError{Path: "pkg_list", Err: fmt.Errorf("the node's packages are longer than the limit of %d bytes together", s.config.MaxData)}
		}
		list = append(list, more...)
		return err
	})
	return list, err
}

// eachAsset calls visit for every asset of the deployment's boot actions, in the
// order of the design.
func (s *Server) eachAsset(ctx context.Context, d *labstore.Deployment, visit func(design.Asset, bootfiles.Context) error) error {
	c, err := s.library.Snapshot(ctx, d.Digest)
	if err != nil {
		return err
	}
	node := c.Site.Node(d.Node)
	rows, err := s.store.BootActions(ctx, d.Task)
	if err != nil {
		return err
	}
	assetContext := bootfiles.Context{Node: nodeContext(c.Site, node)}
	for _, row := range rows {
		action := c.Site.BootAction(row.Name)
		assetContext.Action = bootfiles.ActionContext{
			ID: row.ID, Key: s.Key(d.Task, d.Node), ReportURL: d.BaseURL + "/api/v1.0/bootactions", DesignRef: d.DesignRef,
		}
		for _, a := range action.Assets {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := visit(a, assetContext); err != nil {
				return err
			}
		}
	}
	return nil
}

func assetOf(a design.Asset) bootfiles.Asset {
	return bootfiles.Asset{
		Path: a.Path, Mode: a.Mode, Location: a.Location, LocationPipeline: a.LocationPipeline, Data: a.Data, DataPipeline: a.DataPipeline,
	}
}

// nodeContext is what templates know of a node.
func nodeContext(site *design.Site, n *design.Node) bootfiles.NodeContext {
	c := bootfiles.NodeContext{Hostname: n.Name, Domain: n.DNSDomain, Tags: n.Tags, PrimaryNetwork: n.PrimaryNetwork}
	for _, key := range n.LabelKeys {
		c.Labels = append(c.Labels, bootfiles.Label{Key: key, Value: n.Labels[key]})
	}
	for _, a := range n.Addressing {
		if net := site.Network(a.Network); net != nil && a.IP != "" {
			c.Networks = append(c.Networks, bootfiles.NetworkContext{Name: a.Network, IP: a.IP, CIDR: net.CIDR, DNSSuffix: net.Domain})
		}
	}
	for _, i := range n.Interfaces {
		iface := bootfiles.InterfaceContext{Name: i.Name, SRIOV: i.SRIOV != nil}
		if i.SRIOV != nil {
			iface.VFCount, iface.TrustedMode = i.SRIOV.VFCount, i.SRIOV.TrustedMode
		}
		c.Interfaces = append(c.Interfaces, iface)
	}
	return c
}
