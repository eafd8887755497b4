package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/auth/keystone"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
)

// servers is how many servers share the operations of the document in a test
// over all of them: one for each that can run at once. A server for each
// operation would cost more than the requests.
var servers = min(8, runtime.GOMAXPROCS(0))

// examples returns the request that each operation's examples make, dealt out
// over the servers.
func examples(t *testing.T) [][]request {
	t.Helper()
	dealt := make([][]request, servers)
	n := 0
	doc := document(t)
	for _, path := range doc.Paths.InMatchingOrder() {
		item := doc.Paths.Value(path)
		operations := item.Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			dealt[n%servers] = append(dealt[n%servers], newExample(path, method, item, operations[method]))
			n++
		}
	}
	return dealt
}

// eachOperation runs a test for every operation of the document, with the
// request that its examples make, on a few servers started with the changes.
func eachOperation(t *testing.T, test func(t *testing.T, s *servertest.Server, r request), change ...func(*server.Config)) {
	t.Helper()
	for i, list := range examples(t) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()

			s := servertest.New(t, change...)
			for _, r := range list {
				t.Run(r.op.OperationID, func(t *testing.T) { test(t, s, r) })
			}
		})
	}
}

// as returns the request's options with another credential, none for "".
func (r *request) as(header, value string) []servertest.Option {
	all := append(r.options(), func(h *http.Request) { h.Header.Del("Authorization") })
	if header != "" {
		all = append(all, servertest.With(header, value))
	}
	return all
}

// permission is the row of the table that the operation needs, none when it is
// public. The document is, unless a setting closes it.
func (r *request) permission() auth.Permission {
	p, _ := r.op.Extensions["x-permission"].(string)
	if auth.Permission(p) == auth.ReadDocument {
		return ""
	}
	return auth.Permission(p)
}

func (r *request) dialect() string {
	d, _ := r.op.Extensions["x-dialect"].(string)
	return d
}

// open reports whether the operation may be called without a credential.
func (r *request) open() bool {
	return r.op.Security != nil && slices.ContainsFunc(*r.op.Security, func(s openapi3.SecurityRequirement) bool { return len(s) == 0 })
}

// refusal is what the tests read of an error.
type refusal struct{ ID, Detail string }

func refusalOf(a servertest.Answer) refusal {
	var r refusal
	_ = json.Unmarshal(a.Body, &r) // another shape is no refusal
	return r
}

// ofRole reports whether the caller's roles were the reason. SPI has a slug of its
// own for that, which others use for more.
func (r refusal) ofRole() bool {
	return r.ID == "role-required" || r.ID == "forbidden" && strings.HasPrefix(r.Detail, "the credential does not allow this")
}

// withoutRole reports whether a permission is of everybody who has a credential.
func withoutRole(p auth.Permission) bool { return p == "version.read" || p == "identity.read" }

// TestPermissions walks the document: for each operation and each role the
// answer is as the permission table says. An operation that names no row, or
// one that is not there, stops the server's start.
func TestPermissions(t *testing.T) {
	t.Parallel()

	eachOperation(t, func(t *testing.T, s *servertest.Server, r request) {
		for _, role := range auth.Roles() {
			answer := s.Do(r.method, r.target(), r.body, r.as("Authorization", "Bearer "+s.Token(role))...)
			said := refusalOf(answer)
			refused := answer.Status == http.StatusForbidden && said.ofRole()
			allowed := r.permission() == "" || slices.Contains(r.permission().Roles(), role)
			if refused == allowed {
				t.Errorf("%s %s as %s: %d %q, but the table says allowed: %v", r.method, r.path, role, answer.Status, said.ID, allowed)
			}
			if answer.Status == http.StatusUnauthorized && r.permission() != "" { // a key of the operation's own may be missing
				t.Errorf("%s %s as %s: 401 for a good credential", r.method, r.path, role)
			}
		}
		// Somebody without any role may read the version document and what the credential
		// itself is, and nothing else.
		answer := s.Do(r.method, r.target(), r.body, r.as("X-Auth-Token", s.Token())...)
		refused := refusalOf(answer).ofRole()
		if want := r.permission() != "" && !withoutRole(r.permission()); refused != want {
			t.Errorf("%s %s without a role: %d %q, want a refusal: %v", r.method, r.path, answer.Status, refusalOf(answer).ID, want)
		}
	})
}

