package lava

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
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
	if job.ID != "4711" || job.Status != complete || job.Device != "odin-board-03" || job.Meta["kernel.tree"] != "mainline" {
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
		{"no suite, but a login", map[string]string{"results": `{"lava":"- {name: login-action, result: pass}\n- {name: job, result: fail}"}`}, "usb[login job]"},
		{"no suite, and all is well", map[string]string{"results": `{"lava":"- {name: login-action, result: pass}\n- {name: job, result: pass}"}`}, "usb[login]"},
		{"sets of one name", map[string]string{"results": `{"0_x":"[{name: a, result: pass, metadata: {set: s}}]","1_y":"[{name: a, result: fail, metadata: {set: s}}]"}`}, "usb[x[s[a]] y[s[a]]]"},
		{"a definition without a suite", map[string]string{"results": `{"lava":"[{name: 1_y, result: fail}]","0_usb":"[{name: a, result: pass}]"}`}, "usb[usb[a] y[y]]"},
		{"a definition that failed", map[string]string{"results": `{"lava":"[{name: 0_usb, result: fail}]","0_usb":"[{name: a, result: pass}]"}`}, "usb[a usb]"},
		{"tests without names", map[string]string{"results": `{"0_x":"[{result: fail}, {metadata: {case: b}}, c]"}`}, "usb[x[unnamed b unnamed]]"},
		{"twice the same suite", map[string]string{"results": `{"1_x":"- {name: a, result: pass}","10_x":"[]","2_y":"[]"}`}, "usb[1_x[a] y[] 10_x[]]"},
		{"results that are lists", map[string]string{"results": `{"0_x":[{"name":"a","result":"pass"}]}`}, "usb[x[a]]"},
		{"no results", map[string]string{"results": `null`}, "usb[job]"},
		{"results that are a text", map[string]string{"results": `"x"`}, "usb[job]"},
		{"a suite that is no list", map[string]string{"results": `{"0_x":"a: b","1_y":"[{name: a, result: pass}]"}`}, "usb[x[x] y[a]]"},
		{"a suite that is no YAML", map[string]string{"results": `{"0_x":"- [a"}`}, "usb[x[x]]"},
		{"LAVA's own suite is no list", map[string]string{"results": `{"lava":"{","0_x":"[{name: a, result: pass}]"}`}, "usb[job x[a]]"},
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
	for _, changes := range []map[string]string{
		{"status": "0"}, {"status": `"1"`}, {"status": "", "status_string": `"Running"`}, {"status": "", "status_string": "", "state_string": `"Scheduled"`},
	} {
		if job, err := Parse(sample(t, changes), Limits{}); job != nil || err != nil {
			t.Errorf("%v: %v, %v", changes, job, err)
		}
	}
}

// What ended in another way than well is no success, whichever member says so.
func TestParse_Status(t *testing.T) {
	t.Parallel()
	tests := []struct {
		changes map[string]string
		want    string
	}{
		{nil, complete},
		{map[string]string{"status": ""}, complete},
		{map[string]string{"status": `"2"`, "health": "1", "state_string": `"Finished"`}, complete},
		{map[string]string{"status": "3"}, incomplete},
		{map[string]string{"status": "", "status_string": `"Incomplete"`}, incomplete},
		{map[string]string{"health": "2"}, incomplete},
		{map[string]string{"health_string": `"Incomplete"`}, incomplete},
		{map[string]string{"status_string": `"incomplete"`}, incomplete},
		{map[string]string{"status": "4"}, canceled},
		{map[string]string{"status": "5"}, canceled},
		{map[string]string{"status": "", "status_string": `"canceled"`}, canceled},
		{map[string]string{"health": "3"}, canceled},
		{map[string]string{"status": `"6"`, "status_string": ""}, unknown},
		{map[string]string{"status": "", "status_string": ""}, unknown},
	}
	for _, tt := range tests {
		job, err := Parse(sample(t, tt.changes), Limits{})
		if err != nil || job == nil || job.Status != tt.want {
			t.Errorf("%v: %+v, %v; want %s", tt.changes, job, err, tt.want)
			continue
		}
		group, err := job.Group("lab-a")
		if err != nil || group["lava_status"] != tt.want || (tt.want == complete) != (caseOf(group, "job") == "") {
			t.Errorf("%v: %v, %v", tt.changes, group, err)
		}
	}
}

