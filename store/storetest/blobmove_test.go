package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/areas"
	"github.com/slipway-lab/slipway/store/storetest/await"
	"github.com/slipway-lab/slipway/store/storetest/objectstore"
)

// A database and the directory with its blobs know each other: neither works with
// another one, and the refusal says what to do.
func TestBlobs_BelongToTheDatabase(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		ctx := t.Context()
		if cfg.Database == "" {
			cfg.Database = filepath.Join(t.TempDir(), "elsewhere.db")
		}
		sha := putBlob(t, Open(t, cfg).Blobs, []byte("x"))

		wrong := cfg
		wrong.DataDir = t.TempDir()
		s := Open(t, wrong)
		err := s.CheckBlobs(ctx)
		if !errors.Is(err, store.ErrBlobsElsewhere) || !strings.Contains(err.Error(), "blobs move --to") || !strings.Contains(err.Error(), wrong.DataDir) {
			t.Errorf("another directory: %v", err)
		}
		if _, err := s.Blobs.Create(ctx); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Create with another directory: %v, want ErrUnavailable", err)
		}

		stranger := Open(t, store.Config{DataDir: t.TempDir(), Blobs: "file:" + filepath.Join(cfg.DataDir, "blobs")})
		if err := stranger.CheckBlobs(ctx); !errors.Is(err, store.ErrBlobsElsewhere) || !strings.Contains(err.Error(), "another database") {
			t.Errorf("another database: %v", err)
		}
		named := cfg
		named.DataDir, named.Blobs = t.TempDir(), "file:"+filepath.Join(cfg.DataDir, "blobs")
		again := Open(t, named) // the same directory by another name
		if b, err := again.Blobs.Open(ctx, sha); err != nil {
			t.Errorf("Open in the right directory: %v", err)
		} else {
			_ = b.Close()
		}
	})
}

func TestBlobs_BadPlaces(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"s3://key:secret@bucket/x":          "no credentials",
		"s3:///x":                           "name a bucket",
		"s3://b?endpont=x":                  "no parameter \"endpont\"",
		"s3://b?path-style=maybe":           "path-style must be true or false",
		"s3://b?endpoint=ftp://x":           "endpoint must be",
		"https://bucket":                    "must be file:",
		"file:blobs":                        "from the root",
		"s3://b?endpoint=https://u:p@h/x":   "endpoint must be",
		"azure://key:secret@account/bucket": "must be file:",
	} {
		_, err := areas.Open(t.Context(), store.Config{DataDir: t.TempDir(), Blobs: address})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("blobs %s: %v, want it to say %s", address, err, want)
		}
	}
}

// readBack reads a blob whole, and checks it.
func readBack(t *testing.T, s *store.Store, sha string) error {
	t.Helper()
	b, err := s.Blobs.Open(t.Context(), sha)
	if err != nil {
		return err
	}
	defer b.Close()
	_, err = io.Copy(io.Discard, store.Checked(b, sha, b.Size()))
	return err
}

// The blobs of running servers are moved to an object store and back while they are
// written: whatever was committed is there, before, meanwhile and after.
func TestMoveBlobs(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		objects := objectstore.Start(t)
		cfg.BlobCredentials = objects.Credentials
		server, second, command := Open(t, cfg), Open(t, cfg), Open(t, cfg)
		var mu sync.Mutex
		var committed []string
		for i := range 40 {
			committed = append(committed, putBlob(t, server.Blobs, fmt.Appendf(nil, "before %d", i)))
		}
		committed = append(committed, putBlob(t, server.Blobs, make([]byte, 20<<20)))
		var count atomic.Int64
		stop := make(chan struct{})
		var writers sync.WaitGroup
		for n, s := range []*store.Store{server, second} {
			writers.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					sha := putBlob(t, s.Blobs, fmt.Appendf(nil, "meanwhile %d %d", n, i))
					if err := readBack(t, s, sha); err != nil {
						t.Errorf("read back: %v", err)
					}
					mu.Lock()
					committed = append(committed, sha)
					mu.Unlock()
					count.Add(1)
				}
			})
		}
		for _, to := range []string{objects.URL("moved"), "file:"} {
			more := count.Load() + 5
			await.That(t, "blobs are written", func() bool { return count.Load() >= more })
			if moved, err := command.MoveBlobs(t.Context(), to, nil); err != nil || moved.LostCount > 0 {
				t.Errorf("move to %s: %+v, %v", to, moved, err)
			}
		}
		more := count.Load() + 5
		await.That(t, "blobs are written after the move", func() bool { return count.Load() >= more })
		close(stop)
		writers.Wait()
		old := cfg
		old.Blobs = objects.URL("moved")
		if err := Open(t, old).CheckBlobs(t.Context()); !errors.Is(err, store.ErrBlobsElsewhere) {
			t.Errorf("a server that is started with the former place: %v", err)
		}
		objects.Kill() // nobody needs it any more
		fresh := Open(t, cfg)
		for i, sha := range committed {
			if err := readBack(t, []*store.Store{server, second, fresh}[i%3], sha); err != nil {
				t.Errorf("blob %.8s: %v", sha, err)
			}
		}
		if _, err := command.MoveBlobs(t.Context(), "file:", nil); err == nil {
			t.Error("a move to where they are: nil, want an error")
		}
	})
}

