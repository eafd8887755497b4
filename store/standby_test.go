package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

func token(name string) *store.Token {
	return &store.Token{ID: name, Hash: fmt.Appendf(nil, "%032s", name), Kind: "u", Name: name}
}

// Reads go to the standby when it shows everything that was committed before, and at
// no other time.
func TestMayReadStandby(t *testing.T) {
	t.Parallel()
	pair := storetest.NewPair(t)
	cfg := store.Config{DataDir: t.TempDir(), Database: pair.Primary, DatabaseRead: pair.Standby, MaxConns: 4}
	s, other := storetest.Open(t, cfg), storetest.Open(t, cfg)
	ctx := context.Background()
	reads := func(ctx context.Context) bool {
		t.Helper()
		standby, err := store.ReadsStandby(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		return standby
	}
	caughtUp := func() {
		t.Helper()
		await.That(t, "the standby shows everything", func() bool { return reads(store.MayReadStandby(ctx)) })
	}
	caughtUp()
	if reads(ctx) {
		t.Error("a request that did not ask for it reads from the standby")
	}
	mine := store.MayReadStandby(ctx)
	await.That(t, "reads from the standby", func() bool { mine = store.MayReadStandby(ctx); return reads(mine) })
	if err := s.CreateToken(mine, token("mine")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Token(mine, "mine"); err != nil || reads(mine) {
		t.Errorf("a request that has written reads from the standby; its own row: %v", err)
	}

	// Whoever writes, through whichever server: the next request has it.
	onStandby := 0
	for i := range 100 {
		name := fmt.Sprint("t", i)
		if err := other.CreateToken(ctx, token(name)); err != nil {
			t.Fatal(err)
		}
		next := store.MayReadStandby(ctx)
		if _, err := s.Token(next, name); err != nil {
			t.Fatalf("what another server has just written: %v", err)
		}
		err := s.Snapshot(next, func(view *store.Store) error { _, err := view.Token(next, name); return err })
		if err != nil {
			t.Fatalf("in a snapshot: %v", err)
		}
		if reads(next) {
			onStandby++
		}
	}
	if onStandby == 0 {
		t.Error("no request read from the standby while somebody wrote")
	}

	pair.Do("pause")
	if err := s.CreateToken(ctx, token("late")); err != nil {
		t.Fatal(err)
	}
	next := store.MayReadStandby(ctx)
	if _, err := s.Token(next, "late"); err != nil || reads(next) {
		t.Errorf("a standby that lags is read from; the row: %v", err)
	}
	pair.Do("resume")
	caughtUp()
}

// Where the database does not wait for its disk, others see a commit before the standby
// can have it.
func TestMayReadStandby_Asynchronous(t *testing.T) {
	t.Parallel()
	pair := storetest.NewPair(t)
	cfg := store.Config{DataDir: t.TempDir(), Database: pair.Primary + "&synchronous_commit=off", DatabaseRead: pair.Standby, MaxConns: 4}
	s := storetest.Open(t, cfg)
	ctx := context.Background()
	for i := range 30 {
		name := fmt.Sprint("t", i)
		if err := s.CreateToken(ctx, token(name)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Token(store.MayReadStandby(ctx), name); err != nil {
			t.Fatalf("what was just written: %v", err)
		}
	}
	await.That(t, "reads from the standby", func() bool {
		standby, err := store.ReadsStandby(store.MayReadStandby(ctx), s)
		return err == nil && standby
	})
}

// A standby that is away costs nothing but its help.
func TestMayReadStandby_Away(t *testing.T) {
	t.Parallel()
	cfg := store.Config{DataDir: t.TempDir(), Database: storetest.Postgres(t), DatabaseRead: "postgres://127.0.0.1:1/slipway?sslmode=disable"}
	s := storetest.Open(t, cfg)
	ctx := store.MayReadStandby(context.Background())
	if standby, err := store.ReadsStandby(ctx, s); err != nil || standby {
		t.Errorf("reads: %v, %v", standby, err)
	}
}
