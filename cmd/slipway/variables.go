package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
)

// variablePrefix begins the names of all variables that the program reads.
const variablePrefix = "SLIPWAY_"

// serverSettings are the flags that have a variable and a key of the configuration
// file: those of serve and those of all commands.
func serverSettings(app *kong.Node) []*kong.Flag {
	flags := slices.Clone(app.Flags)
	for _, command := range app.Children {
		if command.Name == "serve" {
			flags = append(flags, command.Flags...)
		}
	}
	return slices.DeleteFunc(flags, func(flag *kong.Flag) bool { return flag.Name == "help" })
}

// nameVariables gives every setting its environment variable. The flags of other
// commands have one only where their tag names it: SLIPWAY_ROLE, set for a script of
// a lab, must not make every new token an administrator's, nor SLIPWAY_NAME name all
// that it uploads.
func nameVariables(k *kong.Kong) error {
	for _, flag := range serverSettings(k.Model.Node) {
		if len(flag.Envs) == 0 {
			flag.Envs = []string{variablePrefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))}
			flag.Tag.Envs = flag.Envs
		}
	}
	return nil
}

// strange are the variables of an environment that begin like the program's own and
// that it does not read, each with the nearest that it does read.
func strange(app *kong.Node, environ []string) []string {
	var known []string
	eachFlag(app, func(flag *kong.Flag) { known = append(known, flag.Envs...) })
	var found []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, variablePrefix) && !slices.Contains(known, name) && !elsewhere(name) {
			found = append(found, fmt.Sprintf("the variable %s is no setting%s", name, terminal.DidYouMean(name, known)))
		}
	}
	return found
}

// elsewhere reports whether a variable is set by others: by the tests, or by
// Kubernetes, which tells every container the addresses of a service that is called
// slipway.
func elsewhere(name string) bool {
	rest := strings.TrimPrefix(name, variablePrefix)
	for _, prefix := range []string{"TEST_", "STORETEST_", "BENCH_", "POSTGRES_", "SERVICE_", "PORT_"} {
		if strings.HasPrefix(rest, prefix) {
			return true
		}
	}
	return rest == "PORT"
}
