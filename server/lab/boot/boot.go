package boot

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/slipway-lab/slipway/server/lab/boot/bootfiles"
	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/library"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// Config says what machines that boot are given.
type Config struct {
	MaxData int64  `name:"lab-max-boot-data" default:"67108864" min:"1" help:"Limit of all files of a node's boot actions together, in bytes."`
	Images  string `name:"netboot-images" placeholder:"URL" help:"Address below which machines that boot from the network find <image>/<kernel>/vmlinuz and initrd. Default: the folder images of the server that DHCP names. GET /v1/netboot shows what to configure in DHCP."`
}

// Server makes what machines fetch. It is safe for concurrent use.
type Server struct {
	store     *labstore.Store
	library   *library.Library
	config    Config
	secret    []byte
	simulated bool
	renderer  bootfiles.Renderer
}

// New returns a server whose keys come from the secret. Simulated tells that the
// machines are not real.
func New(s *labstore.Store, l *library.Library, c Config, secret []byte, simulated bool) *Server {
	return &Server{store: s, library: l, config: c, secret: secret, simulated: simulated, renderer: bootfiles.Renderer{Fetch: l.Asset}}
}

// archiveTime is how long a node's archive may take, all templates and locations
// together.
const archiveTime = 25 * time.Second

// Archive renders the files (design.AssetFile) or units (design.AssetUnit) of a
// deployment. The error is a *bootfiles.FetchError or *bootfiles.RenderError when
// the design cannot be rendered, now or at all.
func (s *Server) Archive(ctx context.Context, d *labstore.Deployment, kind string) ([]byte, error) {
	files, err := s.render(ctx, d, kind)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = bootfiles.WriteArchive(&out, files)
	return out.Bytes(), err
}

func (s *Server) render(ctx context.Context, d *labstore.Deployment, kind string) ([]bootfiles.File, error) {
	ctx, cancel := context.WithTimeout(ctx, archiveTime)
	defer cancel()
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
	list := []bootfiles.Package{}
	err := s.eachAsset(ctx, d, func(a design.Asset, c bootfiles.Context) error {
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
