package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-lab/slipway/server/imports/sqldump/sqldumptest"
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
			writeDumps(t, dir, g.Text)
			address := servertest.FreeAddress(t)
			env := append([]string{"TREE=" + filepath.Dir(here)}, needs(t, g.Text)...)
			for _, prepare := range []func(*testing.T, string, string) (string, []string){newerProgram, twoClusters} {
				changed, more := prepare(t, script, dir)
				script, env = changed, append(env, more...)
			}
			if !strings.Contains(script, "slipway serve --listen") {
				address = strings.TrimPrefix(startProcess(t, filepath.Join(dir, "data")).url, "http://")
				if strings.Contains(script, "slipway import") { // which works on the server's data
					env = append(env, "SLIPWAY_DATA="+filepath.Join(dir, "data"))
				}
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

// writeDumps writes the dumps that a guide's commands import into the folder in which they
// run, by the columns that each system's tables have.
func writeDumps(t *testing.T, dir, text string) {
	t.Helper()
	table := func(name, columns string, row ...any) *sqldumptest.Table {
		return &sqldumptest.Table{Name: name, Columns: strings.Fields(columns), Rows: [][]any{row}}
	}
	id := "0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e"
	for name, content := range map[string]string{
		"refstack.sql": sqldumptest.Write(sqldumptest.MySQL,
			table("results", "_id test_id name", 1, id, "tempest.test_a"), table("test", "id created_at cpid duration_seconds", id, "2017-01-02 03:04:05", "cpid", 7),
			&sqldumptest.Table{Name: "meta", Columns: strings.Fields("_id test_id meta_key value")}),
		"subunit2sql.sql": sqldumptest.Write(sqldumptest.SQLite, table("tests", "id test_id", "t", "tempest.test_b"),
			table("runs", "id skips fails passes run_at", "1"+id[1:], 0, 1, 0, "2016-01-02 03:04:05"), table("test_runs", "id test_id run_id status", "x", "t", "1"+id[1:], "fail")),
		"drydock.sql":   sqldumptest.Write(sqldumptest.PostgreSQL, table("tasks", "task_id status result_status action created", []byte(id[:16]), "complete", "success", "verify_site", "2018-01-02 03:04:05")),
		"kernelci-dump": `{"_id":{"$oid":"53b1c3d4e7798b0001a0f0aa"},"created_on":{"$date":"2014-06-30T20:11:00.123Z"},"job":"next","kernel":"next-20140630","status":"PASS"}`,
	} {
		if !strings.Contains(text, name) {
			continue
		}
		path := filepath.Join(dir, name)
		if !strings.HasSuffix(name, ".sql") {
			path = filepath.Join(path, "job.json")
		}
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			err = os.WriteFile(path, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
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
