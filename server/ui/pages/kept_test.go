package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/server/ui/pages/pagestest"
)

// What somebody pins is on the overview of the browser, and on nobody else's.
func TestKeep_pins(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	names := newWorld(t, s)
	b := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	wants(t, b, "/ui/", "!★")
	run := names.Replace("/ui/runs/{second}")
	wants(t, b, run, "☆ Pin", `name="href" value="`+run+`"`)
	p := b.Send("/ui/keep", url.Values{"do": {"keep"}, "kind": {"run"}, "name": {"the <b>second</b>"}, "href": {run}, "back": {run}})
	if p.URL.Path != run || !strings.Contains(p.Body, "★ Pinned") || !strings.Contains(p.Body, "is pinned to the overview") {
		t.Errorf("pinned: %d at %s\n%.4000s", p.Status, p.URL, p.Body)
	}
	line := names.Replace("/ui/runs?cloud={cloud}")
	b.Send("/ui/keep", url.Values{"do": {"keep"}, "kind": {"line"}, "name": {"runs of the cloud"}, "href": {line}})
	b.Send("/ui/keep", url.Values{"do": {"keep"}, "kind": {"run"}, "name": {"gone"}, "href": {"/ui/runs/999"}})
	wants(t, b, "/ui/", `id="pins"`, "the &lt;b&gt;second", `href="`+run+`"`, "runs of the cloud", "is gone", `href="`+line+`"`)
	wants(t, b, line, "★ Pinned")
	wants(t, pagestest.LogIn(t, s.URL, s.Token(auth.Reader)), "/ui/", `!id="pins"`)
	p = b.Send("/ui/keep", url.Values{"do": {"forget"}, "kind": {"run"}, "name": {"the second"}, "href": {run}, "back": {run}})
	if !strings.Contains(p.Body, "☆ Pin") {
		t.Errorf("forgotten: %d\n%.3000s", p.Status, p.Body)
	}
	wants(t, b, "/ui/", "!the &lt;b&gt;second", "runs of the cloud")
}

// A filter with a name is a link to its address, and needs no script.
func TestKeep_filters(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	names := newWorld(t, s)
	b := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	wants(t, b, "/ui/runs", "!Saved filters")
	const filter = "/ui/runs?damaged=true&outcome=fail"
	wants(t, b, filter+"&after=", "Saved filters", `name="href" value="/ui/runs?damaged=true&amp;outcome=fail"`)
	b.Send("/ui/keep", url.Values{"do": {"keep"}, "kind": {"filter"}, "name": {"  what\nbroke  "}, "href": {filter}, "back": {filter}})
	wants(t, b, "/ui/runs", "Saved filters <b>1</b>", ">what broke</a>", `href="/ui/runs?damaged=true&amp;outcome=fail"`)
	wants(t, b, names.Replace("/ui/flaky?cloud_id={cloud}"), "!what broke")
	wants(t, b, "/ui/", "what broke")
	b.Send("/ui/keep", url.Values{"do": {"keep"}, "kind": {"filter"}, "name": {"what broke"}, "href": {"/ui/runs?damaged=true"}})
	wants(t, b, "/ui/runs", "Saved filters <b>1</b>", `href="/ui/runs?damaged=true"`, `!<a href="/ui/runs?damaged=true&amp;outcome=fail">`)
	b.Send("/ui/keep", url.Values{"do": {"forget"}, "kind": {"filter"}, "name": {"what broke"}, "href": {"/ui/runs?damaged=true"}})
	wants(t, b, "/ui/runs", "!Saved filters")
}

