package lab_test

import (
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

func loginBody(name, password string) string {
	return `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"` + name + `","password":"` + password +
		`","domain":{"name":"Default"}}}},"scope":{"project":{"name":"lab","domain":{"name":"Default"}}}}}`
}

func TestLogin(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	token := s.Token(auth.Reader) // its name is test
	if a := s.Do("GET", "/v3/", ""); a.Status != 200 || !strings.Contains(string(a.Body), `"status":"stable"`) {
		t.Errorf("GET /v3: %d %s", a.Status, a.Body)
	}
	a := s.Do("POST", "/v3/auth/tokens", loginBody("test", token), servertest.JSON())
	if a.Status != 201 || a.Header.Get("X-Subject-Token") != token || strings.Contains(string(a.Body), token) {
		t.Fatalf("login: %d %s", a.Status, a.Body)
	}
	var got struct {
		Token struct {
			Roles   []struct{ Name string }
			Catalog []struct {
				Type      string
				Endpoints []struct{ Interface, URL string }
			}
		}
	}
	decode(t, a, &got)
	if len(got.Token.Catalog) != 2 || got.Token.Catalog[0].Type != "physicalprovisioner" || got.Token.Catalog[0].Endpoints[1].Interface != "internal" ||
		got.Token.Catalog[0].Endpoints[1].URL != s.URL+"/api/v1.0" || got.Token.Roles[0].Name != "reader" {
		t.Errorf("token document %s", a.Body)
	}
	if a := s.Do("GET", "/api/v1.0/tasks", "", servertest.With("X-Auth-Token", a.Header.Get("X-Subject-Token"))); a.Status != 200 {
		t.Errorf("with the token: %d", a.Status)
	}
	if a := s.Do("POST", "/v3/auth/tokens", loginBody("admin", servertest.AdminToken), servertest.JSON()); a.Status != 201 {
		t.Errorf("the configured admin: %d", a.Status)
	}
	for name, tt := range map[string]struct {
		body string
		want int
	}{
		"another name":   {loginBody("somebody", token), 401},
		"a wrong text":   {loginBody("test", "slipway_nonsense"), 401},
		"no text":        {loginBody("test", ""), 401},
		"another method": {strings.Replace(loginBody("test", token), `["password"]`, `["token"]`, 1), 400},
		"no user":        {`{"auth":{"identity":{"methods":["password"],"password":{}}}}`, 400},
		"nothing":        {`{}`, 400},
	} {
		if a := s.Do("POST", "/v3/auth/tokens", tt.body, servertest.JSON()); a.Status != tt.want {
			t.Errorf("%s: %d, want %d\n%s", name, a.Status, tt.want, a.Body)
		}
	}
}

func TestLogin_guessing(t *testing.T) {
	t.Parallel()

	// Calls from the same machine are never limited.
	s := servertest.New(t, func(c *server.Config) {
		c.Edge.Ratelimit.FailedLogins = 3
		c.Edge.TrustedProxies = []string{"127.0.0.0/8"}
	})
	last := 0
	for range 8 {
		last = s.Do("POST", "/v3/auth/tokens", loginBody("test", "slipway_guess"), servertest.JSON(), servertest.With("X-Forwarded-For", "192.0.2.7")).Status
	}
	if last != 429 {
		t.Errorf("after eight guesses: %d, want 429", last)
	}
}

func TestLogin_off(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Lab.IdentityLogin = false })
	if a := s.Do("GET", "/v3", ""); a.Status != 404 {
		t.Errorf("GET /v3: %d", a.Status)
	}
	if a := s.Do("POST", "/v3/auth/tokens", loginBody("admin", servertest.AdminToken), servertest.JSON()); a.Status != 404 {
		t.Errorf("login: %d", a.Status)
	}
}
