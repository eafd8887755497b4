package retention_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
	retentionstore "github.com/slipway-lab/slipway/store/retention"
	"github.com/slipway-lab/slipway/store/storetest"
)

// benchTests is how many tests the run that goes has, without -short.
const benchTests = 1_000_000

// BenchmarkRemove removes the single tests of a run of 1 000 000 as a run of retention
// does, gives back the room, and measures beside it how long a page of 50 tests of
// another run takes to read, and how long a small write waits.
func BenchmarkRemove(b *testing.B) {
	tests := benchTests
	if testing.Short() {
		tests /= 4
	}
	for b.Loop() {
		b.StopTimer()
		s := resultstore.New(storetest.New(b))
		small := storeTests(b, s, 20_000)
		storeTests(b, s, tests)
		ctx := context.Background()
		read := func() { readPage(b, s, small) }
		write := func() {
			if err := s.CreateRun(ctx, &resultstore.Run{}); err != nil {
				b.Fatal(err)
			}
		}
		before := quantile(beside(read, time.After(3*time.Second)), 95)
		r := retentionstore.New(s.Store)
		if _, err := r.PutKeep(ctx, store.Viewer{Scope: store.Everything}, "run", []string{fmt.Sprint(small.RunID)}, &retentionstore.Keep{Reason: "read"}); err != nil {
			b.Fatal(err)
		}
		days := int64(0)
		rules := []retentionstore.Rule{{Class: retentionstore.Tests, Days: &days}}
		plan, err := r.NewPlan(ctx, rules, nil)
		if err != nil {
			b.Fatal(err)
		}
		run, err := r.QueueRun(ctx, plan, "", "bench", retentionstore.Asked)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.ClaimJob(ctx, retentionstore.JobName, time.Hour); err != nil {
			b.Fatal(err)
		}
		done := make(chan time.Time)
		reads, writes := make(chan []time.Duration), make(chan []time.Duration)
		go func() { reads <- beside(read, done) }()
		go func() { writes <- beside(write, done) }()
		var longest, longestCPU time.Duration
		runtime.LockOSThread() // so that the CPU of a slice can be told
		worked := threadCPU()
		b.StartTimer()
		started := time.Now()
		err = r.Execute(ctx, run, func(took time.Duration) error {
			now := threadCPU()
			longest, longestCPU = max(longest, took), max(longestCPU, now-worked)
			worked = now
			time.Sleep(2 * took) // as the server rests
			return nil
		})
		took := time.Since(started)
		b.StopTimer()
		runtime.UnlockOSThread()
		if err != nil {
			b.Fatal(err)
		}
		close(done)
		during, waits := <-reads, <-writes
		b.ReportMetric(float64(tests)/took.Seconds(), "tests/s")
		b.ReportMetric(float64(before.Microseconds()), "before_p95_µs")
		b.ReportMetric(float64(quantile(during, 95).Microseconds()), "read_p95_µs")
		b.ReportMetric(float64(quantile(during, 95))/float64(before), "read_p95_ratio")
		b.ReportMetric(float64(quantile(waits, 99).Milliseconds()), "write_p99_ms")
		b.ReportMetric(float64(quantile(waits, 100).Milliseconds()), "write_most_ms")
		b.ReportMetric(float64(longest.Milliseconds()), "longest_slice_ms")
		b.ReportMetric(float64(longestCPU.Microseconds())/1000, "longest_slice_cpu_ms")
		b.StartTimer()
	}
}

// threadCPU is how much time the thread has worked.
func threadCPU() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_THREAD, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// storeTests stores a result of so many tests.
func storeTests(b *testing.B, s *resultstore.Store, tests int) *resultstore.Result {
	b.Helper()
	ctx := context.Background()
	r := &resultstore.Result{SHA256: fmt.Sprint(tests), Complete: true, Tests: int64(tests)}
	r.Counts.Success = r.Tests
	if err := s.BeginResult(ctx, r); err != nil {
		b.Fatal(err)
	}
	for n := 0; n < tests; n += 8000 {
		list := make([]resultstore.Test, 0, 8000)
		for i := n; i < min(n+8000, tests); i++ {
			list = append(list, resultstore.Test{N: int64(i), Name: fmt.Sprintf("suite%d.module%03d.Class.test_%d", tests, i%500, i), Status: resultstore.TestSuccess, Records: 1})
		}
		if err := s.InsertTests(ctx, r.Key, list); err != nil {
			b.Fatal(err)
		}
	}
	r, err := s.PublishResult(ctx, r)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func readPage(b *testing.B, s *resultstore.Store, r *resultstore.Result) {
	list, err := s.ListTests(context.Background(), resultstore.TestFilter{Result: r, Page: store.Page{Limit: 50, Offset: 5000}})
	if err != nil || len(list.Items) != 50 {
		b.Errorf("%d tests, %v", len(list.Items), err)
	}
}

// beside does something again and again until the end, with a rest in between, and
// says how long each took.
func beside[T any](do func(), end <-chan T) (took []time.Duration) {
	for {
		select {
		case <-end:
			return took
		case <-time.After(2 * time.Millisecond):
		}
		started := time.Now()
		do()
		took = append(took, time.Since(started))
	}
}

func quantile(list []time.Duration, percent int) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[(len(list)-1)*percent/100]
}