// TestWrongCredentials replays every operation without a credential and with
// each kind of wrong one. Which status comes depends on the system whose
// clients call the operation.
func TestWrongCredentials(t *testing.T) {
	t.Parallel()

	eachOperation(t, func(t *testing.T, s *servertest.Server, r request) {
		if r.permission() == "" {
			return
		}
		past := time.Now().Add(-time.Hour)
		wrong := map[string][2]string{
			"none":             {},
			"unknown":          {"Authorization", "Bearer " + auth.NewToken(auth.RunnerToken)},
			"unknown, raw":     {"Authorization", auth.NewToken(auth.RunnerToken)},
			"a typing error":   {"Authorization", "Bearer " + s.Token(auth.Admin) + "x"},
			"expired":          {"Authorization", "Token " + tokenRow(t, s, func(row *store.Token) { row.ExpiresAt = &past })},
			"revoked":          {"X-Auth-Token", tokenRow(t, s, func(row *store.Token) { row.RevokedAt = &past })},
			"for elsewhere":    {"X-Auth-Token", tokenRow(t, s, func(row *store.Token) { row.AllowFrom = []string{"203.0.113.0/24"} })},
			"basic":            {"Authorization", "Basic dXNlcjpwYXNz"},
			"OAuth":            {"Authorization", `OAuth oauth_token="x"`},
			"an empty header":  {"X-Auth-Token", " "},
			"a Keystone token": {"X-Auth-Token", "gAAAAABnonsense"},
			"a UUID":           {"Authorization", "0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e"},
		}
		for name, header := range wrong {
			a := s.Do(r.method, r.target(), r.body, r.as(header[0], header[1])...)
			r.checkRefusal(t, name, a, name == "none")
		}
		forged := append(r.as("", ""), servertest.With("X-Roles", "admin"), servertest.With("X-Identity-Status", "Confirmed"),
			servertest.With("X-User-Id", "u"), servertest.With("X-Project-Id", "p"), servertest.With("X-Is-Admin-Project", "True"))
		r.checkRefusal(t, "forged identity headers", s.Do(r.method, r.target(), r.body, forged...), true)
	})
}

