package backup_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/areas"
	"github.com/slipway-lab/slipway/store/backup"
	resultstore "github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
)

// keep stores bytes and a row that names them, as an upload does.
func keep(t testing.TB, s *store.Store, content []byte) string {
	t.Helper()
	ctx := context.Background()
	w, err := s.Blobs.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	sha, size, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	r := &resultstore.Result{SHA256: sha, ContentSHA256: sha, Bytes: size}
	results := resultstore.New(s)
	if err := results.BeginResult(ctx, r); err != nil {
		t.Fatal(err)
	}
	if _, err := results.PublishResult(ctx, r); err != nil {
		t.Fatal(err)
	}
	return sha
}

func options(t testing.TB, dir string) backup.Options {
	return backup.Options{To: dir, Build: "test", Secret: []byte("a secret of a test server"), Note: t.Logf}
}

func restore(t *testing.T, dir, data string) (*store.Store, error) {
	t.Helper()
	_, err := backup.Restore(context.Background(), dir, target(t, data))
	if err != nil {
		return nil, err
	}
	return storetest.Open(t, store.Config{DataDir: data}), nil
}

func target(t *testing.T, data string) backup.Target {
	return backup.Target{Data: data, Note: t.Logf, Open: func(ctx context.Context, data, database string) (*store.Store, error) {
		return areas.Open(ctx, store.Config{DataDir: data, Database: database})
	}}
}

func wantBlob(t *testing.T, s *store.Store, sha string) {
	t.Helper()
	b, err := s.Blobs.Open(context.Background(), sha)
	if err != nil {
		t.Errorf("blob %s: %v", sha, err)
		return
	}
	_ = b.Close()
}

// Everything that was acknowledged before a backup began is in it, whole, whoever
// writes and deletes meanwhile.
func TestTake_UnderLoad(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	var before []string
	for i := range 50 {
		before = append(before, keep(t, s, bytes.Repeat([]byte(fmt.Sprintln("before", i)), 1000)))
	}
	ctx, stop := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				sha := keep(t, s, []byte(fmt.Sprintln("meanwhile", w, i)))
				if err := s.RemoveUnusedBlobs(context.Background(), sha); err != nil {
					t.Errorf("RemoveUnusedBlobs: %v", err)
				}
			}
		})
	}
	dir := filepath.Join(t.TempDir(), "backup")
	first, err := backup.Take(context.Background(), s, options(t, dir))
	if err != nil {
		t.Fatalf("Take: %v", err)
	}
	keep(t, s, []byte("between"))
	second, err := backup.Take(context.Background(), s, options(t, dir))
	stop()
	writers.Wait()
	if err != nil {
		t.Fatalf("the second Take: %v", err)
	}
	if second.Blobs <= first.Blobs {
		t.Errorf("the second backup has %d blobs, the first %d; want more", second.Blobs, first.Blobs)
	}
	data := filepath.Join(t.TempDir(), "new")
	restored, err := restore(t, dir, data)
	if err != nil {
		t.Fatalf("Restore: %v", err)
	}
	for _, sha := range before {
		wantBlob(t, restored, sha)
	}
	for _, f := range backup.Examine(context.Background(), restored, data, true) {
		if f.Err != nil && f.What != "space" {
			t.Errorf("Examine of what was restored: %s: %v", f.What, f.Err)
		}
	}
}

