package subunit

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/subunit/subunittest"
)

// tempestFile writes a run of n tests to a file, as an upload is stored.
func tempestFile(b *testing.B, n int) (*os.File, int64) {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "stream"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	if err := subunittest.WriteTempestLike(f, n, 4, 42); err != nil {
		b.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	return f, info.Size()
}

func BenchmarkParse_v2_tempest(b *testing.B) {
	f, size := tempestFile(b, 121_171)
	b.SetBytes(size)
	b.ReportAllocs()
	records := 0
	for b.Loop() {
		report, err := Parse(f, size, Limits{}, func(*Record) error { return nil })
		if err != nil || report.DamageCount > 0 {
			b.Fatal(err, report)
		}
		records += report.Records
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
}

func benchmarkSample(b *testing.B, name string) {
	data := readSample(b, name)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	records := 0
	for b.Loop() {
		report, err := Parse(bytes.NewReader(data), int64(len(data)), Limits{}, func(*Record) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
		records += report.Records
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkParse_v2_cpython(b *testing.B) { benchmarkSample(b, "10_cpython_v2.subunit") }
func BenchmarkParse_v1_stestr(b *testing.B)  { benchmarkSample(b, "04_stestr_4workers_v1.subunit") }
func BenchmarkParse_json(b *testing.B)       { benchmarkSample(b, "13_parsed_flat_2014.json") }
func BenchmarkParse_junit(b *testing.B)      { benchmarkSample(b, "12_all_statuses.junit.xml") }
func BenchmarkParse_crcQuadratic(b *testing.B) {
	benchmarkSample(b, "hostile/58_crc_quadratic.bin")
}
