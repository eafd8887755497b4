package call

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestInfo_Prefers(t *testing.T) {
	t.Parallel()

	offers := []string{"application/json", "application/json-home", "text/html"}
	tests := []struct{ accept, want string }{
		{"", "application/json"},
		{"*/*", "application/json"},
		{"text/html", "text/html"},
		{"text/*", "text/html"},
		{"text/html, application/json", "application/json"},
		{"text/html, application/json;q=0.9", "text/html"},
		{"text/html;q=0.5, */*;q=0.4", "text/html"},
		{"application/json-home", "application/json-home"},
		{"APPLICATION/JSON-HOME", "application/json-home"},
		{"application/json;q=0, */*", "application/json-home"},
		{"application/xml", "application/json"},
		{"text/html;q=nonsense", "application/json"},
		{"text/html;q=1.5", "text/html"},
		{";;;,,,", "application/json"},
		{"application/vnd.openstack.slipway-v1+json, application/json-home;q=0.5", "application/json"},
		{"application/vnd.openstack.slipway+json;version=1.0, text/html;q=0.9", "application/json"},
		{"application/v1, application/json-home;q=0.5", "application/json"},
	}
	for _, tt := range tests {
		t.Run(tt.accept, func(t *testing.T) {
			t.Parallel()

			i := &Info{Header: http.Header{"Accept": {tt.accept}}}
			if got := i.Prefers(offers...); got != tt.want {
				t.Errorf("Accept %q prefers %s, want %s", tt.accept, got, tt.want)
			}
		})
	}
}

func TestResolver_Client(t *testing.T) {
	t.Parallel()

	v := Resolver{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	tests := []struct {
		name, peer string
		header     http.Header
		want       string
	}{
		{"no proxy", "192.0.2.1:5", nil, "192.0.2.1"},
		{"a stranger's word does not count", "192.0.2.1:5", http.Header{"X-Forwarded-For": {"203.0.113.9"}}, "192.0.2.1"},
		{"a proxy's does", "10.0.0.1:5", http.Header{"X-Forwarded-For": {"203.0.113.9"}}, "203.0.113.9"},
		{"what stands left of the nearest stranger was written by him", "10.0.0.1:5", http.Header{"X-Forwarded-For": {"127.0.0.1, 203.0.113.9, 10.0.0.2"}}, "203.0.113.9"},
		{"several lines are one list", "10.0.0.1:5", http.Header{"X-Forwarded-For": {"127.0.0.1", "203.0.113.9"}}, "203.0.113.9"},
		{"Forwarded", "10.0.0.1:5", http.Header{"Forwarded": {`for="[2001:db8::1]:99";proto=https`}}, "2001:db8::1"},
		{"nonsense ends the walk", "10.0.0.1:5", http.Header{"X-Forwarded-For": {"203.0.113.9, unknown"}}, "10.0.0.1"},
		{"IPv4 in IPv6", "[::ffff:192.0.2.1]:5", nil, "192.0.2.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			r := httptest.NewRequest(http.MethodGet, "http://lab/", nil)
			r.RemoteAddr = tt.peer
			if tt.header != nil {
				r.Header = tt.header
			}
			_, client, err := v.Resolve(r)
			if err != nil || client.String() != tt.want {
				t.Errorf("client %s, %v; want %s", client, err, tt.want)
			}
		})
	}
}

