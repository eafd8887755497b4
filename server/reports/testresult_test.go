package reports_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

type found struct {
	Source, Name, Outcome, Status, Run, Href string
	Job                                      *string
}

type foundPage struct {
	Tests []found `json:"test_results"`
	Next  *string
}

func findTests(t testing.TB, s *servertest.Server, query string) foundPage {
	t.Helper()
	a := s.Do("GET", "/v1/test-results?"+query, "", servertest.Admin())
	var p foundPage
	if err := json.Unmarshal(a.Body, &p); err != nil || a.Status != 200 {
		t.Fatalf("test-results?%s: %d %s", query, a.Status, a.Body)
	}
	return p
}

// TestSearchTests asks one question over the tests of runs and of groups.
func TestSearchTests(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		if p := findTests(t, s, ""); len(p.Tests) != 0 || p.Next != nil {
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
		all := findTests(t, s, "limit=1000")
		if len(all.Tests) != 18 || all.Next != nil {
			t.Fatalf("%d tests, next %v; want 18", len(all.Tests), all.Next)
		}
		for query, want := range map[string]int{
			"name=shared": 6, "name=shared&source=run": 3, "name=shared&name=c": 9, "name=nope": 0, "outcome=fail": 9,
			"outcome=pass": 6, "outcome=skip": 3, "outcome=nonsense": 0, "status=ERROR": 3, "status=success&status=FAIL": 6, "job=j": 9,
			"job=null": 9, "kernel=k1": 3, "lab_name=l&source=run": 0, "source=nope": 0, "run=1": 3, "run=x": 0, "cloud_id=7": 0,
			"cloud_id=null": 18, "ne=outcome,pass": 12, "ne=job,j": 9, "gte=name,s": 9, "date_range=1": 18, "created_on=2001-01-01": 0,
			"gte=created_on,2001-01-01": 18, "nonsense=1": 18, "name=%27%20OR%201=1%20--": 0,
		} {
			if got := findTests(t, s, query); len(got.Tests) != want {
				t.Errorf("test-results?%s: %d tests, want %d", query, len(got.Tests), want)
			}
		}
		for _, filter := range []string{"", "name=shared&", "outcome=fail&"} {
			whole := findTests(t, s, filter+"limit=1000").Tests
			var paged []found
			next := ""
			for range 20 {
				p := findTests(t, s, filter+"limit=2&"+next)
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
		for _, query := range []string{"limit=1001", "limit=x", "after=x", "sort=name", "skip=1", "aggregate=name"} {
			if a := s.Do("GET", "/v1/test-results?"+query, "", servertest.Admin()); a.Status != 400 {
				t.Errorf("test-results?%s: %d, want 400", query, a.Status)
			}
		}
		if a := s.Do("GET", "/v1/test-results", ""); a.Status != 401 {
			t.Errorf("without a token: %d, want 401", a.Status)
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
