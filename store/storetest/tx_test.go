package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
)

var errRefused = errors.New("refused")

// put adds a token of this name.
func put(ctx context.Context, tx *store.Store, name string) error {
	return tx.CreateToken(ctx, token(name))
}

// names are the tokens that are there, sorted.
func names(t *testing.T, s *store.Store) []string {
	t.Helper()
	list, err := s.ListTokens(context.Background(), store.TokenFilter{Page: store.Page{Limit: 100_000}})
	if err != nil {
		t.Fatalf("ListTokens: %v", err)
	}
	var all []string
	for _, tok := range list.Items {
		all = append(all, tok.Name)
	}
	slices.Sort(all)
	return all
}

func wantNames(t *testing.T, s *store.Store, want ...string) {
	t.Helper()
	if got := names(t, s); !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
}

// A third of the closures fail, a third panic, and all of them wait together.
func TestInTx_FailuresLeaveOthersAlone(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		var want []string
		var wg sync.WaitGroup
		for i := range 64 * 3 {
			name := fmt.Sprintf("row %03d", i)
			if i%3 == 0 {
				want = append(want, name)
			}
			wg.Go(func() {
				err, panicked := attempt(func() error {
					return s.InTx(ctx, func(tx *store.Store) error {
						if err := put(ctx, tx, name); err != nil {
							return err
						}
						switch i % 3 {
						case 1:
							return errRefused
						case 2:
							panic(name)
						}
						return nil
					})
				})
				switch {
				case i%3 == 0 && (err != nil || panicked != nil):
					t.Errorf("InTx(%s): %v, panic %v; want neither", name, err, panicked)
				case i%3 == 1 && err != errRefused:
					t.Errorf("InTx(%s): %v, want the closure's own error", name, err)
				case i%3 == 2 && panicked != name:
					t.Errorf("InTx(%s): panic %v, want the closure's own", name, panicked)
				}
			})
		}
		wg.Wait()
		wantNames(t, s, want...)
	})
}

func attempt(f func() error) (err error, panicked any) {
	defer func() { panicked = recover() }()
	return f(), nil
}

func TestInTx_GoexitGivesTheTransactionBack(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = s.InTx(ctx, func(tx *store.Store) error {
				_ = put(ctx, tx, "half")
				runtime.Goexit() // what t.Fatal does
				return nil
			})
		})
		wg.Wait()
		if err := put(ctx, s, "next"); err != nil {
			t.Errorf("the next transaction: %v", err)
		}
		wantNames(t, s, "next")
	})
}

func TestInTx_ConflictBesideOthers(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		var created atomic.Int64
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				switch err := put(context.Background(), s, "the one"); {
				case err == nil:
					created.Add(1)
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("CreateToken: %v, want ErrConflict", err)
				}
			})
		}
		wg.Wait()
		if n := created.Load(); n != 1 {
			t.Errorf("%d of 64 created the same token, want 1", n)
		}
	})
}

func TestInTx_CancelledBeforeItsTurn(t *testing.T) {
	t.Parallel()
	s := New(t) // PostgreSQL has no turns
	release, entered := make(chan struct{}), make(chan struct{})
	holder := make(chan error)
	go func() {
		holder <- s.InTx(context.Background(), func(*store.Store) error {
			close(entered)
			<-release
			return nil
		})
	}()
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	waiting := make(chan error)
	go func() {
		waiting <- s.InTx(ctx, func(*store.Store) error {
			t.Error("the closure of a cancelled caller ran")
			return nil
		})
	}()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("InTx: %v, want context.Canceled", err)
	}
	close(release)
	if err := <-holder; err != nil {
		t.Errorf("the transaction before it: %v", err)
	}
	if err := put(context.Background(), s, "after"); err != nil {
		t.Errorf("the transaction after it: %v", err)
	}
}

// Whatever a cancelled caller is told must be what happened, and nobody else
// may notice.
func TestInTx_CancelledDuringItsTurn(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		var want []string
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 64 {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			wg.Go(func() {
				name := fmt.Sprintf("row %03d", i)
				err := s.InTx(ctx, func(tx *store.Store) error {
					if i%2 == 0 {
						cancel()
					}
					return put(ctx, tx, name)
				})
				if i%2 == 1 && err != nil {
					t.Errorf("InTx(%s): %v, want nil", name, err)
				}
				if err == nil {
					mu.Lock()
					want = append(want, name)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		slices.Sort(want)
		wantNames(t, s, want...)
	})
}

func TestInTx_Nested(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		var effects []string
		err := s.InTx(ctx, func(tx *store.Store) error {
			tx.AfterCommit(func() { effects = append(effects, "outer") })
			if err := put(ctx, tx, "outer"); err != nil {
				return err
			}
			err := tx.InTx(ctx, func(tx *store.Store) error {
				tx.AfterCommit(func() { effects = append(effects, "lost") })
				if err := put(ctx, tx, "inner"); err != nil {
					return err
				}
				return put(ctx, tx, "outer") // conflicts, and takes "inner" with it
			})
			if !errors.Is(err, store.ErrConflict) {
				t.Errorf("inner InTx: %v, want ErrConflict", err)
			}
			_, _ = attempt(func() error {
				return tx.InTx(ctx, func(tx *store.Store) error {
					_ = put(ctx, tx, "panicked")
					panic("inner")
				})
			})
			return tx.InTx(ctx, func(tx *store.Store) error {
				tx.AfterCommit(func() { effects = append(effects, "kept") })
				return put(ctx, tx, "second inner")
			})
		})
		if err != nil {
			t.Fatalf("InTx: %v", err)
		}
		wantNames(t, s, "outer", "second inner")
		if got := strings.Join(effects, " "); got != "outer kept" {
			t.Errorf("effects %q, want those of what was kept, in order", got)
		}
	})
}

