package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/results"
)

// onPartitions runs test on PostgreSQL with a store whose clock the test sets.
func onPartitions(t *testing.T, span string, test func(t *testing.T, cfg store.Config, clock *clock)) {
	t.Helper()
	t.Parallel()
	c := &clock{now: time.Date(2031, 1, 30, 23, 0, 0, 0, time.UTC)}
	test(t, store.Config{DataDir: t.TempDir(), Database: Postgres(t), MaxConns: 8, Now: c.read, DatabasePartition: span}, c)
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

func spans(t *testing.T, s *store.Store, table string) []string {
	t.Helper()
	list, err := s.Partitions(context.Background(), table)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range list {
		from := ""
		if !p.From.IsZero() {
			from = p.From.Format(time.DateOnly)
		}
		all = append(all, from+"-"+p.To.Format(time.DateOnly))
	}
	return all
}

// uploaded is a result with n tests, which fail and have records of their own, too.
func uploaded(t *testing.T, s *results.Store, n int) *results.Result {
	t.Helper()
	ctx := context.Background()
	r := &results.Result{SHA256: fmt.Sprint(s.NewID()), Complete: true}
	tests := make([]results.Test, n)
	for i := range tests {
		tests[i] = results.Test{N: int64(i), Name: fmt.Sprintf("t%06d", i), Status: results.TestFail, Records: 2, Failure: "why"}
	}
	err := s.BeginResult(ctx, r)
	if err == nil {
		err = s.InsertTests(ctx, r.Key, tests)
	}
	if err == nil {
		err = s.AddTestRecords(ctx, r.Key, []results.TestRecord{{N: 0, Record: 1, Status: results.TestFail}})
	}
	if err == nil {
		r.Tests = int64(n)
		r, err = s.PublishResult(ctx, r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func testsOf(t *testing.T, s *results.Store, r *results.Result) int {
	t.Helper()
	list, err := s.ListTests(context.Background(), results.TestFilter{Result: r, Page: store.Page{Limit: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}

func TestPartitions_AreMadeAhead(t *testing.T) {
	for _, tt := range []struct {
		span string
		want []string
	}{
		{"month", []string{"-2026-01-01", "2031-01-01-2031-02-01", "2031-02-01-2031-03-01", "2031-03-01-2031-04-01"}},
		{"week", []string{"-2026-01-01", "2031-01-27-2031-02-03", "2031-02-03-2031-02-10", "2031-02-10-2031-02-17"}},
	} {
		t.Run(tt.span, func(t *testing.T) {
			onPartitions(t, tt.span, func(t *testing.T, cfg store.Config, _ *clock) {
				s := Open(t, cfg)
				for _, table := range []string{"events", "tests"} {
					if got := spans(t, s, table); !slices.Equal(got, tt.want) {
						t.Errorf("%s has %v, want %v", table, got, tt.want)
					}
				}
			})
		})
	}
}

// Servers that start together, and others whose clock is far ahead or behind, find a
// partition for every row; spans of another setting fit between those that there are.
func TestPartitions_NoneIsMissing(t *testing.T) {
	onPartitions(t, "month", func(t *testing.T, cfg store.Config, _ *clock) {
		ctx := context.Background()
		s := results.New(Open(t, cfg))
		var wg sync.WaitGroup
		for i, at := range []string{"2031-01-31", "2031-07-17", "2031-07-18", "2035-12-31", "2028-02-29", "2014-08-08", "2031-07-31", "2031-08-01"} {
			day, err := time.Parse(time.DateOnly, at)
			if err != nil {
				t.Fatal(err)
			}
			mine := cfg
			mine.Now = func() time.Time { return day }
			if i%2 == 1 {
				mine.DatabasePartition = "week"
			}
			wg.Go(func() {
				other := results.New(Open(t, mine))
				r := uploaded(t, other, 3)
				err := other.InTx(ctx, func(tx *results.Store) error {
					return tx.AppendEvents(store.Event{Area: "test", AgentID: "clock", Type: at, Time: tx.Now(), Data: store.JSON("{}")})
				})
				if err != nil {
					t.Error(err)
				}
				if n := testsOf(t, s, r); n != 3 {
					t.Errorf("%s: %d tests of 3", at, n)
				}
			})
		}
		wg.Wait()
		events, err := s.Events(ctx, store.EventFilter{Limit: 100, AgentID: "clock"})
		if err != nil || len(events) != 8 {
			t.Errorf("%d events of 8, %v", len(events), err)
		}
		for _, table := range []string{"events", "tests"} {
			list, err := s.Partitions(ctx, table)
			if err != nil {
				t.Fatal(err)
			}
			for i := 1; i < len(list); i++ {
				if list[i].From.Before(list[i-1].To) {
					t.Errorf("%s: %+v begins in %+v", table, list[i], list[i-1])
				}
			}
		}
	})
}

func TestDropPartition(t *testing.T) {
	onPartitions(t, "month", func(t *testing.T, cfg store.Config, clock *clock) {
		ctx := context.Background()
		s := results.New(Open(t, cfg))
		old := uploaded(t, s, 5)
		clock.set(clock.read().AddDate(0, 2, 0))
		fresh := uploaded(t, s, 7)
		if old.Key >= fresh.Key || fresh.Key >= 1<<53 {
			t.Errorf("keys %d, then %d", old.Key, fresh.Key)
		}
		list, err := s.Partitions(ctx, "tests")
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(p store.Partition) bool { return p.MinKey <= old.Key && old.Key < p.EndKey })
		if i < 0 || list[i].Bytes == 0 || !list[i].From.Equal(time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Fatalf("the partition of %d is number %d of %+v", old.Key, i, list)
		}
		if err := s.DropPartition(ctx, list[len(list)-1]); !errors.Is(err, store.ErrConflict) {
			t.Errorf("drop of one to come: %v", err)
		}

		// Two servers at once, while others read and write.
		stop := make(chan struct{})
		var busy, drops sync.WaitGroup
		for range 2 {
			busy.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						uploaded(t, s, 2)
					}
				}
			})
		}
		other := Open(t, cfg)
		for _, dropper := range []*store.Store{s.Store, other} {
			drops.Go(func() {
				if err := dropper.DropPartition(ctx, list[i]); err != nil && !errors.Is(err, store.ErrConflict) {
					t.Errorf("drop: %v", err)
				}
			})
		}
		drops.Wait()
		close(stop)
		busy.Wait()
		if n, m := testsOf(t, s, old), testsOf(t, s, fresh); n != 0 || m != 7 {
			t.Errorf("%d old tests and %d of 7 others after the drop", n, m)
		}
		for _, p := range must(t)(s.Partitions(ctx, "tests")) {
			if p.Name == list[i].Name {
				t.Errorf("%s is still there", p.Name)
			}
		}
		// Even a clock that was set back finds a place for its rows.
		clock.set(clock.read().AddDate(0, -2, 0))
		if late := uploaded(t, s, 4); testsOf(t, s, late) != 4 {
			t.Error("the tests of a result that came late are not there")
		}
	})
}

func must(t *testing.T) func([]store.Partition, error) []store.Partition {
	return func(list []store.Partition, err error) []store.Partition {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
}