func TestResolver_Secure(t *testing.T) {
	t.Parallel()

	v := Resolver{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	tests := []struct {
		name, peer, old, standard string
		want                      bool
	}{
		{"nobody says so", "10.0.0.1:5", "", "", false},
		{"a stranger says so", "192.0.2.1:5", "https", "proto=https", false},
		{"the old header", "10.0.0.1:5", "https", "", true},
		{"the old header in capitals", "10.0.0.1:5", "HTTPS", "", true},
		{"the standard header", "10.0.0.1:5", "", `for=1.2.3.4;proto="https"`, true},
		{"the standard one has the address alone", "10.0.0.1:5", "https", "for=1.2.3.4", true},
		{"a client forges the standard one", "10.0.0.1:5", "http", "proto=https", false},
		{"a client forges the old one", "10.0.0.1:5", "https", "proto=http", false},
		{"nonsense", "10.0.0.1:5", "ftp", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			r := httptest.NewRequest(http.MethodGet, "http://lab/", nil)
			r.RemoteAddr = tt.peer
			r.Header.Set("X-Forwarded-Proto", tt.old)
			r.Header.Set("Forwarded", tt.standard)
			if got := v.Secure(r); got != tt.want {
				t.Errorf("Secure with %q and %q: %v, want %v", tt.old, tt.standard, got, tt.want)
			}
		})
	}
}

// TestResolver_Origin: each header says what it says, whether the other is
// there or not.
func TestResolver_Origin(t *testing.T) {
	t.Parallel()

	v := Resolver{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	r := httptest.NewRequest(http.MethodGet, "http://inside/", nil)
	r.RemoteAddr = "10.0.0.1:5"
	r.Header = http.Header{"Forwarded": {"for=192.0.2.7"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"lab.example.org"}}
	o, _, err := v.Resolve(r)
	if want := "https://lab.example.org/v1/"; err != nil || o.URL("/v1/") != want {
		t.Errorf("links %s, %v; want %s", o.URL("/v1/"), err, want)
	}
}

func TestResolver_AllowedHosts(t *testing.T) {
	t.Parallel()

	v := Resolver{AllowedHosts: []string{"lab.example.org", "127.0.0.1:8080"}}
	for host, allowed := range map[string]bool{
		"lab.example.org": true, "LAB.example.org:99": true, "127.0.0.1:8080": true, "127.0.0.1:8081": false, "evil.example": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "http://lab/", nil)
		r.Host = host
		for _, public := range []*url.URL{nil, {Scheme: "https", Host: "lab.example.org"}} {
			v.Public = public
			if _, _, err := v.Resolve(r); (err == nil) != allowed {
				t.Errorf("Host %s, public URL %v: %v, want allowed %v", host, public, err, allowed)
			}
		}
	}
}

// FuzzResolver feeds a trusted proxy's headers: whatever they hold, the origin
// is one that can stand in a link.
func FuzzResolver(f *testing.F) {
	f.Add("https", "lab.example.org", "8443", "/x", `for=1;host=a;proto=http`, "1.2.3.4")
	f.Add("", "", "", "", "", "")
	f.Add("javascript", `a"><`, "-1", "//evil", `host="`, "::::")
	v := Resolver{Trusted: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}
	f.Fuzz(func(t *testing.T, proto, host, port, prefix, forwarded, forwardedFor string) {
		r := httptest.NewRequest(http.MethodGet, "http://lab/", nil)
		r.Header = http.Header{
			"X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {host}, "X-Forwarded-Port": {port},
			"X-Forwarded-Prefix": {prefix}, "Forwarded": {forwarded}, "X-Forwarded-For": {forwardedFor},
		}
		o, _, err := v.Resolve(r)
		if err != nil {
			return
		}
		link := o.URL("/v1/")
		if !strings.HasPrefix(link, "http://") && !strings.HasPrefix(link, "https://") || strings.ContainsAny(link, "<>\"' \r\n") ||
			strings.Contains(o.Prefix, "//") || strings.HasSuffix(o.Prefix, "/") {
			t.Errorf("link %q", link)
		}
	})
}

func FuzzPrefers(f *testing.F) {
	f.Add("text/html;q=0.5, */*;q=0.4")
	f.Add("a/b;q=1.0000;;,")
	f.Fuzz(func(t *testing.T, accept string) {
		i := &Info{Header: http.Header{"Accept": {accept}}}
		if got := i.Prefers("application/json", "text/html"); got != "application/json" && got != "text/html" {
			t.Errorf("Accept %q prefers %q, which was not offered", accept, got)
		}
	})
}
