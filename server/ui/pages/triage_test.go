package pages_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/server/ui/pages/pagestest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// wants says what a page must hold, and what it must not, which begins with "!".
func wants(t *testing.T, b *pagestest.Browser, path string, texts ...string) pagestest.Page {
	t.Helper()
	p := b.Get(path)
	if p.Status != 200 {
		t.Fatalf("GET %s: %d\n%.3000s", path, p.Status, p.Body)
	}
	pagestest.Check(t, path, p)
	for _, text := range texts {
		unwanted, not := strings.CutPrefix(text, "!")
		if strings.Contains(p.Body, unwanted) == not {
			t.Errorf("GET %s: %q is there: %v\n%.12000s", path, unwanted, not, p.Body)
		}
	}
	return p
}

// A run without a test says why, and offers no tests to look at.
func TestRun_withoutTests(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	b := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	for i, tt := range []struct {
		file  string
		texts []string
	}{
		{"hello\n", []string{"nothing could be read", "none of the formats that", "!All tests"}},
		{"<testsuites/>", []string{"no tests", "There is no test in what was uploaded.", "!All tests"}},
		{"test: a\nskip: a\n", []string{"skip, 1\u00a0test<", "!no test in what"}},
	} {
		if a := s.Do("POST", "/v1/post-result", tt.file); a.Status != 201 {
			t.Fatalf("post-result: %d %s", a.Status, a.Body)
		}
		wants(t, b, fmt.Sprintf("/ui/runs/%d", i+1), tt.texts...)
	}
}

// A comparison names what broke, and is never good news where something is missing.
func TestTriage_compare(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	names := newWorld(t, s)
	b := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	second := wants(t, b, names.Replace("/ui/compare?head=run:{second}&base=run:{run}/1"),
		`<title>✕ run `, "boom &lt;script&gt;", "New failures <b>1</b>", "New, failing <b>1</b>", "/ui/tests?name=a.b.C.two", "!createKnownIssue", "!known…")
	if !strings.Contains(second.Body, `as=csv`) {
		t.Errorf("there is no CSV")
	}
	csv := b.Get(names.Replace("/ui/compare?head=run:{second}&base=run:{run}/1&class=all&as=csv"))
	if !strings.Contains(csv.Body, ",a.b.C.two,new_failure,pass,") || !strings.Contains(csv.Body, "hangs,new_failing,,") {
		t.Errorf("CSV: %s", csv.Body)
	}
	wants(t, b, names.Replace("/ui/compare?head=run:{damaged}&class=all"), "The head is not whole", "!<title>✓")
	wants(t, b, names.Replace("/ui/compare?head=run:{run}/1"), "Nothing complete is before it", "!<title>✕")
	for path, status := range map[string]int{"/ui/compare?head=run:999": 404, "/ui/compare?head=nonsense": 400, "/ui/compare?head=run:1&class=none": 400, "/ui/tests?set=run:1&name=nothing": 404, "/ui/tests": 400, "/ui/tests/attachment?at=/v1/tokens": 400} {
		p := b.Get(path)
		if p.Status != status {
			t.Errorf("GET %s: %d, want %d", path, p.Status, status)
		}
		pagestest.Check(t, path, p)
	}
}

// A test shows what went wrong, where it passed last, and the way to the next failure.
func TestTriage_test(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	names := newWorld(t, s)
	b := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	path := names.Replace("/ui/tests?set=run:{second}&name=a.b.C.two")
	wants(t, b, path, `<title>✕ two`, "boom &lt;script&gt;", "1 of 2\u00a0failing tests", `rel="next"`, "!rel=\"prev\"", "History")
	wants(t, b, path+"&log=0", `id="L1"`, "boom &lt;script&gt;")
	wants(t, b, path+"&log=0&find=BOOM", "<mark>boom</mark>")
	wants(t, b, names.Replace("/ui/tests?set=run:{second}&name=")+url.QueryEscape("a.b.日本.three[<b>]"), "three", "[&lt;b&gt;]", "!<b>]", "日本")
	wants(t, b, names.Replace("/ui/tests?set=run:{damaged}&name=a"), "The set is not whole", "!<title>✓")
}

