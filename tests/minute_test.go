package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadme_OneMinute runs what the README shows first as it stands there, chapter after
// chapter on one new server, but at a port that is free. The program is found where
// make run puts it.
func TestReadme_OneMinute(t *testing.T) {
	t.Parallel()

	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() // which the commands write to, with the two places of the tree that they read
	if err := os.Symlink(here, filepath.Join(dir, "tests")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(name, filepath.Join(dir, "bin", "slipway")); err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, filepath.Join(dir, "data"))
	var script string
	for _, title := range []string{"One minute", "What is new, what is known", "A cloud and its runner"} {
		script += "echo; echo '# " + title + "'\n" + chapter(t, title)
	}
	script = strings.NewReplacer("http://127.0.0.1:8080", p.url, "slwu_…", processAdmin, "curl -s", "curl -fsS").Replace(script)
	out := runScript(t, dir, script)
	for _, part := range []struct{ title, want string }{
		{"One minute", `"format":"junit"`},
		{"One minute", `"id":"cart.pays","status":"fail"`},
		{"One minute", "expected 200, got 502"},
		{"One minute", "3 tests: 2 passed, 1 failed"},
		{"One minute", "1\tfail\tcart.pays"},
		{"What is new, what is known", `"new_failure":2`},
		{"What is new, what is known", "hosts unreachable"},
		{"A cloud and its runner", `"text":"running; 50% done"`},
		{"A cloud and its runner", `"status":"fail"`},
	} {
		_, rest, _ := strings.Cut(out, "\n# "+part.title+"\n")
		text, _, _ := strings.Cut(rest, "\n# ")
		if !strings.Contains(text, part.want) {
			t.Errorf("the commands of %q do not print %s:\n%s", part.title, part.want, text)
		}
	}
}
