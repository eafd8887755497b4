package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

func putBlob(t *testing.T, blobs store.Blobs, content []byte) string {
	t.Helper()
	w, err := blobs.Create(context.Background())
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	if _, err := io.Copy(w, bytes.NewReader(content)); err != nil {
		t.Fatalf("Write: %v", err)
	}
	sha, size, err := w.Commit()
	if err != nil {
		t.Fatalf("Commit: %v", err)
	}
	if want := sum(content); sha != want || size != int64(len(content)) {
		t.Errorf("Commit: %s of %d bytes, want %s of %d", sha, size, want, len(content))
	}
	return sha
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

func blobDir(t *testing.T) (store.Blobs, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "blobs")
	blobs, err := store.OpenFileBlobs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return blobs, dir
}

func unfinished(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "tmp"))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestBlobs(t *testing.T) {
	t.Parallel()
	eachBlobs(t, testBlobs)
}

func testBlobs(t *testing.T, k *kept) {
	ctx := context.Background()
	blobs := k.blobs
	large := make([]byte, 300_000)
	_, _ = rand.Read(large)
	for _, content := range [][]byte{{}, []byte("x"), large} {
		sha := putBlob(t, blobs, content)
		putBlob(t, blobs, content) // the same again is fine
		if _, err := os.Stat(k.file(sha)); err != nil {
			t.Errorf("file: %v", err)
		}
		b, err := blobs.Open(ctx, sha)
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		if got, err := io.ReadAll(b); err != nil || !bytes.Equal(got, content) || b.Size() != int64(len(content)) {
			t.Errorf("read %d bytes of %d, %v; want %d", len(got), b.Size(), err, len(content))
		}
		if len(content) > 10 {
			part := make([]byte, 5)
			if _, err := b.ReadAt(part, 7); err != nil || !bytes.Equal(part, content[7:12]) {
				t.Errorf("ReadAt: %x, %v", part, err)
			}
		}
		_ = b.Close()
		if err := blobs.Remove(ctx, sha); err != nil {
			t.Errorf("Remove: %v", err)
		}
		if _, err := blobs.Open(ctx, sha); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Open after Remove: %v, want ErrNotFound", err)
		}
		if err := blobs.Remove(ctx, sha); err != nil {
			t.Errorf("Remove again: %v, want nil", err)
		}
	}
	if n := k.unfinished(); n != 0 {
		t.Errorf("%d unfinished files left", n)
	}
}

func TestBlobs_NamesStayInside(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	blobs, dir := blobDir(t)
	secret := filepath.Join(filepath.Dir(dir), "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "../secret", "..", strings.Repeat("../", 21) + "x", strings.Repeat("A", 64), strings.Repeat("0", 63) + "/"} {
		if _, err := blobs.Open(ctx, name); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Open(%q): %v, want ErrNotFound", name, err)
		}
		if err := blobs.Remove(ctx, name); err != nil {
			t.Errorf("Remove(%q): %v", name, err)
		}
	}
	if _, err := os.Stat(secret); err != nil {
		t.Errorf("a file outside: %v", err)
	}
}

func TestBlobs_Abort(t *testing.T) {
	t.Parallel()
	eachBlobs(t, func(t *testing.T, k *kept) {
		testAbort(t, k, []byte("half"))
		testAbort(t, k, make([]byte, 20<<20)) // some of it is in the object store already
	})
}

func testAbort(t *testing.T, k *kept, half []byte) {
	t.Helper()
	w, err := k.blobs.Create(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(half)
	for range 2 {
		if err := w.Abort(); err != nil {
			t.Errorf("Abort: %v", err)
		}
	}
	if _, err := w.Write(nil); err == nil {
		t.Error("Write after Abort: nil, want an error")
	}
	if _, _, err := w.Commit(); err == nil {
		t.Error("Commit after Abort: nil, want an error")
	}
	if n := k.unfinished(); n != 0 {
		t.Errorf("%d unfinished files left", n)
	}
}

func TestBlobs_SameContentAtOnce(t *testing.T) {
	t.Parallel()
	eachBlobs(t, func(t *testing.T, k *kept) {
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() { putBlob(t, k.blobs, []byte("the same")) })
		}
		wg.Wait()
		if _, err := k.blobs.Open(context.Background(), sum([]byte("the same"))); err != nil {
			t.Errorf("Open: %v", err)
		}
		if n := k.count(); n != 1 {
			t.Errorf("it is kept %d times, want once", n)
		}
	})
}

