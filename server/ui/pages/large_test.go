package pages_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/server/ui/pages/pagestest"
	resultstore "github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
)

var nextPage = regexp.MustCompile(`<a class="btn" rel="next" href="([^"]*)"`)

// through follows a list to its end and returns what a pattern finds on its pages.
func through(t *testing.T, b *pagestest.Browser, path string, pattern *regexp.Regexp) (found []string, pages int) {
	t.Helper()
	for path != "" {
		p := b.Get(path)
		pages++
		if p.Status != http.StatusOK || pages > 500 {
			t.Fatalf("page %d, %s: %d", pages, path, p.Status)
		}
		pagestest.Check(t, path, p)
		for _, m := range pattern.FindAllStringSubmatch(p.Body, -1) {
			found = append(found, m[1])
		}
		path = ""
		if m := nextPage.FindStringSubmatch(p.Body); m != nil {
			path = html.UnescapeString(m[1])
		}
	}
	return found, pages
}

func different(list []string) int {
	seen := map[string]bool{}
	for _, s := range list {
		seen[s] = true
	}
	return len(seen)
}

// 10 000 runs are a list of a hundred pages, each as small as any. Nothing is missing
// and nothing comes twice, on the pages and in the CSV. With the race detector there are fewer.
func TestRuns_tenThousand(t *testing.T) {
	t.Parallel()

	runs := 10_000
	if storetest.Race {
		runs = 2_000
	}
	s := servertest.New(t)
	results := resultstore.New(s.Store)
	if err := results.InTx(t.Context(), func(tx *resultstore.Store) error { // over HTTP it would take a minute
		for n := range runs {
			if err := tx.CreateRun(t.Context(), &resultstore.Run{Name: fmt.Sprintf("夜間 <b>%d</b>", n)}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	b := pagestest.LogIn(t, s.URL, servertest.AdminToken)
	found, pages := through(t, b, "/ui/runs", regexp.MustCompile(`<a class="ttl" href="/ui/runs/(\d+)"`))
	if len(found) != runs || different(found) != runs || pages != runs/100 {
		t.Errorf("%d runs on %d pages, %d different ones; want %d on %d", len(found), pages, different(found), runs, runs/100)
	}
	rows, err := csv.NewReader(strings.NewReader(b.Get("/ui/runs?as=csv").Body)).ReadAll()
	if err != nil || len(rows) != runs+1 {
		t.Errorf("the CSV has %d rows, %v; want %d and the head", len(rows), err, runs)
	}
	for _, path := range []string{"/ui/", "/ui/search?q=9999", "/ui/runs?name=" + url.QueryEscape("*<b>77*")} {
		pagestest.Check(t, path, b.Get(path))
	}
}

// A result with 5 000 tests, of which 600 fail with a message each, is a page as any
// other: only red ones at first, all of them to be had, each with its own page.
func TestRun_fiveThousandTests(t *testing.T) {
	t.Parallel()

	tests, failing, module := 5_000, 600, 200
	if storetest.Race {
		tests, failing, module = 900, 210, 105
	}
	s := servertest.New(t)
	var file strings.Builder
	for i := range tests {
		name, outcome := fmt.Sprintf("tempest.api.module_%02d.日本語Test.test_%04d[id-1499262a-9328-4eda-9068-db1ac574%04d]", i/module, i, i), "success"
		if i >= tests-failing {
			outcome = "failure"
		}
		fmt.Fprintf(&file, "test: %s\n%s: %s [\n<b>Details</b>: {'code': %d} %s\n]\n", name, outcome, name, i, strings.Repeat("x", 300))
	}
	for n := 1; n <= 2; n++ {
		if a := s.Do("POST", "/v1/runs", `{"name":"large"}`, servertest.Admin(), servertest.JSON()); a.Status != http.StatusCreated {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		if a := s.Do("POST", fmt.Sprintf("/v1/post-result?test_id=%d", n), file.String()); a.Status != http.StatusCreated {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	s.Work()()
	b := pagestest.LogIn(t, s.URL, servertest.AdminToken)
	leaf := regexp.MustCompile(`<a class="leaf" href="([^"]*)"`)
	for path, want := range map[string]int{
		"/ui/runs/2": failing, "/ui/runs/2?outcome=all": tests, "/ui/runs/2?outcome=all&sort=duration": tests, "/ui/runs/2?outcome=all&q=module_07": module,
		"/ui/compare?head=run:2&base=run:1&class=still_failing": failing,
	} {
		found, pages := through(t, b, path, leaf)
		if different(found) != want || len(found) != want || pages > want/100+1 {
			t.Errorf("%s: %d tests, %d different, on %d pages; want %d, a hundred each", path, len(found), different(found), pages, want)
		}
	}
	m := leaf.FindStringSubmatch(b.Get("/ui/runs/2").Body)
	p := b.Get(html.UnescapeString(m[1]))
	pagestest.Check(t, "a test among 5 000", p)
	if p.Status != http.StatusOK || !strings.Contains(p.Body, fmt.Sprintf("%d\u00a0failing", failing)) || !strings.Contains(p.Body, fmt.Sprint("&#39;code&#39;: ", tests-failing)) {
		t.Errorf("the first failing test: %d %s\n%.9000s", p.Status, p.URL, p.Body)
	}
	for _, path := range []string{"/ui/", "/ui/runs", "/ui/compare?head=run:2", "/ui/compare?head=run:2&class=all", "/ui/issues?name=tempest.*"} {
		pagestest.Check(t, path, b.Get(path))
	}
}

// An output of 100 MB: the page has its beginning and its end, and a link to the rest.
// The server holds little of it, a search goes through all of it, and what is written
// at its end is seen at once.
func TestOpportunity_hundredMegabytes(t *testing.T) {
	// Not beside others, since it looks at the memory of the process.
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	total, piece := 100<<20, 1<<20
	if storetest.Race {
		total = 40 << 20
	}
	s := servertest.New(t, func(c *server.Config) { c.Products.MaxOutput = int64(total + piece) })
	names := strings.NewReplacer(productsWorld(t, s)...)
	text := bytes.Repeat([]byte("[   41.302] <kernel> & \"日本語\" the quick brown fox boots\n"), piece/62)
	text = append(text, bytes.Repeat([]byte("."), piece-len(text))...)
	path := names.Replace("/v1/products/{product}/tests/opportunities/{runs}/output?offset=")
	write := func(offset int, what []byte) {
		t.Helper()
		a := s.Send("POST", path+fmt.Sprint(offset), bytes.NewReader(what), servertest.Admin(), servertest.With("Lease-Token", names.Replace("{token}")), servertest.With("Content-Type", "text/plain"))
		if a.Status != http.StatusOK {
			t.Fatalf("output at %d: %d %s", offset, a.Status, a.Body)
		}
	}
	size := 0
	begun := s.Do("GET", path+"0", "", servertest.Admin(), servertest.With("Accept", "text/plain"))
	if _, err := fmt.Sscan(begun.Header.Get("X-Output-Size"), &size); err != nil {
		t.Fatal(err)
	}
	for ; size+len(text) <= total; size += len(text) {
		write(size, text)
	}
	b := pagestest.LogIn(t, s.URL, servertest.AdminToken)
	page := names.Replace("/ui/opportunities/{runs}")
	most := heap()
	before := most
	for range 5 {
		p := b.Get(page)
		pagestest.Check(t, page, p)
		if p.Status != http.StatusOK || !regexp.MustCompile(fmt.Sprintf(`(%d|%d)(\.\d)?\x{a0}MB`, size/1_000_000, size/1_000_000+1)).MatchString(p.Body) {
			t.Errorf("the page: %d, without the size of the output", p.Status)
		}
		most = max(most, heap())
	}
	for _, at := range []string{fmt.Sprint("?at=", total/2), "?q=41.302", "?q=nothing-like-it"} {
		p := b.Get(page + at)
		if pagestest.Check(t, page+at, p); p.Status != http.StatusOK {
			t.Errorf("%s: %d", at, p.Status)
		}
		most = max(most, heap())
	}
	if grown := int64(most) - int64(before); grown > int64(min(64<<20, total*2/3)) {
		t.Errorf("the pages took %d MB of memory", grown>>20)
	}
	stream := b.Stream(page)
	stream.Until("id=\"tail\"")
	write(size, []byte("\nlast words\n"))
	stream.Until("last words")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path+"0", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+servertest.AdminToken)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if n, err := io.Copy(io.Discard, answer.Body); err != nil || n != int64(size+len("\nlast words\n")) {
		t.Errorf("the download has %d bytes, %v; want %d", n, err, size+len("\nlast words\n"))
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Names of a thousand characters, in Japanese, with HTML, without any place to break:
// they are whole where they are named, and no page grows beyond its bound as it is sent.
func TestNames_long(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	var names []string
	for i := range 120 {
		part := []string{"夜間テスト.", "x", "<b>太字</b>.", "a.b_c-"}[i%4]
		name := fmt.Sprintf("%03d.%s", i, strings.Repeat(part, 1000/len([]rune(part))))
		names = append(names, name)
	}
	var green, red strings.Builder
	for _, name := range names {
		fmt.Fprintf(&green, "test: %s\nsuccess: %s\n", name, name)
		fmt.Fprintf(&red, "test: %s\nfailure: %s [\n%s\n]\n", name, name, strings.Repeat("長いメッセージ", 200))
	}
	for n, file := range []string{green.String(), red.String()} {
		if a := s.Do("POST", "/v1/runs", `{"name":"`+strings.Repeat("夜", 200)+`"}`, servertest.Admin(), servertest.JSON()); a.Status != http.StatusCreated {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		if a := s.Do("POST", fmt.Sprintf("/v1/post-result?test_id=%d", n+1), file); a.Status != http.StatusCreated {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	s.Work()()
	b := pagestest.LogIn(t, s.URL, servertest.AdminToken)
	for _, path := range []string{"/ui/", "/ui/runs", "/ui/compare", "/ui/runs/2", "/ui/runs/2?outcome=all", "/ui/compare?head=run:2&base=run:1", "/ui/events", "/ui/search?q=" + url.QueryEscape("夜間"), "/ui/issues?name=" + url.QueryEscape(names[1])} {
		p := b.Get(path, "Accept-Encoding", "gzip")
		if p.Status != http.StatusOK || p.Header.Get("Content-Encoding") != "gzip" || len(p.Body) > 300_000 {
			t.Errorf("%s: %d, %d bytes as sent, %v", path, p.Status, len(p.Body), p.Header)
		}
	}
	for _, name := range names[:4] {
		for _, path := range []string{"/ui/tests?set=run:2&name=", "/ui/history?name="} {
			p := b.Get(path + url.QueryEscape(name))
			pagestest.Check(t, path, p)
			if whole := strings.ReplaceAll(html.UnescapeString(strings.ReplaceAll(p.Body, "<wbr>", "")), "\n", ""); p.Status != http.StatusOK || !strings.Contains(whole, name[:100]) || !strings.Contains(whole, name[len(name)-100:]) {
				t.Errorf("%s%.30s…: %d, and the name is not whole", path, name, p.Status)
			}
		}
	}
}
