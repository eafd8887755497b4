package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

func TestTestHistory(t *testing.T) {
	t.Parallel()
	EachOf(t, resultstore.New, func(t *testing.T, s *resultstore.Store) {
		ctx := context.Background()
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		// Hours after start; a negative one is no time at all.
		for i, hour := range []int{3, -1, 1, 2, -1, 1} {
			r := &resultstore.Result{SHA256: fmt.Sprint(i)}
			if err := s.BeginResult(ctx, r); err != nil {
				t.Fatal(err)
			}
			test := resultstore.Test{N: 1, Name: "the test", Records: int64(i)}
			if hour >= 0 {
				test.Start = start.Add(time.Duration(hour) * time.Hour)
			}
			other := resultstore.Test{N: 2, Name: "another test", Start: start}
			if err := s.InsertTests(ctx, r.Key, []resultstore.Test{test, other}); err != nil {
				t.Fatal(err)
			}
			if i == 3 {
				continue // never published, so never seen
			}
			if _, err := s.PublishResult(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		for _, limit := range []int{1, 2, 10} {
			var got []int64
			page := store.Page{Limit: limit}
			for {
				list, err := s.TestHistory(ctx, "the test", page)
				if err != nil {
					t.Fatal(err)
				}
				for _, test := range list.Items {
					got = append(got, test.Records)
					if test.RunID == 0 || test.ResultID.Version() != 7 || test.Name != "the test" {
						t.Errorf("TestHistory: %+v lacks its result", test)
					}
				}
				if page.After = list.Next; page.After == "" {
					break
				}
			}
			if want := []int64{0, 5, 2, 4, 1}; !slices.Equal(got, want) {
				t.Errorf("pages of %d: uploads %v, want %v", limit, got, want)
			}
		}
		if list, err := s.TestHistory(ctx, "no test", store.Page{}); err != nil || len(list.Items) != 0 {
			t.Errorf("TestHistory of none: %+v, %v", list, err)
		}
	})
}
