package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// TestExplorer opens the API explorer in a real browser that cannot reach any
// host but this one, looks for every operation of the published document, and
// tries one out. What the browser complains about, such as something that the
// content security policy refused, fails the test, and so does a request to
// anywhere else.
func TestExplorer(t *testing.T) {
	t.Parallel()

	chromium := findChromium(t)
	s := servertest.New(t, func(c *server.Config) {
		c.Edge.TrustedProxies = []string{"127.0.0.0/8"}
	})
	t.Run("at the root of its host", func(t *testing.T) {
		t.Parallel()
		explore(t, chromium, s.URL)
	})
	t.Run("behind a proxy under a prefix", func(t *testing.T) {
		t.Parallel()
		explore(t, chromium, proxyUnder(t, s.URL, "/lab/slipway"))
	})
}

// explore looks at the explorer of the server at base and executes getHealth.
func explore(t *testing.T, chromium, base string) {
	t.Helper()
	const path = "/healthz"
	want := countOperations(t, base+"/openapi.json")
	tab := startChromium(t, chromium)
	complaints := listen(t, tab, base)
	operation := fmt.Sprintf(`.opblock-get:has([data-path=%q])`, path)

	limited, cancel := context.WithTimeout(tab, await.Limit)
	defer cancel()
	err := chromedp.Do(
		limited,
		chromedp.EmulateViewport(1280, 20000), // the page draws only what is in sight
		chromedp.Navigate(base+"/docs"),
		chromedp.WaitVisible(chromedp.CSS(`.opblock-tag`)), // all that is there is folded
		chromedp.SendKeys(chromedp.CSS(searchField), "gethealth"),
	)
	if err == nil {
		unfold(t, tab, operation)
		err = chromedp.Do(
			limited,
			chromedp.WaitVisible(chromedp.CSS(operation+` .responses-table .response`)), // Execute is there before the operation is known
			chromedp.Click(chromedp.CSS(operation+` .execute`)),
			chromedp.WaitVisible(chromedp.CSS(operation+` .live-responses-table .response`)),
		)
	}
	keepScreenshot(t, tab)
	for _, complaint := range complaints() {
		t.Errorf("the browser says: %s", complaint)
	}
	if err != nil {
		t.Fatalf("explorer at %s/docs: %v", base, err)
	}
	if got := ask(t, tab, chromedp.Title()); got != "Slipway API" {
		t.Errorf("title %q, want Slipway API", got)
	}
	if got := ask(t, tab, chromedp.Text(chromedp.CSS(operation+` .live-responses-table .response .response-col_status`))); got != "200" {
		t.Errorf("Execute of GET %s: status %q, want 200", path, got)
	}
	searchFor(t, tab, "/") // which all paths have
	awaitOperations(t, tab, want)
}

// searchField filters the operations.
const searchField = `.operation-filter-input`

// searchFor replaces what stands in the search field.
func searchFor(t *testing.T, tab context.Context, phrase string) {
	t.Helper()
	// React keeps the value, so it must hear of the change.
	found := ask(t, tab, chromedp.Evaluate[bool](fmt.Sprintf(`(() => {
		const field = document.querySelector(%q);
		Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, %q);
		return field.dispatchEvent(new Event('input', {bubbles: true}));
	})()`, searchField, phrase)))
	if !found {
		t.Fatalf("the page does not search for %q", phrase)
	}
}

// unfold opens an operation. The list is still being filtered, so that what was under
// the mouse a moment ago may be elsewhere: it asks until the operation is open.
func unfold(t *testing.T, tab context.Context, block string) {
	t.Helper()
	await.That(t, block+" is open", func() bool {
		return ask(t, tab, chromedp.Evaluate[bool](fmt.Sprintf(`(() => {
			const block = document.querySelector(%q);
			if (!block) return false;
			if (block.classList.contains('is-open')) return true;
			const now = Date.now(); // a second click too soon would close it
			if (now - (block.unfolded ?? 0) > 2000) {
				block.unfolded = now;
				block.querySelector('.opblock-summary-control').click();
			}
			return false;
		})()`, block)))
	})
}

