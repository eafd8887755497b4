package keystone

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store/storetest/await"
)

func TestValidate(t *testing.T) {
	t.Parallel()

	f := newFake(t)
	f.set("good", scoped(time.Hour, ""))
	f.set("system", `{"user":{"id":"u1","name":"ann"},"system":{"all":true},"roles":[{"name":"admin"}],"expires_at":"2099-01-01T00:00:00.000000Z"}`)
	f.set("unscoped", `{"user":{"id":"u1","name":"ann"},"expires_at":"2099-01-01T00:00:00.000000Z"}`)
	c := f.client(t)
	got, err := c.Validate(t.Context(), "good")
	if err != nil || got.UserID != "u1" || got.UserName != "ann" || got.ProjectID != "p1" || !slices.Equal(got.Roles, []string{"member", "reader"}) || got.Restricted {
		t.Errorf("good: %+v, %v", got, err)
	}
	if got, err := c.Validate(t.Context(), "system"); err != nil || !got.System || got.ProjectID != "" {
		t.Errorf("system: %+v, %v", got, err)
	}
	if got, err := c.Validate(t.Context(), "unscoped"); err != nil || got.ProjectID != "" || len(got.Roles) != 0 {
		t.Errorf("unscoped: %+v, %v", got, err)
	}
	if _, err := c.Validate(t.Context(), "unknown"); !errors.Is(err, ErrInvalid) {
		t.Errorf("unknown: %v, want ErrInvalid", err)
	}
	if n := f.logins.Load(); n != 1 {
		t.Errorf("%d logins of the server, want 1", n)
	}
	if !c.Known("good") || c.Known("unknown") || c.Known("never asked") {
		t.Error("Known does not know what was asked")
	}
}

func TestValidate_Cache(t *testing.T) {
	t.Parallel()

	f := newFake(t)
	f.set("good", scoped(time.Hour, ""))
	f.set("short", scoped(20*time.Second, ""))
	now := time.Now()
	c := f.client(t, func(c *Config) { c.Now = func() time.Time { return now } })
	ask := func(token string, want error) int64 {
		t.Helper()
		before := f.questions.Load()
		if _, err := c.Validate(t.Context(), token); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", token, err, want)
		}
		return f.questions.Load() - before
	}
	if n := ask("good", nil) + ask("good", nil); n != 1 {
		t.Errorf("asked %d times about a good token, want once", n)
	}
	f.set("good", "") // revoked
	now = now.Add(59 * time.Second)
	if n := ask("good", nil); n != 0 {
		t.Errorf("asked %d times within the cache time", n)
	}
	now = now.Add(2 * time.Second)
	ask("good", ErrInvalid)
	f.set("good", scoped(time.Hour, ""))
	if n := ask("good", ErrInvalid); n != 0 {
		t.Error("a bad answer is not remembered")
	}
	now = now.Add(5*time.Second + time.Millisecond)
	ask("good", nil)

	now = time.Now()
	ask("short", nil)
	now = now.Add(30 * time.Second) // over its own end, inside the cache time
	ask("short", ErrInvalid)
}

func TestValidate_NoCache(t *testing.T) {
	t.Parallel()

	f := newFake(t)
	f.set("good", scoped(time.Hour, ""))
	c := f.client(t, func(c *Config) { c.CacheSeconds = 0 })
	for range 3 {
		if _, err := c.Validate(t.Context(), "good"); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.questions.Load(); n != 3 {
		t.Errorf("asked %d times without a cache, want 3", n)
	}
}

// TestValidate_OneFlight: however many requests come with one token at once,
// Keystone is asked once.
func TestValidate_OneFlight(t *testing.T) {
	t.Parallel()

	f := newFake(t)
	f.set("good", scoped(time.Hour, ""))
	f.delay = make(chan struct{})
	c := f.client(t)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := c.Validate(t.Context(), "good"); err != nil {
				t.Error(err)
			}
		})
	}
	await.That(t, "the first question", func() bool { return f.questions.Load() > 0 })
	close(f.delay)
	wg.Wait()
	if n := f.questions.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