// caseOf is the result of a case of a group itself, empty when there is none.
func caseOf(group map[string]any, name string) string {
	list, _ := group["test_cases"].([]any)
	for _, c := range list {
		if c := c.(map[string]any); c["name"] == name {
			return c["status"].(string)
		}
	}
	return ""
}

// A job that broke off is FAIL when what was tested is to blame, and else ERROR.
func TestGroup_BrokenOff(t *testing.T) {
	t.Parallel()
	// The suite's tests all pass; the job, its login and its error come from the table.
	results := func(job, login string) string {
		lava, _ := json.Marshal("[{name: job, " + job + "}, {name: login-action, " + login + "}]")
		return `{"lava":` + string(lava) + `,"0_x":"[{name: a, result: pass}]"}`
	}
	tests := []struct {
		name, status, job, login string
		wantJob, wantLogin, boot string
	}{
		{"all is well", "2", "result: pass", "result: pass", "", "PASS", "PASS"},
		{"infrastructure", "3", "result: fail, metadata: {error_type: Infrastructure, error_msg: gone}", "result: pass", "ERROR", "PASS", ""},
		{"infrastructure at the login", "3", "result: fail, metadata: {error_type: Infrastructure}", "result: fail", "ERROR", "ERROR", ""},
		{"the login itself says so", "3", "result: fail", "result: fail, metadata: {error_type: InfrastructureError}", "ERROR", "ERROR", ""},
		{"the configuration", "3", "result: fail, metadata: {error_type: Configuration}", "result: pass", "ERROR", "PASS", ""},
		{"LAVA itself", "3", "result: fail, metadata: {error_type: Bug}", "result: pass", "ERROR", "PASS", ""},
		{"cancelled", "4", "result: fail, metadata: {error_type: Canceled}", "result: pass", "ERROR", "PASS", ""},
		{"cancelled without a word", "4", "result: pass", "result: pass", "ERROR", "PASS", ""},
		{"the job", "3", "result: fail, metadata: {error_type: Job, error_msg: bootloader-commands timed out after 180 seconds}", "result: fail", "FAIL", "FAIL", "FAIL"},
		{"the test", "3", "result: fail, metadata: {error_type: Test}", "result: pass", "FAIL", "PASS", "FAIL"},
		{"a timeout", "3", "result: fail, metadata: {error_type: Timeout}", "result: pass", "FAIL", "PASS", "FAIL"},
		{"a kernel panic", "3", "result: fail, metadata: {error_type: Infrastructure, error_msg: 'Kernel panic - not syncing'}", "result: fail", "FAIL", "FAIL", "FAIL"},
		{"a kernel panic at the login", "2", "result: pass", "result: pass, metadata: {extra: [{fail: [{message: 'Kernel panic - not syncing: x'}]}]}", "FAIL", "PASS", "FAIL"},
		{"incomplete without a word", "3", "result: pass", "result: pass", "ERROR", "PASS", "FAIL"},
		{"complete, and yet the job failed", "2", "result: fail", "result: pass", "FAIL", "PASS", "FAIL"},
		{"complete, and yet an error", "2", "result: pass, metadata: {error_type: Infrastructure}", "result: pass", "ERROR", "PASS", ""},
		{"complete, and nobody knows", "2", "result: unknown", "result: pass", "ERROR", "PASS", ""},
		{"complete, and the login failed", "2", "result: pass", "result: fail", "", "FAIL", "FAIL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job, err := Parse(sample(t, map[string]string{"status": tt.status, "status_string": "", "results": results(tt.job, tt.login)}), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			group, err := job.Group("lab-a")
			if err != nil || caseOf(group, "job") != tt.wantJob || caseOf(group, "login") != tt.wantLogin {
				t.Errorf("job %q, login %q, %v; want %q, %q", caseOf(group, "job"), caseOf(group, "login"), err, tt.wantJob, tt.wantLogin)
			}
			boot, err := job.Boot("lab-a")
			if got, _ := boot["boot_result"].(string); err != nil || got != tt.boot {
				t.Errorf("boot_result %q, %v; want %q", got, err, tt.boot)
			}
		})
	}
}

