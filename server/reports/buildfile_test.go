package reports_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// buildFolder is where the builder of these tests uploads.
const buildFolder = "next/master/next-20190301/arm64/defconfig+CONFIG_X=y/gcc-8"

// buildPost is what kernelci-core's builders posted from 2015 to 2021: the place of
// what they had uploaded before, and no word on how the build ended. Those of the
// first years repeated the full name of the configuration as its short one.
func buildPost(t testing.TB, change map[string]any) string {
	t.Helper()
	return changed(t, map[string]any{
		"path": buildFolder, "file_server_resource": buildFolder, "job": "next", "kernel": "next-20190301", "git_branch": "master",
		"arch": "arm64", "build_environment": "gcc-8", "defconfig": "defconfig+CONFIG_X=y", "defconfig_full": "defconfig+CONFIG_X=y",
	}, change)
}

// describing is the file that they had uploaded.
func describing(t testing.TB, change map[string]any) string {
	t.Helper()
	return changed(t, map[string]any{
		"job": "next", "git_branch": "master", "git_describe": "next-20190301", "git_describe_v": "v5.0-rc8-100-gabc", "git_commit": "abc",
		"git_url": "https://git.example/next.git", "arch": "arm64", "build_environment": "gcc-8", "defconfig": "defconfig",
		"defconfig_full": "defconfig+CONFIG_X=y", "build_time": 12.5, "build_threads": "4", "build_log": "build.log", "build_platform": []string{"Linux", "builder"},
		"compiler": "gcc", "compiler_version": "8", "compiler_version_full": "gcc 8.3.0", "cross_compile": "", "kernel_image": "Image",
		"kconfig_fragments": nil, "modules": nil, "vmlinux_bss_size": 1024, "file_server_resource": buildFolder,
	}, change)
}

func changed(t testing.TB, body, change map[string]any) string {
	t.Helper()
	for key, value := range change {
		body[key] = value
		if value == "-" {
			delete(body, key)
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestBuild_File: a build is what the file says that its builder uploaded.
func TestBuild_File(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		if a := sendForm(t, s, servertest.AdminToken, map[string]string{"path": buildFolder}, "Image", "x",
			"build.json", describing(t, map[string]any{"build_result": "FAIL"})); a.Status != 200 {
			t.Fatalf("upload: %d %s", a.Status, a.Body)
		}
		for range 2 {
			post(t, s, 202, "/build", buildPost(t, nil))
		}
		p := get(t, s, "/build?job=next&kernel=next-20190301&git_branch=master&arch=arm64&defconfig_full=defconfig%2BCONFIG_X%3Dy")
		if p.Count != 1 {
			t.Fatalf("%d builds, want 1: %v", p.Count, p.Result)
		}
		for field, want := range map[string]string{
			"status": "FAIL", "defconfig": "defconfig", "git_commit": "abc", "git_describe": "next-20190301", "kernel_version": "5.0-rc8",
			"build_time": "12.5", "build_log": "build.log", "build_platform": "[Linux builder]", "compiler": "gcc", "compiler_version_full": "gcc 8.3.0",
			"kernel_image": "Image", "vmlinux_bss_size": "1024", "file_server_resource": buildFolder, "modules": "<nil>", "build_environment": "gcc-8",
		} {
			if got := fmt.Sprint(p.Result[0][field]); got != want {
				t.Errorf("%s is %s, want %s", field, got, want)
			}
		}
		if job := get(t, s, "/job?job=next").Result; len(job) != 1 || job[0]["git_commit"] != "abc" {
			t.Errorf("the job of the build: %v", job)
		}
	})
}

// TestBuild_FileStatus: how a build ended, and what is said of a file that does not
// say it.
func TestBuild_FileStatus(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	long := describing(t, map[string]any{"build_result": "PASS", "metadata": strings.Repeat("x", 1<<20)})
	for i, tt := range []struct {
		name, path, file string
		body             map[string]any
		want, warning    string
	}{
		{"no file", "", "", nil, "UNKNOWN", ""},
		{"the first builders", "build.json", describing(t, map[string]any{"build_result": "PASS"}), nil, "PASS", ""},
		{"kci_build", "bmeta.json", describing(t, map[string]any{"status": "FAIL"}), nil, "FAIL", ""},
		{"two words", "bmeta.json", describing(t, map[string]any{"status": "FAIL", "build_result": "PASS"}), nil, "FAIL", ""},
		{"two other words", "bmeta.json", describing(t, map[string]any{"status": "PASS", "build_result": "FAIL"}), nil, "FAIL", ""},
		{"no word", "bmeta.json", describing(t, nil), nil, "UNKNOWN", ""},
		{"another word", "bmeta.json", describing(t, map[string]any{"status": "BROKEN"}), nil, "UNKNOWN", "build_result must be one of"},
		{"a wrong value beside it", "bmeta.json", describing(t, map[string]any{"status": "FAIL", "build_platform": "x"}), nil, "FAIL", "build_platform"},
		{"the body says it", "bmeta.json", describing(t, map[string]any{"status": "PASS"}), map[string]any{"build_result": "FAIL"}, "FAIL", ""},
		{"the body says null", "bmeta.json", describing(t, map[string]any{"status": "FAIL"}), map[string]any{"build_result": nil}, "FAIL", ""},
		{"another build", "build.json", describing(t, map[string]any{"build_result": "PASS", "arch": "arm"}), nil, "UNKNOWN", "its arch is another"},
		{"no JSON", "build.json", "PASS", nil, "UNKNOWN", "not valid JSON"},
		{"an empty file", "build.json", "", nil, "UNKNOWN", "no JSON data"},
		{"a list", "build.json", "[]", nil, "UNKNOWN", "not a JSON object"},
		{"a file that is too long", "build.json", long, nil, "UNKNOWN", "it is larger than"},
		{"the folder of the first years", "/build.json", describing(t, map[string]any{"build_result": "FAIL", "kernel": "-"}),
			map[string]any{"path": "-", "file_server_resource": "-"}, "FAIL", ""},
		{"a folder with slashes around it", "build.json", describing(t, map[string]any{"build_result": "FAIL"}), map[string]any{"file_server_resource": "-"}, "FAIL", ""},
		{"a folder that leads out", "", "", map[string]any{"path": "../../x", "file_server_resource": "../../x"}, "UNKNOWN", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := fmt.Sprintf("folder/%d", i)
			branch := fmt.Sprintf("branch-%d", i)
			body := map[string]any{"path": "/" + folder + "/", "file_server_resource": folder, "git_branch": branch}
			for key, value := range tt.body {
				body[key] = value
			}
			if name, first := strings.CutPrefix(tt.path, "/"); first {
				folder, tt.path = "next/"+branch+"/next-20190301/arm64/defconfig+CONFIG_X=y", name
			}
			if tt.path != "" {
				file := strings.Replace(tt.file, `"git_branch":"master"`, `"git_branch":"`+branch+`"`, 1)
				if a := sendForm(t, s, servertest.AdminToken, map[string]string{"path": folder}, tt.path, file); a.Status != 200 {
					t.Fatalf("upload: %d %s", a.Status, a.Body)
				}
			}
			a := post(t, s, 202, "/build", buildPost(t, body))
			if tt.warning != "" && !strings.Contains(string(a.Body), tt.warning) || tt.warning == "" && strings.Contains(string(a.Body), ".json") {
				t.Errorf("answer: %s, want a warning with %q", a.Body, tt.warning)
			}
			if p := get(t, s, "/build?git_branch="+branch); p.Count != 1 || p.Result[0]["status"] != tt.want {
				t.Errorf("%v, want %s", p.Result, tt.want)
			}
		})
	}
}

