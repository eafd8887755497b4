package netboot

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Seed is what cloud-init makes of a bare system.
type Seed struct {
	Instance string // names the deployment; a new one makes cloud-init start over
	Hostname string
	FQDN     string
	Keys     []string // that may log in
	Packages []Package
	// Sources are where packages come from; Only tells that nothing else is.
	Sources []Source
	Only    bool

	// Files and Units are the addresses of the two archives, and Key opens them;
	// empty when no boot action is for the node.
	Files, Units, Key string
	// Report is the address that takes the end of the installation.
	Report string
}

// Source is a repository of packages: apt or rpm.
type Source struct {
	Name, Type, URL, Key                        string
	Distributions, Components, Subrepos, Arches []string
}

// Package is a package to install; an empty version means any.
type Package struct{ Name, Version string }

// cloudConfig is the part of cloud-init's configuration that is used, in the
// order in which it is written.
type cloudConfig struct {
	Hostname      string               `yaml:"hostname"`
	FQDN          string               `yaml:"fqdn,omitempty"`
	ManageHosts   bool                 `yaml:"manage_etc_hosts"`
	Keys          []string             `yaml:"ssh_authorized_keys,omitempty"`
	APT           *aptConfig           `yaml:"apt,omitempty"`
	Yum           map[string]yumSource `yaml:"yum_repos,omitempty"`
	PackageUpdate bool                 `yaml:"package_update,omitempty"`
	Packages      []any                `yaml:"packages,omitempty"`
	WriteFiles    []writeFile          `yaml:"write_files"`
	RunCmd        [][]string           `yaml:"runcmd"`
}

type writeFile struct {
	Path        string `yaml:"path"`
	Permissions string `yaml:"permissions"`
	Content     string `yaml:"content"`
}

// lateCommands is the program that fetches the archives, unpacks them as MAAS's
// template of Drydock does (tar -P, then systemctl enable), and reports.
//
//go:embed late-commands.sh
var lateCommands string

const lateFile = "/var/lib/slipway/late-commands"

// UserData writes the configuration for cloud-init. It holds the key to the boot
// data.
func UserData(s Seed) ([]byte, error) {
	c := cloudConfig{
		Hostname: s.Hostname, FQDN: s.FQDN, ManageHosts: true, Keys: s.Keys, PackageUpdate: len(s.Packages) > 0,
		APT: aptSources(s), Yum: yumSources(s),
		WriteFiles: []writeFile{{Path: lateFile, Permissions: "0700", Content: lateProgram(s)}},
		RunCmd:     [][]string{{lateFile}},
	}
	for _, p := range s.Packages {
		if p.Version == "" {
			c.Packages = append(c.Packages, p.Name)
		} else {
			c.Packages = append(c.Packages, []string{p.Name, p.Version})
		}
	}
	out := bytes.NewBufferString("#cloud-config\n")
	e := yaml.NewEncoder(out)
	e.SetIndent(2)
	if err := e.Encode(c); err != nil {
		return nil, err
	}
	return out.Bytes(), e.Close()
}

// lateProgram is the program with the values of the node in front.
func lateProgram(s Seed) string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\n")
	for _, v := range [][2]string{{"node", s.Hostname}, {"files", s.Files}, {"units", s.Units}, {"key", s.Key}, {"report", s.Report}} {
		fmt.Fprintf(&b, "%s=%s\n", v[0], quote(v[1]))
	}
	b.WriteString(lateCommands)
	return b.String()
}

// quote writes a text as one word of the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// MetaData writes who the machine is.
func MetaData(s Seed) ([]byte, error) {
	return yaml.Marshal(struct {
		Instance string `yaml:"instance-id"`
		Hostname string `yaml:"local-hostname"`
	}{s.Instance, s.Hostname})
}
