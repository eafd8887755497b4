package design

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Selector prepares the choice of nodes by a boot action's filter. It is called
// once per compilation, with the nodes already effective; the function it
// returns answers the names of the nodes that one filter selects.
type Selector func(*Site) func(filter any) ([]string, error)

// A LoadError says why a design has no effective model although each of its
// documents is sound. Its text ends up in a message and names no secrets.
type LoadError struct{ Reason string }

func (e *LoadError) Error() string { return "Error loading effective site: " + e.Reason }

func loadError(format string, args ...any) error {
	return &LoadError{cut(fmt.Sprintf(format, args...))}
}

// maxChain bounds how many host profiles stand above a node, and maxEffective
// how many entries inheritance, route domains and boot action targets may make
// out of a design.
const (
	maxChain     = 32
	maxEffective = 5_000_000
)

// Compile makes the effective model (Drydock's
// objects/hostprofile.py and objects/__init__.py): nodes inherit from their host
// profiles, kernel parameters are taken from the hardware profile, route
// domains become routes, and boot actions get their target nodes. The receiver
// stays as it is. Every error is a *LoadError; select may be nil when no boot
// action has a filter.
func (s *Site) Compile(selector Selector) (*Site, error) {
	c := &compiler{
		left:     maxEffective,
		profiles: make(map[string]*Host, len(s.HostProfiles)),
		hardware: make(map[string]*HardwareProfile, len(s.HardwareProfiles)),
		domains:  make(map[string]string, len(s.Networks)),
		done:     make(map[string]*Host, len(s.HostProfiles)),
	}
	for _, p := range s.HostProfiles {
		c.profiles[p.Name] = p
	}
	for _, h := range s.HardwareProfiles {
		c.hardware[h.Name] = h
	}
	for _, n := range s.Networks {
		c.domains[n.Name] = n.Domain
	}
	site := *s
	var err error
	if site.Nodes, err = c.nodes(s.Nodes); err != nil {
		return nil, err
	}
	site.makeIndex() // the selector looks things up
	if site.BootActions, err = c.bootActions(&site, selector); err != nil {
		return nil, err
	}
	if site.Networks, err = c.routes(s.Networks); err != nil {
		return nil, err
	}
	site.makeIndex() // networks have got routes
	return &site, nil
}

type compiler struct {
	left     int
	profiles map[string]*Host
	hardware map[string]*HardwareProfile
	domains  map[string]string // DNS domain of each network
	done     map[string]*Host  // effective profiles
}

// spend counts n new entries of the effective model.
func (c *compiler) spend(n int) error {
	if c.left -= n; c.left < 0 {
		return loadError("the effective design has more than %d entries", maxEffective)
	}
	return nil
}

func (c *compiler) nodes(written []*Node) ([]*Node, error) {
	nodes := make([]*Node, 0, len(written))
	for _, w := range written {
		host, err := c.host(&w.Host, 0)
		if err != nil {
			return nil, err
		}
		n := *w
		n.Host = *host
		if n.HardwareProfile == "" {
			return nil, loadError("Hardware profile not set")
		}
		hw := c.hardware[n.HardwareProfile]
		if hw == nil {
			return nil, loadError("HardwareProfile %s not found in design state", n.HardwareProfile)
		}
		n.KernelParams = resolveParams(n.KernelParams, hw)
		n.DNSDomain = c.domains[n.PrimaryNetwork]
		if n.DNSDomain == "" {
			n.DNSDomain = localDomain
		}
		n.FQDN = n.Name + "." + n.DNSDomain
		nodes = append(nodes, &n)
	}
	return nodes, nil
}

// host returns what h is after inheritance.
func (c *compiler) host(h *Host, depth int) (*Host, error) {
	if h.Parent == "" || removal(h.Parent) {
		own := c.inherit(h, &Host{})
		return own, c.spend(entries(own))
	}
	parent, err := c.profile(h.Parent, depth+1)
	if err != nil {
		return nil, err
	}
	merged := c.inherit(h, parent)
	return merged, c.spend(entries(merged))
}

// profile returns the effective host profile of that name.
func (c *compiler) profile(name string, depth int) (*Host, error) {
	if p := c.done[name]; p != nil {
		return p, nil
	}
	if depth > maxChain {
		return nil, loadError("HostProfile %s inherits from itself or over more than %d steps", name, maxChain)
	}
	p := c.profiles[name]
	if p == nil {
		return nil, loadError("HostProfile %s not found in design state", name)
	}
	effective, err := c.host(p, depth)
	if err != nil {
		return nil, err
	}
	c.done[name] = effective
	return effective, nil
}

