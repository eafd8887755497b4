package access_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// token is what the tests read of a token.
type token struct {
	ID, Prefix, Name, Kind, Owner, Tenant string
	KeyID                                 string `json:"key_id"`
	Roles                                 []string
	AllowFrom                             []string `json:"allow_from"`
	Usable                                bool
	CreatedBy                             string  `json:"created_by"`
	ExpiresAt                             *string `json:"expires_at"`
	RevokedAt                             *string `json:"revoked_at"`
}

type created struct {
	Token       string
	AccessToken token `json:"access_token"`
}

func read[T any](t *testing.T, a servertest.Answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(a.Body, &v); err != nil {
		t.Fatalf("%d: %v\n%s", a.Status, err, a.Body)
	}
	return v
}

func create(t *testing.T, s *servertest.Server, body string, options ...servertest.Option) created {
	t.Helper()
	a := s.Do("POST", "/v1/access-tokens", body, append([]servertest.Option{servertest.Admin(), servertest.JSON()}, options...)...)
	if a.Status != http.StatusCreated {
		t.Fatalf("POST /v1/access-tokens %s: %d\n%s", body, a.Status, a.Body)
	}
	return read[created](t, a)
}

func status(t *testing.T, s *servertest.Server, method, path string, want int, options ...servertest.Option) servertest.Answer {
	t.Helper()
	a := s.Do(method, path, "", options...)
	if a.Status != want {
		t.Errorf("%s %s: %d, want %d\n%.500s", method, path, a.Status, want, a.Body)
	}
	return a
}

func TestCreateAccessToken(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		a := s.Do("POST", "/v1/access-tokens", `{"name":"nightly","roles":["runner","runner"],"allow_from":["127.0.0.1","10.1.2.3/8"]}`,
			servertest.Admin(), servertest.JSON())
		got := read[created](t, a)
		if a.Status != 201 || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Location") != "/v1/access-tokens/"+got.AccessToken.ID {
			t.Errorf("POST: %d, headers %v", a.Status, a.Header)
		}
		if !regexp.MustCompile(`^slwr_[0-9A-Za-z]{46}$`).MatchString(got.Token) || !strings.HasPrefix(got.Token, got.AccessToken.Prefix) {
			t.Errorf("token %q with prefix %q", got.Token, got.AccessToken.Prefix)
		}
		want := token{
			ID: got.AccessToken.ID, Prefix: got.AccessToken.Prefix, Name: "nightly", Kind: "runner", Owner: "nightly", KeyID: got.AccessToken.KeyID,
			Roles: []string{"runner"}, AllowFrom: []string{"127.0.0.1/32", "10.0.0.0/8"}, Usable: true, CreatedBy: "admin",
		}
		if fmt.Sprintf("%+v", got.AccessToken) != fmt.Sprintf("%+v", want) || len(want.KeyID) != 8 {
			t.Errorf("token %+v\nwant  %+v", got.AccessToken, want)
		}
		for _, header := range []servertest.Option{
			servertest.As(got.Token), servertest.With("Authorization", got.Token), servertest.With("X-Auth-Token", got.Token),
		} {
			status(t, s, "GET", "/v1/runs", 200, header)
		}
		list := status(t, s, "GET", "/v1/access-tokens", 200, servertest.Admin())
		one := status(t, s, "GET", "/v1/access-tokens/"+got.AccessToken.ID, 200, servertest.Admin())
		if strings.Contains(string(list.Body)+string(one.Body), got.Token) {
			t.Error("the text of the token is shown a second time")
		}
	})
}