// A move that was interrupted goes on; one to the place of another database does not
// begin.
func TestMoveBlobs_Interrupted(t *testing.T) {
	t.Parallel()
	objects := objectstore.Start(t)
	cfg := store.Config{DataDir: t.TempDir(), BlobCredentials: objects.Credentials}
	s := Open(t, cfg)
	var all []string
	for i := range 30 {
		all = append(all, putBlob(t, s.Blobs, fmt.Appendf(nil, "%d", i)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.MoveBlobs(ctx, objects.URL("here"), func(m store.BlobMove) {
		if m.Copied == 10 {
			cancel()
		}
	})
	if err == nil {
		t.Fatal("an interrupted move: nil, want an error")
	}
	if at, _, err := s.BlobsAt(t.Context()); at != "file:" || err != nil {
		t.Errorf("the blobs are in %s, %v; want them where they were", at, err)
	}
	moved, err := s.MoveBlobs(t.Context(), objects.URL("here"), nil)
	if err != nil || moved.There < 10 || moved.Copied+moved.There != 30 {
		t.Errorf("the second time: %+v, %v", moved, err)
	}
	for _, sha := range all {
		if err := readBack(t, s, sha); err != nil {
			t.Errorf("blob %.8s: %v", sha, err)
		}
	}
	other := Open(t, store.Config{DataDir: t.TempDir(), BlobCredentials: objects.Credentials})
	putBlob(t, other.Blobs, []byte("y"))
	if _, err := other.MoveBlobs(t.Context(), objects.URL("here"), nil); !errors.Is(err, store.ErrBlobsElsewhere) {
		t.Errorf("into the place of another database: %v", err)
	}
}

// What was just written or read whole is read again without the object store, up to
// the limit of the cache.
func TestBlobs_Cache(t *testing.T) {
	t.Parallel()
	objects := objectstore.Start(t)
	cfg := store.Config{DataDir: t.TempDir(), Blobs: objects.URL(testPrefix), BlobCredentials: objects.Credentials, BlobTimeout: 2 * time.Second}
	plain := Open(t, cfg)
	const limit = 1 << 20
	cfg.DataDir, cfg.Database, cfg.BlobCacheBytes = t.TempDir(), filepath.Join(cfg.DataDir, "slipway.db"), limit
	s := Open(t, cfg)
	var small []string
	for i := range 20 {
		small = append(small, putBlob(t, s.Blobs, append(make([]byte, 100_000), byte(i))))
	}
	large := putBlob(t, s.Blobs, make([]byte, limit))
	read := putBlob(t, plain.Blobs, []byte("written by another"))
	if err := readBack(t, s, read); err != nil {
		t.Fatal(err)
	}
	kept := int64(0)
	err := filepath.WalkDir(filepath.Join(cfg.DataDir, "blob-cache"), func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		kept += info.Size()
		return err
	})
	if err != nil || kept > limit || kept < limit/2 {
		t.Errorf("the cache has %d bytes, %v; want up to %d", kept, err, limit)
	}
	objects.Kill()
	for sha, want := range map[string]error{small[19]: nil, read: nil, small[0]: store.ErrUnavailable, large: store.ErrUnavailable} {
		if err := readBack(t, s, sha); !errors.Is(err, want) {
			t.Errorf("without the object store, blob %.8s: %v, want %v", sha, err, want)
		}
	}
}

// A span of a large object is read, and not the object.
func TestBlobs_Spans(t *testing.T) {
	t.Parallel()
	objects := objectstore.Start(t)
	endpoint, err := url.Parse(objects.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	var sent atomic.Int64
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(endpoint)
		r.Out.Host = r.In.Host // which is signed
	}}
	counting := httptest.NewServer(countBodies(proxy, &sent))
	t.Cleanup(counting.Close)
	through := strings.ReplaceAll(objects.URL(testPrefix), url.QueryEscape(objects.Endpoint()), url.QueryEscape(counting.URL))
	s := Open(t, store.Config{DataDir: t.TempDir(), Blobs: through, BlobCredentials: objects.Credentials})
	content := make([]byte, 20<<20)
	for i := range content {
		content[i] = byte(i % 251)
	}
	sha := putBlob(t, s.Blobs, content)
	b, err := s.Blobs.Open(t.Context(), sha)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	sent.Store(0)
	part := make([]byte, 1000)
	if n, err := b.ReadAt(part, 9_000_000); err != nil || n != 1000 || string(part) != string(content[9_000_000:9_001_000]) {
		t.Errorf("ReadAt: %d, %v", n, err)
	}
	if got := sent.Load(); got > 256<<10 {
		t.Errorf("%d bytes came for a span of 1000", got)
	}
	if n, err := b.ReadAt(part, int64(len(content))-10); n != 10 || !errors.Is(err, io.EOF) {
		t.Errorf("ReadAt at the end: %d, %v; want 10, EOF", n, err)
	}
	if err := readBack(t, s, sha); err != nil {
		t.Error(err)
	}
}

// Over TLS the store's certificate must be one that is trusted; --blob-ca adds to
// those.
func TestBlobs_TLS(t *testing.T) {
	t.Parallel()
	objects := objectstore.StartTLS(t)
	cfg := store.Config{DataDir: t.TempDir(), Blobs: objects.URL(testPrefix), BlobCredentials: objects.Credentials, BlobTimeout: 10 * time.Second}
	if err := Open(t, cfg).CheckBlobs(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a certificate that nobody trusts: %v, want ErrUnavailable", err)
	}
	cfg.BlobCA = objects.CA
	s := Open(t, cfg)
	for _, content := range [][]byte{{}, []byte("small"), make([]byte, 20<<20)} {
		if err := readBack(t, s, putBlob(t, s.Blobs, content)); err != nil {
			t.Errorf("%d bytes over TLS: %v", len(content), err)
		}
	}
}
