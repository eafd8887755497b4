package tests

import (
	"database/sql"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // a second process on the server's database

	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
	"github.com/slipway-lab/slipway/store/storetest/proxy"
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

// What was created although its answer was lost is not created again by whoever sends
// it again with the same key.
func TestOutcomeUnknown_SentAgain(t *testing.T) {
	t.Parallel()
	line := proxy.New(t, storetest.Postgres(t))
	p := startProcess(t, t.TempDir(), "--database", line.URL, "--idempotency-lost", "10s")
	create := func(key string) (int, string) {
		r, err := http.NewRequest("POST", p.url+"/v1/runs", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Auth-Token", processAdmin)
		r.Header.Set("Idempotency-Key", key)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	runs := func() (n int) {
		await.That(t, "the runs can be listed", func() bool {
			status, body, err := p.call("GET", "/v1/runs?limit=1000", "", "")
			n = strings.Count(string(body), `"test_id"`)
			return err == nil && status == http.StatusOK
		})
		return n
	}
	// Background work commits as well, so that the cut may not hit the first call.
	key, created := "", 0
	await.That(t, "a create whose COMMIT is not answered", func() bool {
		key = strings.Repeat("k", 16+created)
		line.CutAfter("commit\x00", 1)
		status, body := create(key)
		if created++; status != http.StatusCreated && !strings.Contains(body, "outcome-unknown") {
			t.Fatalf("run: %d %s", status, body)
		}
		return status != http.StatusCreated
	})
	await.That(t, "the answer to the one that was sent again", func() bool {
		status, body := create(key)
		atWork := status == http.StatusConflict && strings.Contains(body, "still-at-work") // as the database knows
		if status != http.StatusCreated && status != http.StatusServiceUnavailable && !atWork {
			t.Fatalf("sent again: %d %s", status, body)
		}
		return status == http.StatusCreated
	})
	if n := runs(); n != created {
		t.Errorf("%d runs of %d that were asked for", n, created)
	}
}

// A server whose database another process has locked, or which is newer than it, says
// so in its probe.
func TestReady_Honest(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := startProcess(t, data)
	db, err := sql.Open("sqlite3", filepath.Join(data, "slipway.db")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	probe := func(want string) {
		t.Helper()
		status, body, err := p.call("GET", "/readyz", "", "")
		if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(string(body), want) {
			t.Errorf("/readyz: %d %s %v, want 503 with %q", status, body, err, want)
		}
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	probe("locked by another process")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	p.awaitReady(t)
	await.That(t, "the database can be written", func() bool {
		_, err := db.Exec("INSERT INTO schema_versions (version_id, is_applied) VALUES (99999, true)")
		return err == nil
	})
	probe("newer schema")
	p.kill(t)
	if out, err := command(t, "serve", "--data", data, "--listen", "127.0.0.1:0"); err == nil || !strings.Contains(out, "newer") {
		t.Errorf("serve of a newer database: %v\n%s", err, out)
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
