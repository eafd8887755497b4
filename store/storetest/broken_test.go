package storetest

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest/await"
	"github.com/slipway-lab/slipway/store/storetest/proxy"
)

// behindProxy is a store whose database is reached through a proxy.
func behindProxy(t *testing.T, limit time.Duration) (*store.Store, *proxy.Proxy) {
	t.Helper()
	p := proxy.New(t, Postgres(t))
	return Open(t, store.Config{DataDir: t.TempDir(), Database: p.URL, MaxConns: 4, StatementTimeout: limit}), p
}

// When the answer to COMMIT is lost nobody may say that nothing was changed, and
// running the change again would store it twice.
func TestCommit_AnswerLost(t *testing.T) {
	t.Parallel()
	s, p := behindProxy(t, 0)
	ctx := context.Background()
	p.CutAfter("commit\x00", 1)
	err := s.InTx(ctx, func(tx *store.Store) error { return put(ctx, tx, "once") })
	if !errors.Is(err, store.ErrOutcomeUnknown) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("InTx whose COMMIT is not answered: %v, want ErrOutcomeUnknown", err)
	}
	wantNames(t, s, "once")
	if err := s.InTx(ctx, func(tx *store.Store) error { return put(ctx, tx, "then") }); err != nil {
		t.Errorf("the next change: %v", err)
	}
}

// Under the claim of an Idempotency-Key the outcome is found out: the change is there
// once, and the caller hears of it, wherever the connection broke.
func TestCommit_UnderClaim(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(*proxy.Proxy){
		"after":  func(p *proxy.Proxy) { p.CutAfter("commit\x00", 1) },
		"before": func(p *proxy.Proxy) { p.CutBefore("commit\x00", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := behindProxy(t, 0)
			claim := &store.IdempotentAnswer{Principal: "p", Path: "/", Key: "k", Request: []byte{1}, Body: []byte{}}
			if _, err := s.ClaimIdempotencyKey(t.Context(), claim, time.Time{}); err != nil {
				t.Fatal(err)
			}
			ctx := store.UnderClaim(t.Context(), claim)
			told := 0
			cut(p)
			err := s.InTx(ctx, func(tx *store.Store) error {
				tx.AfterCommit(func() { told++ })
				return put(ctx, tx, "once")
			})
			if err != nil || told != 1 {
				t.Errorf("InTx: %v, and %d hooks ran", err, told)
			}
			// What follows in the request is no longer noted, and ends as ever.
			if err := s.InTx(ctx, func(tx *store.Store) error { return put(ctx, tx, "then") }); err != nil {
				t.Errorf("the next change: %v", err)
			}
			wantNames(t, s, "once", "then")
			// A claim that has changed something is nobody's to take over or free.
			old, err := s.ClaimIdempotencyKey(t.Context(), &store.IdempotentAnswer{Principal: "p", Path: "/", Key: "k", Request: []byte{1}, Body: []byte{}}, time.Time{})
			if err != nil || old == nil || !old.Changed() {
				t.Fatalf("the claim afterwards: %+v, %v", old, err)
			}
			if err := s.TakeOverIdempotencyKey(t.Context(), claim, old); !errors.Is(err, store.ErrConflict) {
				t.Errorf("take it over: %v, want ErrConflict", err)
			}
			if err := s.FreeIdempotencyKey(t.Context(), claim, true); err != nil {
				t.Error(err)
			}
			if old, err := s.ClaimIdempotencyKey(t.Context(), claim, time.Time{}); err != nil || old == nil {
				t.Errorf("a claim that has changed something was freed: %v", err)
			}
		})
	}
}

