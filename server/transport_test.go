package server_test

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

func TestRequireTLS(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) {
		c.Edge.RequireTLS = true
		c.Edge.TrustedProxies = loopback
	})
	far := servertest.With("X-Forwarded-For", "192.0.2.9")
	tests := []struct {
		name    string
		options []servertest.Option
		want    int
	}{
		{"the same machine", nil, 200},
		{"a proxy that says nothing", []servertest.Option{far}, 400},
		{"a proxy that says http", []servertest.Option{far, servertest.With("X-Forwarded-Proto", "http")}, 400},
		{"a proxy that says https", []servertest.Option{far, servertest.With("X-Forwarded-Proto", "https")}, 200},
		{"a proxy that says https in the new way", []servertest.Option{servertest.With("Forwarded", "for=192.0.2.9;proto=https")}, 200},
		{"a proxy that says nonsense", []servertest.Option{far, servertest.With("X-Forwarded-Proto", "ftp")}, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			a := s.Do("GET", "/healthz", "", tt.options...)
			if a.Status != tt.want {
				t.Errorf("%d, want %d", a.Status, tt.want)
			}
			if tt.want == 400 && readProblem(t, a).ID != "tls-required" {
				t.Errorf("says %s", a.Body)
			}
		})
	}
}

// TestWithoutHost: HTTP/1.0 has no Host header, and load balancers still use it.
func TestWithoutHost(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	address := strings.TrimPrefix(s.URL, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.0 300 ") || !strings.Contains(string(answer), `"href":"http://`+address+`/v1/"`) {
		t.Errorf("GET / in HTTP/1.0: %v\n%s", err, answer)
	}
}

func TestHeaderTooLarge(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	a := s.Do("GET", "/v1/runs", "", servertest.Admin(), servertest.With("X-Padding", strings.Repeat("x", 64<<10)))
	if a.Status != http.StatusRequestHeaderFieldsTooLarge || readProblem(t, a).ID != "header-too-large" {
		t.Errorf("a header of 64 KiB: %d %s", a.Status, a.Body)
	}
	if a := s.Do("GET", "/v1/runs", "", servertest.Admin(), servertest.With("X-Padding", strings.Repeat("x", 60<<10))); a.Status != 200 {
		t.Errorf("a header of 60 KiB: %d", a.Status)
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Edge.CORSOrigins = []string{"https://ui.example.org"} })
	const good = "https://ui.example.org"
	tests := []struct {
		name, method, path, origin string
		want                       string // Access-Control-Allow-Origin
	}{
		{"a configured origin", "GET", "/v1/runs", good, good},
		{"another origin", "GET", "/v1/runs", "https://evil.example.org", ""},
		{"one that begins like it", "GET", "/v1/runs", good + ".evil.org", ""},
		{"null", "GET", "/v1/runs", "null", ""},
		{"a preflight of a configured origin", "OPTIONS", "/v1/runs", good, good},
		{"a preflight of another", "OPTIONS", "/v1/runs", "https://evil.example.org", ""},
		{"the document for anybody", "GET", "/openapi.json", "https://any.example.org", "*"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			options := []servertest.Option{servertest.With("Origin", tt.origin)}
			if tt.method == "OPTIONS" {
				options = append(options, servertest.With("Access-Control-Request-Method", "POST"))
			} else {
				options = append(options, servertest.Admin())
			}
			r, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL+tt.path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range options {
				o(r)
			}
			resp, err := http.DefaultClient.Do(r) // the preflight's headers are not in the document
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			h := resp.Header
			if got := h.Get("Access-Control-Allow-Origin"); got != tt.want {
				t.Errorf("Access-Control-Allow-Origin %q, want %q", got, tt.want)
			}
			if h.Get("Access-Control-Allow-Credentials") != "" {
				t.Error("cookies and logins of the browser are allowed")
			}
			if !slices.Contains(h.Values("Vary"), "Origin") {
				t.Errorf("Vary %q lacks Origin", h.Values("Vary"))
			}
			if tt.method == "OPTIONS" {
				allowed := h.Get("Access-Control-Allow-Headers")
				if (tt.want != "") != strings.Contains(allowed, "Authorization") || resp.StatusCode != 204 {
					t.Errorf("preflight: %d, allowed headers %q", resp.StatusCode, allowed)
				}
			}
		})
	}
}

// TestSecurityHeaders: a browser is told on every page what it may do.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	for _, path := range []string{"/docs/", "/ui/login"} {
		a := s.Do("GET", path, "", servertest.With("Accept", "text/html"))
		if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			t.Errorf("GET %s: Content-Type %q", path, a.Header.Get("Content-Type"))
		}
		if csp := a.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src '") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("GET %s: Content-Security-Policy %q", path, csp)
		}
		if a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("GET %s: headers %v", path, a.Header)
		}
	}
	if a := s.Do("GET", "/healthz", ""); a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("an answer without nosniff")
	}
}

