package products_test

import (
	"net/http"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// Text that PostgreSQL cannot keep must not become a 500, wherever it stands.
func TestHostileText(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l *lab) {
		path := l.product("p", "smoke")
		o := l.image(path, "I1")[0]
		for _, bad := range []string{"%00", "%ff", "%c3%28", "a%00b"} {
			for method, list := range map[string][]string{
				"GET": {
					"/v1/products?name=" + bad, "/v1/products?snap=" + bad, "/v1/products/" + bad, path + "/testspecs/" + bad,
					path + "/tests/events?image_unique_id=" + bad, path + "/tests/events?agent_id=" + bad, path + "/tests/events?event_type=" + bad,
					path + "/results?spec_name=" + bad, path + "/results?test_status=" + bad, path + "/results?test_opportunity_id=" + bad,
					path + "/tests/opportunities?spec_id=" + bad, path + "/tests/opportunities?agent_id=" + bad, path + "/tests/opportunities?cursor=" + bad,
					"/v1/agents?platform=" + bad, "/v1/agents/" + bad, "/v1/events?event_type=" + bad, "/v1/events?agent_id=" + bad, "/v1/webhooks/" + bad,
				},
				"PUT":    {"/v1/agents/" + bad},
				"DELETE": {"/v1/agents/" + bad, path + "/testspecs/" + bad},
				"POST":   {"/v1/agents/" + bad + "/pick", path + "/tests/opportunities/" + bad + "/cancel"},
			} {
				for _, where := range list {
					if a := l.Do(method, where, "{}", servertest.Admin(), servertest.JSON()); a.Status >= 500 {
						t.Errorf("%s %s: %d %s", method, where, a.Status, a.Body)
					}
				}
			}
		}
		for _, bad := range []string{"\xff", "\xc3("} {
			l.agent("a1", object{})
			if a := l.Do("POST", "/v1/agents/a1/pick", "{}", servertest.Admin(), servertest.JSON(), servertest.With("Idempotency-Key", bad)); a.Status >= 500 {
				t.Errorf("Idempotency-Key %q: %d %s", bad, a.Status, a.Body)
			}
			a := l.Do("POST", path+"/tests/opportunities/"+o+"/output?offset=0", bad+"\x00", servertest.Admin(), servertest.With("Lease-Token", bad))
			if a.Status >= 500 {
				t.Errorf("Lease-Token %q: %d %s", bad, a.Status, a.Body)
			}
		}
		for _, body := range []string{
			`{"test_opportunity_id": "` + o + `", "test_status": "PASSED", "agent_id": "\u0000"}`,
			`{"test_opportunity_id": "` + o + `", "test_status": "PASSED", "lease_token": "\u0000"}`,
			`{"test_opportunity_id": "` + o + `", "test_status": "PASSED", "agent_id": "x", "agent_revno": "\u0000"}`,
		} {
			if a := l.try("POST", path+"/results", body); a.Status >= 500 {
				t.Errorf("result %s: %d %s", body, a.Status, a.Body)
			}
		}
		for where, body := range map[string]string{
			"/images":                                `{"image_unique_id":"\u0000","channel":"c","extra_snaps":[],"image_reference":1}`,
			"/snaps":                                 `{"name":"test-snap.foo","revision":1,"channel":"\u0000"}`,
			"/gold-masters":                          `{"snaps":[{"name":"\u0000","revision":1}],"channel":"c"}`,
			"/tests/opportunities/" + o + "/release": `{"lease_token":"\u0000","reason":"\u0000"}`,
			"/tests/opportunities/" + o + "/cancel":  `{"reason":"\u0000"}`,
		} {
			if a := l.try("POST", path+where, body); a.Status < 400 || a.Status >= 500 {
				t.Errorf("POST %s: %d %s, want a 4xx", where, a.Status, a.Body)
			}
		}
		l.call("POST", "/v1/webhooks", `{"url": "https://a.example.org/\u0000"}`, http.StatusBadRequest)
	})
}