// Of more tests than are allowed the first are kept, and the others seen.
func TestParse_TooMany(t *testing.T) {
	t.Parallel()
	suites := `{"0_x":"[{name: c, result: pass}, {name: b, result: pass}, {name: a, result: pass}]","1_y":"[{name: e, result: RESULT}, {name: d, result: pass}]"}`
	for result, want := range map[string]string{"pass": pass, "fail": fail, "skip": skip, "unknown": errored} {
		job, err := Parse(sample(t, map[string]string{"results": strings.Replace(suites, "RESULT", result, 1)}), Limits{Tests: 4})
		if err != nil {
			t.Fatal(err)
		}
		group, err := job.Group("lab-a")
		if got := outline(group); err != nil || got != "usb[tests-not-kept x[a b c] y[d]]" || caseOf(group, "tests-not-kept") != want {
			t.Errorf("%s: %s, %v, %s; want %s", result, got, err, caseOf(group, "tests-not-kept"), want)
		}
		if len(job.Warnings) != 1 || !strings.Contains(job.Warnings[0], "only the first 4 tests are kept, 1 more") {
			t.Errorf("warnings %q", job.Warnings)
		}
	}
}

// A suite that is too long to be read at once is read entry by entry.
func TestParse_LongSuite(t *testing.T) {
	t.Parallel()
	entry := "- name: t%d\n  result: %s\n  metadata: {case: x, note: '" + strings.Repeat("x", 10_000) + "'}\n"
	var block, list strings.Builder
	list.WriteString("[")
	for i := range 700 {
		result := "pass"
		if i == 3 {
			result = "fail"
		}
		fmt.Fprintf(&block, entry, i, result)
		if i > 0 {
			list.WriteString(",")
		}
		fmt.Fprintf(&list, `{"name":"t%d","result":"%s","note":"%s"}`, i, result, strings.Repeat("x", 10_000))
	}
	list.WriteString("]")
	for _, text := range []string{block.String(), list.String()} {
		quoted, _ := json.Marshal(map[string]string{"0_x": text})
		job, err := Parse(sample(t, map[string]string{"results": string(quoted)}), Limits{})
		if err != nil || len(job.Suites) != 1 || len(job.Suites[0].Tests) != 700 || len(job.Warnings) > 0 {
			t.Fatalf("%v, %d suites, warnings %q", err, len(job.Suites), job.Warnings)
		}
		if c := job.Suites[0].Tests[696]; c.Name != "t3" || c.Result != fail {
			t.Errorf("the failed test: %+v", c)
		}
	}
}

func TestParse_Refused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, member, value, want string
	}{
		{"no definition", "definition", "", "definition"},
		{"a definition that is no YAML", "definition", `"a: [b"`, "definition"},
		{"metadata missing", "definition", `"a: b"`, "definition"},
		{"metadata a list", "definition", `"metadata: [a]"`, "definition"},
		{"no plan", "definition", `"metadata: {kernel.tree: a, kernel.version: b, device.type: c}"`, "definition"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := sample(t, map[string]string{tt.member: tt.value})
			job, err := Parse(body, Limits{Tests: 100})
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

// checkRed fails the test when the group of a job has fewer failures than the job, or
// is all PASS although the job broke off or has tests that are not known to have passed.
func checkRed(t *testing.T, job *Job) {
	t.Helper()
	group, err := job.Group("lab-a")
	if err != nil {
		return
	}
	found, want := tally{}, tally{}
	count(group, found)
	for i := range job.Suites {
		want.add(job.Suites[i].Tests...)
	}
	for _, result := range []string{pass, fail, errored, skip} {
		if found[result] < want[result] {
			t.Errorf("%d cases are %s, want at least %d", found[result], result, want[result])
		}
	}
	green := found[fail]+found[errored] == 0
	if green && (job.Status != complete || job.ErrorType != "" || found.count() == 0 || job.leftOut[fail]+job.leftOut[errored] > 0) {
		t.Errorf("all PASS: %v", group)
	}
}

// count adds up the results of the cases in a group and in the groups inside it.
func count(group map[string]any, into tally) {
	list, _ := group["test_cases"].([]any)
	for _, c := range list {
		into[c.(map[string]any)["status"].(string)]++
	}
	inner, _ := group["sub_groups"].([]any)
	for _, g := range inner {
		count(g.(map[string]any), into)
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/usb.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	faults, err := filepath.Glob("../testdata/faults/lava_*.json")
	if err != nil || len(faults) == 0 {
		f.Fatal("no samples", err)
	}
	for _, name := range faults {
		if text, err = os.ReadFile(name); err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
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
		if err := errors.Join(job.WriteLog(io.Discard), job.WriteHTML(io.Discard, "log")); err != nil {
			t.Error(err)
		}
		checkRed(t, job)
		job.Folder("lab-a")
	})
}