func tokenRow(t *testing.T, s *servertest.Server, change func(*store.Token)) string {
	t.Helper()
	row := &store.Token{Kind: "s", Name: "x", Owner: "x", Roles: []string{"admin"}}
	text := s.Auth.Issue(row)
	change(row)
	if err := s.Store.CreateToken(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	return text
}

func (r *request) checkRefusal(t *testing.T, name string, a servertest.Answer, none bool) {
	t.Helper()
	if r.open() {
		// The handler answers, unless the credential cannot be the secret of a run.
		if !none && a.Status < 400 {
			t.Errorf("%s: %d for a wrong credential", name, a.Status)
		}
		return
	}
	want, challenges := http.StatusUnauthorized, []string{`Bearer realm="slipway", error="invalid_token"`}
	if none {
		challenges = []string{`Bearer realm="slipway"`}
	}
	said := map[string]string{"drydock": "Unauthenticated", "kernelci": "Operation not permitted: provided token is not authorized"}[r.dialect()]
	if r.dialect() == "kernelci" {
		want, challenges = http.StatusForbidden, nil
	}
	if a.Status != want || !slices.Equal(a.Header.Values("WWW-Authenticate"), challenges) {
		t.Errorf("%s: %d with challenges %q, want %d with %q\n%.300s", name, a.Status, a.Header.Values("WWW-Authenticate"), want, challenges, a.Body)
	}
	if got := refusalOf(a).Detail; said != "" && got != said {
		t.Errorf("%s: says %q, want %q", name, got, said)
	}
	if !strings.HasPrefix(a.Header.Get("X-Openstack-Request-Id"), "req-") {
		t.Errorf("%s: X-Openstack-Request-Id %q", name, a.Header.Get("X-Openstack-Request-Id"))
	}
	if id := a.Header.Get("X-Drydock-Req"); (r.dialect() == "drydock") != (id != "") {
		t.Errorf("%s: X-Drydock-Req %q", name, id)
	}
}

// fakeKeystone knows some tokens.
type fakeKeystone map[string]*keystone.Token

func (f fakeKeystone) Validate(_ context.Context, token string) (*keystone.Token, error) {
	if token == "down" {
		return nil, keystone.ErrUnavailable
	}
	if t, ok := f[token]; ok {
		return t, nil
	}
	return nil, keystone.ErrInvalid
}
func (f fakeKeystone) Known(token string) bool { return f[token] != nil }
func (fakeKeystone) ServiceType() string       { return "test-lab" }
func (fakeKeystone) Challenge() string         { return "https://keystone.example.org/v3" }

// TestKeystoneCredentials replays every operation with tokens of a Keystone.
func TestKeystoneCredentials(t *testing.T) {
	t.Parallel()

	end := time.Now().Add(time.Hour)
	known := fakeKeystone{
		"reader":   {UserID: "u", ProjectID: "p", Roles: []string{"reader"}, ExpiresAt: end},
		"admin":    {UserID: "u", ProjectID: "p", Roles: []string{"reader", "member", "admin"}, ExpiresAt: end},
		"member":   {UserID: "u", ProjectID: "p", Roles: []string{"member", "reader"}, ExpiresAt: end}, // Keystone implies reader
		"unscoped": {UserID: "u", ExpiresAt: end},
		"rules": {UserID: "u", ProjectID: "p", Roles: []string{"admin"}, ExpiresAt: end, Restricted: true,
			Rules: []keystone.Rule{{Service: "test-lab", Method: "GET", Path: "/v1/nothing-here"}}},
	}
	eachOperation(t, func(t *testing.T, s *servertest.Server, r request) {
		if r.permission() == "" {
			return
		}
		do := func(token string) servertest.Answer {
			return s.Do(r.method, r.target(), r.body, r.as("X-Auth-Token", token)...)
		}
		may := func(role auth.Role) bool { return slices.Contains(r.permission().Roles(), role) }

		if a := do("admin"); a.Status == 401 || refusalOf(a).ofRole() {
			t.Errorf("admin: %d %s", a.Status, a.Body)
		}
		if a := do("reader"); (refusalOf(a).ofRole()) == may(auth.Reader) {
			t.Errorf("reader: %d, but the table says %v", a.Status, may(auth.Reader))
		}
		if a := do("member"); !withoutRole(r.permission()) && a.Status != 403 {
			t.Errorf("member: %d, want 403", a.Status)
		}
		if a := do("unscoped"); a.Status != 403 {
			t.Errorf("an unscoped token: %d, want 403", a.Status)
		}
		if a := do("down"); a.Status != 503 || a.Header.Get("Retry-After") == "" {
			t.Errorf("Keystone is down: %d, Retry-After %q, want 503", a.Status, a.Header.Get("Retry-After"))
		}
		want := 401
		challenges := []string{`Keystone uri="https://keystone.example.org/v3"`, `Bearer realm="slipway", error="invalid_token"`}
		if r.dialect() == "kernelci" {
			want, challenges = 403, nil
		}
		for _, token := range []string{"unknown", "rules"} {
			if a := do(token); a.Status != want || !slices.Equal(a.Header.Values("WWW-Authenticate"), challenges) {
				t.Errorf("%s: %d with challenges %q, want %d with %q", token, a.Status, a.Header.Values("WWW-Authenticate"), want, challenges)
			}
		}
	}, servertest.WithAuth(func(c *auth.Config) { c.Keystone = known }))
}

// TestKeystoneAccessRules: the rules of an application credential are compared
// with the path as it was sent, and with its other names.
func TestKeystoneAccessRules(t *testing.T) {
	t.Parallel()

	known := fakeKeystone{}
	for token, rule := range map[string]keystone.Rule{
		"version": {Method: "GET", Path: "/v1/"}, "bare": {Method: "GET", Path: "/v1"}, "results": {Method: "POST", Path: "/v1/results/**"},
		"run": {Method: "GET", Path: "/v1/runs/*/"}, "short": {Method: "GET", Path: "/runs"}, "drydock": {Method: "GET", Path: "/api/v1.0/**"},
	} {
		rule.Service = "test-lab"
		known[token] = &keystone.Token{UserID: "u", ProjectID: "p", Roles: []string{"admin"}, ExpiresAt: time.Now().Add(time.Hour), Restricted: true, Rules: []keystone.Rule{rule}}
	}
	s := servertest.New(t, servertest.WithAuth(func(c *auth.Config) { c.Keystone = known }))
	for _, tt := range []struct {
		token, method, path string
		allowed             bool
	}{
		{"version", "GET", "/v1/", true}, {"version", "GET", "/v1", false}, {"version", "GET", "/v1/runs", false}, {"version", "GET", "/v1//", false},
		{"bare", "GET", "/v1", true}, {"bare", "GET", "/v1/", true},
		{"results", "POST", "/v1/results/", true}, {"results", "POST", "/v1/results", false}, {"results", "GET", "/v1/results/", false},
		{"results", "POST", "/v1/results/01234567-89ab-4def-8123-456789abcdef/meta/shared", true}, {"results", "POST", "/v1/runs/", false},
		{"run", "GET", "/v1/runs/7/", true}, {"run", "GET", "/v1/runs/7", false}, {"run", "GET", "/v1/runs//", false},
		{"short", "GET", "/runs", true}, {"short", "GET", "/runs/", true}, {"short", "GET", "/v1/runs", false},
		{"drydock", "GET", "/api/v1.0/tasks", true}, {"drydock", "GET", "/v1/tasks", false},
	} {
		a := s.Do(tt.method, tt.path, "[]", servertest.With("X-Auth-Token", tt.token), servertest.JSON())
		if (a.Status != 401) != tt.allowed {
			t.Errorf("%s %s with the rule %+v: %d, want it allowed: %t", tt.method, tt.path, known[tt.token].Rules, a.Status, tt.allowed)
		}
	}
}

// TestCredentialsAreNotSaid sends every operation each kind of credential, good
// or not, in every place where some client sends one. The test server fails the
// test when an answer, the log or the audit log holds one of them.
func TestCredentialsAreNotSaid(t *testing.T) {
	t.Parallel()

	secret := func(kind string) string { return servertest.Secret("hush-" + kind + "-0d9f6a52") }
	old, key, run := servertest.Secret("5ec2e700-4c1e-4f0b-9d0e-1f2a3b4c5d6e"), servertest.Secret(strings.Repeat("5ec2e7", 10)+"0000"), secret("run")
	known := secret("keystone")
	sent := map[string][]servertest.Option{
		"raw":           {servertest.With("Authorization", old)},
		"bearer":        {servertest.As(secret("bearer"))},
		"ours":          {servertest.As(servertest.Secret(auth.NewToken(auth.LabToken)))},
		"basic":         {servertest.With("Authorization", "Basic "+secret("basic"))},
		"a JWT":         {servertest.As(secret("jwt") + ".e30." + secret("signature"))},
		"Keystone":      {servertest.With("X-Auth-Token", known)},
		"a service":     {servertest.With("X-Auth-Token", known), servertest.With("X-Service-Token", secret("service"))},
		"a node's key":  {servertest.With("X-Bootaction-Key", key)},
		"a machine key": {servertest.With("X-Machine-Key", secret("machine"))},
		"a signature":   {servertest.With("X-Public-Key", secret("public")), servertest.With("X-Signature", secret("signed"))},
	}
	keystones := fakeKeystone{known: {UserID: "u", ProjectID: "p", Roles: []string{"admin"}, ExpiresAt: time.Now().Add(time.Hour)}}
	eachOperation(t, func(t *testing.T, s *servertest.Server, r request) {
		for _, options := range sent {
			s.Do(r.method, r.target(), r.body, append(r.as("", ""), options...)...)
		}
		named := r.with("secrets in query and path", func(r *request) {
			r.query.Set("run_token", run)
			for name := range r.params {
				switch name {
				case "token":
					r.params[name] = old
				case "file_path", "agent_id": // whoever calls a thing so gets it under that name
				default:
					r.params[name] = auth.NewToken(auth.RunnerToken)
				}
			}
		})
		s.Do(named.method, named.target(), named.body, named.options()...)
	}, servertest.WithAuth(func(c *auth.Config) { c.Keystone = keystones }))
}

// TestServiceToken: on Drydock's operations a service says who it is in
// X-Service-Token, which then counts before anything else. Elsewhere, and where
// there is no Keystone, the header says nothing.
func TestServiceToken(t *testing.T) {
	t.Parallel()

	end := time.Now().Add(time.Hour)
	s := servertest.New(t, servertest.WithAuth(func(c *auth.Config) {
		c.LabTenants = []string{"p"} // the project of the service
		c.Keystone = fakeKeystone{
			"reader":     {UserID: "u", ProjectID: "p", Roles: []string{"reader"}, ExpiresAt: end},
			"shipyard":   {UserID: "s", UserName: "shipyard", ProjectID: "p", Roles: []string{"service", "admin"}, ExpiresAt: end},
			"no service": {UserID: "u", ProjectID: "p", Roles: []string{"admin"}, ExpiresAt: end},
		}
	}))
	without := servertest.New(t)
	tests := []struct {
		name          string
		server        *servertest.Server
		path          string
		user, service string
		want          int
	}{
		{"nobody", s, "/v1/nodes", "", "", 401},
		{"a service alone", s, "/v1/nodes", "", "shipyard", 200},
		{"a service for a user", s, "/v1/nodes", "reader", "shipyard", 200},
		{"a service for somebody unknown", s, "/v1/nodes", "unknown", "shipyard", 200},
		{"an unknown service", s, "/v1/nodes", "reader", "unknown", 401},
		{"a user who says that he is a service", s, "/v1/nodes", "reader", "no service", 401},
		{"a token of ours", s, "/v1/nodes", "reader", s.Token(auth.Admin), 401},
		{"an empty header", s, "/v1/nodes", "reader", " ", 401},
		{"Keystone is down", s, "/v1/nodes", "reader", "down", 503},
		{"another family", s, "/v1/runs", "", "shipyard", 401},
		{"another family, with a user", s, "/v1/runs", "reader", "unknown", 200},
		{"without Keystone", without, "/v1/nodes", without.Token(auth.Reader), "unknown", 200},
		{"without Keystone and user", without, "/v1/nodes", "", "shipyard", 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var options []servertest.Option
			for name, value := range map[string]string{"X-Auth-Token": tt.user, "X-Service-Token": tt.service} {
				if value != "" {
					options = append(options, servertest.With(name, value))
				}
			}
			if a := tt.server.Do("GET", tt.path, "", options...); a.Status != tt.want {
				t.Errorf("GET %s: %d, want %d\n%s", tt.path, a.Status, tt.want, a.Body)
			}
		})
	}
	// The service acts with its own roles and in its own name.
	both := []servertest.Option{servertest.With("X-Auth-Token", "reader"), servertest.With("X-Service-Token", "shipyard")}
	const task = `{"action":"validate_design","design_ref":"file:///x"}`
	if a := s.Do("POST", "/v1/tasks", task, both...); a.Status == 403 || a.Status == 401 {
		t.Errorf("a task of a service: %d %s", a.Status, a.Body)
	}
}

