package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
)

func woken(wake <-chan struct{}, within time.Duration) bool {
	select {
	case <-wake:
		return true
	case <-time.After(within):
		return false
	}
}

func TestNotify(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		wake, stop := s.Subscribe("a")
		other, stopOther := s.Subscribe("b")
		defer stopOther()
		woken(wake, 100*time.Millisecond) // a listener that has just begun wakes everybody
		woken(other, 0)

		err := s.InTx(ctx, func(tx *store.Store) error {
			tx.Notify("a")
			tx.Notify("a")
			return tx.InTx(ctx, func(tx *store.Store) error {
				tx.Notify("b")
				return nil
			})
		})
		if err != nil || !woken(wake, 5*time.Second) || !woken(other, 5*time.Second) {
			t.Errorf("a committed notification woke nobody: %v", err)
		}
		for woken(wake, 2*time.Second) || woken(other, 0) { // the listener's own, too
		}
		_ = s.InTx(ctx, func(tx *store.Store) error {
			tx.Notify("a")
			return errRefused
		})
		err = s.InTx(ctx, func(tx *store.Store) error {
			_ = tx.InTx(ctx, func(tx *store.Store) error {
				tx.Notify("b")
				return errRefused
			})
			return nil
		})
		if err != nil || woken(wake, 200*time.Millisecond) || woken(other, 0) {
			t.Errorf("what was rolled back woke somebody: %v", err)
		}
		stop()
		if n := s.Subscribers("a"); n != 0 {
			t.Errorf("%d subscribers after the end, want 0", n)
		}
	})
}

func TestNotify_AcrossReplicas(t *testing.T) {
	t.Parallel()
	address := Postgres(t)
	one := Open(t, store.Config{DataDir: t.TempDir(), Database: address})
	two := Open(t, store.Config{DataDir: t.TempDir(), Database: address})
	wake, stop := one.Subscribe("a")
	defer stop()
	woken(wake, 5*time.Second) // the listener is there
	err := two.InTx(context.Background(), func(tx *store.Store) error {
		tx.Notify("a")
		return nil
	})
	if err != nil || !woken(wake, 5*time.Second) {
		t.Errorf("the other replica was not woken: %v", err)
	}
}

func TestBeforeCommit(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		if err := s.BeforeCommit(func() error { return nil }); err == nil {
			t.Error("BeforeCommit outside a transaction: nil, want an error")
		}
		err := s.InTx(ctx, func(tx *store.Store) error {
			_ = tx.InTx(ctx, func(tx *store.Store) error {
				_ = tx.BeforeCommit(func() error { return put(ctx, tx, "rolled back") })
				return errRefused
			})
			if err := tx.BeforeCommit(func() error { return put(ctx, tx, "last") }); err != nil {
				return err
			}
			return put(ctx, tx, "first")
		})
		if err != nil {
			t.Fatal(err)
		}
		wantNames(t, s, "first", "last")
		err = s.InTx(ctx, func(tx *store.Store) error {
			if err := put(ctx, tx, "undone"); err != nil {
				return err
			}
			return tx.BeforeCommit(func() error { return errRefused })
		})
		if !errors.Is(err, errRefused) {
			t.Errorf("InTx: %v, want the error of BeforeCommit", err)
		}
		wantNames(t, s, "first", "last")
	})
}

// The numbers of events rise in the order in which they become visible, also
// when the transactions overlap.
func TestAppendEvents_OrderOfCommits(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		event := func(name string) store.Event {
			return store.Event{Area: "products", Type: name, Time: s.Now(), Data: store.JSON("{}")}
		}
		appended, finish, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		if s.Dialect() == "postgres" { // on SQLite transactions do not overlap
			go func() {
				done <- s.InTx(ctx, func(tx *store.Store) error {
					err := tx.AppendEvents(ctx, event("began first, ended last"))
					close(appended)
					<-finish
					return err
				})
			}()
			<-appended
		} else {
			close(finish)
			done <- nil
		}
		if err := s.InTx(ctx, func(tx *store.Store) error { return tx.AppendEvents(ctx, event("a"), event("b")) }); err != nil {
			t.Fatal(err)
		}
		if s.Dialect() == "postgres" {
			close(finish)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		list, err := s.Events(ctx, store.EventFilter{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range list {
			got = append(got, e.Type)
		}
		if want := []string{"a", "b", "began first, ended last"}; !slices.Equal(got, want[:len(got)]) || len(got) < 2 {
			t.Errorf("events %q, want %q", got, want)
		}
	})
}
