package lab

import (
	"context"
	"errors"

	labapi "github.com/slipway-lab/slipway/gen/lab"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/lab/boot"
	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// GetNodeManifest answers what a machine needs for the deployment that is going
// on. It takes the machine's own key, or an admin.
func (h *Handler) GetNodeManifest(ctx context.Context, req labapi.GetNodeManifestRequestObject) (labapi.Response, error) {
	if _, err := h.machineOrToken(ctx, req.Hostname); err != nil {
		return nil, err
	}
	d, err := h.store.Deployment(ctx, req.Hostname)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound("node %q was never deployed", req.Hostname)
	}
	if err != nil {
		return nil, err
	}
	if d.Ended {
		return nil, fault.Conflict("node %q has no deployment in progress", req.Hostname)
	}
	body, err := h.manifest(ctx, d)
	if err != nil {
		return nil, renderFault(err)
	}
	return call.OK(body).Secret(), nil
}

func (h *Handler) manifest(ctx context.Context, d *labstore.Deployment) (map[string]any, error) {
	c, err := h.library.Snapshot(ctx, d.Digest)
	if err != nil {
		return nil, err
	}
	packages, err := h.boot.Packages(ctx, d)
	if err != nil {
		return nil, err
	}
	rows := []any{}
	for _, p := range packages {
		rows = append(rows, map[string]any{"name": p.Name, "version": orNull(p.Version)})
	}
	n := c.Site.Node(d.Node)
	body := map[string]any{
		"node": n.Name, "task_id": d.Task, "fqdn": n.FQDN, "image": n.Image, "kernel": n.Kernel, "kernel_params": boot.KernelLine(n),
		"interfaces": manifestInterfaces(c.Site, n), "devices": manifestDevices(c.Site, n), "repositories": manifestRepositories(c.Site), "addressing": manifestAddresses(c.Site, n), "storage": manifestStorage(n),
		"packages": rows, "authorized_keys": []string{}, "key": nil,
		"boot_data": bootLinks(ctx, n.Name), "seed": call.From(ctx).Origin.URL(h.boot.SeedPath(d)),
	}
	if c.Site.Region != nil {
		body["authorized_keys"] = orEmpty(c.Site.Region.AuthorizedKeys)
	}
	if d.Keyed {
		body["key"] = h.boot.Key(d.Task, d.Node)
	}
	return body, nil
}

// bootLinks are the addresses of a node's two archives.
func bootLinks(ctx context.Context, node string) map[string]string {
	at := call.From(ctx).Origin.URL
	return map[string]string{"files": at(boot.ArchivePath(node, "files")), "units": at(boot.ArchivePath(node, "units"))}
}

func manifestInterfaces(site *design.Site, n *design.Node) []any {
	list := []any{}
	for _, i := range n.Interfaces {
		row := map[string]any{"name": i.Name, "link": i.Link, "slaves": orEmpty(i.Slaves), "networks": orEmpty(i.Networks), "bond": nil}
		if i.SRIOV != nil {
			row["sriov"] = map[string]any{"vf_count": i.SRIOV.VFCount, "trustedmode": i.SRIOV.TrustedMode}
		}
		if link := site.Link(i.Link); link != nil {
			row["mtu"], row["trunk"], row["default_network"] = link.MTU, link.Trunk, orNull(link.DefaultNetwork)
			if b := link.Bond; b.Bonded() {
				row["bond"] = map[string]any{
					"mode": b.Mode, "hash": orNull(b.Hash), "peer_rate": orNull(b.PeerRate), "mon_rate": b.MonRate, "up_delay": b.UpDelay, "down_delay": b.DownDelay,
				}
			}
		}
		list = append(list, row)
	}
	return list
}

// manifestDevices tells which devices the design's names stand for.
func manifestDevices(site *design.Site, n *design.Node) []any {
	list := []any{}
	if profile := site.HardwareProfile(n.HardwareProfile); profile != nil {
		for _, a := range profile.Aliases {
			list = append(list, map[string]any{"alias": a.Name, "bus_type": a.BusType, "address": a.Address, "dev_type": a.DevType})
		}
	}
	return list
}

func manifestRepositories(site *design.Site) map[string]any {
	list, removes := []any{}, false
	if site.Region != nil {
		removes = site.Region.RemoveUnlisted
		for _, r := range site.Region.Repositories {
			list = append(list, map[string]any{
				"name": r.Name, "type": r.Type, "url": r.URL, "gpgkey": orNull(r.GPGKey), "distributions": orEmpty(r.Distributions),
				"subrepos": orEmpty(r.Subrepos), "components": orEmpty(r.Components), "arches": orEmpty(r.Arches), "options": r.Options,
			})
		}
	}
	return map[string]any{"remove_unlisted": removes, "list": list}
}

func manifestAddresses(site *design.Site, n *design.Node) []any {
	list := []any{}
	for _, a := range n.Addressing {
		row := map[string]any{"network": a.Network, "address": a.IP, "dhcp": a.DHCP}
		if net := site.Network(a.Network); net != nil {
			row["cidr"], row["vlan"], row["mtu"], row["dns"] = net.CIDR, net.VLAN, net.MTU, net.DNSServers
			routes := []any{}
			for _, r := range net.Routes {
				routes = append(routes, map[string]any{"subnet": r.Subnet, "gateway": r.Gateway, "metric": r.Metric})
			}
			row["routes"] = routes
		}
		list = append(list, row)
	}
	return list
}

func manifestStorage(n *design.Node) map[string]any {
	devices := []any{}
	for _, d := range n.Devices {
		partitions := []any{}
		for _, p := range d.Partitions {
			partitions = append(partitions, map[string]any{
				"name": p.Name, "size": p.Size, "bootable": p.Bootable, "volume_group": p.VolumeGroup, "filesystem": manifestFilesystem(p.Filesystem),
			})
		}
		devices = append(devices, map[string]any{"name": d.Name, "volume_group": d.VolumeGroup, "partitions": partitions})
	}
	groups := []any{}
	for _, g := range n.VolumeGroups {
		volumes := []any{}
		for _, v := range g.Volumes {
			volumes = append(volumes, map[string]any{"name": v.Name, "size": v.Size, "filesystem": manifestFilesystem(v.Filesystem)})
		}
		groups = append(groups, map[string]any{"name": g.Name, "logical_volumes": volumes})
	}
	return map[string]any{"physical_devices": devices, "volume_groups": groups}
}

// manifestFilesystem is null where there is none.
func manifestFilesystem(f design.Filesystem) any {
	if f == (design.Filesystem{}) {
		return nil
	}
	return map[string]any{"mountpoint": f.Mountpoint, "fstype": f.Type, "mount_options": f.Options, "fs_uuid": f.UUID, "fs_label": f.Label}
}
