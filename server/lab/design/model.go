package design

// Site is a design: as it was written after Parse, effective after Compile.
// Lists keep the order of the documents. Everything in it is read-only for its
// users; compiled nodes share what they inherit.
type Site struct {
	Region           *Region // nil when the design has none
	Racks            []*Rack
	Links            []*Link
	Networks         []*Network
	HardwareProfiles []*HardwareProfile
	HostProfiles     []*Host
	Nodes            []*Node
	BootActions      []*BootAction

	repeated []*Node // further nodes of a name, which no design may have
	index    *index  // nil before Compile
}

// index finds things by name.
type index struct {
	nodes    map[string]*Node
	networks map[string]*Network
	racks    map[string]*Rack
}

// makeIndex is called once the lists are complete.
func (s *Site) makeIndex() {
	x := &index{
		nodes:    make(map[string]*Node, len(s.Nodes)),
		networks: make(map[string]*Network, len(s.Networks)),
		racks:    make(map[string]*Rack, len(s.Racks)),
	}
	for _, n := range s.Nodes {
		x.nodes[n.Name] = n
	}
	for _, n := range s.Networks {
		x.networks[n.Name] = n
	}
	for _, r := range s.Racks {
		x.racks[r.Name] = r
	}
	s.index = x
}

// Region holds what is true of the whole site.
type Region struct {
	Ref
	TagDefinitions []TagDefinition
	AuthorizedKeys []string
	RemoveUnlisted bool // package repositories that Repositories does not name
	Repositories   []Repository
}

// TagDefinition gives a tag to nodes whose lshw document satisfies an XPath.
type TagDefinition struct{ Tag, Definition string }

// Repository is a source of packages.
type Repository struct {
	Name, Type, URL, GPGKey                     string
	Distributions, Subrepos, Components, Arches []string
	Options                                     map[string]string
}

// Rack is a place for nodes.
type Rack struct {
	Ref
	Location      map[string]string
	LocalNetworks []string
	Labels        map[string]string
}

// The bonding and trunking modes.
const (
	BondDisabled   = "disabled"
	BondLACP       = "802.3ad"
	BondRoundRobin = "balance-rr" // the documentation also writes balanced-rr
	BondStandby    = "active-backup"

	TrunkDisabled = "disabled"
	TrunkTagged   = "802.1q"
)

// Link is the physical attachment that networks cross.
type Link struct {
	Ref
	Bond            Bond
	MTU             int // 0 when not given
	Speed           string
	Trunk           string
	DefaultNetwork  string // "" when there is none
	AllowedNetworks []string
	Labels          map[string]string
}

// Bond tells how the interfaces of a link are joined. The rates and delays are
// milliseconds and only set when Mode is not BondDisabled.
type Bond struct {
	Mode                        string
	Hash, PeerRate              string
	MonRate, UpDelay, DownDelay int
}

// Bonded tells whether the interfaces of a link are joined at all.
func (b Bond) Bonded() bool { return b.Mode != "" && b.Mode != BondDisabled }

// Network is an IP network.
type Network struct {
	Ref
	CIDR        string
	MTU         int    // 0 when not given
	VLAN        string // "" when untagged
	RouteDomain string
	Ranges      []Range
	Routes      []Route
	Domain      string // DNS domain, "local" by default
	DNSServers  string // comma-separated
	RelaySelf   string // dhcp_relay.self_ip
	RelayTarget string // dhcp_relay.upstream_target
	Labels      map[string]string
}

// Range is a span of addresses; its type is static, dhcp or reserved.
type Range struct{ Type, Start, End string }

// Route leads to a subnet, or, with a domain and no subnet, to every other
// network of that domain. Metric is nil when none was given.
type Route struct {
	Subnet, Gateway, Domain string
	Metric                  *int
}

// HardwareProfile describes a make of machine.
type HardwareProfile struct {
	Ref
	Vendor, Generation, HWVersion, BIOSVersion string
	BootMode, BootstrapProtocol, PXEInterface  string
	Aliases                                    []Alias
	CPUSets                                    map[string]string
	Hugepages                                  map[string]Hugepages
}

// Alias names a device by its place on a bus.
type Alias struct{ Name, BusType, Address, DevType string }

// Hugepages is a named configuration that kernel parameters refer to.
type Hugepages struct{ Size, Count string }

