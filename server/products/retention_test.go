package products_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
)

// What is old goes when a server starts, but nothing of what still goes on.
func TestRetention(t *testing.T) {
	t.Parallel()
	storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
		var ahead atomic.Int64
		cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		s := storetest.Open(t, cfg)
		h := newHook(t)
		l := &lab{servertest.On(t, s, withHook(h)), t}
		hook := "/v1/webhooks/" + field(l.call("POST", "/v1/webhooks", object{"url": h.URL}, http.StatusCreated), "id")
		path := l.product("p", "smoke")
		done := l.finishWithOutput(path, "I1", "old output")
		open := l.image(path, "I2")[0]
		until(t, "every event is delivered", func() bool {
			return len(l.call("GET", hook+"/deliveries?state=delivered", nil, http.StatusOK)["deliveries"].([]any)) == 5
		})

		ahead.Store(int64(3 * 24 * time.Hour))
		fresh := l.finishWithOutput(path, "I3", "fresh output") // I2 is older, and is picked first
		if fresh != open {
			t.Fatalf("%s was picked, want %s", fresh, open)
		}
		two := &lab{servertest.On(t, s, withHook(h), func(c *server.Config) {
			c.Products.EventRetentionDays, c.Products.WebhookRetentionDays, c.Products.OutputRetentionDays = 2, 1, 1
		}), t}
		output := func(o string) string {
			return string(two.try("GET", path+"/tests/opportunities/"+o+"/output", nil).Body)
		}
		until(t, "the old output is gone", func() bool { return output(done) == "" })
		if got := output(fresh); got != "fresh output" {
			t.Errorf("the fresh output is %q", got)
		}
		list := two.call("GET", hook+"/deliveries?limit=1000", nil, http.StatusOK)["deliveries"].([]any)
		list = slices.DeleteFunc(list, func(d any) bool { return strings.HasPrefix(field(d.(object), "event_type"), "agent.") }) // days have passed, so its agent is silent
		if len(list) == 0 || len(list) > 5 {
			t.Errorf("%d deliveries are left, want only fresh ones", len(list))
		}
		log := two.call("GET", "/v1/events?after=0", nil, http.StatusOK)
		for _, e := range log["events"].([]any) {
			if e.(object)["test_opportunity_id"] == done {
				t.Errorf("an old event of what has ended is still there: %v", e)
			}
		}
		if log["removed_to"] == nil {
			t.Errorf("removed_to is null, want the place up to which events are gone")
		}
		result := two.call("GET", path+"/tests/results?image_unique_id=I1", nil, http.StatusOK)["test_results"].([]any)[0].(object)
		if result["output_url"] != nil || result["test_status"] != "PASSED" {
			t.Errorf("the old result reads %v, want it without an output_url", result)
		}
	})
}

// finishWithOutput advertises an image, and lets an agent write output for what
// it picks and finish it.
func (l *lab) finishWithOutput(product, image, output string) string {
	l.t.Helper()
	l.image(product, image)
	l.agent("writer", object{})
	picked := l.call("POST", "/v1/agents/writer/pick", nil, http.StatusOK)
	o, token := field(picked, "test_opportunity_id"), field(picked["lease"].(object), "token")
	a := l.Do("POST", fmt.Sprintf("%s/tests/opportunities/%s/output?offset=0", product, o), output, servertest.Admin(), servertest.With("Lease-Token", token))
	if a.Status != http.StatusOK {
		l.t.Fatalf("output: %d %s", a.Status, a.Body)
	}
	l.call("POST", product+"/tests/results", object{"test_opportunity_id": o, "test_status": "PASSED", "lease_token": token}, http.StatusCreated)
	return o
}