// On PostgreSQL a backup is what pg_dump writes of one snapshot.
func TestTake_Postgres(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	s := storetest.Open(t, store.Config{DataDir: t.TempDir(), Database: address, MaxConns: 4})
	sha := keep(t, s, []byte("content"))
	dir, data := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "new")
	m, err := backup.Take(context.Background(), s, options(t, dir))
	if err != nil {
		t.Fatalf("Take: %v", err)
	}
	if m.Dialect != "postgres" || m.Blobs != 1 || m.Rows["results"] != 1 {
		t.Errorf("Take: %+v", m)
	}
	to := target(t, data)
	to.Database = address
	if _, err := backup.Restore(context.Background(), dir, to); err == nil || !strings.Contains(err.Error(), "into an empty one") {
		t.Errorf("Restore over tables: %v", err)
	}
	storetest.DropSchema(t, address)
	if _, err := backup.Restore(context.Background(), dir, to); err != nil {
		t.Fatalf("Restore: %v", err)
	}
	wantBlob(t, storetest.Open(t, store.Config{DataDir: data, Database: address, MaxConns: 4}), sha)
}

// Removing rows frees no blob while a backup is being taken, which may name it.
func TestHoldForBackup(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		w, err := s.Blobs.Create(ctx)
		if err != nil {
			t.Fatal(err)
		}
		sha, _, err := w.Commit()
		if err != nil {
			t.Fatal(err)
		}
		hold, err := s.HoldForBackup(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveUnusedBlobs(ctx, sha); err != nil {
			t.Fatal(err)
		}
		wantBlob(t, s, sha)
		if err := hold.Release(ctx); err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveUnusedBlobs(ctx, sha); err != nil {
			t.Fatal(err)
		}
		if b, err := s.Blobs.Open(ctx, sha); err == nil {
			_ = b.Close()
			t.Error("the blob is still there after the backup")
		}
	})
}

// A backup that stood still for so long that its hold ended says so, also when it goes on
// to its end: what was removed meanwhile was not lost, and the earlier backup stays.
func TestTake_StoodStill(t *testing.T) {
	t.Parallel()
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		var ahead atomic.Int64
		cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		s := storetest.Open(t, cfg)
		keep(t, s, []byte("earlier"))
		dir := filepath.Join(t.TempDir(), "backup")
		earlier, err := backup.Take(t.Context(), s, options(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		keep(t, s, []byte("later"))
		for _, still := range []time.Duration{time.Minute, 3 * time.Minute} {
			o := options(t, dir)
			o.Note = func(text string, args ...any) {
				if strings.HasPrefix(text, "blobs: ") { // at their end
					ahead.Add(int64(still))
				}
				t.Logf(text, args...)
			}
			m, err := backup.Take(t.Context(), s, o)
			switch {
			case still < 2*time.Minute && err == nil:
				earlier = m
			case still < 2*time.Minute:
				t.Fatalf("after %s: %v", still, err)
			case !errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), "stood still"):
				t.Errorf("after %s: %v, want that it stood still", still, err)
			}
		}
		manifest, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
		if err != nil || !strings.Contains(string(manifest), earlier.ID) {
			t.Errorf("the earlier backup is not there any more: %v\n%s", err, manifest)
		}
	})
}

