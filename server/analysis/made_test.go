package analysis_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

// The comparisons that were made come newest first, by what they found and by pages.
func TestListComparisons(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		cloud := makeCloud(t, s)
		var runs []int64
		for _, tests := range [][]string{{"a", "b", "c"}, {"!a", "b", "!c"}, {"a", "b", "!c"}, {"a", "!b", "!c"}} {
			run := startRun(t, s, cloud, "full")
			upload(t, s, run, tests...)
			runs = append(runs, int64(run))
		}
		awaitEvents(t, s, 3, "comparison")
		c := newCreation(t, s)
		heads := func(q url.Values) string {
			t.Helper()
			var all []string
			for _, one := range list(c.get("/v1/comparisons", q), "comparisons") {
				o := one.(object)
				all = append(all, fmt.Sprint(o["head"].(object)["ref"], "+", o["counts"].(object)["new_failure"]))
			}
			return strings.Join(all, " ")
		}
		last, middle, first := fmt.Sprintf("run:%d/1+1", runs[3]), fmt.Sprintf("run:%d/1+0", runs[2]), fmt.Sprintf("run:%d/1+2", runs[1])
		soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		for query, want := range map[string]string{
			"": last + " " + middle + " " + first, "new_failures_at_least=1": last + " " + first, "new_failures_at_least=2": first,
			"kind=run&kind=kernel": last + " " + middle + " " + first, "kind=kernel": "", "since=" + url.QueryEscape(soon): "", "limit=1": last,
			"head=" + url.QueryEscape(fmt.Sprintf("run:%d/1", runs[1])): first, "head=run:999/1": "",
			"head=" + url.QueryEscape(fmt.Sprintf("run:%d/1", runs[1])) + "&head=" + url.QueryEscape(fmt.Sprintf("run:%d/1", runs[3])): last + " " + first,
		} {
			q, _ := url.ParseQuery(query)
			if got := heads(q); got != want {
				t.Errorf("comparisons?%s: %s, want %s", query, got, want)
			}
		}
		var walked []string
		for after, more := "", true; more; {
			q := url.Values{"limit": {"1"}}
			if after != "" {
				q.Set("after", after)
			}
			page := c.get("/v1/comparisons", q)
			for _, one := range list(page, "comparisons") {
				walked = append(walked, text(one.(object)["head"].(object)["ref"]))
			}
			after, more = "", page["next"] != nil
			if more {
				after = page["next"].(string)
			}
		}
		if len(walked) != 3 {
			t.Errorf("page by page: %q", walked)
		}
		for _, bad := range []string{"after=nonsense", "new_failures_at_least=-1", "kind=nothing", "limit=0"} {
			if a := c.Do("GET", "/v1/comparisons?"+bad, "", servertest.Admin()); a.Status != http.StatusBadRequest {
				t.Errorf("comparisons?%s: %d, want 400", bad, a.Status)
			}
		}
		other := servertest.As(s.TokenOf("elsewhere", auth.Reader))
		if got := len(list(c.get("/v1/comparisons", nil, other), "comparisons")); got != 0 {
			t.Errorf("another tenant sees %d comparisons", got)
		}
	})
}

// A line of runs says how the newest went, with what changed, to whoever may know no
// more than that.
func TestGetRunLine(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		cloud := makeCloud(t, s)
		for _, tests := range [][]string{{"a", "b"}, {"!a", "b"}} {
			upload(t, s, startRun(t, s, cloud, "full"), tests...)
		}
		newest := startRun(t, s, cloud, "full") // without a result
		awaitEvents(t, s, 1, "comparison")
		c := newCreation(t, s)
		badge := servertest.As(s.Token(auth.Badge))
		line := c.get("/v1/run-line", url.Values{"cloud": {fmt.Sprint(cloud)}, "name": {"full"}}, badge)
		runs := list(line, "runs")
		if len(runs) != 2 || line["name"] != "full" || line["cloud"] == nil {
			t.Fatalf("the line: %v", line)
		}
		head := runs[0].(object)
		if head["test_id"] != float64(newest-1) || head["outcome"] != "fail" || head["counts"].(object)["fail"] != 1.0 || head["changes"].(object)["new_failure"] != 1.0 {
			t.Errorf("the newest: %v", head)
		}
		if before := runs[1].(object); before["changes"] != nil || before["outcome"] != "pass" {
			t.Errorf("the first: %v", before)
		}
		byLabel := c.get("/v1/run-line", url.Values{"cloud": {text(line["cloud"])}, "window": {"1"}}, badge)
		if n := len(list(byLabel, "runs")); n != 1 {
			t.Errorf("by the label, one: %d", n)
		}
		if n := len(list(c.get("/v1/run-line", url.Values{"name": {"other"}}, badge), "runs")); n != 0 {
			t.Errorf("another name has %d runs", n)
		}
		for path, status := range map[string]int{"/v1/run-line?cloud=999": 404, "/v1/run-line?cloud=nothing": 404, "/v1/run-line?window=0": 400, "/v1/runs": 403, "/v1/comparisons": 403} {
			if a := c.Do("GET", path, "", badge); a.Status != status {
				t.Errorf("%s: %d, want %d", path, a.Status, status)
			}
		}
		if a := c.Do("GET", "/v1/run-line?cloud="+fmt.Sprint(cloud), "", servertest.As(s.TokenOf("elsewhere", auth.Badge))); a.Status != http.StatusOK {
			t.Errorf("what is of no tenant, for another one: %d", a.Status)
		}
	})
}

