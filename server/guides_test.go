package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/edge"
	"github.com/slipway-lab/slipway/server/servertest"
)

// TestGuides: what the document says of guides is there.
func TestGuides(t *testing.T) {
	t.Parallel()

	document, err := edge.LoadDocument()
	if err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t)
	links := []string{document.ExternalDocs.URL}
	for _, tag := range document.Tags {
		if tag.ExternalDocs != nil {
			links = append(links, tag.ExternalDocs.URL)
		}
	}
	if len(links) < 8 {
		t.Errorf("only %d links to guides were found in the document", len(links))
	}
	for _, link := range links {
		if a := s.Do("GET", link, ""); a.Status != 200 || !strings.Contains(string(a.Body), "</main>") {
			t.Errorf("GET %s: %d", link, a.Status)
		}
	}
	if a := s.Do("GET", "/docs/guide/nothing", ""); a.Status != 404 {
		t.Errorf("a guide that is not there: %d", a.Status)
	}
}

// TestGuides_closed: guides are shown to those whom the explorer is shown to.
func TestGuides_closed(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Discovery.DocsPublic = false })
	for _, path := range []string{"/docs/guide/", "/docs/guide/limits"} {
		if a := s.Do("GET", path, ""); a.Status != s.Do("GET", "/docs/", "").Status || a.Status < 400 {
			t.Errorf("GET %s: %d %s", path, a.Status, fmt.Sprintf("%.100s", a.Body))
		}
	}
}
