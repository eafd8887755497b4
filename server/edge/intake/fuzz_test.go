package intake

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// memory is a store that keeps blobs and forgets rows.
type memory struct {
	Store
	mu    sync.Mutex
	blobs map[string][]byte
	files []resultstore.ResultFile
	tests int
}

func newMemory() *memory { return &memory{blobs: map[string][]byte{}} }

func (m *memory) BeginResult(context.Context, *resultstore.Result) error { return nil }
func (m *memory) DiscardResult(context.Context, int64) error             { return nil }

func (m *memory) PrepareTests(tests []resultstore.Test) (*resultstore.Prepared, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tests += len(tests)
	return nil, nil
}
func (m *memory) InsertPrepared(context.Context, int64, *resultstore.Prepared) error     { return nil }
func (m *memory) UpdateTests(context.Context, int64, []resultstore.Test) error           { return nil }
func (m *memory) AddTestRecords(context.Context, int64, []resultstore.TestRecord) error  { return nil }
func (m *memory) SetTestRecords(context.Context, int64, []resultstore.TestRecords) error { return nil }
func (m *memory) InsertFiles(_ context.Context, _ int64, f []resultstore.ResultFile) error {
	m.files = f
	return nil
}

func (m *memory) Create(context.Context) (store.BlobWriter, error) { return &memoryWriter{m: m}, nil }
func (m *memory) InsertNameList(context.Context, *resultstore.Result, *resultstore.NameList) error {
	return nil
}
func (m *memory) Remove(context.Context, string) error                  { return nil }
func (m *memory) Each(context.Context, func(string, int64) error) error { return nil }
func (m *memory) RemoveUnused(context.Context, []string, func([]string) (map[string]bool, error)) error {
	return nil
}
func (m *memory) Sweep(context.Context, time.Time, func([]string) (map[string]bool, error)) (int, error) {
	return 0, nil
}

func (m *memory) Open(_ context.Context, sha string) (store.Blob, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.blobs[sha]
	if !ok {
		return nil, store.ErrNotFound
	}
	return memoryBlob{bytes.NewReader(data)}, nil
}

type memoryBlob struct{ *bytes.Reader }

func (memoryBlob) Close() error { return nil }

type memoryWriter struct {
	bytes.Buffer
	m *memory
}

func (w *memoryWriter) Commit() (string, int64, error) {
	sum := sha256.Sum256(w.Bytes())
	name := hex.EncodeToString(sum[:])
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	w.m.blobs[name] = bytes.Clone(w.Bytes())
	return name, int64(w.Len()), nil
}
func (w *memoryWriter) Abort() error { return nil }

// take reads files into a result that nobody keeps.
func (m *memory) take(t testing.TB, limits Limits, files ...[]byte) (*resultstore.Result, *report.Report) {
	t.Helper()
	in := &Intake{Store: m, Blobs: m, Limits: limits}
	var post Post
	for _, data := range files {
		f, err := in.Keep(t.Context(), func(w io.Writer) error { _, err := w.Write(data); return err })
		if err != nil {
			t.Fatal(err)
		}
		post.Files = append(post.Files, f)
	}
	result := NewResult(post.Files)
	var found *report.Report
	err := in.Take(t.Context(), result, post, func(r *report.Report) (bool, error) {
		found = r
		return true, nil
	})
	if err != nil {
		t.Fatalf("Take: %v", err)
	}
	return result, found
}

var smallLimits = Limits{File: 1 << 20, Decompressed: 4 << 20, Members: 20, Ratio: 200, Tests: 1000}

func archiveSeeds(t testing.TB) [][]byte {
	t.Helper()
	var seeds [][]byte
	for _, name := range []string{"xmlrunner_arm.zip", "xmlrunner_switch.tar.gz", "bats_arm.tap", "pytest_green.xml", "stestr_switch.subunit1"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		seeds = append(seeds, data)
	}
	var z, tr bytes.Buffer
	zw, tw := zip.NewWriter(&z), tar.NewWriter(&tr)
	for _, name := range []string{"b.tap", "../a.tap"} {
		content := []byte("1..1\nok 1 - " + name + "\n")
		w, _ := zw.Create(name)
		_, _ = w.Write(content)
		_ = tw.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644})
		_, _ = tw.Write(content)
	}
	_, _ = zw.Close(), tw.Close()
	return append(seeds, z.Bytes(), tr.Bytes())
}

// FuzzTake reads anything as an upload, alone and beside a green file: nothing in
// it is an error, every file is told of, and damage is never green.
func FuzzTake(f *testing.F) {
	for _, seed := range archiveSeeds(f) {
		f.Add(seed)
	}
	f.Add([]byte("PK\x05\x06\x00\x00"))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 4, 0, 0})
	for _, name := range []string{"level9.xz", "blocks.xz"} {
		file, err := os.ReadFile(filepath.Join("xzstream", "testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, files := range [][][]byte{{data}, {[]byte("1..1\nok 1 - green\n"), data}} {
			m := newMemory()
			begun := time.Now()
			r, found := m.take(t, smallLimits, files...)
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("%d bytes took %s", len(data), took)
			}
			if green := r.Outcome == "pass" || r.Outcome == "skip"; green && (found.DamageCount > 0 || r.Counts.Fail > 0) {
				t.Errorf("%s with %d findings and %d failures", r.Outcome, found.DamageCount, r.Counts.Fail)
			}
			if len(m.files) < len(files) || int64(found.DamageCount) != r.DamageCount {
				t.Errorf("%d files of %d, %d findings of %d", len(m.files), len(files), found.DamageCount, r.DamageCount)
			}
		}
	})
}
