package products_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

// What belongs to another tenant does not exist: 404 and empty lists, and its
// work is given to nobody else.
func TestTenants_DoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("p", "smoke")
		o := l.image(path, "I1")[0]
		result := l.run(path, "a1", "PASSED")[0]
		l.image(path, "I2")
		spec := field(l.call("GET", path+"/testspecs", nil, http.StatusOK)["test_specs"].([]any)[0].(object), "id")

		stranger := servertest.As(l.TokenOf("elsewhere", auth.Operator))
		for _, below := range []string{
			"", "/testspecs", "/testspecs/" + spec, "/images", "/snaps", "/gold-masters", "/tests/events", "/tests/results", "/results",
			"/tests/results/" + field(result, "id"), "/tests/results/" + field(result, "id") + "/tests", "/tests/opportunities",
			"/tests/opportunities/" + o, "/tests/opportunities/" + o + "/output",
		} {
			if a := l.Do("GET", path+below, "", stranger); a.Status != http.StatusNotFound {
				t.Errorf("GET %s: %d, want 404", below, a.Status)
			}
		}
		for below, body := range map[string]string{
			"/images": `{"image_unique_id":"x","channel":"c","extra_snaps":[],"image_reference":1}`, "/testspecs": `{"name":"x","test_payload":1}`,
			"/tests/opportunities/" + o + "/cancel": `{}`, "/tests/opportunities/" + o + "/retry": ``,
			"/tests/results": `{"test_opportunity_id":"` + o + `","test_status":"PASSED","agent_id":"a1"}`,
		} {
			if a := l.Do("POST", path+below, body, stranger, servertest.JSON()); a.Status != http.StatusNotFound {
				t.Errorf("POST %s: %d %s, want 404", below, a.Status, a.Body)
			}
		}
		for list, empty := range map[string]string{
			"/v1/products": `{"products":[],"next":null}`, "/v1/agents": `{"agents":[],"next":null}`, "/v1/events": `{"events":[],"next":"0","removed_to":null}`, "/v1/webhooks": `{"webhooks":[],"next":null}`,
		} {
			if a := l.Do("GET", list, "", stranger); a.Status != http.StatusOK || string(a.Body) != empty {
				t.Errorf("GET %s: %d %s, want %s", list, a.Status, a.Body, empty)
			}
		}
		if a := l.Do("GET", "/v1/agents/a1", "", stranger); a.Status != http.StatusNotFound {
			t.Errorf("another tenant's agent: %d", a.Status)
		}
		if a := l.Do("POST", "/v1/snaps", `{"name":"test-snap.foo","revision":2,"channel":"edge"}`, stranger, servertest.JSON()); !strings.Contains(string(a.Body), `"ids":[]`) {
			t.Errorf("a snap for all products: %s", a.Body)
		}
		l.Do("PUT", "/v1/agents/a1", `{}`, stranger, servertest.JSON())
		if a := l.Do("POST", "/v1/agents/a1/pick", `{}`, stranger, servertest.JSON()); a.Status != http.StatusNoContent {
			t.Errorf("pick: %d %s, want 204", a.Status, a.Body)
		}
	})
}
