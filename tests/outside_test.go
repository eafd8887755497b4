package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestClient_outside compiles the examples of the client in a module of its own, as
// somebody has it who imports the client, and counts what that brings along.
func TestClient_outside(t *testing.T) {
	t.Parallel()

	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	sums, err := os.ReadFile("../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := os.ReadFile("../gen/client/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod": "module example.org/outside\n\ngo 1.26.0\n\nrequire github.com/slipway-lab/slipway v0.0.0\n\nreplace github.com/slipway-lab/slipway => " + root + "\n",
		"go.sum": string(sums), "example_test.go": string(examples),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -mod=mod", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	in("vet", ".") // which compiles
	var foreign []string
	for name := range strings.Lines(in("list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "github.com/slipway-lab/slipway/gen/client")) {
		if name = strings.TrimSpace(name); name != "" {
			foreign = append(foreign, name)
		}
	}
	const most = 8 // the client itself, its two helpers for generated code, and what those need
	if len(foreign) > most || !slices.Contains(foreign, "github.com/slipway-lab/slipway/gen/client") {
		t.Errorf("importing the client brings %d packages that are not Go's own, want at most %d: %q", len(foreign), most, foreign)
	}
}
