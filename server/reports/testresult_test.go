package reports_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/subunit/subunittest"
	"github.com/slipway-lab/slipway/server/reports"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	searchstore "github.com/slipway-lab/slipway/store/search"
)

type found struct {
	Source, Name, Outcome, Status, Run, Href string
	Job, Product                             *string
	ProductID                                *string `json:"product_id"`
}

type foundPage struct {
	Tests []found `json:"test_results"`
	Next  *string
}

func searchTestResults(t testing.TB, s *servertest.Server, query string) foundPage {
	t.Helper()
	a := s.Do("GET", "/v1/test-results?"+query, "", servertest.Admin())
	var p foundPage
	if err := json.Unmarshal(a.Body, &p); err != nil || a.Status != 200 {
		t.Fatalf("test-results?%s: %d %s", query, a.Status, a.Body)
	}
	return p
}

// TestSearchTestResults asks one question over the tests of runs and of groups.
func TestSearchTestResults(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		if p := searchTestResults(t, s, ""); len(p.Tests) != 0 || p.Next != nil {
			t.Errorf("an empty server: %v", p)
		}
		for i := range 3 {
			a := s.Do("POST", "/v1/post-result", fmt.Sprintf("test: shared\nsuccess: shared\ntest: one%d\nfailure: one%d\ntest: s\nskip: s\n", i, i))
			if a.Status/100 != 2 {
				t.Fatalf("post-result: %d %s", a.Status, a.Body)
			}
			post(t, s, 201, "/test/group", fmt.Sprintf(`{"name":"g%d","lab_name":"l","job":"j","kernel":"k%d",
				"test_cases":[{"name":"shared","status":"FAIL"},{"name":"c","status":"ERROR"},{"name":"d"}]}`, i, i))
		}
		all := searchTestResults(t, s, "limit=1000")
		if len(all.Tests) != 18 || all.Next != nil {
			t.Fatalf("%d tests, next %v; want 18", len(all.Tests), all.Next)
		}
		for query, want := range map[string]int{
			"name=shared": 6, "name=shared&source=run": 3, "name=shared&name=c": 9, "name=nope": 0, "outcome=fail": 6, "outcome=error": 3, "outcome=fail&outcome=error": 9,
			"outcome=pass": 6, "outcome=skip": 3, "status=ERROR": 3, "status=success&status=FAIL": 6, "job=j": 9,
			"job=null": 9, "kernel=k1": 3, "lab_name=l&source=run": 0, "run=1": 3, "run=x": 0, "cloud_id=7": 0,
			"cloud_id=null": 18, "ne=outcome,pass": 12, "ne=job,j": 9, "gte=name,s": 9, "date_range=1": 18, "created_on=2001-01-01": 0,
			"gte=created_on,2001-01-01": 18, "name=%27%20OR%201=1%20--": 0,
		} {
			if got := searchTestResults(t, s, query); len(got.Tests) != want {
				t.Errorf("test-results?%s: %d tests, want %d", query, len(got.Tests), want)
			}
		}
		for _, filter := range []string{"", "name=shared&", "outcome=fail&"} {
			whole := searchTestResults(t, s, filter+"limit=1000").Tests
			var paged []found
			next := ""
			for range 20 {
				p := searchTestResults(t, s, filter+"limit=2&"+next)
				paged = append(paged, p.Tests...)
				if p.Next == nil {
					break
				}
				next = "after=" + url.QueryEscape(*p.Next)
			}
			if fmt.Sprint(hrefs(paged)) != fmt.Sprint(hrefs(whole)) {
				t.Errorf("%spaged: %v\nwhole: %v", filter, hrefs(paged), hrefs(whole))
			}
		}
		for _, test := range all.Tests {
			if a := s.Do("GET", test.Href, "", servertest.Admin()); a.Status != 200 {
				t.Errorf("GET %s: %d %s", test.Href, a.Status, a.Body)
			}
		}
		for _, query := range []string{
			"limit=1001", "limit=x", "after=x", "sort=name", "skip=1", "aggregate=name", "nonsense=1", "outcom=fail", "gte=created,2001-01-01", "gte=created_on",
			"cloud_id=x", "created_on=yesterday", "date_range=week",
		} {
			if a := s.Do("GET", "/v1/test-results?"+query, "", servertest.Admin()); a.Status != 400 {
				t.Errorf("test-results?%s: %d, want 400", query, a.Status)
			}
		}
		if a := s.Do("GET", "/v1/test-results", ""); a.Status != 401 {
			t.Errorf("without a token: %d, want 401", a.Status)
		}
	})
}

