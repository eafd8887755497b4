package store_test

import (
	"context"
	"slices"
	"testing"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
)

// A reader gets no event as long as one with a lower number may still appear, and
// misses none in the end. Only on PostgreSQL do transactions overlap.
func TestEvents_OfOverlappingTransactions(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, store.Config{DataDir: t.TempDir(), Database: storetest.Postgres(t), MaxConns: 8})
	ctx := context.Background()
	begin := func(name string) (end func(commit bool)) {
		end, err := store.BeginWithEvent(ctx, s, store.Event{Area: "products", Type: name, Time: s.Now(), Data: store.JSON("{}")})
		if err != nil {
			t.Fatal(err)
		}
		return end
	}
	want := func(when string, want ...string) {
		t.Helper()
		list, err := s.Events(ctx, store.EventFilter{Limit: 100})
		var got []string
		for _, e := range list {
			got = append(got, e.Type)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", when, got, err, want)
		}
	}

	begin("zero")(true)
	first := begin("drawn first, visible last")
	begin("drawn second")(true)
	want("while a lower number is open", "zero")
	if at, err := s.LastEvent(ctx); at != 1 || err != nil {
		t.Errorf("LastEvent %d, %v; want 1, behind which something may still appear", at, err)
	}
	never := begin("never visible")
	first(true)
	want("after it has ended", "zero", "drawn first, visible last", "drawn second")
	begin("last")(true)
	never(false)
	want("after a rollback", "zero", "drawn first, visible last", "drawn second", "last")
	if at, err := s.LastEvent(ctx); at != 5 || err != nil {
		t.Errorf("LastEvent %d, %v; want 5", at, err)
	}
}
