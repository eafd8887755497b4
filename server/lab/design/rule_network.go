package design

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

const noNetworks = "No networks found."

func cidrValidity(r *run) {
	if len(r.site.Networks) == 0 {
		r.warn("A design without networks is hardly complete.", noNetworks)
	}
	for _, n := range r.site.Networks {
		prefix, err := parsePrefix(n.CIDR)
		switch {
		case err != nil:
			r.fail("Write the network as address/length, such as 10.0.0.0/24.",
				fmt.Sprintf("The provided CIDR %s is not readable", quote(n.CIDR)), n.Ref)
		case prefix != prefix.Masked():
			r.fail("Provide a CIDR without host bits: "+prefix.Masked().String(),
				fmt.Sprintf("The provided CIDR %s has host bits set", n.CIDR), n.Ref)
		}
	}
}

// parsePrefix reads a network as Python's ipaddress does: with a length, with a
// netmask, or as a single address.
func parsePrefix(cidr string) (netip.Prefix, error) {
	address, mask, found := strings.Cut(cidr, "/")
	if !found || !strings.Contains(mask, ".") {
		if !found {
			cidr += "/32"
			if strings.Contains(address, ":") {
				cidr = address + "/128"
			}
		}
		return netip.ParsePrefix(cidr)
	}
	ip, err := netip.ParseAddr(address)
	if err != nil || !ip.Is4() {
		return netip.Prefix{}, errors.New("no IPv4 address before a netmask")
	}
	ones, bits := net.IPMask(net.ParseIP(mask).To4()).Size()
	if bits == 0 {
		return netip.Prefix{}, errors.New("no netmask")
	}
	return netip.PrefixFrom(ip, ones), nil
}

// quote shortens text of the design that a message repeats.
func quote(text string) string {
	if text == "" {
		return "(none)"
	}
	return shorten(text)
}

// ipLocality wants gateways and node addresses to lie in their networks. It is
// silent about networks whose CIDR the rule before has refused.
func ipLocality(r *run) {
	if len(r.site.Networks) == 0 {
		r.warn("A design without networks is hardly complete.", noNetworks)
	}
	prefixes := make(map[string]netip.Prefix, len(r.site.Networks))
	for _, n := range r.site.Networks {
		prefix, err := parsePrefix(n.CIDR)
		prefixes[n.Name] = prefix.Masked()
		for _, route := range n.Routes {
			r.gateway(n, route, prefix.Masked(), err == nil)
		}
	}
	if len(r.site.Nodes) == 0 {
		r.warn("A design without nodes is hardly complete.", "No nodes found.")
	}
	for _, n := range r.site.Nodes {
		for _, a := range n.Addressing {
			if !a.DHCP {
				r.nodeAddress(n, a, prefixes)
			}
		}
	}
}

func (r *run) gateway(n *Network, route Route, prefix netip.Prefix, known bool) {
	if route.Gateway == "" {
		r.fail("Name a gateway inside the network.", "A route of network "+n.Name+" has no gateway.", n.Ref)
		return
	}
	ip, err := netip.ParseAddr(route.Gateway)
	switch {
	case err != nil:
		r.fail("Write the gateway as an IP address.",
			fmt.Sprintf("The gateway %s of network %s is no IP address.", quote(route.Gateway), n.Name), n.Ref)
	case known && !prefix.Contains(ip):
		r.fail("Route over a gateway inside the network; check its CIDR.",
			fmt.Sprintf("The gateway %s is not within the CIDR %s of network %s.", ip, n.CIDR, n.Name), n.Ref)
	}
}

func (r *run) nodeAddress(n *Node, a Address, prefixes map[string]netip.Prefix) {
	prefix, known := prefixes[a.Network]
	if !known {
		r.fail("Define the network or correct the node's addressing.",
			quote(a.Network)+" is not a valid network.", n.Ref)
		return
	}
	ip, err := netip.ParseAddr(a.IP)
	switch {
	case err != nil:
		r.fail("Write an IP address, or dhcp.",
			fmt.Sprintf("%s is no IP address, on network %s.", quote(a.IP), a.Network), n.Ref)
	case prefix.IsValid() && !prefix.Contains(ip):
		r.fail("Choose an address inside the network.",
			fmt.Sprintf("The IP address %s is not within the CIDR %s of network %s.", ip, prefix, a.Network), n.Ref)
	}
}

// The MTUs that make sense.
const (
	minMTU = 1280
	maxMTU = 65536

	linkMTU = 1500 // of a link that does not say (objects/network.py)
)

func mtuRationality(r *run) {
	carrier := make(map[string]int, len(r.site.Links))
	for _, l := range r.site.Links {
		r.mtu(l.MTU, "NetworkLink "+l.Name, l.Ref)
		carrier[l.DefaultNetwork] = cmp.Or(l.MTU, linkMTU)
	}
	for _, n := range r.site.Networks {
		r.mtu(n.MTU, "Network "+n.Name, n.Ref)
		if link := carrier[n.Name]; link != 0 && n.MTU > link {
			r.fail("Choose an MTU that the link can carry.",
				fmt.Sprintf("The MTU of Network %s must not exceed %d, that of its link", n.Name, link), n.Ref)
		}
	}
}

func (r *run) mtu(mtu int, what string, ref Ref) {
	if mtu != 0 && (mtu < minMTU || mtu > maxMTU) {
		r.fail("Choose a usual MTU, such as 1500 or 9000.",
			fmt.Sprintf("MTU must be between %d and %d, that of %s is %d", minMTU, maxMTU, what, mtu), ref)
	}
}

