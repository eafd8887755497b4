package tests

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/server/ui/pages"
	"github.com/slipway-lab/slipway/server/ui/pages/pagestest"
)

// looks are all pages that are looked at over the demo: those of browsed, and those
// whose address has an id in it that differs from demo to demo.
func looks(t testing.TB, s *servertest.Server) map[string]string {
	t.Helper()
	opportunity := func(state string) string {
		return "/ui/opportunities/" + found(t, s, "/v1/opportunities?state="+state, "test_opportunities", "test_opportunity_id")
	}
	task := func(status string) string {
		var tasks []struct {
			ID     string `json:"task_id"`
			Result struct{ Status string }
		}
		a := s.Do("GET", "/v1/tasks", "", servertest.Admin())
		if err := json.Unmarshal(a.Body, &tasks); err != nil {
			t.Fatalf("tasks: %d %.500s", a.Status, a.Body)
		}
		for _, one := range tasks {
			if one.Result.Status == status {
				return "/ui/tasks/" + one.ID
			}
		}
		t.Fatalf("no task ended with %s", status)
		return ""
	}
	product := "/ui/products/" + found(t, s, "/v1/products?name=pc-kernel", "products", "id")
	image := found(t, s, "/v1/opportunities?state=COMPLETED", "test_opportunities", "image_unique_id")
	kernel := "/ui/kernels/mainline/" + url.PathEscape(found(t, s, "/v1/job?job=mainline&sort=created_on&sort_order=-1&limit=1", "result", "kernel"))
	all := map[string]string{
		"products": "/ui/products", "product": product, "product-image": product + "?image=" + url.QueryEscape(image),
		"opportunity-ended": opportunity("COMPLETED"), "opportunity-runs": opportunity("PICKED"), "opportunity-waits": opportunity("QUEUED"), "opportunity-expired": opportunity("EXPIRED"),
		"agents": "/ui/agents", "agents-none": "/ui/agents?agent=nobody",
		"kernels": "/ui/kernels", "kernel": kernel,
		"events": "/ui/events", "events-results": "/ui/events?event_type=RESULT_STORED", "events-none": "/ui/events?event_type=nothing",
		"nodes": "/ui/nodes", "nodes-none": "/ui/nodes?q=nothing", "node": "/ui/nodes/cab23-r720-16", "machines": "/ui/machines",
		"tasks": "/ui/tasks", "task": task("success"), "task-failed": task("failure"), "designs": "/ui/designs",
		"design": "/ui/designs/" + found(t, s, "/v1/designs", "designs", "id"),
		"search": "/ui/search?q=boot", "search-none": "/ui/search?q=nobody", "search-begin": "/ui/search",
		"admin": "/ui/admin", "webhooks": "/ui/admin/webhooks", "webhook": "/ui/admin/webhooks/" + found(t, s, "/v1/webhooks", "webhooks", "id"),
		"audit": "/ui/admin/audit", "retention": "/ui/admin/retention", "storage": "/ui/admin/storage",
		"latest": "/ui/runs/latest?cloud=1", "absent": "/ui/nothing",
		"guides": "/docs/guide/", "guide": "/docs/guide/first-minute", "guide-limits": "/docs/guide/limits",
	}
	maps.Copy(all, browsed)
	return all
}

// unseen are pages that are no page for the eyes: forms, files, pictures, feeds.
var unseen = []string{"/ui/admin/tokens/{token}", "/ui/runs/{id}/raw", "/ui/runs/{id}/files/{n}", "/ui/tests/attachment", "/ui/badge.svg", "/ui/feed.atom", "/ui/opportunities/{opportunity}/output", "/ui/keeps", "/ui/kernels/file"}

// TestPages_browser looks at every page wide and on telephones, light and dark. The
// browser must not complain, nothing may reach beyond the window, and nobody else is
// asked for anything. SLIPWAY_TEST_AXE names axe-core's axe.min.js, which then must find
// nothing serious. Screenshots are kept with go test -artifacts.
func TestPages_browser(t *testing.T) {
	t.Parallel()

	chromium, axe := findChromium(t), axeCore(t)
	s := startDemo(t)
	all := looks(t, s)
	mustSeeAll(t, all)
	for names := range slices.Chunk(slices.Sorted(maps.Keys(all)), 8) { // a browser has a time limit
		t.Run(names[0]+" to "+names[len(names)-1], func(t *testing.T) {
			t.Parallel()
			tab := startChromium(t, chromium)
			complaints := listen(t, tab, s.URL)
			logIn(t, tab, s.URL, "/ui/")
			for _, name := range names {
				lookAround(t, tab, s.URL+all[name], name, axe)
			}
			complain(t, complaints())
		})
	}
}

// TestPages_fresh looks at the pages of a server that has seen nothing, and at the
// login, as TestPages_browser does.
func TestPages_fresh(t *testing.T) {
	t.Parallel()

	chromium, axe := findChromium(t), axeCore(t)
	s := servertest.New(t)
	tab := startChromium(t, chromium)
	complaints := listen(t, tab, s.URL)
	lookAround(t, tab, s.URL+"/ui/login?next=/ui/runs", "fresh-login", axe)
	logIn(t, tab, s.URL, "/ui/")
	for _, path := range []string{"", "runs", "compare", "flaky", "issues", "history", "products", "agents", "kernels", "events", "nodes", "tasks", "designs", "machines", "search", "admin", "admin/webhooks", "admin/audit", "admin/retention", "admin/storage"} {
		lookAround(t, tab, s.URL+"/ui/"+path, "fresh-"+strings.ReplaceAll(path, "/", "-"), axe)
	}
	complain(t, complaints())
}

