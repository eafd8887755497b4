package xzstream

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

const most = 64 << 20

// packed is a stream with blocks of the size; zero for one block.
func packed(t testing.TB, text string, check byte, block int64) []byte {
	t.Helper()
	var b bytes.Buffer
	c := xz.WriterConfig{CheckSum: check, NoCheckSum: check == xz.None, BlockSize: block, DictCap: 1 << 20}
	w, err := c.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpacked(file []byte) (string, error) {
	text, err := io.ReadAll(NewReader(bytes.NewReader(file), most))
	return string(text), err
}

func text(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("ok ")
		b.WriteString(strings.Repeat(string(rune('a'+i%26)), i%17))
		b.WriteByte('\n')
	}
	return b.String()
}

func TestReader(t *testing.T) {
	t.Parallel()
	long := text(20_000)
	one := packed(t, "one\n", xz.CRC64, 0)
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"empty":                {packed(t, "", xz.CRC64, 0), ""},
		"crc64":                {packed(t, long, xz.CRC64, 0), long},
		"crc32":                {packed(t, long, xz.CRC32, 0), long},
		"sha256":               {packed(t, long, xz.SHA256, 0), long},
		"no check":             {packed(t, long, xz.None, 0), long},
		"many blocks":          {packed(t, long, xz.CRC32, 1000), long},
		"two streams":          {bytes.Join([][]byte{one, packed(t, "two\n", xz.CRC32, 0)}, nil), "one\ntwo\n"},
		"padding":              {bytes.Join([][]byte{one, make([]byte, 512)}, nil), "one\n"},
		"padding between two":  {bytes.Join([][]byte{one, make([]byte, 8), one}, nil), "one\none\n"},
		"an empty stream more": {bytes.Join([][]byte{packed(t, "", xz.SHA256, 0), one}, nil), "one\n"},
	} {
		if got, err := unpacked(tt.file); err != nil || got != tt.want {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(tt.want))
		}
	}
}