// TestPolicyFile: rules of a file take the place of rows of the table.
func TestPolicyFile(t *testing.T) {
	t.Parallel()

	policy, err := auth.ReadPolicy([]byte("results.read: rule:admin_required or rule:ops\nops: role:operator\nadmin_required: is_admin:1\nresults.write: \"!\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t, servertest.WithAuth(func(c *auth.Config) { c.Policy = policy }))
	for _, tt := range []struct {
		method string
		role   auth.Role
		want   int
	}{{"GET", auth.Reader, 403}, {"GET", auth.Operator, 200}, {"GET", auth.Admin, 200}, {"POST", auth.Admin, 403}} {
		if a := s.Do(tt.method, "/v1/runs", "", servertest.As(s.Token(tt.role))); a.Status != tt.want {
			t.Errorf("%s /v1/runs as %s: %d, want %d", tt.method, tt.role, a.Status, tt.want)
		}
	}
}

// TestAuthModeNone: without logins everybody may do everything.
func TestAuthModeNone(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, servertest.WithAuth(func(c *auth.Config) { c.Mode = auth.ModeNone }))
	for _, o := range []servertest.Option{servertest.With("Accept", "*/*"), servertest.As("nonsense-nonsense")} {
		if a := s.Do("GET", "/v1/audit", "", o); a.Status != 200 {
			t.Errorf("GET /v1/audit: %d, want 200", a.Status)
		}
	}
}

// TestKnownTokensPassALimitedAddress: a lab behind one address is not locked
// out by one of its machines.
func TestKnownTokensPassALimitedAddress(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, servertest.Frozen, func(c *server.Config) {
		c.Edge.TrustedProxies = []string{"127.0.0.0/8"}
		c.Edge.Ratelimit.FailedLogins = 3
	}, servertest.WithAuth(func(c *auth.Config) {
		c.Keystone = fakeKeystone{"known": {UserID: "u", ProjectID: "p", Roles: []string{"reader"}, ExpiresAt: time.Now().Add(time.Hour)}}
	}))
	from := servertest.With("X-Forwarded-For", "192.0.2.9")
	known, unknown := s.Token(auth.Reader), s.Token(auth.Reader)
	get := func(want int, what string, options ...servertest.Option) {
		t.Helper()
		if a := s.Do("GET", "/v1/runs", "", append(options, from)...); a.Status != want {
			t.Errorf("%s: %d, want %d", what, a.Status, want)
		} else if want == 429 && a.Header.Get("Retry-After") == "" {
			t.Errorf("%s: 429 without Retry-After", what)
		}
	}
	get(200, "a good token", servertest.As(known))
	get(200, "the configured admin token", servertest.Admin())
	for range 3 {
		get(401, "a bad token", servertest.As("nonsense-nonsense"))
	}
	get(429, "a bad token", servertest.As("nonsense-nonsense"))
	get(429, "a good token that was never seen", servertest.As(unknown))
	get(200, "a good token that was seen", servertest.As(known))
	get(200, "the configured admin token, from where it was seen", servertest.Admin())
	get(200, "a Keystone token that was seen", servertest.With("X-Auth-Token", "known"))
	get(429, "a Keystone token that was not", servertest.With("X-Auth-Token", "unknown"))
	get(401, "no credential", servertest.With("Accept", "*/*"))
	if a := s.Do("GET", "/v1/get-miniconf?test_id=1&run_token=guessed-guess", "", from); a.Status != 429 {
		t.Errorf("guessing the secret of a run: %d, want 429", a.Status)
	}
}
