package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
	"github.com/slipway-lab/slipway/store/storetest/objectstore"
)

// upload posts a result and returns where its bytes are to be read.
func upload(t *testing.T, s *servertest.Server, body string) string {
	t.Helper()
	a := post(s, "/v1/post-result", body, bytesKind)
	var saved struct {
		TestID int64 `json:"test_id"`
	}
	if err := json.Unmarshal(a.Body, &saved); err != nil || a.Status != 201 {
		t.Fatalf("upload: %d %.300s", a.Status, a.Body)
	}
	return fmt.Sprintf("/v1/runs/%d/results/current/raw", saved.TestID)
}

// stored is the file in which the blob of the body lies.
func stored(dir, body string) string {
	sum := sha256.Sum256([]byte(body))
	name := hex.EncodeToString(sum[:])
	return filepath.Join(dir, "blobs", name[:2], name[2:])
}

// TestLostContent damages stored files: who asks for one hears 410, or an answer
// that breaks off, and never gets other bytes as if they were whole.
func TestLostContent(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	s := servertest.On(t, storetest.Open(t, store.Config{DataDir: dir}))
	small, large := noise(t, 20_000), noise(t, 3<<20)
	for _, tt := range []struct {
		name, body string
		damage     func(file string) error
		want       int // 0: the answer breaks off
	}{
		{"a small file that is gone", small + "1", os.Remove, 410},
		{"a large file that is gone", large + "1", os.Remove, 410},
		{"a small file that is cut", small + "2", func(f string) error { return os.Truncate(f, 10) }, 410},
		{"a large file that is cut", large + "2", func(f string) error { return os.Truncate(f, 2<<20) }, 410},
		{"a small file with another byte", small + "3", func(f string) error { return flip(f, 19_000) }, 410},
		{"a large file with another byte", large + "3", func(f string) error { return flip(f, 3<<20-5) }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw := upload(t, s, tt.body)
			whole := s.Do("GET", raw, "", servertest.Admin())
			if whole.Status != 200 || string(whole.Body) != tt.body {
				t.Fatalf("before the damage: %d with %d bytes", whole.Status, len(whole.Body))
			}
			if err := tt.damage(stored(dir, tt.body)); err != nil {
				t.Fatal(err)
			}
			status, got, err := get(t, s, raw)
			switch {
			case tt.want == 0:
				if err == nil || len(got) >= len(tt.body) {
					t.Errorf("%d with %d of %d bytes, %v; want an answer that breaks off", status, len(got), len(tt.body), err)
				}
			case status != tt.want || !strings.Contains(got, "content-lost"):
				t.Errorf("%d %.200s, want %d content-lost", status, got, tt.want)
			}
			upload(t, s, tt.body) // posting it again brings it back
			if status, got, err := get(t, s, raw); status != 200 || got != tt.body || err != nil {
				t.Errorf("posted again: %d with %d bytes, %v", status, len(got), err)
			}
		})
	}
}

func flip(file string, at int64) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return err
	}
	b[0]++
	_, err = f.WriteAt(b[:], at)
	return err
}

// get reads an answer that may break off.
func get(t *testing.T, s *servertest.Server, path string) (status int, body string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", servertest.AdminToken)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(got), err
}

func inBucket(t *testing.T, objects *objectstore.Server, cfg store.Config) *store.Store {
	t.Helper()
	cfg.DataDir, cfg.Blobs, cfg.BlobCredentials = t.TempDir(), objects.URL("lab"), objects.Credentials
	return storetest.Open(t, cfg)
}

// TestObjectStore_TwoServers: what one server took, the other has, and deletes.
func TestObjectStore_TwoServers(t *testing.T) {
	t.Parallel()

	objects := objectstore.Start(t)
	address := storetest.Postgres(t)
	var servers []*servertest.Server
	for range 2 {
		servers = append(servers, servertest.On(t, inBucket(t, objects, store.Config{Database: address, MaxConns: 8})))
	}
	a, b := servers[0], servers[1]
	body := noise(t, 9<<20)
	raw := upload(t, a, body)
	if got := b.Do("GET", raw, "", servertest.Admin()); got.Status != 200 || string(got.Body) != body {
		t.Errorf("raw upload of the other: %d with %d bytes", got.Status, len(got.Body))
	}
	part := b.Do("GET", raw, "", servertest.Admin(), servertest.With("Range", "bytes=8388600-8388619"))
	if part.Status != 206 || string(part.Body) != body[8388600:8388620] {
		t.Errorf("a range that lies across two parts: %d %q", part.Status, part.Body)
	}
	if got := b.Do("PUT", "/v1/upload/a/file.txt", "the text", servertest.Admin()); got.Status != 201 {
		t.Fatalf("upload of a file: %d %s", got.Status, got.Body)
	}
	if got := a.Do("GET", "/v1/files/a/file.txt", "", servertest.Admin()); got.Status != 200 || string(got.Body) != "the text" {
		t.Errorf("/files of the other: %d %s", got.Status, got.Body)
	}
	before := len(objects.Objects("lab"))
	upload(t, b, body)
	if after := len(objects.Objects("lab")); after != before {
		t.Errorf("the same posted again: %d objects, there were %d", after, before)
	}
}

