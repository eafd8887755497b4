package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"regexp"
)

// contentSecurityPolicy lets the page load from, and speak to, this server
// only. Swagger UI draws its icons as data: images.
const contentSecurityPolicy = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var (
	//go:embed document.js init.js page.css page.html problem.css problem.html swagger
	embedded embed.FS

	page = template.Must(template.ParseFS(embedded, "page.html"))

	// safePrefix is what a prefix may look like: segments that start with a
	// single slash, so that a header of the visitor's making cannot turn a link
	// of the page into one to another host.
	safePrefix = regexp.MustCompile(`^(/[A-Za-z0-9._~!$&()*+,;=:@-]+)*$`)
)

// Handler answers the explorer's page at /docs, /docs/ and /docs/index.html, and
// its files below /docs/, for GET and HEAD.
//
// The prefix function tells under which path the visitor sees this server, such
// as /slipway behind a proxy, and "" when it is at the root; one that is no plain
// path counts as "". A name that the explorer does not have is left to missing,
// and so is every other method.
func Handler(prefix func(*http.Request) string, missing http.Handler) http.Handler {
	page := pageHandler(prefix)
	files := map[string]http.Handler{"/docs": page, "/docs/": page, "/docs/index.html": page}
	for _, a := range assets {
		files["/docs/"+a.name] = a
	}
	maps.Copy(files, problemPages(prefix))
	// A path is taken as it is and never cleaned: http.ServeMux would redirect
	// /docs/.. to wherever the dots lead.
	return secured(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file := files[r.URL.Path]
		if file == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
			file = missing
		}
		file.ServeHTTP(w, r)
	}))
}

// SafePrefix returns a prefix that is a plain path, and "" for any other.
func SafePrefix(prefix string) string {
	if !safePrefix.MatchString(prefix) {
		return ""
	}
	return prefix
}

// pageHandler renders the page. It differs with the prefix only, so its tag is
// made from what was rendered.
func pageHandler(prefix func(*http.Request) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		under := SafePrefix(prefix(r))
		var text bytes.Buffer
		if err := page.Execute(&text, under); err != nil {
			panic(fmt.Sprintf("ui: page.html does not take a prefix: %v", err)) // of our making, never of the visitor's
		}
		serve(w, r, "text/html; charset=utf-8", newBody(text.Bytes()))
	}
}

// secured sets what a browser must know before it reads any answer.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}