// A log of many lines comes in parts and opens at its first failure.
func TestTriage_log(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	made := s.Do("POST", "/v1/runs", `{"name":"logs"}`, servertest.Admin(), servertest.JSON())
	if made.Status != 201 {
		t.Fatalf("%d %s", made.Status, made.Body)
	}
	var log strings.Builder
	for i := range 9000 {
		if i == 4710 {
			log.WriteString("ERROR: it broke\n")
			continue
		}
		fmt.Fprintf(&log, "\x1b[32mline\x1b[0m %d\n", i+1)
	}
	if a := s.Do("POST", "/v1/post-result?test_id=1", "test: long\nfailure: long [\n"+log.String()+"]\n"); a.Status != 201 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	b := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	path := "/ui/tests?set=run:1&name=long"
	wants(t, b, path, "ERROR: it broke", "!>line</span> 9000")
	wants(t, b, path+"&log=0", `id="L4711" href="#L4711" autofocus`, `<span class="a-2">line</span> 4001`, "!</span> 3999\n")
	wants(t, b, path+"&log=0&part=1", `id="L1"`, `id="L2000"`, "!id=\"L2001\"")
	wants(t, b, path+"&log=0&line=8999", `id="L8999"`)
	wants(t, b, path+"&log=0&find=broke", "#L4711")
}

// The history of a test says how it behaves, and a later pass hides no failure.
func TestTriage_history(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	names := newWorld(t, s)
	b := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	p := wants(t, b, names.Replace("/ui/history?name=a.b.C.two&cloud_id={cloud}"), "Flaky", "both pass and fail on run:", "<title>✕ ", "cloud id: ", "Flaky tests of this line")
	if n := strings.Count(p.Body, `<tr><td class="oc">`); n != 3 {
		t.Errorf("%d results, want 3", n)
	}
	wants(t, b, "/ui/history?name=a.b.C.two&outcome=pass&limit=50", "outcome: pass", "remove this filter")
	wants(t, b, "/ui/history?name=nobody", "Nobody has reported", "slipway upload", "!<title>✓")
	wants(t, b, names.Replace("/ui/flaky?cloud_id={cloud}&verdict=flaky,too_few"), "a.<wbr>b.<wbr>C.<wbr>two", "2 of 3", "t-flaky")
	wants(t, b, "/ui/flaky?job=nothing", "slipway upload")
	for _, path := range []string{"/ui/history?name=a&since=yesterday", "/ui/history?name=a&cloud_id=x", "/ui/history?name=a&outcome=green", "/ui/flaky?cloud_id=1&window=x", "/ui/flaky?cloud_id=1&verdict=green"} {
		if p := b.Get(path); p.Status != 400 {
			t.Errorf("GET %s: %d, want 400", path, p.Status)
		}
	}
}

