package retention_test

import (
	"context"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
	"github.com/slipway-lab/slipway/store/storetest"
)

// events is how many events there are of before a time, and the days on which the
// partitions end that had their time.
func (l *lab) events(until time.Time) (rows int, ends []time.Time) {
	l.t.Helper()
	for after := int64(0); ; {
		some, err := l.Store.Events(context.Background(), store.EventFilter{After: after, Limit: 1000})
		if err != nil {
			l.t.Fatal(err)
		}
		if len(some) == 0 {
			break
		}
		for i := range some {
			if after = some[i].Seq; some[i].Time.Before(until) {
				rows++
			}
		}
	}
	list, err := l.Store.Partitions(context.Background(), "events")
	if err != nil {
		l.t.Fatal(err)
	}
	for _, p := range list {
		if !p.From.IsZero() && p.To.Before(l.clock.now()) {
			ends = append(ends, p.To)
		}
	}
	return rows, ends
}

// TestEvents_Partitions: on PostgreSQL a partition goes whole when all of its events
// go, also by several rules, and not while one of them stays. What went is counted and
// noted as when each goes by itself.
func TestEvents_Partitions(t *testing.T) {
	t.Parallel()
	l := open(t, store.Config{DataDir: t.TempDir(), Database: storetest.Postgres(t), MaxConns: 8})
	l.begin()
	l.run("tempest", true, 1)
	l.clock.forward(100 * day)
	l.run("tempest", true, 1)
	l.clock.forward(100 * day)
	now := l.clock.now()
	before, ends := l.events(now)
	if before == 0 || len(ends) < 2 {
		t.Fatalf("%d events in partitions until %v", before, ends)
	}
	l.rules(object{"class": "events", "days": 150, "tenant": "others"})
	if got := l.remove(); got["events"].Rows != 0 {
		t.Errorf("of others there went %v", got)
	}
	l.rules(object{"class": "events", "days": 150}, object{"class": "events", "days": 160, "tenant": ""})
	wanted := l.dryRun()["events"].Rows
	got := l.remove()["events"].Rows
	after, left := l.events(now)
	if got == 0 || got != wanted || after != before-int(got) {
		t.Errorf("%d of %d events went and %d are there, a dry run said %d", got, before, after, wanted)
	}
	if len(left) >= len(ends) || left[0].Equal(ends[0]) {
		t.Errorf("partitions until %v are left of those until %v", left, ends)
	}
	if noted, err := l.Store.EventsRemoved(context.Background()); err != nil || noted < got {
		t.Errorf("events are noted as removed up to %d, %v", noted, err)
	}
}

// TestSweepEvents_Partitions is the same for the setting.
func TestSweepEvents_Partitions(t *testing.T) {
	t.Parallel()
	l := open(t, store.Config{DataDir: t.TempDir(), Database: storetest.Postgres(t), MaxConns: 8})
	l.begin()
	l.run("tempest", true, 1)
	l.clock.forward(100 * day)
	l.run("tempest", true, 1)
	now := l.clock.now()
	before, ends := l.events(now)
	removed, err := productstore.New(l.Store).SweepEvents(context.Background(), now.Add(-60*day))
	after, left := l.events(now)
	if err != nil || removed == 0 || after == 0 || after != before-int(removed) || len(left) >= len(ends) {
		t.Errorf("%d of %d events went, %v, %d are there; partitions until %v of %v", removed, before, err, after, left, ends)
	}
}
