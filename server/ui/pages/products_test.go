package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/server/ui/pages/pagestest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

func init() {
	for path, look := range map[string]step{
		"/ui/products":           {paths: []string{"/ui/products", "/ui/products?name=nothing"}},
		"/ui/products/{product}": {paths: []string{"/ui/products/{product}", "/ui/products/{product}?image=%3Cb%3Eimage-2"}},
		"/ui/opportunities/{opportunity}": {paths: []string{
			"/ui/opportunities/{passed}", "/ui/opportunities/{liar}", "/ui/opportunities/{runs}", "/ui/opportunities/{waits}", "/ui/opportunities/{runs}?q=BOOT",
			"/ui/opportunities/{runs}?q=nothing", "/ui/opportunities/{runs}?at=40000", "/ui/opportunities/{runs}?follow=no",
		}, role: auth.Operator},
		"/ui/opportunities/{opportunity}/output": {paths: []string{"/ui/opportunities/{runs}/output"}, file: "text/plain; charset=utf-8", role: auth.Runner},
		"/ui/agents":                             {paths: []string{"/ui/agents", "/ui/agents?mode=online", "/ui/agents?agent=worker", "/ui/agents?agent=nobody&platform=x"}, role: auth.Runner},
	} {
		walk[path] = look
	}
}

// productsWorld makes a product whose opportunities passed, said so although a test of
// their file failed, run with much output, and wait.
func productsWorld(t *testing.T, s *servertest.Server) []string {
	t.Helper()
	send := func(method, path, body string, want int, options ...servertest.Option) map[string]any {
		t.Helper()
		return decoded(t, s.Do(method, path, body, append([]servertest.Option{servertest.Admin(), servertest.JSON()}, options...)...), want)
	}
	p := send("POST", "/v1/products", `{"name":"夜の <b>製品","release":"24","snaps":["pc"]}`, http.StatusCreated)["id"].(string)
	for _, spec := range []string{`"boot"`, `"<i>disk"`, `"waits", "platform": "armhf"`} {
		send("POST", "/v1/products/"+p+"/testspecs", `{"test_payload":{},"name":`+spec+`}`, http.StatusCreated)
	}
	send("PUT", "/v1/agents/worker", `{"platform":"amd64","capacity":4}`, http.StatusCreated)
	advertise := func(image string) {
		send("POST", "/v1/products/"+p+"/images", `{"image_unique_id":"`+image+`","extra_snaps":[],"channel":"24/edge","image_reference":"http://foo.example/"}`, http.StatusCreated)
	}
	pick := func() (id, token string) {
		o := send("POST", "/v1/agents/worker/pick", `{"wait_seconds":0}`, http.StatusOK)
		return o["test_opportunity_id"].(string), o["lease"].(map[string]any)["token"].(string)
	}
	post := func(id, token, file string) {
		path := "/v1/products/" + p + "/tests/results"
		result := fmt.Sprintf(`{"test_opportunity_id":"%s","test_status":"PASSED","lease_token":"%s"}`, id, token)
		if file == "" {
			send("POST", path, result, http.StatusCreated)
			return
		}
		body := "--b\r\nContent-Disposition: form-data; name=\"result\"\r\nContent-Type: application/json\r\n\r\n" + result +
			"\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"r.txt\"\r\nContent-Type: text/plain\r\n\r\n" + file + "\r\n--b--\r\n"
		send("POST", path, body, http.StatusCreated, servertest.With("Content-Type", "multipart/form-data; boundary=b"))
	}
	advertise("image-1")
	passed, token := pick()
	post(passed, token, "")
	liar, token := pick()
	post(liar, token, "test: a.b\nfailure: a.b [\nboom <script>\n]\n")
	advertise("<b>image-2")
	runs, token := pick()
	text := strings.Repeat("\x1b[31mboot\x1b[0m <&> \"日本語\"\n", 4000)
	path := "/v1/products/" + p + "/tests/opportunities/" + runs + "/output?offset=0"
	send("POST", path, text, http.StatusOK, servertest.With("Content-Type", "text/plain"), servertest.With("Lease-Token", token))
	queued := send("GET", "/v1/opportunities?state=QUEUED", "", http.StatusOK)["test_opportunities"].([]any)
	waits := queued[0].(map[string]any)["test_opportunity_id"].(string)
	return []string{"{product}", p, "{passed}", passed, "{liar}", liar, "{runs}", runs, "{waits}", waits, "{token}", token}
}