// What is damaged is not restored, and what is in the way stays.
func TestRestore_Refused(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	sha := keep(t, s, []byte("content"))
	tests := []struct {
		name   string
		damage func(t *testing.T, dir, data string)
		want   string
	}{
		{"no manifest", func(t *testing.T, dir, _ string) { remove(t, dir, "manifest.json") }, "no whole backup"},
		{"a blob is missing", func(t *testing.T, dir, _ string) { remove(t, dir, filepath.Join("blobs", sha[:2], sha[2:])) }, sha},
		{"a blob was changed", func(t *testing.T, dir, _ string) { write(t, filepath.Join(dir, "blobs", sha[:2], sha[2:]), "c0ntent") }, "damaged"},
		{"the database was changed", func(t *testing.T, dir, _ string) {
			names, _ := filepath.Glob(filepath.Join(dir, "database-*"))
			write(t, names[0], "nothing")
		}, "damaged"},
		{"something is there", func(t *testing.T, _, data string) { write(t, filepath.Join(data, "file"), "x") }, "not empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, data := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "data")
			if _, err := backup.Take(context.Background(), s, options(t, dir)); err != nil {
				t.Fatal(err)
			}
			tt.damage(t, dir, data)
			if _, err := backup.Restore(context.Background(), dir, target(t, data)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Restore: %v, want an error with %q", err, tt.want)
			}
			if left, _ := filepath.Glob(data + ".restoring"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	t.Run("a server runs there", func(t *testing.T) {
		t.Parallel()
		dir, data := filepath.Join(t.TempDir(), "backup"), t.TempDir()
		storetest.Open(t, store.Config{DataDir: data, Exclusive: true})
		if _, err := backup.Take(context.Background(), s, options(t, dir)); err != nil {
			t.Fatal(err)
		}
		if _, err := backup.Restore(context.Background(), dir, target(t, data)); err == nil || !strings.Contains(err.Error(), "in use by another server") {
			t.Errorf("Restore: %v", err)
		}
	})
}

func remove(t *testing.T, parts ...string) {
	t.Helper()
	if err := os.Remove(filepath.Join(parts...)); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A backup holds only what its rows name, for its owner alone.
func TestTake_Files(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	sha := keep(t, s, []byte("content"))
	dir := filepath.Join(t.TempDir(), "backup")
	for range 2 {
		write(t, filepath.Join(dir, "blobs", "00", strings.Repeat("0", 62)), "of a row that is gone")
		if _, err := backup.Take(context.Background(), s, options(t, dir)); err != nil {
			t.Fatal(err)
		}
	}
	var kinds []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		kind, _, _ := strings.Cut(e.Name(), "-")
		kinds = append(kinds, kind)
		return nil
	})
	slices.Sort(kinds)
	want := []string{sha[2:], "blobs", "database", "manifest.json", "secret"}
	slices.Sort(want)
	if err != nil || !slices.Equal(kinds, want) {
		t.Errorf("files %q, %v; want %q", kinds, err, want)
	}
}

// BenchmarkTake prints how fast a backup is written: rows and blobs of 64 MiB each.
func BenchmarkTake(b *testing.B) {
	s := storetest.New(b)
	content := make([]byte, 8<<20)
	for range 16 {
		_, _ = rand.Read(content)
		keep(b, s, content)
	}
	b.SetBytes(16 * 8 << 20)
	for b.Loop() {
		if _, err := backup.Take(b.Context(), s, options(b, filepath.Join(b.TempDir(), "backup"))); err != nil {
			b.Fatal(err)
		}
	}
}

// A blob that is lost, or not what it was, does not cost the backup of all others: the
// manifest names it, what an earlier backup has of it stays, and the rest is restored.
func TestTake_LostBlobs(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	data, dir := t.TempDir(), t.TempDir()
	s := storetest.Open(t, store.Config{DataDir: data})
	saved := keep(t, s, []byte("saved by the first backup"))
	if m, err := backup.Take(ctx, s, options(t, dir)); err != nil || len(m.Lost) > 0 {
		t.Fatalf("first backup: %+v, %v", m, err)
	}
	gone, changed, whole := keep(t, s, []byte("gone")), keep(t, s, []byte("changed")), keep(t, s, []byte("whole"))
	for _, sha := range []string{saved, gone} {
		if err := os.Remove(filepath.Join(data, "blobs", sha[:2], sha[2:])); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(data, "blobs", changed[:2], changed[2:]), "chXnged")
	m, err := backup.Take(ctx, s, options(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{gone, changed}
	slices.Sort(want)
	if !slices.Equal(m.Lost, want) || m.Blobs != 2 {
		t.Errorf("lost %v and %d blobs, want %v and 2", m.Lost, m.Blobs, want)
	}
	restored, err := restore(t, dir, filepath.Join(t.TempDir(), "restored"))
	if err != nil {
		t.Fatal(err)
	}
	for _, sha := range []string{saved, whole} {
		b, err := restored.Blobs.Open(ctx, sha)
		if err != nil {
			t.Errorf("restored: %v", err)
			continue
		}
		_ = b.Close()
	}
}
