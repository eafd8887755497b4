package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
	"github.com/slipway-lab/slipway/store/storetest/proxy"
)

// command runs the binary and returns what it printed and how it ended.
func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	return string(out), err
}

// A backup is taken while clients post; what was acknowledged before it began is in
// the server that is restored from it, byte for byte.
func TestBackup(t *testing.T) {
	t.Parallel()
	data, dir, restored := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
	p := startProcess(t, data)
	if status, body, err := p.call("POST", "/v1/runs", "application/json", ""); status != http.StatusCreated {
		t.Fatalf("run: %d %s %v", status, body, err)
	}
	var stop atomic.Bool
	var mu sync.Mutex
	acknowledged := map[string]string{}
	post := func(text string) {
		status, body, err := p.call("POST", "/v1/post-result?test_id=1", "text/plain", text)
		var answer struct {
			ID string `json:"result_id"`
		}
		if err != nil || status != http.StatusCreated || json.Unmarshal(body, &answer) != nil {
			stop.Store(true)
			t.Errorf("upload: %d %.200s %v", status, body, err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		acknowledged["/v1/runs/1/results/"+answer.ID] = text
	}
	for i := range 20 {
		post(fmt.Sprintf("success: before.%d\n", i))
	}
	before := map[string]string{}
	for id, text := range acknowledged {
		before[id] = text
	}
	var clients sync.WaitGroup
	for c := range 3 {
		clients.Go(func() {
			for i := 0; !stop.Load(); i++ {
				post(fmt.Sprintf("success: meanwhile.%d.%d\n", c, i))
			}
		})
	}
	out, err := command(t, "backup", dir, "--data", data)
	stop.Store(true)
	clients.Wait()
	if err != nil {
		t.Fatalf("slipway backup: %v\n%s", err, out)
	}
	if out, err := command(t, "doctor", "--deep", "--data", data); err != nil && !strings.Contains(out, "WRONG  space") {
		t.Errorf("slipway doctor: %v\n%s", err, out)
	}
	if out, err := command(t, "restore", dir, "--data", data); err == nil || !strings.Contains(out, "already in use by another server") {
		t.Errorf("slipway restore over a running server: %v\n%s", err, out)
	}
	if out, err := command(t, "restore", dir, "--data", restored); err != nil {
		t.Fatalf("slipway restore: %v\n%s", err, out)
	}
	p.kill(t)
	p = startProcess(t, restored)
	for path, text := range before {
		if status, body, err := p.call("GET", path+"/raw", "", ""); err != nil || status != http.StatusOK || string(body) != text {
			t.Errorf("%s after the restore: %d %.80q %v, want %q", path, status, body, err, text)
		}
	}
}

// A database that belongs to another secret is not served, and no new secret is left
// beside it.
func TestSecret_NotMade(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	startProcess(t, data).kill(t)
	secret := filepath.Join(data, "secret")
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	out, err := command(t, "serve", "--data", data, "--listen", "127.0.0.1:0")
	if err == nil || !strings.Contains(out, "put the secret there") {
		t.Errorf("serve without its secret: %v\n%s", err, out)
	}
	if _, err := os.Stat(secret); err == nil {
		t.Error("a new secret was written")
	}
}

// Whoever removes the data of a running server ends it.
func TestDataRemoved(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := startProcess(t, data)
	// A server that has just started makes files in directories that are being emptied.
	await.That(t, "the removal of the data", func() bool { return os.RemoveAll(data) == nil })
	if status, body, err := p.call("POST", "/v1/runs", "application/json", ""); err == nil && status < 500 {
		t.Errorf("a run after the data was removed: %d %s", status, body)
	}
	if err := p.cmd.Wait(); err == nil || !bytes.Contains([]byte(p.log.String()), []byte("removed or replaced")) {
		t.Errorf("the server ended with %v\n%s", err, p.log)
	}
}

// With a database that is silent a server still answers its probes in time, and ends
// when it is told to.
func TestSilentDatabase(t *testing.T) {
	t.Parallel()
	line := proxy.New(t, storetest.Postgres(t))
	p := startProcess(t, t.TempDir(), "--database", line.URL, "--request-timeout", "1s")
	line.Silence()
	started := time.Now()
	status, body, err := p.call("GET", "/readyz", "", "")
	if took := time.Since(started); err != nil || status != http.StatusServiceUnavailable || took > 2*time.Second || !strings.Contains(string(body), "does not answer") {
		t.Errorf("/readyz: %d %s %v after %s, want 503 within 2 s", status, body, err, took)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	started = time.Now()
	_ = p.cmd.Wait()
	if took := time.Since(started); took > 10*time.Second { // 1 s and 2 s, on a machine that is busy
		t.Errorf("SIGTERM ended the server after %s\n%s", took, p.log)
	}
}

// The answer to a create whose COMMIT is not answered says that nobody knows.
func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	line := proxy.New(t, storetest.Postgres(t))
	p := startProcess(t, t.TempDir(), "--database", line.URL)
	// Background work commits as well, so that the cut may not hit the first call.
	await.That(t, "a create whose COMMIT is not answered", func() bool {
		line.CutAfter("commit\x00", 1)
		status, body, err := p.call("POST", "/v1/runs", "application/json", "")
		if err != nil || status != http.StatusCreated && status != http.StatusServiceUnavailable {
			t.Fatalf("run: %d %s %v", status, body, err)
		}
		if status == http.StatusServiceUnavailable && (!strings.Contains(string(body), "outcome-unknown") || strings.Contains(string(body), "nothing was changed")) {
			t.Fatalf("run: %s", body)
		}
		return status == http.StatusServiceUnavailable
	})
}
