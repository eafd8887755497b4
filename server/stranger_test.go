package server_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// from is the header in which a proxy names the client.
func from(address string) servertest.Option { return servertest.With("X-Forwarded-For", address) }

// guess uses up the failed logins of an address.
func guess(t *testing.T, s *servertest.Server, address string) {
	t.Helper()
	for range 10 {
		if s.Do("GET", "/v1/runs", "", from(address), servertest.As("nonsense-nonsense")).Status == 429 {
			return
		}
	}
	t.Fatalf("ten guesses from %s are not limited", address)
}

// TestAdminToken_IsLimited: the configured admin token was chosen by a person and
// could be guessed. From an address that is limited it counts only where it has
// been used before, at this very server.
func TestAdminToken_IsLimited(t *testing.T) {
	t.Parallel()

	db := storetest.New(t)
	limited := func(c *server.Config) {
		c.Edge.TrustedProxies = loopback
		c.Edge.Ratelimit.FailedLogins = 3
	}
	one, other := servertest.On(t, db, servertest.Frozen, limited), servertest.On(t, db, servertest.Frozen, limited)
	use := func(s *servertest.Server, address string, want int) {
		t.Helper()
		if a := s.Do("GET", "/v1/runs", "", from(address), servertest.Admin()); a.Status != want {
			t.Errorf("the admin token from %s: %d, want %d", address, a.Status, want)
		}
	}
	for _, address := range []string{"192.0.2.9", "2001:db8:0:1::9"} {
		use(one, address, 200)
	}
	for _, address := range []string{"192.0.2.9", "192.0.2.77", "2001:db8:0:1::77"} { // its networks
		guess(t, one, address)
		use(one, address, 200)
		guess(t, other, address)
		use(other, address, 429)
	}
	for _, address := range []string{"198.51.100.7", "192.0.3.9", "2001:db8:0:2::9"} {
		guess(t, one, address)
		use(one, address, 429)
	}
	use(one, "198.51.100.8", 200) // not limited
	use(one, "198.51.100.7", 200) // its neighbour has now been let in
	body := fmt.Sprintf(`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin","password":%q}}}}}`, servertest.AdminToken)
	if a := other.Do("POST", "/v3/auth/tokens", body, from("192.0.2.9"), servertest.JSON()); a.Status != 429 {
		t.Errorf("the admin token as a password: %d, want 429", a.Status)
	}
}

// TestLogin_Reserves: a login whose body is slow to come has its failure reserved,
// so that no more of them can be under way than may fail.
func TestLogin_Reserves(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, servertest.Frozen, func(c *server.Config) {
		c.Edge.TrustedProxies = loopback
		c.Edge.Ratelimit.FailedLogins = 3
	})
	good := fmt.Sprintf(`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin","password":%q}}}}}`, servertest.AdminToken)
	bad := strings.ReplaceAll(good, servertest.AdminToken, "nonsense")
	var open []func(body string) int
	for range 3 {
		open = append(open, slowLogin(t, s, len(good)))
	}
	login := func(body, address string) int {
		return s.Do("POST", "/v3/auth/tokens", body, from(address), servertest.JSON()).Status
	}
	if got := login(good, "192.0.2.7"); got != 429 {
		t.Errorf("a fourth login while three are under way: %d, want 429", got)
	}
	if got := login(bad, "192.0.2.8"); got != 401 {
		t.Errorf("a login from elsewhere: %d, want 401", got)
	}
	for _, finish := range open {
		if got := finish(good); got != 201 {
			t.Errorf("a slow login: %d, want 201", got)
		}
	}
	for i, want := range []int{401, 401, 401, 429} { // what was reserved has been given back
		if got := login(bad, "192.0.2.7"); got != want {
			t.Errorf("bad login %d: %d, want %d", i, got, want)
		}
	}
}

// slowLogin begins a login from 192.0.2.7 and returns when the server waits for
// its body, which finish sends.
func slowLogin(t *testing.T, s *servertest.Server, size int) (finish func(body string) int) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, _ = fmt.Fprintf(conn, "POST /v3/auth/tokens HTTP/1.1\r\nHost: lab\r\nX-Forwarded-For: 192.0.2.7\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", size)
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the server says %q, %v; want it to ask for the body", line, err)
	}
	_, _ = in.ReadString('\n')
	return func(body string) int {
		t.Helper()
		_, _ = io.WriteString(conn, body)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
}

