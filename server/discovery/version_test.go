package discovery_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

// rootBody is the whole body of GET /, as keystoneauth, gophercloud and
// barbicanclient need it.
const rootBody = `{"choices":[{"id":"v1.0","status":"CURRENT","links":[{"rel":"self","href":"https://lab.example.org/v1/"}],` +
	`"media-types":{"values":[{"base":"application/json","type":"application/vnd.openstack.slipway+json;version=1.0"}]}}],` +
	`"choices_links":"","versions":{"values":[{"id":"v1.0","status":"CURRENT","min_version":"1.0","max_version":"1.0",` +
	`"updated":"2026-01-15T00:00:00Z","links":[{"rel":"self","href":"https://lab.example.org/v1/"},` +
	`{"rel":"collection","href":"https://lab.example.org/"},` +
	`{"rel":"describedby","type":"text/html","href":"https://lab.example.org/docs/"},` +
	`{"rel":"describedby","type":"application/vnd.oai.openapi+json;version=3.0","href":"https://lab.example.org/openapi.json"}],` +
	`"media-types":[{"base":"application/json","type":"application/vnd.openstack.slipway-v1+json"}]}]}}`

func public(t *testing.T, text string) func(*server.Config) {
	t.Helper()
	return func(c *server.Config) { c.Edge.PublicURL = text }
}

func TestGetVersions(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, public(t, "https://lab.example.org"))
	tests := []struct {
		name       string
		path       string
		options    []servertest.Option
		wantStatus int
		wantMedia  string
		wantBody   string // exactly, when not empty

		wantLocation string
	}{
		{name: "nothing said", path: "/", wantStatus: 300, wantMedia: "application/json", wantBody: rootBody},
		{name: "any type", path: "/", options: accept("*/*"), wantStatus: 300, wantMedia: "application/json", wantBody: rootBody},
		{name: "xml is not turned away", path: "/", options: accept("application/xml"), wantStatus: 300, wantMedia: "application/json", wantBody: rootBody},
		{name: "KernelCI's version header", path: "/", options: accept("application/v1"), wantStatus: 300, wantMedia: "application/json", wantBody: rootBody},
		{name: "the vendor type", path: "/", options: accept("application/vnd.openstack.slipway-v1+json"), wantStatus: 300, wantMedia: "application/json", wantBody: rootBody},
		{name: "a bad credential is ignored", path: "/", options: []servertest.Option{servertest.With("X-Auth-Token", "nonsense")}, wantStatus: 300, wantMedia: "application/json", wantBody: rootBody},
		{name: "a browser", path: "/", options: accept("text/html,application/xhtml+xml,*/*;q=0.8"), wantStatus: 302, wantLocation: "/ui/"},
		{name: "JSON wins at equal quality", path: "/", options: accept("text/html, application/json"), wantStatus: 300, wantMedia: "application/json", wantBody: rootBody},
		{name: "json-home", path: "/", options: accept("application/json-home"), wantStatus: 200, wantMedia: "application/json-home"},
		{name: "json-home less than JSON", path: "/", options: accept("application/json-home;q=0.4, application/json"), wantStatus: 300, wantMedia: "application/json", wantBody: rootBody},
		{name: "the build", path: "/?build_version", wantStatus: 200, wantMedia: "application/json", wantBody: `{"build":"1.0.0.dev1.g0123456"}`},
		{name: "the build, empty", path: "/?build_version=", wantStatus: 200, wantMedia: "application/json", wantBody: `{"build":"1.0.0.dev1.g0123456"}`},
		{name: "the build, with a value", path: "/?build_version=1", wantStatus: 200, wantMedia: "application/json", wantBody: `{"build":"1.0.0.dev1.g0123456"}`},
		{name: "the build, as Barbican calls it", path: "/?build", wantStatus: 200, wantMedia: "application/json", wantBody: `{"build":"1.0.0.dev1.g0123456"}`},
		{name: "other parameters mean nothing", path: "/?foo=bar", wantStatus: 300, wantMedia: "application/json", wantBody: rootBody},
		{name: "many slashes", path: "///", wantStatus: 300, wantMedia: "application/json", wantBody: rootBody},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got := s.Do("GET", tt.path, "", tt.options...)
			if got.Status != tt.wantStatus || got.Header.Get("Content-Type") != tt.wantMedia {
				t.Fatalf("GET %s: %d %s, want %d %s", tt.path, got.Status, got.Header.Get("Content-Type"), tt.wantStatus, tt.wantMedia)
			}
			if tt.wantBody != "" && string(got.Body) != tt.wantBody {
				t.Errorf("GET %s:\n%s\nwant\n%s", tt.path, got.Body, tt.wantBody)
			}
			if vary := strings.Join(got.Header.Values("Vary"), ","); !strings.Contains(vary, "Accept") {
				t.Errorf("GET %s: Vary %q does not name Accept", tt.path, vary)
			}
			if l := got.Header.Get("Location"); l != tt.wantLocation {
				t.Errorf("GET %s: Location %q, want %q", tt.path, l, tt.wantLocation)
			}
		})
	}
}

