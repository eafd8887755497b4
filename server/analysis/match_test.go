package analysis_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

// matchesOf is what an issue says of its matches.
func (c *creation) matchesOf(id string) int {
	c.t.Helper()
	one := c.get("/v1/known-issues/"+id, nil)
	n := int(one["matches"].(float64))
	if (one["last_match"] != nil) != (n > 0) {
		c.t.Errorf("%d matches, the last one %v", n, one["last_match"])
	}
	return n
}

func (c *creation) issue(match object) string {
	c.t.Helper()
	return text(c.call("POST", "/v1/known-issues", object{"title": "x", "match": match}, http.StatusCreated)["id"])
}

// Matches are exact at every time: whatever source a failure is of, whether it came
// before the issue or after it, and when it is gone.
func TestKnownIssues_Matches(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		c.cloud("c")
		all, early := c.issue(object{"name": "*"}), c.issue(object{"name": "*", "message": "no route"})
		expect := func(what string, ofAll, ofEarly int) {
			t.Helper()
			if a, e := c.matchesOf(all), c.matchesOf(early); a != ofAll || e != ofEarly {
				t.Errorf("%s: %d and %d matches, want %d and %d", what, a, e, ofAll, ofEarly)
			}
		}
		expect("nothing is stored", 0, 0)
		c.run("c", []any{"a", "fail", "no route"}, []any{"b", "fail", "refused"}, []any{"c", "success"})
		expect("a run", 2, 1)
		c.again([]any{"a", "fail", "no route again"}, []any{"d", "inprogress"})
		expect("its second attempt", 4, 2)
		c.boot(object{"lab_name": "l", "board": "b1", "job": "j", "kernel": "v1", "git_branch": "m", "defconfig_full": "d", "status": "FAIL"})
		expect("a boot", 5, 2)
		c.boot(object{"lab_name": "l", "board": "b1", "job": "j", "kernel": "v1", "git_branch": "m", "defconfig_full": "d", "status": "OFFLINE"})
		expect("the boot once more, which stays as an entry", 6, 2)
		c.call("POST", "/v1/test/group", object{
			"name": "ltp", "lab_name": "l", "job": "j", "kernel": "v1", "git_branch": "m",
			"test_cases": []object{{"name": "p", "status": "PASS"}, {"name": "q", "status": "FAIL", "log_lines": []object{{"dt": "2026-01-01T00:00:00", "msg": "no route"}}}},
		}, http.StatusCreated)
		expect("a case", 7, 3)
		c.store(object{"do": "product", "key": "P", "name": "p", "release": "r", "specs": []any{object{"name": "smoke", "platform": "amd64"}, object{"name": "full", "platform": "amd64"}}})
		c.store(object{"do": "image", "key": "I", "product": "P", "image_unique_id": "I", "results": []any{
			object{"spec": "full", "platform": "amd64", "status": "FAILED"},
			object{"spec": "smoke", "platform": "amd64", "status": "FAILED", "tests": []any{[]any{"x", "fail", "no route"}, []any{"y", "fail", "other"}}},
		}})
		expect("opportunities", 10, 4)
		for match, want := range map[*object]int{
			{"name": "*"}: 10, {"name": "?", "sources": []string{"run"}}: 4, {"name": "*", "job": "j"}: 3, {"name": "*", "product_id": c.ids["P"]}: 3,
			{"name": "*", "context": object{"board": "b1"}}: 2, {"name": "*", "message": "route", "sources": []string{"opportunity"}}: 1, {"name": "nothing"}: 0,
		} {
			if got := c.matchesOf(c.issue(*match)); got != want {
				t.Errorf("an issue that comes after them, %v: %d matches, want %d", *match, got, want)
			}
		}
		c.call("PATCH", "/v1/known-issues/"+early, object{"match": object{"name": "a"}}, http.StatusOK)
		expect("the issue matches something else", 10, 2)
		c.call("PATCH", "/v1/known-issues/"+early, object{"title": "y", "state": "closed"}, http.StatusOK)
		expect("it is closed", 10, 2)
		c.run("c", []any{"a", "fail"})
		expect("a run after that", 11, 3)
		boot := list(c.get("/v1/boot", nil), "result")[0].(object)
		c.call("DELETE", "/v1/boot/"+boot["_id"].(object)["$oid"].(string), nil, http.StatusOK)
		expect("the boot is deleted, with what it replaced", 9, 3)
		other := servertest.As(s.TokenOf("other", auth.Admin))
		id := c.call("POST", "/v1/runs", object{"name": "n"}, http.StatusCreated, other)["test_id"]
		c.call("POST", "/v1/post-result?test_id="+fmt.Sprint(int64(id.(float64))), string(c.stream([]any{[]any{"a", "fail"}})), http.StatusCreated, other, servertest.With("Content-Type", "application/octet-stream"))
		expect("a run of another tenant", 9, 3)
		c.call("DELETE", "/v1/known-issues/"+early, nil, http.StatusNoContent)
		if all := list(c.get("/v1/known-issues", url.Values{"limit": {"3"}}), "known_issues"); len(all) != 3 {
			t.Errorf("issues: %v", all)
		}
	})
}

