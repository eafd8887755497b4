package tests

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// mostTabs is how often somebody presses Tab before giving up.
const mostTabs = 80

// hand is somebody with a keyboard and without a mouse.
type hand struct {
	t   *testing.T
	tab context.Context
}

func (h hand) press(keys string) {
	h.t.Helper()
	if err := chromedp.Do(h.tab, chromedp.KeyEvent(keys)); err != nil {
		h.t.Fatalf("press %q: %v", keys, err)
	}
}

// key presses a key as a keyboard does: what the page makes of the key going down decides
// whether it is a letter.
func (h hand) key(text string) {
	h.t.Helper()
	if err := chromedp.Do(h.tab, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
			p := input.DispatchKeyEventParams{Type: kind, Key: text}
			if kind == input.DispatchKeyEventTypeKeyDown {
				p.Text = text
			}
			if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, p); err != nil {
				return err
			}
		}
		return nil
	})); err != nil {
		h.t.Fatalf("press %q: %v", text, err)
	}
}

// says waits for what a script finds on the page.
func (h hand) says(what, script string) {
	h.t.Helper()
	// A page may just be coming.
	if !await.Until(func() bool {
		return ask(h.t, h.tab, chromedp.Evaluate[bool](`(() => { try { return document.readyState === 'complete' && !!(`+script+`); } catch { return false; } })()`))
	}) {
		h.t.Fatalf("not within %s: %s; the page is %s", await.Limit, what, ask(h.t, h.tab, chromedp.Evaluate[string](`location.href + ' ' + document.querySelector('main')?.innerText.slice(0, 600)`)))
	}
}

// to presses Tab until the focus is where a selector says. Wherever it comes by, it must
// be seen.
func (h hand) to(selector string) {
	h.t.Helper()
	for range mostTabs {
		h.press("\t")
		if unseen := ask(h.t, h.tab, chromedp.Evaluate[string](unseenFocus)); unseen != "" {
			h.t.Errorf("the focus is not seen on %s", unseen)
		}
		if ask(h.t, h.tab, chromedp.Evaluate[bool](fmt.Sprintf(`document.activeElement.matches(%q)`, selector))) {
			return
		}
	}
	h.t.Fatalf("Tab does not come to %s on %s", selector, ask(h.t, h.tab, chromedp.Evaluate[string](`location.href`)))
}

// unseenFocus names the element that has the focus without a sign of it, or out of the
// window.
const unseenFocus = `(e => {
	if (e === document.body) return '';
	const s = getComputedStyle(e), r = e.getBoundingClientRect();
	const sign = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1;
	return sign && r.bottom > 0 && r.top < innerHeight && r.width > 0 ? '' : e.outerHTML.slice(0, 150);
})(document.activeElement)`

// TestPages_keyboard goes from the login by way of the overview to a traceback, to the
// next failing test and back, to the search and into a filter, with keys alone.
func TestPages_keyboard(t *testing.T) {
	t.Parallel()

	chromium := findChromium(t)
	s := startDemo(t)
	tab := startChromium(t, chromium)
	complaints := listen(t, tab, s.URL)
	h := hand{t, tab}
	if err := chromedp.Do(tab, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.URL+"/ui/"), chromedp.WaitVisible(chromedp.CSS(`#token`))); err != nil {
		t.Fatal(err)
	}
	h.says("the field of the token to have the focus", `document.activeElement.id === 'token'`)
	h.press(servertest.AdminToken + "\r")
	h.says("the overview", `document.querySelector('h1').textContent === 'Overview' && document.querySelector('#new .ttl')`)
	h.press("\t")
	h.says("the link past the menu to come first", `document.activeElement.matches('.skip')`)
	h.press("\r")
	h.to("#new .ttl")
	h.press("\r")
	h.says("the run with the new failures", `document.querySelector('h1').textContent.startsWith('Run 65')`)
	h.to("#tests .leaf")
	name := ask(t, tab, chromedp.Evaluate[string](`document.activeElement.textContent`))
	h.press("\r")
	h.says("the failing test", fmt.Sprintf(`document.title.includes(%q)`, name))
	h.says("its traceback", `[...document.querySelectorAll('.log')].some(l => l.textContent.includes('Traceback (most recent call last)'))`)
	h.press("j")
	h.says("the next failing test", fmt.Sprintf(`document.title.startsWith('✕') && !document.title.includes(%q)`, name))
	h.press("k")
	h.says("the one before", fmt.Sprintf(`document.title.includes(%q)`, name))
	h.key("/")
	h.says("the search to have the focus", `document.activeElement.id === 'q'`)
	h.press("run:58\r")
	h.says("the run that was searched for", `document.querySelector('h1').textContent.startsWith('Run 58')`)
	h.to("#chips a")
	h.press("\r")
	h.says("the filter in the address", `location.search.includes('outcome=')`)
	h.says("the focus to stay in the filter", `document.activeElement.closest('#chips')`)
	complain(t, complaints())
}

