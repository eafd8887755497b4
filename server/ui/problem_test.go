package ui_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/openapi"
	"github.com/slipway-lab/slipway/server/ui"
)

// TestProblems: every kind of problem has a page for people and the same for programs,
// and the list leads to each.
func TestProblems(t *testing.T) {
	t.Parallel()

	h := ui.Handler(func(*http.Request) string { return "/slipway" }, http.NotFoundHandler())
	ask := func(path, accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	all, err := openapi.Problems()
	if err != nil {
		t.Fatal(err)
	}
	list := ask("/docs/problems/", "text/html").Body.String()
	for _, p := range all {
		page := ask("/docs/problems/"+p.ID, "text/html,application/xhtml+xml,*/*;q=0.8")
		if page.Code != http.StatusOK || page.Header().Get("Content-Type") != "text/html; charset=utf-8" || page.Header().Get("Content-Security-Policy") == "" ||
			!strings.Contains(page.Body.String(), "<h1>"+html.EscapeString(p.Title)+"</h1>") || strings.Contains(page.Body.String(), "`") {
			t.Errorf("the page of %s: %d %v\n%s", p.ID, page.Code, page.Header(), page.Body)
		}
		if !strings.Contains(list, `href="/slipway/docs/problems/`+p.ID+`"`) {
			t.Errorf("the list does not lead to %s", p.ID)
		}
		answer := ask("/docs/problems/"+p.ID, "application/json")
		var got openapi.Problem
		if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil || answer.Header().Get("Content-Type") != "application/json" || got.ID != p.ID || got.Means != p.Means {
			t.Errorf("%s as JSON: %v %s", p.ID, err, answer.Body)
		}
	}
	for path, want := range map[string]int{"/docs/problems": http.StatusOK, "/docs/problems/no-such-problem": http.StatusNotFound, "/docs/problem.css": http.StatusOK} {
		if got := ask(path, "").Code; got != want {
			t.Errorf("%s answers %d, want %d", path, got, want)
		}
	}
}