func TestAfterCommit(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		seen := -1
		err := s.InTx(ctx, func(tx *store.Store) error {
			tx.AfterCommit(func() { seen = len(names(t, s)) })
			return put(ctx, tx, "row")
		})
		if err != nil || seen != 1 {
			t.Errorf("InTx: %v; the effect saw %d rows, want 1", err, seen)
		}
		ran := false
		_ = s.InTx(ctx, func(tx *store.Store) error {
			tx.AfterCommit(func() { ran = true })
			return errRefused
		})
		if ran {
			t.Error("an effect ran although its transaction failed")
		}
		s.AfterCommit(func() { ran = true })
		if !ran {
			t.Error("an effect outside a transaction did not run")
		}
	})
}

func TestSnapshot(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		if err := put(ctx, s, "before"); err != nil {
			t.Fatal(err)
		}
		err := s.Snapshot(ctx, func(view *store.Store) error {
			wantNames(t, view, "before")
			if err := put(ctx, s, "meanwhile"); err != nil {
				t.Errorf("a write beside a snapshot: %v", err)
			}
			wantNames(t, view, "before")
			if err := put(ctx, view, "inside"); !errors.Is(err, store.ErrReadOnly) {
				t.Errorf("a write inside a snapshot: %v, want ErrReadOnly", err)
			}
			return nil
		})
		if err != nil {
			t.Errorf("Snapshot: %v", err)
		}
		wantNames(t, s, "before", "meanwhile")
	})
}

// Two transactions that lock two rows in opposite order: PostgreSQL gives one
// up, which must run again and succeed.
func TestInTx_DeadlockIsRetried(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		a, b := token("a"), token("b")
		create(t, s, a, b)
		var met sync.WaitGroup
		met.Add(2)
		touch := func(ids ...string) error {
			first := true
			return s.InTx(ctx, func(tx *store.Store) error {
				if err := tx.TouchToken(ctx, ids[0], time.Now(), "::1"); err != nil {
					return err
				}
				if first && s.Dialect() == "postgres" { // SQLite lets nobody meet
					first = false
					met.Done()
					met.Wait()
				}
				return tx.TouchToken(ctx, ids[1], time.Now(), "::1")
			})
		}
		var wg sync.WaitGroup
		for _, ids := range [][]string{{a.ID, b.ID}, {b.ID, a.ID}} {
			wg.Go(func() {
				if err := touch(ids...); err != nil {
					t.Errorf("InTx: %v, want a retry that succeeds", err)
				}
			})
		}
		wg.Wait()
	})
}

func TestLock(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		if err := s.Lock(ctx, "x"); err == nil {
			t.Error("Lock outside a transaction: nil, want an error")
		}
		var wg sync.WaitGroup
		for range 16 { // each adds one more than it sees: a race loses rows
			wg.Go(func() {
				err := s.InTx(ctx, func(tx *store.Store) error {
					if err := tx.Lock(ctx, "counter"); err != nil {
						return err
					}
					return put(ctx, tx, fmt.Sprintf("%03d", len(names(t, tx))))
				})
				if err != nil {
					t.Errorf("InTx: %v", err)
				}
			})
		}
		wg.Wait()
		if n := len(names(t, s)); n != 16 {
			t.Errorf("%d rows, want 16", n)
		}
	})
}

func TestClose_FinishesWhatHasBegun(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx := context.Background()
		s, err := store.Open(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var acknowledged []string
		var wg sync.WaitGroup
		started := make(chan struct{}, 64)
		for i := range 64 {
			wg.Go(func() {
				started <- struct{}{}
				name := fmt.Sprintf("%03d", i)
				switch err := put(ctx, s, name); {
				case err == nil:
					mu.Lock()
					acknowledged = append(acknowledged, name)
					mu.Unlock()
				case !errors.Is(err, store.ErrClosed) || !errors.Is(err, store.ErrUnavailable):
					t.Errorf("CreateToken: %v, want nil or ErrClosed", err)
				}
			})
		}
		for range 32 {
			<-started
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		wg.Wait()
		if err := s.Close(); err != nil {
			t.Errorf("Close again: %v, want nil", err)
		}
		slices.Sort(acknowledged)
		wantNames(t, Open(t, cfg), acknowledged...)
	})
}
