package ui

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// get calls a handler at the root of a server, with headers given as pairs.
func get(t *testing.T, method, path string, headers ...string) *http.Response {
	t.Helper()
	return getUnder(t, "", method, path, headers...)
}

func getUnder(t *testing.T, prefix, method, path string, headers ...string) *http.Response {
	t.Helper()
	missing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := Handler(func(*http.Request) string { return prefix }, missing)
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func read(t *testing.T, r io.Reader) []byte {
	t.Helper()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return content
}

func TestHandler_names(t *testing.T) {
	t.Parallel()

	tests := []struct {
		path       string
		wantStatus int
		wantType   string
		wantText   string
	}{
		{"/docs", 200, "text/html; charset=utf-8", `id="swagger-ui"`},
		{"/docs/", 200, "text/html; charset=utf-8", `id="swagger-ui"`},
		{"/docs/index.html", 200, "text/html; charset=utf-8", `id="swagger-ui"`},
		{"/docs/document.js", 200, "text/javascript; charset=utf-8", "function shown"},
		{"/docs/init.js", 200, "text/javascript; charset=utf-8", "validatorUrl: null"},
		{"/docs/page.css", 200, "text/css; charset=utf-8", "footer"},
		{"/docs/swagger-ui-bundle.js", 200, "text/javascript; charset=utf-8", "SwaggerUIBundle"},
		{"/docs/swagger-ui.css", 200, "text/css; charset=utf-8", ".swagger-ui"},
		{"/docs/LICENSE", 200, "text/plain; charset=utf-8", "Apache License"},
		{"/docs/NOTICE", 200, "text/plain; charset=utf-8", "swagger-ui"},
		{"/docs/swagger-ui-bundle.js.LICENSE.txt", 200, "text/plain; charset=utf-8", "MIT"},
		{"/docs/swagger-ui-bundle.js.gz", http.StatusTeapot, "", ""},
		{"/docs/page.html", http.StatusTeapot, "", ""},
		{"/docs/..", http.StatusTeapot, "", ""},
		{"/docs/../v1", http.StatusTeapot, "", ""},
		{"/docs//example.org", http.StatusTeapot, "", ""},
		{"/docs/./init.js", http.StatusTeapot, "", ""},
		{"/docs/swagger/LICENSE", http.StatusTeapot, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()

			resp := get(t, http.MethodGet, tt.path)
			if resp.StatusCode != tt.wantStatus {
				t.Fatalf("GET %s: status %d, want %d", tt.path, resp.StatusCode, tt.wantStatus)
			}
			if got := resp.Header.Get("Content-Type"); got != tt.wantType {
				t.Errorf("GET %s: Content-Type %q, want %q", tt.path, got, tt.wantType)
			}
			if !strings.Contains(string(read(t, resp.Body)), tt.wantText) {
				t.Errorf("GET %s: no %q in the body", tt.path, tt.wantText)
			}
			if got := resp.Header.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("GET %s: X-Content-Type-Options %q, want nosniff", tt.path, got)
			}
			if got := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'self'; img-src 'self' data:;") || strings.Contains(got, "unsafe") {
				t.Errorf("GET %s: Content-Security-Policy %q is not the strict one", tt.path, got)
			}
		})
	}
}

// The policy forbids inline code, so a page that has some would stay empty.
func TestHandler_pageHasNothingInline(t *testing.T) {
	t.Parallel()

	text := string(read(t, get(t, http.MethodGet, "/docs").Body))
	for _, pattern := range []string{`<style`, ` style=`, ` on[a-z]+=`, `javascript:`, `<script[^>]*>[^<]`, `(src|href)="(https?:)?//`} {
		if found := regexp.MustCompile(pattern).FindString(text); found != "" {
			t.Errorf("the page contains %q, which the policy refuses", found)
		}
	}
}

// Every file that the page names must be one that the handler has, below the
// prefix under which the visitor sees the server.
func TestHandler_prefix(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, prefix, want string
	}{
		{"the root of the host", "", ""},
		{"behind a proxy", "/slipway", "/slipway"},
		{"two segments", "/lab-7/slip.way", "/lab-7/slip.way"},
		{"a user's folder", "/~lab+test@home", "/~lab&#43;test@home"},
		{"another host is refused", "//elsewhere.example", ""},
		{"a slash at the end is refused", "/slipway/", ""},
		{"markup is refused", `/"><script>alert(1)</script>`, ""},
		{"a URL is refused", "https://elsewhere.example", ""},
		{"a line break at the end is refused", "/slipway\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			text := string(read(t, getUnder(t, tt.prefix, http.MethodGet, "/docs").Body))
			files, guides := 0, 0
			for _, link := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(text, -1) {
				if link[1] == "data:," {
					continue
				}
				path, under := strings.CutPrefix(link[1], tt.want)
				if !under || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
					t.Errorf("link %q is not below %q", link[1], tt.want)
					continue
				}
				if path == "/docs/guide/" {
					guides++ // they are another handler's
				} else if strings.HasPrefix(path, "/docs/") {
					files++
					if resp := get(t, http.MethodHead, path); resp.StatusCode != http.StatusOK {
						t.Errorf("HEAD %s, a file of the page: status %d, want 200", path, resp.StatusCode)
					}
				}
			}
			if files != 8 || guides != 1 {
				t.Errorf("the page names %d of its files and the guides %d times, want 8 and 1", files, guides)
			}
		})
	}
}

