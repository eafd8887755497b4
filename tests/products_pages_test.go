package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// found asks the API and takes a member of the first object of a list.
func found(t testing.TB, s *servertest.Server, path, list, member string) string {
	t.Helper()
	var answer map[string]json.RawMessage
	var objects []map[string]any
	a := s.Do("GET", path, "", servertest.Admin())
	if err := json.Unmarshal(a.Body, &answer); err != nil {
		t.Fatalf("%s: %d %s", path, a.Status, a.Body)
	}
	if err := json.Unmarshal(answer[list], &objects); err != nil || len(objects) == 0 {
		t.Fatalf("%s: %d %.500s has no %s", path, a.Status, a.Body, list)
	}
	return fmt.Sprint(objects[0][member])
}

// TestPages_follow: the output of an opportunity and the event log grow on their pages
// without a reload, a pause holds new lines back and counts them.
func TestPages_follow(t *testing.T) {
	t.Parallel()

	chromium := findChromium(t)
	s := servertest.New(t)
	send := func(method, path, body string, options ...servertest.Option) map[string]any {
		t.Helper()
		a := s.Do(method, path, body, append([]servertest.Option{servertest.Admin(), servertest.JSON()}, options...)...)
		var object map[string]any
		if err := json.Unmarshal(a.Body, &object); err != nil || a.Status >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, a.Status, a.Body)
		}
		return object
	}
	product := "/v1/products/" + send("POST", "/v1/products", `{"name":"pc","release":"24","snaps":["pc"]}`)["id"].(string)
	send("POST", product+"/testspecs", `{"name":"boot","test_payload":{}}`)
	send("PUT", "/v1/agents/worker", `{}`)
	advertise := func(image string) {
		t.Helper()
		send("POST", product+"/images", `{"image_unique_id":"`+image+`","extra_snaps":[],"channel":"24/edge","image_reference":"http://foo.example/"}`)
	}
	advertise("one")
	o := send("POST", "/v1/agents/worker/pick", `{"wait_seconds":0}`)
	id, token := o["test_opportunity_id"].(string), o["lease"].(map[string]any)["token"].(string)
	size := 0
	write := func(text string) {
		t.Helper()
		send("POST", fmt.Sprintf("%s/tests/opportunities/%s/output?offset=%d", product, id, size), text, servertest.With("Lease-Token", token), servertest.With("Content-Type", "text/plain"))
		size += len(text)
	}
	write(strings.Repeat("early line\n", 200))
	tab := startChromium(t, chromium)
	complaints := listen(t, tab, s.URL)
	logIn(t, tab, s.URL, "/ui/opportunities/"+id)
	says := func(what, script string) {
		t.Helper()
		await.That(t, what, func() bool {
			return ask(t, tab, chromedp.Evaluate[bool](`(() => { try { return !!(`+script+`); } catch { return false; } })()`))
		})
	}
	says("the stream to be open", `document.querySelector('#live').textContent === 'live'`)
	ask(t, tab, chromedp.Evaluate[bool](`window.same = true`))
	write("late <b>line</b>\n")
	says("what was written", `document.querySelector('[data-follow]').textContent.endsWith('late <b>line</b>\n') && window.same`)
	says("its end", `(l => l.scrollHeight - l.scrollTop - l.clientHeight < 80)(document.querySelector('[data-follow]'))`)
	send("POST", product+"/tests/results", fmt.Sprintf(`{"test_opportunity_id":"%s","test_status":"FAILED","lease_token":"%s"}`, id, token))
	says("the failure", `document.title.startsWith('✕') && window.same`)

	if err := chromedp.Do(tab, chromedp.Navigate(s.URL+"/ui/events"), chromedp.WaitVisible(chromedp.CSS(`#log li`))); err != nil {
		t.Fatal(err)
	}
	says("the stream of events", `document.querySelector('#live').textContent === 'live'`)
	if err := chromedp.Do(tab, chromedp.Click(chromedp.CSS(`button[data-pause]`))); err != nil {
		t.Fatal(err)
	}
	ask(t, tab, chromedp.Evaluate[bool](`(window.were = document.querySelectorAll('#log li').length) > 0`))
	advertise("two")
	says("how many are new", `/^Show \d+ new$/.test(document.querySelector('button[data-pause]').textContent) && document.querySelectorAll('#log li').length === window.were`)
	if err := chromedp.Do(tab, chromedp.Click(chromedp.CSS(`button[data-pause]`))); err != nil {
		t.Fatal(err)
	}
	says("the new ones", `document.querySelectorAll('#log li').length > window.were`)
	for _, complaint := range complaints() {
		t.Errorf("the browser says: %s", complaint)
	}
}