// TestObjectStore_Away kills the object store: what needs it says 503 and when to
// come again, and comes back by itself.
func TestObjectStore_Away(t *testing.T) {
	t.Parallel()

	objects := objectstore.Start(t)
	s := servertest.On(t, inBucket(t, objects, store.Config{BlobTimeout: 10 * time.Second}))
	body := noise(t, 100_000)
	raw := upload(t, s, body)
	objects.Kill()
	for _, a := range []servertest.Answer{
		s.Do("GET", raw, "", servertest.Admin()),
		s.Do("GET", "/readyz", ""),
		post(s, "/v1/post-result", body+"x", bytesKind),
	} {
		if a.Status != 503 || a.Header.Get("Retry-After") == "" {
			t.Errorf("without an object store: %d %.300s, want 503", a.Status, a.Body)
		}
	}
	if a := s.Do("GET", "/v1/runs", "", servertest.Admin()); a.Status != 200 {
		t.Errorf("what needs no blob: %d %s", a.Status, a.Body)
	}
	objects.Restart()
	objects.Pause()
	await.That(t, "the probe says that the silent object store does not answer", func() bool {
		a := s.Do("GET", "/readyz", "") // a process stops a moment after its signal
		return a.Status == 503 && strings.Contains(string(a.Body), "the store of uploaded files does not answer")
	})
	objects.Resume()
	if got := s.Do("GET", raw, "", servertest.Admin()); got.Status != 200 || string(got.Body) != body {
		t.Errorf("it is back: %d with %d bytes", got.Status, len(got.Body))
	}
	if err := os.Remove(objects.Objects("lab")[0]); err != nil {
		t.Fatal(err)
	}
	if a := s.Do("GET", raw, "", servertest.Admin()); a.Status != 410 {
		t.Errorf("the object is gone: %d %.300s, want 410", a.Status, a.Body)
	}
}

// TestObjectStore_KilledUnderLoad: whatever was answered 201 is there, whole, after
// the object store was killed and started again in the middle of uploads.
func TestObjectStore_KilledUnderLoad(t *testing.T) {
	t.Parallel()

	objects := objectstore.Start(t)
	s := servertest.On(t, inBucket(t, objects, store.Config{BlobTimeout: 10 * time.Second}))
	base := noise(t, 300_000)
	long := noise(t, 9<<20)
	var acknowledged sync.Map // path to body
	var count, refused atomic.Int64
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for client := range 4 {
		clients.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				body := fmt.Sprintf("%d/%d %s", client, i, base)
				if client == 0 && i%4 == 0 {
					body = fmt.Sprintf("%d/%d %s", client, i, long)
				}
				a := post(s, "/v1/post-result", body, bytesKind)
				var saved struct {
					TestID int64 `json:"test_id"`
				}
				switch {
				case a.Status == 201 && json.Unmarshal(a.Body, &saved) == nil:
					acknowledged.Store(fmt.Sprintf("/v1/runs/%d/results/current/raw", saved.TestID), body)
					count.Add(1)
				case a.Status == 503:
					refused.Add(1)
				default:
					t.Errorf("upload: %d %.300s, want 201 or 503", a.Status, a.Body)
				}
			}
		})
	}
	for range 3 {
		more := count.Load() + 8
		await.That(t, "uploads go on", func() bool { return count.Load() >= more })
		objects.Kill()
		some := refused.Load() + 1
		await.That(t, "an upload is refused", func() bool { return refused.Load() >= some })
		objects.Restart()
	}
	close(stop)
	clients.Wait()
	acknowledged.Range(func(path, body any) bool {
		a := s.Do("GET", path.(string), "", servertest.Admin())
		if a.Status != 200 || !bytes.Equal(a.Body, bytes.TrimSuffix([]byte(body.(string)), []byte("\n"))) {
			t.Errorf("%s was acknowledged: %d with %d bytes", path, a.Status, len(a.Body))
		}
		return true
	})
	t.Logf("%d uploads acknowledged, %d refused", count.Load(), refused.Load())
}
