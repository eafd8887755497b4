package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

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
			for _, prepare := range []func(*testing.T, string, string) (string, []string){newerProgram, twoClusters} {
				more := []string(nil)
				script, more = prepare(t, script, dir)
				env = append(env, more...)
			}
			if !strings.Contains(script, "slipway serve --listen") {
				address = strings.TrimPrefix(startProcess(t, filepath.Join(dir, "data")).url, "http://")
			}
			out := runScript(t, dir, strings.NewReplacer("127.0.0.1:8080", address, "slwu_…", processAdmin).Replace(script), env...)
			out = strings.ReplaceAll(out, address, "127.0.0.1:8080")
			runFiles(t, g.Text, "http://"+address)
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

// runFiles reads the files for other systems that a guide shows, and runs the commands
// that they hold, each file's in a folder with tests that pass.
func runFiles(t *testing.T, text, url string) {
	t.Helper()
	for _, b := range block.FindAllStringSubmatch(text, -1) {
		var commands []string
		switch b[1] {
		case "yaml":
			var file yaml.Node
			if err := yaml.Unmarshal([]byte(b[2]), &file); err != nil {
				t.Errorf("%v in\n%s", err, b[2])
			}
			commands = commandsOf(&file)
		case "groovy":
			for _, step := range regexp.MustCompile(`(?m)^ *sh '(.*)'$`).FindAllStringSubmatch(b[2], -1) {
				commands = append(commands, step[1])
			}
		}
		if len(commands) == 0 {
			continue
		}
		dir := t.TempDir()
		makefile := "test:\n\tmkdir -p out && cp \"$(JUNIT)\" out/\n"
		junit := `<testsuite name="unit"><testcase classname="unit" name="adds"/></testsuite>`
		for name, content := range map[string]string{"Makefile": makefile, "junit.xml": junit} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out := runScript(t, dir, strings.Join(commands, "\n"), "SLIPWAY_URL="+url, "SLIPWAY_TOKEN="+processAdmin, "JUNIT=junit.xml",
			"GITHUB_REPOSITORY=lab/cart", "GITHUB_REF_NAME=main", "CI_PROJECT_PATH=lab/cart", "CI_COMMIT_REF_NAME=trunk", "JOB_NAME=cart")
		if !printed(out, "1 tests: 1 passed") {
			t.Errorf("the commands of\n%s\nupload nothing:\n%s", b[2], out)
		}
	}
}

// commandsOf are the commands in a file of GitHub (run) or GitLab (script, after_script).
func commandsOf(node *yaml.Node) []string {
	var all []string
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 1 {
			switch node.Content[i-1].Value {
			case "run":
				all = append(all, child.Value)
				continue
			case "script", "after_script":
				for _, line := range child.Content {
					all = append(all, line.Value)
				}
				continue
			}
		}
		all = append(all, commandsOf(child)...)
	}
	return all
}