func TestHandler_codings(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, accept string
		wantGzip     bool
	}{
		{"a browser", "gzip, deflate, br, zstd", true},
		{"a client that says nothing", "", false},
		{"anything", "*", true},
		{"gzip refused", "gzip;q=0", false},
		{"gzip refused, anything else welcome", "gzip;q=0, *", false},
		{"anything refused", "*;q=0.0", false},
		{"by weight", "br;q=1.0, gzip; q=0.5", true},
		{"upper case", "GZIP", true},
		{"the old name", "x-gzip", true},
		{"another coding", "br", false},
		{"a weight that is no number", "gzip;q=much", false},
	}
	plain := read(t, get(t, http.MethodGet, "/docs/swagger-ui.css").Body)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			resp := get(t, http.MethodGet, "/docs/swagger-ui.css", "Accept-Encoding", tt.accept)
			content := read(t, resp.Body)
			if got := resp.Header.Get("Content-Encoding") == "gzip"; got != tt.wantGzip {
				t.Fatalf("Accept-Encoding %q: gzip %t, want %t", tt.accept, got, tt.wantGzip)
			}
			if got := resp.ContentLength; got != int64(len(content)) {
				t.Errorf("Content-Length %d for %d bytes", got, len(content))
			}
			if got := resp.Header.Get("Vary"); got != "Accept-Encoding" {
				t.Errorf("Vary %q, want Accept-Encoding", got)
			}
			if tt.wantGzip {
				unpacker, err := gzip.NewReader(bytes.NewReader(content))
				if err != nil {
					t.Fatalf("not gzip: %v", err)
				}
				content = read(t, unpacker)
			}
			if !bytes.Equal(content, plain) {
				t.Errorf("Accept-Encoding %q: %d bytes that differ from the file's %d", tt.accept, len(content), len(plain))
			}
		})
	}
}

func TestHandler_revalidates(t *testing.T) {
	t.Parallel()

	packed := get(t, http.MethodGet, "/docs/swagger-ui.css", "Accept-Encoding", "gzip").Header.Get("ETag")
	plain := get(t, http.MethodGet, "/docs/swagger-ui.css").Header.Get("ETag")
	if packed == plain {
		t.Errorf("ETag %s names the packed and the plain bytes", packed)
	}
	for _, path := range []string{"/docs", "/docs/init.js", "/docs/swagger-ui-bundle.js"} {
		first := get(t, http.MethodGet, path, "Accept-Encoding", "gzip")
		tag := first.Header.Get("ETag")
		if got := first.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("GET %s: Cache-Control %q, want no-cache", path, got)
		}
		again := get(t, http.MethodGet, path, "Accept-Encoding", "gzip", "If-None-Match", `"other", W/`+tag)
		if again.StatusCode != http.StatusNotModified || len(read(t, again.Body)) != 0 {
			t.Errorf("GET %s with If-None-Match of its tag %s: status %d, want 304 without a body", path, tag, again.StatusCode)
		}
		if got := get(t, http.MethodGet, path, "If-None-Match", `"other"`).StatusCode; got != http.StatusOK {
			t.Errorf("GET %s with If-None-Match of another tag: status %d, want 200", path, got)
		}
	}
}

func TestHandler_methods(t *testing.T) {
	t.Parallel()

	for _, path := range []string{"/docs", "/docs/swagger-ui-bundle.js", "/docs/init.js"} {
		body := read(t, get(t, http.MethodGet, path, "Accept-Encoding", "gzip").Body)
		resp := get(t, http.MethodHead, path, "Accept-Encoding", "gzip")
		if resp.StatusCode != http.StatusOK || resp.ContentLength != int64(len(body)) {
			t.Errorf("HEAD %s: status %d, length %d, want 200 and %d", path, resp.StatusCode, resp.ContentLength, len(body))
		}
		if rest := read(t, resp.Body); len(rest) != 0 {
			t.Errorf("HEAD %s: a body of %d bytes", path, len(rest))
		}
		if got := get(t, http.MethodPost, path).StatusCode; got != http.StatusTeapot {
			t.Errorf("POST %s: status %d, want what missing answers", path, got)
		}
	}
}
