package retention_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
	retentionstore "github.com/slipway-lab/slipway/store/retention"
	"github.com/slipway-lab/slipway/store/storetest"
)

// TestExecute_Interrupted ends the server of a run after each transaction, and lets the
// next one continue: it removes and counts what the dry run said, each thing once.
func TestExecute_Interrupted(t *testing.T) {
	t.Parallel()
	storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
		ctx := context.Background()
		s := storetest.Open(t, cfg)
		results := resultstore.New(s)
		for i := range 6 {
			r := &resultstore.Result{SHA256: fmt.Sprint(i), Bytes: 10, Tests: 300}
			if err := results.BeginResult(ctx, r); err != nil {
				t.Fatal(err)
			}
			list := make([]resultstore.Test, 300)
			for n := range list {
				list[n] = resultstore.Test{N: int64(n), Name: fmt.Sprint("t", i, ".", n), Status: resultstore.TestFail, Records: 1, Failure: "x"}
			}
			if err := results.InsertTests(ctx, r.Key, list); err != nil {
				t.Fatal(err)
			}
			if _, err := results.PublishResult(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		kept := retentionstore.New(s)
		zero := int64(0)
		plan, err := kept.NewPlan(ctx, []retentionstore.Rule{
			{Class: retentionstore.Tests, Days: &zero}, {Class: retentionstore.Raw, Days: &zero}, {Class: retentionstore.Results, Days: &zero},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		said, err := kept.Measure(ctx, plan)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kept.QueueRun(ctx, plan, "", "x", retentionstore.Asked); err != nil {
			t.Fatal(err)
		}
		lives := 0
		var last *retentionstore.Run
		for ; ; lives++ {
			run, err := kept.NextRun(ctx)
			if errors.Is(err, store.ErrNotFound) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			last = run
			if _, err := kept.ClaimJob(ctx, retentionstore.JobName, time.Minute); err != nil {
				t.Fatal(err)
			}
			life, kill := context.WithCancel(ctx)
			err = kept.Execute(life, run, func(time.Duration) error {
				kill()
				return life.Err()
			})
			kill()
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatalf("life %d: %v", lives, err)
			}
		}
		run, err := kept.Run(ctx, store.Everything, last.ID)
		if err != nil {
			t.Fatal(err)
		}
		progress, err := run.ReadProgress()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := progress.Amounts.List(), said.List(); !reflect.DeepEqual(got, want) || lives < 10 {
			t.Errorf("in %d lives there went %+v, want %+v in at least 10", lives, got, want)
		}
		counts, err := s.CountRows(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"tests", "test_names", "results", "runs", "test_failures", "result_files"} {
			if counts[table] != 0 {
				t.Errorf("%d rows of %s are left", counts[table], table)
			}
		}
	})
}
