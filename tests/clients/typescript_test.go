package clients

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// TestTypeScript makes types of the document that a server publishes, checks a program
// of the tree against them, and runs it: it uploads, reads, picks and reports.
//
// The generator, the client and the compiler are pinned, with hashes, in
// typescript/package-lock.json, and installed below .cache without running any script
// of theirs.
func TestTypeScript(t *testing.T) {
	t.Parallel()

	node, npm := tool(t, "node", "nodejs"), tool(t, "npm", "npm")
	modules := npmModules(t, npm, "typescript")
	s := servertest.New(t)
	dir := t.TempDir()
	for _, name := range []string{"walk.ts", "tsconfig.json", "package.json"} {
		text, err := os.ReadFile(filepath.Join("typescript", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "openapi.json"), s.Do("GET", "/openapi.json", "").Body, 0o600); err != nil {
		t.Fatal(err)
	}
	in := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "SLIPWAY_URL="+s.URL, "SLIPWAY_TOKEN="+servertest.AdminToken, "JUNIT=junit.xml")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	copyFile(t, "../testdata/junit.xml", filepath.Join(dir, "junit.xml"))
	in(node, "node_modules/openapi-typescript/bin/cli.js", "openapi.json", "-o", "schema.d.ts")
	in(node, "node_modules/typescript/bin/tsc", "-p", ".")
	if got := in(node, "made/walk.js"); got != walked {
		t.Errorf("the walk prints\n%swant\n%s", got, walked)
	}
	// A wrong name must be found by the compiler, or the types check nothing.
	wrong := filepath.Join(dir, "walk.ts")
	text, err := os.ReadFile(wrong)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(wrong, bytes.Replace(text, []byte("test_opportunity_id: work."), []byte("opportunity_id: work."), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, "node_modules/typescript/bin/tsc", "-p", ".", "--noEmit")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "opportunity_id") {
		t.Errorf("a name that the document does not have passes: %v\n%s", err, out)
	}
}

// walked is what the walks of all languages print.
const walked = `uploaded: junit, 3 tests, fail
failed: cart.pays
a run that is not there: 404 resource-not-found
picked: smoke {"cmds":["true"]}
result: PASSED
the opportunity is COMPLETED
`

// npmModules installs what a folder's package-lock.json pins, unless it is there, and
// returns the directory of it. Where that is not to be had the test is skipped, or
// fails if SLIPWAY_TEST_NPM says that it must be.
func npmModules(t *testing.T, npm, folder string) string {
	t.Helper()
	installed, err := filepath.Abs(filepath.Join("..", "..", ".cache", folder))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	modules := filepath.Join(installed, "node_modules")
	if has, err := os.ReadFile(filepath.Join(installed, "installed.json")); err == nil && bytes.Equal(has, lock) {
		return modules
	}
	if err := os.RemoveAll(installed); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(installed, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		copyFile(t, filepath.Join(folder, name), filepath.Join(installed, name))
	}
	cmd := exec.CommandContext(t.Context(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = installed
	if out, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv("SLIPWAY_TEST_NPM") != "" {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		t.Skipf("npm cannot install what the test needs: %v\n%s", err, out)
	}
	copyFile(t, filepath.Join(folder, "package-lock.json"), filepath.Join(installed, "installed.json")) // last: all is there
	return modules
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
