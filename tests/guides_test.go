package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/server/ui/guide"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/objectstore"
)

// TestGuides runs every command of every guide, as package guide says.
func TestGuides(t *testing.T) {
	t.Parallel()

	for _, g := range guide.All() {
		t.Run(g.Name, func(t *testing.T) {
			t.Parallel()
			script := blocks(g.Text, "sh")
			if script == "" {
				t.Fatal("the guide has no commands")
			}
			dir := t.TempDir()
			here, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			address := servertest.FreeAddress(t)
			env := append([]string{"TREE=" + filepath.Dir(here)}, needs(t, g.Text)...)
			if !strings.Contains(script, "slipway serve --listen") {
				address = strings.TrimPrefix(startProcess(t, filepath.Join(dir, "data")).url, "http://")
			}
			out := runScript(t, dir, strings.NewReplacer("127.0.0.1:8080", address, "slwu_…", processAdmin).Replace(script), env...)
			out = strings.ReplaceAll(out, address, "127.0.0.1:8080")
			for line := range strings.Lines(blocks(g.Text, "text")) {
				if want := strings.TrimSpace(line); want != "" && !printed(out, want) {
					t.Errorf("the commands do not print %q:\n%s", want, out)
				}
			}
		})
	}
}

// printed tells whether a line is in the output, where … stands for anything.
func printed(out, line string) bool {
	return regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*")).MatchString(out)
}

// needs starts what a guide's commands name by a variable, and sets it. The test is
// skipped where the machine does not have it.
func needs(t *testing.T, text string) []string {
	t.Helper()
	var env []string
	if strings.Contains(text, "$DATABASE") {
		env = append(env, "DATABASE="+storetest.Postgres(t))
	}
	if strings.Contains(text, "$S3_ENDPOINT") {
		objects := objectstore.Start(t)
		env = append(env, "S3_ENDPOINT="+objects.Endpoint(), "AWS_ACCESS_KEY_ID="+objectstore.AccessKey, "AWS_SECRET_ACCESS_KEY="+objectstore.SecretKey)
	}
	return env
}
