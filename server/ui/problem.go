package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/slipway-lab/slipway/openapi"
)

var problemPage = template.Must(template.New("problem.html").Funcs(template.FuncMap{"code": inlineCode}).ParseFS(embedded, "problem.html"))

// problemView is what problem.html shows: one kind of problem, or all of them.
type problemView struct {
	Prefix string
	One    *openapi.Problem
	All    []openapi.Problem
}

// problemPages are the pages of the kinds of problems, and their list, by path: to
// what the type of an error leads. Who asks for JSON gets the same as JSON.
func problemPages(prefix func(*http.Request) string) map[string]http.Handler {
	all, err := openapi.Problems()
	if err != nil {
		panic(fmt.Sprintf("ui: %v", err)) // the program was built with a broken table, which a test notices
	}
	list := problemHandler(prefix, problemView{All: all}, map[string]any{"problems": all})
	pages := map[string]http.Handler{openapi.ProblemPages: list, strings.TrimSuffix(openapi.ProblemPages, "/"): list}
	for i := range all {
		pages[openapi.ProblemPages+all[i].ID] = problemHandler(prefix, problemView{One: &all[i]}, all[i])
	}
	return pages
}

func problemHandler(prefix func(*http.Request) string, view problemView, value any) http.HandlerFunc {
	document, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("ui: %v", err)) // texts and numbers always have a form
	}
	document = append(document, '\n')
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept")
		if asksForJSON(r.Header.Get("Accept")) {
			serve(w, r, "application/json", newBody(document))
			return
		}
		view := view
		if view.Prefix = prefix(r); !safePrefix.MatchString(view.Prefix) {
			view.Prefix = ""
		}
		var text bytes.Buffer
		if err := problemPage.Execute(&text, view); err != nil {
			panic(fmt.Sprintf("ui: problem.html: %v", err)) // of our making, never of the visitor's
		}
		serve(w, r, "text/html; charset=utf-8", newBody(text.Bytes()))
	}
}

// asksForJSON reports whether the first kind that an Accept header names, and that
// there is, is JSON. Programs say so; browsers name HTML first, and others nothing.
func asksForJSON(accept string) bool {
	for kind := range strings.SplitSeq(accept, ",") {
		kind, _, _ = strings.Cut(kind, ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "application/json", "application/problem+json":
			return true
		case "text/html", "text/*":
			return false
		}
	}
	return false
}

// inlineCode escapes a text and sets what stands between backticks as code.
func inlineCode(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String()) //nolint:gosec // every part is escaped above
}
