package lava

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
)

func sample(tb testing.TB, changes map[string]string) map[string]json.RawMessage {
	tb.Helper()
	text, err := os.ReadFile("testdata/usb.json")
	if err != nil {
		tb.Fatal(err)
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(text, &body); err != nil {
		tb.Fatal(err)
	}
	for name, value := range changes {
		if delete(body, name); value != "" {
			body[name] = json.RawMessage(value)
		}
	}
	return body
}

func TestParse(t *testing.T) {
	t.Parallel()
	job, err := Parse(sample(t, map[string]string{"nonsense": "1"}), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if job.ID != "4711" || !job.Complete || job.Device != "odin-board-03" || job.Meta["kernel.tree"] != "mainline" {
		t.Errorf("job: %+v", job)
	}
	if v, ok := job.Meta["job.nfsrootfs_url"]; ok {
		t.Errorf("None is a value: %q", v)
	}
	if len(job.Warnings) != 1 || !strings.HasSuffix(job.Warnings[0], "considered: nonsense") {
		t.Errorf("warnings: %q", job.Warnings)
	}
	var got []string
	for _, s := range job.Suites {
		for _, c := range s.Tests {
			got = append(got, fmt.Sprint(s.Name, " ", c.Set, " ", c.Name, " ", c.Result))
		}
	}
	want := "smoke  hub PASS;smoke  storage FAIL;smoke endpoints endpoint-out PASS;smoke endpoints endpoint-in ERROR;smoke  speed SKIP;dmesg  crit PASS"
	if strings.Join(got, ";") != want {
		t.Errorf("tests:\n%s\nwant\n%s", strings.Join(got, ";"), want)
	}
	storage := job.Suites[0].Tests[1]
	if storage.Value == nil || *storage.Value != 2.5 || storage.Unit != "MB/s" || storage.Reference == "" {
		t.Errorf("storage: %+v", storage)
	}
}

// The log of a test is what the board said between the end of the one before and
// its own, which LAVA notices a little late.
func TestFragments(t *testing.T) {
	t.Parallel()
	job, err := Parse(sample(t, nil), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	fragments := job.fragments()
	for i, want := range []string{"running hub|hub found 4 ports \x1b[0m", "running storage|no medium"} {
		var got []string
		for _, l := range fragments[&job.Suites[0].Tests[i]] {
			got = append(got, l.Text)
		}
		if strings.Join(got, "|") != want {
			t.Errorf("log of test %d: %q, want %q", i, got, want)
		}
	}
}

func TestGroup(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		changes map[string]string
		want    string // of the test cases and groups, by name
	}{
		{"several suites", nil, "usb[login smoke[hub storage speed endpoints[endpoint-out endpoint-in]] dmesg[crit]]"},
		{"the suite is the plan", map[string]string{"results": `{"lava":"- {name: auto-login-action, result: fail}","0_usb":"- {name: a, result: pass}"}`}, "usb[login a]"},
		{"no suite, but a login", map[string]string{"results": `{"lava":"- {name: login-action, result: pass}\n- {name: job, result: fail}"}`}, "usb[login]"},
		{"twice the same suite", map[string]string{"results": `{"1_x":"- {name: a, result: pass}","10_x":"[]","2_y":"[]"}`}, "usb[1_x[a] y[] 10_x[]]"},
		{"results that are lists", map[string]string{"results": `{"0_x":[{"name":"a","result":"pass"}]}`}, "usb[x[a]]"},
		{"no results", map[string]string{"results": `null`}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job, err := Parse(sample(t, tt.changes), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			group, err := job.Group("lab-a")
			if got := outline(group); err != nil || got != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func outline(group map[string]any) string {
	if group == nil {
		return ""
	}
	var inner []string
	for _, key := range []string{"test_cases", "sub_groups"} {
		for _, entry := range group[key].([]any) {
			if m := entry.(map[string]any); m["test_cases"] != nil || m["sub_groups"] != nil || key == "sub_groups" {
				inner = append(inner, outline(withLists(m)))
			} else {
				inner = append(inner, m["name"].(string))
			}
		}
	}
	return fmt.Sprint(group["name"], inner)
}

func withLists(m map[string]any) map[string]any {
	m = maps.Clone(m)
	for _, key := range []string{"test_cases", "sub_groups"} {
		if m[key] == nil {
			m[key] = []any{}
		}
	}
	return m
}

func TestBoot(t *testing.T) {
	t.Parallel()
	job, err := Parse(sample(t, nil), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	boot, err := job.Boot("lab-a")
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]any{
		"lab_name": "lab-a", "job": "mainline", "kernel": "v6.9-rc2", "board": "odin-board", "board_instance": "odin-board-03", "boot_result": "PASS",
		"boot_time": "14.74", "boot_warnings": 2, "loadaddr": "0x1080000", "initrd_addr": "0x13000000", "dtb_addr": "0x1000000",
		"defconfig": "defconfig", "defconfig_full": "defconfig+CONFIG_SMP=n", "boot_job_id": "4711", "fastboot": false,
	} {
		if boot[field] != want {
			t.Errorf("%s is %v, want %v", field, boot[field], want)
		}
	}
	infra := sample(t, map[string]string{"status": "3", "results": `{"lava":"- {name: job, result: fail, metadata: {error_type: Infrastructure}}"}`})
	if job, err = Parse(infra, Limits{}); err != nil {
		t.Fatal(err)
	}
	if boot, err = job.Boot("lab-a"); err != nil || boot["boot_result"] != nil {
		t.Errorf("a fault of the lab: %v, %v", boot["boot_result"], err)
	}
}

// Until August 2020 the names of configurations stood elsewhere.
func TestBoot_OldMetadata(t *testing.T) {
	t.Parallel()
	old := `"metadata: {kernel.tree: next, git.describe: next-1, kernel.defconfig_base: defconfig, kernel.defconfig: defconfig+KASAN, platform.name: juno}"`
	job, err := Parse(sample(t, map[string]string{"definition": old}), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	boot, err := job.Boot("lab-a")
	if err != nil || boot["defconfig"] != "defconfig" || boot["defconfig_full"] != "defconfig+KASAN" || boot["board"] != "juno" || boot["kernel"] != "next-1" {
		t.Errorf("%v, %v", boot, err)
	}
	if got, want := job.Folder("lab-a"), "next/next-1/defconfig+KASAN/lab-a"; got != want {
		t.Errorf("folder %q, want %q", got, want)
	}
}

func TestParse_NotEnded(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"0", "1", "4", "5", `"6"`} {
		if job, err := Parse(sample(t, map[string]string{"status": status}), Limits{}); job != nil || err != nil {
			t.Errorf("status %s: %v, %v", status, job, err)
		}
	}
	if job, err := Parse(sample(t, map[string]string{"status": ""}), Limits{}); job == nil || err != nil {
		t.Errorf("status_string alone: %v, %v", job, err)
	}
}

func TestParse_Refused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, member, value, want string
		limit                     int
	}{
		{"no definition", "definition", "", "definition", 0},
		{"a definition that is no YAML", "definition", `"a: [b"`, "definition", 0},
		{"metadata missing", "definition", `"a: b"`, "definition", 0},
		{"metadata a list", "definition", `"metadata: [a]"`, "definition", 0},
		{"no plan", "definition", `"metadata: {kernel.tree: a, kernel.version: b, device.type: c}"`, "definition", 0},
		{"results a text", "results", `"x"`, "results", 0},
		{"a suite that is no list", "results", `{"0_x":"a: b"}`, "results/0_x", 0},
		{"a suite that is no YAML", "results", `{"0_x":"- [a"}`, "results/0_x", 0},
		{"too many tests", "results", `{"0_x":"[{name: a},{name: b},{name: c}]"}`, "results", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := sample(t, map[string]string{tt.member: tt.value})
			if tt.limit == 0 {
				tt.limit = 100
			}
			job, err := Parse(body, Limits{Tests: tt.limit})
			if err == nil {
				_, err = job.Group("lab-a")
			}
			var bad *Error
			if !errors.As(err, &bad) || bad.Member != tt.want {
				t.Errorf("got %v, want an error of %s", err, tt.want)
			}
		})
	}
}

// A log that is broken in places costs those lines and no more.
func TestReadLog_Broken(t *testing.T) {
	t.Parallel()
	log, _ := json.Marshal("- {\"dt\": \"x\", \"lvl\": \"target\", \"msg\": \"a\\0b\\x1b\"}\n- {nonsense\n- {dt: 2026-03-01T10:00:00, lvl: results, msg: {case: a}}\n")
	job, err := Parse(sample(t, map[string]string{"log": string(log)}), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(job.Log) != 3 || job.Log[0].Text != "a\uFFFDb\x1b" || job.Log[2].Text != "{case: a}" || job.Log[2].At.IsZero() || len(job.Warnings) != 1 {
		t.Errorf("log: %+v, warnings %q", job.Log, job.Warnings)
	}
	var text strings.Builder
	if err := job.WriteLog(&text); err != nil || strings.Contains(text.String(), "case") {
		t.Errorf("%q, %v", text.String(), err)
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/usb.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"status":2,"definition":"metadata: &a {kernel.tree: *a}","results":{"0_x":"- &a [*a]"},"log":"- {"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var body map[string]json.RawMessage
		if json.Unmarshal(text, &body) != nil {
			return
		}
		job, err := Parse(body, Limits{Tests: 100, Lines: 10})
		if err != nil || job == nil {
			return
		}
		for _, make := range []func(string) (map[string]any, error){job.Group, job.Boot} {
			if made, err := make("lab-a"); err == nil {
				if _, err := json.Marshal(made); err != nil {
					t.Errorf("the body is no JSON: %v", err)
				}
			}
		}
		job.Folder("lab-a")
	})
}
