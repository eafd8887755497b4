package subunit

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// allSamples returns every input in testdata, gzip ones unpacked.
func allSamples(t testing.TB) map[string][]byte {
	t.Helper()
	samples := map[string][]byte{}
	for _, pattern := range []string{"testdata/*.subunit", "testdata/*.xml", "testdata/13_*.json", "testdata/*.gz", "testdata/hostile/*.bin"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("no samples for %s: %v", pattern, err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if IsGzip(data) {
				var out bytes.Buffer
				if _, _, err := Gunzip(&out, bytes.NewReader(data), 1<<20); err != nil {
					t.Fatal(err)
				}
				data = out.Bytes()
			}
			samples[filepath.Base(path)] = data
		}
	}
	return samples
}

// TestParse_window shows that it does not matter where the pieces end in which
// the input is read.
func TestParse_window(t *testing.T) {
	t.Parallel()
	for name, data := range allSamples(t) {
		if len(data) > 500_000 {
			continue // tiny windows are slow, and the others have it all
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := parseAll(t, data, Limits{}, windowStart)
			for _, size := range []int{1, 13, 100, 4096} {
				if got := parseAll(t, data, Limits{}, size); !reflect.DeepEqual(got, want) {
					t.Errorf("window of %d bytes: %+v, want %+v", size, got.report, want.report)
				}
			}
		})
	}
}

// brokenFile fails to read from a place on.
type brokenFile struct {
	data []byte
	from int64
	err  error
}

func (f brokenFile) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return 0, f.err
	}
	return bytes.NewReader(f.data).ReadAt(p, off)
}

// TestParse_readError shows that a disk that fails is not taken for damage.
func TestParse_readError(t *testing.T) {
	t.Parallel()
	errDisk := errors.New("disk on fire")
	for name, data := range allSamples(t) {
		if len(data) < 100 || len(data) > 500_000 {
			continue
		}
		format, err := Detect(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if format == FormatUnknown || format == FormatEmpty {
			continue
		}
		f := brokenFile{data: data, from: int64(len(data)) - 1, err: errDisk}
		s := newSink(Limits{}, func(*Record) error { return nil })
		if _, err := parse(s, f, int64(len(data)), 64); !errors.Is(err, errDisk) && s.report.DamageCount == 0 {
			t.Errorf("%s: error %v, want %v", name, err, errDisk)
		}
	}
}

// TestParse_shortFile shows that a file that is shorter than was said is an
// error of its own.
func TestParse_shortFile(t *testing.T) {
	t.Parallel()
	data := readSample(t, "01_all_statuses_v2.subunit")
	_, err := Parse(bytes.NewReader(data), int64(len(data))+1, Limits{}, func(*Record) error { return nil })
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

// TestParse_callbackError shows that the callback can end the reading.
func TestParse_callbackError(t *testing.T) {
	t.Parallel()
	errFull := errors.New("no more room")
	for _, name := range []string{"01_all_statuses_v2.subunit", "03_all_statuses_v1.subunit", "12_all_statuses.junit.xml", "13_parsed_flat_2014.json"} {
		data := readSample(t, name)
		calls := 0
		_, err := Parse(bytes.NewReader(data), int64(len(data)), Limits{}, func(*Record) error {
			calls++
			return errFull
		})
		if !errors.Is(err, errFull) || calls != 1 {
			t.Errorf("%s: error %v after %d calls, want %v after one", name, err, calls, errFull)
		}
	}
}
