package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/slipway-lab/slipway/server/edge"
	"github.com/slipway-lab/slipway/server/servertest"
)

// TestPython runs a program of the tree that uploads, reads, picks and reports, like
// that of TestTypeScript. Its types are written by hand, since no generator of Python is
// at hand: what they name must be in the document, and mypy holds the program to them.
func TestPython(t *testing.T) {
	t.Parallel()

	const walk = "python/walk.py"
	text, err := os.ReadFile(walk)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("its types are the document's", func(t *testing.T) {
		t.Parallel()
		document, err := edge.LoadDocument()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, class := range regexp.MustCompile(`(?m)^class (\w+)\(TypedDict\):\n((?:    .*\n)+)`).FindAllSubmatch(text, -1) {
			schema := document.Components.Schemas[string(class[1])]
			if schema == nil {
				t.Errorf("the document has no schema %s", class[1])
				continue
			}
			for _, member := range regexp.MustCompile(`(?m)^    (\w+):`).FindAllSubmatch(class[2], -1) {
				n++
				if schema.Value.Properties[string(member[1])] == nil {
					t.Errorf("the document's %s has no %s", class[1], member[1])
				}
			}
		}
		if n < 15 {
			t.Errorf("only %d members were found in the program", n)
		}
	})
	t.Run("its types fit", func(t *testing.T) {
		t.Parallel()
		out, err := exec.CommandContext(t.Context(), tool(t, "mypy", "mypy"), "--strict", "--cache-dir", t.TempDir(), walk).CombinedOutput()
		if err != nil {
			t.Errorf("mypy: %v\n%s", err, out)
		}
	})
	t.Run("it works", func(t *testing.T) {
		t.Parallel()
		s := servertest.New(t)
		junit, err := filepath.Abs("../testdata/junit.xml")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), tool(t, "python3", "python3"), walk)
		cmd.Env = append(os.Environ(), "SLIPWAY_URL="+s.URL, "SLIPWAY_TOKEN="+servertest.AdminToken, "JUNIT="+junit)
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != walked {
			t.Errorf("the walk: %v, it prints\n%swant\n%s", err, out, walked)
		}
	})
}
