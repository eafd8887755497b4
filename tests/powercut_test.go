package tests

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// disk is a file system of its own that can be cut off as a loss of power does: what
// was not brought to the disk before is gone.
type disk struct {
	t     *testing.T
	dir   string
	image string // empty where this process may mount none
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	d := &disk{t: t, dir: t.TempDir(), image: filepath.Join(t.TempDir(), "image")}
	f, err := os.Create(d.image)
	if err == nil {
		err = f.Truncate(512 << 20)
		_ = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "mkfs.ext4", "-q", d.image).CombinedOutput()
	if err == nil {
		out, err = d.mount()
	}
	if err != nil {
		t.Logf("no file system can be made here (%v): the server is killed, and its disk goes on\n%s", err, out)
		d.image = ""
		return d
	}
	t.Cleanup(func() { _ = exec.Command("umount", "--lazy", d.dir).Run() })
	return d
}

func (d *disk) mount() ([]byte, error) {
	return exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput()
}

// cut ends the disk at once. Whoever uses it gets errors.
func (d *disk) cut() {
	d.t.Helper()
	if d.image == "" {
		return
	}
	root, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer root.Close()
	const shutdown, withoutLog = 0x8004587d, 2 // EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH (fs/ext4/ext4.h in Linux)
	if err := unix.IoctlSetPointerInt(int(root.Fd()), shutdown, withoutLog); err != nil {
		d.t.Fatal(err)
	}
}

// back is the disk after the power has come back.
func (d *disk) back() {
	d.t.Helper()
	if d.image == "" {
		return
	}
	await.That(d.t, "the disk can be unmounted", func() bool { return exec.Command("umount", d.dir).Run() == nil })
	if out, err := d.mount(); err != nil {
		d.t.Fatalf("mount: %v\n%s", err, out)
	}
}

// A loss of power takes nothing that was acknowledged. A server whose disk is gone says
// so, and never that the error is its own.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	p := startProcess(t, filepath.Join(d.dir, "data"), "--min-free", "0")
	if status, body, err := p.call("POST", "/v1/runs", "application/json", ""); status != http.StatusCreated {
		t.Fatalf("run: %d %s %v", status, body, err)
	}
	acknowledged := postUntil(t, p, d.cut)
	if d.image != "" {
		for _, c := range []struct{ method, path string }{{"POST", "/v1/runs"}, {"POST", "/v1/post-result"}, {"GET", "/v1/runs"}, {"PUT", "/v1/agents/a"}} {
			status, body, err := p.call(c.method, c.path, "application/json", "{}")
			if err == nil && status >= 500 && status != http.StatusServiceUnavailable || status == http.StatusCreated {
				t.Errorf("%s %s on a dead disk: %d %.300s", c.method, c.path, status, body)
			}
		}
		started := time.Now()
		status, body, err := p.call("GET", "/readyz", "", "")
		if took := time.Since(started); err != nil || status != http.StatusServiceUnavailable || took > 2*time.Second {
			t.Errorf("/readyz on a dead disk: %d %.300s %v after %s, want 503 within 2 s", status, body, err, took)
		}
	}
	p.kill(t)
	d.back()
	p.restart(t)
	checkAcknowledged(t, p, acknowledged)
	if out, err := command(t, "doctor", "--deep", "--data", filepath.Join(d.dir, "data")); err != nil && !strings.Contains(out, "WRONG  space") {
		t.Errorf("slipway doctor: %v\n%s", err, out)
	}
}

// The same with a PostgreSQL whose disk, and the server's, lose their power.
func TestPowerCut_Postgres(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	database := storetest.NewDurable(t, d.dir)
	p := startProcess(t, filepath.Join(d.dir, "data"), "--database="+database.Primary, "--min-free", "0")
	if status, body, err := p.call("POST", "/v1/runs", "application/json", ""); status != http.StatusCreated {
		t.Fatalf("run: %d %s %v", status, body, err)
	}
	acknowledged := postUntil(t, p, d.cut)
	p.kill(t)
	database.Do("cut")
	d.back()
	database.Do("again")
	p.restart(t)
	checkAcknowledged(t, p, acknowledged)
	if out, err := command(t, "doctor", "--deep", "--data", filepath.Join(d.dir, "data"), "--database", database.Primary); err != nil && !strings.Contains(out, "WRONG  space") {
		t.Errorf("slipway doctor: %v\n%s", err, out)
	}
}

// A server whose database was written over answers 503 and says what is wrong, in its
// probe and everywhere; it does not start on it again.
func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := startProcess(t, data)
	for range 50 {
		if status, body, err := p.call("POST", "/v1/post-result", "text/plain", "test: a\nfailure: a [\nx\n]\n"); err != nil || status != http.StatusCreated {
			t.Fatalf("upload: %d %s %v", status, body, err)
		}
	}
	if err := p.cmd.Process.Signal(unix.SIGTERM); err != nil { // which brings the log into the file
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
	file := filepath.Join(data, "slipway.db")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	p.restart(t)
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte(strings.Repeat("damage", int(info.Size()-4096)/6)), 4096)
	_ = f.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, path string }{{"GET", "/v1/runs?limit=1000"}, {"GET", "/v1/runs/7"}, {"POST", "/v1/runs"}, {"GET", "/v1/test-results?name=a"}} {
		if status, body, err := p.call(c.method, c.path, "application/json", "{}"); err == nil && status >= 500 && status != http.StatusServiceUnavailable {
			t.Errorf("%s %s of a damaged database: %d %.300s", c.method, c.path, status, body)
		}
	}
	p.kill(t)
	if out, err := command(t, "serve", "--data", data, "--listen", "127.0.0.1:0"); err == nil || !strings.Contains(out, "malformed") {
		t.Errorf("serve of a damaged database: %v\n%s", err, out)
	}
	if out, err := command(t, "doctor", "--data", data); err == nil {
		t.Errorf("doctor of a damaged database finds nothing:\n%s", out)
	}
}
