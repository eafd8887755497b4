package pages_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var formField = regexp.MustCompile(`name="form" value="([^"]*)"`)

// tokenOf is the token of a page's forms.
func tokenOf(page string) string {
	m := formField.FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return m[1]
}

// request is one as a trusted proxy passes it on.
func request(t *testing.T, method, address string, form url.Values, proto, prefix string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("X-Forwarded-For", "198.51.100.7")
	r.Header.Set("X-Forwarded-Proto", proto)
	if prefix != "" {
		r.Header.Set("X-Forwarded-Prefix", prefix)
	}
	return r
}

type answer struct {
	Status  int
	Header  http.Header
	Body    string
	cookies []*http.Cookie
}

func answerOf(t *testing.T, client *http.Client, r *http.Request) answer {
	t.Helper()
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{Status: a.StatusCode, Header: a.Header, Body: string(body), cookies: a.Cookies()}
}