func TestValidate_OwnTokenRefused(t *testing.T) {
	t.Parallel()

	f := newFake(t)
	f.set("a", scoped(time.Hour, ""))
	f.set("b", scoped(time.Hour, ""))
	c := f.client(t)
	if _, err := c.Validate(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.own = map[string]bool{} // revoked
	f.mu.Unlock()
	if _, err := c.Validate(t.Context(), "b"); err != nil {
		t.Errorf("after the own token was revoked: %v", err)
	}
	if n := f.logins.Load(); n != 2 {
		t.Errorf("%d logins, want 2", n)
	}
}

func TestValidate_Unavailable(t *testing.T) {
	t.Parallel()

	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError, http.StatusBadGateway, http.StatusFound} {
		f := newFake(t)
		f.status = status
		c := f.client(t)
		if _, err := c.Validate(t.Context(), "x"); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrInvalid) {
			t.Errorf("Keystone answers %d: %v, want ErrUnavailable", status, err)
		}
		f.mu.Lock()
		f.status = 0
		f.mu.Unlock()
		f.set("x", scoped(time.Hour, ""))
		if _, err := c.Validate(t.Context(), "x"); err != nil {
			t.Errorf("when Keystone is back after %d: %v", status, err)
		}
	}
	down := newFake(t)
	c := down.client(t)
	down.Close()
	if _, err := c.Validate(t.Context(), "x"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Keystone is down: %v, want ErrUnavailable", err)
	}
	for _, answer := range []string{`{}`, `{"user":{"id":""},"expires_at":"2099-01-01T00:00:00Z"}`, `[]`, `"x"`, `{"user":{"id":"u"}}`} {
		f := newFake(t)
		f.set("x", answer)
		if got, err := f.client(t).Validate(t.Context(), "x"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Keystone answers %s: %+v, %v; want ErrUnavailable", answer, got, err)
		}
	}
}

// TestValidate_LoginsDoNotQueue: when Keystone does not answer, those who wait
// for the server's own login wait for one timeout, not for one each.
func TestValidate_LoginsDoNotQueue(t *testing.T) {
	t.Parallel()

	await.AtSomePace(t, 50*time.Millisecond, func(timeout time.Duration) error { // a login may be given up before it gets there
		f := newFake(t)
		f.hang = make(chan struct{})
		defer close(f.hang) // before the server waits for its requests
		now := time.Now()
		c := f.client(t, func(c *Config) { c.Timeout, c.Now = timeout, func() time.Time { return now } })
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				if _, err := c.Validate(t.Context(), fmt.Sprint(i)); !errors.Is(err, ErrUnavailable) {
					t.Errorf("token %d: %v, want ErrUnavailable", i, err)
				}
			})
		}
		all.Wait()
		if n := f.logins.Load(); n != 1 {
			return fmt.Errorf("%d logins were tried, want 1", n)
		}
		now = now.Add(loginPause)
		if _, err := c.Validate(t.Context(), "later"); !errors.Is(err, ErrUnavailable) || f.logins.Load() != 2 {
			return fmt.Errorf("after the pause: %v, %d logins; want a second one", err, f.logins.Load())
		}
		return nil
	})
}

func TestValidate_Limit(t *testing.T) {
	t.Parallel()

	f := newFake(t)
	now := time.Now()
	c := f.client(t, func(c *Config) { c.Ratelimit, c.Now = 3, func() time.Time { return now } })
	for i := range 3 {
		if _, err := c.Validate(t.Context(), fmt.Sprint(i)); !errors.Is(err, ErrInvalid) {
			t.Fatal(err)
		}
	}
	if _, err := c.Validate(t.Context(), "3"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the fourth question in a second: %v, want ErrUnavailable", err)
	}
	now = now.Add(time.Second)
	if _, err := c.Validate(t.Context(), "3"); !errors.Is(err, ErrInvalid) {
		t.Errorf("a second later: %v", err)
	}
}

