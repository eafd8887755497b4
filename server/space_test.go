package server_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
)

const smallDisk = 48 << 20

// disk is a small file system. Where this process may mount none, it is a directory
// whose room is counted, and nothing there is ever full for real.
type disk struct {
	dir  string
	real bool
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	d := &disk{dir: t.TempDir(), real: true}
	if err := unix.Mount("tmpfs", d.dir, "tmpfs", 0, "mode=0700,size="+strconv.Itoa(smallDisk)); err != nil {
		t.Logf("no tmpfs can be mounted here (%v): the free space is counted, not measured", err)
		d.real = false
		return d
	}
	t.Cleanup(func() {
		if err := unix.Unmount(d.dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return d
}

// counted is the room that a file system of the size would have.
func (d *disk) counted() (store.Space, error) {
	free := int64(smallDisk)
	err := filepath.WalkDir(d.dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil //nolint:nilerr // a file that has just gone
		}
		if info, err := e.Info(); err == nil {
			free -= info.Size()
		}
		return nil
	})
	return store.Space{Free: free, Total: smallDisk}, err
}

// server starts one on the disk, with the floor that its settings say.
func (d *disk) server(t *testing.T, db *store.Store, floor int64) *servertest.Server {
	t.Helper()
	return servertest.On(t, db, func(c *server.Config) {
		c.Edge.MinFree, c.Edge.MinFreePercent = floor, 20
		if !d.real {
			c.Space = d.counted
		}
	})
}

// noise is a result that no compression makes smaller.
func noise(t *testing.T, size int) string {
	t.Helper()
	text := make([]byte, size)
	if _, err := rand.Read(text); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func post(s *servertest.Server, path, body string, options ...servertest.Option) servertest.Answer {
	return s.Do("POST", path, body, append(options, servertest.Admin())...)
}

var bytesKind = servertest.With("Content-Type", "application/octet-stream")

// TestFullDisk fills a small disk over the API until nothing new is stored, sees
// that reading, ending and deleting go on, deletes, and goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()

	d := newDisk(t)
	db := storetest.Open(t, store.Config{DataDir: d.dir})
	s := d.server(t, db, 1<<30)
	ready := func(want string) {
		t.Helper()
		if a := s.Do("GET", "/readyz", ""); a.Status != 200 || !strings.Contains(string(a.Body), `"status":"`+want+`"`) {
			t.Errorf("/readyz: %d %s, want 200 %s", a.Status, a.Body, want)
		}
	}
	ready("ok")
	token := post(s, "/v1/access-tokens", `{"name":"x","roles":["reader"]}`, servertest.JSON())
	var made struct {
		Row struct{ ID string } `json:"access_token"`
	}
	if err := json.Unmarshal(token.Body, &made); err != nil || made.Row.ID == "" {
		t.Fatalf("a token: %d %s", token.Status, token.Body)
	}

	var runs []int64
	refused := servertest.Answer{}
	for len(runs) < 2*smallDisk>>20 && refused.Status == 0 {
		a := post(s, "/v1/post-result", noise(t, 2<<20), bytesKind)
		if a.Status != 201 {
			refused = a
			break
		}
		var saved struct {
			TestID int64 `json:"test_id"`
		}
		if err := json.Unmarshal(a.Body, &saved); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, saved.TestID)
	}
	if refused.Status != 507 || refused.Header.Get("Retry-After") == "" || !strings.Contains(string(refused.Body), "insufficient-storage") || len(runs) < 5 {
		t.Fatalf("after %d uploads: %d, Retry-After %q\n%s", len(runs), refused.Status, refused.Header.Get("Retry-After"), refused.Body)
	}
	ready("degraded")
	a := s.Do("GET", "/metrics", "")
	gauge := regexp.MustCompile(`(?m)^slipway_free_bytes ([0-9.e+]+)$`).FindSubmatch(a.Body)
	if gauge == nil || !strings.Contains(string(a.Body), `slipway_blob_bytes{kind="result"}`) || !regexp.MustCompile(`(?m)^slipway_database_bytes [1-9]`).Match(a.Body) {
		t.Errorf("/metrics has no gauges of space:\n%.3000s", a.Body)
	} else if free, err := strconv.ParseFloat(string(gauge[1]), 64); err != nil || free >= smallDisk/5 {
		t.Errorf("slipway_free_bytes %s", gauge[1])
	}

	for _, tt := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/v1/runs", "{}", 507},
		{"POST", "/v1/access-tokens", `{"name":"y","roles":["reader"]}`, 507},
		{"POST", "/v1/job", "no JSON: the body is not read", 507},
		{"POST", "/v1/designs?name=x", "", 507},
		{"PUT", "/v1/agents/a", "{}", 507},
		{"GET", "/v1/runs", "", 200},
		{"GET", fmt.Sprintf("/v1/runs/%d/results/current/raw", runs[0]), "", 200},
		{"GET", "/v1/audit", "", 200},
		{"POST", "/v1/batch", `{"batch":[]}`, 400}, // which reads, and says what it thinks of that
		{"DELETE", "/v1/access-tokens/" + made.Row.ID, "", 204},
	} {
		if a := s.Do(tt.method, tt.path, tt.body, servertest.JSON(), servertest.Admin()); a.Status != tt.want {
			t.Errorf("below the floor, %s %s: %d, want %d\n%.300s", tt.method, tt.path, a.Status, tt.want, a.Body)
		}
	}
	if a := s.Do("POST", "/v1/runs", "{}", servertest.JSON(), servertest.As(s.Token(auth.Reader))); a.Status != 403 {
		t.Errorf("somebody who may not create hears of space: %d, want 403", a.Status)
	}

	for _, run := range runs[:3] {
		if a := s.Do("DELETE", fmt.Sprintf("/v1/runs/%d", run), "", servertest.Admin()); a.Status != 204 {
			t.Errorf("DELETE of run %d: %d %s", run, a.Status, a.Body)
		}
	}
	ready("ok")
	if a := post(s, "/v1/post-result", noise(t, 1<<20), bytesKind); a.Status != 201 {
		t.Errorf("after the deletion: %d %s", a.Status, a.Body)
	}
}

