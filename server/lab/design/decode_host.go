package design

import "fmt"

func addHostProfile(s *Site, doc *document) *docError {
	h, err := decodeHost(doc)
	if err != nil {
		return err
	}
	s.HostProfiles = append(s.HostProfiles, &h)
	return nil
}

func addNode(s *Site, doc *document) *docError {
	h, err := decodeHost(doc)
	if err != nil {
		return err
	}
	n := &Node{Host: h, BootMAC: doc.data.get("metadata").get("boot_mac").scalar()}
	addressing := doc.data.get("addressing").items
	if len(addressing) == 0 {
		return &docError{reason: "a BaremetalNode needs at least one entry under addressing"}
	}
	for i, a := range addressing {
		address := Address{Network: a.get("network").scalar()}
		switch ip := a.get("address").scalar(); ip {
		case "":
			return &docError{true, fmt.Sprintf("addressing/%d has no address", i)}
		case "dhcp":
			address.DHCP = true
		default:
			address.IP = ip
		}
		n.Addressing = append(n.Addressing, address)
	}
	s.Nodes = append(s.Nodes, n)
	return nil
}

func decodeHost(doc *document) (Host, *docError) {
	d := doc.data
	metadata, platform := d.get("metadata"), d.get("platform")
	h := Host{
		Ref:             doc.ref,
		Parent:          d.get("host_profile").scalar(),
		HardwareProfile: d.get("hardware_profile").scalar(),
		PrimaryNetwork:  d.get("primary_network").scalar(),
		OOBType:         d.get("oob").get("type").scalar(),
		Devices:         decodeDevices(d.get("storage").get("physical_devices")),
		VolumeGroups:    decodeVolumeGroups(d.get("storage").get("volume_groups")),
		Interfaces:      decodeInterfaces(d.get("interfaces")),
		Image:           platform.get("image").scalar(),
		Kernel:          platform.get("kernel").scalar(),
		Tags:            metadata.get("tags").texts(),
		Labels:          metadata.get("owner_data").textMap(),
		Rack:            metadata.get("rack").scalar(),
	}
	var err *docError
	if h.OOB, err = scalarMap("oob", d.get("oob"), "type"); err != nil {
		return h, err
	}
	h.KernelParams, err = scalarMap("platform.kernel_params", platform.get("kernel_params"), "")
	return h, err
}

// scalarMap reads a map whose schema is open but whose values must be scalars.
// The key leave stays out.
func scalarMap(at string, v *value, leave string) (map[string]string, *docError) {
	if len(v.fields) == 0 {
		return nil, nil
	}
	m := make(map[string]string, len(v.fields))
	for _, f := range v.fields {
		switch {
		case f.key == leave:
		case f.value.isScalar(), removal(f.key): // nobody reads the value of a removal
			m[f.key] = f.value.scalar()
		default:
			return nil, &docError{true, at + "." + shorten(f.key) + " must be a scalar, not " + f.value.kind.String()}
		}
	}
	return m, nil
}

func decodeInterfaces(v *value) []Interface {
	var list []Interface
	for _, f := range v.fields {
		i := Interface{
			Name:     f.key,
			Link:     f.value.get("device_link").scalar(),
			Slaves:   f.value.get("slaves").texts(),
			Networks: f.value.get("networks").texts(),
			removed:  f.value.kind == kindNull,
		}
		if sriov := f.value.get("sriov"); sriov.kind == kindMap {
			i.SRIOV = &SRIOV{VFCount: integerOr(sriov.get("vf_count"), 0), TrustedMode: sriov.get("trustedmode").isTrue()}
		}
		list = append(list, i)
	}
	return list
}

// decodeDevices reads disks. On a disk with a volume group the partitions are
// dropped, as Drydock does (ingester/plugins/deckhand.py, process_node_storage).
func decodeDevices(v *value) []Device {
	var list []Device
	for _, f := range v.fields {
		d := Device{
			Name:        f.key,
			Labels:      f.value.get("labels").textMap(),
			VolumeGroup: f.value.get("volume_group").scalar(),
		}
		if !f.value.has("volume_group") {
			for _, p := range f.value.get("partitions").items {
				d.Partitions = append(d.Partitions, decodePartition(p))
			}
		}
		list = append(list, d)
	}
	return list
}

func decodePartition(v *value) Partition {
	return Partition{
		Name:        v.get("name").scalar(),
		Size:        v.get("size").scalar(),
		UUID:        v.get("part_uuid").scalar(),
		VolumeGroup: v.get("volume_group").scalar(),
		Labels:      v.get("labels").textMap(),
		Filesystem:  decodeFilesystem(v),
		Bootable:    v.get("bootable").isTrue(),
		bootableSet: v.has("bootable"),
	}
}

// decodeFilesystem reads the member filesystem of a partition or volume.
func decodeFilesystem(v *value) Filesystem {
	fs := v.get("filesystem")
	if fs.kind != kindMap {
		return Filesystem{}
	}
	return Filesystem{
		Mountpoint: fs.get("mountpoint").scalar(),
		Type:       textOr(fs.get("fstype"), "ext4"),
		Options:    textOr(fs.get("mount_options"), "defaults"),
		UUID:       fs.get("fs_uuid").scalar(),
		Label:      fs.get("fs_label").scalar(),
	}
}

func decodeVolumeGroups(v *value) []VolumeGroup {
	var list []VolumeGroup
	for _, f := range v.fields {
		g := VolumeGroup{Name: f.key, UUID: f.value.get("vg_uuid").scalar()}
		for _, lv := range f.value.get("logical_volumes").items {
			g.Volumes = append(g.Volumes, Volume{
				Name:       lv.get("name").scalar(),
				Size:       lv.get("size").scalar(),
				UUID:       lv.get("lv_uuid").scalar(),
				Filesystem: decodeFilesystem(lv),
			})
		}
		list = append(list, g)
	}
	return list
}
