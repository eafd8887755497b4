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

// explainedBy is the title of the issue that explains the test of that name.
func explainedBy(items []any, field, name string) any {
	for _, one := range items {
		if i := one.(object); i[field] == name {
			if issue, is := i["known_issue"].(object); is {
				return issue["title"]
			}
			return nil
		}
	}
	return "there is no " + name
}

func TestKnownIssues(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		cloud := c.cloud("c")
		c.run("c", []any{"s1.a", "success"}, []any{"s1.b", "success"})
		head := c.run("c", []any{"s1.a", "fail", "setup\nno route to host"}, []any{"s1.b", "fail", "refused"}, []any{"s2.c", "inprogress"})
		ask := func() object { return c.get("/v1/compare", url.Values{"head": {head}}) }
		first := c.call("POST", "/v1/known-issues", object{"title": "hosts", "url": "https://bugs.example.org/1", "match": object{"name": "s1.*", "message": "no route"}}, http.StatusCreated)
		if first["matches"] != 1.0 || first["last_match"] == nil || first["state"] != "open" || first["created_by"] != "admin" {
			t.Errorf("the new issue: %v", first)
		}
		path := "/v1/known-issues/" + text(first["id"])
		got := ask()
		if got["known"] != 1.0 || explainedBy(list(got, "items"), "name", "s1.a") != "hosts" || explainedBy(list(got, "items"), "name", "s1.b") != nil {
			t.Errorf("after the first issue: known %v, %v", got["known"], got["items"])
		}
		second := c.call("POST", "/v1/known-issues", object{"title": "all of it", "match": object{"name": "*", "cloud_id": int64Of(cloud), "sources": []string{"run"}, "context": object{"arch": nil}}}, http.StatusCreated)
		got = ask()
		if got["known"] != 3.0 || explainedBy(list(got, "items"), "name", "s1.a") != "hosts" || explainedBy(list(got, "items"), "name", "s2.c") != "all of it" {
			t.Errorf("the oldest wins: known %v, %v", got["known"], got["items"])
		}
		if got := list(c.get("/v1/compare", url.Values{"head": {head}, "known": {"exclude"}}), "items"); len(got) != 0 {
			t.Errorf("known=exclude: %v", got)
		}
		number := strings.TrimPrefix(head, "run:")
		tests := list(c.get("/v1/runs/"+number+"/results/current/tests", nil), "tests")
		if explainedBy(tests, "id", "s1.a") != "hosts" || explainedBy(tests, "id", "s2.c") != "all of it" {
			t.Errorf("a run's tests: %v", tests)
		}
		found := list(c.get("/v1/test-results", url.Values{"run": {number}}), "test_results")
		if explainedBy(found, "name", "s1.a") != "hosts" || explainedBy(found, "name", "s2.c") != "all of it" {
			t.Errorf("single tests: %v", found)
		}
		entry := list(c.get("/v1/test-history", url.Values{"name": {"s1.a"}}), "entries")[0].(object)
		if issue, is := entry["known_issue"].(object); !is || issue["title"] != "hosts" || issue["url"] != "https://bugs.example.org/1" {
			t.Errorf("history: %v", entry)
		}
		c.call("PATCH", path, object{"state": "closed"}, http.StatusOK)
		if got := ask(); explainedBy(list(got, "items"), "name", "s1.a") != "all of it" {
			t.Errorf("a closed issue explains: %v", got["items"])
		}
		c.call("PATCH", path, object{"state": "open", "expires_on": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)}, http.StatusOK)
		if got := ask(); explainedBy(list(got, "items"), "name", "s1.a") != "all of it" {
			t.Errorf("an expired issue explains: %v", got["items"])
		}
		changed := c.call("PATCH", path, object{"title": "still hosts", "expires_on": nil, "url": nil, "match": object{"name": "s1.a"}}, http.StatusOK)
		if changed["title"] != "still hosts" || changed["url"] != nil || changed["match"].(object)["message"] != nil {
			t.Errorf("changed: %v", changed)
		}
		if got := ask(); explainedBy(list(got, "items"), "name", "s1.a") != "still hosts" {
			t.Errorf("after the change: %v", got["items"])
		}
		c.call("DELETE", "/v1/known-issues/"+text(second["id"]), nil, http.StatusNoContent)
		c.call("GET", "/v1/known-issues/"+text(second["id"]), nil, http.StatusNotFound)
		if got := ask(); got["known"] != 1.0 {
			t.Errorf("a deleted issue explains: %v", got["items"])
		}
		if all := list(c.get("/v1/known-issues", url.Values{"state": {"open"}}), "known_issues"); len(all) != 1 {
			t.Errorf("open issues: %v", all)
		}
	})
}