// entries is the size of what a host holds by itself or by inheritance.
func entries(h *Host) int {
	n := 8 + len(h.OOB) + 2*len(h.KernelParams) + len(h.Tags) + len(h.Labels)
	for _, d := range h.Devices {
		n += 1 + len(d.Labels) + len(d.Partitions)
	}
	for _, g := range h.VolumeGroups {
		n += 1 + len(g.Volumes)
	}
	for _, i := range h.Interfaces {
		n += 1 + len(i.Slaves) + len(i.Networks)
	}
	return n
}

// paramPrefix marks a kernel parameter that stands in the hardware profile.
const paramPrefix = "hardwareprofile:"

// resolveParams replaces references such as hardwareprofile:cpuset.<name> and
// hardwareprofile:hugepages.<name>.size. One that leads nowhere stays as it is,
// as in Drydock (objects/node.py, resolve_kernel_params).
func resolveParams(params map[string]string, hw *HardwareProfile) map[string]string {
	var resolved map[string]string
	for name, text := range params {
		value, ok := resolveParam(text, hw)
		if !ok {
			continue
		}
		if resolved == nil {
			resolved = maps.Clone(params)
		}
		resolved[name] = value
	}
	if resolved == nil {
		return params
	}
	return resolved
}

func resolveParam(text string, hw *HardwareProfile) (string, bool) {
	ref, ok := strings.CutPrefix(text, paramPrefix)
	if !ok {
		return "", false
	}
	kind, name, _ := strings.Cut(ref, ".")
	switch kind {
	case "cpuset":
		value, ok := hw.CPUSets[name]
		return value, ok
	case "hugepages":
		conf, member, _ := strings.Cut(name, ".")
		pages, ok := hw.Hugepages[conf]
		switch {
		case ok && member == "size":
			return pages.Size, true
		case ok && member == "count":
			return pages.Count, true
		}
	}
	return "", false
}

func (c *compiler) bootActions(site *Site, selector Selector) ([]*BootAction, error) {
	all := make([]string, 0, len(site.Nodes))
	for _, n := range site.Nodes {
		all = append(all, n.Name)
	}
	var choose func(any) ([]string, error)
	if selector != nil {
		choose = selector(site)
	}
	actions := make([]*BootAction, 0, len(site.BootActions))
	for _, written := range site.BootActions {
		if err := c.spend(len(all)); err != nil {
			return nil, err
		}
		b := *written
		b.Targets = all
		if b.Filter != nil {
			if choose == nil {
				return nil, loadError("boot action %s has a node filter and nothing to apply it", b.Name)
			}
			targets, err := choose(b.Filter)
			if err != nil {
				return nil, loadError("boot action %s: %v", b.Name, err)
			}
			b.Targets = targets
		}
		actions = append(actions, &b)
	}
	return actions, nil
}

// routes expands route domains: a route that names a domain, a gateway and a
// metric leads to every other network of that domain. Only the first such route
// of a network counts (orchestrator/orchestrator.py, render_route_domains).
func (c *compiler) routes(written []*Network) ([]*Network, error) {
	var domains []string
	members := make(map[string][]*Network)
	for _, n := range written {
		if n.RouteDomain == "" {
			continue
		}
		if members[n.RouteDomain] == nil {
			domains = append(domains, n.RouteDomain)
		}
		members[n.RouteDomain] = append(members[n.RouteDomain], n)
	}
	networks := slices.Clone(written)
	for _, domain := range domains {
		for i, n := range networks {
			via := routeInto(n.Routes, domain)
			if via == nil {
				continue
			}
			if err := c.spend(len(members[domain])); err != nil {
				return nil, err
			}
			expanded := *n
			expanded.Routes = slices.Clone(n.Routes)
			for _, other := range members[domain] {
				if other.CIDR != n.CIDR {
					expanded.Routes = append(expanded.Routes, Route{Subnet: other.CIDR, Gateway: via.Gateway, Metric: via.Metric})
				}
			}
			networks[i] = &expanded
		}
	}
	return networks, nil
}

func routeInto(routes []Route, domain string) *Route {
	for i := range routes {
		if routes[i].Domain != domain {
			continue
		}
		if routes[i].Gateway == "" || routes[i].Metric == nil {
			return nil
		}
		return &routes[i]
	}
	return nil
}
