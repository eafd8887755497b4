package tests

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/objectstore"
)

// chapter returns the commands of a chapter of the README.
func chapter(t *testing.T, title string) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "# "+title+"\n") // of whatever level
	if !found {
		t.Fatalf("the README has no chapter %q", title)
	}
	if end := regexp.MustCompile(`(?m)^##+ `).FindStringIndex(rest); end != nil {
		rest = rest[:end[0]]
	}
	return blocks(rest, "sh")
}

// block is a block of code in Markdown, its kind behind the first fence.
var block = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// blocks joins the blocks of one kind.
func blocks(text, kind string) string {
	var all strings.Builder
	for _, b := range block.FindAllStringSubmatch(text, -1) {
		if b[1] == kind {
			all.WriteString(b[2])
		}
	}
	return all.String()
}

// runScript runs commands that somebody is told to type, with the program in the path
// and variables added to the environment, and returns what they print. They stop at the
// first that fails.
func runScript(t *testing.T, dir, script string, env ...string) string {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is missing")
	}
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n"+script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(name)+":"+os.Getenv("PATH"), "HOME="+dir, "SLIPWAY_ADMIN_TOKEN="+processAdmin)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestGuide_Backup runs the chapter's commands as they stand there, but at a port that
// is free.
func TestGuide_Backup(t *testing.T) {
	t.Parallel()

	objects := objectstore.Start(t)
	script := strings.ReplaceAll(chapter(t, "Backup and restore"), "127.0.0.1:8080", servertest.FreeAddress(t))
	out := runScript(t, t.TempDir(), script,
		"S3_ENDPOINT="+objects.Endpoint(), "AWS_ACCESS_KEY_ID="+objectstore.AccessKey, "AWS_SECRET_ACCESS_KEY="+objectstore.SecretKey)
	for _, want := range []string{"1 blobs of 23 bytes", "ok     blobs        1, all with the right hash", "files and 1 blobs are whole", "success: one",
		"the stream holds a backup", "from-stream holds the backup", "path-style=true holds a backup", "from-bucket holds the backup"} {
		if !strings.Contains(out, want) {
			t.Errorf("the commands do not print %q:\n%s", want, out)
		}
	}
}

// TestGuide_ObjectStorage runs the chapter's commands as they stand there, but at a
// port that is free.
func TestGuide_ObjectStorage(t *testing.T) {
	t.Parallel()

	objects := objectstore.Start(t)
	script := strings.ReplaceAll(chapter(t, "Object storage"), "127.0.0.1:8080", servertest.FreeAddress(t))
	out := runScript(t, t.TempDir(), script,
		"S3_ENDPOINT="+objects.Endpoint(), "AWS_ACCESS_KEY_ID="+objectstore.AccessKey, "AWS_SECRET_ACCESS_KEY="+objectstore.SecretKey)
	for _, want := range []string{"file: has 1 blobs, 23 bytes", "moved to s3://lab/uploads", "path-style=true&region=us-east-1 has 1 blobs, 23 bytes", "success: one"} {
		if !strings.Contains(out, want) {
			t.Errorf("the commands do not print %q:\n%s", want, out)
		}
	}
	if n := len(objects.Objects("uploads")); n != 1 {
		t.Errorf("%d objects in the bucket, want 1", n)
	}
}

// TestGuide_Retention runs the chapter's commands as they stand there, but at a port
// that is free.
func TestGuide_Retention(t *testing.T) {
	t.Parallel()

	script := strings.ReplaceAll(chapter(t, "Retention"), "127.0.0.1:8080", servertest.FreeAddress(t))
	out := runScript(t, t.TempDir(), script)
	for _, want := range []string{"raw", "shipped as 2.4", "tests\t1\t160", ": done", "success", "the single tests of run 2 have expired"} {
		if !strings.Contains(out, want) {
			t.Errorf("the commands do not print %q:\n%s", want, out)
		}
	}
}
