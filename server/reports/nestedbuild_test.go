package reports_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// nestedBuild is what kernelci-core posted from 2021 to 2023.
func nestedBuild(t testing.TB, change func(map[string]any)) string {
	t.Helper()
	text, err := os.ReadFile("testdata/build_nested.json")
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(text, &body); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(body)
	}
	text, err = json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// inside returns an object below another.
func inside(body map[string]any, path string) map[string]any {
	for name := range strings.SplitSeq(path, ".") {
		body = body[name].(map[string]any)
	}
	return body
}

// TestBuild_Nested posts a build as kernelci-core does.
func TestBuild_Nested(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		for range 2 {
			a := post(t, s, 202, "/build", nestedBuild(t, nil))
			if strings.Contains(string(a.Body), "errors") {
				t.Errorf("answer: %s", a.Body)
			}
		}
		p := get(t, s, "/build?job=next&kernel=next-20210312&arch=arm64&build_environment=gcc-8&status=PASS")
		if p.Count != 1 {
			t.Fatalf("%d builds, want 1: %v", p.Count, get(t, s, "/build").Result)
		}
		build := p.Result[0]
		for field, want := range map[string]string{
			"git_branch": "master", "git_commit": "47142ed6c34d544ae9f0463e58d482289cbe0d46", "git_describe": "next-20210312",
			"git_describe_v": "v5.12-rc2-1234-g47142ed6c34d", "git_url": "https://git.example/next.git", "defconfig": "defconfig",
			"defconfig_full": "defconfig+kselftest", "file_server_resource": "next/master/next-20210312/arm64/defconfig+kselftest/gcc-8",
			"compiler": "gcc", "compiler_version": "8", "compiler_version_full": "gcc (Debian 8.3.0-2) 8.3.0", "cross_compile": "aarch64-linux-gnu-",
			"build_time": "298.5", "build_platform": "[Linux builder 5.10.0 #1 x86_64 Skylake]", "kernel_config": "config/kernel.config",
			"kconfig_fragments": "config/kernelci.config,config/kselftest.config", "kernel_image": "kernel/Image", "system_map": "kernel/System.map",
			"modules": "modules.tar.xz", "dtb_dir": "dtbs", "dtb_dir_data": "[arm/juno.dtb arm/odin.dtb]", "build_log": "logs", "text_offset": "0x00080000",
			"vmlinux_bss_size": "1024", "vmlinux_file_size": "4096", "errors": "0", "warnings": "0", "kernel_version": "5.12-rc2",
		} {
			if got := fmt.Sprint(build[field]); got != want {
				t.Errorf("%s is %s, want %s", field, got, want)
			}
		}
		if len(inside(build, "metadata")["steps"].([]any)) != 2 {
			t.Errorf("metadata: %v", build["metadata"])
		}
		job := get(t, s, "/job?job=next&git_branch=master").Result
		if len(job) != 1 || fmt.Sprint(job[0]["_id"]) != fmt.Sprint(build["job_id"]) {
			t.Errorf("the job of the build: %v", job)
		}
	})
}

// TestBuild_NestedRed: a step that failed is a build that failed, whatever the file
// says of the whole.
func TestBuild_NestedRed(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	tests := []struct{ build, step, want string }{
		{"PASS", "PASS", "PASS"}, {"FAIL", "PASS", "FAIL"}, {"PASS", "FAIL", "FAIL"}, {"pass", "fail", "FAIL"}, {"", "FAIL", "FAIL"}, {"", "PASS", "UNKNOWN"}, {"PASS", "?", "FAIL"},
	}
	for _, tt := range tests {
		post(t, s, 202, "/build", nestedBuild(t, func(body map[string]any) {
			inside(body, "bmeta.build")["status"] = tt.build
			body["steps"].([]any)[1].(map[string]any)["status"] = tt.step
		}))
		if got := get(t, s, "/build").Result[0]["status"]; got != tt.want {
			t.Errorf("build %q with a step %q: %v, want %s", tt.build, tt.step, got, tt.want)
		}
	}
}

// TestBuild_NestedRefused names what is missing or wrong where it stood.
func TestBuild_NestedRefused(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	tests := []struct {
		name   string
		change func(map[string]any)
		want   string
	}{
		{"bmeta is a text", func(b map[string]any) { b["bmeta"] = "x" }, "bmeta is not an object"},
		{"bmeta is null", func(b map[string]any) { b["bmeta"] = nil }, "bmeta/revision/tree is mandatory"},
		{"no revision", func(b map[string]any) { delete(inside(b, "bmeta"), "revision") }, "bmeta/revision/tree is mandatory"},
		{"no architecture", func(b map[string]any) { delete(inside(b, "bmeta.environment"), "arch") }, "bmeta/environment/arch is mandatory"},
		{"a status that does not exist", func(b map[string]any) { inside(b, "bmeta.build")["status"] = "green" }, "bmeta/build/status must be one of"},
		{"steps that are none", func(b map[string]any) { b["steps"] = "x" }, "steps is not a list"},
		{"a step that is none", func(b map[string]any) { b["steps"] = []any{1} }, "steps/0 is not an object"},
		{"artifacts that are none", func(b map[string]any) { b["artifacts"] = map[string]any{"kernel": 1} }, "artifacts/kernel is not a list"},
	}
	for _, tt := range tests {
		a := post(t, s, 400, "/build", nestedBuild(t, tt.change))
		if !strings.Contains(string(a.Body), tt.want) {
			t.Errorf("%s: %s, want %q", tt.name, a.Body, tt.want)
		}
	}
	for _, missing := range []string{"steps", "artifacts"} {
		post(t, s, 202, "/build", nestedBuild(t, func(b map[string]any) { delete(b, missing) }))
	}
}
