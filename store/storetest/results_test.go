package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// upload is what a test posts.
type upload struct {
	run     int64
	sha     string
	outcome string
	tests   int
}

func begin(t *testing.T, s *resultstore.Store, u upload) *resultstore.Result {
	t.Helper()
	r := &resultstore.Result{RunID: u.run, SHA256: u.sha, Outcome: u.outcome, Tests: int64(u.tests), Format: "subunit-v2"}
	r.Counts.Success = r.Tests
	if err := s.BeginResult(context.Background(), r); err != nil {
		t.Fatalf("BeginResult: %v", err)
	}
	if err := s.InsertTests(context.Background(), r.Key, someTests(u.tests)); err != nil {
		t.Fatalf("InsertTests: %v", err)
	}
	return r
}

func publish(t *testing.T, s *resultstore.Store, u upload) *resultstore.Result {
	t.Helper()
	r, err := s.PublishResult(context.Background(), begin(t, s, u))
	if err != nil {
		t.Fatalf("PublishResult: %v", err)
	}
	return r
}

func someTests(n int) []resultstore.Test {
	list := make([]resultstore.Test, n)
	for i := range list {
		list[i] = resultstore.Test{N: int64(i + 1), Name: fmt.Sprintf("pkg.Class.test_%06d", i), Status: resultstore.TestSuccess, Records: 1}
	}
	return list
}

func TestResult_RoundTrip(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		us := int64(1_500_000)
		run := &resultstore.Run{Tenant: "t"}
		if err := s.CreateRun(ctx, run); err != nil {
			t.Fatal(err)
		}
		final := &resultstore.Result{RunID: run.ID, Tenant: "t", Uploader: "tok_x", SHA256: "aa", CPID: "cp"}
		if err := s.BeginResult(ctx, final); err != nil {
			t.Fatal(err)
		}
		if final.ID.Version() != 7 || final.Key == 0 {
			t.Errorf("BeginResult gave %+v, want an UUIDv7 and a key", final)
		}
		if _, err := s.Result(ctx, final.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Result while it is uploaded: %v, want ErrNotFound", err)
		}
		final.Bytes, final.ContentSHA256, final.ContentBytes, final.Gzip = 5, "bb", 9, true
		final.Format, final.Scope, final.Outcome, final.Complete = "subunit-v1", "all", "fail", true
		final.DurationUS = &us
		final.Counts = resultstore.Counts{Success: 1, XFail: 2, Skip: 3, Fail: 4, UXSuccess: 5, InProgress: 6, Unknown: 7, Exists: 8}
		final.Tests, final.Records, final.NoiseBytes, final.DamageCount = 36, 40, 3, 2
		final.Damage, final.Warnings, final.Attachments = store.JSON("[ 1]"), store.JSON("[\"\\u0000\"]"), store.JSON("[]")
		published, err := s.PublishResult(ctx, final)
		if err != nil {
			t.Fatal(err)
		}
		for name, get := range map[string]func() (*resultstore.Result, error){
			"Result":         func() (*resultstore.Result, error) { return s.Result(ctx, final.ID) },
			"CurrentResult":  func() (*resultstore.Result, error) { return s.CurrentResult(ctx, final.RunID) },
			"ResultByUpload": func() (*resultstore.Result, error) { return s.ResultByUpload(ctx, final.RunID, "aa") },
		} {
			if got, err := get(); err != nil || !reflect.DeepEqual(got, published) {
				t.Errorf("%s: %+v, %v\nwant %+v", name, got, err, published)
			}
		}
		// Apart from what publishing sets, it is what was handed in.
		want := *final
		want.State, want.Attempt, want.CreatedAt = published.State, 1, published.CreatedAt
		if !reflect.DeepEqual(*published, want) {
			t.Errorf("published %+v\nwant %+v", *published, want)
		}
		for status, n := range map[resultstore.TestStatus]int64{resultstore.TestSuccess: 1, resultstore.TestXFail: 2, resultstore.TestSkip: 3, resultstore.TestFail: 4,
			resultstore.TestUXSuccess: 5, resultstore.TestInProgress: 6, resultstore.TestUnknown: 7, resultstore.TestExists: 8} {
			if got := published.Counts.Of(status); got != n {
				t.Errorf("Counts.Of(%s) = %d, want %d", status, got, n)
			}
		}
	})
}

