package products_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

// odd is a JSON value that no encoder would write so: white space, numbers that
// no float64 holds, names twice removed from order, escapes.
const odd = `{ "z":1.000,  "a": [12345678901234567890,1.5e300 , -0.0],"t":"\u00e4\/<&>" }`

func TestProduct_OpaqueMembersStayAsTheyAre(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		body := `{"name": "p", "release": "r", "manifest": ` + odd + `}`
		a := l.try("POST", "/v1/products", body)
		wantOdd(t, "POST product", a, http.StatusCreated, 1)
		path := a.Header.Get("Location")
		wantOdd(t, "GET product", l.try("GET", path, nil), http.StatusOK, 1)
		a = l.try("POST", path+"/testspecs", `{"name": "s", "test_payload": `+odd+`}`)
		wantOdd(t, "POST spec", a, http.StatusCreated, 1)
		wantOdd(t, "list of specs", l.try("GET", path+"/testspecs", nil), http.StatusOK, 1)
		a = l.try("POST", path+"/images", `{"image_unique_id":"i","channel":"edge","extra_snaps":[ "x" ],"image_reference":`+odd+`}`)
		if a.Status != http.StatusCreated {
			t.Fatalf("advertise: %d %s", a.Status, a.Body)
		}
		wantOdd(t, "list of images", l.try("GET", path+"/images", nil), http.StatusOK, 1)
		o := ids(decode(t, a.Body))[0]
		wantOdd(t, "opportunity", l.try("GET", path+"/tests/opportunities/"+o, nil), http.StatusOK, 2)
		l.agent("a1", object{})
		wantOdd(t, "pick", l.try("POST", "/v1/agents/a1/pick", nil), http.StatusOK, 2)
		a = l.try("POST", path+"/tests/results", `{"test_opportunity_id":"`+o+`","test_status":"passed","agent-id":"a1","result_payload":`+odd+`,"agent":`+odd+`}`)
		wantOdd(t, "POST result", a, http.StatusCreated, 4)
		wantOdd(t, "list of results", l.try("GET", path+"/results", nil), http.StatusOK, 4)
		wantOdd(t, "event log", l.try("GET", path+"/tests/events", nil), http.StatusOK, 2)
	})
}

// Numbers that no 64-bit float holds are JSON all the same. The client of the
// other tests could not read the answers.
func TestProduct_OpaqueNumbersOfAnySize(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		const huge = `{"a": [1e400, -1E+999], "b": 1` + "0000000000000000000000000000000000000000000000000001" + `}`
		send := func(method, path, body string) string {
			r, err := http.NewRequestWithContext(t.Context(), method, l.URL+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+servertest.AdminToken)
			r.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode >= 300 || !strings.Contains(string(text), huge) && !strings.Contains(path, "/images") {
				t.Errorf("%s %s: %d %s %v, want it with %s", method, path, resp.StatusCode, text, err, huge)
			}
			return string(text)
		}
		path := l.product("p", "smoke")
		send("PATCH", path, `{"manifest": `+huge+`}`)
		send("POST", path+"/testspecs", `{"name": "s", "test_payload": `+huge+`}`)
		advertise := `{"image_unique_id": "i", "channel": "c", "extra_snaps": [{"name": "x", "size": 1e400}], "image_reference": ` + huge + `}`
		send("POST", path+"/images", advertise)
		send("POST", path+"/images", advertise) // compared with the first
		l.agent("a1", object{})
		var picked struct {
			ID string `json:"test_opportunity_id"`
		}
		if err := json.Unmarshal([]byte(send("POST", "/v1/agents/a1/pick", `{}`)), &picked); err != nil {
			t.Fatal(err)
		}
		result := `{"test_opportunity_id": "` + picked.ID + `", "test_status": "PASSED", "agent_id": "a1", "result_payload": ` + huge + `, "agent": ` + huge + `}`
		send("POST", path+"/tests/results", result)
		send("POST", path+"/tests/results", result) // the same again
		send("GET", path+"/tests/results", "")
		l.call("POST", path+"/snaps", `{"name": "test-snap.foo", "revision": 1e400, "channel": "c"}`, http.StatusBadRequest)
	})
}