// TestPages_scriptless does without scripts what the pages are for: log in, filter, go
// through a list, compare, open a log, act, log out.
func TestPages_scriptless(t *testing.T) {
	t.Parallel()

	chromium := findChromium(t)
	s := servertest.New(t)
	const cloud = `{"label":"stage","admin_endpoint":"http://192.0.2.1/","endpoint":"http://192.0.2.1/","test_user":"t","admin_user":"a"}`
	send := func(path, body string, options ...servertest.Option) {
		t.Helper()
		if a := s.Do("POST", path, body, append([]servertest.Option{servertest.Admin()}, options...)...); a.Status != 201 {
			t.Fatalf("POST %s: %d %s", path, a.Status, a.Body)
		}
	}
	send("/v1/clouds", cloud, servertest.JSON())
	for n := range 2 {
		send("/v1/runs", `{"cloud_id":1,"name":"full"}`, servertest.JSON())
		var file strings.Builder
		for i := range 140 {
			outcome := "success"
			if n == 1 && i == 7 {
				outcome = "failure"
			}
			fmt.Fprintf(&file, "test: a.b.test_%03d\n%s: a.b.test_%03d [\nTraceback of it\n]\n", i, outcome, i)
		}
		send(fmt.Sprintf("/v1/post-result?test_id=%d", n+1), file.String())
	}
	tab := startChromium(t, chromium)
	complaints := listen(t, tab, s.URL)
	h := hand{t, tab}
	if err := chromedp.Do(
		tab,
		chromedp.EmulateViewport(1280, 800),
		chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
			return err
		}),
	); err != nil {
		t.Fatal(err)
	}
	logIn(t, tab, s.URL, "/ui/runs/2")
	click := func(selector string) {
		t.Helper()
		if err := chromedp.Do(tab, chromedp.Click(chromedp.CSS(selector))); err != nil {
			t.Fatalf("click %s: %v", selector, err)
		}
	}
	const tests = `[...document.querySelectorAll('#tests .leaf')].map(a => a.textContent)`
	h.says("no script to run", `!document.querySelector('time[title]')`)
	h.says("the page to say in which zone its times are", `document.querySelector('#zone').textContent === 'Times in UTC'`)
	h.says("the failing test alone", tests+`.join() === 'test_007'`)
	click(`#chips .chip:last-child`)
	h.says("the filter in the address", `location.search.includes('outcome=')`)
	h.says("a hundred tests", tests+`.length === 100`)
	click(`a[rel=next]`)
	h.says("the rest of them", tests+`.length === 40`)
	click(`a[rel=prev]`)
	h.says("the first hundred again", tests+`.length === 100`)
	if err := chromedp.Do(tab, chromedp.SendKeys(chromedp.CSS(`form.filter input[type=search]`), "test_13\r")); err != nil {
		t.Fatal(err)
	}
	h.says("the tests whose name has it", tests+`.length === 10`)
	click(`form.cmp button, .cmp form button`)
	h.says("the comparison", `location.pathname === '/ui/compare' && document.querySelector('.chg, .leaf').textContent && document.body.textContent.includes('test_007')`)
	click(`.leaf`)
	h.says("the log of the test", `document.querySelector('.log').textContent.includes('Traceback of it')`)
	if err := chromedp.Do(tab, chromedp.Navigate(s.URL+"/ui/issues?name=a.b.*&message=Traceback")); err != nil {
		t.Fatal(err)
	}
	click(`.form button`)
	h.says("the issue that was made", `location.pathname === '/ui/issues' && document.querySelector('.list .ttl') && document.querySelector('[role=status]')`)
	click(`.list form button`)
	h.says("the issue to be closed", `document.querySelector('[role=status]').textContent.includes('closed')`)
	click(`.who summary`)
	click(`.who .drop button`)
	h.says("the login", `location.pathname === '/ui/login' && document.querySelector('#token')`)
	complain(t, complaints())
}
