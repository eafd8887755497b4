package pagestest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// listener keeps what a check says.
type listener struct {
	testing.TB
	said []string
}

func (l *listener) Helper() {}

func (l *listener) Errorf(format string, args ...any) {
	l.said = append(l.said, fmt.Sprintf(format, args...))
}

func TestCheck(t *testing.T) {
	const head = "<!doctype html><title>Runs · Slipway</title>"
	tests := []struct {
		name, body string
		want       string // a part of what is said; empty: nothing
	}{
		{"good", head + `<h1 id="a">Runs</h1><script src="/ui/x.js"></script><a href="https://example.org/">x</a><svg><title>line</title><use href="#i"/></svg>`, ""},
		{"no title", `<h1>Runs</h1>`, "no title"},
		{"an empty title", `<title> · Slipway</title><h1>Runs</h1>`, "no title"},
		{"no heading", head, "0 headings"},
		{"two headings", head + `<h1>a</h1><h1 class="x">b</h1>`, "2 headings"},
		{"one id twice", head + `<h1 id="a">a</h1><p id="a">`, "the id a twice"},
		{"a style", head + `<h1>a</h1><style>p{}</style>`, "inline style"},
		{"a style of an element", head + `<h1 class="x" style="color:red">a</h1>`, "inline style"},
		{"a script", head + `<h1>a</h1><script>go()</script>`, "inline script"},
		{"a script of an element", head + `<h1 onclick="go()">a</h1>`, "inline script"},
		{"a script as an address", head + `<h1>a</h1><a href=" JavaScript:go()">x</a>`, "inline script"},
		{"a picture of another host", head + `<h1>a</h1><img src="https://example.org/a.png">`, "another host"},
		{"a file of another host", head + `<h1>a</h1><link rel="stylesheet" href="//example.org/a.css">`, "another host"},
		{"nothing in a template", head + `<h1>&lt;nil&gt;</h1>`, "left open"},
		{"too large", head + "<h1>a</h1>" + strings.Repeat("x", maxPage), "bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := &listener{TB: t}
			Check(l, "page", Page{Body: tt.body, Header: http.Header{
				"X-Content-Type-Options": {"nosniff"}, "Referrer-Policy": {"no-referrer"}, "Cache-Control": {"no-store"},
				"Content-Security-Policy": {"default-src 'self'; img-src 'self' data:;"},
			}})
			if got := strings.Join(l.said, "\n"); (tt.want == "") != (got == "") || len(l.said) > 1 || !strings.Contains(got, tt.want) {
				t.Errorf("it says %q, want something with %q", got, tt.want)
			}
		})
	}
}