func TestCreateAccessToken_Refused(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Access.Life = auth.Life{Max: time.Hour} })
	for _, tt := range []struct{ body, pointer string }{
		{`{"name":"x","roles":[]}`, "/roles"},
		{`{"name":"x","roles":["root"]}`, "/roles/0"},
		{`{"name":"","roles":["reader"]}`, "/name"},
		{`{"name":"a\u0000b","roles":["reader"]}`, "/name"},
		{`{"name":"x","roles":["reader"],"kind":"robot"}`, "/kind"},
		{`{"name":"x","roles":["reader"],"allow_from":["10.0.0.0/64"]}`, "/allow_from"},
		{`{"name":"x","roles":["reader"],"allow_from":["fe80::1%eth0"]}`, "/allow_from"},
		{`{"name":"x","roles":["reader"],"expires_at":"2001-01-01T00:00:00Z"}`, "/expires_at"},
		{`{"name":"x","roles":["reader"],"expires_at":"2999-01-01T00:00:00Z"}`, "/expires_at"},
		{`{"name":"x","roles":["reader"],"expires_at":null}`, "/expires_at"},
		{`{"name":"x","roles":["reader"],"flags":["UPLOAD"]}`, "/flags/0"},
		{`{"name":"x","roles":["reader"],"hash":"x"}`, "/hash"},
	} {
		a := s.Do("POST", "/v1/access-tokens", tt.body, servertest.Admin(), servertest.JSON())
		if a.Status != 400 || !strings.Contains(string(a.Body), `"pointer":"`+tt.pointer+`"`) {
			t.Errorf("%s: %d, want 400 that points at %s\n%s", tt.body, a.Status, tt.pointer, a.Body)
		}
	}
}

// TestCreateAccessToken_Brought: a text that clients have already becomes a
// token like any other, in every header, and is never said again.
func TestCreateAccessToken_Brought(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		const text = "0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e"
		status(t, s, "GET", "/v1/runs", 401, servertest.With("Authorization", text))
		body := `{"name":"lab-x","roles":["lab"],"labs":["lab-x"],"token":"` + text + `"}`
		a := s.Do("POST", "/v1/access-tokens", body, servertest.Admin(), servertest.JSON())
		made := read[created](t, a)
		if a.Status != 201 || made.Token != "" || strings.Contains(string(a.Body), text) || made.AccessToken.Prefix != text[:9] {
			t.Fatalf("an imported token: %d %s", a.Status, a.Body)
		}
		for _, header := range [][2]string{{"Authorization", text}, {"Authorization", "Bearer " + text}, {"X-Auth-Token", text}} {
			status(t, s, "GET", "/v1/runs", 200, servertest.With(header[0], header[1]))
		}
		status(t, s, "GET", "/v1/audit", 403, servertest.With("Authorization", text))
		if a := s.Do("POST", "/v1/access-tokens", body, servertest.Admin(), servertest.JSON()); a.Status != 409 || strings.Contains(string(a.Body), text) {
			t.Errorf("the same text again: %d %s", a.Status, a.Body)
		}
		for _, bad := range []string{"password", "0d9f6a52-4c1e-1f0b-9d0e-1f2a3b4c5d6e", ""} {
			a := s.Do("POST", "/v1/access-tokens", `{"name":"x","roles":["lab"],"token":"`+bad+`"}`, servertest.Admin(), servertest.JSON())
			if a.Status != 400 || bad != "" && strings.Contains(string(a.Body), bad) {
				t.Errorf("text %q: %d %s", bad, a.Status, a.Body)
			}
		}
		status(t, s, "DELETE", "/v1/access-tokens/"+made.AccessToken.ID, 204, servertest.Admin())
		status(t, s, "GET", "/v1/runs", 401, servertest.With("Authorization", text))
	})
}

// TestCreateAccessToken_BroughtAgain: a text is taken under an older secret, too.
func TestCreateAccessToken_BroughtAgain(t *testing.T) {
	t.Parallel()

	const body = `{"name":"x","roles":["lab"],"token":"0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e"}`
	first := servertest.New(t)
	create(t, first, body)
	second := servertest.On(t, first.Store, servertest.WithAuth(func(c *auth.Config) {
		c.Pepper, c.OldPeppers = []byte("a new secret"), [][]byte{[]byte("an older one"), c.Pepper}
	}))
	if a := second.Do("POST", "/v1/access-tokens", body, servertest.Admin(), servertest.JSON()); a.Status != 409 {
		t.Errorf("the text of a token under an older secret: %d %s", a.Status, a.Body)
	}
	status(t, second, "GET", "/v1/runs", 200, servertest.With("Authorization", "0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e"))
}