// trunking ends the validation when the default network of an untrunked link
// does not exist: Drydock's lookup throws there and its clients know the text
// (validations/network_trunking_rational.py, objects/site.py).
func trunking(r *run) {
	for _, l := range r.site.Links {
		if l.Trunk != TrunkDisabled {
			continue
		}
		if len(l.AllowedNetworks) > 1 {
			r.fail("Allow one network, or enable trunking on the link.",
				"NetworkLink "+l.Name+" allows more than one network and must be trunked", l.Ref)
		}
		if l.DefaultNetwork == "" {
			r.fail("Name the default_network of the link.",
				"NetworkLink "+l.Name+" is not trunked and must have a default network", l.Ref)
			continue
		}
		network := r.site.Network(l.DefaultNetwork)
		if network == nil {
			r.fatal = "Network " + shorten(l.DefaultNetwork) + " not found in design state"
			return
		}
		if network.VLAN != "" {
			r.fail("Remove the VLAN tag, or enable trunking on the link.",
				fmt.Sprintf("Network %s is tagged but NetworkLink %s is not trunked", network.Name, l.Name), network.Ref, l.Ref)
		}
	}
}

func duplicateIPs(r *run) {
	if len(r.site.Nodes) == 0 {
		r.warn("A design without nodes is hardly complete.", "No nodes found.")
	}
	owner := make(map[string]*Node)
	for _, n := range slices.Concat(r.site.Nodes, r.site.repeated) {
		for _, a := range n.Addressing {
			if a.DHCP {
				continue
			}
			key := a.IP
			if ip, err := netip.ParseAddr(a.IP); err == nil {
				key = ip.Unmap().String()
			}
			if first := owner[key]; first != nil {
				r.fail("Give each node addresses of its own.",
					"Duplicate IP address found: "+quote(a.IP), n.Ref, first.Ref)
				continue
			}
			owner[key] = n
		}
	}
}

func bonding(r *run) {
	for _, l := range r.site.Links {
		b := l.Bond
		switch b.Mode {
		case BondLACP:
			r.delay(l, "Up", b.UpDelay)
			r.delay(l, "Down", b.DownDelay)
		case BondRoundRobin, BondStandby:
			if b.Hash != "" {
				r.fail("Remove hash; it is for 802.3ad.",
					fmt.Sprintf("NetworkLink %s: hash cannot be defined if bond mode is %s", l.Name, b.Mode), l.Ref)
			}
			if b.PeerRate != "" {
				r.fail("Remove peer_rate; it is for 802.3ad.",
					fmt.Sprintf("NetworkLink %s: peer rate cannot be defined if bond mode is %s", l.Name, b.Mode), l.Ref)
			}
		}
	}
}

func (r *run) delay(l *Link, which string, delay int) {
	if delay < l.Bond.MonRate {
		r.fail("Make the delay at least as long as mon_rate.",
			fmt.Sprintf("NetworkLink %s: %s delay %d is less than mon rate %d", l.Name, which, delay, l.Bond.MonRate), l.Ref)
	}
}

// allowedNetworks wants each network on one link only, and interfaces on links
// that exist and allow their networks.
func allowedNetworks(r *run) {
	links := make(map[string]*Link, len(r.site.Links))
	allowed := make(map[*Link]map[string]bool, len(r.site.Links))
	carriers := make(map[string][]*Link)
	for _, l := range r.site.Links {
		links[l.Name] = l
		allowed[l] = make(map[string]bool, len(l.AllowedNetworks))
		for _, network := range l.AllowedNetworks {
			if !allowed[l][network] {
				carriers[network] = append(carriers[network], l)
			}
			allowed[l][network] = true
		}
	}
	r.sharedNetworks(carriers)
	for _, n := range r.site.Nodes {
		for _, i := range n.Interfaces {
			r.attachment(n, i, allowed[links[i.Link]], links[i.Link] != nil)
		}
	}
}

// sharedNetworks reports each pair of links that allow the same network, as often
// as the first of them lists it
// (validations/unique_network_check.py).
func (r *run) sharedNetworks(carriers map[string][]*Link) {
	for _, first := range r.site.Links {
		for _, network := range first.AllowedNetworks {
			behind := carriers[network][slices.Index(carriers[network], first)+1:]
			for _, l := range behind {
				if r.full() {
					return
				}
				r.fail("Let each network cross one link only.",
					fmt.Sprintf("Allowed network %s duplicated on NetworkLink %s and NetworkLink %s", quote(network), first.Name, l.Name))
			}
		}
	}
}

func (r *run) attachment(n *Node, i Interface, allowed map[string]bool, linkExists bool) {
	if !linkExists {
		times := len(i.Networks) // Drydock looks at the link once for each network
		if times == 0 && i.Link != "" {
			times = 1
		}
		for range times {
			r.fail("Define the link that device_link names.",
				fmt.Sprintf("Interface %s connected to undefined network link %s.", i.Name, quote(i.Link)), n.Ref)
		}
		return
	}
	for _, network := range i.Networks {
		if !allowed[network] {
			r.fail("Attach interfaces only to networks that their link allows.",
				fmt.Sprintf("Interface %s attached to network %s, which NetworkLink %s does not allow", i.Name, quote(network), i.Link), n.Ref)
		}
	}
}
