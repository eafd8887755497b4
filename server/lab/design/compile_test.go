package design_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/lab/design"
)

// effective is the view of a node in site_effective.json, which Drydock made.
type effective struct {
	Name            string                   `json:"name"`
	FQDN            string                   `json:"fqdn"`
	Rack            string                   `json:"rack"`
	Tags            []string                 `json:"tags"` // sorted there
	Labels          map[string]string        `json:"labels"`
	OOBType         string                   `json:"oob_type"`
	OOB             map[string]string        `json:"oob_parameters"`
	Image           string                   `json:"image"`
	Kernel          string                   `json:"kernel"`
	KernelParams    map[string]string        `json:"kernel_params"`
	PrimaryNetwork  string                   `json:"primary_network"`
	HardwareProfile string                   `json:"hardware_profile"`
	BootMAC         string                   `json:"boot_mac"`
	Addressing      map[string]string        `json:"addressing"`
	Interfaces      map[string]effectiveLink `json:"interfaces"`
	Partitions      map[string][]string      `json:"partitions"`
}

type effectiveLink struct {
	Link     string   `json:"device_link"`
	Slaves   []string `json:"slaves"`
	Networks []string `json:"networks"`
}

func view(n *design.Node) effective {
	e := effective{
		Name: n.Name, FQDN: n.FQDN, Rack: n.Rack, Tags: slices.Sorted(slices.Values(n.Tags)), Labels: n.Labels,
		OOBType: n.OOBType, OOB: n.OOB, Image: n.Image, Kernel: n.Kernel, KernelParams: n.KernelParams,
		PrimaryNetwork: n.PrimaryNetwork, HardwareProfile: n.HardwareProfile, BootMAC: n.BootMAC,
		Addressing: map[string]string{}, Interfaces: map[string]effectiveLink{}, Partitions: map[string][]string{},
	}
	for _, a := range n.Addressing {
		e.Addressing[a.Network] = a.IP
	}
	for _, i := range n.Interfaces {
		e.Interfaces[i.Name] = effectiveLink{i.Link, i.Slaves, i.Networks}
	}
	for _, d := range n.Devices {
		for _, p := range d.Partitions {
			e.Partitions[d.Name] = append(e.Partitions[d.Name], p.Name+":"+p.Size+":"+p.Filesystem.Mountpoint)
		}
	}
	return e
}

func compile(tb testing.TB, text []byte) *design.Site {
	tb.Helper()
	site, report := design.Check(text, options())
	if site == nil {
		tb.Fatalf("no effective design: %v", findings(report))
	}
	return site
}

func TestCompile_sample(t *testing.T) {
	t.Parallel()

	var want struct {
		Nodes       []effective
		BootActions []struct {
			Name      string
			Signaling bool
			Targets   []string `json:"target_nodes"`
		}
	}
	readJSON(t, "site_effective.json", &want)
	site := compile(t, readSite(t))
	if len(site.Nodes) != len(want.Nodes) || len(site.BootActions) != len(want.BootActions) {
		t.Fatalf("%d nodes and %d boot actions, want %d and %d",
			len(site.Nodes), len(site.BootActions), len(want.Nodes), len(want.BootActions))
	}
	for i, w := range want.Nodes {
		if got := view(site.Nodes[i]); !reflect.DeepEqual(got, w) {
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(w)
			t.Errorf("node %s:\n got %s\nwant %s", w.Name, a, b)
		}
	}
	for i, w := range want.BootActions {
		got := site.BootActions[i]
		if got.Name != w.Name || got.Signaling != w.Signaling || !slices.Equal(got.Targets, w.Targets) {
			t.Errorf("boot action %s: got %s signaling=%v targets=%v, want signaling=%v targets=%v",
				w.Name, got.Name, got.Signaling, got.Targets, w.Signaling, w.Targets)
		}
	}
}