// TestFullDisk_Underway: without a floor the disk itself says no, in the middle of an
// upload or of a transaction. That is a 507 too, and nothing half done stays.
func TestFullDisk_Underway(t *testing.T) {
	t.Parallel()

	d := newDisk(t)
	if !d.real {
		t.Log("without a tmpfs nothing can be full in the middle: only the way to 507 is tried (fault.TestFrom)")
		return
	}
	db := storetest.Open(t, store.Config{DataDir: d.dir})
	s := d.server(t, db, 0)
	if a := post(s, "/v1/runs", "{}", servertest.JSON()); a.Status != 201 {
		t.Fatalf("a run: %d %s", a.Status, a.Body)
	}
	fill := func(leave int64) (empty func()) {
		t.Helper()
		room, err := db.Space()
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(d.dir, "filler")
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := unix.Fallocate(int(f.Fd()), 0, 0, room.Free-leave); err != nil {
			t.Fatal(err)
		}
		return func() { _ = os.Remove(name) }
	}
	files := func() (left []string) {
		_ = filepath.WalkDir(filepath.Join(d.dir, "blobs"), func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && e.Name() != "sweep.lock" && e.Name() != "slipway-store" {
				left = append(left, path)
			}
			return nil
		})
		return left
	}

	empty := fill(1 << 20)
	if a := post(s, "/v1/post-result", noise(t, 4<<20), bytesKind); a.Status != 507 || a.Header.Get("Retry-After") == "" {
		t.Errorf("an upload that does not fit: %d %s", a.Status, a.Body)
	}
	if left := files(); len(left) != 0 {
		t.Errorf("files are left of it: %q", left)
	}
	empty()

	empty = fill(0)
	stored := 0
	for range 2000 { // the log of the database has some room of its own
		a := post(s, "/v1/runs", "{}", servertest.JSON())
		if a.Status == 507 {
			break
		}
		if a.Status != 201 {
			t.Fatalf("a run on a full disk: %d %s", a.Status, a.Body)
		}
		stored++
	}
	a := s.Do("GET", "/v1/runs?limit=1", "", servertest.Admin())
	if a.Status != 200 || !strings.Contains(string(a.Body), fmt.Sprintf(`"total":%d`, stored+1)) {
		t.Errorf("after %d runs: %d %.500s", stored, a.Status, a.Body)
	}
	empty()
	if a := post(s, "/v1/post-result", "test: a\nsuccess: a\n", bytesKind); a.Status != 201 {
		t.Errorf("with room again: %d %s", a.Status, a.Body)
	}
}

// A disk without one free byte is full whatever the floor is: the probe says so, and
// what would store something is refused before its body comes.
func TestFullDisk_NoFloor(t *testing.T) {
	t.Parallel()

	var free atomic.Int64
	s := servertest.On(t, storetest.Open(t, store.Config{DataDir: t.TempDir()}), func(c *server.Config) {
		c.Edge.MinFree = 0
		c.Space = func() (store.Space, error) { return store.Space{Free: free.Load(), Total: smallDisk}, nil }
	})
	ready := func(want string) {
		t.Helper()
		if a := s.Do("GET", "/readyz", ""); a.Status != 200 || !strings.Contains(string(a.Body), `"status":"`+want+`"`) {
			t.Errorf("/readyz: %d %s, want 200 %s", a.Status, a.Body, want)
		}
	}
	ready("degraded")
	if a := post(s, "/v1/runs", "{}"); a.Status != 507 {
		t.Errorf("a run on a full disk: %d %s", a.Status, a.Body)
	}
	free.Store(1)
	ready("ok")
	if a := post(s, "/v1/runs", "{}", servertest.JSON()); a.Status != 201 {
		t.Errorf("a run with a byte free: %d %s", a.Status, a.Body)
	}
}
