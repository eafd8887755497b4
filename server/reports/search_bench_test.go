package reports_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
)

// BenchmarkSearchTestResults asks for pages of single tests over 24 uploads of 121 000
// tests, of which 3 in 100 fail, and reports the median of each question on SQLite
// and, when there is one, on PostgreSQL.
func BenchmarkSearchTestResults(b *testing.B) {
	uploads, tests := 24, 121_000
	if testing.Short() {
		uploads, tests = 6, 5_000
	}
	for _, dialect := range []string{"sqlite", "postgres"} {
		b.Run(dialect, func(b *testing.B) {
			cfg := store.Config{DataDir: b.TempDir()}
			if dialect == "postgres" {
				cfg.Database = storetest.Postgres(b)
			}
			s := storetest.Open(b, cfg)
			cloud := manyTests(b, resultstore.New(s), uploads, tests)
			srv := servertest.On(b, s)
			for b.Loop() {
				for _, query := range []string{
					"limit=50", "outcome=fail&limit=50", fmt.Sprintf("outcome=fail&limit=50&cloud_id=%d", cloud), fmt.Sprintf("limit=50&cloud_id=%d", cloud),
					"outcome=error&limit=50", "status=uxsuccess&limit=50", "name=" + benchName(17) + "&limit=50",
				} {
					var took []time.Duration
					for range 21 {
						started := time.Now()
						searchTestResults(b, srv, query)
						took = append(took, time.Since(started))
					}
					slices.Sort(took)
					b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, query+"-ms")
				}
			}
		})
	}
}

func benchName(i int) string { return fmt.Sprintf("tempest.api.compute.admin.test_%06d", i) }

// manyTests uploads tests of one suite again and again, half of them for one cloud.
func manyTests(b *testing.B, s *resultstore.Store, uploads, tests int) (cloud int64) {
	ctx := context.Background()
	c := &resultstore.Cloud{Label: "bench"}
	if err := s.CreateCloud(ctx, c); err != nil {
		b.Fatal(err)
	}
	list := make([]resultstore.Test, tests)
	for u := range uploads {
		run := &resultstore.Run{}
		if u%2 == 0 {
			run.CloudID = &c.ID
		}
		if err := s.CreateRun(ctx, run); err != nil {
			b.Fatal(err)
		}
		r := &resultstore.Result{RunID: run.ID, SHA256: fmt.Sprint(u), Tests: int64(tests), Complete: true}
		for i := range list {
			list[i] = resultstore.Test{N: int64(i), Name: benchName(i), Status: resultstore.TestSuccess, Records: 1, Start: time.Unix(int64(u*1000+i), 0), Stop: time.Unix(int64(u*1000+i+1), 0)}
			if (i+u)%33 == 0 {
				list[i].Status = resultstore.TestFail
				r.Counts.Fail++
			}
		}
		r.Counts.Success = int64(tests) - r.Counts.Fail
		if err := s.BeginResult(ctx, r); err != nil {
			b.Fatal(err)
		}
		names := resultstore.NewNameList()
		names.Add(list)
		for chunk := range slices.Chunk(list, 8192) {
			if err := s.InsertTests(ctx, r.Key, chunk); err != nil {
				b.Fatal(err)
			}
		}
		err := s.InsertNameList(ctx, r, names) // else the server lists it meanwhile
		if names.Close(); err != nil {
			b.Fatal(err)
		}
		if _, err := s.PublishResult(ctx, r); err != nil {
			b.Fatal(err)
		}
	}
	return c.ID
}