// TestProxyNotTrusted: a proxy on this machine that nobody trusts does not lend
// the privileges of this machine to whoever stands behind it.
func TestProxyNotTrusted(t *testing.T) { // not parallel: it reads the log
	var log await.Log
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
	t.Cleanup(func() { slog.SetDefault(before) })

	s := servertest.New(t, servertest.Frozen, func(c *server.Config) { c.Edge.Ratelimit.FailedLogins = 2 })
	here := auth.NewToken(auth.ServiceToken)
	row := &store.Token{
		Kind: "s", Name: "here", Owner: "here", Roles: []string{"reader"}, AllowFrom: []string{"127.0.0.0/8"},
		Prefix: auth.DisplayPrefix(here), Hash: s.Auth.Hash(here),
	}
	if err := s.Store.CreateToken(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{"X-Forwarded-For", "Forwarded"} {
		proxied := servertest.With(header, "for=192.0.2.9")
		if a := s.Do("GET", "/v1/runs", "", servertest.As(here), proxied); a.Status == 200 {
			t.Errorf("a token for this machine only, over a proxy with %s: %d", header, a.Status)
		}
	}
	for range 5 {
		if a := s.Do("GET", "/v1/runs", "", servertest.As("nonsense-nonsense")); a.Status != 401 {
			t.Errorf("on this machine: %d, want 401 without a limit", a.Status)
		}
	}
	if a := s.Do("GET", "/v1/runs", "", servertest.As("nonsense-nonsense"), from("127.0.0.1")); a.Status != 429 {
		t.Errorf("a third guess over the proxy: %d, want 429", a.Status)
	}
	if a := s.Do("GET", "/v1/runs", "", servertest.As(here)); a.Status != 200 {
		t.Errorf("a token for this machine only, on this machine: %d, want 200", a.Status)
	}
	if n := strings.Count(log.String(), "a proxy on this machine is not trusted"); n != 1 || !strings.Contains(log.String(), "--trusted-proxies") {
		t.Errorf("the log warns %d times, want once:\n%s", n, log.String())
	}

	strict := servertest.New(t, func(c *server.Config) { c.Edge.RequireTLS = true })
	for address, want := range map[string]int{"": 200, "192.0.2.9": 400} {
		var options []servertest.Option
		if address != "" {
			options = append(options, from(address))
		}
		if a := strict.Do("GET", "/healthz", "", options...); a.Status != want {
			t.Errorf("plain HTTP, for %q: %d, want %d", address, a.Status, want)
		}
	}
}

// TestProxyHeader: where a proxy's two headers contradict each other, the client
// wrote one of them, and neither counts until a setting says which one is the
// proxy's.
func TestProxyHeader(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct{ setting, standard, old, want string }{
		{"", "", "192.0.2.9", "known"},
		{"", "for=192.0.2.9", "", "known"},
		{"", "for=192.0.2.9", "192.0.2.9", "known"},
		{"", "proto=https", "192.0.2.9", "known"},
		{"", "for=192.0.2.9", "203.0.113.9", "unknown"},
		{"", "for=203.0.113.9", "192.0.2.9", "unknown"},
		{"", "for=127.0.0.1", "203.0.113.9", "unknown"},
		{"Forwarded", "for=192.0.2.9", "203.0.113.9", "known"},
		{"forwarded", "for=203.0.113.9", "192.0.2.9", "unknown"},
		{"Forwarded", "", "192.0.2.9", "unknown"},
		{"X-Forwarded-For", "for=203.0.113.9", "192.0.2.9", "known"},
		{"x-forwarded-for", "for=192.0.2.9", "203.0.113.9", "unknown"},
	} {
		s := servertest.New(t, func(c *server.Config) { c.Edge.TrustedProxies, c.Edge.ProxyHeader = loopback, tt.setting })
		text := auth.NewToken(auth.ServiceToken)
		row := &store.Token{
			Kind: "s", Name: "far", Owner: "far", Roles: []string{"reader"}, AllowFrom: []string{"192.0.2.0/24"},
			Prefix: auth.DisplayPrefix(text), Hash: s.Auth.Hash(text),
		}
		if err := s.Store.CreateToken(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		var options []servertest.Option
		for name, value := range map[string]string{"Forwarded": tt.standard, "X-Forwarded-For": tt.old} {
			if value != "" {
				options = append(options, servertest.With(name, value))
			}
		}
		want := map[string]int{"known": 200, "unknown": 401}[tt.want]
		if a := s.Do("GET", "/v1/runs", "", append(options, servertest.As(text))...); a.Status != want {
			t.Errorf("--proxy-header=%s, Forwarded %q, X-Forwarded-For %q: %d, want %d", tt.setting, tt.standard, tt.old, a.Status, want)
		}
	}
}

// TestCrossSite: where nobody logs in, a page of another site cannot have the
// browser of somebody on this machine write.
func TestCrossSite(t *testing.T) {
	t.Parallel()

	const friend = "https://ui.example.org"
	open := servertest.New(t, servertest.WithAuth(func(c *auth.Config) { c.Mode = auth.ModeNone }),
		func(c *server.Config) { c.Edge.CORSOrigins = []string{friend} })
	closed := servertest.New(t)
	site := func(name string) servertest.Option { return servertest.With("Sec-Fetch-Site", name) }
	origin := func(name string) servertest.Option { return servertest.With("Origin", name) }
	for _, tt := range []struct {
		name    string
		s       *servertest.Server
		options []servertest.Option
		want    int
	}{
		{"a program", open, nil, 201},
		{"the server's own page", open, []servertest.Option{site("same-origin"), origin(open.URL)}, 201},
		{"another site", open, []servertest.Option{site("cross-site"), origin("https://evil.example.org")}, 403},
		{"another port of this machine", open, []servertest.Option{site("same-site"), origin("http://127.0.0.1:1")}, 403},
		{"another site in an old browser", open, []servertest.Option{origin("https://evil.example.org")}, 403},
		{"a page from nowhere", open, []servertest.Option{origin("null")}, 403},
		{"a site that may call", open, []servertest.Option{site("cross-site"), origin(friend)}, 201},
		{"another site, with a credential", closed, []servertest.Option{site("cross-site"), origin("https://evil.example.org"), servertest.Admin()}, 201},
	} {
		options := append([]servertest.Option{servertest.JSON()}, tt.options...)
		if a := tt.s.Do("POST", "/v1/runs", `{}`, options...); a.Status != tt.want {
			t.Errorf("%s: POST /v1/runs: %d, want %d\n%s", tt.name, a.Status, tt.want, a.Body)
		}
	}
	if a := open.Do("GET", "/v1/runs", "", site("cross-site")); a.Status != 200 {
		t.Errorf("another site reads: %d, want 200, which the browser does not show to it", a.Status)
	}
	if a := open.Do("POST", "/v3/auth/tokens", "{}", servertest.JSON(), site("cross-site")); a.Status != 403 {
		t.Errorf("another site logs in: %d, want 403", a.Status)
	}
}

// TestMachineWithoutKey: a machine's call without its key is refused before
// anything of it is read.
func TestMachineWithoutKey(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	const machine = "/v1/machines/01JD3Z7Q8M4T0K9V6X2C5B1N7A/work"
	for _, tt := range []struct{ method, path, body string }{
		{"GET", machine, ""},
		{"GET", machine + "?wait=nonsense", ""},
		{"POST", machine + "/01JD3Z7Q8M4T0K9V6X2C5B1N7A", "no JSON"},
		{"POST", machine + "/no-task", strings.Repeat(" ", 2<<20)},
	} {
		a := s.Do(tt.method, tt.path, tt.body, servertest.JSON())
		if a.Status != 401 || a.Header.Get("WWW-Authenticate") != "Machine-Key" {
			t.Errorf("%s %s: %d, WWW-Authenticate %q; want 401 Machine-Key\n%.300s", tt.method, tt.path, a.Status, a.Header.Get("WWW-Authenticate"), a.Body)
		}
	}
}

// TestDocs_NoRedirect: a path with dots leads nowhere.
func TestDocs_NoRedirect(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	for _, path := range []string{"/docs/..", "/docs/../v1/runs", "/docs//evil.example.org/..", "/docs/%2e%2e", "/docs/./", "/docs/..//evil.example.org"} {
		a := s.Do("GET", path, "")
		if a.Status >= 300 && a.Status < 400 || a.Header.Get("Location") != "" {
			t.Errorf("GET %s: %d to %q, want no redirect", path, a.Status, a.Header.Get("Location"))
		}
	}
}