// TestAudit_KernelCI: KernelCI's own ways to change tokens are in the log as
// well, and name the token by its id, never by its text.
func TestAudit_KernelCI(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	a := s.Do("POST", "/token", `{"email":"x@example.org","get":true}`, servertest.Admin(), servertest.JSON())
	path := strings.TrimPrefix(a.Header.Get("Location"), s.URL)
	if a.Status != 201 || path == "" {
		t.Fatalf("POST /token: %d %s", a.Status, a.Body)
	}
	if a := s.Do("PUT", path, `{"post":true}`, servertest.Admin(), servertest.JSON()); a.Status != 200 {
		t.Fatalf("PUT %s: %d %s", path, a.Status, a.Body)
	}
	status(t, s, "DELETE", path, 200, servertest.Admin())
	list := audit(t, s, "event=token", 3)
	for i, operation := range []string{"deleteToken", "updateToken", "createToken"} {
		if list[i]["operation"] != operation || !strings.HasSuffix(fmt.Sprint(list[i]["object"]), path) {
			t.Errorf("entry %d: %v of %v, want %s of %s", i, list[i]["operation"], list[i]["object"], operation, path)
		}
	}
}

// TestAudit_Durable: what is always recorded is in the store before the answer
// is over, so that no kill can lose it.
func TestAudit_Durable(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		for i := range 20 {
			asked := time.Now()
			made := create(t, s, `{"name":"x","roles":["reader"]}`)
			await.That(t, "an entry is in the log", func() bool {
				list, err := s.Store.ListAudit(t.Context(), store.AuditFilter{Event: "token", Page: store.Page{Limit: 100}})
				there := err == nil && len(list.Items) == i+1 && strings.HasSuffix(list.Items[0].Object, made.AccessToken.ID)
				if !there && time.Since(asked) < 5*time.Second { // which is how long an answer waits for its entry
					t.Fatalf("after token %d the log has %d entries, %v", i+1, len(list.Items), err)
				}
				return there
			})
		}
	})
}

func TestAccessTokens_Life(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	if got := create(t, s, `{"name":"p","roles":["reader"]}`).AccessToken; got.ExpiresAt == nil {
		t.Error("a token for a person lives for ever by default")
	}
	if got := create(t, s, `{"name":"p","roles":["reader"],"expires_at":null}`).AccessToken; got.ExpiresAt != nil {
		t.Errorf("expires_at null: ends %s", *got.ExpiresAt)
	}
	if got := create(t, s, `{"name":"l","roles":["lab"]}`).AccessToken; got.ExpiresAt != nil || got.Kind != "lab" {
		t.Errorf("a token for a lab: %+v, want kind lab and no end", got)
	}
}

func TestAccessTokens_OwnOnly(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	ann := create(t, s, `{"name":"one","owner":"ann","roles":["reader"]}`)
	ann2 := create(t, s, `{"name":"two","owner":"ann","roles":["runner"]}`)
	bob := create(t, s, `{"name":"three","owner":"bob","roles":["operator"]}`)
	asAnn, asBob := servertest.As(ann.Token), servertest.As(bob.Token)

	list := read[struct {
		AccessTokens []token `json:"access_tokens"`
	}](t, status(t, s, "GET", "/v1/access-tokens", 200, asAnn))
	if len(list.AccessTokens) != 2 || list.AccessTokens[0].Name != "two" || list.AccessTokens[1].Name != "one" {
		t.Errorf("ann sees %+v, want her two, newest first", list.AccessTokens)
	}
	if a := status(t, s, "GET", "/v1/access-tokens?owner=bob", 200, asAnn); strings.Contains(string(a.Body), "three") {
		t.Errorf("ann sees bob's token: %s", a.Body)
	}
	status(t, s, "GET", "/v1/access-tokens/"+bob.AccessToken.ID, 404, asAnn)
	status(t, s, "DELETE", "/v1/access-tokens/"+bob.AccessToken.ID, 404, asAnn)
	status(t, s, "POST", "/v1/access-tokens/"+ann.AccessToken.ID+"/rotate", 403, asAnn)

	status(t, s, "GET", "/v1/access-tokens/"+ann.AccessToken.ID, 200, asBob) // an operator reads
	status(t, s, "DELETE", "/v1/access-tokens/"+ann.AccessToken.ID, 403, asBob)

	// A token is no owner: it revokes itself, not those beside it.
	status(t, s, "DELETE", "/v1/access-tokens/"+ann2.AccessToken.ID, 403, asAnn)
	status(t, s, "GET", "/v1/runs", 200, servertest.As(ann2.Token))
	status(t, s, "DELETE", "/v1/access-tokens/"+ann2.AccessToken.ID, 204, servertest.Admin())
	status(t, s, "GET", "/v1/runs", 401, servertest.As(ann2.Token))
	status(t, s, "DELETE", "/v1/access-tokens/"+ann.AccessToken.ID, 204, asAnn) // herself
	status(t, s, "GET", "/v1/runs", 401, asAnn)
}