// TestExplorer_firstClick logs in and executes operations as they stand there: what
// is optional is empty, so that nobody has to clear fields first.
func TestExplorer_firstClick(t *testing.T) {
	t.Parallel()

	chromium := findChromium(t)
	s := servertest.New(t)
	tab := startChromium(t, chromium)
	complaints := listen(t, tab, s.URL)
	file := filepath.Join(t.TempDir(), "arm.tap")
	if err := os.WriteFile(file, []byte("1..1\nok 1 - arm moves\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(tab, await.Limit)
	defer cancel()
	err := chromedp.Do(
		limited,
		chromedp.EmulateViewport(1280, 3000),
		chromedp.Navigate(s.URL+"/docs"),
		chromedp.Click(chromedp.CSS(`.authorize`)),
		chromedp.WaitVisible(chromedp.CSS(`.auth-container input:focus`)),
		chromedp.SendKeys(chromedp.CSS(`.auth-container input`), servertest.AdminToken),
		chromedp.Click(chromedp.CSS(`.modal-btn.authorize`)),
		chromedp.Click(chromedp.CSS(`.modal-btn.btn-done`)),
	)
	if err != nil {
		t.Fatalf("log in: %v", err)
	}
	execute := func(operation, status string, before ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		searchFor(t, tab, operation)
		block := fmt.Sprintf(`[id$=%q]`, "-"+operation)
		unfold(t, tab, block)
		steps := []chromedp.Action[chromedp.Void]{chromedp.WaitVisible(chromedp.CSS(block + ` .responses-table .response`))}
		steps = append(steps, before...)
		steps = append(steps, chromedp.Click(chromedp.CSS(block+` .execute`)), chromedp.WaitVisible(chromedp.CSS(block+` .live-responses-table .response`)))
		if err := chromedp.Do(limited, steps...); err != nil {
			keepScreenshot(t, tab)
			t.Fatalf("%s: %v", operation, err)
		}
		if got := ask(t, tab, chromedp.Text(chromedp.CSS(block+` .live-responses-table .response .response-col_status`))); got != status {
			t.Errorf("%s at the first click: status %q, want %s; it sent %s", operation, got, status, ask(t, tab, chromedp.Text(chromedp.CSS(block+` .request-url`))))
		}
	}
	execute("postResult", "201", chromedp.SetUploadFiles(chromedp.CSS(`input[type=file]`), []string{file}))
	for _, operation := range []string{"listRuns", "searchTestResults", "listBoots", "listEvents"} {
		execute(operation, "200")
	}
	searchFor(t, tab, "listRuns")
	shown := ask(t, tab, chromedp.Text(chromedp.CSS(`[id$="-listRuns"] .responses-wrapper`)))
	if !strings.Contains(shown, `"test_id": 1`) {
		t.Errorf("listRuns does not show the run that was uploaded: %.1500s", shown)
	}
	for _, complaint := range complaints() {
		t.Errorf("the browser says: %s", complaint)
	}
}

// TestExplorer_looks looks at the page in the dark and on a telephone.
func TestExplorer_looks(t *testing.T) {
	t.Parallel()

	chromium := findChromium(t)
	s := servertest.New(t)
	tab := startChromium(t, chromium)
	listen(t, tab, s.URL)
	err := chromedp.Do(
		tab,
		chromedp.EmulateViewport(400, 2000),
		chromedp.Navigate(s.URL+"/docs"),
		chromedp.WaitVisible(chromedp.CSS(`.opblock-tag`)),
	)
	if err != nil {
		t.Fatal(err)
	}
	searchFor(t, tab, "listRuns")
	unfold(t, tab, `[id$="-listRuns"]`)
	if err := chromedp.Do(tab, chromedp.WaitVisible(chromedp.CSS(`.responses-table`))); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, tab, chromedp.Evaluate[int](`document.documentElement.scrollWidth`)); got > 400 {
		t.Errorf("the page is %d pixels wide in a window of 400", got)
	}
	keepScreenshot(t, tab)
}

// awaitOperations waits until the page shows every operation. It draws only those
// in sight, which the height of the window makes all of them.
func awaitOperations(t *testing.T, tab context.Context, want int) {
	t.Helper()
	got := 0
	shown := await.Until(func() bool {
		got = ask(t, tab, chromedp.Evaluate[int](`document.querySelectorAll('.opblock').length`))
		return got == want
	})
	if !shown {
		t.Errorf("the page shows %d operations, the document has %d", got, want)
	}
}

// proxyUnder starts a proxy that shows the server below a prefix, and returns
// the address that a visitor uses.
func proxyUnder(t *testing.T, target, prefix string) string {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatalf("address of the server: %v", err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
		r.Out.Header.Set("X-Forwarded-Prefix", prefix)
	}}
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, proxy))
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	return front.URL + prefix
}

