package design

import "strings"

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

// addRegion sets the region. Of several the last one counts, as in Drydock.
func addRegion(s *Site, doc *document) *docError {
	r := &Region{Ref: doc.ref, AuthorizedKeys: doc.data.get("authorized_keys").texts()}
	for _, t := range doc.data.get("tag_definitions").items {
		r.TagDefinitions = append(r.TagDefinitions, TagDefinition{
			Tag: t.get("tag").scalar(), Definition: t.get("definition").scalar(),
		})
	}
	for _, f := range doc.data.get("repositories").fields {
		if f.key == "remove_unlisted" {
			r.RemoveUnlisted = f.value.isTrue()
			continue
		}
		r.Repositories = append(r.Repositories, Repository{
			Name:          f.key,
			Type:          f.value.get("repo_type").scalar(),
			URL:           f.value.get("url").scalar(),
			GPGKey:        f.value.get("gpgkey").scalar(),
			Distributions: f.value.get("distributions").texts(),
			Subrepos:      f.value.get("subrepos").texts(),
			Components:    f.value.get("components").texts(),
			Arches:        f.value.get("arches").texts(),
			Options:       f.value.get("options").textMap(),
		})
	}
	s.Region = r
	return nil
}

func addRack(s *Site, doc *document) *docError {
	s.Racks = append(s.Racks, &Rack{
		Ref:           doc.ref,
		Location:      doc.data.get("location").textMap(),
		LocalNetworks: doc.data.get("local_networks").texts(),
		Labels:        doc.data.get("labels").textMap(),
	})
	return nil
}

func addLink(s *Site, doc *document) *docError {
	d := doc.data
	bond, err := decodeBond(d.get("bonding"))
	if err != nil {
		return err
	}
	l := &Link{
		Ref:             doc.ref,
		Bond:            bond,
		Speed:           d.get("linkspeed").scalar(),
		Trunk:           textOr(d.get("trunking").get("mode"), TrunkDisabled),
		DefaultNetwork:  d.get("trunking").get("default_network").scalar(),
		AllowedNetworks: d.get("allowed_networks").texts(),
		Labels:          d.get("labels").textMap(),
	}
	l.MTU, _ = d.get("mtu").integer()
	if l.Trunk != TrunkDisabled && l.Trunk != TrunkTagged {
		return &docError{true, "trunking.mode must be disabled or 802.1q"}
	}
	s.Links = append(s.Links, l)
	return nil
}

// decodeBond applies the defaults of an active bond. Hash and peer rate are
// defaults of LACP only; other modes keep what was written, for the rule that
// forbids them. A disabled bond drops its options (ingester/plugins/deckhand.py).
func decodeBond(v *value) (Bond, *docError) {
	b := Bond{Mode: textOr(v.get("mode"), BondDisabled)}
	switch b.Mode {
	case BondDisabled:
		return b, nil
	case BondLACP:
		b.Hash, b.PeerRate = textOr(v.get("hash"), "layer3+4"), textOr(v.get("peer_rate"), "fast")
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
	n := &Network{
		Ref:         doc.ref,
		CIDR:        d.get("cidr").scalar(),
		VLAN:        d.get("vlan").scalar(),
		RouteDomain: d.get("routedomain").scalar(),
		Domain:      textOr(d.get("dns").get("domain"), localDomain),
		DNSServers:  d.get("dns").get("servers").scalar(),
		RelaySelf:   d.get("dhcp_relay").get("self_ip").scalar(),
		RelayTarget: d.get("dhcp_relay").get("upstream_target").scalar(),
		Labels:      d.get("labels").textMap(),
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
	return nil
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
	for _, f := range d.get("device_aliases").fields {
		h.Aliases = append(h.Aliases, Alias{
			Name:    f.key,
			BusType: f.value.get("bus_type").scalar(),
			Address: f.value.get("address").scalar(),
			DevType: f.value.get("dev_type").scalar(),
		})
	}
	for _, f := range d.get("hugepages").fields {
		if h.Hugepages == nil {
			h.Hugepages = make(map[string]Hugepages)
		}
		h.Hugepages[f.key] = Hugepages{f.value.get("size").scalar(), f.value.get("count").scalar()}
	}
	s.HardwareProfiles = append(s.HardwareProfiles, h)
	return nil
}

func textOr(v *value, def string) string {
	if text := v.scalar(); text != "" {
		return text
	}
	return def
}

func integerOr(v *value, def int) int {
	if n, ok := v.integer(); ok {
		return n
	}
	return def
}

// removal tells whether a name stands for "remove what is inherited".
func removal(name string) bool { return strings.HasPrefix(name, "!") }