// A product by its pages: nothing is green but what is, what waits says why, and who
// may not cancel or drain is not offered it.
func TestProducts_byPages(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	names := strings.NewReplacer(productsWorld(t, s)...)
	reader := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	runner := pagestest.LogIn(t, s.URL, s.Token(auth.Runner))
	admin := pagestest.LogIn(t, s.URL, s.Token(auth.Admin))
	if p := reader.Get(names.Replace("/ui/products/{product}")); !strings.Contains(p.Body, "you may not read test opportunities") || strings.Contains(p.Body, "Nothing waits") {
		t.Errorf("the page of a product for who may not see its opportunities:\n%.6000s", p.Body)
	}
	p := admin.Get(names.Replace("/ui/products/{product}"))
	for _, want := range []string{"&lt;i&gt;disk", "fail, though the agent said PASSED", "no agent", "running", "image-1"} {
		if !strings.Contains(p.Body, want) {
			t.Errorf("the page of a product lacks %q:\n%.6000s", want, p.Body)
		}
	}
	p = runner.Get(names.Replace("/ui/opportunities/{liar}"))
	if !strings.Contains(p.Body, "<title>✕ ") || !strings.Contains(p.Body, "boom &lt;script&gt;") && !strings.Contains(p.Body, "a.<wbr>b") {
		t.Errorf("an opportunity whose file has a failure:\n%.4000s", p.Body)
	}
	p = runner.Get(names.Replace("/ui/opportunities/{runs}"))
	if strings.Contains(p.Body, "\x1b") || !strings.Contains(p.Body, "are left out here") || !strings.Contains(p.Body, "data-follow") || strings.Contains(p.Body, "Cancel it") {
		t.Errorf("an opportunity with much output:\n%.4000s", p.Body)
	}
	p = runner.Get(names.Replace("/ui/opportunities/{runs}?q=BOOT"))
	if !strings.Contains(p.Body, "line 100<") || !strings.Contains(p.Body, "and more") {
		t.Errorf("search in the output:\n%.4000s", p.Body)
	}
	p = runner.Get(names.Replace("/ui/opportunities/{runs}/output"))
	if strings.Count(p.Body, "\n") != 4000 || !strings.HasPrefix(p.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the download has %d lines, %q", strings.Count(p.Body, "\n"), p.Header.Get("Content-Disposition"))
	}
	p = admin.Send(names.Replace("/ui/opportunities/{waits}"), url.Values{"do": {"cancel"}})
	if p.Status != http.StatusOK || !strings.Contains(p.Body, "cancelled") || !strings.Contains(p.Body, "Run it again") {
		t.Errorf("cancel: %d\n%.4000s", p.Status, p.Body)
	}
	if p = admin.Send(names.Replace("/ui/opportunities/{waits}"), url.Values{"do": {"retry"}}); p.Status != http.StatusOK || strings.HasSuffix(p.URL.Path, names.Replace("{waits}")) || !strings.Contains(p.Body, "repeats") {
		t.Errorf("retry: %d at %s\n%.4000s", p.Status, p.URL, p.Body)
	}
	if p = runner.Get("/ui/agents"); strings.Contains(p.Body, "Drain") || !strings.Contains(p.Body, "50.0") && !strings.Contains(p.Body, "50") {
		t.Errorf("agents:\n%.4000s", p.Body)
	}
	if p = admin.Send("/ui/agents", url.Values{"agent": {"worker"}, "mode": {"draining"}}); !strings.Contains(p.Body, "Resume") {
		t.Errorf("drain: %d\n%.4000s", p.Status, p.Body)
	}
}