// A server that stood still for so long that another one has taken its key over neither
// frees the key when it goes on, nor puts its answer in the place of the other one's.
func TestIdempotencyKey_StoodStill(t *testing.T) {
	t.Parallel()
	for name, wakes := range map[string]func(t *testing.T, s *store.Store, late *store.IdempotentAnswer) error{
		"frees": func(t *testing.T, s *store.Store, late *store.IdempotentAnswer) error {
			return s.FreeIdempotencyKey(t.Context(), late, false)
		},
		"frees what is unchanged": func(t *testing.T, s *store.Store, late *store.IdempotentAnswer) error {
			return s.FreeIdempotencyKey(t.Context(), late, true)
		},
		"answers": func(t *testing.T, s *store.Store, late *store.IdempotentAnswer) error {
			late.Status, late.Location = 201, "late"
			if err := s.FinishIdempotencyKey(t.Context(), late); !errors.Is(err, store.ErrConflict) {
				t.Errorf("the late answer: %v, want ErrConflict", err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			EachConfig(t, func(t *testing.T, cfg store.Config) {
				now := time.Now()
				cfg.Now = func() time.Time { return now }
				s := Open(t, cfg)
				claim := func() (mine, old *store.IdempotentAnswer) {
					t.Helper()
					mine = &store.IdempotentAnswer{Principal: "p", Path: "/", Key: "k", Request: []byte{1}, Body: []byte{}}
					old, err := s.ClaimIdempotencyKey(t.Context(), mine, time.Time{})
					if err != nil {
						t.Fatal(err)
					}
					return mine, old
				}
				late, _ := claim()
				now = now.Add(time.Hour)
				mine, old := claim()
				if err := s.TakeOverIdempotencyKey(t.Context(), mine, old); err != nil {
					t.Fatal(err)
				}
				if err := wakes(t, s, late); err != nil {
					t.Errorf("what the late one does: %v", err)
				}
				if _, old = claim(); old == nil || old.Answered() || !old.CreatedAt.Equal(mine.CreatedAt.Truncate(time.Microsecond)) {
					t.Fatalf("a third one finds %+v, want the claim of the second", old)
				}
				ctx := store.UnderClaim(t.Context(), mine)
				if err := s.InTx(ctx, func(tx *store.Store) error { return put(ctx, tx, "once") }); err != nil {
					t.Errorf("the second one's change: %v", err)
				}
				mine.Status, mine.Location = 201, "second"
				if err := s.FinishIdempotencyKey(t.Context(), mine); err != nil {
					t.Errorf("the second one's answer: %v", err)
				}
				if _, old = claim(); old == nil || !old.Answered() || old.Location != "second" {
					t.Errorf("the answer that is kept: %+v, want the second one's", old)
				}
			})
		})
	}
}

// A connection that breaks before COMMIT was sent costs the caller nothing.
func TestInTx_ConnectionBreaks(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"begin", "INSERT", "commit\x00"} {
		t.Run(strings.Trim(where, "\x00"), func(t *testing.T) {
			t.Parallel()
			s, p := behindProxy(t, 0)
			ctx := context.Background()
			runs := 0
			p.CutBefore(where, 1)
			err := s.InTx(ctx, func(tx *store.Store) error {
				runs++
				return put(ctx, tx, "once")
			})
			if where == "commit\x00" {
				// The driver cannot know how far it came.
				if !errors.Is(err, store.ErrOutcomeUnknown) {
					t.Errorf("InTx: %v, want ErrOutcomeUnknown", err)
				}
				wantNames(t, s)
				return
			}
			if err != nil {
				t.Errorf("InTx cut before %s: %v after %d runs", where, err, runs)
			}
			wantNames(t, s, "once")
		})
	}
}

func TestInTx_DatabaseAway(t *testing.T) {
	t.Parallel()
	s, p := behindProxy(t, 0)
	ctx := context.Background()
	p.Refuse()
	err := s.InTx(ctx, func(tx *store.Store) error { return put(ctx, tx, "no") })
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrOutcomeUnknown) {
		t.Errorf("InTx without a database: %v, want ErrUnavailable", err)
	}
	if reason, _ := s.Ready(ctx); reason != "the database cannot be reached" {
		t.Errorf("Ready without a database: %q", reason)
	}
	p.Accept()
	await.That(t, "ready again", func() bool { reason, _ := s.Ready(ctx); return reason == "" })
	wantNames(t, s)
}