func wantOdd(t *testing.T, what string, a servertest.Answer, status, times int) {
	t.Helper()
	if n := bytes.Count(a.Body, []byte(odd)); a.Status != status || n != times {
		t.Errorf("%s: %d with the value %d times, want %d with it %d times\n%s", what, a.Status, n, status, times, a.Body)
	}
}

func TestProduct_Change(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("one", "smoke")
		l.product("two")
		if a := l.call("POST", "/v1/products", object{"name": "one", "release": "r"}, http.StatusConflict); !strings.Contains(field(a, "message"), "one") {
			t.Errorf("second product of the name: %v", a)
		}
		l.call("PATCH", path, object{"name": "two"}, http.StatusConflict)
		a := l.call("PATCH", path, object{"supersede": true, "manifest": nil}, http.StatusOK)
		if a["supersede"] != true || a["name"] != "one" || asText(a["snaps"]) != `["test-snap.foo"]` {
			t.Errorf("PATCH: %v", a)
		}
		a = l.call("PUT", path, object{"name": "uno", "release": "16"}, http.StatusOK)
		if a["supersede"] != false || asText(a["snaps"]) != "[]" || a["release"] != "16" {
			t.Errorf("PUT: %v, want defaults for what was left out", a)
		}
		if list := l.call("GET", "/v1/products?snap=test-snap.foo", nil, http.StatusOK)["products"].([]any); len(list) != 1 {
			t.Errorf("products with the snap: %v, want only two", list)
		}
		l.image(path, "I1")
		if a := l.call("DELETE", path, nil, http.StatusConflict); a["id"] != "conflict" {
			t.Errorf("DELETE: %v", a)
		}
		l.call("DELETE", path+"?force=true", nil, http.StatusNoContent)
		l.call("GET", path, nil, http.StatusNotFound)
		l.call("POST", "/v1/products", object{"name": "uno", "release": "r"}, http.StatusCreated)
	})
}

func TestTestSpec_Change(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("p", "a", "b")
		list := l.call("GET", path+"/testspecs", nil, http.StatusOK)["test_specs"].([]any)
		spec := path + "/testspecs/" + field(list[0].(object), "id")
		l.call("PATCH", spec, object{"name": "b"}, http.StatusConflict)
		a := l.call("PATCH", spec, object{"platform": "armhf", "channels": []string{"edge"}, "triggers": []string{"image"}, "queue_ttl_seconds": 2}, http.StatusOK)
		if a["platform"] != "armhf" || asText(a["triggers"]) != `["image"]` || field(a, "queue_ttl_seconds") != "2" || field(a, "priority") != "50" {
			t.Errorf("PATCH: %v", a)
		}
		o := l.image(path, "I1")[0]
		l.call("DELETE", spec, nil, http.StatusConflict)
		l.call("PUT", spec, object{"name": "a2", "test_payload": nil}, http.StatusOK)
		got := l.call("GET", path+"/tests/opportunities/"+o, nil, http.StatusOK)
		if got["spec_name"] != "a" || got["platform"] != "armhf" || got["test_payload"] == nil {
			t.Errorf("an opportunity follows its spec: %v", got)
		}
		l.call("DELETE", spec+"?force=true", nil, http.StatusNoContent)
		l.call("GET", spec, nil, http.StatusNotFound)
		l.call("POST", path+"/tests/opportunities/"+o+"/retry", nil, http.StatusConflict)
		if got := l.eventTypes(path, o); strings.Join(got, " ") != "QUEUED_FOR_AGENTS CANCEL_REQUESTED CANCELLED" {
			t.Errorf("events %v", got)
		}
	})
}

