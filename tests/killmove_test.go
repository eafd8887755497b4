package tests

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// killed runs the program and kills it after some time, when it has not ended before.
func killed(t *testing.T, after time.Duration, args ...string) {
	t.Helper()
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait() // either way
}

// Moves of the blobs and backups are killed at different moments while clients post, and
// at last the server. The same commands end what was begun; everything that was
// acknowledged is there, and in the backup.
func TestKill_MoveAndBackup(t *testing.T) {
	t.Parallel()
	data, saved := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "saved")
	p := startProcess(t, data)
	if status, body, err := p.call("POST", "/v1/runs", "application/json", ""); status != http.StatusCreated {
		t.Fatalf("run: %d %s %v", status, body, err)
	}
	finish := func(to string) {
		t.Helper()
		out, err := command(t, "blobs", "move", "--to", to, "--data", data)
		if err != nil && !strings.Contains(out, "already") { // the killed one had come to its end
			t.Errorf("slipway blobs move: %v\n%s", err, out)
		}
		if strings.Contains(out, "not whole") {
			t.Errorf("the move has lost something:\n%s", out)
		}
	}
	place := "file:" + filepath.Join(t.TempDir(), "place")
	acknowledged := postUntil(t, p, func() {
		for i := range 2 {
			to := place
			if i%2 == 1 {
				to = "file:"
			}
			killed(t, time.Duration(80+200*i)*time.Millisecond, "backup", saved, "--data", data)
			for k := range 2 {
				killed(t, time.Duration(60+150*k+50*i)*time.Millisecond, "blobs", "move", "--to", to, "--data", data)
			}
			finish(to)
		}
		killed(t, 300*time.Millisecond, "blobs", "move", "--to", place, "--data", data)
		p.kill(t)
	})
	p.restart(t)
	finish(place)
	checkAcknowledged(t, p, acknowledged)
	if out, err := command(t, "backup", saved, "--data", data); err != nil {
		t.Fatalf("slipway backup: %v\n%s", err, out)
	}
	restored := filepath.Join(t.TempDir(), "restored")
	if out, err := command(t, "restore", saved, "--data", restored); err != nil {
		t.Fatalf("slipway restore: %v\n%s", err, out)
	}
	checkAcknowledged(t, startProcess(t, restored), acknowledged)
	if out, err := command(t, "doctor", "--deep", "--data", data); err != nil && !strings.Contains(out, "WRONG  space") {
		t.Errorf("slipway doctor: %v\n%s", err, out)
	}
}
