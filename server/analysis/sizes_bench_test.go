package analysis_test

import (
	"slices"
	"testing"
	"time"
)

// fewTests is how many tests each of two runs has whose rows answer the questions.
const fewTests = 5000

var fewQuestions = []struct{ name, path string }{
	{"page-of-run", "/v1/runs/1/results/current/tests?limit=50"},
	{"failed-of-run", "/v1/runs/1/results/current/tests?limit=50&status=fail"},
	{"by-name", "/v1/test-results?limit=50&name=few.module_007.ServersTest.test_case_0000007"},
	{"failed", "/v1/test-results?limit=50&outcome=fail"},
	{"newest", "/v1/test-results?limit=50"},
	{"history", "/v1/test-history?limit=50&name=few.module_007.ServersTest.test_case_0000007"},
	{"compare", "/v1/compare?base=run:1&head=run:2&limit=50"},
	{"runs", "/v1/runs?limit=2"},
}

// BenchmarkSizes asks the same questions of 10 thousand tests, of a million and of ten
// million, where equally many rows answer them, and says how many times the CPU and
// the median of the least they take; and what a test costs that is stored beside them.
func BenchmarkSizes(b *testing.B) {
	sizes, tests := []int{10_000, 1_000_000, 10_000_000}, 99_000
	if testing.Short() {
		sizes, tests = []int{10_000, 100_000}, 9_000
	}
	for _, dialect := range []string{"sqlite", "postgres"} {
		b.Run(dialect, func(b *testing.B) {
			l := openLarge(b, dialect, tests)
			for seed := range 2 {
				storeTests(b, l.store, &l.clouds[seed].ID, "few", fewTests, seed, true)
			}
			first := map[string][2]time.Duration{}
			stored := 2 * fewTests
			for _, size := range sizes {
				more := (size - stored) / tests
				l.fill(b, more)
				stored += more * tests
				for _, q := range fewQuestions {
					cpu, median := l.costs(b, q.path)
					least, known := first[q.name]
					if !known {
						first[q.name] = [2]time.Duration{cpu, median}
						continue
					}
					b.Logf("%-15s %9d tests: cpu %7v, %.2f times the least; median %7v, %.2f times", q.name, stored, cpu, float64(cpu)/float64(least[0]), median, float64(median)/float64(least[1]))
				}
				worked := cpu()
				storeRun(b, l.store, &l.clouds[1].ID, tests, 0)
				b.Logf("beside %d tests one is stored with %.1f us of CPU", stored, float64((cpu()-worked).Microseconds())/float64(tests))
				stored += tests
			}
			b.ReportMetric(0, "ns/op") // the lines above say it
		})
	}
}

// costs is the CPU of an answer, and the median of how long it takes.
func (l *large) costs(b *testing.B, path string) (worked, median time.Duration) {
	b.Helper()
	const times = 300
	for range times / 10 {
		l.get(b, path)
	}
	took := make([]time.Duration, times)
	before := cpu()
	for i := range took {
		took[i] = l.get(b, path)
	}
	worked = (cpu() - before) / times
	slices.Sort(took)
	return worked, took[times/2]
}
