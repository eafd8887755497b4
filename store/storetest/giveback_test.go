package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// manyTests is how many tests a large removal has.
const manyTests = 240_000

func noPause(time.Duration) error { return nil }

// removeMany stores a result of that many tests, with a small one before it, and
// removes it again.
func removeMany(t *testing.T, s *resultstore.Store) {
	t.Helper()
	ctx := context.Background()
	publish(t, s, upload{sha: "small", tests: 1})
	large := begin(t, s, upload{sha: "large"})
	list := someTests(manyTests + 1)
	for i := 1; i < len(list); i += 4000 { // the first name is that of the small one
		if err := s.InsertTests(ctx, large.Key, list[i:min(i+4000, len(list))]); err != nil {
			t.Fatalf("InsertTests: %v", err)
		}
	}
	r, err := s.PublishResult(ctx, large)
	if err != nil {
		t.Fatalf("PublishResult: %v", err)
	}
	if err := s.DeleteRun(ctx, store.Everything, r.RunID); err != nil {
		t.Fatalf("DeleteRun: %v", err)
	}
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func rowsOf(t *testing.T, s *store.Store, table string) int64 {
	t.Helper()
	counts, err := s.CountRows(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return counts[table]
}

// TestGiveBack shows that names, the file and the log go when many tests are removed.
func TestGiveBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := resultstore.New(Open(t, store.Config{DataDir: dir}))
	ctx := context.Background()
	path := filepath.Join(dir, "slipway.db")
	if ok, err := s.Shrinkable(ctx); err != nil || !ok {
		t.Fatalf("Shrinkable of a new file: %v, %v, want true", ok, err)
	}
	removeMany(t, s)
	if n := rowsOf(t, s.Store, "test_names"); n != manyTests+1 {
		t.Fatalf("%d names before the sweep, want %d", n, manyTests+1)
	}
	if n, err := s.SweepNames(ctx, resultstore.Slices{Pause: noPause}); err != nil || n != manyTests {
		t.Errorf("SweepNames: %d, %v, want %d", n, err, manyTests)
	}
	if n := rowsOf(t, s.Store, "test_names"); n != 1 {
		t.Errorf("%d names after the sweep, want that of the test that stays", n)
	}
	before := sizeOf(t, path)
	log := sizeOf(t, path+"-wal")
	done, err := s.GiveBack(ctx, noPause)
	if err != nil {
		t.Fatalf("GiveBack: %v", err)
	}
	if after := sizeOf(t, path); after > 4<<20 || before < 20<<20 {
		t.Errorf("the file has %d bytes after %d, want at most 4 MiB of more than 20", after, before)
	}
	if after := sizeOf(t, path+"-wal"); after != 0 || !done.LogCut || log < 1<<20 {
		t.Errorf("the log has %d bytes after %d (%+v), want none of more than 1 MiB", after, log, done)
	}
	if lines, err := s.Integrity(ctx, true); err != nil || len(lines) > 0 {
		t.Errorf("Integrity: %v, %v", lines, err)
	}
}

// TestGiveBack_Slices bounds how long others wait for the writer: removing many
// names and pages takes many transactions.
func TestGiveBack_Slices(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		r := publish(t, s, upload{sha: "a", tests: 20_000})
		if err := s.DeleteRun(ctx, store.Everything, r.RunID); err != nil {
			t.Fatal(err)
		}
		slices := 0
		n, err := s.SweepNames(ctx, resultstore.Slices{Pause: func(time.Duration) error { slices++; return nil }})
		if err != nil || n != 20_000 || slices < 5 {
			t.Errorf("SweepNames: %d names in %d transactions, %v, want 20000 in at least 5", n, slices, err)
		}
		if noted, err := s.HasUnusedNames(ctx); err != nil || noted {
			t.Errorf("HasUnusedNames afterwards: %v, %v", noted, err)
		}
	})
}

