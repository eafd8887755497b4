package lab_test

import (
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

// The lab is for tokens of no tenant, and of tenants that the setting names.
func TestLabTenants(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, servertest.WithAuth(func(c *auth.Config) { c.LabTenants = []string{"metal"} }))
	m := register(t, s, n08, 201)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/v1/nodes", ""},
		{"GET", "/v1/designs", ""},
		{"GET", "/v1/machines", ""},
		{"POST", "/v1/machines", n08},
		{"PATCH", "/v1/machines/" + m.ID, `{"hold":false}`},
		{"GET", "/v1/netboot", ""},
		{"GET", "/api/v1.0/tasks", ""},
		{"POST", "/api/v1.0/tasks", `{"action":"destroy_nodes","design_ref":"x"}`},
	} {
		a := s.Do(c.method, c.path, c.body, servertest.As(s.TokenOf("guest", auth.Admin)), servertest.JSON())
		if said := string(a.Body); a.Status != 403 || !strings.Contains(said, "--lab-tenants") || !strings.Contains(said, "guest") {
			t.Errorf("%s %s for the tenant guest: %d %s", c.method, c.path, a.Status, said)
		}
		for _, tenant := range []string{"metal", ""} {
			a := s.Do(c.method, c.path, c.body, servertest.As(s.TokenOf(tenant, auth.Admin)), servertest.JSON())
			if a.Status == 403 {
				t.Errorf("%s %s for the tenant %q: %d %s", c.method, c.path, tenant, a.Status, a.Body)
			}
		}
	}
}

// Readers see that a boot action has an asset, not what is in it.
func TestGetDesignDocuments_bodies(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	const at = "  assets:\n"
	text := strings.Replace(site(t), at, at+"    - {path: /opt/hidden, type: file, permissions: '644', data: the-hidden-body, data_pipeline: [utf8_decode]}\n", 1)
	id := strings.TrimPrefix(storeDesign(t, s, text), "slipway:/designs/")
	for role, sees := range map[auth.Role]bool{auth.Reader: false, auth.Lab: false, auth.Operator: true, auth.Admin: true} {
		a := s.Do("GET", "/v1/designs/"+id+"/documents", "", servertest.As(s.Token(role)))
		if a.Status != 200 || !strings.Contains(string(a.Body), "/opt/hidden") || strings.Contains(string(a.Body), "the-hidden-body") != sees {
			t.Errorf("the documents as %s: %d, want the body: %v\n%s", role, a.Status, sees, a.Body)
		}
	}
}