// TestDocsClosed: the explorer is gone, and the document takes a credential, any
// good one.
func TestDocsClosed(t *testing.T) {
	t.Parallel()

	open, closed := servertest.New(t), servertest.New(t, func(c *server.Config) { c.Discovery.DocsPublic = false })
	for _, tt := range []struct {
		name   string
		server *servertest.Server
		path   string
		with   servertest.Option
		want   int
	}{
		{"open, to anybody", open, "/openapi.json", nil, 200},
		{"open, to a bad credential", open, "/openapi.yaml", servertest.As("nonsense-nonsense"), 200},
		{"open, the explorer", open, "/docs/", nil, 200},
		{"closed, to anybody", closed, "/openapi.json", nil, 401},
		{"closed, to anybody, as YAML", closed, "/openapi.yaml", nil, 401},
		{"closed, to a bad credential", closed, "/openapi.json", servertest.As("nonsense-nonsense"), 401},
		{"closed, to a good one without roles", closed, "/openapi.json", servertest.As(closed.Token()), 200},
		{"closed, the explorer", closed, "/docs/", servertest.Admin(), 404},
		{"closed, the versions", closed, "/", nil, 300},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var options []servertest.Option
			if tt.with != nil {
				options = append(options, tt.with)
			}
			if a := tt.server.Do("GET", tt.path, "", options...); a.Status != tt.want {
				t.Errorf("GET %s: %d, want %d", tt.path, a.Status, tt.want)
			}
		})
	}
}

func TestTokensInPathsAreNotEchoed(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	secret := auth.NewToken(auth.LabToken)
	const old = "0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e"
	for _, path := range []string{"/v1/token/" + old, "/tokens/" + old + "/x"} {
		if a := s.Do("GET", path, "", servertest.Admin()); a.Status != 404 || strings.Contains(string(a.Body), old) {
			t.Errorf("GET %s: %d, or it echoes the token: %s", path, a.Status, a.Body)
		}
	}
	for _, path := range []string{"/v1/runs/" + secret, "/nothing/" + secret} {
		if a := s.Do("GET", path, "", servertest.Admin()); strings.Contains(string(a.Body), secret) {
			t.Errorf("GET %s echoes the token: %s", path, a.Body)
		}
	}
}

func TestGoodCredentialsMayBeLimited(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) {
		c.Edge.TrustedProxies = []string{"127.0.0.0/8"}
		c.Edge.Ratelimit.Credential, c.Edge.Ratelimit.CredentialBurst = 0.01, 2
	})
	one, other := s.Token(auth.Reader), s.Token(auth.Reader)
	get := func(token string, want int) {
		t.Helper()
		a := s.Do("GET", "/v1/runs", "", servertest.As(token), servertest.With("X-Forwarded-For", "192.0.2.9"))
		if a.Status != want {
			t.Errorf("GET /v1/runs: %d, want %d", a.Status, want)
		}
	}
	get(one, 200)
	get(one, 200)
	get(one, 429)
	get(other, 200)
	if a := s.Do("GET", "/v1/runs", "", servertest.As(one)); a.Status != 200 {
		t.Errorf("on the same machine: %d, want 200", a.Status)
	}
}

// TestNeighboursAreLimitedTogether: an attacker has all the addresses of his
// network of IPv6, so they count as one.
func TestNeighboursAreLimitedTogether(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) {
		c.Edge.TrustedProxies = loopback
		c.Edge.Ratelimit.FailedLogins = 2
	})
	for i, tt := range []struct {
		from string
		want int
	}{
		{"2001:db8::1", 401}, {"2001:db8::2", 401}, {"2001:db8::ffff:3", 429}, {"2001:db8:0:1::1", 401},
		{"192.0.2.1", 401}, {"192.0.2.1", 401}, {"192.0.2.1", 429}, {"192.0.2.2", 401}, {"::ffff:192.0.2.1", 429},
	} {
		if a := s.Do("GET", "/v1/runs", "", servertest.As("nonsense-nonsense"), servertest.With("X-Forwarded-For", tt.from)); a.Status != tt.want {
			t.Errorf("call %d, from %s: %d, want %d", i, tt.from, a.Status, tt.want)
		}
	}
}

// TestRefusedCallsAreLimited: a call that is refused because it brings no
// credential counts like any other without one, whatever the operation.
func TestRefusedCallsAreLimited(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, servertest.Frozen, func(c *server.Config) {
		c.Edge.TrustedProxies = loopback
		c.Edge.Ratelimit.Anonymous, c.Edge.Ratelimit.Burst = 0.01, 4
	})
	from := servertest.With("X-Forwarded-For", "192.0.2.9")
	for i, call := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/v1/runs", 401}, {"GET", "/v1/nodes", 401}, {"GET", "/job", 403}, {"POST", "/job", 403},
		{"GET", "/v1/runs", 429}, {"GET", "/job", 429}, {"POST", "/job", 429}, {"GET", "/v1", 429}, {"GET", "/healthz", 429},
	} {
		if a := s.Do(call.method, call.path, "", from); a.Status != call.want {
			t.Errorf("call %d, %s %s: %d, want %d", i, call.method, call.path, a.Status, call.want)
		}
	}
}

func TestAnonymousCallsAreLimited(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, servertest.Frozen, func(c *server.Config) {
		c.Edge.TrustedProxies = loopback
		c.Edge.Ratelimit.Anonymous, c.Edge.Ratelimit.Burst = 0.01, 3
	})
	from := servertest.With("X-Forwarded-For", "192.0.2.9")
	for i := range 5 {
		a := s.Do("GET", "/healthz", "", from)
		if want := []int{200, 200, 200, 429, 429}[i]; a.Status != want || want == 429 && a.Header.Get("Retry-After") == "" {
			t.Errorf("call %d: %d, want %d", i, a.Status, want)
		}
	}
	if a := s.Do("GET", "/v1/runs", "", from, servertest.Admin()); a.Status != 200 {
		t.Errorf("with a credential: %d, want 200", a.Status)
	}
}
