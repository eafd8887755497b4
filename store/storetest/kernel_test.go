package storetest

import (
	"context"
	"sync"
	"testing"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/reports"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// TestDropKernel_Meanwhile: a kernel whose last test goes, while another server adds one
// that nobody sees yet, stays one.
func TestDropKernel_Meanwhile(t *testing.T) {
	t.Parallel()
	cfg := store.Config{DataDir: t.TempDir(), Database: Postgres(t), MaxConns: 4}
	adds, drops := reports.New(Open(t, cfg)), Open(t, cfg)
	test := func(id string) reports.KernelTest {
		return reports.KernelTest{Source: reports.BootTest, ReportID: id, Name: "boot", Status: "FAIL", Created: 1, Job: new("next"), Kernel: new("v1")}
	}
	put := func(id string, then func()) error {
		return adds.InTx(t.Context(), func(tx *reports.Store) error {
			if err := tx.KeepTests(t.Context(), test(id)); err != nil {
				return err
			}
			then()
			return nil
		})
	}
	if err := put("a", func() {}); err != nil {
		t.Fatal(err)
	}
	var dropping sync.WaitGroup
	var dropped error
	over := make(chan struct{})
	err := put("b", func() {
		dropping.Go(func() {
			defer close(over)
			dropped = drops.InTx(context.Background(), func(tx *store.Store) error {
				db := tx.DB(tables.Key{})
				if err := db.Put("DELETE FROM kernel_tests WHERE report_id = ?", "a"); err != nil {
					return err
				}
				return db.DropKernel("", "next", "", "v1")
			})
		})
		await.That(t, "who drops it waits, or is through", func() bool {
			select {
			case <-over:
				return true
			default:
			}
			return count(t, adds.Store, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0
		})
	})
	dropping.Wait()
	if err != nil || dropped != nil {
		t.Fatal(err, dropped)
	}
	if n := count(t, adds.Store, "SELECT COUNT(*) FROM kernel_sets WHERE kernel = 'v1'"); n != 1 {
		t.Errorf("%d sets of a kernel that has a test, want 1", n)
	}
}

func count(t *testing.T, s *store.Store, query string) (n int64) {
	t.Helper()
	if err := s.DB(tables.Key{}).Read(t.Context()).Raw(query).Scan(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}
