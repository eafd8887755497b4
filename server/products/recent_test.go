package products_test

import (
	"net/http"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// A list of agents tells of their last results when it is asked to: the oldest first,
// not more than asked for, and what an agent says of a failure is in it.
func TestAgents_recent(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("recent", "smoke")
		l.agent("a1", object{"platform": "amd64"})
		l.agent("a2", object{"platform": "amd64"})
		for n, status := range []string{"PASSED", "FAILED", "ERROR", "SKIPPED", "ODD", "passed"} {
			l.image(path, string(rune('a'+n)))
			o := l.call("POST", "/v1/agents/a1/pick", nil, http.StatusOK)
			l.call("POST", path+"/tests/results", object{"test_opportunity_id": o["test_opportunity_id"], "test_status": status, "agent_id": "a1"}, http.StatusCreated)
		}
		for query, want := range map[string]any{"": nil, "?recent=0": nil, "?recent=20": "pfesup", "?recent=2": "up"} {
			list := l.call("GET", "/v1/agents"+query, nil, http.StatusOK)["agents"].([]any)
			if got := list[0].(object)["recent"]; got != want {
				t.Errorf("agents%s: %v, want %v", query, got, want)
			}
			if got, want := list[1].(object)["recent"], map[bool]any{true: "", false: nil}[want != nil]; got != want {
				t.Errorf("agents%s: %v of one without results, want %v", query, got, want)
			}
		}
		l.call("GET", "/v1/agents?recent=51", nil, http.StatusBadRequest)
	})
}

// An opportunity is found by its id without its product, and how much output there is
// stands in a header.
func TestAllOpportunities_byID(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("found", "smoke")
		l.agent("a1", object{"platform": "amd64"})
		id := l.image(path, "one")[0]
		l.image(path, "two")
		for query, want := range map[string]int{id: 1, "nothing": 0, "00000000-0000-0000-0000-000000000000": 0, "3d5a9b52-8c43-4e0c-a0c3-5a3f0c9e7b11": 0} {
			list := l.call("GET", "/v1/opportunities?test_opportunity_id="+query, nil, http.StatusOK)["test_opportunities"].([]any)
			if len(list) != want || want == 1 && list[0].(object)["test_opportunity_id"] != id {
				t.Errorf("opportunity %s: %v, want %d", query, list, want)
			}
		}
		o := l.call("POST", "/v1/agents/a1/pick", nil, http.StatusOK)
		out := path + "/tests/opportunities/" + field(o, "test_opportunity_id") + "/output"
		token := o["lease"].(object)["token"].(string)
		if a := l.Do("POST", out+"?offset=0", "booting\n", servertest.Admin(), servertest.With("Lease-Token", token)); a.Status != http.StatusOK {
			t.Fatalf("append: %d %s", a.Status, a.Body)
		}
		for _, offset := range []string{"0", "4", "1000"} {
			if a := l.Do("GET", out+"?offset="+offset, "", servertest.Admin()); a.Header.Get("X-Output-Size") != "8" {
				t.Errorf("output from %s on: X-Output-Size %q, want 8", offset, a.Header.Get("X-Output-Size"))
			}
		}
	})
}
