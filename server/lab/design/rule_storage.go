package design

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The sizes that the rules ask for, in bytes. Units are powers of ten.
const (
	gigabyte = 1_000_000_000
	minRoot  = 20 * gigabyte
	minBoot  = 1 * gigabyte
)

// bootStorage wants a root partition of 20 GB on each node, and 1 GB for a
// boot partition that is listed after it.
func bootStorage(r *run) {
	for _, n := range r.site.Nodes {
		root := false
		for _, d := range n.Devices {
			for _, p := range d.Partitions {
				switch {
				case p.Name == "root":
					root = r.partitionSize(n, p, "Root", minRoot) || root
				case p.Name == "boot" && root:
					r.partitionSize(n, p, "Boot", minBoot)
				}
			}
		}
		if !root {
			r.fail("Give the node a partition named root of at least 20 GB.",
				"Root volume is missing or has no readable size on BaremetalNode "+n.Name, n.Ref)
		}
	}
}

// partitionSize tells whether the size could be read, and reports one that
// could not or is too small.
func (r *run) partitionSize(n *Node, p Partition, what string, least int64) bool {
	size, ok := sizeInBytes(p.Size)
	switch {
	case !ok:
		r.fail("Write the size as digits and a unit, such as 40g.",
			what+" volume has an unreadable size on BaremetalNode "+n.Name, n.Ref)
	case size < least:
		r.fail(fmt.Sprintf("Make the volume at least %d GB.", least/gigabyte),
			fmt.Sprintf("%s volume must have at least %d GB on BaremetalNode %s", what, least/gigabyte, n.Name), n.Ref)
	}
	return ok
}

// sizeInBytes reads digits and a unit of m, g or t with or without b. What
// follows is not looked at, so that 40GiB counts as 40 GB, as in Drydock
// (orchestrator/util.py). Sizes that only the installer understands, such as
// >40g and 50%, are not readable.
func sizeInBytes(text string) (int64, bool) {
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	unit := digits
	for unit < len(text) && unit < digits+2 && strings.IndexByte("mMbBgGtT", text[unit]) >= 0 {
		unit++
	}
	factor := map[string]int64{
		"m": gigabyte / 1000, "mb": gigabyte / 1000, "g": gigabyte, "gb": gigabyte, "t": 1000 * gigabyte, "tb": 1000 * gigabyte,
	}[strings.ToLower(text[digits:unit])]
	if digits == 0 || factor == 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	if err != nil || n > math.MaxInt64/factor {
		return math.MaxInt64, true // larger than any disk
	}
	return n * factor, true
}

// storagePartitioning wants each disk used for exactly one purpose, and each
// volume group on at least one disk or partition of its node.
func storagePartitioning(r *run) {
	for _, n := range r.site.Nodes {
		used := make(map[string]bool)
		for _, d := range n.Devices {
			if (d.VolumeGroup != "") == (len(d.Partitions) > 0) {
				r.fail("Give the disk either a volume_group or partitions.",
					fmt.Sprintf("Device %s needs either a volume group or partitions on BaremetalNode %s", d.Name, n.Name), n.Ref)
			}
			used[d.VolumeGroup] = true
			for _, p := range d.Partitions {
				if p.VolumeGroup != "" && p.Filesystem.Type != "" {
					r.fail("Use the partition for a volume group or for a filesystem.",
						fmt.Sprintf("Partition %s has both a volume group and a filesystem on BaremetalNode %s", p.Name, n.Name), n.Ref)
				}
				used[p.VolumeGroup] = true
			}
		}
		for _, g := range n.VolumeGroups {
			if !used[g.Name] {
				r.fail("Name the volume group at a disk or a partition.",
					fmt.Sprintf("Volume group %s has no physical volume on BaremetalNode %s", g.Name, n.Name), n.Ref)
			}
		}
	}
}

// maxPercent is what the percentages of one disk, and those of all volume
// groups of a node, may add up to.
const maxPercent = 99

// storageSizing looks at the percentages of disks and volume groups. It counts
// as Drydock does (validations/storage_sizing.py): a disk is reported again for
// each partition behind the one that went too far, and a volume of negative size
// once for each disk of its node.
func storageSizing(r *run) {
	for _, n := range r.site.Nodes {
		for _, d := range n.Devices {
			sum := 0
			for _, p := range d.Partitions {
				sum += r.percent(n, p.Size, fmt.Sprintf("partition %s of device %s", p.Name, d.Name), 1)
				if sum > maxPercent {
					r.fail("Let the percentages add up to 99 or less.",
						fmt.Sprintf("Partitions of device %s take more than 99%% on BaremetalNode %s", d.Name, n.Name), n.Ref)
				}
			}
		}
		sum := 0
		for _, g := range n.VolumeGroups {
			for _, v := range g.Volumes {
				sum += r.percent(n, v.Size, fmt.Sprintf("volume %s of volume group %s", v.Name, g.Name), max(1, len(n.Devices)))
			}
		}
		if sum > maxPercent {
			r.fail("Let the percentages add up to 99 or less.",
				"Logical volumes take more than 99% on BaremetalNode "+n.Name, n.Ref)
		}
	}
}

// percent returns the percentage in a size, 0 for a size that has none or cannot
// be read. A leading > asks for at least that much. A negative one is reported
// the given number of times and counts.
func (r *run) percent(n *Node, size, what string, times int) int {
	number, isPercent := strings.CutSuffix(size, "%")
	if !isPercent {
		return 0
	}
	value, err := strconv.Atoi(strings.TrimPrefix(number, ">"))
	switch {
	case err != nil || value > 1_000_000 || value < -1_000_000:
		r.fail("Write a percentage as a whole number and %.",
			fmt.Sprintf("The size of %s is no whole percentage on BaremetalNode %s", what, n.Name), n.Ref)
		return 0
	case value < 0:
		for range times {
			if r.full() {
				break
			}
			r.fail("Make the percentage positive.",
				fmt.Sprintf("The size of %s is negative on BaremetalNode %s", what, n.Name), n.Ref)
		}
	}
	return value
}

// mountpoints wants no mount point twice on a node. It stops at the first find
// in the design, as in Drydock (validations/storage_mountpoints.py).
func mountpoints(r *run) {
	for _, n := range r.site.Nodes {
		if point := repeatedMountpoint(n); point != "" {
			r.fail("Mount each filesystem somewhere else.",
				fmt.Sprintf("Mountpoint %s appears twice on BaremetalNode %s", point, n.Name), n.Ref)
			return
		}
	}
}

func repeatedMountpoint(n *Node) string {
	seen := map[string]bool{"": true}
	for _, d := range n.Devices {
		for _, p := range d.Partitions {
			if at := p.Filesystem.Mountpoint; at != "" && seen[at] {
				return at
			}
			seen[p.Filesystem.Mountpoint] = true
		}
	}
	for _, g := range n.VolumeGroups {
		for _, v := range g.Volumes {
			if at := v.Filesystem.Mountpoint; at != "" && seen[at] {
				return at
			}
			seen[v.Filesystem.Mountpoint] = true
		}
	}
	return ""
}