func int64Of(text string) int64 {
	var n int64
	_, _ = fmt.Sscan(text, &n)
	return n
}

func TestKnownIssues_BadInput(t *testing.T) {
	t.Parallel()
	c := newCreation(t, servertest.New(t))
	for _, tt := range []struct{ name, body, says string }{
		{"no match", `{"title":"x"}`, "match"},
		{"no name", `{"title":"x","match":{}}`, "name"},
		{"no title", `{"match":{"name":"*"}}`, "title"},
		{"an empty title", `{"title":"","match":{"name":"*"}}`, "title"},
		{"a long title", `{"title":"` + strings.Repeat("x", 201) + `","match":{"name":"*"}}`, "title"},
		{"a URL of another kind", `{"title":"x","url":"ftp://a/b","match":{"name":"*"}}`, "url"},
		{"a URL without a host", `{"title":"x","url":"https:","match":{"name":"*"}}`, "url"},
		{"a long glob", `{"title":"x","match":{"name":"` + strings.Repeat("é", 501) + `"}}`, "1000 bytes"},
		{"an unknown field of the context", `{"title":"x","match":{"name":"*","context":{"colour":"red"}}}`, "lab_name"},
		{"an unknown source", `{"title":"x","match":{"name":"*","sources":["moon"]}}`, "opportunity"},
		{"an unknown state", `{"title":"x","state":"ajar","match":{"name":"*"}}`, "closed"},
		{"a field that is misspelt", `{"title":"x","mach":{},"match":{"name":"*"}}`, "match"},
		{"U+0000", `{"title":"x","match":{"name":"\u0000"}}`, "name"},
		{"a time that is none", `{"title":"x","expires_on":"soon","match":{"name":"*"}}`, "expires_on"},
	} {
		a := c.Do("POST", "/v1/known-issues", tt.body, servertest.Admin(), servertest.JSON())
		if a.Status != http.StatusBadRequest || !strings.Contains(string(a.Body), tt.says) {
			t.Errorf("%s: %d %s, want 400 that says %q", tt.name, a.Status, a.Body, tt.says)
		}
	}
	for _, role := range []auth.Role{auth.Reader, auth.Runner, auth.Lab} {
		if a := c.Do("POST", "/v1/known-issues", `{"title":"x","match":{"name":"*"}}`, servertest.As(c.Token(role)), servertest.JSON()); a.Status != http.StatusForbidden {
			t.Errorf("%s makes an issue: %d %s", role, a.Status, a.Body)
		}
	}
}

func TestKnownIssues_Limit(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		body := object{"title": "x", "match": object{"name": "*"}}
		first := c.call("POST", "/v1/known-issues", body, http.StatusCreated, servertest.With("Idempotency-Key", "k"))
		if again := c.call("POST", "/v1/known-issues", body, http.StatusCreated, servertest.With("Idempotency-Key", "k")); text(again["id"]) != text(first["id"]) {
			t.Errorf("the same key makes another issue: %v, %v", first, again)
		}
		c.call("POST", "/v1/known-issues", object{"title": "y", "match": object{"name": "*"}}, http.StatusConflict, servertest.With("Idempotency-Key", "k"))
		c.call("POST", "/v1/known-issues", body, http.StatusCreated)
		closed := c.call("POST", "/v1/known-issues", object{"title": "x", "state": "closed", "match": object{"name": "*"}}, http.StatusCreated)
		c.call("POST", "/v1/known-issues", body, http.StatusConflict)
		c.call("PATCH", "/v1/known-issues/"+text(closed["id"]), object{"state": "open"}, http.StatusConflict)
		c.call("PATCH", "/v1/known-issues/"+text(first["id"]), object{"title": "z"}, http.StatusOK)
		other := servertest.As(s.TokenOf("other", auth.Operator))
		c.call("POST", "/v1/known-issues", body, http.StatusCreated, other) // each tenant has as many
		page := c.get("/v1/known-issues", url.Values{"limit": {"2"}})
		rest := c.get("/v1/known-issues", url.Values{"limit": {"2"}, "after": {page["next"].(string)}})
		if len(list(page, "known_issues")) != 2 || len(list(rest, "known_issues")) != 2 || rest["next"] != nil {
			t.Errorf("pages: %v, %v", page, rest)
		}
	}, func(c *server.Config) { c.Analysis.MaxIssues = 2 })
}