// testdata holds what the program xz makes of these lines: with -9, in blocks, with other
// checks, with a dictionary of 1 GiB, and with a filter that is not read.
func TestReader_Tool(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	for i := 1; i <= 3000; i++ {
		fmt.Fprintf(&lines, "ok %d - switch %d takes %d ms\n", i, i%7, i*i%97)
	}
	want := lines.String()
	for _, name := range []string{"level9.xz", "blocks.xz", "sha256.xz", "large-dictionary.xz"} {
		file, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := unpacked(file); err != nil || got != want {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(want))
		}
	}
	file, err := os.ReadFile(filepath.Join("testdata", "delta.xz"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unpacked(file); err == nil || !strings.Contains(err.Error(), "filter") {
		t.Errorf("a filter: %v", err)
	}
}

// A file that is cut anywhere, also between two blocks, in which any bit is turned, or
// that goes on, is not whole.
func TestReader_Damage(t *testing.T) {
	t.Parallel()
	for name, file := range map[string][]byte{
		"one block":   packed(t, text(40), xz.CRC64, 0),
		"many blocks": packed(t, text(40), xz.CRC32, 64),
		"sha256":      packed(t, text(20), xz.SHA256, 0),
		"streams":     append(packed(t, text(9), xz.CRC32, 0), packed(t, text(8), xz.CRC64, 0)...),
		"empty":       packed(t, "", xz.CRC64, 0),
	} {
		want, err := unpacked(file)
		if err != nil {
			t.Fatal(err)
		}
		first := len(packed(t, text(9), xz.CRC32, 0)) // of the two streams
		for cut := range file {
			if got, err := unpacked(file[:cut]); err == nil && (name != "streams" || cut != first) {
				t.Errorf("%s cut at %d of %d: %d bytes and no error", name, cut, len(file), len(got))
			} else if !strings.HasPrefix(want, got) {
				t.Errorf("%s cut at %d of %d: other bytes", name, cut, len(file))
			}
			for bit := range 8 {
				turned := bytes.Clone(file)
				turned[cut] ^= 1 << bit
				if _, err := unpacked(turned); err == nil {
					t.Errorf("%s, bit %d of byte %d turned: no error", name, bit, cut)
				}
			}
		}
		for _, more := range []string{"\x00", "\x00\x00\x00", "x", "1..1\nnot ok 1\n", "\x00\x00\x00\x00x", "\xfd7zXZ\x00", "\x00\x00\x00\x00\x00\xfd7zXZ"} {
			if got, err := unpacked(append(bytes.Clone(file), more...)); err == nil || got != want {
				t.Errorf("%s with %q behind it: %d bytes, %v", name, more, len(got), err)
			}
		}
	}
}

// An error of the file is no fault of what is in it.
func TestReader_FileFails(t *testing.T) {
	t.Parallel()
	file := packed(t, text(40), xz.CRC32, 64)
	broken := errors.New("no disk")
	for cut := range file {
		r := NewReader(io.MultiReader(bytes.NewReader(file[:cut]), failing{broken}), most)
		if _, err := io.ReadAll(r); !errors.Is(err, broken) {
			t.Errorf("at %d: %v", cut, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzReader(f *testing.F) {
	for _, block := range []int64{0, 64} {
		f.Add(packed(f, text(40), xz.CRC32, block))
	}
	f.Add(append(packed(f, "", xz.CRC64, 0), make([]byte, 4)...))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := io.ReadAll(io.LimitReader(NewReader(bytes.NewReader(file), most), 1<<20))
		if err != nil || len(got) == 1<<20 {
			return
		}
		z, err := xz.NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatalf("read here, and not by the library: %v", err)
		}
		if want, err := io.ReadAll(z); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q; the library has %q, %v", got, want, err)
		}
	})
}

// A header that claims a dictionary of 4 GiB gets what there is to put into it, and an
// error when that is too much.
func TestReader_Dictionary(t *testing.T) { //nolint:paralleltest // measures memory
	noise := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	for name, tt := range map[string]struct {
		text    string
		refused bool
	}{
		"small": {text(40), false},
		"large": {string(noise), true},
	} {
		file := packed(t, tt.text, xz.CRC32, 0)
		head := file[headerBytes : headerBytes+4*(int(file[headerBytes])+1)]
		at := bytes.Index(head, []byte{filterLZMA2, 1})
		head[at+2] = dictionaryCodes
		binary.LittleEndian.PutUint32(head[len(head)-4:], crc32.ChecksumIEEE(head[:len(head)-4]))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := io.ReadAll(NewReader(bytes.NewReader(file), most))
		runtime.ReadMemStats(&after)
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 1<<20 {
			t.Errorf("%s: %d bytes of memory", name, spent)
		}
		if refused := err != nil && strings.Contains(err.Error(), "dictionary of 4294967295"); refused != tt.refused || !refused && string(got) != tt.text {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// A chunk whose properties ask for megabytes is refused, and so is a header that stands
// where a chunk has its data.
func TestChunks(t *testing.T) {
	t.Parallel()
	for c, want := range map[byte]bool{93: true, 4: true, 4 + 9*1: false, 8: false, 9 * 4: true, 224: false, 225: false} {
		if got := properties(c); got != want {
			t.Errorf("properties %d: %t", c, got)
		}
	}
	data := []byte{0xe0, 0, 9, 0, 9, 93, 0, 0, 0, 0, 0, 0, 0xe0, 0, 0, 0, 5, 224}
	c := &chunks{in: &source{buf: bufio.NewReader(bytes.NewReader(data))}}
	header := make([]byte, 5)
	for _, tt := range []struct {
		size, n int
		err     error
	}{{1, 1, nil}, {5, 5, nil}, {1, 1, nil}, {1, 1, nil}, {5, 0, errChunk}} {
		if n, err := c.Read(header[:tt.size]); n != tt.n || !errors.Is(err, tt.err) {
			t.Errorf("%d bytes: %d, %v; want %d, %v", tt.size, n, err, tt.n, tt.err)
		}
	}
}
