package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

const sample = "../testdata/14_tempest_like_v2.subunit"

// tool returns the path of a program, or skips the test.
func tool(t *testing.T, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is missing; Debian's package %s has it", name, debianPackage)
	}
	return path
}

func newRun(t *testing.T, s *servertest.Server) string {
	t.Helper()
	a := s.Do("POST", "/v1/runs", "", servertest.Admin())
	var run struct {
		TestID int64 `json:"test_id"`
	}
	if err := json.Unmarshal(a.Body, &run); err != nil || a.Status != 201 {
		t.Fatalf("POST /v1/runs: %d %s", a.Status, a.Body)
	}
	return fmt.Sprint(run.TestID)
}

// TestCurl types what RefStack's specification and its users typed.
func TestCurl(t *testing.T) {
	t.Parallel()

	curl := tool(t, "curl", "curl")
	s := servertest.New(t)
	id := newRun(t, s)
	file, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		want string // part of the answer
	}{
		{"the specification's line", []string{"--data", "status=test complete", s.URL + "/v1/update-test-status/" + id}, `"text":"test complete"`},
		{"a part with a filename", []string{"-F", "file=@" + sample, "-F", "test_id=" + id, s.URL + "/v1/post-result"}, `"tests":121`},
		{"a part without a filename", []string{"-F", "file=<" + sample, "-F", "test_id=" + id, s.URL + "/post-result"}, `"tests":121`},
		{"the whole body under curl's own Content-Type", []string{"--data-binary", "@" + sample, s.URL + "/v1/post-result?test_id=" + id}, `"tests":121`},
		{"chunked", []string{"-H", "Transfer-Encoding: chunked", "-H", "Content-Type: application/x-subunit", "-T", sample, "-X", "POST", s.URL + "/v1/post-result?test_id=" + id}, `"tests":121`},
		{"after 100 Continue", []string{"-H", "Expect: 100-continue", "-H", "Content-Type: application/octet-stream", "--data-binary", "@" + sample, s.URL + "/v1/post-result?test_id=" + id}, `"tests":121`},
		{"the configuration", []string{"-O", "-J", "--output-dir", t.TempDir(), s.URL + "/get-miniconf?test_id=" + id}, "miniconf.json"},
		{"a follower of redirects finds none", []string{"-L", s.URL + "/"}, `"choices_links":""`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), curl, append([]string{"-sS", "-f", "-w", "%{filename_effective}"}, tt.args...)...).CombinedOutput()
			// A 300 is no error to curl.
			if err != nil || !strings.Contains(string(out), tt.want) {
				t.Errorf("curl %s: %v\n%.500s\nwant %s in it", strings.Join(tt.args, " "), err, out, tt.want)
			}
		})
	}
	raw := s.Do("GET", "/v1/runs/"+id+"/results/current/raw", "", servertest.Admin())
	if !bytes.Equal(raw.Body, bytes.TrimSuffix(file, []byte("\n"))) {
		t.Error("the file is not what curl sent")
	}
	var run struct{ Attempts int }
	if err := json.Unmarshal(s.Do("GET", "/v1/runs/"+id, "", servertest.Admin()).Body, &run); err != nil || run.Attempts != 1 {
		t.Errorf("five posts of the same file made %d attempts, want 1", run.Attempts)
	}
}

// TestScript fetches the script that get-script hands out and lets it do its
// work with the options of the runner of 2014.
func TestScript(t *testing.T) {
	t.Parallel()

	python := tool(t, "python3", "python3")
	s := servertest.New(t)
	id := newRun(t, s)
	dir := t.TempDir()
	script := filepath.Join(dir, "execute_test.py")
	a := s.Do("GET", "/get-script", "")
	if err := os.WriteFile(script, a.Body, 0o600); err != nil || a.Status != 200 {
		t.Fatalf("get-script: %d, %v", a.Status, err)
	}
	out, err := exec.CommandContext(t.Context(), python, script, "--url", strings.TrimPrefix(s.URL, "http://"), "--test-id", id,
		"--conf-json", `{"identity":{"password":"x"}}`, "--tempest-dir", dir, "--result", sample, "-v").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "fail, 121 tests") {
		t.Fatalf("the script: %v\n%s", err, out)
	}
	conf, err := os.ReadFile(filepath.Join(dir, "etc", "tempest.conf.json"))
	if err != nil || !strings.Contains(string(conf), `"password": "x"`) || !strings.Contains(string(conf), `"image_ssh_user": "root"`) {
		t.Errorf("the merged configuration: %v\n%s", err, conf)
	}
	out, err = exec.CommandContext(t.Context(), python, script, "--url", s.URL, "--test-id", "999").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Invalid test ID") {
		t.Errorf("an unknown run: %v\n%s", err, out)
	}
}
