package bootfiles

// Context is what templates know: the names node and action.
type Context struct {
	Node   NodeContext
	Action ActionContext
}

// NodeContext describes the effective node. What templates can walk through is in
// the order of the design, as Python's maps keep it.
type NodeContext struct {
	Hostname string
	Domain   string
	Tags     []string
	Labels   []Label
	// Networks are those on which the node has a static address.
	// PrimaryNetwork, if it is one of them, is also there as "default".
	Networks       []NetworkContext
	PrimaryNetwork string
	Interfaces     []InterfaceContext
}

// Label is an entry of node.labels.
type Label struct{ Key, Value string }

// NetworkContext is node.network.<name>.
type NetworkContext struct{ Name, IP, CIDR, DNSSuffix string }

// InterfaceContext is node.interfaces.<name>. The other members exist for
// templates only when SRIOV is set.
type InterfaceContext struct {
	Name        string
	SRIOV       bool
	VFCount     int
	TrustedMode bool
}

// ActionContext describes the boot action on that node.
type ActionContext struct {
	ID        string // ULID
	Key       string // 64 hex digits
	ReportURL string // templates append "/" and the id
	DesignRef string
}

// vars are the template's variables (objects/bootaction.py,
// _get_template_context).
func (c *Context) vars() map[string]any {
	var labels, networks, interfaces ordered
	for _, l := range c.Node.Labels {
		labels.set(l.Key, l.Value)
	}
	for _, n := range c.Node.Networks {
		about := mapping(entry{"ip", n.IP}, entry{"cidr", n.CIDR}, entry{"dns_suffix", n.DNSSuffix})
		networks.set(n.Name, about)
		if n.Name == c.Node.PrimaryNetwork {
			networks.set("default", about)
		}
	}
	for _, i := range c.Node.Interfaces {
		about := []entry{{"sriov", i.SRIOV}}
		if i.SRIOV {
			about = append(about, entry{"vf_count", i.VFCount}, entry{"trustedmode", i.TrustedMode})
		}
		interfaces.set(i.Name, mapping(about...))
	}
	return map[string]any{
		"node": mapping(
			entry{"hostname", c.Node.Hostname}, entry{"domain", c.Node.Domain}, entry{"tags", append([]string{}, c.Node.Tags...)},
			entry{"labels", labels.mapping()}, entry{"network", networks.mapping()}, entry{"interfaces", interfaces.mapping()},
		),
		"action": mapping(
			entry{"action_id", c.Action.ID}, entry{"action_key", c.Action.Key},
			entry{"report_url", c.Action.ReportURL}, entry{"design_ref", c.Action.DesignRef},
		),
	}
}
