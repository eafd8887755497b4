// Package pagestest looks at the pages of a test server as a browser without scripts
// does: it keeps cookies, follows redirects and sends forms with their token.
package pagestest

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// maxPage is how large a page may be, as it is sent without compression.
const maxPage = 300 << 10

// Browser is somebody who looks at pages.
type Browser struct {
	t    testing.TB
	base string
	http *http.Client
}

// Page is what came back.
type Page struct {
	Status int
	Header http.Header
	Body   string
	URL    *url.URL // where it was in the end
}

// New returns the browser of somebody who is not logged in. base is the address of
// the server.
func New(t testing.TB, base string) *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{t: t, base: base, http: &http.Client{Jar: jar}}
}

// LogIn returns a browser that is logged in with a token.
func LogIn(t testing.TB, base, token string) *Browser {
	t.Helper()
	b := New(t, base)
	page := b.Send("/ui/login", url.Values{"token": {token}})
	if page.Status >= http.StatusBadRequest || strings.HasPrefix(page.URL.Path, "/ui/login") {
		t.Fatalf("log in: %d %s\n%.2000s", page.Status, page.URL, page.Body)
	}
	return b
}

// Get fetches a page, wherever redirects lead.
func (b *Browser) Get(path string, headers ...string) Page {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil, headers)
}

// Still is the same browser, which follows no redirect.
func (b *Browser) Still() *Browser {
	client := *b.http
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Browser{t: b.t, base: b.base, http: &client}
}

// Head is Get for what a page says before its body, without following redirects.
func (b *Browser) Head(path string, headers ...string) Page {
	b.t.Helper()
	return b.Still().do(http.MethodGet, path, nil, headers)
}

var formToken = regexp.MustCompile(`name="form" value="([^"]*)"`)

// Send sends a form of the page at its path, with the page's token.
func (b *Browser) Send(path string, form url.Values) Page {
	b.t.Helper()
	token := formToken.FindStringSubmatch(b.Get("/ui/login?next=/ui/login").Body + b.Get("/ui/").Body)
	if token == nil {
		b.t.Fatalf("no page has a form")
	}
	form = url.Values(http.Header(form).Clone())
	if form == nil {
		form = url.Values{}
	}
	form.Set("form", token[1])
	return b.SendRaw(path, form)
}

// SendRaw is Send with what the form says and no more.
func (b *Browser) SendRaw(path string, form url.Values, headers ...string) Page {
	b.t.Helper()
	return b.do(http.MethodPost, path, form, headers)
}

func (b *Browser) do(method, path string, form url.Values, headers []string) Page {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := b.http.Do(r)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return Page{Status: answer.StatusCode, Header: answer.Header, Body: string(body), URL: answer.Request.URL}
}

// leftOpen is what a template leaves in a page when something went wrong.
var leftOpen = []string{"ZgotmplZ", "&lt;nil&gt;", "%!", "(MISSING)"}

// Check says what no page may be: without a title or a heading, with two elements of
// one id, too large, or with something that browsers are told to refuse.
func Check(t testing.TB, name string, p Page) {
	t.Helper()
	if len(p.Body) > maxPage {
		t.Errorf("%s has %d bytes, want at most %d", name, len(p.Body), maxPage)
	}
	for _, mark := range leftOpen {
		if strings.Contains(p.Body, mark) {
			t.Errorf("%s has what a template left open: %s", name, mark)
		}
	}
	checkMarkup(t, name, p.Body)
	for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
		if got := p.Header.Get(header); got != want {
			t.Errorf("%s: %s %q, want %q", name, header, got, want)
		}
	}
	if csp := p.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'self'; img-src 'self' data:;") || strings.Contains(csp, "unsafe") {
		t.Errorf("%s: Content-Security-Policy %q is not the strict one", name, csp)
	}
}
