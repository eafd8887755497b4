package products_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// Text that PostgreSQL cannot keep must not become a 500, wherever it stands.
func TestHostileText(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
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

		l.agent("a1", object{})
		lease := field(l.pick("a1", object{})["lease"].(object), "token")
		for where, body := range map[string]string{
			"POST " + path + "/tests/opportunities/" + o + "/release": `{"lease_token":"` + lease + `","reason":"a\u0000"}`,
			"POST /v1/agents/a1/pick":                                 `{"instance":"a\u0000"}`,
			"POST /v1/agents/a1/heartbeat":                            `{"leases":[],"instance":"a\u0000"}`,
			"PUT /v1/agents/a1":                                       `{"labels":{"a":"\u0000"}}`,
			"PUT /v1/agents/a2":                                       `{"labels":{"\u0000":"a"}}`,
		} {
			method, where, _ := strings.Cut(where, " ")
			if a := l.try(method, where, body); a.Status != http.StatusBadRequest || !strings.Contains(string(a.Body), "U+0000") {
				t.Errorf("%s %s: %d %s, want 400 for U+0000", method, where, a.Status, a.Body)
			}
		}
	})
}

// The slugs of section 3 of the contract, which SPI's clients compare.
func TestErrorIDs(t *testing.T) {
	t.Parallel()
	l := &lab{servertest.New(t), t}
	path := l.product("p", "smoke")
	o := l.image(path, "I1")[0]
	reader := servertest.As(l.Token("viewer"))
	for _, c := range []struct {
		method, path, body string
		status             int
		id                 string
		options            []servertest.Option
	}{
		{"POST", "/products", `{`, 400, "invalid-request", nil},
		{"GET", path + "/results?start_date=1442253091", ``, 400, "invalid-date", nil},
		{"GET", path, ``, 401, "unauthorized", []servertest.Option{servertest.As("nobody")}},
		{"DELETE", path, ``, 403, "forbidden", []servertest.Option{reader}},
		{"GET", path + "/testspecs/x", ``, 404, "resource-not-found", nil},
		{"DELETE", "/products", ``, 405, "method-not-allowed", nil},
		{"DELETE", path, ``, 409, "conflict", nil},
		{"POST", path + "/tests/opportunities/" + o + "/retry", ``, 409, "not-final", nil},
		{"POST", path + "/results", `{"test_opportunity_id": "` + o + `", "test_status": "PASSED", "agent-id": "a"}`, 409, "not-picked", nil},
		{"GET", "/orgs/x/results", ``, 410, "gone", nil},
		{"POST", "/products", `{"name": "` + strings.Repeat("x", 2<<20) + `"}`, 413, "too-large", nil},
		{"POST", "/products", `<a/>`, 415, "unsupported-media-type", []servertest.Option{servertest.With("Content-Type", "text/xml")}},
	} {
		a := l.Do(c.method, c.path, c.body, append([]servertest.Option{servertest.Admin(), servertest.JSON()}, c.options...)...)
		if got := decode(t, a.Body); a.Status != c.status || got["id"] != c.id || field(got, "message") == "" {
			t.Errorf("%s %s: %d %v %v, want %d %s", c.method, c.path, a.Status, got["id"], got["message"], c.status, c.id)
		}
		if c.status == 401 && a.Header.Get("WWW-Authenticate") == "" || c.status == 405 && a.Header.Get("Allow") == "" {
			t.Errorf("%s %s: headers %v", c.method, c.path, a.Header)
		}
	}
}
