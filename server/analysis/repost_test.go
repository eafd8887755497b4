package analysis_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/reports"
	"github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// historyOf is the outcomes of a test, the newest first.
func historyOf(t *testing.T, s *servertest.Server, query string) string {
	t.Helper()
	a := s.Do("GET", "/v1/test-history?"+query, "", servertest.Admin())
	var h struct {
		Entries []struct{ Outcome, Set string }
	}
	if err := json.Unmarshal(a.Body, &h); err != nil || a.Status != 200 {
		t.Fatalf("test-history?%s: %d %s", query, a.Status, a.Body)
	}
	var words []string
	for _, e := range h.Entries {
		words = append(words, e.Outcome)
	}
	return strings.Join(words, " ")
}

// TestHistory_Reposted: what a boot, a case or a group that is posted again takes the
// place of stays in the history, and in no set.
func TestHistory_Reposted(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		send(t, s, "POST", "/v1/lab", `{"name":"l","contact":{"name":"a","surname":"b","email":"c@example.org"}}`, 201, servertest.JSON())
		for _, status := range []string{"PASS", "FAIL", "OFFLINE"} {
			send(t, s, "POST", "/v1/boot", fmt.Sprintf(`{"lab_name":"l","board":"b1","job":"j","kernel":"v1","git_branch":"m","defconfig":"d","boot_result":%q}`, status), 202, servertest.JSON())
		}
		for _, status := range []string{"PASS", "FAIL"} {
			send(t, s, "POST", "/v1/test/group", fmt.Sprintf(`{"name":"ltp","lab_name":"l","job":"j","kernel":"v1","git_branch":"m","test_cases":[{"name":"a.b","status":%q}],
				"sub_groups":[{"name":"fs","test_cases":[{"name":"c","status":%q},{"name":"d"}]}]}`, status, status), 201, servertest.JSON())
		}
		cases := send(t, s, "GET", "/v1/test/case?name=a.b", "", 200)["result"].([]any)
		id := cases[0].(map[string]any)["_id"].(map[string]any)["$oid"].(string)
		send(t, s, "PUT", "/v1/test/case/"+id, `{"status":"SKIP"}`, 200, servertest.JSON())
		send(t, s, "PUT", "/v1/test/case/"+id, `{"metadata":{"x":1}}`, 200, servertest.JSON()) // tells nothing new
		for query, want := range map[string]string{
			"name=boot&job=j": "error fail pass", "name=boot&lab_name=l&board=b1": "error fail pass", "name=boot&board=b2": "",
			"name=ltp.a.b&job=j": "skip fail pass", "name=ltp.fs.c": "fail pass", "name=ltp.fs.d": "pass pass", "name=a.b": "", "name=c": "",
		} {
			if got := historyOf(t, s, query); got != want {
				t.Errorf("test-history?%s: %q, want %q", query, got, want)
			}
		}
		set := send(t, s, "GET", "/v1/compare?base=none&class=all&head="+url.QueryEscape("kernel:j/m/v1"), "", 200)
		if head := set["head"].(map[string]any); head["tests"] != 4.0 {
			t.Errorf("the kernel has %v tests, want 4: %v", head["tests"], set)
		}
		send(t, s, "DELETE", "/v1/test/case/"+id, "", 200)
		a := s.Do("GET", "/v1/boot", "", servertest.Admin())
		var boots struct {
			Result []struct {
				ID struct {
					OID string `json:"$oid"`
				} `json:"_id"`
			}
		}
		if err := json.Unmarshal(a.Body, &boots); err != nil || len(boots.Result) != 1 {
			t.Fatalf("boots: %s", a.Body)
		}
		send(t, s, "DELETE", "/v1/boot/"+boots.Result[0].ID.OID, "", 200)
		for query, want := range map[string]string{"name=boot": "", "name=ltp.a.b": "fail pass"} {
			if got := historyOf(t, s, query); got != want {
				t.Errorf("after the removal: test-history?%s: %q, want %q", query, got, want)
			}
		}
	})
}

