package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/results"
)

// A page by number begins where pages by cursor come to, whatever the statuses are
// and whether the numbers of the tests have gaps.
func TestListTests_Offset(t *testing.T) {
	t.Parallel()
	EachOf(t, results.New, func(t *testing.T, s *results.Store) {
		ctx := context.Background()
		random := rand.New(rand.NewPCG(1, 2))
		for _, step := range []int64{1, 3} {
			r := &results.Result{SHA256: fmt.Sprint(step)}
			tests := make([]results.Test, 120)
			of := map[results.TestStatus]*int64{results.TestSuccess: &r.Counts.Success, results.TestFail: &r.Counts.Fail, results.TestSkip: &r.Counts.Skip}
			for i := range tests {
				status := []results.TestStatus{results.TestSuccess, results.TestSuccess, results.TestSuccess, results.TestSuccess, results.TestFail, results.TestSkip}[random.IntN(6)]
				tests[i] = results.Test{N: 5 + step*int64(i), Name: fmt.Sprintf("t%d", i), Status: status, Records: 1}
				*of[status]++
				r.Tests++
			}
			r = stored(t, s, r, tests)
			for _, status := range []results.TestStatus{results.TestUnknown, results.TestSuccess, results.TestFail, results.TestSkip} {
				var all []int64
				filter := results.TestFilter{Result: r, Status: &status, Page: store.Page{Limit: 7}}
				if status == results.TestUnknown {
					filter.Status = nil
				}
				for i := range tests {
					if filter.Status == nil || tests[i].Status == status {
						all = append(all, tests[i].N)
					}
				}
				for offset := range len(all) + 3 {
					filter.Page.Offset = offset
					list, err := s.ListTests(ctx, filter)
					if err != nil {
						t.Fatal(err)
					}
					var got []int64
					for _, test := range list.Items {
						got = append(got, test.N)
					}
					want := all[min(offset, len(all)):min(offset+7, len(all))]
					if !slices.Equal(got, want) || (list.Next != "") != (offset+7 < len(all)) {
						t.Fatalf("step %d, %s from %d: %v, next %q, want %v", step, status, offset, got, list.Next, want)
					}
				}
			}
		}
	})
}

// stored stores a result with its tests.
func stored(t *testing.T, s *results.Store, r *results.Result, tests []results.Test) *results.Result {
	t.Helper()
	ctx := context.Background()
	err := s.BeginResult(ctx, r)
	if err == nil {
		err = s.InsertTests(ctx, r.Key, tests)
	}
	if err == nil {
		r, err = s.PublishResult(ctx, r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}