func TestCompile_inheritance(t *testing.T) {
	t.Parallel()

	const head = `
schema: drydock/HardwareProfile/v1
metadata: {name: hw}
data:
  cpu_sets: {iso: "1-3"}
  hugepages: {big: {size: 1G, count: 4}}
---
schema: drydock/HostProfile/v1
metadata: {name: top}
data:
  hardware_profile: hw
  platform: {image: noble, kernel: k1, kernel_params: {quiet: true, nosmt: false, level: 3, pages: hardwareprofile:hugepages.big.count, odd: hardwareprofile:hugepages.big.colour, gone: hardwareprofile:cpuset.nope, cpus: hardwareprofile:cpuset.iso}}
  oob: {type: redfish, account: a, credential: c, network: oob}
  interfaces:
    nic0: {device_link: l0, slaves: [s0, s1], networks: [n0, n1], sriov: {vf_count: 4, trustedmode: true}}
    nic1: {device_link: l1, slaves: [s2], networks: [n2]}
  storage:
    physical_devices:
      sda:
        labels: {a: "1", b: "2"}
        partitions:
          - {name: root, size: 30g, bootable: true, filesystem: {mountpoint: /, fs_label: r}}
          - {name: var, size: 10g, filesystem: {mountpoint: /var, fstype: xfs}}
      sdb: {volume_group: vg0}
    volume_groups:
      vg0: {vg_uuid: u0, logical_volumes: [{name: l0, size: 5g}, {name: l1, size: 6g}]}
  metadata: {tags: [t1, t2], owner_data: {k1: v1, k2: v2}, rack: r1}
---
schema: drydock/BaremetalNode/v1
metadata: {name: n}
data:
  host_profile: top
  addressing: [{network: n0, address: dhcp}]
`
	sites := func(data string) *design.Node { return compile(t, []byte(head+data)).Nodes[0] }
	tests := []struct {
		name string
		data string
		got  func(*design.Node) any
		want any
	}{
		{"a plain field is inherited", "", func(n *design.Node) any { return n.Image }, "noble"},
		{"a plain field is overridden", "  platform: {kernel: k2}", func(n *design.Node) any { return n.Image + " " + n.Kernel }, "noble k2"},
		{"an exclamation mark unsets", "  platform: {kernel: '!'}", func(n *design.Node) any { return n.Image + " " + n.Kernel }, "noble "},
		{"child tags first, then the parent's", "  metadata: {tags: [t3, t2]}", func(n *design.Node) any { return n.Tags }, []string{"t3", "t2", "t1"}},
		{"a tag is removed", "  metadata: {tags: ['!t1', '!never']}", func(n *design.Node) any { return n.Tags }, []string{"t2"}},
		{"a label is removed and one overridden", "  metadata: {owner_data: {'!k1': '', k2: x}}", func(n *design.Node) any { return n.Labels }, map[string]string{"k2": "x"}},
		{"labels keep the order of writing, the parent's first", "  metadata: {owner_data: {z: '1', k2: x, a: '2', '!k1': ''}}", func(n *design.Node) any { return n.LabelKeys }, []string{"k2", "z", "a"}},
		{"a label that is removed and written again comes last", "  metadata: {owner_data: {z: '1', '!k1': '', k1: again}}", func(n *design.Node) any { return n.LabelKeys }, []string{"k2", "z", "k1"}},
		{"an empty text unsets", "  metadata: {rack: ''}", func(n *design.Node) any { return n.Rack }, ""},
		{"two partitions of one name are both merged", "  storage: {physical_devices: {sda: {partitions: [{name: var, size: 1g}, {name: var, size: 2g}]}}}", func(n *design.Node) any {
			p := n.Devices[0].Partitions
			return fmt.Sprint(len(p), p[1].Size, p[2].Size, p[2].Filesystem.Type)
		}, "31g2gxfs"},
		{"an OOB parameter is removed", "  oob: {'!account': x, type: manual}", func(n *design.Node) any { return []any{n.OOBType, n.OOB} }, []any{"manual", map[string]string{"credential": "c", "network": "oob"}}},
		{"kernel parameters keep what cannot be resolved", "", func(n *design.Node) any { return n.KernelParams }, map[string]string{
			"quiet": "True", "nosmt": "False", "level": "3", "pages": "4", "cpus": "1-3",
			"odd": "hardwareprofile:hugepages.big.colour", "gone": "hardwareprofile:cpuset.nope",
		}},
		{"an interface is merged and keeps its virtual functions", "  interfaces: {nic0: {slaves: ['!s1', s9], networks: [n1]}}", func(n *design.Node) any {
			i := n.Interfaces[0]
			return []any{i.Link, i.Slaves, i.Networks, *i.SRIOV, len(n.Interfaces)}
		}, []any{"l0", []string{"s9", "s0"}, []string{"n1", "n0"}, design.SRIOV{VFCount: 4, TrustedMode: true}, 2}},
		{"a null interface goes", "  interfaces: {nic0: null}", func(n *design.Node) any { return interfaceNames(n) }, "nic1"},
		{"an interface with an exclamation mark goes", "  interfaces: {'!nic1': {}, nic2: {}}", func(n *design.Node) any { return interfaceNames(n) }, "nic0 nic2"},
		{"a partition is merged field by field", "  storage: {physical_devices: {sda: {labels: {'!a': x}, partitions: [{name: root, size: 50g}, {name: '!var'}, {name: srv, size: 1g}]}}}", func(n *design.Node) any {
			d := n.Devices[0]
			p := d.Partitions[0]
			return []any{d.Labels, len(d.Partitions), p.Size, p.Bootable, p.Filesystem, d.Partitions[1].Name}
		}, []any{map[string]string{"b": "2"}, 2, "50g", true, design.Filesystem{Mountpoint: "/", Type: "ext4", Options: "defaults", Label: "r"}, "srv"}},
		{"a disk is handed over to a volume group", "  storage: {physical_devices: {'!sda': {}, sdb: {volume_group: vg1}}}", func(n *design.Node) any {
			return fmt.Sprint(len(n.Devices), n.Devices[0].Name, n.Devices[0].VolumeGroup)
		}, "1sdbvg1"},
		{"a logical volume is merged", "  storage: {volume_groups: {vg0: {logical_volumes: [{name: l1, size: 9g}, {name: '!l0'}]}}}", func(n *design.Node) any {
			g := n.VolumeGroups[0]
			return fmt.Sprint(g.UUID, len(g.Volumes), g.Volumes[0].Name, g.Volumes[0].Size)
		}, "u01l19g"},
		{"a node without a primary network is local", "", func(n *design.Node) any { return n.FQDN }, "n.local"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if got := tt.got(sites(tt.data)); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func interfaceNames(n *design.Node) string {
	var names []string
	for _, i := range n.Interfaces {
		names = append(names, i.Name)
	}
	return strings.Join(names, " ")
}

func TestCompile_leaves_the_written_design_alone(t *testing.T) {
	t.Parallel()

	written, _, err := design.Parse(readSite(t), design.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprintf("%+v", *written.Nodes[2])
	first, err := written.Compile(selector)
	if err != nil {
		t.Fatal(err)
	}
	second, err := written.Compile(selector)
	if err != nil {
		t.Fatal(err)
	}
	if after := fmt.Sprintf("%+v", *written.Nodes[2]); after != before {
		t.Errorf("Compile changed its receiver:\n%s\n%s", before, after)
	}
	if !reflect.DeepEqual(first, second) {
		t.Error("two compilations differ")
	}
}

func TestCompile_older_form(t *testing.T) {
	t.Parallel()

	newer := documents(t, readSite(t))
	var older strings.Builder
	for _, doc := range newer {
		m := maps.Clone(doc.(map[string]any))
		m["apiVersion"], m["kind"], m["spec"] = "drydock/v1", strings.Split(m["schema"].(string), "/")[1], m["data"]
		delete(m, "schema")
		delete(m, "data")
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		older.WriteString("---\n" + string(raw) + "\n")
	}
	got, want := compile(t, []byte(older.String())), compile(t, readSite(t))
	for i := range want.Nodes {
		if a, b := view(got.Nodes[i]), view(want.Nodes[i]); !reflect.DeepEqual(a, b) {
			t.Errorf("node %s:\n got %+v\nwant %+v", b.Name, a, b)
		}
	}
}

func TestParse_older_form_has_no_schema(t *testing.T) {
	t.Parallel()

	text := `
apiVersion: drydock/v1
kind: Network
metadata: {name: n, author: somebody}
spec: {cidr: 10.0.0.0/8, vlan: 12, colour: blue}
`
	site, messages, err := design.Parse([]byte(text), design.Limits{})
	if err != nil || site == nil {
		t.Fatalf("Parse: %v %v", err, messages)
	}
	if got := site.Networks[0].VLAN; got != "12" {
		t.Errorf("vlan %q, want 12", got)
	}
	site, messages, _ = design.Parse([]byte(strings.ReplaceAll(text, "10.0.0.0/8", "[1]")), design.Limits{})
	if site != nil || len(messages) != 1 || messages[0].Name != "DD000" {
		t.Errorf("a list as CIDR: site %v, messages %v; want one DD000", site, messages)
	}
}

func TestCompile_route_domains(t *testing.T) {
	t.Parallel()

	site := compile(t, []byte(`
schema: drydock/Network/v1
metadata: {name: a}
data: {cidr: 10.0.1.0/24, routedomain: d, routes: [{routedomain: d, gateway: 10.0.1.1, metric: 5}, {subnet: 0.0.0.0/0, gateway: 10.0.1.2}]}
---
schema: drydock/Network/v1
metadata: {name: b}
data: {cidr: 10.0.2.0/24, routedomain: d}
---
schema: drydock/Network/v1
metadata: {name: c}
data: {cidr: 10.0.3.0/24, routedomain: d, routes: [{routedomain: d, gateway: 10.0.3.1}]}
`))
	var got []string
	for _, n := range site.Networks {
		for _, r := range n.Routes {
			got = append(got, n.Name+" "+r.Subnet+" via "+r.Gateway)
		}
	}
	want := []string{"a  via 10.0.1.1", "a 0.0.0.0/0 via 10.0.1.2", "a 10.0.2.0/24 via 10.0.1.1", "a 10.0.3.0/24 via 10.0.1.1", "c  via 10.0.3.1"}
	if !slices.Equal(got, want) {
		t.Errorf("routes\n got %v\nwant %v (c has no metric and is not expanded)", got, want)
	}
}
