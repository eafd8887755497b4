package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/slipway-lab/slipway/store"
)

// Events are found by what they are about, the newest first, and only those of the
// tenant.
func TestNewestEvents_subjects(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		err := s.InTx(ctx, func(tx *store.Store) error {
			var events []store.Event
			for i := range 6 {
				events = append(events, store.Event{
					Tenant: []string{"", "t"}[i/5], Area: "analysis", Type: "comparison", Time: s.Now(), Subject: []string{"run:1/1", "run:2/1", ""}[i%3], Data: store.JSON(fmt.Sprint(`{"n":`, i, `}`)),
				})
			}
			return tx.AppendEvents(events...)
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			subjects []string
			want     []string
		}{
			{[]string{"run:1/1"}, []string{`{"n":3}`, `{"n":0}`}},
			{[]string{"run:1/1", "run:2/1", "run:3/1"}, []string{`{"n":4}`, `{"n":3}`, `{"n":1}`, `{"n":0}`}},
			{[]string{"run:3/1"}, nil},
			{nil, []string{`{"n":4}`, `{"n":3}`, `{"n":2}`, `{"n":1}`, `{"n":0}`}},
		} {
			list, err := s.NewestEvents(ctx, store.EventFilter{Types: []string{"comparison"}, Subjects: tt.subjects, Limit: 10}, 0)
			var got []string
			for _, e := range list {
				got = append(got, string(e.Data))
			}
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%q: %q, %v; want %q", tt.subjects, got, err, tt.want)
			}
		}
	})
}

// The size of the database is known on both.
func TestDatabaseBytes(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *store.Store) {
		if n, err := s.DatabaseBytes(context.Background()); err != nil || n < 10_000 {
			t.Errorf("%d, %v; want a database with tables", n, err)
		}
	})
}
