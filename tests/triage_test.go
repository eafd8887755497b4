package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// TestTriage_browser: a log opens at its first failure, without a script of its own,
// and keys lead from a failing test to the next one and back.
func TestTriage_browser(t *testing.T) {
	t.Parallel()

	chromium := findChromium(t)
	s := servertest.New(t)
	if a := s.Do("POST", "/v1/runs", `{"name":"nightly"}`, servertest.Admin(), servertest.JSON()); a.Status != 201 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	var file strings.Builder
	file.WriteString("test: a.first\nfailure: a.first [\n")
	for i := range 9000 {
		if i == 4710 {
			file.WriteString("ERROR: \x1b[31mit <broke>\x1b[0m\n")
			continue
		}
		fmt.Fprintf(&file, "line %d\n", i+1)
	}
	file.WriteString("]\ntest: a.green\nsuccess: a.green\ntest: a.夜間.テスト[<b>]\nfailure: a.夜間.テスト[<b>] [\nboom\n]\n")
	if a := s.Do("POST", "/v1/post-result?test_id=1", file.String()); a.Status != 201 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	tab := startChromium(t, chromium)
	complaints := listen(t, tab, s.URL)
	logIn(t, tab, s.URL, "/ui/tests?set=run:1&name=a.first&log=0")
	says := func(what, script string) {
		t.Helper()
		await.That(t, what, func() bool { // a page may just be coming, and hears no keys before it is complete
			return ask(t, tab, chromedp.Evaluate[bool](`(() => { try { return document.readyState === 'complete' && !!(`+script+`); } catch { return false; } })()`))
		})
	}
	press := func(key string) {
		t.Helper()
		if err := chromedp.Do(tab, chromedp.KeyEvent(key)); err != nil {
			t.Fatal(err)
		}
	}
	says("the log at its first failure", `(r => r.top > 0 && r.bottom < innerHeight)(document.getElementById('L4711').getBoundingClientRect()) && scrollY > 0`)
	says("the colour as a class", `document.querySelector('.log .a-1').textContent === 'it <broke>'`)
	press("j")
	says("the next failing test", `document.title.startsWith('✕ テスト') && document.querySelector('.log').textContent.includes('boom')`)
	press("k")
	says("the one before", `document.title.startsWith('✕ first')`)
	for _, complaint := range complaints() {
		t.Errorf("the browser says: %s", complaint)
	}
}
