package analysis_test

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// What is posted again replaces a report and stays an entry; pages of a history are
// slices of it.
func TestHistory_Replaced(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		boot := object{"do": "boot", "key": "b", "job": "j", "kernel": "v1", "git_branch": "m", "arch": "arm64", "defconfig_full": "d", "build_environment": "gcc",
			"board": "b1", "lab_name": "lab-a"}
		for _, status := range []string{"PASS", "FAIL", "OFFLINE"} {
			boot["status"] = status
			c.store(boot)
		}
		boot["kernel"], boot["status"] = "v2", "PASS"
		c.store(boot)
		q := url.Values{"name": {"boot"}, "job": {"j"}}
		whole := c.get("/v1/test-history", q)
		var got []string
		for _, one := range list(whole, "entries") {
			e := one.(object)
			got = append(got, fmt.Sprint(e["outcome"], " ", e["version"], " ", e["set"], " ", e["href"] != nil, " ", e["context"].(object)["board"]))
		}
		want := []string{"pass v2 kernel:j/m/v2 true b1", "error v1 kernel:j/m/v1 true b1", "fail v1 kernel:j/m/v1 false b1", "pass v1 kernel:j/m/v1 false b1"}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("entries\n%q, want\n%q", got, want)
		}
		summary := whole["summary"].(object)
		if summary["verdict"] != "flaky" || summary["mixed_versions"] != 1.0 || summary["excluded"] != 1.0 || summary["reason"] != "2 flips in 3 verdicts; both pass and fail on v1" {
			t.Errorf("summary %v", summary)
		}
		if whole["contexts"] != nil {
			t.Errorf("contexts that nobody asked for: %v", whole["contexts"])
		}
		var paged []any
		q.Set("limit", "1")
		for {
			page := c.get("/v1/test-history", q)
			paged = append(paged, list(page, "entries")...)
			next, more := page["next"].(string)
			if !more {
				break
			}
			q.Set("after", next)
		}
		if !reflect.DeepEqual(paged, list(whole, "entries")) {
			t.Errorf("in pages: %v", paged)
		}
		for _, tt := range []struct {
			query url.Values
			want  int
		}{
			{url.Values{"outcome": {"fail", "error"}}, 2}, {url.Values{"outcome": {"unknown"}}, 0}, {url.Values{"kernel": {"v2", "v3"}}, 1}, {url.Values{"source": {"case"}}, 0},
			{url.Values{"source": {"boot", "run"}}, 4}, {url.Values{"board": {"b2"}}, 0}, {url.Values{"cloud_id": {"1"}}, 0}, {url.Values{"since": {"2199-01-01T00:00:00Z"}}, 0},
			{url.Values{"until": {"2199-01-01T00:00:00Z"}}, 4}, {url.Values{"git_branch": {"m"}, "arch": {"arm64"}}, 4},
		} {
			tt.query.Set("name", "boot")
			if n := len(list(c.get("/v1/test-history", tt.query), "entries")); n != tt.want {
				t.Errorf("%v: %d entries, want %d", tt.query, n, tt.want)
			}
		}
		if a := c.Do("GET", "/v1/compare?head=kernel:j/m/v2", "", servertest.Admin()); a.Status != http.StatusNotFound {
			t.Errorf("a kernel without a verdict is previous: %d %s", a.Status, a.Body)
		}
		compared := c.get("/v1/compare", url.Values{"head": {"kernel:j/m/v2"}, "base": {"kernel:j/m/v1"}, "class": {"all"}, "history": {"9"}})
		if item := list(compared, "items")[0].(object); item["class"] != "now_passing" || item["history"] != "p" {
			t.Errorf("a replaced outcome counts: %v", item)
		}
	})
}

func TestFlakyTests_Pages(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		cloud := c.cloud("c")
		for round := range 4 {
			var tests [][]any
			for i := range 6 {
				status := "success"
				if round%(i+2) == 0 {
					status = "fail"
				}
				tests = append(tests, []any{fmt.Sprint("t", i), status, "no route"})
			}
			c.run("c", tests...)
		}
		c.call("POST", "/v1/known-issues", object{"title": "t1", "match": object{"name": "t1"}}, http.StatusCreated)
		q := url.Values{"cloud_id": {cloud}, "verdict": {"flaky,regressed", "recovered,fixed,passing,failing"}}
		whole := list(c.get("/v1/flaky-tests", q), "tests")
		if len(whole) != 6 || whole[0].(object)["name"] != "t0" {
			t.Fatalf("the ranking: %v", whole)
		}
		q.Set("limit", "2")
		var got []any
		for {
			page := c.get("/v1/flaky-tests", q)
			got = append(got, list(page, "tests")...)
			next, more := page["next"].(string)
			if !more {
				break
			}
			q.Set("after", next)
		}
		if !reflect.DeepEqual(got, whole) {
			t.Errorf("in pages: %v\nwant %v", got, whole)
		}
		for known, want := range map[string]int{"only": 1, "exclude": 5} {
			if n := len(list(c.get("/v1/flaky-tests", url.Values{"cloud_id": {cloud}, "known": {known}, "verdict": q["verdict"]}), "tests")); n != want {
				t.Errorf("known=%s: %d tests, want %d", known, n, want)
			}
		}
		if n := len(list(c.get("/v1/flaky-tests", url.Values{"cloud_id": {cloud}, "window": {"2"}, "verdict": {"too_few"}}), "tests")); n != 6 {
			t.Errorf("two runs are too few: %d tests", n)
		}
	})
}

// A history has the verdict of each context, and a ranking the last outcomes, for those
// who ask.
func TestHistory_Contexts(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		boot := object{"do": "boot", "key": "b", "job": "j", "kernel": "v1", "git_branch": "m", "arch": "arm64", "defconfig_full": "d", "build_environment": "gcc",
			"board": "b1", "lab_name": "lab-a"}
		for _, status := range []string{"PASS", "FAIL", "OFFLINE"} {
			boot["status"] = status
			c.store(boot)
		}
		boot["kernel"], boot["status"] = "v2", "PASS"
		c.store(boot)
		alone := c.get("/v1/test-history", url.Values{"name": {"boot"}, "job": {"j"}})["summary"].(object)["reason"]
		boot["board"], boot["status"] = "b2", "FAIL"
		c.store(boot)
		verdicts := map[any]any{}
		for _, one := range list(c.get("/v1/test-history", url.Values{"name": {"boot"}, "job": {"j"}, "contexts": {"true"}}), "contexts") {
			o := one.(object)
			verdicts[o["context"].(object)["board"]] = o["summary"].(object)["reason"]
		}
		if len(verdicts) != 2 || verdicts["b1"] != alone || verdicts["b2"] == nil || verdicts["b2"] == verdicts["b1"] {
			t.Errorf("verdicts of contexts: %v", verdicts)
		}
		strips := map[any]any{}
		for _, one := range list(c.get("/v1/flaky-tests", url.Values{"job": {"j"}, "verdict": {"flaky,too_few,failing,passing"}, "history": {"2"}}), "tests") {
			o := one.(object)
			strips[o["context"].(object)["board"]] = o["history"]
		}
		if strips["b1"] != "ep" || strips["b2"] != "f" {
			t.Errorf("strips: %v, want the last two, the oldest first", strips)
		}
	})
}
