package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/server/ui/pages/pagestest"
)

// A login ends with logging out, with the token's revocation and with its own time.
func TestLogin_ends(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Pages.SessionLife = time.Hour })
	out := func(b *pagestest.Browser) bool { return b.Head("/ui/runs").Status == http.StatusSeeOther }

	b := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	if out(b) {
		t.Fatal("not logged in after the login")
	}
	if p := b.Send("/ui/logout", nil); p.URL.Path != "/ui/login" || !out(b) {
		t.Errorf("log out: at %s, still logged in: %t", p.URL, !out(b))
	}

	text := s.Token(auth.Reader)
	b = pagestest.LogIn(t, s.URL, text)
	row, err := s.Store.TokenByHash(t.Context(), s.Auth.Hash(text))
	if err != nil {
		t.Fatal(err)
	}
	if a := s.Do("DELETE", "/v1/access-tokens/"+row.ID, "", servertest.Admin()); a.Status != http.StatusNoContent {
		t.Fatalf("revoke: %d %s", a.Status, a.Body)
	}
	if !out(b) {
		t.Error("a revoked token still opens pages")
	}
}

// What is open when somebody logs out ends with the session, although the token goes on:
// a page in another tab is not read on by whoever sits there next.
func TestStream_loggedOut(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	token := s.Token(auth.Reader)
	out, stays := pagestest.LogIn(t, s.URL, token), pagestest.LogIn(t, s.URL, token)
	ended, goesOn := out.Stream("/ui/events"), stays.Stream("/ui/events")
	ended.Until("retry")
	out.Send("/ui/logout", nil)
	ended.End()

	s.Do("POST", "/v1/post-result", "test: a\nsuccess: a\n", servertest.Admin(), servertest.With("Content-Type", "text/plain"))
	goesOn.Until("run.<wbr>result")
}

// The cookie is for the pages alone, and for no script.
func TestLogin_cookie(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Edge.TrustedProxies = []string{"127.0.0.0/8"} })
	b := pagestest.New(t, s.URL)
	form := url.Values{"token": {servertest.AdminToken}, "form": {tokenOf(b.Get("/ui/login").Body)}}
	for _, tt := range []struct {
		proto, prefix, path string
		secure              bool
	}{{"http", "", "/ui", false}, {"https", "", "/ui", true}, {"https", "/slipway", "/slipway/ui", true}} {
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		first := request(t, "GET", s.URL+"/ui/login", nil, tt.proto, tt.prefix)
		visit := answerOf(t, &client, first)
		form.Set("form", tokenOf(visit.Body))
		post := request(t, "POST", s.URL+"/ui/login", form, tt.proto, tt.prefix)
		for _, c := range visit.cookies {
			post.AddCookie(c)
		}
		done := answerOf(t, &client, post)
		if done.Status != http.StatusSeeOther || done.Header.Get("Location") != tt.prefix+"/ui/" || len(done.cookies) != 1 {
			t.Fatalf("%+v: %d to %q with %d cookies", tt, done.Status, done.Header.Get("Location"), len(done.cookies))
		}
		c := done.cookies[0]
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure != tt.secure || c.Path != tt.path || c.MaxAge <= 0 {
			t.Errorf("%+v: cookie %s", tt, c.Raw)
		}
		if strings.Contains(c.Value, servertest.AdminToken) {
			t.Error("the cookie holds the token")
		}
		page := request(t, "GET", s.URL+"/ui/runs", nil, tt.proto, tt.prefix)
		page.AddCookie(c)
		if got := answerOf(t, &client, page); got.Status != 200 || !strings.Contains(got.Body, `href="`+tt.prefix+`/ui/assets/ui.css"`) || !strings.Contains(got.Body, `href="`+tt.prefix+`/ui/"`) {
			t.Errorf("%+v: %d, links without the prefix\n%.900s", tt, got.Status, got.Body)
		}
		api := request(t, "GET", s.URL+"/v1/runs", nil, tt.proto, tt.prefix)
		api.AddCookie(c)
		if got := answerOf(t, &client, api); got.Status != http.StatusUnauthorized {
			t.Errorf("the cookie opens the API: %d", got.Status)
		}
	}
}

// Forms that were not made here are refused, and change nothing.
func TestForms_forged(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	b := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	other := tokenOf(pagestest.New(t, s.URL).Get("/ui/login").Body)
	for name, form := range map[string]url.Values{"none": nil, "empty": {"form": {""}}, "of another browser": {"form": {other}}} {
		if p := b.SendRaw("/ui/logout", form); p.Status != http.StatusForbidden {
			t.Errorf("log out with the token %s: %d, want 403", name, p.Status)
		}
	}
	if b.Head("/ui/runs").Status != 200 {
		t.Error("a forged form logged out")
	}
	if p := pagestest.New(t, s.URL).SendRaw("/ui/login", url.Values{"token": {servertest.AdminToken}, "form": {other}}); p.Status != http.StatusForbidden {
		t.Errorf("a forged login: %d, want 403", p.Status)
	}
}

