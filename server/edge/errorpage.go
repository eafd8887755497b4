package edge

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/call"
)

//go:embed problem.html
var problemHTML string

var problemPage = template.Must(template.New("problem").Parse(problemHTML))

// problemPolicy lets the page load from this server only: its style and its icon.
const problemPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// isBrowser reports whether somebody looks at the answer: who prefers HTML to the JSON
// that all programs read. What says nothing, or */*, is a program.
func isBrowser(info *call.Info) bool {
	return info.Prefers("application/json", "text/html") == "text/html"
}

// forBrowser is a problem as a page, with the headers that belong to it.
func forBrowser(h http.Header, p problem, prefix string) []byte {
	if strings.HasPrefix(prefix, "//") || strings.ContainsAny(prefix, `\?#`) {
		prefix = "" // which would lead to another host
	}
	var page bytes.Buffer
	err := problemPage.Execute(&page, struct {
		problem
		Prefix string
	}{p, prefix})
	if err != nil { // cannot happen: a problem is text and numbers
		panic(err)
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", problemPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	return page.Bytes()
}
