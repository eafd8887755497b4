package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

// TestErrors_forBrowsers: who asks for HTML gets errors as a page, whoever else the
// Problem.
func TestErrors_forBrowsers(t *testing.T) {
	t.Parallel()

	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	s := servertest.New(t, func(c *server.Config) { c.Edge.TrustedProxies = []string{"127.0.0.0/8"} })
	for _, tt := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/v1/runs", 401, "a credential is required"},
		{"GET", "/v1/nothing", 404, "there is no operation at this path"},
		{"GET", "/job", 403, "Operation not permitted"},
		{"GET", "/api/v1.0/tasks", 401, "Unauthenticated"},
		{"DELETE", "/v1/runs", 405, "method"},
		{"GET", "/docs/nothing", 404, "there is no operation"},
		{"GET", "/v1/<script>", 404, "/v1/%3Cscript%3E"},
	} {
		a := s.Do(tt.method, tt.path, "", servertest.With("Accept", browser))
		body := string(a.Body)
		if a.Status != tt.status || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || !strings.Contains(body, tt.says) ||
			!strings.Contains(body, a.Header.Get("X-Request-Id")) || strings.Contains(body, "<script") || strings.Contains(body, "style=") {
			t.Errorf("%s %s for a browser: %d %s\n%s", tt.method, tt.path, a.Status, a.Header.Get("Content-Type"), body)
		}
		if policy := a.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") && !strings.HasPrefix(policy, "default-src 'self'") {
			t.Errorf("%s %s has the policy %q", tt.method, tt.path, policy)
		}
		for _, accept := range []string{"", "*/*", "application/json", "application/json, text/html;q=0.5", "application/json, text/html"} {
			a := s.Do(tt.method, tt.path, "", servertest.With("Accept", accept))
			if a.Status != tt.status || !strings.Contains(a.Header.Get("Content-Type"), "json") || !strings.HasPrefix(string(a.Body), `{"code":`) {
				t.Errorf("%s %s with Accept %q: %d %s\n%s", tt.method, tt.path, accept, a.Status, a.Header.Get("Content-Type"), a.Body)
			}
		}
	}
	for prefix, want := range map[string]string{"/lab": `href="/lab/ui/"`, "//evil.example": `href="/ui/"`} {
		a := s.Do("GET", "/v1/runs", "", servertest.With("Accept", browser), servertest.With("X-Forwarded-Prefix", prefix))
		if !strings.Contains(string(a.Body), want) || strings.Contains(string(a.Body), "evil") {
			t.Errorf("under %s: %s", prefix, a.Body)
		}
	}
}

// TestErrorPage_links: nothing on the page of an error leads a stranger into another
// error.
func TestErrorPage_links(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	page := string(s.Do("GET", "/v1/runs", "", servertest.With("Accept", "text/html")).Body)
	n := 0
	for _, part := range strings.Split(page, `href="`)[1:] {
		link, _, _ := strings.Cut(part, `"`)
		n++
		if a := s.Do("GET", strings.TrimPrefix(link, s.URL), "", servertest.With("Accept", "text/html")); a.Status >= 400 {
			t.Errorf("the page links to %s, which is %d", link, a.Status)
		}
	}
	if n < 3 {
		t.Errorf("only %d links in %s", n, page)
	}
	a := s.Do("GET", "/favicon.ico", "")
	if a.Status != http.StatusOK || a.Header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("the icon: %d %s", a.Status, a.Header.Get("Content-Type"))
	}
}