// TestSearchTestResults_Outcomes: every word of a source comes to one outcome, and an
// error is no failure. Boots are tests, too.
func TestSearchTestResults_Outcomes(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		post(t, s, 201, "/lab", `{"name":"lab-b","contact":{"name":"a","surname":"b","email":"c@example.org"}}`)
		for i, status := range []string{"PASS", "FAIL", "OFFLINE", "UNTRIED", "UNKNOWN", "FAIL"} {
			post(t, s, 202, "/boot", fmt.Sprintf(`{"lab_name":"lab-b","board":"b%d","job":"j","kernel":"k","defconfig":"d","boot_result":%q,"boot_time":2.5}`, i, status))
		}
		hangs := "hangs"
		var stream strings.Builder
		for i := range 300 {
			fmt.Fprintf(&stream, "test: t%d\n%s: t%d\n", i, []string{"success", "failure", "uxsuccess"}[i%3], i)
		}
		for range 3 {
			if a := s.Do("POST", "/v1/post-result", stream.String()); a.Status/100 != 2 {
				t.Fatalf("post-result: %d %s", a.Status, a.Body)
			}
			stream.WriteString("time: 2026-01-01 00:00:00Z\n") // other bytes
			began := subunittest.Append(nil, subunittest.Event{ID: &hangs, Status: 2})
			if a := s.Do("POST", "/v1/post-result", string(began)); a.Status/100 != 2 {
				t.Fatalf("post-result: %d %s", a.Status, a.Body)
			}
		}
		for query, want := range map[string]int{
			"source=boot": 6, "source=boot&outcome=fail": 2, "source=boot&outcome=error": 1, "source=boot&outcome=skip": 1, "source=boot&outcome=unknown": 1,
			"outcome=error": 4, "name=boot": 6, "name=boot&name=t3": 9, "source=boot&ne=outcome,pass": 5, "job=j&kernel=k&lab_name=lab-b": 6, "cloud_id=1": 0,
			"outcome=fail&limit=1000": 602, "status=fail&limit=1000": 300, "outcome=fail&outcome=pass&source=run&limit=1000": 900,
		} {
			got := searchTestResults(t, s, query)
			if len(got.Tests) != want {
				t.Errorf("test-results?%s: %d tests, want %d", query, len(got.Tests), want)
			}
			for _, f := range got.Tests[:min(7, len(got.Tests))] {
				if a := s.Do("GET", f.Href, "", servertest.Admin()); a.Status != 200 {
					t.Errorf("GET %s: %d %s", f.Href, a.Status, a.Body)
				}
			}
		}
		for _, query := range []string{"outcome=fail&", "source=run&", "outcome=error&", ""} {
			whole := searchTestResults(t, s, query+"limit=1000").Tests
			if got := pagesOf(t, s, query+"limit=37&"); fmt.Sprint(hrefs(got)) != fmt.Sprint(hrefs(whole)) {
				t.Errorf("%s: %d tests in pages, %d in one\n%v\n%v", query, len(got), len(whole), hrefs(got), hrefs(whole))
			}
		}
	})
}

func hrefs(list []found) []string {
	out := make([]string, 0, len(list))
	for _, f := range list {
		out = append(out, f.Href)
	}
	return out
}