// What a killed process left behind goes; what is being written stays.
func TestBlobs_UnfinishedAreSwept(t *testing.T) {
	t.Parallel()
	blobs, dir := blobDir(t)
	w, err := blobs.Create(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte("being written"))
	if err := os.WriteFile(filepath.Join(dir, "tmp", "upload-dead"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenFileBlobs(dir); err != nil {
		t.Fatal(err)
	}
	if n := unfinished(t, dir); n != 1 {
		t.Errorf("%d unfinished files, want the one that is being written", n)
	}
	if _, _, err := w.Commit(); err != nil {
		t.Errorf("Commit: %v", err)
	}
}

func TestSweepBlobs(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		eachPlace(t, cfg, func(t *testing.T, k *kept) {
			ctx := context.Background()
			s := resultstore.New(k.store)
			upload1, content, orphan, young, again := putBlob(t, s.Blobs, []byte("1")), putBlob(t, s.Blobs, []byte("2")),
				putBlob(t, s.Blobs, []byte("3")), putBlob(t, s.Blobs, []byte("4")), putBlob(t, s.Blobs, []byte("5"))
			for _, sha := range []string{upload1, content, orphan, again} {
				k.age(sha, store.BlobGrace+time.Minute)
			}
			k.age(young, store.BlobGrace-time.Minute)
			putBlob(t, s.Blobs, []byte("5")) // posted again: young again
			r := &resultstore.Result{SHA256: upload1, ContentSHA256: content}
			if err := s.BeginResult(ctx, r); err != nil { // not visible yet, but it counts
				t.Fatal(err)
			}
			if n, err := s.SweepBlobs(ctx); n != 1 || err != nil {
				t.Errorf("SweepBlobs: %d, %v; want 1", n, err)
			}
			for sha, want := range map[string]error{upload1: nil, content: nil, young: nil, again: nil, orphan: store.ErrNotFound} {
				if _, err := s.Blobs.Open(ctx, sha); !errors.Is(err, want) {
					t.Errorf("Open(%.6s): %v, want %v", sha, err, want)
				}
			}
			if n := k.count(); n != 4 {
				t.Errorf("%d blobs are kept, want 4", n)
			}
		})
	})
}

// The same bytes are uploaded again and again while old blobs are swept: a
// blob that was just committed must be there.
func TestBlobs_SweepRacesWithUpload(t *testing.T) {
	t.Parallel()
	eachBlobs(t, testSweepRaces)
}

func testSweepRaces(t *testing.T, k *kept) {
	ctx := context.Background()
	blobs := k.blobs
	stop := make(chan struct{})
	var sweeper sync.WaitGroup
	sweeper.Go(func() {
		nobody := func([]string) (map[string]bool, error) { return nil, nil }
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := blobs.Sweep(ctx, time.Now().Add(-time.Hour), nobody); err != nil {
					t.Errorf("Sweep: %v", err)
				}
			}
		}
	})
	for range 200 {
		sha := putBlob(t, blobs, []byte("again"))
		b, err := blobs.Open(ctx, sha)
		if err != nil {
			t.Fatalf("a blob that was just committed: %v", err)
		}
		_ = b.Close()
		k.age(sha, 2*time.Hour)
	}
	close(stop)
	sweeper.Wait()
}

// TestBlobs_RemoveUnused: what no row names goes at once, but not what somebody
// has committed in a request that is not over, nor what a row names. The sweep leaves
// alone what is held as well, however old it is: its server may have stood still.
func TestBlobs_RemoveUnused(t *testing.T) {
	t.Parallel()
	eachBlobs(t, testRemoveUnused)
}

func testRemoveUnused(t *testing.T, k *kept) {
	blobs := k.blobs
	named := putBlob(t, blobs, []byte("named"))
	gone := putBlob(t, blobs, []byte("gone"))
	putBlob(t, blobs, []byte("held"))
	ctx, release := store.HoldBlobs(t.Context())
	w, err := blobs.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("held")); err != nil {
		t.Fatal(err)
	}
	held, _, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	other := k.other() // another process on the same place
	remove := func(want map[string]bool) {
		t.Helper()
		err := other.RemoveUnused(t.Context(), []string{named, gone, held, "nonsense"}, func(shas []string) (map[string]bool, error) {
			return map[string]bool{named: true}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for sha, kept := range want {
			b, err := blobs.Open(t.Context(), sha)
			if (err == nil) != kept {
				t.Errorf("blob %s: %v, want it kept: %t", sha, err, kept)
			}
			if err == nil {
				_ = b.Close()
			}
		}
	}
	remove(map[string]bool{named: true, gone: false, held: true})
	sweep := func(want int) {
		t.Helper()
		k.age(held, 2*time.Hour)
		n, err := other.Sweep(t.Context(), time.Now().Add(-time.Hour), func([]string) (map[string]bool, error) { return nil, nil })
		if err != nil || n != want {
			t.Errorf("the sweep removed %d blobs, %v, want %d", n, err, want)
		}
	}
	sweep(0)
	remove(map[string]bool{named: true, held: true})
	release()
	sweep(1)
	remove(map[string]bool{named: true, held: false})
}