// Host is what a HostProfile and a BaremetalNode have in common.
type Host struct {
	Ref
	Parent          string // the HostProfile it inherits from
	HardwareProfile string
	PrimaryNetwork  string
	OOBType         string
	// OOB holds the other out-of-band parameters. "credential" is a secret:
	// keep it out of logs, messages and errors.
	OOB          map[string]string
	Devices      []Device
	VolumeGroups []VolumeGroup
	Interfaces   []Interface
	Image        string
	Kernel       string
	KernelParams map[string]string // a flag has the value "True"
	KernelKeys   []string          // of KernelParams, in the order in which they were written, a parent's first
	Tags         []string
	Labels       map[string]string // metadata.owner_data
	LabelKeys    []string          // in the order in which they were written, a parent's first
	Rack         string
}

// Node is a machine. FQDN and DNSDomain are set by Compile.
type Node struct {
	Host
	Addressing []Address
	BootMAC    string
	DNSDomain  string
	FQDN       string
}

// Address is an assignment on a network. IP is "" for DHCP.
type Address struct {
	Network string
	IP      string
	DHCP    bool
}

// Device is a disk: a physical volume of a volume group, or partitioned.
type Device struct {
	Name        string
	Labels      map[string]string
	VolumeGroup string
	Partitions  []Partition
}

// Partition is a part of a disk. Size is text such as 40g, >10g or 50%.
type Partition struct {
	Name, Size, UUID, VolumeGroup string
	Bootable                      bool
	Labels                        map[string]string
	Filesystem                    Filesystem

	bootableSet bool
}

// VolumeGroup is an LVM volume group.
type VolumeGroup struct {
	Name, UUID string
	Volumes    []Volume
}

// Volume is a logical volume.
type Volume struct {
	Name, Size, UUID string
	Filesystem       Filesystem
}

// Filesystem is the zero value where there is none.
type Filesystem struct{ Mountpoint, Type, Options, UUID, Label string }

// Interface is a network interface of a node.
type Interface struct {
	Name     string
	Link     string
	Slaves   []string
	Networks []string
	SRIOV    *SRIOV // nil without virtual functions

	removed bool // null in the document
}

// SRIOV configures virtual functions.
type SRIOV struct {
	VFCount     int
	TrustedMode bool
}

// The types of boot action assets.
const (
	AssetFile     = "file"
	AssetUnit     = "unit"
	AssetPackages = "pkg_list"
)

// BootAction is what a node runs after its deployment.
type BootAction struct {
	Ref
	Signaling bool // whether the action reports its end; true when not given
	// Filter is the node filter as plain values, nil when there is none.
	Filter  any
	Assets  []Asset
	Targets []string // names of the nodes that the filter selects, set by Compile
}

// Asset is a file, a systemd unit or a list of packages.
type Asset struct {
	Type             string
	Path             string
	Mode             int64  // permission bits, 0600 when not given
	Location         string // where the data come from, "" when they are here
	LocationPipeline []string
	Data             string
	DataPipeline     []string
	Packages         []Package // of a pkg_list, in the order of the document
}

// Package is a package to install; an empty version means any.
type Package struct{ Name, Version string }

// Node returns the node of that name, or nil.
func (s *Site) Node(name string) *Node {
	if s.index != nil {
		return s.index.nodes[name]
	}
	for _, n := range s.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Network returns the network of that name, or nil.
func (s *Site) Network(name string) *Network {
	if s.index != nil {
		return s.index.networks[name]
	}
	for _, n := range s.Networks {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Link returns the link of that name, or nil.
func (s *Site) Link(name string) *Link {
	for _, l := range s.Links {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// HardwareProfile returns the profile of that name, or nil.
func (s *Site) HardwareProfile(name string) *HardwareProfile {
	for _, p := range s.HardwareProfiles {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Rack returns the rack of that name, or nil.
func (s *Site) Rack(name string) *Rack {
	if s.index != nil {
		return s.index.racks[name]
	}
	for _, r := range s.Racks {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// BootAction returns the boot action of that name, or nil.
func (s *Site) BootAction(name string) *BootAction {
	for _, b := range s.BootActions {
		if b.Name == name {
			return b
		}
	}
	return nil
}

// Address returns the static address of the node on a network, or "".
func (n *Node) Address(network string) string {
	for _, a := range n.Addressing {
		if a.Network == network && !a.DHCP {
			return a.IP
		}
	}
	return ""
}