// A late result of an older image does not hide what failed in the newest.
func TestProducts_lateResult(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Analysis.RestReports = 0 })
	send := func(method, path, body string, want int) map[string]any {
		t.Helper()
		return decoded(t, s.Do(method, path, body, servertest.Admin(), servertest.JSON()), want)
	}
	product := "/v1/products/" + send("POST", "/v1/products", `{"name":"pc","release":"24","snaps":["pc"]}`, http.StatusCreated)["id"].(string)
	send("POST", product+"/testspecs", `{"test_payload":{},"name":"boot"}`, http.StatusCreated)
	send("PUT", "/v1/agents/worker", `{"platform":"amd64","capacity":4}`, http.StatusCreated)
	picked := map[string]map[string]any{}
	for _, image := range []string{"image-1", "image-2", "image-3"} {
		send("POST", product+"/images", `{"image_unique_id":"`+image+`","extra_snaps":[],"channel":"24/edge","image_reference":"http://foo.example/"}`, http.StatusCreated)
		picked[image] = send("POST", "/v1/agents/worker/pick", `{"wait_seconds":0}`, http.StatusOK)
	}
	stop := s.Work()
	defer stop()
	for n, one := range []struct{ image, status string }{{"image-1", "PASSED"}, {"image-3", "FAILED"}, {"image-2", "PASSED"}} {
		o := picked[one.image]
		if o["image_unique_id"] != one.image {
			t.Fatalf("picked %v, want %s", o["image_unique_id"], one.image)
		}
		send("POST", product+"/tests/results", fmt.Sprintf(`{"test_opportunity_id":"%s","test_status":"%s","lease_token":"%s"}`, o["test_opportunity_id"], one.status, o["lease"].(map[string]any)["token"]), http.StatusCreated)
		if !await.Until(func() bool {
			return len(send("GET", "/v1/comparisons?kind=image", "", http.StatusOK)["comparisons"].([]any)) >= n
		}) {
			t.Fatalf("%s is not compared", one.image)
		}
	}
	last := send("GET", "/v1/comparisons?kind=image&limit=1", "", http.StatusOK)["comparisons"].([]any)[0].(map[string]any)["head"].(map[string]any)["ref"].(string)
	if !strings.HasSuffix(last, "/image-2") {
		t.Fatalf("the last comparison is of %s, want image-2", last)
	}
	if p := pagestest.LogIn(t, s.URL, s.Token(auth.Admin)).Get("/ui/products"); !strings.Contains(p.Body, "image-<wbr>3") && !strings.Contains(p.Body, "image-3") || !strings.Contains(p.Body, "+1") {
		t.Errorf("the list of products does not show what failed in the newest image:\n%.4000s", p.Body)
	}
}

// The page of an opportunity that runs follows its output: what was written after the
// page was made comes first, then each piece, and the end.
func TestOpportunity_follows(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	names := strings.NewReplacer(productsWorld(t, s)...)
	runner := pagestest.LogIn(t, s.URL, s.Token(auth.Runner))
	path := names.Replace("/ui/opportunities/{runs}")
	lines := runner.Stream(path)
	lines.Until(`<span id="tail">`)
	read := lines.Until("data: </span>")
	if strings.Contains(read, "\x1b") || !strings.Contains(read, "&lt;&amp;&gt;") {
		t.Errorf("the end of the output, as it is followed:\n%.2000s", read)
	}
	size := s.Do("GET", names.Replace("/v1/products/{product}/tests/opportunities/{runs}/output?offset=9999999"), "", servertest.Admin()).Header.Get("X-Output-Size")
	write := func(text string) {
		t.Helper()
		out := names.Replace("/v1/products/{product}/tests/opportunities/{runs}/output?offset=") + size
		if a := s.Do("POST", out, text, servertest.Admin(), servertest.With("Lease-Token", names.Replace("{token}"))); a.Status != http.StatusOK {
			t.Fatalf("append: %d %s", a.Status, a.Body)
		}
	}
	write("kernel panic <b>\n")
	lines.Until("data: kernel panic <b>")
	again := runner.Stream(path, "Last-Event-ID", "/"+size) // one that was cut off there
	if read := again.Until("data: kernel panic <b>"); strings.Contains(read, "tail") {
		t.Errorf("a stream that is taken up again begins anew:\n%.2000s", read)
	}
	if a := s.Do("POST", names.Replace("/v1/products/{product}/tests/results"), names.Replace(`{"test_opportunity_id":"{runs}","test_status":"FAILED","lease_token":"{token}"}`), servertest.Admin(), servertest.JSON()); a.Status != http.StatusCreated {
		t.Fatalf("result: %d %s", a.Status, a.Body)
	}
	lines.Until("event: end")
}
