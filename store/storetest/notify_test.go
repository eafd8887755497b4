package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

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
		for woken(wake, 2*time.Second) || woken(other, 0) { // a listener that begins late
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

// A connection that was cut, as a restarted database or a proxy does it, is
// replaced, and nobody misses what came meanwhile.
func TestNotify_AfterTheConnectionWasCut(t *testing.T) {
	t.Parallel()
	address := Postgres(t)
	name := "cut" + uuid.NewString()[:8]
	one := Open(t, store.Config{DataDir: t.TempDir(), Database: address + "&application_name=" + name})
	two := Open(t, store.Config{DataDir: t.TempDir(), Database: address})
	wake, stop := one.Subscribe("a")
	defer stop()
	for range 3 {
		for woken(wake, 200*time.Millisecond) { // until it listens, and no longer looks instead
		}
		admin(t, address, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND application_name = '"+name+"'")
		two.Wake("a")
		if !woken(wake, 5*time.Second) {
			t.Fatal("nobody was woken after the connection was cut")
		}
	}
	for woken(wake, 200*time.Millisecond) {
	}
	two.Wake("a")
	if !woken(wake, 5*time.Second) {
		t.Error("the new connection hears nothing")
	}
}

func event(s *store.Store, name string) store.Event {
	return store.Event{Area: "products", Type: name, Time: s.Now(), Data: store.JSON("{}")}
}

// eventTypes reads the log from its beginning.
func eventTypes(t *testing.T, s *store.Store) []string {
	t.Helper()
	list, err := s.Events(context.Background(), store.EventFilter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, e := range list {
		types = append(types, e.Type)
	}
	return types
}

// appendEvent is a change that tells one event.
func appendEvent(t *testing.T, s *store.Store, name string) {
	t.Helper()
	if err := s.InTx(context.Background(), func(tx *store.Store) error { return tx.AppendEvents(event(tx, name)) }); err != nil {
		t.Fatal(err)
	}
}

func TestAppendEvents(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		if err := s.AppendEvents(event(s, "a")); err == nil {
			t.Error("AppendEvents outside a transaction: nil, want an error")
		}
		err := s.InTx(ctx, func(tx *store.Store) error {
			_ = tx.InTx(ctx, func(tx *store.Store) error {
				_ = tx.AppendEvents(event(tx, "rolled back"))
				return errRefused
			})
			return tx.AppendEvents(event(tx, "a"), event(tx, "b"))
		})
		if err != nil {
			t.Fatal(err)
		}
		err = s.InTx(ctx, func(tx *store.Store) error {
			_ = tx.AppendEvents(event(tx, "undone"))
			return errRefused
		})
		if !errors.Is(err, errRefused) {
			t.Errorf("InTx: %v, want what the change returned", err)
		}
		appendEvent(t, s, "c")
		if got := eventTypes(t, s); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("events %q, want a, b and c", got)
		}
	})
}

// Readers that follow the log while many write see every event once and in
// order.
func TestEvents_FollowedWhileManyWrite(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		const writers, each = 8, 40
		ctx := context.Background()
		var writing sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				for i := range each {
					appendEvent(t, s, fmt.Sprintf("%d/%d", w, i))
				}
			})
		}
		ended := make(chan struct{})
		go func() { writing.Wait(); close(ended) }()
		var after int64
		seen := 0
		for over := false; ; {
			list, err := s.Events(ctx, store.EventFilter{After: after, Limit: 7})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				seen, after = seen+1, e.Seq
			}
			if over && len(list) == 0 {
				break
			}
			select {
			case <-ended:
				over = true
			default:
			}
		}
		if seen != writers*each {
			t.Errorf("the follower saw %d events, want %d", seen, writers*each)
		}
	})
}
