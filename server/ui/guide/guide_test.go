package guide

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func get(t *testing.T, prefix, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	missing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	w := httptest.NewRecorder()
	Handler(func(*http.Request) string { return prefix }, missing).ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestHandler(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		method, path string
		status       int
		text         string
	}{
		{"GET", "/docs/guide", 200, `href="/lab/docs/guide/first-minute">The first minute</a>`},
		{"GET", "/docs/guide/", 200, "what failed in it."},
		{"HEAD", "/docs/guide/", 200, ""},
		{"GET", "/docs/guide/first-minute", 200, `<h1 id="the-first-minute">The first minute</h1>`},
		{"GET", "/docs/guide/first-minute/", 200, "junit.xml"},
		{"GET", "/docs/guide/guide.css", 200, ".guide"},
		{"POST", "/docs/guide/", http.StatusTeapot, ""},
		{"GET", "/docs/guide/first-minute.md", http.StatusTeapot, ""},
		{"GET", "/docs/guide/..", http.StatusTeapot, ""},
		{"GET", "/docs/guide/nothing", http.StatusTeapot, ""},
	} {
		w := get(t, "/lab", tt.method, tt.path)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.text) {
			t.Errorf("%s %s: %d, want %d with %q\n%s", tt.method, tt.path, w.Code, tt.status, tt.text, w.Body)
		}
		if policy := w.Header().Get("Content-Security-Policy"); tt.status == 200 && !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%s: the policy is %q", tt.path, policy)
		}
	}
}

// TestHandler_unchanged: a browser that has the page is told so.
func TestHandler_unchanged(t *testing.T) {
	t.Parallel()

	tag := get(t, "", "GET", "/docs/guide/").Header().Get("ETag")
	r := httptest.NewRequest("GET", "/docs/guide/", nil)
	r.Header.Set("If-None-Match", tag)
	w := httptest.NewRecorder()
	Handler(func(*http.Request) string { return "" }, nil).ServeHTTP(w, r)
	if w.Code != http.StatusNotModified {
		t.Errorf("it answers %d to its own tag %s, want 304", w.Code, tag)
	}
}

// TestAll holds the guides to what doc.go promises.
func TestAll(t *testing.T) {
	t.Parallel()

	files, err := fs.Glob(embedded, "*.md")
	if err != nil {
		t.Fatal(err)
	}
	guides := All()
	if len(files) != len(guides) {
		t.Errorf("%d files, but %d guides are in the table of contents", len(files), len(guides))
	}
	kinds := regexp.MustCompile("(?m)^```(.+)$")
	links := regexp.MustCompile(`<a href="([^"]*)"`)
	for _, g := range guides {
		html := string(g.html)
		for _, kind := range kinds.FindAllStringSubmatch(g.Text, -1) {
			if !slices.Contains([]string{"sh", "text", "yaml", "groovy", "console"}, kind[1]) {
				t.Errorf("%s: a block %q, which no test looks at", g.Name, kind[1])
			}
		}
		if strings.Count(g.Text, "```") != 2*len(kinds.FindAllString(g.Text, -1)) {
			t.Errorf("%s: a block of no kind, without an end, or within a list, where no test looks", g.Name)
		}
		for _, link := range links.FindAllStringSubmatch(html, -1) {
			to, _, _ := strings.Cut(link[1], "#")
			if known := slices.ContainsFunc(guides, func(g Guide) bool { return g.Name == to }); !known && to != "" && !strings.HasPrefix(to, "http") {
				t.Errorf("%s: a link to %q, which is no guide", g.Name, link[1])
			}
		}
		if strings.Contains(html, "raw HTML omitted") || strings.Contains(html, ` style="`) || strings.Contains(html, "<script") {
			t.Errorf("%s: raw HTML, or a style", g.Name)
		}
		if len(g.About) < 20 || len(g.About) > 200 {
			t.Errorf("%s: its first paragraph is no summary of a line or two: %q", g.Name, g.About)
		}
	}
}

// TestRead_rawHTML: what is no Markdown is left out.
func TestRead_rawHTML(t *testing.T) {
	t.Parallel()

	g := read("x", "# Title\n\nWhat it is about.\n\n<script>alert(1)</script>\n\n[a](javascript:alert(1)) [b](ci-job.md#here)\n")
	if html := string(g.html); strings.Contains(html, "<script") || strings.Contains(html, "javascript:") || !strings.Contains(html, `href="ci-job#here"`) {
		t.Errorf("it becomes\n%s", html)
	}
}
