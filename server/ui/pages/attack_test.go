package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/server/ui/pages"
	"github.com/slipway-lab/slipway/server/ui/pages/pagestest"
)

// Every form of every page is refused without the token that its page gave to this
// browser: a page of another site can send none that counts.
func TestForms_everyPage(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	names := newWorld(t, s)
	b := pagestest.LogIn(t, s.URL, servertest.AdminToken)
	other := tokenOf(pagestest.LogIn(t, s.URL, servertest.AdminToken).Get("/ui/").Body)
	if other == "" || other == tokenOf(b.Get("/ui/").Body) {
		t.Fatalf("two browsers have the same token %q", other)
	}
	forms := 0
	for _, area := range pages.Table() {
		for _, p := range area {
			for _, path := range walk[p.Path].paths {
				path, _, _ = strings.Cut(names.Replace(path), "?")
				for what, form := range map[string]url.Values{"no token": {"do": {"delete"}}, "another browser's token": {"do": {"delete"}, "form": {other}}, "the token in the address": {"do": {"delete"}}} {
					to := path
					if what == "the token in the address" {
						to += "?form=" + url.QueryEscape(tokenOf(b.Get("/ui/").Body))
					}
					want := http.StatusForbidden
					if p.Do == nil {
						want = http.StatusMethodNotAllowed
					}
					if got := b.Still().SendRaw(to, form, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); got.Status != want {
						t.Errorf("POST %s with %s: %d, want %d\n%.300s", to, what, got.Status, want, got.Body)
					}
				}
				if forms++; p.Do == nil {
					break
				}
			}
		}
	}
	if forms < 20 {
		t.Errorf("%d forms were sent", forms)
	}
}

// With another tenant's ids every page is the one for ids that nobody has, lists are
// empty, and the badge and the feed tell nothing.
func TestPages_otherTenant(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	mine := tenantWorld(t, s, "zebra", "secret-of-zebra")
	b := pagestest.LogIn(t, s.URL, s.TokenOf("bison", auth.Reader, auth.Operator, auth.Admin, auth.Runner, auth.Lab))
	nobody := strings.NewReplacer("{run}", "4711", "{cloud}", "4712", "{product}", "01a22c00-0000-7000-8000-000000000000", "{opportunity}", "01a22c00-0000-7000-8000-000000000001", "{issue}", "01a22c00-0000-7000-8000-000000000002", "{kernel}", "v0-nobody")
	for _, path := range []string{
		"/ui/runs/{run}", "/ui/runs/{run}?as=json", "/ui/runs/{run}?view=files", "/ui/runs/{run}/raw", "/ui/runs/{run}/files/0?attempt=1", "/ui/runs?cloud={cloud}", "/ui/runs/latest?cloud={cloud}", "/ui/runs?as=csv",
		"/ui/tests?set=run:{run}&name=secret-of-zebra.test", "/ui/tests/attachment?at=/v1/runs/{run}/results/1/tests/0/attachments/0", "/ui/compare?head=run:{run}", "/ui/compare?head=run:{run}&base=none", "/ui/compare",
		"/ui/history?name=secret-of-zebra.test", "/ui/flaky?cloud_id={cloud}", "/ui/flaky", "/ui/issues?id={issue}", "/ui/issues?state=all", "/ui/badge.svg?cloud={cloud}", "/ui/feed.atom?cloud={cloud}",
		"/ui/products", "/ui/products/{product}", "/ui/products/{product}?image=secret-of-zebra", "/ui/opportunities/{opportunity}", "/ui/opportunities/{opportunity}/output", "/ui/agents", "/ui/agents?agent=secret-of-zebra",
		"/ui/kernels", "/ui/kernels/secret-of-zebra/{kernel}", "/ui/events", "/ui/events?as=csv", "/ui/search?q=secret-of-zebra", "/ui/admin", "/ui/admin/audit", "/ui/admin/webhooks", "/ui/",
	} {
		got, want := b.Still().Get(mine.Replace(path)), b.Still().Get(nobody.Replace(path))
		if got.Status != want.Status {
			t.Errorf("GET %s: %d, and %d for ids that nobody has", path, got.Status, want.Status)
		}
		shown := strings.ReplaceAll(got.Body, url.QueryEscape("secret-of-zebra"), "") // the question itself may stand there
		if asked := strings.Contains(path, "secret-of-zebra"); !asked && strings.Contains(shown, "zebra") || strings.Contains(got.Body, "bytes-of-zebra") {
			t.Errorf("GET %s tells of another tenant:\n%.2000s", path, got.Body)
		}
	}
	owner := pagestest.LogIn(t, s.URL, s.TokenOf("zebra", auth.Admin))
	for _, path := range []string{"/ui/runs/{run}", "/ui/products/{product}", "/ui/opportunities/{opportunity}", "/ui/badge.svg?cloud={cloud}", "/ui/feed.atom?cloud={cloud}"} {
		if p := owner.Get(mine.Replace(path)); p.Status != http.StatusOK {
			t.Errorf("GET %s by its owner: %d: this test tries nothing", path, p.Status)
		}
	}
}

