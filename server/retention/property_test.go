package retention_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
)

// expect works out, from what the test stored and nothing else, what must be left of
// whole things that go after some days.
func expect(things []*thing, now time.Time, days int) {
	before := now.Add(-time.Duration(days) * day)
	newest := func(list []*thing, complete func(*thing) bool) *thing {
		for _, th := range slices.Backward(list) {
			if complete(th) {
				return th
			}
		}
		return nil
	}
	of := func(kind, line string) (list []*thing) {
		for _, th := range things {
			if th.kind == kind && th.line == line {
				list = append(list, th)
			}
		}
		return list
	}
	plain := func(th *thing) bool { return th.complete }
	for _, th := range things {
		stays := th.protected || !th.at.Before(before)
		switch th.kind {
		case "boot", "group":
			stays = stays || keptByRef(things, th.ref) || th.ref == newestKernel(things, th.line)
			if th.kind == "group" {
				stays = stays || newest(of("group", th.line), plain) == th
			}
		default:
			stays = stays || newest(of(th.kind, th.line), plain) == th
		}
		if th.kind == "opportunity" {
			stays = stays || newestImage(things) == th
		}
		th.gone = !stays
	}
}

// keptByRef reports whether something of the same set is protected: a kernel is kept
// with all that belongs to it.
func keptByRef(things []*thing, ref string) bool {
	return slices.ContainsFunc(things, func(o *thing) bool { return o.ref == ref && o.protected && (o.kind == "boot" || o.kind == "group") })
}

// newestKernel is the newest complete kernel of a job: kernels stand in the order of
// their first tests.
func newestKernel(things []*thing, job string) (ref string) {
	first, complete := map[string]time.Time{}, map[string]bool{}
	for _, th := range things {
		if (th.kind == "boot" || th.kind == "group") && th.line == job {
			if _, known := first[th.ref]; !known {
				first[th.ref] = th.at
			}
			complete[th.ref] = complete[th.ref] || th.complete
		}
	}
	var at time.Time
	for r, t := range first {
		if complete[r] && t.After(at) {
			ref, at = r, t
		}
	}
	return ref
}

// newestImage is the opportunity of the newest image that has a verdict; each image
// has one.
func newestImage(things []*thing) *thing {
	for _, th := range slices.Backward(things) {
		if th.kind == "opportunity" && th.verdict {
			return th
		}
	}
	return nil
}

// eachSeed runs the test on every database with a lab of its own for each of n seeds.
func eachSeed(t *testing.T, n uint64, test func(t *testing.T, l *lab, seed uint64)) {
	t.Helper()
	storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
		for seed := range n {
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
				each := cfg
				each.DataDir = t.TempDir()
				if cfg.Database != "" {
					each.Database = storetest.Postgres(t)
				}
				l := open(t, each)
				l.begin()
				test(t, l, seed)
			})
		}
	})
}

// TestProperty stores things of all kinds and removes by age: what goes is what the
// dry run said, nothing that is kept, verified or the newest complete of its line
// goes, and everything else that is too old does.
func TestProperty(t *testing.T) {
	t.Parallel()
	eachSeed(t, 3, func(t *testing.T, l *lab, seed uint64) {
		l.random(seed, 40)
		l.clock.forward(10 * day)
		const days = 25
		var rules []object
		for _, class := range []string{"raw", "attachments", "tests", "results", "reports", "opportunities", "output", "events", "audit", "webhooks"} {
			rules = append(rules, object{"class": class, "days": days})
		}
		l.rules(rules...)
		expect(l.things, l.clock.now(), days)
		said, removed := l.dryRun(), l.remove()
		if delete(said, "audit"); !maps.Equal(said, withoutAudit(removed)) { // which the two calls write to
			t.Errorf("the dry run said %v\nthere went %v", said, removed)
		}
		gone := 0
		for i, th := range l.things {
			if there := l.there(th); there == th.gone {
				t.Errorf("%d: %s %s of %s (%s, complete %v, protected %v) is there: %v", i, th.kind, th.path, th.line, th.ref, th.complete, th.protected, there)
			}
			if th.gone {
				gone++
			}
		}
		if gone < 5 {
			t.Errorf("%d things went, want more to go", gone)
		}
		if again := l.dryRun(); len(again) > 1 || len(again) == 1 && again["audit"].Rows == 0 {
			t.Errorf("after the run there would go %v, want nothing", again)
		}
	})
}

func withoutAudit(all map[string]amount) map[string]amount {
	some := maps.Clone(all)
	delete(some, "audit")
	return some
}