// TestHistory_GroupChanged: what a PUT of a group changes is changed of its cases as
// tests as well, also of those of the groups inside it where they have it from there.
func TestHistory_GroupChanged(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		c.lab("l")
		a := c.call("POST", "/v1/test/group", object{
			"name": "ltp", "lab_name": "l", "board": "b1", "job": "j", "kernel": "v1", "git_branch": "m", "arch": "arm",
			"test_cases": []object{{"name": "a.b", "status": "FAIL"}},
			"sub_groups": []object{{"name": "fs", "lab_name": "l", "board": "b1", "job": "j", "kernel": "v1", "git_branch": "m", "test_cases": []object{{"name": "c"}}}},
		}, 201)
		group := "/v1/test/group/" + a["result"].([]any)[0].(object)["_id"].(object)["$oid"].(string)
		issue := c.issue(object{"name": "kselftest.*", "context": object{"board": "b2"}})
		id := list(c.get("/v1/test/case", url.Values{"name": {"a.b"}}), "result")[0].(object)["_id"].(object)["$oid"].(string)
		steps := []struct {
			path   string
			body   object
			counts map[string]string
		}{
			{group, object{"name": "kselftest"}, map[string]string{"name=kselftest.a.b": "fail", "name=kselftest.fs.c": "pass", "name=ltp.a.b": "", "name=ltp.fs.c": ""}},
			{group, object{"board": "b2", "arch": "arm64"}, map[string]string{
				"name=kselftest.a.b&board=b2&arch=arm64": "fail", "name=kselftest.a.b&board=b1": "", "name=kselftest.fs.c&board=b1": "pass", "name=kselftest.fs.c&board=b2": "",
			}},
			{group, object{"kernel": "v2"}, map[string]string{"name=kselftest.a.b&kernel=v2": "fail", "name=kselftest.a.b&kernel=v1": ""}},
			{"/v1/test/case/" + id, object{"status": "SKIP"}, map[string]string{"name=kselftest.a.b&board=b2&kernel=v2": "skip fail"}},
			{"/v1/test/case/" + id, object{"name": "a.x"}, map[string]string{"name=kselftest.a.x": "skip", "name=kselftest.a.b": "skip fail"}},
		}
		for _, step := range steps {
			c.call("PUT", step.path, step.body, 200)
			for query, want := range step.counts {
				if got := historyOf(t, s, query); got != want {
					t.Errorf("after %v: test-history?%s: %q, want %q", step.body, query, got, want)
				}
			}
		}
		if n := c.matchesOf(issue); n != 1 {
			t.Errorf("the issue has %d matches, want 1", n)
		}
		for ref, want := range map[string]float64{"kernel:j/m/v2": 1, "kernel:j/m/v1": 1} {
			if head := c.get("/v1/compare", url.Values{"head": {ref}, "base": {"none"}})["head"].(object); head["tests"] != want {
				t.Errorf("%s has %v tests, want %v", ref, head["tests"], want)
			}
		}
	})
}

// row is a report of which some columns have a value.
func row(c *reports.Collection, values map[string]any) *reports.Report {
	r := &reports.Report{Values: make([]any, len(c.Columns)), Rest: "{}"}
	for name, v := range values {
		place, _ := c.Place(name)
		r.Values[place] = v
	}
	return r
}

// TestBackground_Backfill: what was stored before there was anything to compare is
// made comparable once a server runs.
func TestBackground_Backfill(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		rep, res := reports.New(s), results.New(s)
		oid := func(n int) string { return fmt.Sprintf("%024x", n) }
		kernel := map[string]any{"job": "j", "kernel": "v1", "git_branch": "m", "lab_name": "l", "created_on": int64(1_700_000_000_000)}
		with := func(more map[string]any) map[string]any {
			all := map[string]any{}
			for _, m := range []map[string]any{kernel, more} {
				for k, v := range m {
					all[k] = v
				}
			}
			return all
		}
		err := errors.Join(
			rep.InsertReports(ctx, reports.Groups, row(reports.Groups, with(map[string]any{"_id": oid(1), "name": "ltp", "board": "b1", "root_id": oid(1)})),
				row(reports.Groups, with(map[string]any{"_id": oid(2), "name": "fs", "board": "b1", "parent_id": oid(1), "root_id": oid(1)}))),
			rep.InsertReports(ctx, reports.Boots, row(reports.Boots, with(map[string]any{"_id": oid(3), "board": "b1", "status": "FAIL"}))))
		for i := range 250 {
			err = errors.Join(err, rep.InsertReports(ctx, reports.Cases, row(reports.Cases, with(map[string]any{
				"_id": oid(100 + i), "name": fmt.Sprintf("t%d", i), "status": "PASS", "test_group_id": oid(2), "root_id": oid(1)}))))
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			r := &results.Result{SHA256: fmt.Sprint(i), Complete: true, Tests: 1}
			err := errors.Join(res.BeginResult(ctx, r), res.InsertTests(ctx, r.Key, []results.Test{{Name: "x", Records: 1, Status: results.TestSuccess}}))
			if err == nil {
				_, err = res.PublishResult(ctx, r)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		srv := servertest.On(t, s)
		await.That(t, "old results to be listed", func() bool {
			list, err := res.UnlistedResults(ctx, 1)
			return err == nil && len(list) == 0
		})
		await.That(t, "old reports to be tests", func() bool {
			set := srv.Do("GET", "/v1/compare?base=none&class=all&head="+url.QueryEscape("kernel:j/m/v1"), "", servertest.Admin())
			return strings.Contains(string(set.Body), `"tests":251`)
		})
		for query, want := range map[string]string{"name=boot&board=b1": "fail", "name=ltp.fs.t249&board=b1&job=j": "pass"} {
			if got := historyOf(t, srv, query); got != want {
				t.Errorf("test-history?%s: %q, want %q", query, got, want)
			}
		}
	})
}