func TestNew_Refused(t *testing.T) {
	t.Parallel()

	good := Config{AuthURL: "http://k/v3", Username: "u", Password: "p"}
	for name, change := range map[string]func(*Config){
		"no URL":          func(c *Config) { c.AuthURL = "" },
		"no scheme":       func(c *Config) { c.AuthURL = "k/v3" },
		"no account":      func(c *Config) { c.Username = "" },
		"half credential": func(c *Config) { c.Username, c.ApplicationCredentialID = "", "x" },
		"no such CA file": func(c *Config) { c.CAFile = "/none" },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	c := good
	c.AuthURL = "http://k/identity/"
	if client, err := New(c); err != nil || client.config.AuthURL != "http://k/identity/v3" {
		t.Errorf("an URL without a version: %v", err)
	}
}

func TestAllowedFor(t *testing.T) {
	t.Parallel()

	token := Token{Restricted: true, Rules: []Rule{
		{"test-lab", "GET", "/v1/runs"},
		{"test-lab", "GET", "/v1/runs/*"},
		{"test-lab", "POST", "/v1/runs/{id}/x"},
		{"test-lab", "DELETE", "/v1/clouds/**"},
		{"compute", "GET", "/v1/agents"},
	}}
	tests := []struct {
		method, path string
		want         bool
	}{
		{"GET", "/v1/runs", true},
		{"POST", "/v1/runs", false},
		{"HEAD", "/v1/runs", false},
		{"GET", "/v1/runs/1", true},
		{"GET", "/v1/runs/", false},
		{"GET", "/v1/runs/1/statuses", false},
		{"POST", "/v1/runs/1/x", true},
		{"POST", "/v1/runs//x", false},
		{"DELETE", "/v1/clouds/1/2/3", true},
		{"DELETE", "/v1/clouds", false},
		{"GET", "/v1/agents", false}, // of another service
	}
	for _, tt := range tests {
		if got := token.AllowedFor("test-lab", tt.method, []string{tt.path}); got != tt.want {
			t.Errorf("%s %s: %v, want %v", tt.method, tt.path, got, tt.want)
		}
	}
	if !token.AllowedFor("test-lab", "GET", []string{"/runs", "/v1/runs"}) {
		t.Error("another name of the same path is refused")
	}
	if (&Token{Restricted: true}).AllowedFor("test-lab", "GET", []string{"/"}) {
		t.Error("an empty list of rules allows something")
	}
	if !(&Token{}).AllowedFor("test-lab", "GET", []string{"/"}) {
		t.Error("a token without rules is restricted")
	}
}

// FuzzMatchPath looks for patterns that crash or take long, and checks that a
// pattern without wildcards matches itself only.
func FuzzMatchPath(f *testing.F) {
	for _, s := range []string{"/v1/*", "/v1/**", "/{a}/{b}", "/{", "***", "/v1/runs", "/*/*/*"} {
		f.Add(s, "/v1/runs")
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		got := MatchPath(pattern, path)
		if !strings.ContainsAny(pattern, "*{") && got != (pattern == path) {
			t.Errorf("MatchPath(%q, %q) = %v", pattern, path, got)
		}
	})
}

// FuzzParse looks for answers that crash the reader, or give a token without a
// user or an end.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"token":` + scoped(time.Hour, `,"application_credential":{"access_rules":[{"service":"test-lab","method":"GET","path":"/v1/*"}]}`) + `}`))
	f.Add([]byte(`{"token":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parse(body)
		if err == nil && (got.UserID == "" || got.ExpiresAt.IsZero()) {
			t.Errorf("parse(%q) = %+v", body, got)
		}
	})
}

func BenchmarkValidate_Cached(b *testing.B) {
	c := &Client{config: Config{Now: time.Now}, cache: map[[32]byte]answer{}}
	token := strings.Repeat("g", 183)
	c.remember(sha256.Sum256([]byte(token)), answer{&Token{UserID: "u"}, time.Now().Add(time.Hour)})
	for b.Loop() {
		if _, err := c.Validate(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