func TestPublishResult_Attempts(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		id := newRun(t, s).ID
		first := publish(t, s, upload{id, "a", "fail", 3})
		second := publish(t, s, upload{id, "b", "pass", 2})
		if first.Attempt != 1 || second.Attempt != 2 {
			t.Errorf("attempts %d and %d, want 1 and 2", first.Attempt, second.Attempt)
		}
		// The bytes of an older attempt again: that attempt, and it does not
		// become the current one.
		again := publish(t, s, upload{id, "a", "fail", 3})
		if !reflect.DeepEqual(again, first) {
			t.Errorf("the same bytes: %+v\nwant %+v", again, first)
		}
		run, err := s.Run(ctx, store.Everything, id)
		if err != nil || run.CurrentResult != second.ID || run.Attempts != 2 || run.Outcome != "pass" || !run.Finished || run.FinishedAt == nil {
			t.Errorf("Run: %+v, %v; want the second attempt of two, finished", run, err)
		}
		list, err := s.ListResults(ctx, resultstore.ResultFilter{RunID: id, Page: store.Page{Total: true}})
		if err != nil || list.Total != 2 || len(list.Items) != 2 || list.Items[0].ID != second.ID {
			t.Errorf("ListResults: %+v, %v; want two, the current one first", list, err)
		}
		if n, err := s.SweepIngests(ctx); n != 0 || err != nil {
			t.Errorf("SweepIngests: %d, %v; want nothing left behind", n, err)
		}
		// The same bytes for another run are that run's own result.
		if other := publish(t, s, upload{newRun(t, s).ID, "a", "fail", 3}); other.ID == first.ID || other.Attempt != 1 {
			t.Errorf("the same bytes for another run: %+v, want a result of its own", other)
		}
	})
}

func TestPublishResult_Anonymous(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		r := &resultstore.Result{SHA256: "a", Outcome: "pass", Tenant: "t"}
		if err := s.BeginResult(ctx, r); err != nil {
			t.Fatal(err)
		}
		if list, _ := s.ListRuns(ctx, resultstore.RunFilter{Scope: store.Everything}); len(list.Items) != 0 {
			t.Errorf("%d runs before the upload is complete, want none", len(list.Items))
		}
		published, err := s.PublishResult(ctx, r)
		if err != nil || published.RunID == 0 {
			t.Fatalf("PublishResult: %+v, %v; want a run", published, err)
		}
		run, err := s.Run(ctx, store.Everything, published.RunID)
		if err != nil || run.CloudID != nil || run.Tenant != "t" || run.CurrentResult != r.ID || run.Attempts != 1 {
			t.Errorf("Run: %+v, %v", run, err)
		}
		if err := s.BeginResult(ctx, &resultstore.Result{RunID: 99}); !errors.Is(err, store.ErrReference) {
			t.Errorf("BeginResult for no run: %v, want ErrReference", err)
		}
	})
}

func TestPublishResult_AtOnce(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		id := newRun(t, s).ID
		var wg sync.WaitGroup
		var mu sync.Mutex
		published := map[uuid.UUID]int64{}
		for i := range 16 { // eight different uploads, each posted twice
			wg.Go(func() {
				r := publish(t, s, upload{id, fmt.Sprint(i / 2), "pass", 50})
				mu.Lock()
				defer mu.Unlock()
				published[r.ID] = r.Attempt
			})
		}
		wg.Wait()
		var attempts []int64
		for _, n := range published {
			attempts = append(attempts, n)
		}
		slices.Sort(attempts)
		if !slices.Equal(attempts, []int64{1, 2, 3, 4, 5, 6, 7, 8}) {
			t.Errorf("attempts %v, want 1 to 8", attempts)
		}
		run, err := s.Run(context.Background(), store.Everything, id)
		if err != nil || run.Attempts != 8 || published[run.CurrentResult] != 8 {
			t.Errorf("Run: %+v, %v; want the eighth attempt to be the current one", run, err)
		}
	})
}

func TestDeleteResult(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		id := newRun(t, s).ID
		first := publish(t, s, upload{id, "a", "fail", 3})
		second := publish(t, s, upload{id, "b", "pass", 3})
		if err := s.DeleteResult(ctx, second.ID); err != nil {
			t.Fatalf("DeleteResult: %v", err)
		}
		if err := s.DeleteResult(ctx, second.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("DeleteResult again: %v, want ErrNotFound", err)
		}
		if run, err := s.Run(ctx, store.Everything, id); err != nil || run.CurrentResult != first.ID || run.Outcome != "fail" {
			t.Errorf("Run: %+v, %v; want the first attempt", run, err)
		}
		if third := publish(t, s, upload{id, "b", "pass", 3}); third.Attempt != 3 {
			t.Errorf("the next attempt is %d, want 3: no number comes twice", third.Attempt)
		}
		for _, sha := range []string{"a", "b"} {
			r, err := s.ResultByUpload(ctx, id, sha)
			if err != nil || s.DeleteResult(ctx, r.ID) != nil {
				t.Fatal(err)
			}
		}
		if run, err := s.Run(ctx, store.Everything, id); err != nil || run.CurrentResult != uuid.Nil || run.Outcome != "" {
			t.Errorf("Run: %+v, %v; want no result", run, err)
		}
	})
}

