package design

import (
	"fmt"
	"slices"
	"strings"
)

func hugepages(r *run) {
	for _, n := range r.site.Nodes {
		_, count := n.KernelParams["hugepages"]
		_, size := n.KernelParams["hugepagesz"]
		if count != size {
			r.fail("Give both hugepages and hugepagesz, or neither.",
				"Kernel parameters hugepages and hugepagesz come only together, on BaremetalNode "+n.Name, n.Ref)
		}
	}
}

// platformSelection is a warning only when nobody can say what there is.
func platformSelection(r *run) {
	if r.opt.NoDriver != nil {
		for _, n := range r.site.Nodes {
			if why := r.opt.NoDriver(n); why != "" {
				r.warn("Tasks on this node will fail.", "BaremetalNode "+n.Name+" cannot be worked on: "+why, n.Ref)
			}
		}
	}
	if r.opt.Catalogue == nil {
		why := r.opt.NoCatalogue
		if why == "" {
			why = "No node driver is enabled, so images and kernels were not checked."
		}
		r.warn("Images and kernels can be checked only with a node driver.", why)
		return
	}
	kernels := make(map[string][]string, len(r.opt.Catalogue.Images))
	names := make([]string, 0, len(r.opt.Catalogue.Images))
	for _, image := range r.opt.Catalogue.Images {
		kernels[image.Name] = image.Kernels
		names = append(names, image.Name)
	}
	for _, n := range r.site.Nodes {
		offered, known := kernels[n.Image]
		switch {
		case !known:
			r.fail("Choose one of the images "+strings.Join(names, ", ")+".",
				fmt.Sprintf("Image %s is not offered, for BaremetalNode %s", quote(n.Image), n.Name), n.Ref)
		case !slices.Contains(offered, n.Kernel):
			r.fail("Choose one of the kernels "+strings.Join(offered, ", ")+".",
				fmt.Sprintf("Kernel %s is not offered with image %s, for BaremetalNode %s", quote(n.Kernel), n.Image, n.Name), n.Ref)
		}
	}
}

const (
	maxFQDN  = 255
	maxLabel = 63
)

func hostnames(r *run) {
	for _, n := range r.site.Nodes {
		if len(n.FQDN) > maxFQDN {
			r.fail("Shorten the name; RFC 1035 allows 255 characters.",
				fmt.Sprintf("FQDN %s is longer than %d characters.", shorten(n.FQDN), maxFQDN), n.Ref)
		}
		for label := range strings.SplitSeq(n.FQDN, ".") {
			if !validLabel(label) {
				r.fail("Use 1 to 63 letters, digits and hyphens between dots (RFC 1035).",
					fmt.Sprintf("FQDN %s has the invalid label %s.", shorten(n.FQDN), quote(label)), n.Ref)
			}
		}
	}
}

func validLabel(label string) bool {
	if label == "" || len(label) > maxLabel {
		return false
	}
	for _, c := range []byte(label) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-':
		default:
			return false
		}
	}
	return true
}

// The out-of-band types that the rules know.
const (
	OOBIPMI    = "ipmi"
	OOBRedfish = "redfish"
	OOBLibvirt = "libvirt"
	OOBManual  = "manual"
)

func ipmi(r *run) {
	for _, n := range r.site.Nodes {
		if n.OOBType != OOBIPMI {
			continue
		}
		for _, param := range []string{"account", "credential", "network"} {
			if n.OOB[param] == "" {
				r.fail("Define the OOB parameter "+param+".",
					fmt.Sprintf("OOB parameter %s for IPMI node %s missing.", param, n.Name), n.Ref)
			}
		}
		if n.OOB["network"] == "" || n.Address(n.OOB["network"]) == "" {
			r.fail("Give the node an address on its OOB network.",
				"OOB address missing for IPMI node "+n.Name+".", n.Ref)
		}
	}
}

func libvirt(r *run) {
	for _, n := range r.site.Nodes {
		if n.OOBType != OOBLibvirt {
			continue
		}
		// The address itself is not repeated: it may hold a password.
		switch uri := n.OOB["libvirt_uri"]; {
		case uri == "":
			r.fail("Name the hypervisor in libvirt_uri.", "OOB parameter libvirt_uri missing for node "+n.Name+".", n.Ref)
		case !strings.HasPrefix(uri, "qemu+ssh"):
			r.fail("Use the scheme qemu+ssh.", "OOB parameter libvirt_uri of node "+n.Name+" has an invalid scheme.", n.Ref)
		}
		if n.BootMAC == "" {
			r.fail("Write the MAC address of the boot interface to metadata.boot_mac.",
				"Node "+n.Name+" is run by libvirt and needs a boot MAC address.", n.Ref)
		}
	}
}
