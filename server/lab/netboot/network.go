package netboot

import "go.yaml.in/yaml/v3"

// Network is a network configuration of cloud-init's version 2.
type Network struct {
	Version   int                `yaml:"version"`
	Ethernets map[string]*Device `yaml:"ethernets,omitempty"`
	Bonds     map[string]*Device `yaml:"bonds,omitempty"`
	VLANs     map[string]*Device `yaml:"vlans,omitempty"`
}

// Device is an interface, a bond or a VLAN.
type Device struct {
	Match       *Match       `yaml:"match,omitempty"` // nil: the device has the name of its key
	ID          *int         `yaml:"id,omitempty"`    // of a VLAN
	Link        string       `yaml:"link,omitempty"`  // what a VLAN is on
	Interfaces  []string     `yaml:"interfaces,omitempty,flow"`
	Parameters  *BondRules   `yaml:"parameters,omitempty"`
	DHCP        bool         `yaml:"dhcp4"`
	Addresses   []string     `yaml:"addresses,omitempty,flow"`
	MTU         int          `yaml:"mtu,omitempty"`
	Routes      []Route      `yaml:"routes,omitempty"`
	Nameservers *Nameservers `yaml:"nameservers,omitempty"`
}

// Match finds a device by a pattern of its name.
type Match struct {
	Name string `yaml:"name"`
}

// BondRules are how a bond works; times are milliseconds.
type BondRules struct {
	Mode      string `yaml:"mode"`
	LACPRate  string `yaml:"lacp-rate,omitempty"`
	Hash      string `yaml:"transmit-hash-policy,omitempty"`
	Monitor   int    `yaml:"mii-monitor-interval,omitempty"`
	UpDelay   int    `yaml:"up-delay,omitempty"`
	DownDelay int    `yaml:"down-delay,omitempty"`
}

// Route leads to a network.
type Route struct {
	To     string `yaml:"to"`
	Via    string `yaml:"via"`
	Metric *int   `yaml:"metric,omitempty"`
}

// Nameservers are who answers names.
type Nameservers struct {
	Addresses []string `yaml:"addresses,flow"`
	Search    []string `yaml:"search,omitempty,flow"`
}

// NetworkConfig writes the configuration.
func NetworkConfig(n Network) ([]byte, error) {
	n.Version = 2
	return yaml.Marshal(n)
}
