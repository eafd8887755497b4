package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/slipway-lab/slipway/cmd/slipway/remote"
	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
)

// manCmd prints the manual page from what the flags say of themselves.
type manCmd struct{}

// Run prints it for man: slipway man > slipway.1.
func (manCmd) Run(k *kong.Kong, std *terminal.Streams) error {
	w := std.Out
	fmt.Fprintf(w, ".TH SLIPWAY 1 \"\" \"slipway %s\"\n.SH NAME\nslipway \\- %s\n.SH SYNOPSIS\n.B slipway\n.I COMMAND\n[flags]\n.SH COMMANDS\n",
		roff(build()), roff(strings.ToLower(strings.TrimSuffix(k.Model.Help, "."))))
	for _, child := range k.Model.Children {
		manNode(w, child)
	}
	fmt.Fprint(w, ".SH EXIT STATUS\n0 done; 1 what was asked about failed; 2 wrong usage; 3 refused; 4 not found; 5 server or network trouble.\n")
	return nil
}

func manNode(w io.Writer, node *kong.Node) {
	if node.Hidden {
		return
	}
	if len(node.Children) > 0 {
		for _, child := range node.Children {
			manNode(w, child)
		}
		return
	}
	fmt.Fprintf(w, ".SS %s\n%s\n", roff("slipway "+strings.TrimPrefix(node.FullPath(), "slipway ")), roff(node.Help))
	for _, p := range node.Positional {
		fmt.Fprintf(w, ".TP\n.I %s\n%s\n", roff(p.Name), roff(p.Help))
	}
	for _, flag := range node.Flags {
		if flag.Hidden || flag.Name == "help" {
			continue
		}
		text := flag.Help
		if flag.HasDefault {
			text += " Default: " + flag.Default + "."
		}
		fmt.Fprintf(w, ".TP\n.B \\-\\-%s\n%s\n", roff(flag.Name), roff(text))
	}
	if line := remote.Example(node.Detail); line != "" {
		fmt.Fprintf(w, ".PP\nExample:\n.PP\n.nf\n%s\n.fi\n", roff(line))
	}
}

// roff escapes what the typesetter would take for its own.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