// tenantWorld makes things of a tenant, which all have a word in their names.
func tenantWorld(t *testing.T, s *servertest.Server, tenant, word string) *strings.Replacer {
	t.Helper()
	token := servertest.As(s.TokenOf(tenant, auth.Admin))
	send := func(method, path, body string, want int, options ...servertest.Option) map[string]any {
		t.Helper()
		return decoded(t, s.Do(method, path, body, append([]servertest.Option{token, servertest.JSON()}, options...)...), want)
	}
	cloud := send("POST", "/v1/clouds", `{"label":"`+word+`","admin_endpoint":"http://192.0.2.1/","endpoint":"http://192.0.2.1/","test_user":"t","admin_user":"a"}`, 201)
	cloudID := fmt.Sprint(cloud["id"])
	var run map[string]any
	for range 2 {
		run = send("POST", "/v1/runs", `{"cloud_id":`+cloudID+`,"name":"`+word+`"}`, 201)
		send("POST", "/v1/post-result?test_id="+fmt.Sprint(run["test_id"]), "test: "+word+".test\nfailure: "+word+".test [\nbytes-of-zebra\n]\n", 201, servertest.With("Content-Type", "text/plain"))
	}
	issue := send("POST", "/v1/known-issues", `{"title":"`+word+`","match":{"name":"`+word+`*"}}`, 201)
	p := send("POST", "/v1/products", `{"name":"`+word+`","release":"24","snaps":["pc"]}`, 201)["id"].(string)
	send("POST", "/v1/products/"+p+"/testspecs", `{"test_payload":{},"name":"`+word+`"}`, 201)
	send("PUT", "/v1/agents/"+word, `{}`, 201)
	send("POST", "/v1/products/"+p+"/images", `{"image_unique_id":"`+word+`","extra_snaps":[],"channel":"24/edge","image_reference":"http://foo.example/"}`, 201)
	o := send("POST", "/v1/agents/"+word+"/pick", `{"wait_seconds":0}`, 200)
	opportunity := o["test_opportunity_id"].(string)
	send("POST", "/v1/products/"+p+"/tests/opportunities/"+opportunity+"/output?offset=0", "bytes-of-zebra\n", 200, servertest.With("Content-Type", "text/plain"), servertest.With("Lease-Token", o["lease"].(map[string]any)["token"].(string)))
	send("POST", "/v1/job", `{"job":"`+word+`","kernel":"v1-`+word+`","git_branch":"`+word+`"}`, 202)
	s.Work()()
	return strings.NewReplacer("{run}", fmt.Sprint(run["test_id"]), "{cloud}", cloudID, "{product}", p, "{opportunity}", opportunity, "{issue}", issue["id"].(string), "{kernel}", "v1-"+word)
}
