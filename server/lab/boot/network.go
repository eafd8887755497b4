package boot

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/netboot"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// Network is the network configuration of a deployment's node. False: its design
// says nothing of interfaces.
func (s *Server) Network(ctx context.Context, d *labstore.Deployment) (netboot.Network, bool, error) {
	c, err := s.library.Snapshot(ctx, d.Digest)
	if err != nil {
		return netboot.Network{}, false, err
	}
	n := c.Site.Node(d.Node)
	return networkOf(c.Site, n), len(n.Interfaces) > 0, nil
}

// networkOf makes a device of each interface, and one of each network that crosses
// it with a tag.
func networkOf(site *design.Site, n *design.Node) netboot.Network {
	w := netboot.Network{Ethernets: map[string]*netboot.Device{}, Bonds: map[string]*netboot.Device{}, VLANs: map[string]*netboot.Device{}}
	for _, i := range n.Interfaces {
		link := site.Link(i.Link)
		if link == nil {
			continue
		}
		name, device := addInterface(&w, site, n, i, link)
		device.MTU = link.MTU
		for _, network := range i.Networks {
			on := device
			net := site.Network(network)
			if net == nil {
				continue
			}
			if tag, err := strconv.Atoi(net.VLAN); err == nil && link.Trunk == design.TrunkTagged && network != link.DefaultNetwork {
				on = &netboot.Device{ID: &tag, Link: name, MTU: net.MTU}
				w.VLANs[name+"."+net.VLAN] = on
			}
			address(on, n, net)
		}
	}
	return w
}

// addInterface adds a bond with its slaves, or the one device that the interface
// is.
func addInterface(w *netboot.Network, site *design.Site, n *design.Node, i design.Interface, link *design.Link) (string, *netboot.Device) {
	device := &netboot.Device{}
	if !link.Bond.Bonded() {
		real := i.Name
		if len(i.Slaves) > 0 {
			real = i.Slaves[0]
		}
		device.Match = matchOf(site, n, real)
		w.Ethernets[real] = device
		return real, device
	}
	for _, slave := range i.Slaves {
		w.Ethernets[slave] = &netboot.Device{Match: matchOf(site, n, slave), MTU: link.MTU}
	}
	b := link.Bond
	device.Interfaces = i.Slaves
	device.Parameters = &netboot.BondRules{Mode: b.Mode, Monitor: b.MonRate, UpDelay: b.UpDelay, DownDelay: b.DownDelay}
	if b.Mode == design.BondLACP {
		device.Parameters.Hash, device.Parameters.LACPRate = b.Hash, b.PeerRate
	}
	w.Bonds[i.Name] = device
	return i.Name, device
}

// address gives a device the node's address on a network, with what belongs to it.
func address(device *netboot.Device, n *design.Node, net *design.Network) {
	for _, a := range n.Addressing {
		if a.Network != net.Name {
			continue
		}
		if a.DHCP {
			device.DHCP = true
			continue
		}
		prefix, err := netip.ParsePrefix(net.CIDR)
		if err != nil {
			continue
		}
		device.Addresses = append(device.Addresses, fmt.Sprintf("%s/%d", a.IP, prefix.Bits()))
		for _, r := range net.Routes {
			if r.Subnet != "" && r.Gateway != "" {
				device.Routes = append(device.Routes, netboot.Route{To: r.Subnet, Via: r.Gateway, Metric: r.Metric})
			}
		}
		if servers := strings.FieldsFunc(net.DNSServers, func(r rune) bool { return r == ',' || r == ' ' }); len(servers) > 0 {
			device.Nameservers = &netboot.Nameservers{Addresses: servers}
			if net.Domain != "" {
				device.Nameservers.Search = []string{net.Domain}
			}
		}
	}
}

// pciAddress is domain:bus:slot.function.
var pciAddress = regexp.MustCompile(`^(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})\.([0-7])$`)

// matchOf finds a device of the design by the name that Linux derives from its
// place on the PCI bus (systemd.net-naming-scheme). Nil: the design's name is the
// device's own.
func matchOf(site *design.Site, n *design.Node, name string) *netboot.Match {
	profile := site.HardwareProfile(n.HardwareProfile)
	if profile == nil {
		return nil
	}
	at := slices.IndexFunc(profile.Aliases, func(a design.Alias) bool { return a.Name == name })
	if at < 0 {
		return nil
	}
	place := pciAddress.FindStringSubmatch(profile.Aliases[at].Address)
	if place == nil {
		return nil
	}
	slot := strings.TrimSuffix(place[0], place[4])
	shares := slices.ContainsFunc(profile.Aliases, func(a design.Alias) bool {
		return a.Name != name && strings.HasPrefix(a.Address, slot)
	})
	return &netboot.Match{Name: pciName(place, shares || place[4] != "0")}
}

// pciName is the pattern of a name: only devices with several functions tell which
// one they are.
func pciName(place []string, several bool) string {
	number := func(hex string) int64 {
		n, _ := strconv.ParseInt(hex, 16, 64) // the expression lets only digits through
		return n
	}
	name := "en"
	if domain := number("0" + place[1]); domain > 0 {
		name += fmt.Sprintf("P%d", domain)
	}
	name += fmt.Sprintf("p%ds%d", number(place[2]), number(place[3]))
	if several {
		name += "f" + place[4]
	}
	return name + "*"
}
