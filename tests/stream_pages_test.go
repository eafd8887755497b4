package tests

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// door stands between a browser and the server. It can be shut, so that the server is
// gone, and it keeps how each stream was opened.
type door struct {
	t       *testing.T
	address string
	to      *httputil.ReverseProxy
	refuse  bool // answer 502, as a proxy does whose server is gone

	mu      sync.Mutex
	front   *httptest.Server
	streams []stream
	open    int
}

// stream is how a browser opened one: where it says that it stopped.
type stream struct{ since, last string }

func newDoor(t *testing.T, target string) *door {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	d := &door{t: t, address: servertest.FreeAddress(t), to: &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
	}}
	d.enter(true)
	t.Cleanup(d.shut)
	return d
}

// URL is the address that the browser knows.
func (d *door) URL() string { return "http://" + d.address }

// enter opens the door again, at the same address.
func (d *door) enter(wide bool) {
	d.t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(d.t.Context(), "tcp", d.address)
	if err != nil {
		d.t.Fatal(err)
	}
	front := &httptest.Server{Listener: listener, Config: &http.Server{Handler: d, ErrorLog: nil}}
	d.mu.Lock()
	d.front, d.refuse = front, !wide
	d.mu.Unlock()
	front.Start()
}

// shut lets nobody through any more, and throws out who is inside.
func (d *door) shut() {
	d.mu.Lock()
	front := d.front
	d.front = nil
	d.mu.Unlock()
	if front != nil {
		front.CloseClientConnections()
		front.Close()
	}
}

// ServeHTTP lets a request through.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	refuse := d.refuse
	streams := strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream")
	if streams && !refuse {
		d.streams = append(d.streams, stream{r.URL.Query().Get("since"), r.Header.Get("Last-Event-ID")})
		d.open++
		defer func() { d.mu.Lock(); d.open--; d.mu.Unlock() }()
	}
	d.mu.Unlock()
	if refuse {
		http.Error(w, "the server is gone", http.StatusBadGateway)
		return
	}
	defer func() { _ = recover() }() // the browser was thrown out
	d.to.ServeHTTP(w, r)
}

// seen returns the streams so far, and how many are open.
func (d *door) seen() ([]stream, int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]stream(nil), d.streams...), d.open
}

// pretend makes the page believe that somebody looks at another tab, or is back.
func pretend(hidden bool) string {
	return fmt.Sprintf(`Object.defineProperty(document, 'hidden', {configurable: true, get: () => %t}); document.dispatchEvent(new Event('visibilitychange')); true`, hidden)
}

// newStage starts a server with a run, and uploads more to it.
func newStage(t *testing.T) (s *servertest.Server, upload func(outcome string)) {
	t.Helper()
	s = servertest.New(t)
	send := func(path, body string, options ...servertest.Option) {
		t.Helper()
		if a := s.Do("POST", path, body, append([]servertest.Option{servertest.Admin()}, options...)...); a.Status != 201 {
			t.Fatalf("POST %s: %d %s", path, a.Status, a.Body)
		}
	}
	send("/v1/clouds", `{"label":"stage","admin_endpoint":"http://192.0.2.1/","endpoint":"http://192.0.2.1/","test_user":"t","admin_user":"a"}`, servertest.JSON())
	n := 0
	return s, func(outcome string) {
		t.Helper()
		n++
		send("/v1/runs", `{"cloud_id":1,"name":"full"}`, servertest.JSON())
		send(fmt.Sprintf("/v1/post-result?test_id=%d", n), "test: a.one\n"+outcome+": a.one\n")
	}
}

// TestPages_hidden: a page that nobody looks at has no stream. When somebody is back it
// goes on where it was, and shows what came meanwhile.
func TestPages_hidden(t *testing.T) {
	t.Parallel()

	chromium := findChromium(t)
	s, upload := newStage(t)
	d := newDoor(t, s.URL)
	tab := startChromium(t, chromium)
	complaints := listen(t, tab, d.URL())
	logIn(t, tab, d.URL(), "/ui/")
	h := hand{t, tab}
	h.says("the stream to be open", `document.querySelector('#live').textContent === 'live'`)
	upload("success")
	h.says("the first result", `[...document.querySelectorAll('.tile')].some(t => t.textContent.replace(/\s+/g, ' ').trim().startsWith('1 results'))`)
	ask(t, tab, chromedp.Evaluate[bool](pretend(true)))
	h.says("the pause to be said", `document.querySelector('#live').textContent === 'paused'`)
	d.awaitOpen(0)
	upload("failure")
	before, _ := d.seen()
	ask(t, tab, chromedp.Evaluate[bool](pretend(false)))
	h.says("what came meanwhile", `document.querySelector('#new .big')?.textContent.startsWith('+1')`)
	h.says("the stream to be open again", `document.querySelector('#live').textContent === 'live'`)
	d.awaitOpen(1)
	after, _ := d.seen()
	if got := after[len(after)-1]; len(after) != len(before)+1 || got.since == "" {
		t.Errorf("the stream was opened %+v after %d others, want one more with where it stopped", got, len(before))
	}
	complain(t, complaints())
}

// awaitOpen waits until so many streams are open.
func (d *door) awaitOpen(n int) {
	d.t.Helper()
	await.That(d.t, fmt.Sprintf("%d open streams", n), func() bool { _, open := d.seen(); return open == n })
}

// TestPages_broken: a stream that broke says so, whether the server is gone or a proxy
// before it says so. When the server is back the page is live again by itself, from
// where it was, and shows what came meanwhile.
func TestPages_broken(t *testing.T) {
	t.Parallel()

	chromium := findChromium(t)
	s, upload := newStage(t)
	d := newDoor(t, s.URL)
	tab := startChromium(t, chromium)
	logIn(t, tab, d.URL(), "/ui/")
	h := hand{t, tab}
	live := func() { h.says("the stream to be open", `document.querySelector('#live').textContent === 'live'`) }
	results := func(n int) {
		h.says(fmt.Sprintf("%d results", n), fmt.Sprintf(`[...document.querySelectorAll('.tile')].some(t => t.textContent.replace(/\s+/g, ' ').trim().startsWith('%d results'))`, n))
	}
	live()
	ask(t, tab, chromedp.Evaluate[bool](`window.same = true`))
	d.shut()
	h.says("the loss to be said", `document.querySelector('#live.off').textContent.startsWith('connection lost')`)
	upload("success") // no event has come on this page yet
	d.enter(true)
	live()
	results(1)
	upload("success")
	results(2)
	d.shut()
	h.says("the loss to be said", `document.querySelector('#live.off').textContent.startsWith('connection lost')`)
	upload("failure")
	d.enter(false)
	h.says("the refusal to be said", `document.querySelector('#live.off').textContent.startsWith('the stream broke')`)
	d.shut()
	d.enter(true)
	live()
	results(3)
	h.says("the new failure", `document.querySelector('#new .big').textContent.startsWith('+1') && window.same`)
	streams, _ := d.seen()
	if got := streams[len(streams)-1]; got.since == "" && got.last == "" {
		t.Errorf("the last stream was opened without where it stopped: %+v", streams)
	}
}