func complain(t *testing.T, complaints []string) {
	t.Helper()
	for _, complaint := range complaints {
		if !strings.Contains(complaint, "status of 404") { // a page that is not there is one of them
			t.Errorf("the browser says: %s", complaint)
		}
	}
}

// mustSeeAll finds pages that nobody looks at.
func mustSeeAll(t *testing.T, all map[string]string) {
	t.Helper()
	mux := http.NewServeMux()
	seen := map[string]bool{}
	for _, area := range pages.Table() {
		for _, p := range area {
			mux.Handle(p.Path, http.NotFoundHandler())
			seen[p.Path] = slices.Contains(unseen, p.Path)
		}
	}
	for _, address := range all {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://slipway"+address, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		_, pattern := mux.Handler(r)
		seen[pattern] = true
		if address == "/ui/" {
			seen["/ui"] = true
		}
	}
	for path, is := range seen {
		if !is {
			t.Errorf("page %s is looked at by no browser: it wants a line in looks", path)
		}
	}
}

// serious has axe-core run with options and names what it finds serious.
const serious = `axe.run(%s).then(r => r.violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(v => v.id + ': ' + v.nodes[0].html.slice(0, 200)).join('; '))`

// byColour are the rules of axe-core whose findings depend on the scheme.
const byColour = `{runOnly: {type: 'rule', values: ['color-contrast', 'link-in-text-block']}}`

// narrow is the width of a telephone.
const narrow = 400

// wider names the first elements that reach beyond the window.
const wider = `[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.parentElement.closest('svg')).slice(0, 4).map(e => e.outerHTML.slice(0, 120)).join(' | ')`

// mostBytes is how large a page may be.
const mostBytes = 300 << 10

func lookAround(t *testing.T, tab context.Context, address, name, axe string) {
	t.Helper()
	open(t, tab, address, name)
	if axe != "" {
		ask(t, tab, chromedp.Evaluate[bool](axe+"; true"))
	}
	for _, width := range []int64{narrow, 1280} { // as somebody who turns a telephone
		if err := chromedp.Do(tab, chromedp.EmulateViewport(width, 800)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, scheme := range []string{"light", "dark"} { // a style sheet's matter, of the same page
			view := fmt.Sprintf("%s-%d-%s", name, width, scheme)
			look(t, tab, view, scheme)
			if axe == "" || i > 0 && width == narrow { // colours have been looked at
				continue
			}
			rules := []string{"", byColour}[i]
			if found := ask(t, tab, chromedp.Evaluate[string](fmt.Sprintf(serious, rules), chromedp.EvalAwaitPromise)); found != "" {
				t.Errorf("%s: axe finds %s", view, found)
			}
		}
		fits(t, tab, name, width)
	}
	if err := chromedp.Do(tab, chromedp.EmulateViewport(360, 800)); err != nil {
		t.Fatal(err)
	}
	fits(t, tab, name, 360)
	if got := ask(t, tab, chromedp.Evaluate[int64](`performance.getEntriesByType('navigation')[0].decodedBodySize`)); got > mostBytes {
		t.Errorf("%s has %d bytes, want at most %d", name, got, mostBytes)
	}
}

func fits(t *testing.T, tab context.Context, name string, width int64) {
	t.Helper()
	if got := ask(t, tab, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); got > width {
		t.Errorf("%s is %d pixels wide in a window of %d: %s", name, got, width, ask(t, tab, chromedp.Evaluate[string](wider)))
	}
}

// open shows a page on a telephone.
func open(t *testing.T, tab context.Context, address, name string) {
	t.Helper()
	if err := chromedp.Do(tab, chromedp.EmulateViewport(narrow, 800), chromedp.Navigate(address), chromedp.WaitVisible(chromedp.CSS(`h1`))); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// look shows the page in a scheme, and takes a picture of it for who keeps them: to
// paint all of a long page is most of the work.
func look(t *testing.T, tab context.Context, view, scheme string) {
	t.Helper()
	err := chromedp.Do(tab, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
	if err != nil {
		t.Fatalf("%s: %v", view, err)
	}
	if kept := flag.Lookup("test.artifacts"); kept == nil || kept.Value.String() != "true" {
		return
	}
	picture, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(t.ArtifactDir(), view+".png"), picture, 0o644)
	}
	if err != nil {
		t.Errorf("screenshot: %v", err)
	}
}

// BenchmarkPages measures every page over the demo: the time on the wall, how long this
// process computes (which others do not disturb; the client's part is in it), and the
// bytes.
func BenchmarkPages(b *testing.B) {
	s := startDemo(b)
	all := looks(b, s)
	visitor := pagestest.LogIn(b, s.URL, servertest.AdminToken)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.Run(name, func(b *testing.B) {
			size, before := 0, cpu(b)
			for b.Loop() {
				size = len(visitor.Get(all[name]).Body)
			}
			b.ReportMetric(float64(size)/1000, "kB")
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