func TestProduct_Refused(t *testing.T) {
	t.Parallel()
	l := &lab{servertest.New(t), t}
	path := l.product("p")
	long := strings.Repeat("ä", 201)
	tests := []struct {
		method, path, body string
		status             int
		names              string
	}{
		{"POST", "/v1/products", `{"release": "r"}`, 400, "name"},
		{"POST", "/v1/products", `{"name": "", "release": "r"}`, 400, "name"},
		{"POST", "/v1/products", `{"name": "` + long + `", "release": "r"}`, 400, "name"},
		{"POST", "/v1/products", `{"name": "x\u0000", "release": "r"}`, 400, "U+0000"},
		{"POST", "/v1/products", `{"name": "x", "release": 15.04}`, 400, "release"},
		{"POST", "/v1/products", `{"name": "x", "release": "r", "snaps": ["a", "a"]}`, 400, "snaps"},
		{"POST", "/v1/products", `nonsense`, 400, ""},
		{"PATCH", path, `{}`, 400, ""},
		{"POST", path + "/testspecs", `{"name": "s"}`, 400, "test_payload"},
		{"POST", path + "/testspecs", `{"name": "s", "test_payload": 1, "priority": 101}`, 400, "priority"},
		{"POST", path + "/testspecs", `{"name": "s", "test_payload": 1, "triggers": ["moon"]}`, 400, "triggers"},
		{"POST", path + "/images", `{"image_unique_id": "` + strings.Repeat("x", 37) + `", "channel": "c", "extra_snaps": [], "image_reference": 1}`, 400, "image_unique_id"},
		{"POST", path + "/images", `{"image_unique_id": "x", "channel": "c", "extra_snaps": [1], "image_reference": 1}`, 400, "extra_snaps"},
		{"POST", path + "/snaps", `{"name": "s", "revision": true, "channel": "c"}`, 400, "revision"},
		{"POST", path + "/snaps", `{"name": "s", "revision": "2", "channel": "c"}`, 400, "revision"},
		{"POST", path + "/snaps", `{"revision": 2, "channel": "c"}`, 400, "name"},
		{"POST", path + "/gold-masters", `{"snaps": [{"name": "a", "revision": 1}, {"name": "a", "revision": 2}], "channel": "c"}`, 400, "snaps"},
		{"POST", path + "/snaps?strict=true", `{"name": "unknown", "revision": 2, "channel": "c"}`, 404, ""},
		{"GET", "/v1/products/00000000-0000-4000-8000-000000000009", ``, 404, ""},
		{"GET", "/v1/products/x", ``, 404, ""},
		{"GET", "/v1/products?limit=0", ``, 400, "limit"},
		{"GET", "/v1/products?limit=1001", ``, 400, "limit"},
		{"GET", "/v1/products?cursor=nope", ``, 400, "cursor"},
		{"GET", path + "/tests/opportunities?state=SLEEPING", ``, 400, "state"},
		{"GET", path + "/tests/results/x", ``, 404, ""},
		{"GET", "/v1/events?after=x", ``, 400, "after"},
		{"POST", path + "/tests/results", `{"test_opportunity_id": "x", "test_status": "PASSED", "agent_id": "a"}`, 404, ""},
		{"POST", path + "/tests/results", `{"test_opportunity_id": "x", "test_status": "so la la", "agent_id": "a"}`, 400, "test_status"},
		{"POST", path + "/tests/results", `{"test_opportunity_id": "x", "test_status": "PASSED"}`, 400, "lease_token"},
		{"GET", "/v1/orgs/docs-org/images", ``, 410, "/v1/products/{product_id}/images"},
		{"POST", "/orgs/docs-org/snap-revisions", `{}`, 410, "/v1/products/{product_id}/snaps"},
	}
	for _, tt := range tests {
		a := l.try(tt.method, tt.path, tt.body)
		if a.Status != tt.status || !strings.Contains(string(a.Body), tt.names) {
			t.Errorf("%s %s %.60s: %d %s, want %d naming %q", tt.method, tt.path, tt.body, a.Status, a.Body, tt.status, tt.names)
		}
	}
}

