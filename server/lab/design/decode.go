package design

import (
	"strconv"
	"strings"
)

// decoders make the model of a document that has passed its schema and add it
// to the site.
var decoders = map[string]func(*Site, *document) *docError{
	"Region":          addRegion,
	"Rack":            addRack,
	"NetworkLink":     addLink,
	"Network":         addNetwork,
	"HardwareProfile": addHardwareProfile,
	"HostProfile":     addHostProfile,
	"BaremetalNode":   addNode,
	"BootAction":      addBootAction,
}

// addRegion sets the region.
func addRegion(s *Site, doc *document) *docError {
	r := &Region{Ref: doc.ref, AuthorizedKeys: doc.data.get("authorized_keys").texts()}
	for _, t := range doc.data.get("tag_definitions").items {
		r.TagDefinitions = append(r.TagDefinitions, TagDefinition{
			Tag: t.get("tag").scalar(), Definition: t.get("definition").scalar(),
		})
		if !t.has("definition_type") {
			return &docError{true, "a tag definition has no definition_type"}
		}
	}
	for _, f := range doc.data.get("repositories").fields {
		if f.key == "remove_unlisted" {
			r.RemoveUnlisted = f.value.isTrue()
			continue
		}
		repository, err := decodeRepository(f.key, f.value)
		if err != nil {
			return err
		}
		r.Repositories = append(r.Repositories, repository)
	}
	s.Region = r
	return nil
}

// decodeRepository reads what no schema has looked at.
func decodeRepository(name string, v *value) (Repository, *docError) {
	d := members{at: "repositories/" + shorten(name)}
	d.object(v)
	r := Repository{
		Name:          name,
		Type:          d.given(v, "repo_type"),
		URL:           d.given(v, "url"),
		GPGKey:        d.optional(v, "gpgkey"),
		Distributions: d.list(v, "distributions"),
		Subrepos:      d.list(v, "subrepos"),
		Components:    d.list(v, "components"),
		Arches:        d.list(v, "arches"),
		Options:       d.texts(v, "options", false),
	}
	return r, d.err
}

func addRack(s *Site, doc *document) *docError {
	var d members
	r := &Rack{
		Ref:           doc.ref,
		Location:      d.texts(doc.data, "location", false),
		LocalNetworks: doc.data.get("local_networks").texts(),
		Labels:        doc.data.get("labels").textMap(),
	}
	for _, f := range doc.data.get("tor_switches").fields {
		d.at = "tor_switches/" + shorten(f.key)
		d.object(f.value)
		d.optional(f.value, "mgmt_ip")
	}
	s.Racks = append(s.Racks, r)
	return d.err
}

func addLink(s *Site, doc *document) *docError {
	d := doc.data
	bond, err := decodeBond(d.get("bonding"))
	if err != nil {
		return err
	}
	var m members
	l := &Link{
		Ref:             doc.ref,
		Bond:            bond,
		Speed:           d.get("linkspeed").scalar(),
		Trunk:           textOr(d.get("trunking"), "mode", TrunkDisabled),
		DefaultNetwork:  d.get("trunking").get("default_network").scalar(),
		AllowedNetworks: d.get("allowed_networks").texts(),
		Labels:          m.texts(d, "labels", true),
	}
	if !d.has("allowed_networks") {
		m.fail("allowed_networks", "is missing")
	}
	l.MTU, _ = d.get("mtu").integer()
	if l.Trunk != TrunkDisabled && l.Trunk != TrunkTagged {
		return &docError{true, "trunking.mode must be disabled or 802.1q"}
	}
	s.Links = append(s.Links, l)
	return m.err
}