// opportunity makes a product with one test opportunity, whose result comes with
// a file of subunit, and returns the product's id.
func opportunity(t testing.TB, s *servertest.Server, product, file string, options ...servertest.Option) string {
	t.Helper()
	call := func(method, path, body string, more ...servertest.Option) map[string]any {
		t.Helper()
		a := s.Do(method, path, body, append(append([]servertest.Option{servertest.Admin(), servertest.JSON()}, options...), more...)...)
		var out map[string]any
		if err := json.Unmarshal(a.Body, &out); err != nil || a.Status/100 != 2 {
			t.Fatalf("%s %s: %d %s", method, path, a.Status, a.Body)
		}
		return out
	}
	id := call("POST", "/v1/products", fmt.Sprintf(`{"name":%q,"release":"15.04-core","snaps":["test-snap.foo"]}`, product))["id"].(string)
	call("POST", "/v1/products/"+id+"/testspecs", `{"name":"smoke","test_payload":{}}`)
	call("POST", "/v1/products/"+id+"/images", `{"image_unique_id":"i1","extra_snaps":[],"channel":"edge","image_reference":"http://foo.com/bar"}`)
	agent := "agent-" + product
	call("PUT", "/v1/agents/"+agent, `{}`)
	picked := call("POST", "/v1/agents/"+agent+"/pick", "")["test_opportunity_id"].(string)
	var body strings.Builder
	for _, part := range [][2]string{{"result", fmt.Sprintf(`{"test_opportunity_id":%q,"test_status":"FAILED","agent_id":%q}`, picked, agent)}, {"file", file}} {
		fmt.Fprintf(&body, "--x\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", part[0], part[1])
	}
	call("POST", "/v1/products/"+id+"/tests/results", body.String()+"--x--\r\n", servertest.With("Content-Type", "multipart/form-data; boundary=x"))
	return id
}

// TestSearchTestResults_Opportunities finds the tests of files that came with the
// results of opportunities, between those of runs and groups.
func TestSearchTestResults_Opportunities(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		file := "test: shared\nsuccess: shared\ntest: two\nfailure: two\n"
		one := opportunity(t, s, "board-one", file)
		s.Do("POST", "/v1/post-result", "test: shared\nsuccess: shared\ntest: s\nskip: s\n")
		post(t, s, 201, "/test/group", `{"name":"g","lab_name":"l","job":"j","kernel":"k","test_cases":[{"name":"shared","status":"FAIL"}]}`)
		opportunity(t, s, "board-two", file)
		for query, want := range map[string]int{
			"": 7, "source=opportunity": 4, "product=board-one": 2, "product=board-one&product=board-two": 4, "product=nope": 0,
			"product_id=" + one: 2, "product_id=nope": 0, "product=null": 3, "ne=product,board-one": 5, "product=board-two&outcome=fail": 1,
			"name=shared": 4, "name=shared&product=board-one": 1, "name=shared&outcome=pass": 3, "product=board-one&source=run": 0, "job=j": 1,
			"product=board-one&job=null": 2, "source=opportunity&status=fail": 2, "name=two&name=s": 3, "gte=created_on,2001-01-01": 7, "lt=created_on,2001-01-01": 0,
		} {
			if got := searchTestResults(t, s, query); len(got.Tests) != want {
				t.Errorf("test-results?%s: %d tests, want %d: %v", query, len(got.Tests), want, hrefs(got.Tests))
			}
		}
		all := searchTestResults(t, s, "").Tests
		if got := pagesOf(t, s, "limit=1&"); fmt.Sprint(hrefs(got)) != fmt.Sprint(hrefs(all)) {
			t.Errorf("paged: %v\nwhole: %v", hrefs(got), hrefs(all))
		}
		for _, test := range all {
			if a := s.Do("GET", test.Href, "", servertest.Admin()); a.Status != 200 {
				t.Errorf("GET %s: %d %s", test.Href, a.Status, a.Body)
			}
			if test.Source == "opportunity" && (test.Product == nil || test.ProductID == nil || test.Job != nil) {
				t.Errorf("a test of an opportunity: %+v", test)
			}
		}
		if a := s.Do("DELETE", "/v1/products/"+one, "", servertest.Admin()); a.Status/100 != 2 {
			t.Fatalf("delete the product: %d %s", a.Status, a.Body)
		}
		if got := searchTestResults(t, s, "source=opportunity"); len(got.Tests) != 2 {
			t.Errorf("after a product was deleted: %v", hrefs(got.Tests))
		}
	})
}

