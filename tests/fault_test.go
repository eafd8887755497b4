package tests

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/store/storetest"
)

// Two servers with one database keep uploaded bytes in one place: one that is started
// with another directory does not serve, and says what to do.
func TestOtherDirectory(t *testing.T) {
	t.Parallel()
	database := storetest.Postgres(t)
	data := t.TempDir()
	p := startProcess(t, data, "--database", database)
	if status, body, err := p.call("POST", "/v1/post-result", "text/plain", "success: one\n"); err != nil || status != http.StatusCreated {
		t.Fatalf("upload: %d %s %v", status, body, err)
	}
	secret, err := os.ReadFile(filepath.Join(data, "secret"))
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	out, err := command(t, "serve", "--data", other, "--database", database, "--secret", strings.TrimSpace(string(secret)), "--listen", "127.0.0.1:0")
	if err == nil || !strings.Contains(out, "blobs move --to") || !strings.Contains(out, other) {
		t.Errorf("serve with another directory: %v\n%s", err, out)
	}
	if status, body, err := p.call("GET", "/v1/runs/1/results/current/raw", "", ""); err != nil || status != http.StatusOK || string(body) != "success: one\n" {
		t.Errorf("the upload afterwards: %d %s %v", status, body, err)
	}
}

// Nobody else may read what a server writes into a directory that was there before.
func TestPrivate(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if err := os.Chmod(data, 0o755); err != nil {
		t.Fatal(err)
	}
	startProcess(t, data)
	files, err := os.ReadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", f.Name(), info.Mode())
		}
	}
	if _, err := os.Stat(filepath.Join(data, "slipway.db")); err != nil {
		t.Error(err)
	}
}

// A backup of a server that has lost a file holds all the others, names the one, and
// exits with 1.
func TestBackup_LostFile(t *testing.T) {
	t.Parallel()
	data, dir := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	p := startProcess(t, data)
	for _, text := range []string{"success: one\n", "success: two\n"} {
		if status, body, err := p.call("POST", "/v1/post-result", "text/plain", text); err != nil || status != http.StatusCreated {
			t.Fatalf("upload: %d %s %v", status, body, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(data, "blobs", "??", "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("files %v, %v", files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	lost := filepath.Base(filepath.Dir(files[0])) + filepath.Base(files[0])
	out, err := command(t, "backup", dir, "--data", data)
	if err == nil || !strings.Contains(out, "1 blobs were lost before") {
		t.Errorf("slipway backup: %v\n%s", err, out)
	}
	manifest, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil || !strings.Contains(string(manifest), lost) {
		t.Errorf("the manifest does not name %s: %v\n%s", lost, err, manifest)
	}
	if out, err := command(t, "restore", dir, "--data", filepath.Join(t.TempDir(), "new")); err != nil {
		t.Errorf("slipway restore: %v\n%s", err, out)
	}
}