func TestRevokeAccessToken_AtOnce(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	got := create(t, s, `{"name":"x","roles":["reader"]}`)
	status(t, s, "GET", "/v1/runs", 200, servertest.As(got.Token))
	status(t, s, "DELETE", "/v1/access-tokens/"+got.AccessToken.ID, 204, servertest.Admin())
	a := status(t, s, "GET", "/v1/runs", 401, servertest.As(got.Token))
	if w := a.Header.Get("WWW-Authenticate"); w != `Bearer realm="slipway", error="invalid_token"` {
		t.Errorf("WWW-Authenticate %q", w)
	}
	status(t, s, "DELETE", "/v1/access-tokens/"+got.AccessToken.ID, 204, servertest.Admin()) // again
	one := read[token](t, status(t, s, "GET", "/v1/access-tokens/"+got.AccessToken.ID, 200, servertest.Admin()))
	if one.Usable || one.RevokedAt == nil {
		t.Errorf("after its revocation the token is %+v", one)
	}
}

// TestRevokeAccessToken_OnAnotherReplica revokes a token on one of two servers
// over one store; the other one refuses it within five seconds.
func TestRevokeAccessToken_OnAnotherReplica(t *testing.T) {
	t.Parallel()

	var later atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	one := servertest.On(t, storetest.Open(t, store.Config{DataDir: t.TempDir(), Now: now}))
	other := servertest.On(t, one.Store)
	got := create(t, one, `{"name":"x","roles":["reader"]}`)
	status(t, other, "GET", "/v1/runs", 200, servertest.As(got.Token))
	status(t, one, "DELETE", "/v1/access-tokens/"+got.AccessToken.ID, 204, servertest.Admin())
	later.Store(int64(5 * time.Second))
	status(t, other, "GET", "/v1/runs", 401, servertest.As(got.Token))
}

func TestRevokeAccessToken_LastAdmin(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		first := create(t, s, `{"name":"first","roles":["admin"]}`)
		a := status(t, s, "DELETE", "/v1/access-tokens/"+first.AccessToken.ID, 409, servertest.Admin())
		if !strings.Contains(string(a.Body), "last admin token") {
			t.Errorf("409 says %s", a.Body)
		}
		// It can be replaced, though.
		rotated := s.Do("POST", "/v1/access-tokens/"+first.AccessToken.ID+"/rotate", `{"overlap_seconds":0}`, servertest.Admin(), servertest.JSON())
		if rotated.Status != 201 {
			t.Fatalf("rotate: %d %s", rotated.Status, rotated.Body)
		}
		status(t, s, "GET", "/v1/audit", 401, servertest.As(first.Token))
		status(t, s, "GET", "/v1/audit", 200, servertest.As(read[created](t, rotated).Token))
	})
}

func TestRotateAccessToken(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		old := create(t, s, `{"name":"x","owner":"ann","roles":["runner","reader"],"allow_from":["127.0.0.0/8"]}`)
		a := s.Do("POST", "/v1/access-tokens/"+old.AccessToken.ID+"/rotate", "", servertest.Admin())
		if a.Status != 201 || a.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("rotate: %d %v\n%s", a.Status, a.Header, a.Body)
		}
		next := read[created](t, a)
		if next.Token == old.Token || next.AccessToken.ID == old.AccessToken.ID || next.AccessToken.Owner != "ann" ||
			fmt.Sprint(next.AccessToken.Roles, next.AccessToken.AllowFrom) != "[runner reader] [127.0.0.0/8]" {
			t.Errorf("successor %+v", next.AccessToken)
		}
		status(t, s, "GET", "/v1/runs", 200, servertest.As(old.Token)) // the overlap
		status(t, s, "GET", "/v1/runs", 200, servertest.As(next.Token))
		if one := read[token](t, status(t, s, "GET", "/v1/access-tokens/"+old.AccessToken.ID, 200, servertest.Admin())); one.ExpiresAt == nil {
			t.Error("the old token has no end")
		}
		status(t, s, "DELETE", "/v1/access-tokens/"+next.AccessToken.ID, 204, servertest.Admin())
		status(t, s, "POST", "/v1/access-tokens/"+next.AccessToken.ID+"/rotate", 409, servertest.Admin())
		status(t, s, "POST", "/v1/access-tokens/tok_01JD4V6WQX3Y5Z7A9B1C3D5E7F/rotate", 404, servertest.Admin())
	})
}

