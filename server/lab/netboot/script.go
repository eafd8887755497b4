package netboot

import (
	"fmt"
	"net/url"
	"strings"
)

// Boot is what the script for iPXE tells a machine to do.
type Boot struct {
	Node string
	// About is a sentence for people who look at the machine's screen.
	About string
	// Install tells whether to start an installation; if not, the machine goes
	// on to its next boot device.
	Install bool

	// Images is the base address of kernels and RAM disks; empty means the
	// folder images of the server that DHCP named.
	Images        string
	Image, Kernel string
	// Parameters are added to the kernel's command line.
	Parameters string
	// Seed is the address of the NoCloud data, with a slash at its end.
	Seed string
}

// ParameterError says that something cannot be said to iPXE.
type ParameterError struct{ What, Value string }

// Error names the thing and what is wrong with it.
func (e *ParameterError) Error() string {
	return fmt.Sprintf("%s %q holds a line break, another control character or ${, which iPXE would not take as text", e.What, e.Value)
}

// checkText refuses what would not stay text in a script: line breaks begin a new
// command, and ${ begins a setting that iPXE expands (https://ipxe.org/scripting).
func checkText(what, value string) error {
	control := strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f })
	if control || strings.Contains(value, "${") {
		return &ParameterError{what, value}
	}
	return nil
}

// GoOn ends a script so that the firmware goes on to its next boot device. Without
// a number UEFI takes it for a success and stops in its boot manager.
const GoOn = "exit 1\n"

// Script writes the script. An error is a *ParameterError.
func Script(b Boot) (string, error) {
	for what, value := range map[string]string{"the node": b.Node, "the description": b.About, "the kernel parameters": b.Parameters} {
		if err := checkText(what, value); err != nil {
			return "", err
		}
	}
	var s strings.Builder
	fmt.Fprintf(&s, "#!ipxe\n# Node %s. %s\n", b.Node, b.About)
	if !b.Install {
		s.WriteString(GoOn)
		return s.String(), nil
	}
	if b.Images == "" {
		s.WriteString("isset ${slipway-images} || set slipway-images http://${next-server}/images\n")
	} else {
		fmt.Fprintf(&s, "set slipway-images %s\n", strings.TrimRight(b.Images, "/"))
	}
	at := "${slipway-images}/" + segment(b.Image) + "/" + segment(b.Kernel)
	line := "initrd=initrd ip=dhcp ds=nocloud-net;s=" + b.Seed
	if b.Parameters != "" {
		line += " " + b.Parameters
	}
	fmt.Fprintf(&s, "kernel %s/vmlinuz %s\ninitrd --name initrd %s/initrd\nboot\n", at, line, at)
	return s.String(), nil
}

// segment is a name as one segment of a path. Nodes may leave the choice of
// image or kernel open.
func segment(name string) string {
	switch name {
	case "":
		return "default"
	case ".", "..":
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return strings.ReplaceAll(url.PathEscape(name), "$", "%24")
}