// findChromium returns the browser's path. SLIPWAY_TEST_CHROMIUM names one that
// must be there; without it a machine that has none skips the test.
func findChromium(t *testing.T) string {
	t.Helper()
	if name := os.Getenv("SLIPWAY_TEST_CHROMIUM"); name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatalf("SLIPWAY_TEST_CHROMIUM: %v", err)
		}
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium in PATH (Debian: apt-get install chromium), so the explorer is not tried in a browser")
	return ""
}

// startChromium starts a browser with a new profile and without a network but
// loopback. It is stopped with the test.
func startChromium(t *testing.T, path string) context.Context {
	t.Helper()
	// Not t.TempDir: Chromium makes a socket in there, whose path must be short,
	// and a process of its that ends late must not fail the test.
	dir, err := os.MkdirTemp("", "slipway-chromium-")
	if err != nil {
		t.Fatalf("directory for Chromium: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	options := append(
		chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.Env("TMPDIR="+dir),
		chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox refuses root
	}
	limited, cancel := context.WithTimeout(t.Context(), 3*await.Limit)
	t.Cleanup(cancel)
	allocator, cancel := chromedp.NewExecAllocator(limited, options...)
	t.Cleanup(cancel)
	tab, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	return tab
}

// listen collects what the browser complains about and the requests that it
// makes to others than base. The function it returns tells them.
func listen(t *testing.T, tab context.Context, base string) func() []string {
	t.Helper()
	var mu sync.Mutex
	var complaints []string
	add := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		complaints = append(complaints, fmt.Sprintf(format, args...))
	}
	err := chromedp.Listen(tab, func(event any) {
		switch e := event.(type) {
		case *log.EventEntryAdded: // a refusal by the policy comes as one of these
			if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
				add("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
			}
		case *runtime.EventExceptionThrown:
			add("exception: %v", e.ExceptionDetails)
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError {
				for _, arg := range e.Args {
					add("console: %s%s", arg.Value, arg.Description)
				}
			}
		case *network.EventRequestWillBeSent:
			if to := e.Request.URL; !strings.HasPrefix(to, base+"/") && !strings.HasPrefix(to, "data:") {
				add("request to %s", to)
			}
		}
	})
	if err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(complaints)
	}
}

// ask runs one action that answers at once, and fails the test when it cannot.
func ask[T any](t *testing.T, tab context.Context, action chromedp.Action[T]) T {
	t.Helper()
	answer, err := chromedp.Run(tab, action)
	if err != nil {
		t.Fatalf("the page does not answer: %v", err)
	}
	return answer
}

// keepScreenshot writes what the page looks like to explorer.png in the test's
// artifacts, which stay after go test -artifacts.
func keepScreenshot(t *testing.T, tab context.Context) {
	t.Helper()
	picture, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(t.ArtifactDir(), "explorer.png"), picture, 0o644)
	}
	if err != nil {
		t.Errorf("screenshot: %v", err)
	}
}

// countOperations reads the published document and counts its operations.
func countOperations(t *testing.T, address string) int {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatalf("document: %v", err)
	}
	defer resp.Body.Close()
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&document); err != nil {
		t.Fatalf("document at %s: %v", address, err)
	}
	count := 0
	for _, item := range document.Paths {
		for _, method := range []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"} {
			if _, found := item[method]; found {
				count++
			}
		}
	}
	return count
}
