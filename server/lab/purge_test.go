package lab_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
)

// TestPurgeTasks_hugeAge: an age beyond all numbers deletes nothing, and what is no
// number is 90 days.
func TestPurgeTasks_hugeAge(t *testing.T) {
	t.Parallel()

	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		var back atomic.Int64
		back.Store(int64(200 * 24 * time.Hour))
		cfg.Now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
		s := servertest.On(t, storetest.Open(t, cfg), func(c *server.Config) { c.Now = cfg.Now })
		stop := s.Work()
		finished(t, s, createTask(t, s, "verify_site", storeDesign(t, s, site(t))).TaskID)
		stop()
		back.Store(0)

		for _, tt := range []struct {
			days string
			want int
			left bool
		}{
			{"99999999999999999999", 200, true},
			{"9223372036854775808", 200, true},
			{"-99999999999999999999", 400, true},
			{"250", 200, true},
			{"None", 200, false},
		} {
			if a := s.Do("DELETE", "/api/v1.0/tasks?days="+tt.days, "", servertest.Admin()); a.Status != tt.want {
				t.Errorf("days=%s: %d %s", tt.days, a.Status, a.Body)
			}
			var all []task
			decode(t, s.Do("GET", "/api/v1.0/tasks", "", servertest.Admin()), &all)
			if (len(all) > 0) != tt.left {
				t.Errorf("days=%s leaves %d tasks", tt.days, len(all))
			}
		}
	})
}
