package analysis_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/analysis"
	"github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
)

// BenchmarkPrevious finds the run before one among 100 000 runs, of which half are of
// one cloud; a thousand of that cloud before the newest are damaged. It reports the
// median on SQLite and, when there is one, on PostgreSQL.
func BenchmarkPrevious(b *testing.B) {
	runs := 100_000
	if testing.Short() {
		runs = 4_000
	}
	for _, dialect := range []string{"sqlite", "postgres"} {
		b.Run(dialect, func(b *testing.B) {
			cfg := store.Config{DataDir: b.TempDir()}
			if dialect == "postgres" {
				cfg.Database = storetest.Postgres(b)
			}
			s := storetest.Open(b, cfg)
			head := manyRuns(b, results.New(s), runs)
			a := analysis.New(s)
			ctx := context.Background()
			for b.Loop() {
				var took []time.Duration
				for range 51 {
					started := time.Now()
					set, err := a.Find(ctx, store.Viewer{}, analysis.RunSet, []string{fmt.Sprint(head)}, 0)
					if err != nil {
						b.Fatal(err)
					}
					if before, err := a.Previous(ctx, set); err != nil || before.Parts[0] != fmt.Sprint(head-2002) {
						b.Fatalf("previous of run %d: %+v, %v", head, before, err)
					}
					took = append(took, time.Since(started))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms")
			}
		})
	}
}

// manyRuns makes runs with a result each, in turn of a cloud and of another, and
// returns the newest of the cloud. The thousand before it have damaged results.
func manyRuns(b *testing.B, s *results.Store, runs int) (head int64) {
	ctx := context.Background()
	clouds := []*results.Cloud{{Label: "one"}, {Label: "two"}}
	for _, c := range clouds {
		if err := s.CreateCloud(ctx, c); err != nil {
			b.Fatal(err)
		}
	}
	const slice = 500
	for first := 0; first < runs; first += slice {
		err := s.InTx(ctx, func(tx *results.Store) error {
			for i := first; i < min(first+slice, runs); i++ {
				run := &results.Run{CloudID: &clouds[i%2].ID}
				if err := tx.CreateRun(ctx, run); err != nil {
					return err
				}
				r := &results.Result{RunID: run.ID, SHA256: fmt.Sprint(i), Complete: true}
				if i >= runs-2002 && i < runs-2 {
					r.DamageCount = 1
				}
				if err := tx.BeginResult(ctx, r); err != nil {
					return err
				}
				if _, err := tx.PublishResult(ctx, r); err != nil {
					return err
				}
				if i%2 == 0 {
					head = run.ID
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return head
}