// TestAccessTokens_Tenant: an administrator of a tenant cannot reach beyond it.
func TestAccessTokens_Tenant(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	global := create(t, s, `{"name":"global","roles":["admin"]}`)
	inA := create(t, s, `{"name":"in a","roles":["admin"],"tenant":"a"}`)
	asA := servertest.As(inA.Token)
	status(t, s, "GET", "/v1/access-tokens/"+global.AccessToken.ID, 404, asA)
	status(t, s, "DELETE", "/v1/access-tokens/"+global.AccessToken.ID, 404, asA)
	if a := s.Do("POST", "/v1/access-tokens", `{"name":"x","roles":["admin"],"tenant":"b"}`, asA, servertest.JSON()); a.Status != 400 {
		t.Errorf("a token of another tenant: %d, want 400", a.Status)
	}
	if a := s.Do("POST", "/v1/access-tokens", `{"name":"x","roles":["admin"],"tenant":""}`, asA, servertest.JSON()); a.Status != 400 {
		t.Errorf("a token of every tenant: %d, want 400", a.Status)
	}
	a := s.Do("POST", "/v1/access-tokens", `{"name":"x","roles":["admin"]}`, asA, servertest.JSON())
	if got := read[created](t, a); got.AccessToken.Tenant != "a" {
		t.Errorf("the tenant of a token is %q, want that of its maker", got.AccessToken.Tenant)
	}
}

func TestRuns_OfAnotherTenant(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		as := func(role, tenant string) servertest.Option {
			return servertest.As(create(t, s, fmt.Sprintf(`{"name":"x","roles":[%q],"tenant":%q}`, role, tenant)).Token)
		}
		run := func(body string, o servertest.Option) string {
			a := s.Do("POST", "/v1/runs", body, o, servertest.JSON())
			return a.Header.Get("Location")
		}
		secret := "&run_token=" + servertest.Secret("the-runs-own-secret")
		ofA, ofNone := run(`{"run_token":"the-runs-own-secret"}`, as("runner", "a")), run("{}", servertest.Admin())
		post := func(more string, o ...servertest.Option) int {
			return s.Do("POST", "/v1/update-test-status", "status=x&test_id="+strings.TrimPrefix(ofA, "/v1/runs/")+more,
				append(o, servertest.With("Content-Type", "application/x-www-form-urlencoded"))...).Status
		}
		if got := post(secret, as("runner", "a")); got != 201 {
			t.Errorf("a status message of its own tenant: %d, want 201", got)
		}
		if got := post(secret, as("runner", "b")); got != 400 { // as for a run that does not exist
			t.Errorf("a status message of another tenant: %d, want 400", got)
		}
		if got := post(""); got != 401 {
			t.Errorf("a status message of nobody: %d, want 401", got)
		}
		if got := post(secret); got != 201 { // RefStack's runners have no credential
			t.Errorf("a status message of nobody, with the run's secret: %d, want 201", got)
		}
		for _, tt := range []struct {
			role, tenant string
			want         int
			runs         int
		}{{"reader", "a", 200, 2}, {"runner", "a", 200, 2}, {"reader", "b", 404, 1}, {"admin", "b", 404, 1}, {"reader", "", 404, 1}, {"operator", "", 200, 2}} {
			who := as(tt.role, tt.tenant)
			for _, path := range []string{"", "/statuses", "/results"} {
				status(t, s, "GET", ofA+path, tt.want, who)
			}
			status(t, s, "GET", ofNone, 200, who)
			list := read[struct{ Runs []any }](t, status(t, s, "GET", "/v1/runs", 200, who))
			if len(list.Runs) != tt.runs {
				t.Errorf("%s of %q lists %d runs, want %d", tt.role, tt.tenant, len(list.Runs), tt.runs)
			}
		}
		// An anonymous runner's result belongs to the run's tenant, and so do its tests.
		if a := s.Do("POST", "/v1/post-result?test_id="+strings.TrimPrefix(ofA, "/v1/runs/")+secret, "test: t\nsuccess: t\n"); a.Status != 201 {
			t.Fatalf("post-result: %d %s", a.Status, a.Body)
		}
		for tenant, want := range map[string]int{"a": 1, "b": 0, "": 0} {
			found := read[struct {
				Tests []any `json:"test_results"`
			}](t, status(t, s, "GET", "/v1/test-results", 200, as("reader", tenant)))
			if len(found.Tests) != want {
				t.Errorf("a reader of %q finds %d tests, want %d", tenant, len(found.Tests), want)
			}
		}
		status(t, s, "DELETE", ofA, 404, as("operator", "b"))
		status(t, s, "DELETE", ofA, 204, as("operator", "a"))
	})
}