// SPI's script passes a JSON text with curl --data and no media type of its own.
func TestAdvertise_MediaTypes(t *testing.T) {
	t.Parallel()
	l := &lab{servertest.New(t), t}
	path := l.product("p", "smoke")
	body := `{"name": "test-snap.foo", "revision": 2, "channel": "edge"}`
	for media, want := range map[string]int{
		"application/x-www-form-urlencoded": 201, "text/plain": 201, "application/json": 201, "application/json; charset=utf-8": 201, "": 201,
		"application/xml": 415,
	} {
		options := []servertest.Option{servertest.Admin()}
		if media != "" {
			options = append(options, servertest.With("Content-Type", media))
		}
		if a := l.Do("POST", path+"/snaps", body, options...); a.Status != want {
			t.Errorf("Content-Type %q: %d %s, want %d", media, a.Status, a.Body, want)
		}
	}
	for body, want := range map[string]int{"\r\n\t " + body: 201, "name=test-snap.foo": 415, `"x"`: 415, "{": 400, "": 400} {
		a := l.Do("POST", path+"/snaps", body, servertest.Admin(), servertest.With("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"))
		if a.Status != want {
			t.Errorf("%q as a form: %d %s, want %d", body, a.Status, a.Body, want)
		}
	}
}

// What is wrong is named as RFC 6901 has it, wherever it was found.
func TestAdvertise_RefusedByPlace(t *testing.T) {
	t.Parallel()
	l := &lab{servertest.New(t), t}
	path := l.product("p", "smoke")
	const image = `{"image_unique_id": "i", "channel": "c", "image_reference": 1, "extra_snaps": %s}`
	for body, want := range map[string]string{
		fmt.Sprintf(image, `["x", {"name": "y", "revision": 0}]`): "/extra_snaps/1/revision",
		fmt.Sprintf(image, `[5]`):                                 "/extra_snaps/0",
		fmt.Sprintf(image, `{}`):                                  "/extra_snaps",
		`{"snaps": [{"name": "a", "revision": 1}, {"name": "a", "revision": 2}], "channel": "c"}`: "/snaps/1/name",
		`{"snaps": [{"name": "a", "revision": 1}, {"name": "b"}], "channel": "c"}`:                "/snaps/1/revision",
		`{"name": "a", "channel": "c"}`: "/revision",
	} {
		where := path + "/snaps"
		if strings.Contains(body, "image") {
			where = path + "/images"
		}
		a := l.call("POST", where, body, http.StatusBadRequest)
		found := a["errors"].([]any)[0].(object)
		if found["pointer"] != want || !strings.HasPrefix(field(a, "message"), want[1:]) {
			t.Errorf("%s: %v at %v, want it at %s", body, a["message"], found["pointer"], want)
		}
	}
}

// One advertisement makes no more than the limit, and then nothing at all.
func TestAdvertise_TooMany(t *testing.T) {
	t.Parallel()
	l := &lab{servertest.New(t, func(c *server.Config) { c.Products.MaxMade = 3 }), t}
	one, two := l.product("one", "a", "b"), l.product("two", "a", "b")
	snap := object{"name": "test-snap.foo", "revision": 2, "channel": "edge"}
	l.call("POST", one+"/snaps", snap, http.StatusCreated)
	if a := l.call("POST", "/v1/snaps", snap, http.StatusConflict); !strings.Contains(field(a, "message"), "products-max-opportunities") {
		t.Errorf("message %v, want it to name the setting", a["message"])
	}
	l.call("POST", two+"/testspecs", object{"name": "c", "test_payload": 1}, http.StatusCreated)
	l.call("POST", two+"/testspecs", object{"name": "d", "test_payload": 1}, http.StatusCreated)
	l.call("POST", two+"/snaps", snap, http.StatusConflict)
	for path, want := range map[string]int{one: 2, two: 0} {
		if n := len(l.call("GET", path+"/tests/opportunities", nil, http.StatusOK)["test_opportunities"].([]any)); n != want {
			t.Errorf("%d opportunities, want %d", n, want)
		}
	}
}