// A tenant's sets do not exist for others, on either side, and its issues explain
// its own tests only.
func TestTenants(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		a, b := servertest.As(s.TokenOf("a", auth.Admin)), servertest.As(s.TokenOf("b", auth.Admin))
		run := func(as servertest.Option, tests ...[]any) string {
			made := c.call("POST", "/v1/runs", object{"name": "suite"}, http.StatusCreated, as)
			id := fmt.Sprint(int64(made["test_id"].(float64)))
			var all []any
			for _, one := range tests {
				all = append(all, one)
			}
			c.call("POST", "/v1/post-result?test_id="+id, string(c.stream(all)), http.StatusCreated, as, servertest.With("Content-Type", "application/octet-stream"))
			return "run:" + id
		}
		ofA, ofB := run(a, []any{"x", "fail", "no route"}), run(b, []any{"x", "success"})
		headA := run(a, []any{"x", "fail", "no route"})
		c.call("POST", "/v1/known-issues", object{"title": "b's", "match": object{"name": "*"}}, http.StatusCreated, b)
		c.call("POST", "/v1/known-issues", object{"title": "nobody's", "match": object{"name": "*"}}, http.StatusCreated)
		got := c.get("/v1/compare", url.Values{"head": {headA}}, a)
		if got["base"].(object)["ref"] != ofA+"/1" || got["known"] != 0.0 {
			t.Errorf("a's comparison: base %v, known %v", got["base"], got["known"])
		}
		for _, q := range []url.Values{{"head": {ofB}, "base": {"none"}}, {"head": {headA}, "base": {ofB}}, {"head": {ofB}}} {
			if answer := c.Do("GET", "/v1/compare?"+q.Encode(), "", a); answer.Status != http.StatusNotFound {
				t.Errorf("a compares %v: %d %s", q, answer.Status, answer.Body)
			}
		}
		if entries := list(c.get("/v1/test-history", url.Values{"name": {"x"}}, b), "entries"); len(entries) != 1 {
			t.Errorf("b's history: %v", entries)
		}
		if all := list(c.get("/v1/known-issues", nil, a), "known_issues"); len(all) != 1 || all[0].(object)["title"] != "nobody's" {
			t.Errorf("a's issues: %v", all)
		}
		if entries := list(c.get("/v1/test-history", url.Values{"name": {"x"}}), "entries"); len(entries) != 3 {
			t.Errorf("the admin's history: %v", entries)
		}
	})
}

// The example of README: a red build, what is new in it, one failure marked as
// known, and the question again.
func TestReadmeExample(t *testing.T) {
	t.Parallel()
	c := newCreation(t, servertest.New(t))
	cloud := c.cloud("c")
	run := ""
	for _, build := range []string{
		"test: net.ping\nsuccess: net.ping\ntest: net.dns\nsuccess: net.dns\n",
		"test: net.ping\nfailure: net.ping [\nno route to host\n]\ntest: net.dns\nfailure: net.dns [\nrefused\n]\n",
	} {
		made := c.call("POST", "/v1/runs", object{"cloud_id": int64Of(cloud), "name": "nightly"}, http.StatusCreated)
		run = fmt.Sprint(int64(made["test_id"].(float64)))
		form := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"build.subunit\"\r\n\r\n" + build +
			"\r\n--x\r\nContent-Disposition: form-data; name=\"test_id\"\r\n\r\n" + run + "\r\n--x--\r\n"
		c.call("POST", "/v1/post-result", form, http.StatusCreated, servertest.With("Content-Type", "multipart/form-data; boundary=x"))
	}
	news := c.get("/v1/compare", url.Values{"head": {"run:" + run}})
	var said []string
	for _, one := range list(news, "items") {
		i := one.(object)
		said = append(said, fmt.Sprint(i["name"], " ", i["class"], ": ", i["message"]))
	}
	if want := []string{"net.dns new_failure: refused", "net.ping new_failure: no route to host"}; fmt.Sprint(said) != fmt.Sprint(want) {
		t.Errorf("what is new: %q, want %q", said, want)
	}
	c.call("POST", "/v1/known-issues", object{
		"title": "hosts unreachable", "url": "https://bugs.example.org/1", "match": object{"name": "net.*", "message": "no route"},
	}, http.StatusCreated)
	left := list(c.get("/v1/compare", url.Values{"head": {"run:" + run}, "known": {"exclude"}}), "items")
	if len(left) != 1 || left[0].(object)["name"] != "net.dns" {
		t.Errorf("what is left: %v", left)
	}
}
