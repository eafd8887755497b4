package edge

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/store"
)

// noStore knows no token and keeps no entry and no answer.
type noStore struct {
	auth.Store
	KeyStore
}

func (noStore) AddAudit(context.Context, []store.AuditEntry) error { return nil }

func (noStore) TokenByHash(context.Context, []byte) (*store.Token, error) {
	return nil, store.ErrNotFound
}

// newStack makes the layers with none of the operations registered.
func newStack(t *testing.T) *Stack {
	t.Helper()
	s, err := New(Config{Auth: auth.New(auth.Config{Store: noStore{}, AdminToken: "test-admin-token"}), AuditStore: noStore{}, Keys: noStore{}, Settings: Settings{MaxBody: 1 << 20, MaxHeader: 64 << 10, StallTimeout: time.Minute}, MaxUpload: 1 << 20}, loadDocument(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// register routes the operations to a handler that answers 204, but for those
// that are left out.
func register(r *Router, without ...string) {
	for _, o := range r.ops {
		if !strings.Contains(strings.Join(without, " "), o.id) {
			r.add(o.method, generatedPath(o.path), func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
		}
	}
}

func routed(t *testing.T) http.Handler {
	t.Helper()
	s := newStack(t)
	register(s.Router())
	h, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return h
}

// TestHandler_EveryOperation: an operation that no area registers, one that two
// do and one that the document does not know stop the start.
func TestHandler_EveryOperation(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name     string
		register func(*Router)
		want     string
	}{
		{"one is left out", func(r *Router) { register(r, "getHealth") }, "operation getHealth has no route"},
		{"one comes twice", func(r *Router) { register(r); r.GET("/healthz", nil) }, "operation getHealth is routed twice"},
		{"one is unknown", func(r *Router) { register(r); r.POST("/healthz", nil) }, "POST /healthz is routed, but not in the document"},
		{"none", func(*Router) {}, "operation getHealth has no route"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			s := newStack(t)
			tt.register(s.Router())
			if _, err := s.Handler(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Handler() fails with %v, want %q", err, tt.want)
			}
		})
	}
}

// TestUnknownPath: what answers at a path that there is not is decided by the
// path's family, and not by what was asked before.
func TestUnknownPath(t *testing.T) {
	t.Parallel()

	const kernelciMedia, ours = "application/json; charset=UTF-8", "application/problem+json"
	tests := []struct{ method, path, media, drydock string }{
		{"GET", "/v1/nothing", ours, ""},
		{"GET", "/nothing/at/all", ours, ""},
		{"GET", "/docs/nothing", ours, ""},
		{"GET", "/v1/runs/1/nothing", ours, ""},
		{"GET", "/v1/version/nothing", kernelciMedia, ""},
		{"PATCH", "/version/nothing/at/all", kernelciMedia, ""},
		{"GET", "/v1/job/a/b/c/d/e/f/g/h/i/j/k", kernelciMedia, ""},
		{"GET", "/api/v1.0/nothing", ours, "yes"},
		{"GET", "/api/v1.0/tasks/1/2/3", ours, "yes"},
		{"GET", "/v1/clouds/1/2" + strings.Repeat("/x", 1000), ours, ""},
	}
	before := []string{"/v1/job", "/v1/nodes", "/", "/v1/runs", "/v1/version", "/v1/products", "/v1/files/a/b/c"}
	h := routed(t)
	for range 3 { // which request's context comes back is up to the pool
		for _, path := range before {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://lab"+path, http.NoBody))
			for _, tt := range tests {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(tt.method, "http://lab"+tt.path, http.NoBody))
				if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != tt.media || (w.Header().Get("X-Drydock-Req") != "") != (tt.drydock != "") {
					t.Fatalf("%s %.60s after %s: %d, %v", tt.method, tt.path, path, w.Code, w.Header())
				}
			}
		}
	}
}
