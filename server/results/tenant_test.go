package results_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

const stage = `{"label":"stage","endpoint":"http://198.51.100.7:5000/v2.0","admin_endpoint":"http://198.51.100.7:35357/v2.0","test_user":"demo","admin_user":"admin"}`

// made posts a body and returns the number that the answer has under a name.
func made(t *testing.T, s *servertest.Server, as servertest.Option, path, body, name string) int64 {
	t.Helper()
	var out map[string]any
	a := s.Do("POST", path, body, as, servertest.JSON())
	if err := json.Unmarshal(a.Body, &out); err != nil || a.Status != 201 {
		t.Fatalf("POST %s %s: %d %s", path, body, a.Status, a.Body)
	}
	return int64(out[name].(float64))
}

// TestRun_OfATenantsCloud: who starts a run needs to see the cloud, and the run of a
// tenant's cloud is the tenant's, whoever starts it.
func TestRun_OfATenantsCloud(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		inA, inB := servertest.As(s.TokenOf("a", auth.Operator)), servertest.As(s.TokenOf("b", auth.Operator))
		ofA, ofNone := made(t, s, inA, "/v1/clouds", stage, "id"), made(t, s, servertest.Admin(), "/v1/clouds", stage, "id")
		for name, as := range map[string]servertest.Option{"another tenant": inB, "no tenant": servertest.As(s.Token(auth.Runner))} {
			a := s.Do("POST", "/v1/runs", fmt.Sprintf(`{"cloud_id":%d}`, ofA), as, servertest.JSON())
			if a.Status != 400 || !strings.Contains(string(a.Body), `"pointer":"/cloud_id"`) {
				t.Errorf("%s starts a run on a tenant's cloud: %d %s, want 400 that names cloud_id", name, a.Status, a.Body)
			}
		}
		run := made(t, s, servertest.Admin(), "/v1/runs", fmt.Sprintf(`{"cloud_id":%d}`, ofA), "test_id")
		onNone := made(t, s, inA, "/v1/runs", fmt.Sprintf(`{"cloud_id":%d}`, ofNone), "test_id")
		for id, name := range map[int64]string{run: "the run that an administrator started on a tenant's cloud", onNone: "a tenant's run on a cloud of no tenant"} {
			for as, want := range map[*servertest.Option]int{&inA: 200, &inB: 404} {
				for _, path := range []string{fmt.Sprintf("/v1/runs/%d", id), fmt.Sprintf("/v1/runs/%d/statuses", id)} {
					if a := s.Do("GET", path, "", *as); a.Status != want {
						t.Errorf("GET %s, %s: %d, want %d", path, name, a.Status, want)
					}
				}
			}
		}
		cloud := fmt.Sprintf("/v1/clouds/%d?cascade=true", ofNone)
		if a := s.Do("DELETE", cloud, "", inA); a.Status != 403 || !strings.Contains(string(a.Body), "belongs to no tenant") {
			t.Errorf("a tenant deletes a cloud of no tenant: %d %s, want 403 that says so", a.Status, a.Body)
		}
		if a := s.Do("DELETE", cloud, "", servertest.Admin()); a.Status != 204 {
			t.Errorf("one who sees all deletes it with its runs: %d %s", a.Status, a.Body)
		}
		if a := s.Do("GET", fmt.Sprintf("/v1/runs/%d", onNone), "", inA); a.Status != 404 {
			t.Errorf("the tenant's run afterwards: %d, want 404", a.Status)
		}
	})
}

// TestClouds_Labels: tenants that register the same label at once have a cloud each,
// and each finds its own under it.
func TestClouds_Labels(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		tokens := map[string]servertest.Option{}
		for _, tenant := range []string{"", "a", "b"} {
			tokens[tenant] = servertest.As(s.TokenOf(tenant, auth.Operator))
		}
		var all sync.WaitGroup
		for tenant, as := range tokens {
			all.Go(func() {
				body := strings.ReplaceAll(stage, "demo", "user of "+tenant)
				if a := s.Do("POST", "/v1/clouds", body, as, servertest.JSON()); a.Status != 201 {
					t.Errorf("%q: %d %s", tenant, a.Status, a.Body)
				}
			})
		}
		all.Wait()
		tokens["nobody's"] = servertest.As(s.Token(auth.Reader)) // sees what is of no tenant
		for tenant, want := range map[string]string{"a": "user of a", "b": "user of b", "nobody's": "user of "} {
			var page struct {
				Clouds []struct {
					TestUser string `json:"test_user"`
				}
				Pagination struct{ Total int }
			}
			a := s.Do("GET", "/v1/clouds?label=stage", "", tokens[tenant])
			if err := json.Unmarshal(a.Body, &page); err != nil || page.Pagination.Total != 1 || len(page.Clouds) != 1 || page.Clouds[0].TestUser != want {
				t.Errorf("%s: %d %s, want the one of %q", tenant, a.Status, a.Body, want)
			}
		}
	})
}