// Operators make, change and close known issues; readers see them.
func TestTriage_issues(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	names := newWorld(t, s)
	reader, operator := pagestest.LogIn(t, s.URL, s.Token(auth.Reader)), pagestest.LogIn(t, s.URL, s.Token(auth.Operator))
	wants(t, reader, "/ui/issues?name=*", "slipway issue add", "!Make it known", "!New issue")
	wants(t, operator, "/ui/issues?name=a.b.*&message=boom+%3Cscript%3E", "Make it known", "boom &lt;script&gt;")
	form := url.Values{"do": {"preview"}, "title": {"<b>夜間</b>"}, "name": {"a.b.C.*"}, "message": {"boom"}, "source": {"run"}}
	p := operator.Send("/ui/issues", form)
	if p.Status != 200 || !strings.Contains(p.Body, "What it would explain") || !strings.Contains(p.Body, "<b>2</b> of 10\u00a0failures") || !strings.Contains(p.Body, "a.<wbr>b.<wbr>C.<wbr>two") {
		t.Errorf("preview: %d\n%.9000s", p.Status, p.Body)
	}
	pagestest.Check(t, "preview", p)
	for field, bad := range map[string]string{"expires": "soon", "cloud_id": "x", "product_id": "x", "context": "colour=red", "url": "javascript:alert(1)"} {
		wrong := url.Values{"do": {"save"}, "title": {"t"}, "name": {"n"}, field: {bad}}
		if p := operator.Send("/ui/issues", wrong); p.Status != 400 || !strings.Contains(p.Body, `role="alert"`) {
			t.Errorf("%s %q: %d", field, bad, p.Status)
		}
	}
	back := names.Replace("/ui/runs/{second}")
	known := url.Values{"do": {"save"}, "title": {"once"}, "name": {"nothing like it"}, "back": {back}}
	if p := operator.Send("/ui/issues", known); p.URL.Path != back || !strings.Contains(p.Body, "“once” is known") {
		t.Errorf("made from a run: %d at %s", p.Status, p.URL)
	}
	known.Set("back", "https://evil.example/")
	if p := operator.Send("/ui/issues", known); p.URL.Path != "/ui/" || p.Status != 200 {
		t.Errorf("made from elsewhere: %d at %s", p.Status, p.URL)
	}
	form.Set("do", "save")
	p = operator.Send("/ui/issues", form)
	id := p.URL.Query().Get("id")
	if p.Status != 200 || id == "" || !strings.Contains(p.Body, "&lt;b&gt;夜間&lt;/b&gt;") {
		t.Fatalf("save: %d %s\n%.5000s", p.Status, p.URL, p.Body)
	}
	wants(t, reader, names.Replace("/ui/compare?head=run:{second}&base=run:{run}/1"), "t-known", "hide known <b>1</b>")
	wants(t, reader, names.Replace("/ui/compare?head=run:{second}&base=run:{run}/1&class=new_failure&known=exclude"), "when known ones are hidden", "New failures <b>1</b>")
	if p := reader.Send("/ui/issues", url.Values{"do": {"close"}, "id": {id}}); p.Status != 403 {
		t.Errorf("a reader closes: %d, want 403", p.Status)
	}
	if p := operator.SendRaw("/ui/issues", url.Values{"do": {"close"}, "id": {id}}); p.Status != 403 {
		t.Errorf("without the form's token: %d, want 403", p.Status)
	}
	form.Set("id", id)
	form.Set("expires", "2026-12-31")
	form.Set("context", "lab_name=lab-alder\narch\n")
	if p := operator.Send("/ui/issues", form); p.Status != 200 || !strings.Contains(p.Body, "lab_name=lab-alder") || !strings.Contains(p.Body, "2026-12-31T00:00:00Z") {
		t.Errorf("change: %d\n%.9000s", p.Status, p.Body)
	}
	if p := operator.Send("/ui/issues", url.Values{"do": {"close"}, "id": {id}}); !strings.Contains(p.Body, "closed") || !strings.Contains(p.Body, "Open again") {
		t.Errorf("close: %d\n%.9000s", p.Status, p.Body)
	}
	wants(t, operator, "/ui/issues", "!a.<wbr>b.<wbr>C.<wbr>*")
	wants(t, operator, "/ui/issues?state=closed", "Open again")
	if p := operator.Send("/ui/issues", url.Values{"do": {"delete"}, "id": {id}}); p.Status != 200 || !strings.Contains(p.Body, "The issue is gone") {
		t.Errorf("delete: %d", p.Status)
	}
}

// What has expired is said, and is no good news; what is left beside it is shown.
func TestTriage_expired(t *testing.T) {
	t.Parallel()

	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s := servertest.On(t, storetest.Open(t, store.Config{DataDir: t.TempDir(), Now: now}), func(c *server.Config) {
		c.Now, c.Retention.Every = now, 0
	})
	do := func(method, path, body string, status int) (object map[string]any) {
		t.Helper()
		a := s.Do(method, path, body, servertest.Admin(), servertest.JSON())
		if a.Status != status {
			t.Fatalf("%s %s: %d %s", method, path, a.Status, a.Body)
		}
		if err := json.Unmarshal(a.Body, &object); err != nil {
			t.Fatal(err)
		}
		return object
	}
	for n := 1; n <= 3; n++ {
		do("POST", "/v1/runs", `{"name":"nightly"}`, 201)
		if a := s.Do("POST", fmt.Sprintf("/v1/post-result?test_id=%d", n), "test: a\nsuccess: a\ntest: b\nfailure: b [\nboom\n]\n"); a.Status != 201 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	ahead.Store(int64(100 * 24 * time.Hour))
	do("PUT", "/v1/retention", `{"rules":[{"class":"tests","days":30}]}`, 200)
	run := do("POST", "/v1/retention/runs", "", 202)
	await.That(t, "the removal ends", func() bool { return do("GET", "/v1/retention/runs/"+run["id"].(string), "", 200)["ended_on"] != nil })
	b := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	wants(t, b, "/ui/compare?head=run:1&base=none", "Expired:", "<title>▲", "!<title>✓")
	wants(t, b, "/ui/compare?head=run:3&base=run:1", "Expired:", "The head alone", "!<title>✓")
	wants(t, b, "/ui/tests?set=run:1&name=a", "Expired:", "!<title>✓")
	wants(t, b, "/ui/tests?set=run:3&name=b", "boom", "<title>✕", "!new test")
	wants(t, b, "/ui/history?name=b", "Not all of it is left", "<title>✕")
}
