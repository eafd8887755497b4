package design

// This file is the grammar of inheritance (objects/__init__.py, Utils). "!" in a
// plain field unsets it, "!x" in a list or as a key removes x. Children come
// first in lists, parents in maps and in everything that is merged by name.

// inherit merges a host with its effective parent. What the child does not
// touch is shared with the parent, not copied.
func (c *compiler) inherit(child, parent *Host) *Host {
	return &Host{
		Ref:             child.Ref,
		Parent:          child.Parent,
		HardwareProfile: plain(child.HardwareProfile, parent.HardwareProfile),
		PrimaryNetwork:  plain(child.PrimaryNetwork, parent.PrimaryNetwork),
		OOBType:         plain(child.OOBType, parent.OOBType),
		OOB:             mergeMaps(child.OOB, parent.OOB),
		Devices:         mergeNamed(child.Devices, parent.Devices, deviceName, mergeDevice),
		VolumeGroups:    mergeNamed(child.VolumeGroups, parent.VolumeGroups, groupName, mergeGroup),
		Interfaces:      mergeNamed(child.Interfaces, parent.Interfaces, interfaceName, mergeInterface),
		Image:           plain(child.Image, parent.Image),
		Kernel:          plain(child.Kernel, parent.Kernel),
		KernelParams:    mergeMaps(child.KernelParams, parent.KernelParams),
		Tags:            mergeLists(child.Tags, parent.Tags),
		Labels:          mergeMaps(child.Labels, parent.Labels),
		LabelKeys:       mergeKeys(child.LabelKeys, parent.LabelKeys),
		KernelKeys:      mergeKeys(child.KernelKeys, parent.KernelKeys),
		Rack:            plain(child.Rack, parent.Rack),
	}
}

// unset in a plain field of a child takes away what would be inherited.
const unset = "!"

func plain(child, parent string) string {
	switch child {
	case "":
		return parent
	case unset, "-1":
		return ""
	}
	return child
}

// mergeLists puts the child's entries first, then those of the parent that the
// child neither has nor removes.
func mergeLists(child, parent []string) []string {
	if len(child) == 0 {
		return parent
	}
	seen := make(map[string]bool, len(child))
	list := make([]string, 0, len(child)+len(parent))
	for _, text := range child {
		if removal(text) {
			seen[text[1:]] = true
		} else {
			list = append(list, text)
		}
	}
	for _, text := range list {
		seen[text] = true
	}
	for _, text := range parent {
		if !seen[text] {
			list = append(list, text)
		}
	}
	return list
}

func mergeMaps(child, parent map[string]string) map[string]string {
	if len(child) == 0 {
		return parent
	}
	m := make(map[string]string, len(child)+len(parent))
	for key, text := range parent {
		if _, gone := child["!"+key]; !gone {
			m[key] = text
		}
	}
	for key, text := range child {
		if !removal(key) {
			m[key] = text
		}
	}
	return m
}

// mergeKeys are the keys of the merged map, the parent's first.
func mergeKeys(child, parent []string) []string {
	if len(child) == 0 {
		return parent
	}
	own := make(map[string]bool, len(child))
	for _, key := range child {
		own[key] = true
	}
	list := make([]string, 0, len(child)+len(parent))
	inherited := make(map[string]bool, len(parent))
	for _, key := range parent {
		if !own["!"+key] {
			inherited[key] = true
			list = append(list, key)
		}
	}
	for _, key := range child {
		if !removal(key) && !inherited[key] {
			list = append(list, key)
		}
	}
	return list
}

// mergeNamed keeps the parent's order, merges entries of one name, and appends
// what only the child has. Several entries of one name in the child are each
// merged with the parent's first of that name; the list never gets longer than
// both together.
func mergeNamed[T any](child, parent []T, name func(*T) string, merge func(child, parent *T) T) []T {
	if len(child) == 0 {
		return parent
	}
	byName := make(map[string][]*T, len(child))
	for i := range child {
		key := name(&child[i])
		byName[key] = append(byName[key], &child[i])
	}
	inherited := make(map[string]bool, len(parent))
	list := make([]T, 0, len(child)+len(parent))
	for i := range parent {
		key := name(&parent[i])
		own := byName[key]
		switch {
		case byName["!"+key] != nil:
			own = nil
		case own == nil:
			list = append(list, parent[i])
		case inherited[key]:
			own = own[:1]
		}
		for _, o := range own {
			list = append(list, merge(o, &parent[i]))
		}
		inherited[key] = true
	}
	var zero T
	for i := range child {
		if key := name(&child[i]); !removal(key) && !inherited[key] {
			list = append(list, merge(&child[i], &zero))
		}
	}
	return list
}

func deviceName(d *Device) string       { return d.Name }
func groupName(g *VolumeGroup) string   { return g.Name }
func partitionName(p *Partition) string { return p.Name }
func volumeName(v *Volume) string       { return v.Name }

// interfaceName gives an interface that is null in the document the name that
// removes it. Drydock means to, but drops it on the way.
func interfaceName(i *Interface) string {
	if i.removed {
		return "!" + i.Name
	}
	return i.Name
}

func mergeDevice(child, parent *Device) Device {
	return Device{
		Name:        child.Name,
		Labels:      mergeMaps(child.Labels, parent.Labels),
		VolumeGroup: plain(child.VolumeGroup, parent.VolumeGroup),
		Partitions:  mergeNamed(child.Partitions, parent.Partitions, partitionName, mergePartition),
	}
}

func mergePartition(child, parent *Partition) Partition {
	p := Partition{
		Name:        child.Name,
		Size:        plain(child.Size, parent.Size),
		UUID:        plain(child.UUID, parent.UUID),
		VolumeGroup: plain(child.VolumeGroup, parent.VolumeGroup),
		Labels:      mergeMaps(child.Labels, parent.Labels),
		Filesystem:  mergeFilesystem(child.Filesystem, parent.Filesystem),
		Bootable:    parent.Bootable,
		bootableSet: parent.bootableSet,
	}
	if child.bootableSet {
		p.Bootable, p.bootableSet = child.Bootable, true
	}
	return p
}

func mergeFilesystem(child, parent Filesystem) Filesystem {
	return Filesystem{
		Mountpoint: plain(child.Mountpoint, parent.Mountpoint),
		Type:       plain(child.Type, parent.Type),
		Options:    plain(child.Options, parent.Options),
		UUID:       plain(child.UUID, parent.UUID),
		Label:      plain(child.Label, parent.Label),
	}
}

func mergeGroup(child, parent *VolumeGroup) VolumeGroup {
	return VolumeGroup{
		Name:    child.Name,
		UUID:    plain(child.UUID, parent.UUID),
		Volumes: mergeNamed(child.Volumes, parent.Volumes, volumeName, mergeVolume),
	}
}

func mergeVolume(child, parent *Volume) Volume {
	return Volume{
		Name:       child.Name,
		Size:       plain(child.Size, parent.Size),
		UUID:       plain(child.UUID, parent.UUID),
		Filesystem: mergeFilesystem(child.Filesystem, parent.Filesystem),
	}
}

// mergeInterface keeps the virtual functions of the parent, which Drydock
// loses (objects/hostprofile.py, HostInterface.merge_lists).
func mergeInterface(child, parent *Interface) Interface {
	i := Interface{
		Name:     child.Name,
		Link:     plain(child.Link, parent.Link),
		Slaves:   mergeLists(child.Slaves, parent.Slaves),
		Networks: mergeLists(child.Networks, parent.Networks),
		SRIOV:    parent.SRIOV,
	}
	if child.SRIOV != nil {
		i.SRIOV = child.SRIOV
	}
	return i
}