// TestListComparisons_Changed: a head can be asked for with its parts encoded in any way,
// and says when more of it has come since.
func TestListComparisons_Changed(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		send(t, s, "POST", "/v1/lab", aLab, 201, servertest.JSON())
		boot := func(kernel, board, status string) {
			send(t, s, "POST", "/v1/boot", fmt.Sprintf(`{"lab_name":"l","board":%q,"job":"j@x","kernel":%q,"git_branch":"m","defconfig":"d","boot_result":%q}`, board, kernel, status), 202, servertest.JSON())
		}
		boot("v1+", "b1", "PASS")
		boot("v2+", "b1", "PASS")
		awaitEvents(t, s, 1, "comparison")
		c := newCreation(t, s)
		for _, head := range []string{"kernel:j%40x/m/v2%2B", "kernel:j@x/m/v2+"} {
			made := list(c.get("/v1/comparisons", url.Values{"head": {head}}), "comparisons")
			if len(made) != 1 || made[0].(object)["changed"] != false {
				t.Errorf("comparisons of %s: %v, want one that holds", head, made)
			}
		}
		boot("v2+", "b2", "FAIL")
		made := list(c.get("/v1/comparisons", url.Values{"head": {"kernel:j@x/m/v2+"}}), "comparisons")
		newest := made[0].(object)
		if newest["changed"] != true && newest["head"].(object)["counts"].(object)["fail"] != 1.0 { // or it was compared again already
			t.Errorf("after one more boot: %v, want one that says so", made)
		}
	}, func(c *server.Config) { c.Analysis.RestReports = 0 })
}

// TestGetRunLine_Grown: what was found before a file was added is no word on the run
// with that file.
func TestGetRunLine_Grown(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		cloud := makeCloud(t, s)
		upload(t, s, startRun(t, s, cloud, "full"), "a", "b")
		run := startRun(t, s, cloud, "full")
		upload(t, s, run, "a")
		awaitEvents(t, s, 1, "comparison")
		c := newCreation(t, s)
		newest := func() object {
			t.Helper()
			return list(c.get("/v1/run-line", url.Values{"cloud": {fmt.Sprint(cloud)}}), "runs")[0].(object)
		}
		if changes := newest()["changes"]; changes == nil || changes.(object)["gone"] != 1.0 {
			t.Fatalf("before the second file: %v, want one gone", changes)
		}
		send(t, s, "POST", fmt.Sprintf("/v1/post-result?test_id=%d&add=true", run), "test: b\nfailure: b\n", 201)
		if grown := newest(); grown["outcome"] != "fail" || grown["counts"].(object)["fail"] != 1.0 || grown["changes"] != nil {
			t.Errorf("after it: %v, want a failure, and no changes before they are looked for", grown)
		}
	})
}

// What came in is counted by the hour. A test that hangs in a stream of version 1 is
// damage and a failure.
func TestGetActivity(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		cloud := makeCloud(t, s)
		upload(t, s, startRun(t, s, cloud, "full"), "a", "b")
		run := startRun(t, s, cloud, "full")
		upload(t, s, run, "!a", "b")
		upload(t, s, run, "!a", "!b") // another attempt: its two are what the run has
		send(t, s, "POST", fmt.Sprintf("/v1/post-result?test_id=%d", startRun(t, s, cloud, "other")), "test: hangs\n", 201)
		awaitEvents(t, s, 2, "comparison")
		c := newCreation(t, s)
		hours := list(c.get("/v1/activity", url.Values{"hours": {"3"}}), "hours")
		if len(hours) != 3 {
			t.Fatalf("%d hours, want 3", len(hours))
		}
		sum := map[string]float64{}
		for _, one := range hours {
			h := one.(object)
			for _, name := range []string{"results", "tests", "damaged", "comparisons", "new_failures"} {
				sum[name] += h[name].(float64)
			}
			for name, n := range h["counts"].(object) {
				sum[name] += n.(float64)
			}
		}
		want := map[string]float64{"results": 4, "tests": 7, "damaged": 1, "comparisons": 2, "new_failures": 2, "pass": 3, "fail": 4, "error": 0, "skip": 0, "unknown": 0}
		if fmt.Sprint(sum) != fmt.Sprint(want) {
			t.Errorf("%v\nwant %v", sum, want)
		}
		if n := len(list(c.get("/v1/activity", nil), "hours")); n != 24 {
			t.Errorf("%d hours when nothing is said, want 24", n)
		}
		for _, hour := range list(c.get("/v1/activity", nil, servertest.As(s.TokenOf("elsewhere", auth.Reader))), "hours") {
			if h := hour.(object); h["comparisons"].(float64) != 0 {
				t.Errorf("another tenant sees %v", h)
			}
		}
	})
}
