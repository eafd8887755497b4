package backup_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/backup"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/objectstore"
)

// A backup in a bucket is as one in a directory: the next one copies what is new and
// removes what no row names, and a lost blob costs none of the others.
func TestTake_Bucket(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	objects := objectstore.Start(t)
	data := t.TempDir()
	s := storetest.Open(t, store.Config{DataDir: data})
	take := func() *backup.Manifest {
		t.Helper()
		o := options(t, objects.URL("saved"))
		o.Objects.BlobCredentials = objects.Credentials
		m, err := backup.Take(ctx, s, o)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	saved := keep(t, s, []byte("saved by the first backup"))
	large := keep(t, s, bytes.Repeat([]byte("0123456789abcdef"), 1<<20)) // two parts
	old := filepath.Join(objects.Dir, "saved", "blobs", "00", strings.Repeat("0", 62))
	write(t, old, "of a row that is gone")
	if m := take(); m.Blobs != 2 || len(m.Lost) > 0 {
		t.Errorf("the first backup: %+v", m)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("an object that no row names is still there")
	}
	changed, whole := keep(t, s, []byte("changed")), keep(t, s, []byte("whole"))
	remove(t, data, "blobs", saved[:2], saved[2:])
	write(t, filepath.Join(data, "blobs", changed[:2], changed[2:]), "chXnged")
	first := objectTime(t, objects, large)
	if m := take(); m.Blobs != 3 || !slices.Equal(m.Lost, []string{changed}) {
		t.Errorf("the second backup: %+v, want 3 blobs and %s lost", m, changed)
	}
	if again := objectTime(t, objects, large); again != first {
		t.Errorf("a blob that was there was written again: %s and %s", first, again)
	}

	to := target(t, filepath.Join(t.TempDir(), "new"))
	to.Objects.BlobCredentials = objects.Credentials
	if _, err := backup.Restore(ctx, objects.URL("saved"), to); err != nil {
		t.Fatalf("Restore: %v", err)
	}
	restored := storetest.Open(t, store.Config{DataDir: to.Data})
	for _, sha := range []string{saved, large, whole} {
		wantBlob(t, restored, sha)
	}
	// A copy of the bucket is a backup in a directory.
	if _, err := restore(t, filepath.Join(objects.Dir, "saved"), filepath.Join(t.TempDir(), "new")); err != nil {
		t.Errorf("Restore of a copy of the bucket: %v", err)
	}
	write(t, filepath.Join(objects.Dir, "saved", "blobs", whole[:2], whole[2:]), "wh0le")
	to.Data = filepath.Join(t.TempDir(), "new")
	if _, err := backup.Restore(ctx, objects.URL("saved"), to); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("Restore of a blob that was changed: %v", err)
	}
}

func objectTime(t *testing.T, objects *objectstore.Server, sha string) string {
	t.Helper()
	info, err := os.Stat(filepath.Join(objects.Dir, "saved", "blobs", sha[:2], sha[2:]))
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime().String()
}

// The blobs of a server and a backup share no prefix: one would remove the other's.
func TestTake_BucketOfServer(t *testing.T) {
	t.Parallel()
	objects := objectstore.Start(t)
	s := storetest.Open(t, store.Config{DataDir: t.TempDir(), Blobs: objects.URL("blobs"), BlobCredentials: objects.Credentials})
	keep(t, s, []byte("content"))
	o := options(t, objects.URL("blobs"))
	o.Objects.BlobCredentials = objects.Credentials
	if _, err := backup.Take(t.Context(), s, o); err == nil || !strings.Contains(err.Error(), "a prefix of its own") {
		t.Errorf("Take: %v", err)
	}
	if n := len(objects.Objects("blobs")); n != 1 {
		t.Errorf("%d objects of the server, want 1", n)
	}
}

// A backup is a stream as well. It holds what is whole, and names what is lost.
func TestTake_Stream(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	data := t.TempDir()
	s := storetest.Open(t, store.Config{DataDir: data})
	whole, changed, cut := keep(t, s, []byte("whole")), keep(t, s, []byte("changed")), keep(t, s, []byte("not so short"))
	write(t, filepath.Join(data, "blobs", changed[:2], changed[2:]), "chXnged")
	write(t, filepath.Join(data, "blobs", cut[:2], cut[2:]), "not so")
	var stream bytes.Buffer
	o := options(t, backup.Stream)
	o.Stream = &stream
	m, err := backup.Take(ctx, s, o)
	if err != nil {
		t.Fatal(err)
	}
	lost := []string{changed, cut}
	slices.Sort(lost)
	if m.Blobs != 1 || !slices.Equal(m.Lost, lost) {
		t.Errorf("Take: %+v, want 1 blob and %v lost", m, lost)
	}
	to := target(t, filepath.Join(t.TempDir(), "new"))
	to.Stream = bytes.NewReader(stream.Bytes())
	if _, err := backup.Restore(ctx, backup.Stream, to); err != nil {
		t.Fatalf("Restore: %v", err)
	}
	wantBlob(t, storetest.Open(t, store.Config{DataDir: to.Data}), whole)
	if left, _ := filepath.Glob(to.Data + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What is no whole stream is refused, wherever it ends and whatever its files are called.
func TestRestore_BadStream(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	keep(t, s, []byte("content"))
	var whole bytes.Buffer
	o := options(t, backup.Stream)
	o.Stream = &whole
	if _, err := backup.Take(t.Context(), s, o); err != nil {
		t.Fatal(err)
	}
	named := func(name string, kind byte) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Name: name, Linkname: "/", Typeflag: kind}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	tests := []struct {
		name   string
		stream []byte
		want   string
	}{
		{"empty", nil, "no whole backup"},
		{"cut in a file", whole.Bytes()[:3000], "no whole backup"},
		{"without its manifest", whole.Bytes()[:len(whole.Bytes())-4096], "no whole backup"},
		{"no archive", bytes.Repeat([]byte("x"), 2000), "no whole backup"},
		{"a name above", named("../secret-1", tar.TypeReg), "no file of a backup"},
		{"another name", named("slipway.db", tar.TypeReg), "no file of a backup"},
		{"a link", named("secret-1", tar.TypeSymlink), "no file of a backup"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			to := target(t, filepath.Join(t.TempDir(), "new"))
			to.Stream = bytes.NewReader(tt.stream)
			if _, err := backup.Restore(context.Background(), backup.Stream, to); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Restore: %v, want an error with %q", err, tt.want)
			}
			if left, _ := filepath.Glob(to.Data + "*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// A backup that is stopped is not taken for a whole one.
func TestTake_Stopped(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	keep(t, s, []byte("content"))
	ctx, stop := context.WithCancel(t.Context())
	o := options(t, backup.Stream)
	o.Stream = io.Discard
	o.Note = func(string, ...any) { stop() } // when the database is copied
	if _, err := backup.Take(ctx, s, o); err == nil {
		t.Error("Take ended well")
	}
}