// Only pages of ours are kept, whatever a form says and whatever the cookie holds.
func TestKeep_refuses(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	b := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	for name, form := range map[string]url.Values{
		"another host":      {"kind": {"run"}, "name": {"x"}, "href": {"https://evil.example/ui/runs"}},
		"without a scheme":  {"kind": {"run"}, "name": {"x"}, "href": {"//evil.example/ui/runs"}},
		"a script":          {"kind": {"run"}, "name": {"x"}, "href": {"javascript:alert(1)"}},
		"the API":           {"kind": {"run"}, "name": {"x"}, "href": {"/v1/runs"}},
		"the log out":       {"kind": {"run"}, "name": {"x"}, "href": {"/ui/logout"}},
		"an unknown kind":   {"kind": {"boat"}, "name": {"x"}, "href": {"/ui/runs/1"}},
		"no name":           {"kind": {"run"}, "name": {"  "}, "href": {"/ui/runs/1"}},
		"much too long":     {"kind": {"filter"}, "name": {"x"}, "href": {"/ui/runs?name=" + strings.Repeat("x", 4000)}},
		"up and out of it":  {"kind": {"run"}, "name": {"x"}, "href": {"/ui/../v1/runs"}},
		"with a line break": {"kind": {"run"}, "name": {"x"}, "href": {"/ui/runs\r\nX: y"}},
	} {
		form.Set("do", "keep")
		if p := b.Send("/ui/keep", form); p.Status != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", name, p.Status)
		} else {
			pagestest.Check(t, name, p)
		}
	}
	if p := b.SendRaw("/ui/keep", url.Values{"do": {"keep"}, "kind": {"run"}, "name": {"x"}, "href": {"/ui/runs/1"}}); p.Status != http.StatusForbidden {
		t.Errorf("without the form's token: %d, want 403", p.Status)
	}
	for range 45 {
		b.Send("/ui/keep", url.Values{"do": {"keep"}, "kind": {"run"}, "name": {"x"}, "href": {"/ui/runs/1"}})
	}
	wants(t, b, "/ui/", `id="pins"`)
	if p := b.Send("/ui/keep", url.Values{"do": {"keep"}, "kind": {"run"}, "name": {"x"}, "href": {"/ui/runs/1"}, "back": {"https://evil.example/"}}); p.URL.Path != "/ui/" || p.URL.Host == "evil.example" {
		t.Errorf("leads to %s", p.URL)
	}
	for _, cookie := range []string{"x", "bnVsbA", "W3siayI6InJ1biIsIm4iOiJ4IiwiaCI6ImphdmFzY3JpcHQ6YWxlcnQoMSkifV0", strings.Repeat("A", 5000)} {
		p := b.Get("/ui/", "Cookie", "slipway_kept_00000000="+cookie)
		pagestest.Check(t, "a broken cookie", p)
	}
}

// A token in an address is one that can do nothing else.
func TestBadge_token(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	names := newWorld(t, s)
	nobody := pagestest.New(t, s.URL)
	badge, reader := s.Token(auth.Badge), s.Token(auth.Reader)
	for _, path := range []string{"/ui/badge.svg?cloud={cloud}", "/ui/feed.atom?cloud={cloud}"} {
		path = names.Replace(path)
		if p := nobody.Head(path + "&token=" + badge); p.Status != http.StatusOK || !strings.Contains(p.Body, "of ") || strings.Contains(p.Body, "a.b.C") {
			t.Errorf("%s with a token of a badge: %d\n%s", path, p.Status, p.Body)
		}
		for name, token := range map[string]string{"a reader's": reader, "the admin's": servertest.AdminToken} {
			if p := nobody.Head(path + "&token=" + token); p.Status != http.StatusForbidden || !strings.Contains(p.Body, "role badge") {
				t.Errorf("%s with %s token: %d\n%.2000s", path, name, p.Status, p.Body)
			}
		}
		if p := nobody.Head(path + "&token=nonsense"); p.Status != http.StatusUnauthorized {
			t.Errorf("%s with a wrong token: %d", path, p.Status)
		}
	}
	for _, path := range []string{"/v1/runs", "/v1/clouds", "/v1/comparisons", "/v1/events", "/v1/access-tokens", "/v1/products", "/v1/nodes", "/v1/job"} {
		if a := s.Do("GET", path, "", servertest.As(badge)); a.Status != http.StatusForbidden {
			t.Errorf("a badge reads %s: %d", path, a.Status)
		}
	}
	if p := nobody.Head(names.Replace("/ui/runs?cloud={cloud}&token=" + badge)); p.Status != http.StatusSeeOther {
		t.Errorf("another page takes the token: %d", p.Status)
	}
	if p := nobody.Head("/ui/badge.svg?cloud=nothing&token=" + badge); p.Status != http.StatusNotFound {
		t.Errorf("a cloud that is not there: %d", p.Status)
	}
}
