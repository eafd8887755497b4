package netboot

import (
	"slices"
	"strings"
)

// aptConfig is what cloud-init makes of apt's sources.
type aptConfig struct {
	Preserve bool                 `yaml:"preserve_sources_list"`
	List     string               `yaml:"sources_list,omitempty"`
	Sources  map[string]aptSource `yaml:"sources,omitempty"`
}

type aptSource struct {
	Source string `yaml:"source"`
	Key    string `yaml:"key,omitempty"`
}

type yumSource struct {
	Name     string `yaml:"name"`
	BaseURL  string `yaml:"baseurl"`
	Enabled  bool   `yaml:"enabled"`
	GPGCheck bool   `yaml:"gpgcheck"`
	GPGKey   string `yaml:"gpgkey,omitempty"`
}

// aptSources are the repositories of type apt; nil when there is nothing to say.
func aptSources(s Seed) *aptConfig {
	c := &aptConfig{Preserve: !s.Only, Sources: map[string]aptSource{}}
	if s.Only {
		c.List = "# The design lists all sources of packages.\n"
	}
	for _, r := range s.Sources {
		if r.Type != "apt" {
			continue
		}
		source := aptSource{Source: aptLines(r)}
		if strings.HasPrefix(strings.TrimSpace(r.Key), "-----BEGIN") {
			source.Key = r.Key
		}
		c.Sources[r.Name+".list"] = source
	}
	if len(c.Sources) == 0 {
		return nil
	}
	return c
}

// aptLines are the lines of a repository, one for each distribution and pocket.
func aptLines(r Source) string {
	options := ""
	if len(r.Arches) > 0 {
		options = "[arch=" + strings.Join(r.Arches, ",") + "] "
	}
	suites := slices.Clone(r.Distributions)
	if len(suites) == 0 {
		suites = []string{"$RELEASE"} // cloud-init's word for that of the machine
	}
	for _, d := range slices.Clone(suites) {
		for _, pocket := range r.Subrepos {
			suites = append(suites, d+"-"+pocket)
		}
	}
	components := r.Components
	if len(components) == 0 {
		components = []string{"main"}
	}
	var lines []string
	for _, suite := range suites {
		lines = append(lines, "deb "+options+r.URL+" "+suite+" "+strings.Join(components, " "))
	}
	return strings.Join(lines, "\n")
}

// yumSources are the repositories of type rpm.
func yumSources(s Seed) map[string]yumSource {
	list := map[string]yumSource{}
	for _, r := range s.Sources {
		if r.Type == "rpm" {
			list[r.Name] = yumSource{Name: r.Name, BaseURL: r.URL, Enabled: true, GPGCheck: r.Key != "", GPGKey: r.Key}
		}
	}
	return list
}