func TestDiscardResult(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		r := begin(t, s, upload{sha: "a", tests: 3000})
		if err := s.DiscardResult(ctx, r.Key); err != nil {
			t.Fatalf("DiscardResult: %v", err)
		}
		for name, err := range map[string]error{
			"PublishResult": second(s.PublishResult(ctx, r)),
			"InsertTests":   s.InsertTests(ctx, r.Key, someTests(1)),
			"UpdateTests":   s.UpdateTests(ctx, r.Key, someTests(1)),
		} {
			if !errors.Is(err, store.ErrConflict) {
				t.Errorf("%s afterwards: %v, want ErrConflict", name, err)
			}
		}
		if err := s.DiscardResult(ctx, r.Key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("DiscardResult again: %v, want ErrNotFound", err)
		}
		if list, err := s.ListTests(ctx, resultstore.TestFilter{Result: r}); err != nil || len(list.Items) != 0 {
			t.Errorf("%d tests left, %v; want none", len(list.Items), err)
		}
		done := publish(t, s, upload{sha: "b", tests: 1})
		if err := s.DiscardResult(ctx, done.Key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("DiscardResult of a visible one: %v, want ErrNotFound", err)
		}
	})
}

func TestSweepIngests(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx := context.Background()
		var late atomic.Int64
		start := time.Now()
		cfg.Now = func() time.Time { return start.Add(time.Duration(late.Load())) }
		s := resultstore.New(Open(t, cfg))
		visible := publish(t, s, upload{sha: "a", tests: 3})
		dead := begin(t, s, upload{sha: "b", tests: 3000})
		late.Store(int64(resultstore.IngestLease - time.Minute))
		alive := begin(t, s, upload{sha: "c", tests: 3})
		if n, err := s.SweepIngests(ctx); n != 0 || err != nil {
			t.Errorf("SweepIngests before the lease ends: %d, %v; want 0", n, err)
		}
		late.Store(int64(resultstore.IngestLease + time.Minute))
		if n, err := s.SweepIngests(ctx); n != 1 || err != nil {
			t.Errorf("SweepIngests after it: %d, %v; want 1", n, err)
		}
		if _, err := s.PublishResult(ctx, dead); !errors.Is(err, store.ErrConflict) {
			t.Errorf("PublishResult of the dead one: %v, want ErrConflict", err)
		}
		if _, err := s.PublishResult(ctx, alive); err != nil {
			t.Errorf("PublishResult of the living one: %v", err)
		}
		if list, _ := s.ListTests(ctx, resultstore.TestFilter{Result: visible}); len(list.Items) != 3 {
			t.Errorf("%d tests of the visible one, want 3", len(list.Items))
		}
	})
}

// A new server on a SQLite file knows that no upload can be alive.
func TestSweepIngests_AtTheStart(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx := context.Background()
		cfg.Exclusive = true
		before, err := store.Open(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := before.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		begin(t, resultstore.New(before), upload{sha: "a", tests: 3})
		if err := before.Close(); err != nil {
			t.Fatal(err)
		}
		s := resultstore.New(Open(t, cfg))
		begin(t, s, upload{sha: "b", tests: 3})
		want := 1
		if s.Dialect() == "postgres" {
			want = 0 // it may belong to another replica
		}
		if n, err := s.SweepIngests(ctx); n != want || err != nil {
			t.Errorf("SweepIngests: %d, %v; want %d", n, err, want)
		}
	})
}

func TestListResults(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx := context.Background()
		var now atomic.Int64
		start := time.Date(2015, 1, 16, 10, 0, 0, 0, time.UTC)
		cfg.Now = func() time.Time { return start.Add(time.Duration(now.Load())) }
		s := resultstore.New(Open(t, cfg))
		for i := range 5 {
			now.Store(int64(i) * int64(time.Hour))
			r := &resultstore.Result{SHA256: fmt.Sprint(i), CPID: fmt.Sprint("cp", i%2), Tenant: "t"}
			if err := s.BeginResult(ctx, r); err != nil {
				t.Fatal(err)
			}
			if _, err := s.PublishResult(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		for _, tt := range []struct {
			name   string
			filter resultstore.ResultFilter
			want   string
		}{
			{"all", resultstore.ResultFilter{}, "[4 3 2 1 0]"},
			{"cpid", resultstore.ResultFilter{CPID: "cp1"}, "[3 1]"},
			{"both ends count", resultstore.ResultFilter{From: start.Add(time.Hour), To: start.Add(3 * time.Hour)}, "[3 2 1]"},
			{"other tenant", resultstore.ResultFilter{Tenant: "u"}, "[]"},
			{"page", resultstore.ResultFilter{Page: store.Page{Limit: 2, Offset: 2}}, "[2 1]"},
		} {
			list, err := s.ListResults(ctx, tt.filter)
			got := []string{}
			for _, r := range list.Items {
				got = append(got, r.SHA256)
			}
			if err != nil || fmt.Sprint(got) != tt.want {
				t.Errorf("%s: %v, %v; want %s", tt.name, got, err, tt.want)
			}
		}
	})
}
