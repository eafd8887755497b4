package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
)

// What is asked for decides which partitions are read: a year of them costs a query
// for one result, or for what is newest, no more than one.
func TestPartitions_Plans(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	clock := func() time.Time { return time.UnixMicro(now.Load()).UTC() }
	now.Store(time.Date(2031, 1, 15, 0, 0, 0, 0, time.UTC).UnixMicro())
	s := storetest.Open(t, store.Config{DataDir: t.TempDir(), Database: storetest.Postgres(t), MaxConns: 4, Now: clock})
	ctx := context.Background()
	var last *results.Result
	for month := range 12 {
		now.Store(time.Date(2031, time.Month(1+month), 15, 0, 0, 0, 0, time.UTC).UnixMicro())
		for range 8 {
			last = fill(t, s, 400)
		}
	}
	for _, table := range []string{"tests", "results", "runs", "events", "test_names"} {
		if err := store.Exec(ctx, s, "ANALYZE "+table); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := s.Partitions(ctx, "tests"); err != nil || len(list) < 13 {
		t.Fatalf("%d partitions, %v", len(list), err)
	}
	named := "t.name_id = (SELECT id FROM test_names WHERE hash = ?)"
	hash := results.NameHash("t7")
	for name, tt := range map[string]struct {
		query string
		args  []any
		reads int // partitions at most
	}{
		"a page of a result's tests": {"SELECT t.n, m.name FROM tests t JOIN test_names m ON m.id = t.name_id WHERE t.result_key = ? AND t.n >= ? ORDER BY t.n LIMIT 50", []any{last.Key, 200}, 1},
		"those that failed":          {"SELECT t.n FROM tests t WHERE t.result_key = ? AND t.status = ? ORDER BY t.n LIMIT 50", []any{last.Key, 6}, 1},
		"a test of a current result": {"SELECT t.n FROM results r JOIN tests t ON t.result_key = r.key WHERE r.id = ? AND t.n = 3", []any{last.ID.String()}, 1},
		"the newest of a history":    {"SELECT r.id, t.n FROM tests t JOIN results r ON r.key = t.result_key WHERE " + named + " AND r.state = 1 ORDER BY t.result_key DESC, t.n DESC LIMIT 5", []any{hash}, 1},
		"further back":               {"SELECT r.id, t.n FROM tests t JOIN results r ON r.key = t.result_key WHERE " + named + " AND r.state = 1 AND t.result_key < ? ORDER BY t.result_key DESC, t.n DESC LIMIT 5", []any{hash, last.Key}, 1},
		"the newest events":          {"SELECT seq FROM events WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT 10", []any{"", 10}, 13},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines, err := store.Explain(ctx, s, tt.query, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			plan := strings.Join(lines, "\n")
			read := 0
			for _, line := range lines {
				of := strings.Contains(line, " on tests_2") || strings.Contains(line, " on events_2")
				if of && !strings.Contains(line, "never executed") && strings.Contains(line, "actual") {
					read++
				}
				if strings.Contains(line, "Seq Scan on tests_2") && strings.Contains(line, "actual") {
					t.Errorf("a partition is read whole:\n%s", plan)
				}
			}
			if read == 0 || read > tt.reads {
				t.Errorf("%d partitions are read, want at most %d:\n%s", read, tt.reads, plan)
			}
		})
	}
}

func fill(t *testing.T, s *store.Store, n int) *results.Result {
	t.Helper()
	ctx := context.Background()
	rows := results.New(s)
	r := &results.Result{SHA256: fmt.Sprint(s.NewID()), Complete: true, Tests: int64(n)}
	tests := make([]results.Test, n)
	for i := range tests {
		tests[i] = results.Test{N: int64(i), Name: fmt.Sprintf("t%d", i), Status: results.TestSuccess, Records: 1}
		if i%50 == 0 {
			tests[i].Status = results.TestFail
		}
	}
	err := rows.BeginResult(ctx, r)
	if err == nil {
		err = rows.InsertTests(ctx, r.Key, tests)
	}
	if err == nil {
		r, err = rows.PublishResult(ctx, r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}
