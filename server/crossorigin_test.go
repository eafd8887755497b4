package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/edge"
	"github.com/slipway-lab/slipway/server/servertest"
)

// TestCORS_DocumentedHeaders: a page of an allowed origin may send every header that
// the document takes and read every one that it promises.
func TestCORS_DocumentedHeaders(t *testing.T) {
	t.Parallel()

	const origin = "https://app.example.org"
	s := servertest.New(t, func(c *server.Config) { c.Edge.CORSOrigins = []string{origin} })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.URL+"/v1/runs", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", origin)
	r.Header.Set("Access-Control-Request-Method", "POST")
	answer, err := http.DefaultClient.Do(r) // the preflight's headers are not in the document
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	list := func(name string) []string {
		return strings.Split(strings.ToLower(strings.ReplaceAll(answer.Header.Get(name), " ", "")), ",")
	}
	may, shown := list("Access-Control-Allow-Headers"), list("Access-Control-Expose-Headers")

	// Those that browsers show to every page, and those that are for the browser itself.
	shown = append(shown, "cache-control", "last-modified", "x-content-type-options", "content-security-policy")
	doc, err := edge.LoadDocument()
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, p := range append(slices.Clone(item.Parameters), op.Parameters...) {
				if p.Value.In == "header" && !slices.Contains(may, strings.ToLower(p.Value.Name)) {
					t.Errorf("%s takes %s, which a page may not send", op.OperationID, p.Value.Name)
				}
			}
			for status, response := range op.Responses.Map() {
				for name := range response.Value.Headers {
					if !slices.Contains(shown, strings.ToLower(name)) {
						t.Errorf("%s promises %s with %s, which a page may not read", op.OperationID, name, status)
					}
				}
			}
		}
	}
}
