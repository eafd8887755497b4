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
		if !a.has("network") {
			return &docError{true, fmt.Sprintf("addressing/%d has no network", i)}
		}
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
	var m members
	h := Host{
		Ref:             doc.ref,
		Parent:          d.get("host_profile").scalar(),
		HardwareProfile: plainField(d, "hardware_profile"),
		PrimaryNetwork:  plainField(d, "primary_network"),
		OOBType:         plainField(d.get("oob"), "type"),
		Devices:         m.devices(d.get("storage").get("physical_devices")),
		VolumeGroups:    m.volumeGroups(d.get("storage").get("volume_groups")),
		Interfaces:      m.interfaces(d.get("interfaces")),
		Image:           plainField(platform, "image"),
		Kernel:          plainField(platform, "kernel"),
		Tags:            metadata.get("tags").texts(),
		Labels:          metadata.get("owner_data").textMap(),
		LabelKeys:       metadata.get("owner_data").keys(),
		Rack:            plainField(metadata, "rack"),
	}
	h.OOB = m.parameters("oob", d.get("oob"), "type")
	h.KernelParams = m.parameters("platform/kernel_params", platform.get("kernel_params"), "")
	h.KernelKeys = platform.get("kernel_params").keys()
	return h, m.err
}

// plainField reads a field that is inherited whole. One that is there and empty
// unsets what would be inherited.
func plainField(v *value, key string) string {
	text := v.get(key).scalar()
	if text == "" && v.has(key) {
		return unset
	}
	return text
}

// parameters reads a map whose schema is open but whose values must be scalars.
// The key leave stays out.
func (m *members) parameters(at string, v *value, leave string) map[string]string {
	if len(v.fields) == 0 {
		return nil
	}
	m.at = at
	params := make(map[string]string, len(v.fields))
	for _, f := range v.fields {
		switch {
		case f.key == leave:
		case f.value.isScalar(), removal(f.key): // nobody reads the value of a removal
			params[f.key] = f.value.scalar()
		default:
			m.fail(f.key, "must be a scalar, not "+f.value.kind.String())
		}
	}
	return params
}

func (m *members) interfaces(v *value) []Interface {
	var list []Interface
	for _, f := range v.fields {
		i := Interface{
			Name:     f.key,
			Link:     plainField(f.value, "device_link"),
			Slaves:   f.value.get("slaves").texts(),
			Networks: f.value.get("networks").texts(),
			removed:  f.value.kind == kindNull,
		}
		if sriov := f.value.get("sriov"); sriov != nothing {
			m.at = "interfaces/" + shorten(f.key) + "/sriov"
			m.object(sriov)
			i.SRIOV = &SRIOV{VFCount: m.count(sriov, "vf_count", false), TrustedMode: truth(sriov.get("trustedmode"))}
		}
		list = append(list, i)
	}
	return list
}

// truth reads a boolean that may be written as a text.
func truth(v *value) bool {
	yes, _ := boolean11(v.text)
	return v.isScalar() && yes
}

// devices reads disks. On a disk with a volume group the partitions are
// dropped, as Drydock does (ingester/plugins/deckhand.py, process_node_storage).
func (m *members) devices(v *value) []Device {
	var list []Device
	for _, f := range v.fields {
		d := Device{
			Name:        f.key,
			Labels:      f.value.get("labels").textMap(),
			VolumeGroup: f.value.get("volume_group").scalar(),
		}
		if !f.value.has("volume_group") {
			for i, p := range f.value.get("partitions").items {
				m.at = fmt.Sprintf("storage/physical_devices/%s/partitions/%d", shorten(f.key), i)
				m.required(p, "name")
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
		Type:       textOr(fs, "fstype", "ext4"),
		Options:    textOr(fs, "mount_options", "defaults"),
		UUID:       fs.get("fs_uuid").scalar(),
		Label:      fs.get("fs_label").scalar(),
	}
}

func (m *members) volumeGroups(v *value) []VolumeGroup {
	var list []VolumeGroup
	for _, f := range v.fields {
		g := VolumeGroup{Name: f.key, UUID: f.value.get("vg_uuid").scalar()}
		for i, lv := range f.value.get("logical_volumes").items {
			m.at = fmt.Sprintf("storage/volume_groups/%s/logical_volumes/%d", shorten(f.key), i)
			m.required(lv, "name")
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
