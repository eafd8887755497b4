package bootfiles

import "maps"

// Context is what templates know: the names node and action.
type Context struct {
	Node   NodeContext
	Action ActionContext
}

// NodeContext describes the effective node.
type NodeContext struct {
	Hostname string
	Domain   string
	Tags     []string
	Labels   map[string]string
	// Networks are those on which the node has a static address, by name.
	// PrimaryNetwork, if it is one of them, is also there as "default".
	Networks       map[string]NetworkContext
	PrimaryNetwork string
	Interfaces     map[string]InterfaceContext
}

// NetworkContext is node.network.<name>.
type NetworkContext struct{ IP, CIDR, DNSSuffix string }

// InterfaceContext is node.interfaces.<name>. The other members exist for
// templates only when SRIOV is set.
type InterfaceContext struct {
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
	networks := make(map[string]any, len(c.Node.Networks)+1)
	for name, n := range c.Node.Networks {
		networks[name] = map[string]any{"ip": n.IP, "cidr": n.CIDR, "dns_suffix": n.DNSSuffix}
	}
	if primary, ok := networks[c.Node.PrimaryNetwork]; ok {
		networks["default"] = primary
	}
	interfaces := make(map[string]any, len(c.Node.Interfaces))
	for name, i := range c.Node.Interfaces {
		interfaces[name] = map[string]any{"sriov": i.SRIOV}
		if i.SRIOV {
			interfaces[name] = map[string]any{"sriov": true, "vf_count": i.VFCount, "trustedmode": i.TrustedMode}
		}
	}
	return map[string]any{
		"node": map[string]any{
			"hostname":   c.Node.Hostname,
			"domain":     c.Node.Domain,
			"tags":       append([]string{}, c.Node.Tags...),
			"labels":     maps.Clone(c.Node.Labels),
			"network":    networks,
			"interfaces": interfaces,
		},
		"action": map[string]any{
			"action_id":  c.Action.ID,
			"action_key": c.Action.Key,
			"report_url": c.Action.ReportURL,
			"design_ref": c.Action.DesignRef,
		},
	}
}