// A database that takes everything and never answers holds nobody up for longer
// than a statement may take.
func TestSilence(t *testing.T) {
	t.Parallel()
	s, p := behindProxy(t, 500*time.Millisecond)
	ctx := context.Background()
	if err := put(ctx, s, "before"); err != nil {
		t.Fatal(err)
	}
	p.Silence()
	const soon = 10 * time.Second // a limit of 0.5 s, 2 s of grace, 5 s for a connection, and a slow machine
	started := time.Now()
	err := s.InTx(ctx, func(tx *store.Store) error { return put(ctx, tx, "no") })
	if took := time.Since(started); took > soon || !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("InTx with a silent database: %v after %s", err, took)
	}
	started = time.Now()
	reason, _ := s.Ready(ctx)
	if took := time.Since(started); took > 2*time.Second || reason != "the database does not answer" {
		t.Errorf("Ready with a silent database: %q after %s, want an answer within 2 s", reason, took)
	}
	p.Speak()
	await.That(t, "ready again", func() bool { reason, _ := s.Ready(ctx); return reason == "" })
	wantNames(t, s, "before")
}

func TestReady_Locked(t *testing.T) {
	t.Parallel()
	cfg := store.Config{DataDir: t.TempDir(), StatementTimeout: 500 * time.Millisecond}
	s := Open(t, cfg)
	ctx := context.Background()
	if reason, err := s.Ready(ctx); reason != "" {
		t.Fatalf("Ready: %q, %v", reason, err)
	}
	other, err := sql.Open("sqlite3", filepath.Join(cfg.DataDir, "slipway.db")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if reason, err := s.Ready(ctx); reason != "the database is locked by another process" {
		t.Errorf("Ready while another process writes: %q, %v", reason, err)
	}
	if err := put(ctx, s, "no"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a change while another process writes: %v, want ErrUnavailable", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	await.That(t, "ready again", func() bool { reason, _ := s.Ready(ctx); return reason == "" })
}

// What is written into files that were removed or replaced is not acknowledged.
func TestReplaced(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"slipway.db", "slipway.db-wal"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := Open(t, store.Config{DataDir: dir})
			ctx := context.Background()
			if err := put(ctx, s, "before"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, "away")); err != nil {
				t.Fatal(err)
			}
			if err := put(ctx, s, "lost"); !errors.Is(err, store.ErrOutcomeUnknown) || !errors.Is(err, store.ErrReplaced) {
				t.Errorf("a change after the file was moved away: %v", err)
			}
			if reason, _ := s.Ready(ctx); !strings.Contains(reason, "removed or replaced") {
				t.Errorf("Ready: %q", reason)
			}
		})
	}
}

// An older program does not touch what a newer one has migrated.
func TestMigrate_NewerSchema(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		s := Open(t, cfg)
		ctx := context.Background()
		driver, address := "sqlite3", filepath.Join(cfg.DataDir, "slipway.db")
		if cfg.Database != "" {
			driver, address = "pgx", cfg.Database
		}
		db, err := sql.Open(driver, address)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec("INSERT INTO schema_versions (version_id, is_applied) VALUES (99999, true)"); err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(ctx); !errors.Is(err, store.ErrNewerSchema) {
			t.Errorf("Migrate: %v, want ErrNewerSchema", err)
		}
		if reason, _ := s.Ready(ctx); reason != "the database has a newer schema than this server knows" {
			t.Errorf("Ready: %q", reason)
		}
	})
}

// A server that was stopped in the middle of a transaction does not hold up the others
// until it goes on: PostgreSQL ends what it had begun, and it does it again then.
func TestInTx_Stopped(t *testing.T) {
	t.Parallel()
	address := Postgres(t)
	cfg := store.Config{DataDir: t.TempDir(), Database: address, MaxConns: 4, StatementTimeout: 4 * time.Second}
	stopped, other := Open(t, cfg), Open(t, cfg)
	for _, where := range []string{"a statement", "the commit"} {
		runs := 0
		err := stopped.InTx(t.Context(), func(tx *store.Store) error {
			runs++
			if err := tx.Lock(t.Context(), "shared"); err != nil {
				return err
			}
			if err := put(t.Context(), tx, where); err != nil {
				return err
			}
			if runs > 1 {
				return nil
			}
			if err := other.InTx(t.Context(), func(tx *store.Store) error { return tx.Lock(t.Context(), "shared") }); err != nil {
				t.Errorf("another server, while one is stopped before %s: %v", where, err)
			}
			if where == "a statement" {
				return put(t.Context(), tx, "beside")
			}
			return nil
		})
		if err != nil || runs != 2 {
			t.Errorf("stopped before %s: %v after %d runs, want none after 2", where, err, runs)
		}
	}
	wantNames(t, other, "a statement", "the commit")
}
