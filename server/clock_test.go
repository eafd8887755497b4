package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
)

// TestClock_StepsBack sets the clock of a server back by an hour, as somebody does who
// finds it wrong. What comes afterwards is newer than what was there: a result that
// failed is not hidden by an older one that passed, no event is passed over, what was
// picked before is reported, and what was sent again under its key is done once.
func TestClock_StepsBack(t *testing.T) {
	t.Parallel()
	storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
		var back atomic.Int64
		cfg.Now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
		s := servertest.On(t, storetest.Open(t, cfg), func(c *server.Config) { c.Now = cfg.Now })
		read := func(method, path, body string, want int, options ...servertest.Option) (out map[string]any) {
			t.Helper()
			a := s.Do(method, path, body, append([]servertest.Option{servertest.Admin(), servertest.JSON()}, options...)...)
			if a.Status != want {
				t.Fatalf("%s %s: %d %.300s, want %d", method, path, a.Status, a.Body, want)
			}
			_ = json.Unmarshal(a.Body, &out)
			return out
		}
		upload := func(line string) {
			t.Helper()
			text := fmt.Sprintf("test: a\n%s: a\n", line)
			a := s.Do("POST", "/v1/post-result?test_id=1", text, servertest.Admin(), servertest.With("Content-Type", "text/plain"))
			if a.Status != http.StatusCreated {
				t.Fatalf("upload: %d %s", a.Status, a.Body)
			}
		}
		key := servertest.With("Idempotency-Key", "before-the-step")
		run := read("POST", "/v1/runs", `{"name": "nightly"}`, 201, key)
		upload("success")
		product := "/v1/products/" + read("POST", "/v1/products", `{"name": "p", "release": "r"}`, 201)["id"].(string)
		read("POST", product+"/testspecs", `{"name": "smoke", "test_payload": 1}`, 201)
		read("PUT", "/v1/agents/a", `{}`, 201)
		read("POST", product+"/images", `{"image_unique_id": "i", "extra_snaps": [], "channel": "edge", "image_reference": null}`, 201)
		picked := read("POST", "/v1/agents/a/pick", `{}`, 200)
		before := read("GET", "/v1/events?limit=1000", "", 200)

		back.Store(int64(time.Hour))
		if again := read("POST", "/v1/runs", `{"name": "nightly"}`, 201, key); again["test_id"] != run["test_id"] {
			t.Errorf("sent again under its key: run %v, want %v", again["test_id"], run["test_id"])
		}
		upload("failure")
		current := read("GET", "/v1/runs/1/results/current", "", 200)
		if current["outcome"] != "fail" || current["attempt"] != 2.0 {
			t.Errorf("the current result is attempt %v: %v, want the one that failed", current["attempt"], current["outcome"])
		}
		second := read("POST", "/v1/runs", `{"name": "nightly"}`, 201)["test_id"]
		if newest := read("GET", "/v1/runs?limit=1", "", 200)["runs"].([]any)[0].(map[string]any)["test_id"]; newest != second {
			t.Errorf("the newest run is %v, want %v", newest, second)
		}
		lease := picked["lease"].(map[string]any)["token"]
		leases := fmt.Sprintf(`{"leases": [{"test_opportunity_id": %q, "token": %q}]}`, picked["test_opportunity_id"], lease)
		renewed := read("POST", "/v1/agents/a/heartbeat", leases, 200)
		if l := renewed["leases"].([]any)[0].(map[string]any); l["status"] != "ok" {
			t.Errorf("the heartbeat says %v", renewed)
		}
		read("POST", product+"/tests/results", fmt.Sprintf(`{"test_opportunity_id": %q, "test_status": "FAILED", "lease_token": %q, "result_payload": 1}`, picked["test_opportunity_id"], lease), 201)

		after := read("GET", "/v1/events?limit=1000&after="+before["next"].(string), "", 200)["events"].([]any)
		var types []any
		for _, e := range after {
			types = append(types, e.(map[string]any)["event_type"])
		}
		if len(types) < 3 {
			t.Errorf("after the step the event log has %v, want what the result of a run and that of an opportunity make", types)
		}
		if a := s.Do("GET", "/readyz", ""); a.Status != http.StatusOK {
			t.Errorf("/readyz: %d %s", a.Status, a.Body)
		}
	})
}