// pagesOf follows a list to its end.
func pagesOf(t testing.TB, s *servertest.Server, query string) (all []found) {
	t.Helper()
	next := ""
	for range 200 {
		p := searchTestResults(t, s, query+next)
		all = append(all, p.Tests...)
		if p.Next == nil {
			return all
		}
		next = "after=" + url.QueryEscape(*p.Next)
	}
	t.Fatalf("%s: no end after 200 pages", query)
	return nil
}

// TestSearchTestResults_Scan looks at few uploads for a page, so that most pages end
// before they are full; together they still hold everything once.
func TestSearchTestResults_Scan(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		for i := range 40 {
			a := s.Do("POST", "/v1/post-result", fmt.Sprintf("test: a\n%s: a\ntest: b%d\nsuccess: b%d\n", map[bool]string{true: "failure", false: "success"}[i%13 == 5], i, i))
			if a.Status/100 != 2 {
				t.Fatalf("post-result: %d %s", a.Status, a.Body)
			}
			post(t, s, 201, "/test/group", fmt.Sprintf(`{"name":"g%d","lab_name":"l","job":"j","kernel":"k%d","test_cases":[{"name":"a","status":%q}]}`,
				i, i, map[bool]string{true: "FAIL", false: "PASS"}[i == 7]))
		}
		for query, least := range map[string]int{
			"": 3, "ne=status,success&": 3, "source=run&ne=name,a&": 3, "job=j&ne=name,x&": 3,
			"outcome=fail&": 0, "status=fail&": 0, "ne=lab_name,x&outcome=fail&": 0, // uploads without a failure are passed over
		} {
			whole := searchTestResults(t, s, query+"limit=1000").Tests
			var paged []found
			search := searchstore.Query{Scan: 3, Page: store.Page{Limit: 7}}
			parsed, err := reports.SearchOf(strings.TrimSuffix(query, "&"))
			if err != nil {
				t.Fatal(err)
			}
			search.Where, search.Sources = parsed.Where, parsed.Sources
			pages := 0
			for ; pages < 200; pages++ {
				list, err := searchstore.New(s.Store).SearchTestResults(t.Context(), search)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range list.Items {
					paged = append(paged, found{Name: f.Name, Run: f.Run})
				}
				if search.Page.After = list.Next; list.Next == "" {
					break
				}
			}
			if outlines(paged) != outlines(whole) || pages < least {
				t.Errorf("%s: %d pages\n%s\nwhole:\n%s", query, pages, outlines(paged), outlines(whole))
			}
		}
	})
}

func outlines(list []found) string {
	var b strings.Builder
	for _, f := range list {
		b.WriteString(f.Run + "/" + f.Name + " ")
	}
	return b.String()
}

// TestSearchTestResults_Tenants: nobody finds what belongs to another tenant.
func TestSearchTestResults_Tenants(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		token := func(tenant string) servertest.Option {
			a := s.Do("POST", "/v1/access-tokens", fmt.Sprintf(`{"name":"x","roles":["operator","lab","runner"],"tenant":%q}`, tenant), servertest.Admin(), servertest.JSON())
			var out struct{ Token string }
			if err := json.Unmarshal(a.Body, &out); err != nil || a.Status != 201 {
				t.Fatalf("token: %d %s", a.Status, a.Body)
			}
			return servertest.As(out.Token)
		}
		inA, inB := token("a"), token("b")
		opportunity(t, s, "secret-board", "test: x\nsuccess: x\n", inA)
		if a := s.Do("POST", "/v1/post-result", "test: y\nsuccess: y\n", inA); a.Status/100 != 2 {
			t.Fatalf("post-result: %d %s", a.Status, a.Body)
		}
		for name, who := range map[string]struct {
			token servertest.Option
			want  int
		}{"the tenant": {inA, 2}, "another": {inB, 0}} {
			a := s.Do("GET", "/v1/test-results", "", who.token)
			var p foundPage
			if err := json.Unmarshal(a.Body, &p); err != nil || len(p.Tests) != who.want {
				t.Errorf("%s: %d %s, want %d tests", name, a.Status, a.Body, who.want)
			}
			for _, f := range p.Tests {
				if a := s.Do("GET", f.Href, "", who.token); a.Status != 200 {
					t.Errorf("%s: GET %s: %d", name, f.Href, a.Status)
				}
			}
		}
	})
}
