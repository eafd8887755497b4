package teamcity_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/teamcity"
)

// read reads a text and calls emit for each record.
func read(t *testing.T, text string, emit func(*report.Record)) *report.Report {
	t.Helper()
	s := report.NewSink(report.Limits{}, func(r *report.Record) error {
		emit(r)
		return nil
	})
	in := report.Input{ReaderAt: strings.NewReader(text), Size: int64(len(text))}
	if err := teamcity.New().Read(t.Context(), in, s); err != nil {
		t.Fatal(err)
	}
	return s.Report
}

// Tests of one name that never finish are ended one by one, and take no time that
// grows with the square of their number.
func TestRead_openTestsOfOneName(t *testing.T) {
	t.Parallel()
	const n = 200_000
	began, tests := time.Now(), 0
	read(t, strings.Repeat("##teamcity[testStarted name='a']\n", n), func(r *report.Record) {
		if tests++; r.Status != report.InProgress {
			t.Errorf("an open test is %s", r.Status)
		}
	})
	if took := time.Since(began); tests != n || took > 5*time.Second {
		t.Errorf("%d tests in %v, want %d in less than a few seconds", tests, took, n)
	}
}

// A test that has ended takes no memory any more, also when there is no moment at
// which none is open, as with a runner that runs several at once.
func TestRead_overlappingTests(t *testing.T) {
	const n, text = 500, 100 << 10
	var out strings.Builder
	fmt.Fprintf(&out, "##teamcity[testStarted name='0']\n")
	for i := range n {
		fmt.Fprintf(&out, "##teamcity[testStarted name='%d']\n##teamcity[testStdOut name='%d' out='%s']\n##teamcity[testFinished name='%d']\n", i+1, i, strings.Repeat("x", text), i)
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tests := 0
	read(t, out.String(), func(*report.Record) {
		if tests++; tests == n {
			runtime.GC()
			runtime.ReadMemStats(&now)
		}
	})
	const most = 20 << 20
	if grown := int64(now.HeapAlloc) - int64(before.HeapAlloc); tests != n+1 || grown > most {
		t.Errorf("after %d tests of %d bytes there are %d MiB more in use, want less than %d", tests, text, grown>>20, most>>20)
	}
}