// decodeBond applies the defaults of an active bond. Hash and peer rate are
// defaults of LACP only; other modes keep what was written, for the rule that
// forbids them. A disabled bond drops its options (ingester/plugins/deckhand.py).
func decodeBond(v *value) (Bond, *docError) {
	b := Bond{Mode: textOr(v, "mode", BondDisabled)}
	switch b.Mode {
	case BondDisabled:
		return b, nil
	case BondLACP:
		b.Hash, b.PeerRate = textOr(v, "hash", "layer3+4"), textOr(v, "peer_rate", "fast")
	case BondRoundRobin, BondStandby, "balanced-rr":
		b.Hash, b.PeerRate = v.get("hash").scalar(), v.get("peer_rate").scalar()
	default:
		return b, &docError{true, "bonding.mode must be disabled, 802.3ad, balance-rr or active-backup"}
	}
	if b.Mode == "balanced-rr" {
		b.Mode = BondRoundRobin
	}
	b.MonRate = integerOr(v.get("mon_rate"), 100)
	b.UpDelay = integerOr(v.get("up_delay"), 200)
	b.DownDelay = integerOr(v.get("down_delay"), 200)
	return b, nil
}

func addNetwork(s *Site, doc *document) *docError {
	d := doc.data
	var m members
	n := &Network{
		Ref:         doc.ref,
		CIDR:        m.required(d, "cidr"),
		VLAN:        d.get("vlan").scalar(),
		RouteDomain: d.get("routedomain").scalar(),
		Domain:      textOr(d.get("dns"), "domain", localDomain),
		DNSServers:  d.get("dns").get("servers").scalar(),
		RelaySelf:   d.get("dhcp_relay").get("self_ip").scalar(),
		RelayTarget: d.get("dhcp_relay").get("upstream_target").scalar(),
		Labels:      m.texts(d, "labels", true),
	}
	n.MTU, _ = d.get("mtu").integer()
	for _, r := range d.get("ranges").items {
		n.Ranges = append(n.Ranges, Range{r.get("type").scalar(), r.get("start").scalar(), r.get("end").scalar()})
	}
	for _, r := range d.get("routes").items {
		route := Route{Subnet: r.get("subnet").scalar(), Gateway: r.get("gateway").scalar(), Domain: r.get("routedomain").scalar()}
		if metric, ok := r.get("metric").integer(); ok {
			route.Metric = &metric
		}
		n.Routes = append(n.Routes, route)
	}
	s.Networks = append(s.Networks, n)
	return m.err
}

// localDomain is what Drydock calls the DNS domain of a network without one.
const localDomain = "local"

func addHardwareProfile(s *Site, doc *document) *docError {
	d := doc.data
	h := &HardwareProfile{
		Ref:               doc.ref,
		Vendor:            d.get("vendor").scalar(),
		Generation:        d.get("generation").scalar(),
		HWVersion:         d.get("hw_version").scalar(),
		BIOSVersion:       d.get("bios_version").scalar(),
		BootMode:          d.get("boot_mode").scalar(),
		BootstrapProtocol: d.get("bootstrap_protocol").scalar(),
		PXEInterface:      d.get("pxe_interface").scalar(),
		CPUSets:           d.get("cpu_sets").textMap(),
	}
	var m members
	for _, f := range d.get("device_aliases").fields {
		m.at = "device_aliases/" + shorten(f.key)
		m.object(f.value)
		h.Aliases = append(h.Aliases, Alias{
			Name:    f.key,
			BusType: m.required(f.value, "bus_type"),
			Address: m.required(f.value, "address"),
			DevType: m.optional(f.value, "dev_type"),
		})
	}
	for _, f := range d.get("hugepages").fields {
		if h.Hugepages == nil {
			h.Hugepages = make(map[string]Hugepages)
		}
		m.at = "hugepages/" + shorten(f.key)
		h.Hugepages[f.key] = Hugepages{m.required(f.value, "size"), strconv.Itoa(m.count(f.value, "count", true))}
	}
	s.HardwareProfiles = append(s.HardwareProfiles, h)
	return m.err
}

// textOr reads a text member, or takes def when it is absent.
func textOr(v *value, key, def string) string {
	if !v.has(key) {
		return def
	}
	return v.get(key).scalar()
}

func integerOr(v *value, def int) int {
	if n, ok := v.integer(); ok {
		return n
	}
	return def
}

// removal tells whether a name stands for "remove what is inherited".
func removal(name string) bool { return strings.HasPrefix(name, "!") }
