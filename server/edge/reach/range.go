package reach

import (
	"net/netip"
	"slices"
)

// judge tells whether an address may be connected to, for a host that is listed by
// its own name or not.
func (h *Hosts) judge(a netip.Addr, named bool) error {
	inner := embedded(a)
	switch {
	case within(h.networks, a):
	case isMetadata(a), isMetadata(inner):
		return refuse("leads to an address that is link-local or serves a cloud's metadata, and it is not on the server's list of %s hosts", h.kind)
	case !named && (isPrivate(a) || isPrivate(inner)):
		return refuse("leads to a private address, and neither it nor the host's own name is on the server's list of %s hosts", h.kind)
	}
	return nil
}

// Ranges that netip does not know. Carriers' networks (RFC 6598), where some
// clouds serve their metadata; addresses for protocols (RFC 6890), with another
// one of them; those for measurements (RFC 2544); what calls itself "this
// network" and what is reserved (RFC 1122, RFC 1112); site-local ones (RFC 3879); those
// of one's own translators, which put the IPv4 address at several places (RFC 8215);
// tunnels through somebody's IPv4 (Teredo, RFC 4380).
var privateRanges = prefixes("100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "0.0.0.0/8", "240.0.0.0/4", "fec0::/10", "64:ff9b:1::/48", "2001::/32")

// metadataAddresses are those outside the link-local ranges: Alibaba's, Oracle's,
// Azure's, and the IPv6 ones of AWS and Google.
var metadataAddresses = prefixes("100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32", "fd00:ec2::254/128", "fd20:ce::254/128")

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

func within(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

func isMetadata(a netip.Addr) bool {
	return a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || within(metadataAddresses, a)
}

func isPrivate(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || within(privateRanges, a)
}

// embedded is the IPv4 address that a gateway makes of an IPv6 address (NAT64, RFC
// 6052 and RFC 8215; SIIT, RFC 2765; 6to4, RFC 3056; the old compatible ones), or the address
// itself.
func embedded(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	b := a.As16()
	switch {
	case within(natPrefixes, a):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case b[0] == 0x20 && b[1] == 0x02:
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return a
}

var natPrefixes = prefixes("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "::/96")
