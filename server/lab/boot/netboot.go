package boot

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/netboot"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// Script is what iPXE is to do on the machine of a node. At makes an address of a
// path of this server. A *netboot.ParameterError: the design cannot be told to
// iPXE.
func (s *Server) Script(ctx context.Context, node string, at func(path string) string) ([]byte, error) {
	b := netboot.Boot{Node: node, About: "Nothing is to be installed.", Images: s.config.Images}
	d, err := s.installing(ctx, node)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if err == nil {
		c, err := s.library.Snapshot(ctx, d.Digest)
		if err != nil {
			return nil, err
		}
		n := c.Site.Node(node)
		b.Install, b.Image, b.Kernel, b.Parameters, b.Seed = true, n.Image, n.Kernel, KernelLine(n), at(s.SeedPath(d))
		if b.About = "Slipway installs it."; s.simulated {
			b.About = "Slipway's node driver is a simulator; this is what a machine would get."
		}
	}
	text, err := netboot.Script(b)
	return []byte(text), err
}

// installing returns the deployment of a node while its machine is to be
// installed, or store.ErrNotFound. A machine that has reported the end boots from
// its disk, or it would be installed for ever.
func (s *Server) installing(ctx context.Context, node string) (*labstore.Deployment, error) {
	d, err := s.store.Deployment(ctx, node)
	if err != nil {
		return nil, err
	}
	if d.Ended {
		return nil, store.ErrNotFound
	}
	if s.simulated {
		return d, nil
	}
	w, err := s.store.Work(ctx, d.Task)
	if err == nil && w.Status != "running" {
		err = store.ErrNotFound
	}
	return d, err
}

// Seed is what the seed of a deployment holds, but for the packages. At makes an
// address of a path of this server.
func (s *Server) Seed(ctx context.Context, d *labstore.Deployment, at func(path string) string) (netboot.Seed, error) {
	c, err := s.library.Snapshot(ctx, d.Digest)
	if err != nil {
		return netboot.Seed{}, err
	}
	n := c.Site.Node(d.Node)
	seed := netboot.Seed{Instance: d.Task, Hostname: n.Name, FQDN: n.FQDN, Report: at(s.SeedPath(d)) + "report"}
	if c.Site.Region != nil {
		seed.Keys, seed.Only = c.Site.Region.AuthorizedKeys, c.Site.Region.RemoveUnlisted
		for _, r := range c.Site.Region.Repositories {
			seed.Sources = append(seed.Sources, netboot.Source{
				Name: r.Name, Type: r.Type, URL: r.URL, Key: r.GPGKey,
				Distributions: r.Distributions, Components: r.Components, Subrepos: r.Subrepos, Arches: r.Arches,
			})
		}
	}
	if d.Keyed {
		seed.Files, seed.Units, seed.Key = at(ArchivePath(d.Node, "files")), at(ArchivePath(d.Node, "units")), s.Key(d.Task, d.Node)
	}
	return seed, nil
}

// KernelLine writes a node's kernel parameters as one line, in the order of the
// design, flags without a value. The size of huge pages comes before their number,
// which the kernel else takes for one of the default size
// (Documentation/admin-guide/kernel-parameters.txt, hugepages=).
func KernelLine(n *design.Node) string {
	words := make([]string, 0, len(n.KernelParams))
	add := func(name string) {
		value, given := n.KernelParams[name]
		if given && value != "True" {
			name += "=" + value
		}
		if given && !slices.Contains(words, name) {
			words = append(words, name)
		}
	}
	for _, name := range n.KernelKeys {
		if name == "hugepages" {
			add("hugepagesz")
		}
		add(name)
	}
	return strings.Join(words, " ")
}
