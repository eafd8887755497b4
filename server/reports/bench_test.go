package reports_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/reports"
	"github.com/slipway-lab/slipway/server/servertest"
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

// BenchmarkQuestions asks the questions of a front end. The first matches
// equally many boots at each size, and should cost the same.
func BenchmarkQuestions(b *testing.B) {
	now := time.Date(2020, 1, 2, 12, 0, 0, 0, time.UTC)
	var counts []string
	for i := range 100 {
		counts = append(counts, fmt.Sprintf(`{"resource":"count","document":"boot","query":"job=job-%d&kernel=v4.0-%d&status=PASS"}`, i%17, i%10))
	}
	batch := `{"batch":[` + strings.Join(counts, ",") + `]}`
	for _, n := range benchSizes(b) {
		s := servertest.New(b, func(c *server.Config) { c.Now = func() time.Time { return now } })
		reports.FillBoots(b, s.Store, n, now)
		for _, q := range []struct{ name, method, path, body string }{
			{"page50ByLabAndDate", "GET", "/boot?lab_name=few&date_range=1&limit=50", ""},
			{"count", "GET", "/count/boot?job=job-3&kernel=v4.0-3&status=PASS", ""},
			{"countAll", "GET", "/count/boot", ""},
			{"distinct", "GET", "/boot/distinct/lab_name", ""},
			{"batch100Counts", "POST", "/batch", batch},
		} {
			b.Run(fmt.Sprintf("%s/%d", q.name, n), func(b *testing.B) {
				for b.Loop() {
					ask(b, s, q.method, q.path, q.body, http.StatusOK)
				}
			})
		}
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
