package reports_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/reports"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
	"github.com/slipway-lab/slipway/store/storetest"
)

// benchSizes are 10 thousand boots and a million, or what SLIPWAY_BENCH_BOOTS
// says beside the 10 thousand, such as 10000000.
func benchSizes(b *testing.B) []int {
	more := 1_000_000
	if text := os.Getenv("SLIPWAY_BENCH_BOOTS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		more = n
	}
	if testing.Short() {
		return []int{10_000}
	}
	return []int{10_000, more}
}

// question is a request of a benchmark, and whether it matches equally many
// boots whatever there are.
type question struct {
	name, method, path, body string
	flat                     bool
}

// questions are those of a front end. The generated boots are a minute apart, so
// that the last days hold equally many at each size.
func questions() []question {
	var counts []string
	for i := range 100 {
		counts = append(counts, fmt.Sprintf(`{"resource":"count","document":"boot","query":"job=job-%d&kernel=v4.0-%d&status=PASS"}`, i%17, i%10))
	}
	return []question{
		{"page50ByLabAndDate", "GET", "/boot?lab_name=few&date_range=1&limit=50", "", true},
		{"page50ByLabAndDateNewest", "GET", "/boot?lab_name=lab-07&date_range=5&limit=50&sort=created_on", "", true},
		{"page50ByLabDateAndStatus", "GET", "/boot?lab_name=lab-08&status=FAIL&gte=created_on,2019-12-28&limit=50", "", true},
		{"page50ByJobAndKernel", "GET", "/boot?job=job-3&kernel=v4.0-3&limit=50&sort=board&sort_order=1", "", true},
		{"count", "GET", "/count/boot?job=job-3&kernel=v4.0-3&status=PASS", "", true},
		{"countAll", "GET", "/count/boot", "", false},
		{"distinct", "GET", "/boot/distinct/lab_name", "", true},
		{"distinctFiltered", "GET", "/boot/distinct/board?lab_name=lab-07&date_range=5", "", true},
		{"batch100Counts", "POST", "/batch", `{"batch":[` + strings.Join(counts, ",") + `]}`, true},
	}
}

// BenchmarkQuestions reports the median of every question at each size and, for
// those that match equally many boots, what the larger size costs in times of the
// smaller one, on SQLite and, when there is one, on PostgreSQL.
func BenchmarkQuestions(b *testing.B) {
	now := time.Date(2020, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := func(c *server.Config) { c.Now = func() time.Time { return now } }
	databases := map[string]func(testing.TB) *servertest.Server{
		"sqlite": func(b testing.TB) *servertest.Server { return servertest.New(b, clock) },
		"postgres": func(b testing.TB) *servertest.Server {
			cfg := store.Config{DataDir: b.TempDir(), Database: storetest.Postgres(b), MaxConns: 8}
			return servertest.On(b, storetest.Open(b, cfg), clock)
		},
	}
	for _, name := range []string{"sqlite", "postgres"} {
		b.Run(name, func(b *testing.B) {
			medians := map[string][]time.Duration{}
			for _, n := range benchSizes(b) {
				s := databases[name](b)
				reports.FillBoots(b, reportstore.New(s.Store), n, now)
				for _, q := range questions() {
					b.Run(fmt.Sprintf("%s/%d", q.name, n), func(b *testing.B) {
						m := median(b, func() { ask(b, s, q.method, q.path, q.body, http.StatusOK) })
						b.ReportMetric(float64(m.Microseconds()), "median-us")
						medians[fmt.Sprint(q.name, n)] = append(medians[fmt.Sprint(q.name, n)], m)
					})
				}
			}
			reportRatios(b, medians)
		})
	}
}

// median runs one request after the other and returns how long the one in the
// middle took.
func median(b *testing.B, request func()) time.Duration {
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		request()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

func reportRatios(b *testing.B, medians map[string][]time.Duration) {
	sizes := benchSizes(b)
	for _, q := range questions() {
		small, large := medians[fmt.Sprint(q.name, sizes[0])], medians[fmt.Sprint(q.name, sizes[len(sizes)-1])]
		if !q.flat || len(sizes) < 2 || len(small) == 0 || len(large) == 0 {
			continue
		}
		b.Run(q.name+"/ratio", func(b *testing.B) {
			for b.Loop() { // what is reported was measured before
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(large[len(large)-1])/float64(small[len(small)-1]), "times")
		})
	}
}

// ask sends a request without the test client's look into the document.
func ask(b *testing.B, s *servertest.Server, method, path, body string, want int) {
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	r.Header.Set("Authorization", servertest.AdminToken)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Error(err)
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		b.Errorf("%s %s: %d %.200s, %v", method, path, resp.StatusCode, text, err)
	}
}

// BenchmarkPostBoots posts boots from 32 clients at once.
func BenchmarkPostBoots(b *testing.B) {
	s := servertest.New(b)
	newLab(b, s, "lab-a")
	transport := http.DefaultTransport.(*http.Transport)
	transport.MaxIdleConnsPerHost = 32
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range 32 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				ask(b, s, "POST", "/boot", fmt.Sprintf(`{"lab_name":"lab-a","job":"j%d","kernel":"k%d","defconfig":"d","board":"b%d","boot_result":"PASS"}`, i%10, i/1000, i), http.StatusAccepted)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "boots/s")
}