// TestBuild_FileLost: a build whose file is gone from the disk is taken as its body says.
func TestBuild_FileLost(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	file := describing(t, map[string]any{"build_result": "FAIL"})
	if a := sendForm(t, s, servertest.AdminToken, map[string]string{"path": buildFolder}, "build.json", file); a.Status != 200 {
		t.Fatalf("upload: %d %s", a.Status, a.Body)
	}
	if err := s.Store.Blobs.Remove(t.Context(), fmt.Sprintf("%x", sha256.Sum256([]byte(file)))); err != nil {
		t.Fatal(err)
	}
	if a := post(t, s, 202, "/build", buildPost(t, nil)); !strings.Contains(string(a.Body), "its content is lost") {
		t.Errorf("answer: %s, want a warning", a.Body)
	}
	if p := get(t, s, "/build"); p.Count != 1 || p.Result[0]["status"] != "UNKNOWN" {
		t.Errorf("%v, want one that is UNKNOWN", p.Result)
	}
}

// TestBuild_FillsJob: a job that was reported before its builds learns its source from
// the first that knows it, and keeps it.
func TestBuild_FillsJob(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		post(t, s, 202, "/job", `{"job":"next","kernel":"next-20190301","git_branch":"master"}`)
		created := get(t, s, "/job").Result[0]["created_on"]
		build := `{"job":"next","kernel":"next-20190301","git_branch":"master","arch":%q,"defconfig":"d","git_commit":%q,"git_describe_v":%q}`
		for _, tt := range []struct{ arch, commit, describe, want string }{
			{"arm", "", "", "<nil>"}, {"arm64", "abc", "v5.0-rc8-100-gabc", "abc"}, {"x86", "def", "v5.1", "abc"},
		} {
			post(t, s, 202, "/build", fmt.Sprintf(build, tt.arch, tt.commit, tt.describe))
			jobs := get(t, s, "/job").Result
			if len(jobs) != 1 || fmt.Sprint(jobs[0]["git_commit"]) != tt.want || fmt.Sprint(jobs[0]["created_on"]) != fmt.Sprint(created) {
				t.Errorf("after a build for %s: %v, want the commit %s", tt.arch, jobs, tt.want)
			}
		}
		if job := get(t, s, "/job?git_commit=abc&kernel_version=5.0-rc8").Result; len(job) != 1 || job[0]["status"] != "PASS" {
			t.Errorf("the job: %v", job)
		}
	})
}