// A login comes back to a page of ours and to nothing else.
func TestLogin_next(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	b := pagestest.New(t, s.URL)
	if p := b.Head("/ui/runs?cloud=3&after=x"); p.Header.Get("Location") != "/ui/login?next=%2Fui%2Fruns%3Fafter%3Dx%26cloud%3D3" {
		t.Errorf("to the login by %q", p.Header.Get("Location"))
	}
	for next, want := range map[string]string{
		"/ui/runs?cloud=3": "/ui/runs?cloud=3", "": "/ui/", "/v1/runs": "/ui/", "//evil.example/ui/": "/ui/", "https://evil.example/ui/runs": "/ui/",
		`/\evil.example`: "/ui/", "/ui/../docs": "/ui/", "javascript:alert(1)": "/ui/", "/ui//evil.example": "/ui//evil.example", "/ui/logout": "/ui/", "/uix": "/ui/", "/ui/\r\nX: y": "/ui/",
	} {
		b := pagestest.New(t, s.URL)
		form := url.Values{"token": {servertest.AdminToken}, "next": {next}, "form": {tokenOf(b.Get("/ui/login").Body)}}
		client := b.Still()
		if p := client.SendRaw("/ui/login", form); p.Status != http.StatusSeeOther || p.Header.Get("Location") != want {
			t.Errorf("next=%q leads to %q with %d, want %q", next, p.Header.Get("Location"), p.Status, want)
		}
	}
}

// Wrong tokens count as failed logins of the visitor's address, which no call within
// the process makes one of this machine.
func TestLogin_counts(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, servertest.Frozen, func(c *server.Config) {
		c.Edge.TrustedProxies = []string{"127.0.0.0/8"}
		c.Edge.Ratelimit.FailedLogins = 3
	})
	b := pagestest.New(t, s.URL)
	form := url.Values{"form": {tokenOf(b.Get("/ui/login").Body)}}
	try := func(token, from string) pagestest.Page {
		form.Set("token", token)
		return b.SendRaw("/ui/login", form, "X-Forwarded-For", from)
	}
	for range 3 {
		if p := try("not-a-token-at-all", "198.51.100.7"); p.Status != http.StatusUnauthorized || !strings.Contains(p.Body, "unknown, expired") {
			t.Fatalf("a wrong token: %d\n%.1000s", p.Status, p.Body)
		}
	}
	if p := try("not-a-token-at-all", "198.51.100.7"); p.Status != http.StatusTooManyRequests || !strings.Contains(p.Body, "too many failed logins") {
		t.Errorf("the fourth: %d, want 429", p.Status)
	}
	if a := s.Do("GET", "/v1/runs", "", servertest.As("not-a-token-at-all"), servertest.With("X-Forwarded-For", "198.51.100.7")); a.Status != http.StatusTooManyRequests {
		t.Errorf("the API after them: %d, want 429: they count together", a.Status)
	}
	if p := try("not-a-token-at-all", "198.51.100.8"); p.Status != http.StatusUnauthorized {
		t.Errorf("from another address: %d, want 401", p.Status)
	}
	for range 9 {
		if p := try("not-a-token-at-all", "127.0.0.1"); p.Status != http.StatusUnauthorized {
			t.Errorf("from this machine: %d, want 401", p.Status)
		}
	}
}

// Without logins nobody is asked, and forms still are ours.
func TestLogin_none(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, servertest.WithAuth(func(c *auth.Config) { c.Mode = auth.ModeNone }))
	b := pagestest.New(t, s.URL)
	if p := b.Get("/ui/runs"); p.Status != 200 || strings.Contains(p.Body, "Log out") {
		t.Errorf("GET /ui/runs: %d", p.Status)
	}
	if p := b.Get("/ui/login"); p.URL.Path != "/ui/" {
		t.Errorf("the login stays at %s", p.URL)
	}
	if p := b.SendRaw("/ui/logout", nil); p.Status != http.StatusForbidden {
		t.Errorf("a form without a token: %d, want 403", p.Status)
	}
}

// A browser that asks for the root finds the pages.
func TestRoot(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	if p := pagestest.New(t, s.URL).Get("/"); p.URL.Path != "/ui/login" || p.Status != 200 {
		t.Errorf("GET /: at %s with %d, want the login", p.URL, p.Status)
	}
}
