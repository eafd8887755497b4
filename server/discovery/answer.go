package discovery

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/slipway-lab/slipway/server/call"
)

const (
	noCache = "no-cache"
	oneHour = "max-age=3600"
)

// answer is a body with the headers that make it cacheable. It stands in for
// the generated response types, because its tag is made from the bytes that go
// out and a matching If-None-Match turns it into a 304.
type answer struct {
	status int
	media  string
	cache  string
	links  bool   // say in a Link header where the document and the explorer are
	value  any    // rendered as JSON when text is nil
	text   []byte // the body as it is
	info   *call.Info
}

func (a answer) write(w http.ResponseWriter) error {
	body := a.text
	if body == nil {
		var err error
		if body, err = json.Marshal(a.value); err != nil {
			return err
		}
		body = append(body, '\n')
	}
	tag := fmt.Sprintf(`"%x"`, sha256.Sum256(body))[:18] + `"`
	h := w.Header()
	h.Set("Cache-Control", a.cache)
	h.Set("ETag", tag)
	if matches(a.info.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if a.links {
		h.Set("Link", `<`+a.info.Origin.Prefix+`/openapi.json>; rel="service-desc", <`+a.info.Origin.Prefix+`/docs/>; rel="service-doc"`)
	}
	if strings.HasPrefix(a.media, mediaHTML) { // a page without scripts, styles and pictures
		h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
	}
	h.Set("Content-Type", a.media)
	w.WriteHeader(a.status)
	_, err := w.Write(body)
	return err
}

// matches compares weakly, as RFC 9110 wants it for If-None-Match.
func matches(lines []string, tag string) bool {
	for _, line := range lines {
		for _, item := range strings.Split(line, ",") {
			if item = strings.TrimSpace(item); item == "*" || strings.TrimPrefix(item, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// VisitGetVersionsResponse writes the answer.
func (a answer) VisitGetVersionsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetVersionResponse writes the answer.
func (a answer) VisitGetVersionResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetOpenAPIJSONResponse writes the answer.
func (a answer) VisitGetOpenAPIJSONResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetOpenAPIYAMLResponse writes the answer.
func (a answer) VisitGetOpenAPIYAMLResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetMetricsResponse writes the answer.
func (a answer) VisitGetMetricsResponse(w http.ResponseWriter) error { return a.write(w) }