func accept(value string) []servertest.Option {
	return []servertest.Option{servertest.With("Accept", value)}
}

func TestGetVersions_Methods(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	get, head := s.Do("GET", "/", ""), s.Do("HEAD", "/", "")
	if head.Status != get.Status || len(head.Body) != 0 || head.Header.Get("ETag") != get.Header.Get("ETag") {
		t.Errorf("HEAD /: %d %q, want the head of %d", head.Status, head.Body, get.Status)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} {
		got := s.Do(method, "/", "")
		if got.Status != 405 || got.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("%s /: %d, Allow %q, want 405, GET, HEAD, OPTIONS", method, got.Status, got.Header.Get("Allow"))
		}
	}
	if got := s.Do("OPTIONS", "/", ""); got.Status != 204 || got.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("OPTIONS /: %d, Allow %q", got.Status, got.Header.Get("Allow"))
	}
	again := s.Do("GET", "/", "", servertest.With("If-None-Match", get.Header.Get("ETag")))
	if again.Status != 304 || len(again.Body) != 0 {
		t.Errorf("GET / with the tag: %d, %d bytes, want 304 and none", again.Status, len(again.Body))
	}
}

func TestGetVersion(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, public(t, "https://lab.example.org"))
	const want = `{"version":{"id":"v1.0","status":"stable","min_version":"1.0","max_version":"1.0",` +
		`"updated":"2026-01-15T00:00:00Z","links":[{"rel":"self","href":"https://lab.example.org/v1/"},` +
		`{"rel":"collection","href":"https://lab.example.org/"},` +
		`{"rel":"describedby","type":"text/html","href":"https://lab.example.org/docs/"},` +
		`{"rel":"describedby","type":"application/vnd.oai.openapi+json;version=3.0","href":"https://lab.example.org/openapi.json"}],` +
		`"media-types":[{"base":"application/json","type":"application/vnd.openstack.slipway-v1+json"}]}}`
	token := s.Token(auth.Reader)
	for _, path := range []string{"/v1", "/v1/", "/api/v1.0"} {
		for _, login := range []servertest.Option{
			servertest.As(token), servertest.With("Authorization", token), servertest.With("X-Auth-Token", token),
			servertest.With("X-Auth-Token", servertest.AdminToken), servertest.As(s.Token()),
		} {
			if got := s.Do("GET", path, "", login); got.Status != 200 || string(got.Body) != want {
				t.Errorf("GET %s: %d\n%s\nwant\n%s", path, got.Status, got.Body, want)
			}
		}
		got := s.Do("GET", path, "")
		if got.Status != 401 || got.Header.Get("WWW-Authenticate") != `Bearer realm="slipway"` {
			t.Errorf("GET %s without login: %d, %q", path, got.Status, got.Header.Get("WWW-Authenticate"))
		}
		if got := s.Do("GET", path, "", servertest.With("X-Auth-Token", "nonsense")); got.Status != 401 {
			t.Errorf("GET %s with a bad token: %d, want 401", path, got.Status)
		}
		if got := s.Do("HEAD", path, "", servertest.As(token)); got.Status != 200 || len(got.Body) != 0 {
			t.Errorf("HEAD %s: %d, %d bytes", path, got.Status, len(got.Body))
		}
	}
}

