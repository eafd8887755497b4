package design

import (
	"fmt"
	"regexp"
)

func bootActionDefined(r *run) {
	inScope := make(map[string]bool)
	for _, b := range r.site.BootActions {
		for _, name := range b.Targets {
			inScope[name] = true
		}
	}
	for _, n := range r.site.Nodes {
		if !inScope[n.Name] {
			r.warn("Usually each node has something to run after its deployment.",
				"Node "+n.Name+" is not in scope for any bootactions.", n.Ref)
		}
	}
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
