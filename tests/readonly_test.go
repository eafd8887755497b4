package tests

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fail makes the kernel find an error in the file system, after which it takes no
// changes. It looks like one that does, and the test is skipped where that cannot be
// done.
func (d *disk) fail() {
	d.t.Helper()
	d.mustBeReal()
	if out, err := exec.Command("mount", "-o", "remount,errors=remount-ro", d.dir).CombinedOutput(); err != nil {
		d.t.Fatalf("mount: %v\n%s", err, out)
	}
	device, err := exec.Command("findmnt", "--noheadings", "--output", "SOURCE", d.dir).Output()
	if err == nil {
		name := filepath.Base(strings.TrimSpace(string(device)))
		err = os.WriteFile(filepath.Join("/sys/fs/ext4", name, "trigger_fs_error"), []byte("a test"), 0o200)
	}
	if err != nil {
		d.t.Skipf("the file system cannot be made to fail here: %v", err)
	}
}

func (d *disk) mustBeReal() {
	d.t.Helper()
	if d.image == "" {
		d.t.Skip("no file system can be made here")
	}
}

// expect calls and compares the status and a part of the body.
func (p *process) expect(t *testing.T, method, path, body string, status int, part string) {
	t.Helper()
	got, text, err := p.call(method, path, "text/plain", body)
	if err != nil || got != status || !strings.Contains(string(text), part) {
		t.Errorf("%s %s: %d %.300s %v, want %d and %q", method, path, got, text, err, status, part)
	}
}

const oneRed = "test: red\nfailure: red [\nx\n]\n"

// A server whose file system takes no changes any more, because the kernel found an
// error in it, says so in its probe, still shows what it has, and takes nothing.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	d.mustBeReal()
	p := startProcess(t, filepath.Join(d.dir, "data"), "--min-free", "0")
	p.expect(t, "POST", "/v1/post-result", oneRed, http.StatusCreated, `"test_id":1`)
	d.fail()
	p.expect(t, "GET", "/readyz", "", http.StatusServiceUnavailable, "the database is read-only")
	p.expect(t, "POST", "/v1/post-result", oneRed+"test: b\nsuccess: b\n", http.StatusServiceUnavailable, "nothing was changed")
	p.expect(t, "GET", "/v1/runs/1/results/current/tests", "", http.StatusOK, `"status":"fail"`)
	p.expect(t, "GET", "/v1/runs/1/results/current/raw", "", http.StatusOK, "failure: red")
	p.kill(t)
	d.back()
	p.restart(t)
	p.expect(t, "GET", "/v1/runs/1/results/current/raw", "", http.StatusOK, "failure: red")
	p.expect(t, "GET", "/v1/runs/2", "", http.StatusNotFound, "")
}

// The uploads are on a disk of their own. While it is read-only the probe says so; while
// it is full nothing new is stored, whatever room there is elsewhere. The server goes on
// by itself when it is as it was.
func TestReadOnlyBlobs(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	d.mustBeReal()
	p := startProcess(t, t.TempDir(), "--min-free-percent", "5", "--blobs", "file:"+filepath.Join(d.dir, "blobs"))
	p.expect(t, "POST", "/v1/post-result", oneRed, http.StatusCreated, `"test_id":1`)

	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("", d.dir, "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(unix.MS_RDONLY)
	p.expect(t, "GET", "/readyz", "", http.StatusServiceUnavailable, "the store of uploaded files cannot be written")
	p.expect(t, "POST", "/v1/post-result", oneRed+"test: b\nsuccess: b\n", http.StatusServiceUnavailable, "nothing was changed")
	p.expect(t, "GET", "/v1/runs/1/results/current/raw", "", http.StatusOK, "failure: red")
	remount(0)
	p.expect(t, "GET", "/readyz", "", http.StatusOK, `"ok"`)

	var room unix.Statfs_t
	if err := unix.Statfs(d.dir, &room); err != nil {
		t.Fatal(err)
	}
	fill := filepath.Join(d.dir, "fill")
	f, err := os.Create(fill)
	if err == nil {
		err = unix.Fallocate(int(f.Fd()), 0, 0, int64(room.Bavail)*room.Bsize-(8<<20)) // 5 % are 25 MB
		_ = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.expect(t, "GET", "/readyz", "", http.StatusOK, `"degraded"`)
	p.expect(t, "POST", "/v1/post-result", oneRed+"test: b\nsuccess: b\n", http.StatusInsufficientStorage, "")
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	p.expect(t, "GET", "/readyz", "", http.StatusOK, `"ok"`)
	p.expect(t, "POST", "/v1/post-result", oneRed+"test: b\nsuccess: b\n", http.StatusCreated, "")
}
