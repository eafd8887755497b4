package storetest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
)

// A session is there until it ends or its time is over; what is over is removed when
// somebody else logs in.
func TestSession(t *testing.T) {
	t.Parallel()
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx, now := t.Context(), time.Now()
		cfg.Now = func() time.Time { return now }
		s := storetest.Open(t, cfg)
		add := func(id string, life time.Duration) {
			t.Helper()
			if err := s.CreateSession(ctx, &store.Session{ID: id, Sealed: []byte(id), Client: "192.0.2.7", ExpiresAt: now.Add(life)}); err != nil {
				t.Fatal(err)
			}
		}
		add("short", time.Minute)
		add("long", time.Hour)
		if err := s.CreateSession(ctx, &store.Session{ID: "long", Sealed: []byte{}, ExpiresAt: now.Add(time.Hour)}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("the same id again: %v, want ErrConflict", err)
		}
		if row, err := s.Session(ctx, "short"); err != nil || string(row.Sealed) != "short" || row.Client != "192.0.2.7" {
			t.Errorf("Session: %+v, %v", row, err)
		}
		now = now.Add(2 * time.Minute)
		if _, err := s.Session(ctx, "short"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("one that is over: %v, want ErrNotFound", err)
		}
		add("other", time.Hour)
		now = now.Add(-2 * time.Minute)
		if _, err := s.Session(ctx, "short"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("one that was swept: %v, want ErrNotFound", err)
		}
		for range 2 {
			if err := s.EndSession(ctx, "long"); err != nil {
				t.Errorf("EndSession: %v", err)
			}
		}
		if _, err := s.Session(ctx, "long"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("one that was ended: %v, want ErrNotFound", err)
		}
		if _, err := s.Session(ctx, "other"); err != nil {
			t.Errorf("another one: %v", err)
		}
	})
}
