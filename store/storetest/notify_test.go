package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// woken takes the wake-up that is there, if there is one.
func woken(wake <-chan struct{}) bool {
	select {
	case <-wake:
		return true
	default:
		return false
	}
}

// awaitHearing returns when one hears what other tells. A store that begins to
// listen wakes everybody now and then until it does, 40 times, and once more
// then: a topic that was woken more often was heard. Afterwards it wakes nobody
// without a reason, and what other tells first also comes first.
func awaitHearing(t *testing.T, one, other *store.Store) {
	t.Helper()
	topic := "hearing " + uuid.NewString()
	wake, stop := one.Subscribe(topic)
	defer stop()
	for range 50 {
		awaitTelling(t, other, topic, wake)
	}
}

// awaitTelling wakes a topic until that is heard: what cannot be sent within a
// few seconds is not sent at all.
func awaitTelling(t *testing.T, s *store.Store, topic string, wake <-chan struct{}) {
	t.Helper()
	await.That(t, "a store hears the other one", func() bool {
		s.Wake(topic)
		return woken(wake)
	})
}

// subscribers are two on one store, and on PostgreSQL one on another store. What
// s listens to comes without delay.
type subscribers struct {
	a, b, elsewhere <-chan struct{}
	stop            func() // that of a
	other           *store.Store
}

func subscribe(t *testing.T, s *store.Store, cfg store.Config) subscribers {
	t.Helper()
	var c subscribers
	c.a, c.stop = s.Subscribe("a")
	c.b, _ = s.Subscribe("b")
	if cfg.Database == "" {
		return c // SQLite has no other store
	}
	c.other = Open(t, store.Config{DataDir: t.TempDir(), Database: cfg.Database})
	c.elsewhere, _ = c.other.Subscribe("a")
	awaitHearing(t, s, c.other)
	awaitHearing(t, c.other, s)
	woken(c.a)
	woken(c.b)
	woken(c.elsewhere)
	return c
}

// awaitTold returns when the other store has heard everything that s told. What
// s tells at about the same time goes together, so that only the second thing is
// certain to come last.
func (c subscribers) awaitTold(t *testing.T, s *store.Store) {
	t.Helper()
	if c.other == nil {
		return
	}
	wake, stop := c.other.Subscribe("told")
	defer stop()
	for range 2 {
		awaitTelling(t, s, "told", wake)
	}
}

func TestNotify(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx := context.Background()
		s := Open(t, cfg)
		c := subscribe(t, s, cfg)

		await.That(t, "a committed notification wakes the other store", func() bool {
			err := s.InTx(ctx, func(tx *store.Store) error {
				tx.Notify("a")
				tx.Notify("a")
				return tx.InTx(ctx, func(tx *store.Store) error {
					tx.Notify("b")
					return nil
				})
			})
			if err != nil || !woken(c.a) || !woken(c.b) {
				t.Errorf("a committed notification woke nobody: %v", err)
			}
			return c.other == nil || woken(c.elsewhere)
		})
		c.awaitTold(t, s)
		woken(c.elsewhere)
		_ = s.InTx(ctx, func(tx *store.Store) error {
			tx.Notify("a")
			return errRefused
		})
		err := s.InTx(ctx, func(tx *store.Store) error {
			_ = tx.InTx(ctx, func(tx *store.Store) error {
				tx.Notify("a")
				tx.Notify("b")
				return errRefused
			})
			return nil
		})
		c.awaitTold(t, s)
		if err != nil || woken(c.a) || woken(c.b) || woken(c.elsewhere) {
			t.Errorf("what was rolled back woke somebody: %v", err)
		}
		c.stop()
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
	awaitHearing(t, one, two)
	woken(wake)
	await.That(t, "the other replica is woken", func() bool {
		err := two.InTx(context.Background(), func(tx *store.Store) error {
			tx.Notify("a")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return woken(wake)
	})
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
		awaitHearing(t, one, two)
		woken(wake)
		admin(t, address, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND application_name = '"+name+"'")
		two.Wake("a")
		await.Receive(t, "somebody is woken after the connection was cut", wake)
	}
	awaitHearing(t, one, two)
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