// A preview says what an issue would say once it is kept, and keeps nothing.
func TestPreviewKnownIssue(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		c.cloud("c")
		c.run("c", []any{"s1.a", "fail", "no route to host"}, []any{"s1.b", "fail", "refused"}, []any{"s2.c", "success"})
		c.again([]any{"s1.a", "fail", "no route again"}, []any{"s2.d", "inprogress"})
		newest := "run:" + c.ids["last"] + "/2"
		c.boot(object{"lab_name": "l", "board": "b1", "job": "j", "kernel": "v1", "git_branch": "m", "defconfig_full": "d", "status": "FAIL"})
		preview := func(match object, options ...servertest.Option) object {
			t.Helper()
			return c.call("POST", "/v1/known-issue-preview", object{"match": match}, http.StatusOK, options...)
		}
		for _, match := range []object{{"name": "*"}, {"name": "s1.*"}, {"name": "*", "message": "no route"}, {"name": "*", "context": object{"board": "b1"}}, {"name": "no"}} {
			got := preview(match)
			if want := c.matchesOf(c.issue(match)); int(got["matches"].(float64)) != want || got["failures"] != 5.0 {
				t.Errorf("%v: the preview is %v, an issue matches %d of 5", match, got, want)
			}
		}
		got := preview(object{"name": "s1.*", "message": "no route"})
		examples := list(got, "examples")
		if got["tests"] != 1.0 || got["last_match"] == nil || len(examples) != 1 {
			t.Fatalf("a preview: %v", got)
		}
		if e := examples[0].(object); e["name"] != "s1.a" || e["outcome"] != "fail" || e["message"] != "no route again" || e["set"] != newest {
			t.Errorf("its example is %v, want s1.a of %s", e, newest)
		}
		if n := len(list(c.get("/v1/known-issues", nil), "known_issues")); n != 5 {
			t.Errorf("%d issues are kept, want the 5 that were made", n)
		}
		if got := preview(object{"name": "*"}, servertest.As(s.TokenOf("other", auth.Operator))); got["failures"] != 0.0 || len(list(got, "examples")) != 0 {
			t.Errorf("what another tenant sees: %v", got)
		}
		for body, status := range map[string]int{`{}`: 400, `{"match":{}}`: 400, `{"match":{"name":"\u0000"}}`: 400, `{"match":{"name":"*","context":{"colour":"red"}}}`: 400} {
			if a := s.Do("POST", "/v1/known-issue-preview", body, servertest.Admin(), servertest.JSON()); a.Status != status {
				t.Errorf("%s: %d %s", body, a.Status, a.Body)
			}
		}
		if a := s.Do("POST", "/v1/known-issue-preview", `{"match":{"name":"*"}}`, servertest.As(s.Token(auth.Reader)), servertest.JSON()); a.Status != http.StatusForbidden {
			t.Errorf("a reader: %d %s", a.Status, a.Body)
		}
	})
}
