package discovery

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/slipway-lab/slipway/gen/api"
	"github.com/slipway-lab/slipway/server/call"
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
// gophercloud read. There is no Location, because curl -L and wget would follow
// it into a document that needs a login.
func (h *Handler) GetVersions(ctx context.Context, req api.GetVersionsRequestObject) (api.GetVersionsResponseObject, error) {
	info := call.From(ctx)
	if asksForBuild(info) {
		return answer{status: http.StatusOK, media: mediaJSON, cache: noCache, links: true, value: api.Build{Build: h.build}, info: info}, nil
	}
	switch info.Prefers(mediaJSON, mediaHome, mediaHTML) {
	case mediaHome:
		return h.homeAnswer(info), nil
	case mediaHTML:
		return h.page(info), nil
	}
	origin := info.Origin
	v := h.version(origin, "CURRENT")
	list := api.VersionList{
		Choices: []api.VersionChoice{{
			ID:     v.ID,
			Status: "CURRENT",
			Links:  v.Links[:1],
			MediaTypes: api.VersionMediaTypes{Values: []api.VersionMediaType{{
				Base: mediaJSON,
				Type: "application/vnd.openstack.slipway+json;version=1.0",
			}}},
		}},
		Versions: api.VersionValues{Values: []api.VersionInfo{v}},
	}
	return answer{status: http.StatusMultipleChoices, media: mediaJSON, cache: noCache, links: true, value: list, info: info}, nil
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
func (h *Handler) GetVersion(ctx context.Context, _ api.GetVersionRequestObject) (api.GetVersionResponseObject, error) {
	info := call.From(ctx)
	if info.Prefers(mediaJSON, mediaHome) == mediaHome {
		return h.homeAnswer(info), nil
	}
	return answer{
		status: http.StatusOK, media: mediaJSON, cache: noCache, info: info,
		value: api.VersionDocument{Version: h.version(info.Origin, "stable")},
	}, nil
}

// version is the one builder of both documents; they differ in the word for the
// status, as in the blueprint.
func (h *Handler) version(o call.Origin, status string) api.VersionInfo {
	typed := func(rel, media, path string) api.VersionLink {
		return api.VersionLink{Rel: rel, Type: &media, Href: o.URL(path)}
	}
	return api.VersionInfo{
		ID:         "v1.0",
		Status:     status,
		MinVersion: "1.0",
		MaxVersion: "1.0",
		Updated:    h.updated,
		Links: []api.VersionLink{
			{Rel: "self", Href: o.URL("/v1/")},
			{Rel: "collection", Href: o.URL("/")},
			typed("describedby", mediaHTML, "/docs/"),
			typed("describedby", "application/vnd.oai.openapi+json;version=3.0", "/openapi.json"),
		},
		MediaTypes: []api.VersionMediaType{{Base: mediaJSON, Type: "application/vnd.openstack.slipway-v1+json"}},
	}
}

// ListLabVersions answers what Drydock's client reads before anything else
// (python/drydock_provisioner/control/api.py).
func (h *Handler) ListLabVersions(context.Context, api.ListLabVersionsRequestObject) (api.ListLabVersionsResponseObject, error) {
	return api.ListLabVersions200JSONResponse{"v1.0": {Path: "/api/v1.0", Status: "stable"}}, nil
}

var page = template.Must(template.New("root").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Slipway</title></head>
<body>
<h1>Slipway</h1>
<p>One server for test labs. Versions of its API:</p>
<ul>
<li><a href="{{.V1}}">v1.0</a>, current</li>
</ul>
<p><a href="{{.Docs}}">API explorer</a>, <a href="{{.Document}}">OpenAPI document</a></p>
</body>
</html>
`))

// page is for people: no scripts, three links.
func (h *Handler) page(info *call.Info) answer {
	var b strings.Builder
	err := page.Execute(&b, map[string]string{
		"V1":       info.Origin.URL("/v1/"),
		"Docs":     info.Origin.URL("/docs/"),
		"Document": info.Origin.URL("/openapi.json"),
	})
	if err != nil { // the template and its values are fixed
		panic(fmt.Sprintf("discovery: root page: %v", err))
	}
	return answer{status: http.StatusMultipleChoices, media: "text/html; charset=utf-8", cache: noCache, links: true, text: []byte(b.String()), info: info}
}
