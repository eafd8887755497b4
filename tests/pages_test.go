package tests

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// browsed are pages that are looked at in a browser, over the demo; more are in looks_test.go.
var browsed = map[string]string{
	"overview":   "/ui/",
	"runs":       "/ui/runs",
	"runs-none":  "/ui/runs?outcome=skip&damaged=true",
	"run":        "/ui/runs/65",
	"run-all":    "/ui/runs/58?outcome=all",
	"run-files":  "/ui/runs/58?view=files",
	"run-says":   "/ui/runs/58?view=messages",
	"run-begun":  "/ui/runs/66",
	"run-absent": "/ui/runs/4711",

	"comparisons":   "/ui/compare",
	"compare":       "/ui/compare?head=run:65",
	"compare-all":   "/ui/compare?head=run:65&class=all",
	"compare-none":  "/ui/compare?head=run:65&class=fixed&name=nothing",
	"flaky-lines":   "/ui/flaky",
	"flaky":         "/ui/flaky?cloud_id=1&verdict=flaky,regressed,failing,recovered",
	"flaky-kernels": "/ui/flaky?job=mainline",
	"issues":        "/ui/issues",
	"issues-new":    "/ui/issues?name=tempest.*&message=Timed+out",
	"test":          "/ui/tests?set=run:65&name=tempest.api.compute.servers.test_server_actions.ServerActionsTestJSON.test_delete_server%5Bid-bf33a565-d0b6-5f2a-9bf5-30564d8fe54d%5D",
	"test-log":      "/ui/tests?set=run:65&name=tempest.api.compute.servers.test_server_actions.ServerActionsTestJSON.test_delete_server%5Bid-bf33a565-d0b6-5f2a-9bf5-30564d8fe54d%5D&log=1&find=request",
	"history":       "/ui/history?name=ltp.syscalls.openat201&job=mainline",
	"history-none":  "/ui/history?name=nobody",
}

// startDemo starts a server that is filled with the demo, as the command makes it.
func startDemo(t testing.TB) *servertest.Server {
	t.Helper()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	c := exec.CommandContext(t.Context(), program, "demo", "--seed", "0", "--data", data)
	c.Env = append(os.Environ(), "SLIPWAY_SECRET=test-server-secret")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("slipway demo: %v\n%s", err, out)
	}
	return servertest.On(t, storetest.Open(t, store.Config{DataDir: data}))
}

// logIn logs a browser in by the form, and waits for a page.
func logIn(t *testing.T, tab context.Context, base, next string) {
	t.Helper()
	err := chromedp.Do(
		tab,
		chromedp.Navigate(base+"/ui/login?"+url.Values{"next": {next}}.Encode()),
		chromedp.SendKeys(chromedp.CSS(`#token`), servertest.AdminToken+"\r"),
		chromedp.WaitVisible(chromedp.CSS(`footer #curl, footer .curl`)),
	)
	if err != nil {
		t.Fatalf("log in: %v", err)
	}
}

// axeCore is the script that SLIPWAY_TEST_AXE names, empty for none.
func axeCore(t *testing.T) string {
	t.Helper()
	name := os.Getenv("SLIPWAY_TEST_AXE")
	if name == "" {
		return ""
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("SLIPWAY_TEST_AXE: %v", err)
	}
	return string(text)
}

// TestPages_live: what happens is seen without a reload, a filter changes its part of
// the page and the address, and keys lead from a run to the one before it.
func TestPages_live(t *testing.T) {
	t.Parallel()

	chromium := findChromium(t)
	s := servertest.New(t)
	const cloud = `{"label":"stage","admin_endpoint":"http://192.0.2.1/","endpoint":"http://192.0.2.1/","test_user":"t","admin_user":"a"}`
	if a := s.Do("POST", "/v1/clouds", cloud, servertest.Admin(), servertest.JSON()); a.Status != 201 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	upload := func(n int, file string) {
		t.Helper()
		if a := s.Do("POST", "/v1/runs", `{"cloud_id":1,"name":"full"}`, servertest.Admin(), servertest.JSON()); a.Status != 201 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		if a := s.Do("POST", fmt.Sprintf("/v1/post-result?test_id=%d", n), file); a.Status != 201 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	upload(1, "test: a.one\nsuccess: a.one\ntest: a.two\nsuccess: a.two\n")
	tab := startChromium(t, chromium)
	complaints := listen(t, tab, s.URL)
	logIn(t, tab, s.URL, "/ui/")
	says := func(what, script string) {
		t.Helper()
		await.That(t, what, func() bool {
			return ask(t, tab, chromedp.Evaluate[bool](`(() => { try { return !!(`+script+`); } catch { return false; } })()`))
		}) // a page may just be coming
	}
	says("the stream to be open", `document.querySelector('#live').textContent === 'live'`)
	ask(t, tab, chromedp.Evaluate[bool](`window.same = true`))
	upload(2, "test: a.one\nsuccess: a.one\ntest: a.two\nfailure: a.two [\nboom\n]\n")
	says("the new failure", `!!document.querySelector('#new .big')?.textContent.startsWith('+1')`)
	says("a red title", `document.title.startsWith('✕')`)

	if err := chromedp.Do(tab, chromedp.Click(chromedp.CSS(`#new .ttl`)), chromedp.WaitVisible(chromedp.CSS(`#tests`))); err != nil {
		t.Fatal(err)
	}
	ask(t, tab, chromedp.Evaluate[bool](`window.same = true`))
	says("the failing test alone", `[...document.querySelectorAll('#tests .leaf')].map(a => a.textContent).join() === 'two'`)
	if err := chromedp.Do(tab, chromedp.Click(chromedp.CSS(`#chips .chip:last-child`))); err != nil {
		t.Fatal(err)
	}
	says("the test that passed, behind the failure", `[...document.querySelectorAll('#tests .leaf')].map(a => a.textContent).join() === 'two,one'`)
	says("the filter in the address", `location.search.includes('outcome=fail,error,pass') && window.same`)
	if err := chromedp.Do(tab, chromedp.KeyEvent("k")); err != nil {
		t.Fatal(err)
	}
	says("the run before", `document.querySelector('h1').textContent.trim().startsWith('Run 1')`)
	for _, complaint := range complaints() {
		t.Errorf("the browser says: %s", complaint)
	}
}