func TestGetVersion_Public(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Discovery.V1Public = true })
	if got := s.Do("GET", "/v1/", ""); got.Status != 200 {
		t.Errorf("GET /v1/ without login: %d, want 200", got.Status)
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()

	loopback := []string{"127.0.0.0/8"}
	tests := []struct {
		name    string
		trusted []string
		host    string
		headers map[string]string
		want    string // the self link; empty: 400
	}{
		{name: "the Host header", host: "lab.example.org:8080", want: "http://lab.example.org:8080/v1/"},
		{name: "a stranger's headers mean nothing", host: "lab", headers: map[string]string{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil"}, want: "http://lab/v1/"},
		{
			name: "a trusted proxy's do", trusted: loopback, host: "inner",
			headers: map[string]string{"X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "lab.example.org, inner", "X-Forwarded-Prefix": "/test"},
			want:    "https://lab.example.org/test/v1/",
		},
		{
			name: "a port", trusted: loopback, host: "inner",
			headers: map[string]string{"X-Forwarded-Host": "lab.example.org", "X-Forwarded-Port": "8443", "X-Forwarded-Proto": "https"},
			want:    "https://lab.example.org:8443/v1/",
		},
		{
			name: "Forwarded", trusted: loopback, host: "inner",
			headers: map[string]string{"Forwarded": `for=192.0.2.1;proto=https;host="lab.example.org"`},
			want:    "https://lab.example.org/v1/",
		},
		{
			name: "a prefix that climbs is left out", trusted: loopback, host: "lab",
			headers: map[string]string{"X-Forwarded-Prefix": "/a/../b"}, want: "http://lab/v1/",
		},
		{name: "a host that is none", host: `lab"><script>`},
		{name: "an address of IPv6", host: "[2001:db8::1]:8080", want: "http://[2001:db8::1]:8080/v1/"},
		{name: "an address that does not end", host: "[::1"},
		{name: "a name in brackets", host: "[lab]"},
		{name: "a port that is no number", host: "lab:http"},
		{name: "a port that is none", host: "lab:99999"},
		{name: "two ports", host: "lab:80:80"},
		{
			name: "a proxy's host that is none is left out", trusted: loopback, host: "lab",
			headers: map[string]string{"X-Forwarded-Host": "[::1"}, want: "http://lab/v1/",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			s := servertest.New(t, func(c *server.Config) { c.Edge.TrustedProxies = tt.trusted })
			options := []servertest.Option{servertest.Host(tt.host)}
			for k, v := range tt.headers {
				options = append(options, servertest.With(k, v))
			}
			got := s.Do("GET", "/", "", options...)
			if tt.want == "" {
				if got.Status != 400 {
					t.Errorf("GET / with Host %q: %d, want 400", tt.host, got.Status)
				}
				return
			}
			var body struct {
				Choices []struct{ Links []struct{ Href string } }
			}
			if err := json.Unmarshal(got.Body, &body); err != nil {
				t.Fatalf("GET /: %v", err)
			}
			if href := body.Choices[0].Links[0].Href; href != tt.want {
				t.Errorf("self link %s, want %s", href, tt.want)
			}
		})
	}
}

func TestHome(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	got := s.Do("GET", "/", "", accept("application/json-home")...)
	if cache := got.Header.Get("Cache-Control"); cache != "max-age=3600" {
		t.Errorf("Cache-Control %q, want max-age=3600", cache)
	}
	var home struct {
		Resources map[string]struct {
			Href         *string           `json:"href"`
			HrefTemplate *string           `json:"href-template"`
			HrefVars     map[string]string `json:"href-vars"`
			Hints        struct {
				Allow  []string `json:"allow"`
				Status string   `json:"status"`
			} `json:"hints"`
		} `json:"resources"`
	}
	if err := json.Unmarshal(got.Body, &home); err != nil {
		t.Fatal(err)
	}
	for rel, r := range home.Resources {
		if !strings.HasPrefix(rel, "https://slipway.invalid/rel/") {
			t.Errorf("relation %s has another base", rel)
		}
		switch {
		case (r.Href == nil) == (r.HrefTemplate == nil):
			t.Errorf("%s: exactly one of href and href-template must be there", rel)
		case r.Href != nil && strings.Contains(strings.Join(r.Hints.Allow, ","), "GET"):
			if a := s.Do("GET", *r.Href, "", servertest.Admin()); a.Status >= 400 {
				t.Errorf("%s: GET %s answers %d", rel, *r.Href, a.Status)
			}
		case r.HrefTemplate != nil:
			for _, name := range variables(*r.HrefTemplate) {
				if r.HrefVars[name] != "https://slipway.invalid/param/"+name {
					t.Errorf("%s: variable %s of %s is not described", rel, name, *r.HrefTemplate)
				}
			}
		}
	}
	if r := home.Resources["https://slipway.invalid/rel/runner-script"]; r.Hints.Status != "deprecated" {
		t.Errorf("get-script has status %q, want deprecated", r.Hints.Status)
	}
	for rel, want := range map[string]string{"miniconf": "/v1/get-miniconf{?test_id", "flaky-tests": "/v1/flaky-tests{?cloud_id,job,product_id"} {
		r := home.Resources["https://slipway.invalid/rel/"+rel]
		if r.HrefTemplate == nil || !strings.HasPrefix(*r.HrefTemplate, want) {
			t.Errorf("%s: %v, want a template that begins with %s", rel, r.HrefTemplate, want)
		}
	}
	run := home.Resources["https://slipway.invalid/rel/run"]
	if run.HrefTemplate == nil || *run.HrefTemplate != "/v1/runs/{test_id}" {
		t.Errorf("run: %v, want the template /v1/runs/{test_id}", run.HrefTemplate)
	}
}

func variables(template string) []string {
	var out []string
	for _, part := range strings.Split(template, "{")[1:] {
		names, _, _ := strings.Cut(part, "}")
		out = append(out, strings.Split(strings.TrimPrefix(names, "?"), ",")...)
	}
	return out
}

func TestPublishedDocument(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, public(t, "https://lab.example.org/test"))
	asJSON := s.Do("GET", "/openapi.json", "", servertest.With("Origin", "https://elsewhere.example"))
	var doc struct {
		OpenAPI string
		Servers []struct{ URL string }
	}
	if err := json.Unmarshal(asJSON.Body, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.0.3" || len(doc.Servers) != 1 || doc.Servers[0].URL != "https://lab.example.org/test" {
		t.Errorf("openapi %s, servers %v", doc.OpenAPI, doc.Servers)
	}
	if o := asJSON.Header.Get("Access-Control-Allow-Origin"); o != "*" {
		t.Errorf("Access-Control-Allow-Origin %q, want *", o)
	}
	asYAML := s.Do("GET", "/openapi.yaml", "")
	if asYAML.Status != 200 || !strings.Contains(string(asYAML.Body), "\n  - url: https://lab.example.org/test\n") {
		t.Errorf("GET /openapi.yaml: %d without the server's address", asYAML.Status)
	}
}

func TestMicroversion(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	tests := []struct {
		value string
		want  int
	}{
		{"test-lab 1.0", 200},
		{"test-lab latest", 200},
		{"key-manager 1.1", 200},
		{"key-manager 1.1, test-lab 1.0", 200},
		{"test-lab 1.1", 406},
		{"test-lab 2.0", 406},
		{"test-lab 99999999999999999999.0", 406},
		{"test-lab one", 400},
		{"test-lab", 400},
		{"test-lab 01.0", 400},
	}
	for _, tt := range tests {
		t.Run(tt.value, func(t *testing.T) {
			t.Parallel()

			got := s.Do("GET", "/v1", "", servertest.Admin(), servertest.With("OpenStack-API-Version", tt.value))
			if got.Status != tt.want {
				t.Errorf("OpenStack-API-Version: %s answers %d, want %d", tt.value, got.Status, tt.want)
			}
			if v := got.Header.Get("OpenStack-API-Version"); v != "test-lab 1.0" {
				t.Errorf("the answer's OpenStack-API-Version is %q", v)
			}
		})
	}
}
