package subunit

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func gzipped(t testing.TB, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGunzip(t *testing.T) {
	t.Parallel()
	one, two := gzipped(t, "hello "), gzipped(t, "world")
	both := append(bytes.Clone(one), two...)
	badSum := bytes.Clone(one)
	badSum[len(badSum)-6] ^= 1
	tests := []struct {
		name   string
		in     []byte
		limit  int64
		want   string
		reason string // of the damage, empty for none
	}{
		{"one member", one, 100, "hello ", ""},
		{"two members", both, 100, "hello world", ""},
		{"exactly the limit", both, 11, "hello world", ""},
		{"above the limit", both, 10, "hello worl", "more than 10 bytes"},
		{"above the limit in the second member", both, 6, "hello ", "more than 6 bytes"},
		{"cut in the sum", one[:len(one)-3], 100, "hello ", "cut short"},
		{"cut at the limit", both[:len(one)+4], 6, "hello ", "cut short"},
		{"cut in the head", one[:5], 100, "", "cut short"},
		{"wrong sum", badSum, 100, "hello ", "checksum"},
		{"other bytes behind it", append(bytes.Clone(one), "tail"...), 100, "hello ", "gzip"},
		{"no gzip", []byte("plain text that is long enough"), 100, "", "no gzip member"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			n, damage, err := Gunzip(&out, iotest.OneByteReader(bytes.NewReader(tt.in)), tt.limit)
			if err != nil || out.String() != tt.want || n != int64(out.Len()) {
				t.Errorf("Gunzip = %q, %d, %v, want %q", out.String(), n, err, tt.want)
			}
			if (damage == nil) != (tt.reason == "") {
				t.Fatalf("damage %v, want %q", damage, tt.reason)
			}
			if damage != nil && (!strings.Contains(damage.Reason, tt.reason) || damage.Kind != KindGzip || damage.Offset > int64(len(tt.in))) {
				t.Errorf("damage %+v, want %q", damage, tt.reason)
			}
		})
	}
}

type fullDisk struct{ err error }

func (f fullDisk) Write([]byte) (int, error) { return 0, f.err }

// TestGunzip_errors shows that faults of the disk are not taken for damage.
func TestGunzip_errors(t *testing.T) {
	t.Parallel()
	errDisk := errors.New("disk full")
	if _, damage, err := Gunzip(fullDisk{errDisk}, bytes.NewReader(gzipped(t, "x")), 10); !errors.Is(err, errDisk) || damage != nil {
		t.Errorf("writing: %v, %v, want %v", damage, err, errDisk)
	}
	in := gzipped(t, strings.Repeat("x", 1000))
	for n := range in {
		src := io.MultiReader(bytes.NewReader(in[:n]), iotest.ErrReader(errDisk))
		if _, damage, err := Gunzip(io.Discard, src, 10_000); !errors.Is(err, errDisk) || damage != nil {
			t.Errorf("reading after %d bytes: %v, %v, want %v", n, damage, err, errDisk)
		}
	}
}

// TestGunzip_bomb shows that reading stops at the limit.
func TestGunzip_bomb(t *testing.T) {
	t.Parallel()
	in := bytes.NewReader(readSample(t, "hostile/50_gzip_bomb.bin"))
	n, damage, err := Gunzip(io.Discard, in, 1<<20)
	if n != 1<<20 || damage == nil || err != nil || damage.Offset > in.Size()/10 {
		t.Errorf("Gunzip = %d, %v, %v", n, damage, err)
	}
}

// TestGunzip_sameAsPlain shows that a stream and its gzip give the same.
func TestGunzip_sameAsPlain(t *testing.T) {
	t.Parallel()
	plain := readUpload(t, readSample(t, "01_all_statuses_v2.subunit"), Limits{})
	packed := readUpload(t, readSample(t, "11_all_statuses_v2.subunit.gz"), Limits{})
	if plain.String() != packed.String() {
		t.Errorf("gzip: %s, plain: %s", packed, plain)
	}
}
