package access_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

// Everybody learns what his credential is and may do, and only that.
func TestGetWhoami(t *testing.T) {
	t.Parallel()

	type whoami struct {
		Kind, Name, Owner, Tenant string
		TokenID                   string `json:"token_id"`
		Roles, Permissions        []string
	}
	s := servertest.New(t)
	ask := func(as servertest.Option) whoami {
		t.Helper()
		a := s.Do("GET", "/v1/whoami", "", as)
		if a.Status != http.StatusOK || a.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("whoami: %d %s", a.Status, a.Body)
		}
		return read[whoami](t, a)
	}
	for _, role := range auth.Roles() {
		me := ask(servertest.As(s.TokenOf("lab-a", role)))
		if me.Kind != "token" || me.Owner != "test" || me.Tenant != "lab-a" || me.TokenID == "" || !slices.Equal(me.Roles, []string{string(role)}) {
			t.Errorf("%s: %+v", role, me)
		}
		for _, p := range []auth.Permission{"results.read", "tokens.write", "audit.read", "issues.write"} {
			if got, want := slices.Contains(me.Permissions, string(p)), slices.Contains(p.Roles(), role); got != want {
				t.Errorf("%s has %s: %t, want %t", role, p, got, want)
			}
		}
		if slices.Contains(me.Permissions, "physical_provisioner:read_task") {
			t.Errorf("%s of a tenant that is not in the lab reads tasks", role)
		}
		if !slices.Contains(me.Permissions, string(auth.ReadIdentity)) || !slices.IsSorted(me.Permissions) {
			t.Errorf("%s: %q", role, me.Permissions)
		}
	}
	if me := ask(servertest.Admin()); me.Kind != "admin" || me.TokenID != "" || !slices.Contains(me.Permissions, "physical_provisioner:read_task") {
		t.Errorf("the configured admin token: %+v", me)
	}
	if a := s.Do("GET", "/v1/whoami", ""); a.Status != http.StatusUnauthorized {
		t.Errorf("nobody: %d, want 401", a.Status)
	}
	open := servertest.New(t, servertest.WithAuth(func(c *auth.Config) { c.Mode = auth.ModeNone }))
	if a := open.Do("GET", "/v1/whoami", ""); a.Status != 200 || read[whoami](t, a).Kind != "none" {
		t.Errorf("without logins: %d %s", a.Status, a.Body)
	}
}
