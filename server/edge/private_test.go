package edge_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

// varies lists the headers by which an answer differs.
func varies(h http.Header) []string {
	var names []string
	for _, line := range h.Values("Vary") {
		for name := range strings.SplitSeq(line, ",") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

// What somebody gets with a credential no cache may give to somebody else; public
// documents are for everybody.
func TestPrivate(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	admin, other := servertest.Admin(), servertest.With("X-Auth-Token", servertest.AdminToken)
	tag := s.Do("GET", "/v1/", "", admin).Header.Get("ETag")
	const private = "private, no-cache"
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		cache              string
		varies             bool
		options            []servertest.Option
	}{
		"a list":                         {"GET", "/v1/clouds", "", 200, private, true, []servertest.Option{admin}},
		"with the other header":          {"GET", "/v1/clouds", "", 200, private, true, []servertest.Option{other}},
		"compressed":                     {"GET", "/v1/products", "", 200, private, true, []servertest.Option{admin, servertest.With("Accept-Encoding", "gzip")}},
		"KernelCI's":                     {"GET", "/job", "", 200, private, true, []servertest.Option{servertest.With("Authorization", servertest.AdminToken)}},
		"Drydock's":                      {"GET", "/api/v1.0/tasks", "", 200, private, true, []servertest.Option{other}},
		"one that is created":            {"POST", "/v1/products", `{"name":"p","release":"1","snaps":[]}`, 201, private, true, []servertest.Option{admin, servertest.JSON()}},
		"a new token, which is stricter": {"POST", "/v1/access-tokens", `{"name":"t","roles":["reader"]}`, 201, "no-store", true, []servertest.Option{admin, servertest.JSON()}},
		"the version document":           {"GET", "/v1/", "", 200, private, true, []servertest.Option{admin}},
		"the version document, known":    {"GET", "/v1/", "", 304, private, true, []servertest.Option{admin, servertest.With("If-None-Match", tag)}},
		"an error":                       {"GET", "/v1/runs/99", "", 404, "no-store", true, []servertest.Option{admin}},
		"a login that is missing":        {"GET", "/v1/clouds", "", 401, "no-store", true, nil},
		"a bad login":                    {"GET", "/v1/clouds", "", 401, "no-store", true, []servertest.Option{servertest.As("nonsense")}},
		"the versions":                   {"GET", "/versions", "", 200, "", false, []servertest.Option{admin}},
		"the document":                   {"GET", "/openapi.json", "", 200, "no-cache", false, []servertest.Option{admin}},
		"the document, without a login":  {"GET", "/openapi.json", "", 200, "no-cache", false, nil},
		"health":                         {"GET", "/healthz", "", 200, "", false, []servertest.Option{admin}},
	} {
		a := s.Do(tt.method, tt.path, tt.body, tt.options...)
		if cache := strings.Join(a.Header.Values("Cache-Control"), "; "); a.Status != tt.status || cache != tt.cache {
			t.Errorf("%s: %d with Cache-Control %q, want %d with %q\n%.200s", name, a.Status, cache, tt.status, tt.cache, a.Body)
		}
		for _, header := range []string{"Authorization", "X-Auth-Token", "X-Service-Token"} {
			if slices.Contains(varies(a.Header), header) != tt.varies {
				t.Errorf("%s: Vary %q", name, varies(a.Header))
			}
		}
	}
	open := servertest.New(t, func(c *server.Config) { c.Discovery.V1Public = true })
	if a := open.Do("GET", "/v1/", "", admin); a.Header.Get("Cache-Control") != "max-age=3600" && a.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("a public version document: %v", a.Header)
	}
}
