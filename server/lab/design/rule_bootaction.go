package design

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

func bootActionDefined(r *run) {
	inScope := make(map[string]bool)
	for _, b := range r.site.BootActions {
		for _, name := range b.Targets {
			inScope[name] = true
		}
		locations(r, b)
	}
	for _, n := range r.site.Nodes {
		if !inScope[n.Name] {
			r.warn("Usually each node has something to run after its deployment.",
				"Node "+n.Name+" is not in scope for any bootactions.", n.Ref)
		}
	}
}

// locationSchemes are those that data of boot actions can be fetched by.
var locationSchemes = []string{"http", "https", "file", "deckhand+http", "deckhand+https", "promenade+http", "promenade+https"}

// locations checks where the data of boot actions come from. Drydock notices what
// is wrong there only when a node asks. What a template makes of an address cannot
// be told before.
func locations(r *run, b *BootAction) {
	for _, a := range b.Assets {
		scheme, rest, found := strings.Cut(a.Location, ":")
		if a.Location == "" || templated(scheme) && !strings.Contains(beforeTemplate(scheme), "/") {
			continue
		}
		if !found || !slices.Contains(locationSchemes, strings.ToLower(scheme)) {
			r.fail("Use one of the schemes "+strings.Join(locationSchemes, ", ")+".",
				fmt.Sprintf("Boot action %s has a location with the scheme %s, which is not supported", b.Name, quote(scheme)), b.Ref)
			continue
		}
		host, _, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
		if r.opt.Unreachable == nil || templated(host) {
			continue
		}
		why := r.opt.Unreachable(scheme + "://" + host + "/")
		for _, name := range b.Targets {
			if n := r.site.Node(name); why != "" && n != nil {
				r.warn("The node will be refused its boot data.",
					fmt.Sprintf("Boot action %s for BaremetalNode %s has a location that %s", b.Name, name, why), b.Ref, n.Ref)
			}
		}
	}
}

func templated(text string) bool { return strings.Contains(text, "{{") || strings.Contains(text, "{%") }

func beforeTemplate(text string) string {
	head, _, _ := strings.Cut(text, "{")
	return head
}

// packageVersion is [epoch:]version-revision, as Debian writes it.
var packageVersion = regexp.MustCompile(`^(\d+:)?[a-zA-Z0-9.+~-]+-[a-zA-Z0-9.+~]+$`)

func packageLists(r *run) {
	for _, b := range r.site.BootActions {
		for _, a := range b.Assets {
			if a.Type != AssetPackages {
				continue
			}
			if a.Location == "" && len(a.Packages) == 0 {
				r.fail("List the packages under data, or say where the list is.",
					"Boot action "+b.Name+" has a pkg_list without packages", b.Ref)
			}
			for _, p := range a.Packages {
				if p.Version != "" && !packageVersion.MatchString(p.Version) {
					r.fail("Write versions as [epoch:]version-revision.",
						fmt.Sprintf("Version %s of package %s is not in a valid format.", quote(p.Version), quote(p.Name)), b.Ref)
				}
			}
		}
	}
}
