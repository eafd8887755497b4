package results

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
)

func openTest(t testing.TB) *Store {
	t.Helper()
	s, err := store.Open(context.Background(), store.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return New(s)
}

// suite is a run of n tests as a large tempest run has them.
func suite(n int, start time.Time) []Test {
	tests := make([]Test, n)
	for i := range tests {
		at := start.Add(time.Duration(i) * time.Millisecond)
		tests[i] = Test{
			N:       int64(i + 1),
			Name:    fmt.Sprintf("tempest.api.compute.admin.test_fixed_ips.FixedIPsTestJson.test_list_fixed_ip_details_%06d[id-%x]", i, i*7919),
			Status:  TestSuccess,
			Start:   at,
			Stop:    at.Add(900 * time.Microsecond),
			Records: 2,
			Tags:    []string{"worker-0"},
		}
		if i%20 == 0 {
			tests[i].Status = TestFail
			tests[i].Attachments = []Attachment{{Name: "traceback", MIME: "text/x-traceback;charset=utf8", Size: 800, Spans: []Span{{int64(i) * 700, 800}}}}
		}
	}
	return tests
}

// BenchmarkInsertTests uploads the same 121 000 tests again and again, as a lab
// does each night, with commits, both indexes and the names. It prints durable
// tests per second; 100 000 is what we want at least.
func BenchmarkInsertTests(b *testing.B) {
	const n = 121_000
	s := openTest(b)
	ctx := context.Background()
	for i := range b.N {
		b.StopTimer()
		tests := suite(n, time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC))
		r := &Result{SHA256: fmt.Sprint(i)}
		b.StartTimer()
		if err := s.BeginResult(ctx, r); err != nil {
			b.Fatal(err)
		}
		for at := 0; at < n; at += 4096 { // as a parser hands them over
			if err := s.InsertTests(ctx, r.Key, tests[at:min(at+4096, n)]); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := s.PublishResult(ctx, r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "tests/s")
	b.ReportMetric(float64(s.db.Pace.Rows()), "rows/slice")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.TotalAlloc)/float64(b.N)/n, "B/test")
}

// upload publishes one suite.
func uploadSuite(b *testing.B, s *Store, sha string, tests []Test) *Result {
	b.Helper()
	ctx := context.Background()
	r := &Result{SHA256: sha}
	for _, t := range tests {
		if r.Tests++; t.Status == TestFail {
			r.Counts.Fail++
		}
	}
	if err := s.BeginResult(ctx, r); err != nil {
		b.Fatal(err)
	}
	if err := s.InsertTests(ctx, r.Key, tests); err != nil {
		b.Fatal(err)
	}
	r, err := s.PublishResult(ctx, r)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// BenchmarkUpdateTests replaces every test of a large result, as a stream does
// that lists all tests before it runs them.
func BenchmarkUpdateTests(b *testing.B) {
	const n = 121_000
	s := openTest(b)
	ctx := context.Background()
	tests := suite(n, time.Unix(1_700_000_000, 0))
	r := &Result{SHA256: "a"}
	if err := s.BeginResult(ctx, r); err != nil {
		b.Fatal(err)
	}
	if err := s.InsertTests(ctx, r.Key, tests); err != nil {
		b.Fatal(err)
	}
	for i := range tests {
		tests[i].Status = TestSkip
	}
	for b.Loop() {
		if err := s.UpdateTests(ctx, r.Key, tests); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "tests/s")
}

// BenchmarkListTests reads pages of a large result beside which four others lie.
func BenchmarkListTests(b *testing.B) {
	const n = 121_000
	s := openTest(b)
	ctx := context.Background()
	tests := suite(n, time.Unix(1_700_000_000, 0))
	var r *Result
	for i := range 5 {
		r = uploadSuite(b, s, fmt.Sprint(i), tests)
	}
	fail := TestFail
	for name, f := range map[string]TestFilter{
		"first":          {},
		"offset-120000":  {Page: store.Page{Offset: 120_000}},
		"status":         {Status: &fail, Page: store.Page{Total: true}},
		"status-offset":  {Status: &fail, Page: store.Page{Offset: 5000}},
		"part-late":      {Q: "_120999"},
		"part-and-total": {Q: "_12099", Page: store.Page{Total: true}},
	} {
		f.Result = r
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if list, err := s.ListTests(ctx, f); err != nil || len(list.Items) == 0 {
					b.Fatal(len(list.Items), err)
				}
			}
		})
	}
	b.Run("history", func(b *testing.B) {
		for b.Loop() {
			if list, err := s.TestHistory(ctx, tests[77].Name, store.Page{}); err != nil || len(list.Items) != 5 {
				b.Fatal(len(list.Items), err)
			}
		}
	})
	b.Run("delete", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			one := uploadSuite(b, s, "deleted", tests)
			b.StartTimer()
			if err := s.DeleteResult(ctx, one.ID); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "tests/s")
	})
}