func TestListAccessTokens_Pages(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	for i := range 5 {
		create(t, s, fmt.Sprintf(`{"name":"t%d","roles":["reader"]}`, i))
	}
	type page struct {
		AccessTokens []token `json:"access_tokens"`
		Next         *string
	}
	var names []string
	after := ""
	for {
		p := read[page](t, status(t, s, "GET", "/v1/access-tokens?limit=2"+after, 200, servertest.Admin()))
		for _, tok := range p.AccessTokens {
			names = append(names, tok.Name)
		}
		if p.Next == nil {
			break
		}
		after = "&after=" + *p.Next
	}
	if got := strings.Join(names, " "); got != "t4 t3 t2 t1 t0" {
		t.Errorf("pages hold %s", got)
	}
	status(t, s, "GET", "/v1/access-tokens?after=nonsense", 400, servertest.Admin())
}

// audit returns the entries that a query finds, once there are at least n: they
// are written outside the requests that they are about.
func audit(t *testing.T, s *servertest.Server, query string, n int) []map[string]any {
	t.Helper()
	var list struct{ Entries []map[string]any }
	await.That(t, fmt.Sprintf("%d entries %s of the audit log", n, query), func() bool {
		list = read[struct{ Entries []map[string]any }](t, status(t, s, "GET", "/v1/audit?"+query, 200, servertest.Admin()))
		return len(list.Entries) >= n
	})
	return list.Entries
}

func TestAudit(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		made := create(t, s, `{"name":"x","roles":["reader"]}`, servertest.With("X-End-User", "carol"), servertest.With("X-Context-Marker", "m1"))
		entry := audit(t, s, "event=token", 1)[0]
		for name, want := range map[string]any{
			"decision": "allowed", "operation": "createAccessToken", "route": "/v1/access-tokens", "object": "/v1/access-tokens/" + made.AccessToken.ID,
			"status": 201.0, "method": "POST", "client": "127.0.0.1", "x_context_marker": "m1",
		} {
			if entry[name] != want {
				t.Errorf("entry of a new token: %s is %v, want %v", name, entry[name], want)
			}
		}
		status(t, s, "GET", "/v1/audit", 403, servertest.As(made.Token))
		denied := audit(t, s, "event=denied&token_id="+made.AccessToken.ID, 1)[0]
		if denied["decision"] != "denied" || denied["status"] != 403.0 || denied["reason"] != "roles [reader] lack audit.read" {
			t.Errorf("entry of a refusal: %v", denied)
		}
		audit(t, s, "event=new-network&token_id="+made.AccessToken.ID, 1)

		// What a handler refuses is in its own words.
		operator := create(t, s, `{"name":"op","roles":["operator"]}`)
		status(t, s, "DELETE", "/v1/access-tokens/"+made.AccessToken.ID, 403, servertest.As(operator.Token))
		if e := audit(t, s, "event=denied&token_id="+operator.AccessToken.ID, 1)[0]; e["reason"] != "the token belongs to somebody else" {
			t.Errorf("entry of a handler's refusal: %v", e)
		}

		location := s.Do("POST", "/v1/runs", "", servertest.Admin()).Header.Get("Location")
		status(t, s, "DELETE", location, 204, servertest.Admin())
		if e := audit(t, s, "event=deletion", 1)[0]; e["object"] != location || e["operation"] != "deleteRun" {
			t.Errorf("entry of a deletion: %v", e)
		}
		audit(t, s, "event=admin&operation=createRun", 1)

		status(t, s, "GET", "/v1/runs/"+made.Token, 401) // a secret in the wrong place
		audit(t, s, "event=denied&client=127.0.0.1", 2)
		if a := s.Do("GET", "/v1/audit?limit=1000", "", servertest.Admin()); strings.Contains(string(a.Body), made.Token) {
			t.Error("the audit log holds a token's text")
		}
	})
}

