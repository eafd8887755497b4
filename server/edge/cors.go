package edge

import (
	"net/http"
	"slices"
	"strings"
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
			h.Set("Access-Control-Expose-Headers", "Location, Link, ETag, Retry-After, WWW-Authenticate, Content-Disposition, X-Request-Id, X-Openstack-Request-Id, OpenStack-API-Version")
		case path == "/openapi.json" || path == "/openapi.yaml":
			h.Set("Access-Control-Allow-Origin", "*")
		}
		if r.Method == http.MethodOptions && h.Get("Access-Control-Allow-Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, X-Auth-Token, Content-Type, Content-Encoding, Idempotency-Key, If-None-Match, Range, Last-Event-ID, OpenStack-API-Version, X-Public-Key, X-Signature, X-End-User, X-Context-Marker")
			h.Set("Access-Control-Max-Age", "600")
		}
		next.ServeHTTP(w, r)
	})
}
