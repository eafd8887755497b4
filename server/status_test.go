package server_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/edge"
	"github.com/slipway-lab/slipway/server/servertest"
)

// TestStatuses provokes of each operation every refusal that does not depend on what
// it does. The test's client fails a status that the document does not declare.
func TestStatuses(t *testing.T) {
	t.Parallel()

	doc, err := edge.LoadDocument()
	if err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t, ownHooks, func(c *server.Config) { c.Edge.MaxBody, c.Uploads.File, c.Edge.MaxHeader = 4096, 4096, 8192 })
	w := newWorld(t, s, "")
	large := strings.Repeat("x", 100<<10)
	for _, op := range operations(t) {
		described := doc.Paths.Value(op.path).GetOperation(op.method)
		send := func(what string, options []servertest.Option, body string, may ...int) {
			t.Helper()
			path := w.fill(op.id, op.path)
			if query := w.fill(op.id, visits[op.id].query); query != "" {
				path += "?" + query
			}
			a := s.Do(op.method, path, body, options...)
			if len(may) == 0 && a.Status >= 500 && a.Status != http.StatusNotImplemented {
				t.Errorf("%s with %s: %d %.300s", op.id, what, a.Status, a.Body)
			}
			if len(may) > 0 && !slices.Contains(may, a.Status) {
				t.Errorf("%s with %s: %d %.300s, want one of %v", op.id, what, a.Status, a.Body, may)
			}
		}
		admin := servertest.Admin()
		send("a large header", []servertest.Option{admin, servertest.With("X-Padding", large[:9000])}, "", 431)
		send("an unknown coding", []servertest.Option{admin, servertest.With("Content-Encoding", "br")}, "x", 415)
		send("another version", []servertest.Option{admin, servertest.With("OpenStack-API-Version", "test-lab 9.9")}, "")
		send("no credential", nil, "")
		send("a bad credential", []servertest.Option{servertest.As("nonsense")}, "")
		if described.RequestBody == nil || op.method == "DELETE" {
			continue
		}
		send("another media type", []servertest.Option{admin, servertest.With("Content-Type", "image/png")}, "x")
		for media := range described.RequestBody.Value.Content {
			send("a large body "+media, []servertest.Option{admin, servertest.With("Content-Type", media)}, large)
		}
	}
}

// TestStatuses_Limited: an operation that is limited says so in its own form.
func TestStatuses_Limited(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, servertest.Frozen, func(c *server.Config) {
		c.Edge.TrustedProxies = []string{"127.0.0.0/8"}
		c.Edge.Ratelimit.Anonymous, c.Edge.Ratelimit.Burst = 0.01, 1
	})
	for _, op := range operations(t) {
		path := placeholder.ReplaceAllString(op.path, "1")
		for range 2 {
			s.Do(op.method, (&url.URL{Path: path}).EscapedPath(), "", servertest.With("X-Forwarded-For", "192.0.2.9"))
		}
	}
}