func TestAdvertise_Supersede(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("p", "smoke")
		l.call("PATCH", path, object{"supersede": true}, http.StatusOK)
		snap := func(revision int, channel string) string {
			t.Helper()
			return ids(l.call("POST", path+"/snaps", object{"name": "test-snap.foo", "revision": revision, "channel": channel}, http.StatusCreated))[0]
		}
		state := func(o string) string {
			return field(l.call("GET", path+"/tests/opportunities/"+o, nil, http.StatusOK), "state")
		}
		old, beta, image := snap(1, "edge"), snap(1, "beta"), l.image(path, "I1")[0]
		l.agent("a1", object{})
		l.call("POST", "/v1/agents/a1/pick", nil, http.StatusOK) // old is running now
		second := snap(2, "edge")
		third := snap(3, "edge")
		newer := l.image(path, "I2")[0]
		for o, want := range map[string]string{
			old: "PICKED", beta: "QUEUED", second: "CANCELLED", third: "QUEUED", image: "CANCELLED", newer: "QUEUED",
		} {
			if got := state(o); got != want {
				t.Errorf("%s is %s, want %s", o, got, want)
			}
		}
		a := l.call("GET", path+"/tests/events?test_opportunity_id="+second, nil, http.StatusOK)
		if text := asText(a); !strings.Contains(text, `"reason":"superseded"`) {
			t.Errorf("events %s", text)
		}
	})
}

func TestProduct_Permissions(t *testing.T) {
	t.Parallel()
	l := &lab{servertest.New(t), t}
	path := l.product("p", "smoke")
	tests := []struct {
		role         auth.Role
		method, path string
		want         int
	}{
		{auth.Reader, "GET", path, 200}, {auth.Reader, "POST", "/v1/products", 403}, {auth.Reader, "GET", path + "/tests/results", 403},
		{auth.Runner, "GET", path, 403}, {auth.Runner, "GET", path + "/tests/results", 200}, {auth.Runner, "PUT", "/v1/agents/x", 201},
		{auth.Runner, "POST", path + "/images", 403}, {auth.Runner, "GET", "/v1/events", 200}, {auth.Runner, "GET", "/v1/webhooks", 403},
		{auth.Lab, "PATCH", "/v1/agents/x", 200}, {auth.Runner, "PATCH", "/v1/agents/x", 403}, {auth.Operator, "GET", "/v1/webhooks", 200},
	}
	for _, tt := range tests {
		a := l.Do(tt.method, tt.path, `{"mode": "online"}`, servertest.As(l.Token(tt.role)), servertest.JSON())
		if a.Status != tt.want {
			t.Errorf("%s as %s: %s %d, want %d", tt.path, tt.role, tt.method, a.Status, tt.want)
		}
	}
	if a := l.Do("GET", path, ""); a.Status != http.StatusUnauthorized {
		t.Errorf("without login: %d", a.Status)
	}
}

func TestLists_Page(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		var specs []string
		for i := range 7 {
			specs = append(specs, fmt.Sprintf("s%d", i))
		}
		path := l.product("p", specs...)
		made := l.image(path, "I1")
		var seen []string
		next := path[len("/v1"):] + "/tests/opportunities?limit=3&image_unique_id=I1"
		for pages := 0; next != "" && pages < 10; pages++ {
			a := l.try("GET", next, nil)
			if a.Status != http.StatusOK || a.Header.Get("X-Total-Count") != "7" {
				t.Fatalf("GET %s: %d %s, total %q", next, a.Status, a.Body, a.Header.Get("X-Total-Count"))
			}
			for _, o := range decode(t, a.Body)["test_opportunities"].([]any) {
				seen = append([]string{field(o.(object), "test_opportunity_id")}, seen...)
			}
			next, _, _ = strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"), ">")
		}
		if asText(seen) != asText(made) {
			t.Errorf("seen %v, want %v: newest first, each once", seen, made)
		}
	})
}
