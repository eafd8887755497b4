package pages_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

// BenchmarkPage measures how long the server is at a page, with everything that it asks
// of the API, and how large the page is: 100 runs, and 100 tests of a run with strips of
// 17 runs.
func BenchmarkPage(b *testing.B) {
	s := servertest.New(b, servertest.WithAuth(func(c *auth.Config) { c.Mode = auth.ModeNone }))
	if a := s.Do("POST", "/v1/clouds", `{"label":"stage","admin_endpoint":"http://192.0.2.1/","endpoint":"http://192.0.2.1/","test_user":"t","admin_user":"a"}`, servertest.JSON()); a.Status != 201 {
		b.Fatalf("%d %s", a.Status, a.Body)
	}
	const runs, tests = 110, 300
	for run := 1; run <= runs; run++ {
		s.Do("POST", "/v1/runs", `{"cloud_id":1,"name":"full"}`, servertest.JSON())
		var stream strings.Builder
		for i := range tests {
			name := fmt.Sprintf("tempest.api.compute.servers.test_%d.ServersTestJSON.test_resize_server_confirm_%d[id-1499262a-9328-4eda-9068-db1ac5749%03d]", i/10, i, i)
			fmt.Fprintf(&stream, "test: %s\nsuccess: %s\n", name, name)
		}
		if a := s.Do("POST", fmt.Sprintf("/v1/post-result?test_id=%d", run), stream.String()); a.Status != 201 {
			b.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	for name, path := range map[string]string{"overview": "/ui/", "runs": "/ui/runs", "run": fmt.Sprintf("/ui/runs/%d?outcome=all", runs)} {
		b.Run(name, func(b *testing.B) {
			size, before := 0, cpu(b)
			for b.Loop() {
				answer, err := http.Get(s.URL + path)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if err != nil || answer.StatusCode != http.StatusOK {
					b.Fatalf("%s: %d, %v", path, answer.StatusCode, err)
				}
				size = int(n)
			}
			b.ReportMetric(float64(size), "bytes")
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// cpu is how long this process has computed, which other processes do not disturb as
// they do the time on the wall. The client's part is in it.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
