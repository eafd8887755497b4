package results_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-lab/slipway/server/edge/intake/subunit/subunittest"
	"github.com/slipway-lab/slipway/server/servertest"
)

// BenchmarkPostResult posts a stream of 121 000 tests over HTTP and waits for
// the answer, when all of them are durable and can be queried. It prints tests
// per second, what one takes of the processor, the client's part included, and by how
// much the memory of the process grew at its peak.
func BenchmarkPostResult(b *testing.B) {
	file := filepath.Join(b.TempDir(), "stream")
	f, err := os.Create(file)
	if err != nil {
		b.Fatal(err)
	}
	const tests = 121_000
	if err := subunittest.WriteTempestLike(f, tests, 4, 42); err != nil {
		b.Fatal(err)
	}
	size, _ := f.Seek(0, 1)
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	s := servertest.New(b)
	before := peakMemory(b)
	worked := processor()
	b.SetBytes(size)
	n := 0
	for b.Loop() {
		f, err := os.Open(file)
		if err != nil {
			b.Fatal(err)
		}
		a := s.Send("POST", "/v1/post-result", f, servertest.With("Content-Type", "application/x-subunit"), servertest.Admin())
		var got saved
		if err := json.Unmarshal(a.Body, &got); err != nil || a.Status != 201 || got.Tests != tests {
			b.Fatalf("post-result: %d %.300s", a.Status, a.Body)
		}
		f.Close()
		n++
	}
	b.ReportMetric(float64(n*tests)/b.Elapsed().Seconds(), "tests/s")
	b.ReportMetric(float64((processor()-worked).Nanoseconds())/1000/float64(n*tests), "cpu-us/test")
	b.ReportMetric(float64(peakMemory(b)-before)/(1<<20), "MiB-peak-growth")
}

// processor is how much time the process has worked.
func processor() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory is the most memory that the process ever had resident, in bytes.
func peakMemory(b *testing.B) int64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}

// BenchmarkListTests reads a page of the failed tests of a large result.
func BenchmarkListTests(b *testing.B) {
	var stream bytes.Buffer
	if err := subunittest.WriteTempestLike(&stream, 121_000, 4, 42); err != nil {
		b.Fatal(err)
	}
	s := servertest.New(b)
	a := s.Send("POST", "/v1/post-result", &stream, servertest.With("Content-Type", "application/x-subunit"), servertest.Admin())
	if a.Status != 201 {
		b.Fatalf("post-result: %d %.300s", a.Status, a.Body)
	}
	for b.Loop() {
		if a := s.Do("GET", "/v1/runs/1/results/current/tests?status=fail&limit=50", "", servertest.Admin()); a.Status != 200 {
			b.Fatalf("tests: %d %.300s", a.Status, a.Body)
		}
	}
}
