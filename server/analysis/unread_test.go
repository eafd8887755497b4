package analysis_test

import (
	"fmt"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// TestPrevious_Unread: a file in which nothing could be read is no base, as a damaged
// one is none: the tests of the run before it would be missing from every comparison.
func TestPrevious_Unread(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		cloud := makeCloud(t, s)
		run := func(text string) any {
			id := send(t, s, "POST", "/v1/runs", fmt.Sprintf(`{"cloud_id":%v}`, cloud), 201, servertest.JSON())["test_id"]
			send(t, s, "POST", fmt.Sprintf("/v1/post-result?test_id=%v", id), text, 201, servertest.With("Content-Type", "text/plain"))
			return id
		}
		first := run(`{"tests":[{"id":"a","status":"fail"},{"id":"b","status":"success"}]}`)
		log := run("the log of the lab\n")
		last := run(`{"tests":[{"id":"a","status":"success"}]}`)
		c := send(t, s, "GET", fmt.Sprintf("/v1/compare?history=9&head=run:%v", last), "", 200)
		if ref := c["base"].(map[string]any)["ref"]; ref != fmt.Sprintf("run:%v/1", first) {
			t.Errorf("the base is %v, want run %v", ref, first)
		}
		if counts := c["counts"].(map[string]any); counts["fixed"] != 1.0 || counts["gone"] != 1.0 {
			t.Errorf("%v, want one fixed and one gone", counts)
		}
		c = send(t, s, "GET", fmt.Sprintf("/v1/compare?head=run:%v", log), "", 200)
		if head := c["head"].(map[string]any); head["complete"] != false {
			t.Errorf("%v, want no complete set", head)
		}
	})
}

// TestHistory_Stream: the tests of a published result are those of its stream, its
// failures among them, and each once.
func TestHistory_Stream(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		made := send(t, s, "POST", "/v1/subunit", "test: good\nsuccess: good\ntest: bad\nfailure: bad\n", 201, servertest.With("Content-Type", "application/octet-stream"))
		for query, want := range map[string]string{
			"name=bad&source=published": "fail", "name=good&source=published": "pass", "name=bad&source=run": "", "name=good": "pass", "name=bad": "fail",
		} {
			if got := historyOf(t, s, query); got != want {
				t.Errorf("test-history?%s: %q, want %q", query, got, want)
			}
		}
		entry := send(t, s, "GET", "/v1/test-history?name=bad", "", 200)["entries"].([]any)[0].(map[string]any)
		if want := fmt.Sprintf("published:%v", made["result-id"]); entry["set"] != want || entry["version"] != nil {
			t.Errorf("%v, want it in %s, and no version", entry, want)
		}
		if read := send(t, s, "GET", entry["href"].(string), "", 200); read["id"] != "bad" {
			t.Errorf("%s is %v", entry["href"], read)
		}
	})
}
