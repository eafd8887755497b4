package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"
)

func openTest(t testing.TB) *Store {
	t.Helper()
	s, err := Open(context.Background(), Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return s
}

var benchToken atomic.Int64

func newBenchToken() *Token {
	n := benchToken.Add(1)
	hash := sha256.Sum256(fmt.Append(nil, n))
	return &Token{ID: fmt.Sprintf("tok_%020d", n), Hash: hash[:], Kind: "r", Name: "runner", Roles: Strings{"runner"}}
}

// BenchmarkGroupCommit compares InTx with a transaction for each change, both
// with 64 clients and one row per change, and prints how many times faster the
// group is. 2.5 is what we want at least.
func BenchmarkGroupCommit(b *testing.B) {
	s := openTest(b)
	ctx := context.Background()
	perSecond := map[string]float64{}
	for _, way := range []struct {
		name   string
		change func() error
	}{
		{"alone", func() error {
			return s.core.write.Transaction(func(tx *gorm.DB) error { return tx.Create(newBenchToken()).Error })
		}},
		{"group", func() error { return s.CreateToken(ctx, newBenchToken()) }},
	} {
		b.Run(way.name, func(b *testing.B) {
			clients(b, 64, way.change)
			perSecond[way.name] = float64(b.N) / b.Elapsed().Seconds()
			b.ReportMetric(perSecond[way.name], "changes/s")
			if way.name == "group" {
				b.ReportMetric(perSecond["group"]/perSecond["alone"], "times-alone")
			}
		})
	}
	b.Run("group-1-client", func(b *testing.B) {
		clients(b, 1, func() error { return s.CreateToken(ctx, newBenchToken()) })
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
	})
	b.Run("alone-1-client", func(b *testing.B) {
		clients(b, 1, func() error {
			return s.core.write.Transaction(func(tx *gorm.DB) error { return tx.Create(newBenchToken()).Error })
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
	})
}

// clients shares b.N changes among n goroutines.
func clients(b *testing.B, n int, change func() error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	for range n {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := change(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