// TestSweepNames_AtOnce removes names while others bring tests of the same names.
func TestSweepNames_AtOnce(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		var uploads sync.WaitGroup
		stop := make(chan struct{})
		var swept sync.WaitGroup
		swept.Go(func() {
			for {
				if _, err := s.SweepNames(ctx, resultstore.Slices{Pause: noPause}); err != nil {
					t.Errorf("SweepNames: %v", err)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
		for i := range 4 {
			uploads.Go(func() {
				for j := range 5 {
					r := publish(t, s, upload{sha: fmt.Sprint(i, j), tests: 500})
					list, err := s.ListTests(ctx, resultstore.TestFilter{Result: r, Page: store.Page{Limit: 1000}})
					if err != nil || len(list.Items) != 500 {
						t.Errorf("%d tests with a name, %v, want 500", len(list.Items), err)
					}
					if err := s.DeleteRun(ctx, store.Everything, r.RunID); err != nil {
						t.Errorf("DeleteRun: %v", err)
					}
				}
			})
		}
		uploads.Wait()
		close(stop)
		swept.Wait()
		if _, err := s.SweepNames(ctx, resultstore.Slices{Pause: noPause}); err != nil {
			t.Fatal(err)
		}
		if n := rowsOf(t, s.Store, "test_names"); n != 0 {
			t.Errorf("%d names stay, want none", n)
		}
	})
}

// TestSweepNames_Remembered removes names beside a server that remembers their numbers,
// which other names get then.
func TestSweepNames_Remembered(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx := context.Background()
		s, other := resultstore.New(Open(t, cfg)), resultstore.New(Open(t, cfg))
		named := func(prefix string) []resultstore.Test {
			list := someTests(1000)
			for i := range list {
				list[i].Name = prefix + list[i].Name
			}
			return list
		}
		for round, prefix := range []string{"a.", "a.", "b.", "a.", "b."} {
			r := begin(t, s, upload{sha: fmt.Sprint(round)})
			want := named(prefix)
			if err := s.InsertTests(ctx, r.Key, want); err != nil {
				t.Fatalf("InsertTests: %v", err)
			}
			r, err := s.PublishResult(ctx, r)
			if err != nil {
				t.Fatalf("PublishResult: %v", err)
			}
			list, err := s.ListTests(ctx, resultstore.TestFilter{Result: r, Page: store.Page{Limit: 1000}})
			if err != nil || len(list.Items) != len(want) {
				t.Fatalf("round %d: %d tests, %v, want %d", round, len(list.Items), err, len(want))
			}
			for i := range want {
				if list.Items[i].Name != want[i].Name {
					t.Fatalf("round %d: test %d is called %s, want %s", round, i, list.Items[i].Name, want[i].Name)
				}
			}
			if round == 0 {
				continue // the next one finds the names
			}
			if err := other.DeleteRun(ctx, store.Everything, r.RunID); err != nil {
				t.Fatalf("DeleteRun: %v", err)
			}
			if _, err := other.SweepNames(ctx, resultstore.Slices{Pause: noPause}); err != nil {
				t.Fatalf("SweepNames: %v", err)
			}
			if round == 1 { // those of the first round are left
				if err := other.DeleteRun(ctx, store.Everything, r.RunID-1); err != nil {
					t.Fatalf("DeleteRun: %v", err)
				}
				if n, err := other.SweepNames(ctx, resultstore.Slices{Pause: noPause}); err != nil || n != 1000 {
					t.Fatalf("SweepNames: %d, %v, want 1000", n, err)
				}
			}
		}
	})
}

// TestGiveBack_WithReader does not wait for a reader that is at work, and cuts the log
// once he is done.
func TestGiveBack_WithReader(t *testing.T) {
	t.Parallel()
	s := resultstore.New(Open(t, store.Config{DataDir: t.TempDir()}))
	ctx := context.Background()
	publish(t, s, upload{sha: "a", tests: 2000})
	err := s.Snapshot(ctx, func(view *store.Store) error {
		if _, err := view.LastEvent(ctx); err != nil { // the snapshot begins with the first read
			return err
		}
		publish(t, s, upload{sha: "b", tests: 2000})
		done, err := s.GiveBack(ctx, noPause)
		if err == nil && done.LogCut {
			t.Error("the log was cut under a reader")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if done, err := s.GiveBack(ctx, noPause); err != nil || !done.LogCut {
		t.Errorf("GiveBack after the reader: %+v, %v", done, err)
	}
}

// TestGiveBack_OldFile says of a file that was made before files could be shortened
// that it keeps its size, and still empties the log.
func TestGiveBack_OldFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := sql.Open("sqlite3", filepath.Join(dir, "slipway.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE of_old (id INTEGER)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := resultstore.New(Open(t, store.Config{DataDir: dir}))
	ctx := context.Background()
	r := publish(t, s, upload{sha: "a", tests: 20_000})
	if err := s.DeleteRun(ctx, store.Everything, r.RunID); err != nil {
		t.Fatal(err)
	}
	done, err := s.GiveBack(ctx, noPause)
	if err != nil || !done.CannotShrink || done.Pages != 0 || done.FreeBytes < 500_000 || !done.LogCut {
		t.Errorf("GiveBack: %+v, %v, want that it cannot shrink, and an empty log", done, err)
	}
}

// TestPurgeExpired_Partitions drops a partition of PostgreSQL when the tests of all its
// results go, and no other.
func TestPurgeExpired_Partitions(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	s := resultstore.New(Open(t, store.Config{DataDir: t.TempDir(), Database: Postgres(t), Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}))
	ctx := context.Background()
	first, second := publish(t, s, upload{sha: "a", tests: 50}), publish(t, s, upload{sha: "b", tests: 50})
	ahead.Store(int64(400 * 24 * time.Hour))
	last := publish(t, s, upload{sha: "c", tests: 50})
	partitions := func() int {
		list, err := s.Partitions(ctx, "tests")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := partitions()
	for _, step := range []struct {
		goes    *resultstore.Result
		dropped int
	}{{first, 0}, {second, 1}} {
		err := s.InTx(ctx, func(tx *resultstore.Store) error { return tx.Expire([]int64{step.goes.Key}, resultstore.TestsExpired) })
		if err == nil {
			err = s.PurgeExpired(ctx, noPause)
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := partitions(); before-n != step.dropped {
			t.Errorf("%d partitions after %d, want %d dropped", n, before, step.dropped)
		}
	}
	list, err := s.ListTests(ctx, resultstore.TestFilter{Result: last, Page: store.Page{Limit: 100}})
	if err != nil || len(list.Items) != 50 || rowsOf(t, s.Store, "tests") != 50 {
		t.Errorf("%d tests of the last result, %v, want 50", len(list.Items), err)
	}
	for _, r := range []*resultstore.Result{first, second} {
		fresh, err := s.Result(ctx, r.ID)
		if err != nil || fresh.Counts.Success != 50 {
			t.Fatalf("the counts of an expired result: %+v, %v", fresh, err)
		}
		if _, err := s.ListTests(ctx, resultstore.TestFilter{Result: fresh}); !errors.Is(err, store.ErrExpired) {
			t.Errorf("ListTests of an expired result: %v, want ErrExpired", err)
		}
	}
}
