package storetest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// TestPendingSets: a set waits for as long as its kind has to rest, anew with each
// change, and one that changes while it is compared stays in the queue.
func TestPendingSets(t *testing.T) {
	t.Parallel()
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx, now := context.Background(), time.Now()
		cfg.Now = func() time.Time { return now }
		s := storetest.Open(t, cfg)
		kinds := []store.RestingKind{{Kind: "run"}, {Kind: "run", Parts: true, Rest: 2 * time.Minute}, {Kind: "kernel", Rest: 10 * time.Minute, Many: true}}
		due := func() string {
			t.Helper()
			p, err := s.DueSet(ctx, kinds, 3)
			if errors.Is(err, store.ErrNotFound) {
				return ""
			}
			if err != nil {
				t.Fatal(err)
			}
			return p.Ref
		}
		queue := func(p store.PendingSet, soon bool) {
			t.Helper()
			err := s.InTx(ctx, func(tx *store.Store) error {
				if soon {
					return tx.QueueSetSoon(ctx, p)
				}
				return tx.QueueSet(p)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		finish := func(p *store.PendingSet) error {
			return s.InTx(ctx, func(tx *store.Store) error { return tx.FinishSet(p) })
		}
		kernel := store.PendingSet{Kind: "kernel", Ref: store.SetRef("kernel", "a/b", "m", "v1")}
		queue(kernel, true)
		queue(store.PendingSet{Kind: "run", Ref: "run:1/1", Parts: true}, false)
		if got := due(); got != "" {
			t.Errorf("at once %s is due", got)
		}
		now = now.Add(90 * time.Second)
		queue(store.PendingSet{Kind: "run", Ref: "run:1/1", Parts: true}, false) // another file
		now = now.Add(90 * time.Second)
		if got := due(); got != "" {
			t.Errorf("90 s after a file %s is due", got)
		}
		queue(store.PendingSet{Kind: "run", Ref: "run:2/1"}, false)
		if got := due(); got != "run:2/1" {
			t.Errorf("%s is due, want run:2/1, which need not rest", got)
		}
		now = now.Add(time.Minute)
		p, err := s.DueSet(ctx, kinds, 3)
		if err != nil || p.Ref != "run:1/1" {
			t.Fatalf("due: %+v, %v, want run:1/1, which came first", p, err)
		}
		queue(store.PendingSet{Kind: "run", Ref: "run:1/1", Parts: true}, false)
		if err := finish(p); !errors.Is(err, store.ErrConflict) {
			t.Errorf("finish of a set that changed: %v", err)
		}
		now = now.Add(10 * time.Minute)
		for _, want := range []string{kernel.Ref, "run:1/1", "run:2/1"} {
			p, err := s.DueSet(ctx, kinds, 3)
			if err != nil || p.Ref != want {
				t.Fatalf("due: %+v, %v, want %s", p, err, want)
			}
			if err := finish(p); err != nil {
				t.Errorf("finish %s: %v", want, err)
			}
			if err := finish(p); !errors.Is(err, store.ErrConflict) {
				t.Errorf("finish %s once more: %v", want, err)
			}
		}
		queue(store.PendingSet{Kind: "run", Ref: "run:3/1"}, false)
		for range 3 {
			p, err := s.DueSet(ctx, kinds, 3)
			if err != nil || s.FailSet(ctx, p) != nil {
				t.Fatalf("due: %+v, %v", p, err)
			}
		}
		if got := due(); got != "" {
			t.Errorf("after three failures %s is due", got)
		}
	})
}

// TestJobs: one server at a time has a job, until its lease ends.
func TestJobs(t *testing.T) {
	t.Parallel()
	ctx, now := context.Background(), time.Now()
	cfg := store.Config{DataDir: t.TempDir(), Database: storetest.Postgres(t), MaxConns: 4, Now: func() time.Time { return now }}
	one, other := storetest.Open(t, cfg), storetest.Open(t, cfg)
	move := func(s *store.Store, to int64) error {
		return s.InTx(ctx, func(tx *store.Store) error { return tx.MoveJob("job", to) })
	}
	for range 2 {
		if at, err := one.ClaimJob(ctx, "job", time.Minute); at != 0 || err != nil {
			t.Errorf("claim: %d, %v", at, err)
		}
	}
	if _, err := other.ClaimJob(ctx, "job", time.Minute); !errors.Is(err, store.ErrConflict) {
		t.Errorf("claim by another: %v", err)
	}
	if err := move(one, 7); err != nil {
		t.Errorf("move: %v", err)
	}
	now = now.Add(2 * time.Minute)
	if at, err := other.ClaimJob(ctx, "job", time.Minute); at != 7 || err != nil {
		t.Errorf("claim after the lease: %d, %v, want 7", at, err)
	}
	if err := move(one, 8); !errors.Is(err, store.ErrConflict) {
		t.Errorf("move by who lost it: %v", err)
	}
	now = now.Add(-2 * time.Minute)
	if _, err := one.ClaimJob(ctx, "job", time.Minute); !errors.Is(err, store.ErrConflict) {
		t.Errorf("claim by a server whose clock is late: %v", err)
	}
	now = now.Add(-time.Hour)
	if at, err := one.ClaimJob(ctx, "job", time.Minute); at != 7 || err != nil {
		t.Errorf("claim after the clock was set back by an hour: %d, %v, want 7", at, err)
	}
}

// TestRun_Comparable: a run counts for others only while its result is whole.
func TestRun_Comparable(t *testing.T) {
	t.Parallel()
	storetest.EachOf(t, results.New, func(t *testing.T, s *results.Store) {
		ctx := context.Background()
		run := &results.Run{Name: "full"}
		if err := s.CreateRun(ctx, run); err != nil {
			t.Fatal(err)
		}
		for i, step := range []struct {
			result results.Result
			want   bool
		}{
			{results.Result{SHA256: "a", Complete: true}, true},
			{results.Result{SHA256: "b", Complete: true, DamageCount: 1}, false},
			{results.Result{SHA256: "c", Complete: true}, true},
			{results.Result{SHA256: "d"}, false},
		} {
			step.result.RunID = run.ID
			r := listed(t, s, &step.result, nil, true)
			if got, err := s.Run(ctx, store.Everything, run.ID); err != nil || got.Comparable != step.want || got.Name != "full" {
				t.Errorf("step %d: %+v, %v, want comparable %v", i, got, err, step.want)
			}
			if i == 3 {
				if err := s.DeleteResult(ctx, r.ID); err != nil {
					t.Fatal(err)
				}
				if got, err := s.Run(ctx, store.Everything, run.ID); err != nil || !got.Comparable {
					t.Errorf("after the incomplete one was deleted: %+v, %v", got, err)
				}
			}
		}
	})
}

// TestHoldJob: a job that is held stays held beyond its lease, until it is given up or
// another server has taken it all the same.
func TestHoldJob(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	cfg := store.Config{DataDir: t.TempDir(), Database: storetest.Postgres(t)}
	one, other := storetest.Open(t, cfg), storetest.Open(t, cfg)
	const lease = 300 * time.Millisecond
	held, release, err := one.HoldJob(ctx, "job", lease)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	began := time.Now()
	await.That(t, "it is held when three leases are over", func() bool {
		is, err := other.JobHeld(ctx, "job")
		if err != nil || held.Err() != nil {
			t.Fatal(err, held.Err())
		}
		return time.Since(began) > 3*lease && is // on a machine that pauses a renewal may come late
	})
	await.That(t, "the other takes it", func() bool {
		if err := one.EndJob(ctx, "job"); err != nil {
			t.Fatal(err)
		}
		_, err := other.ClaimJob(ctx, "job", time.Minute)
		return err == nil
	})
	await.Receive(t, "the end of what was held", held.Done())
	if cause := context.Cause(held); !errors.Is(cause, store.ErrConflict) {
		t.Errorf("the cause is %v, want ErrConflict", cause)
	}
}
