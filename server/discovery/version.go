package discovery

import (
	"context"
	"net/http"
	"strings"

	discoveryapi "github.com/slipway-lab/slipway/gen/discovery"
	"github.com/slipway-lab/slipway/server/edge/call"
)

// The media types that the root and the version document offer, the preferred
// one first.
const (
	mediaJSON = "application/json"
	mediaHome = "application/json-home"
	mediaHTML = "text/html"
)

// GetVersions answers 300 with the versions in both forms that clients know:
// "choices" is the blueprint's, "versions" the only one that keystoneauth and
// gophercloud read. There is no Location, except for a browser, because curl -L and wget would follow
// it into a document that needs a login.
func (h *Handler) GetVersions(ctx context.Context, req discoveryapi.GetVersionsRequestObject) (discoveryapi.Response, error) {
	info := call.From(ctx)
	if asksForBuild(info) {
		return cached(info, linked(info, call.OK(discoveryapi.Build{Build: h.build})), noCache), nil
	}
	switch info.Prefers(mediaJSON, mediaHome, mediaHTML) {
	case mediaHome:
		return h.homeAnswer(info), nil
	case mediaHTML:
		return pages(info), nil
	}
	origin := info.Origin
	v := h.version(origin, "CURRENT")
	list := discoveryapi.VersionList{
		Choices: []discoveryapi.VersionChoice{{
			ID:     v.ID,
			Status: "CURRENT",
			Links:  v.Links[:1],
			MediaTypes: discoveryapi.VersionMediaTypes{Values: []discoveryapi.VersionMediaType{{
				Base: mediaJSON,
				Type: "application/vnd.openstack.slipway+json;version=1.0",
			}}},
		}},
		Versions: discoveryapi.VersionValues{Values: []discoveryapi.VersionInfo{v}},
	}
	return cached(info, linked(info, call.JSON(http.StatusMultipleChoices, list)), noCache), nil
}

// asksForBuild looks for the name alone: ?build_version, ?build_version= and
// ?build_version=1 mean the same, and so does Barbican's own ?build.
func asksForBuild(info *call.Info) bool {
	for _, pair := range strings.Split(info.Query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if name == "build_version" || name == "build" {
			return true
		}
	}
	return false
}

// GetVersion answers the document of version 1.
func (h *Handler) GetVersion(ctx context.Context, _ discoveryapi.GetVersionRequestObject) (discoveryapi.Response, error) {
	info := call.From(ctx)
	if info.Prefers(mediaJSON, mediaHome) == mediaHome {
		return h.homeAnswer(info), nil
	}
	return cached(info, call.OK(discoveryapi.VersionDocument{Version: h.version(info.Origin, "stable")}), noCache), nil
}

// version is the one builder of both documents; they differ in the word for the
// status, as in the blueprint.
func (h *Handler) version(o call.Origin, status string) discoveryapi.VersionInfo {
	typed := func(rel, media, path string) discoveryapi.VersionLink {
		return discoveryapi.VersionLink{Rel: rel, Type: &media, Href: o.URL(path)}
	}
	return discoveryapi.VersionInfo{
		ID:         "v1.0",
		Status:     status,
		MinVersion: "1.0",
		MaxVersion: "1.0",
		Updated:    h.updated,
		Links: []discoveryapi.VersionLink{
			{Rel: "self", Href: o.URL("/v1/")},
			{Rel: "collection", Href: o.URL("/")},
			typed("describedby", mediaHTML, "/docs/"),
			typed("describedby", "application/vnd.oai.openapi+json;version=3.0", "/openapi.json"),
		},
		MediaTypes: []discoveryapi.VersionMediaType{{Base: mediaJSON, Type: "application/vnd.openstack.slipway-v1+json"}},
	}
}

// ListLabVersions answers what Drydock's client reads before anything else
// (python/drydock_provisioner/control/api.py).
func (h *Handler) ListLabVersions(context.Context, discoveryapi.ListLabVersionsRequestObject) (discoveryapi.Response, error) {
	return call.OK(map[string]discoveryapi.LabVersion{"v1.0": {Path: "/api/v1.0", Status: "stable"}}), nil
}

// pages sends a browser to the pages.
func pages(info *call.Info) *call.Answer {
	return linked(info, call.Empty(http.StatusFound).With("Location", info.Origin.Prefix+"/ui/")).With("Cache-Control", noCache)
}