func TestAudit_Pages(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		var entries []store.AuditEntry
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range 120 {
			entries = append(entries, store.AuditEntry{At: start.Add(time.Duration(i) * time.Hour), Event: "test", Object: fmt.Sprint(i), Decision: "allowed"})
		}
		if err := s.Store.AddAudit(t.Context(), entries); err != nil {
			t.Fatal(err)
		}
		type page struct {
			Entries []struct{ Object string }
			Next    *string
		}
		seen, after := 0, ""
		for {
			p := read[page](t, status(t, s, "GET", "/v1/audit?event=test&limit=50"+after, 200, servertest.Admin()))
			for _, e := range p.Entries {
				if want := fmt.Sprint(119 - seen); e.Object != want {
					t.Fatalf("entry %d is %s, want %s", seen, e.Object, want)
				}
				seen++
			}
			if p.Next == nil {
				break
			}
			after = "&after=" + *p.Next
		}
		if seen != 120 {
			t.Errorf("%d entries, want 120", seen)
		}
		some := read[page](t, status(t, s, "GET", "/v1/audit?event=test&from=2026-01-01T10:00:00Z&to=2026-01-01T12:00:00Z", 200, servertest.Admin()))
		if len(some.Entries) != 2 {
			t.Errorf("two hours hold %d entries, want 2", len(some.Entries))
		}
		n, err := s.Store.SweepAudit(t.Context(), start.Add(100*time.Hour))
		if err != nil || n != 100 {
			t.Errorf("SweepAudit: %d, %v; want 100", n, err)
		}
	})
}

func TestAudit_BadFilters(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	for query, says := range map[string]string{
		"from=yesterday": "from must be a time such as", "to=2026-01-01": "to must be a time such as", "decision=maybe": "decision must be one of allowed, denied",
		"event=": "event must not be empty", "limit=0": "limit must be at least 1", "after=zzz": "after must be a cursor",
	} {
		if a := status(t, s, "GET", "/v1/audit?"+query, 400, servertest.Admin()); !strings.Contains(string(a.Body), says) {
			t.Errorf("%s: %s, want %q", query, a.Body, says)
		}
	}
}

// TestAudit_SampledRefusals: what comes thick is not all written down.
func TestAudit_SampledRefusals(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, servertest.Frozen)
	for range 40 {
		s.Do("GET", "/v1/runs", "", servertest.As("nonsense-nonsense"))
	}
	create(t, s, `{"name":"after","roles":["reader"]}`)
	audit(t, s, "event=token", 1) // written after the refusals
	if n := len(audit(t, s, "event=denied&limit=1000", 1)); n > 12 {
		t.Errorf("%d of 40 refusals are in the log, want a sample of about 10", n)
	}
}

// TestAudit_CleanStop: what was decided just before a stop is in the log.
func TestAudit_CleanStop(t *testing.T) {
	t.Parallel()

	first := servertest.New(t)
	var second *servertest.Server
	t.Run("the server that stops", func(t *testing.T) {
		second = servertest.On(t, first.Store)
		for range 20 {
			create(t, second, `{"name":"x","roles":["reader"]}`)
		}
	})
	list := read[struct{ Entries []any }](t, status(t, first, "GET", "/v1/audit?event=token", 200, servertest.Admin()))
	if len(list.Entries) != 20 {
		t.Errorf("%d entries after a clean stop, want 20", len(list.Entries))
	}
}
