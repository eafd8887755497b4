package edge

import (
	"net/http"
	"slices"
	"strings"
)

// What pages of other origins may send and read: every header of the document, and
// those of HTTP itself that a download or a list needs. Browsers show Cache-Control and
// Last-Modified anyway.
const (
	allowedHeaders = "Authorization, X-Auth-Token, Content-Type, Content-Encoding, Idempotency-Key, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range, Range, " +
		"Last-Event-ID, Lease-Token, OpenStack-API-Version, X-Machine-Key, X-Public-Key, X-Signature, X-End-User, X-Context-Marker"
	exposedHeaders = "Location, Link, ETag, Retry-After, WWW-Authenticate, Accept-Ranges, Content-Disposition, Content-Range, Deprecation, Warning, X-Output-Size, X-Subject-Token, " +
		"X-Total-Count, X-Total-Count-At-Least, X-Request-Id, X-Openstack-Request-Id, OpenStack-API-Version"
)

// cors lets pages elsewhere call the API from a browser: the configured
// origins all of it, any page the published document.
func cors(origins []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin == "" {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Add("Vary", "Origin")
		switch path := strings.TrimSuffix(r.URL.Path, "/"); {
		case slices.Contains(origins, origin):
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", exposedHeaders)
		case path == "/openapi.json" || path == "/openapi.yaml":
			h.Set("Access-Control-Allow-Origin", "*")
		}
		if r.Method == http.MethodOptions && h.Get("Access-Control-Allow-Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", allowedHeaders)
			h.Set("Access-Control-Max-Age", "600")
		}
		next.ServeHTTP(w, r)
	})
}
