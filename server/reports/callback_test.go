package reports_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

func lavaJob(t testing.TB, change func(map[string]any)) string {
	t.Helper()
	text, err := os.ReadFile("lava/testdata/usb.json")
	if err != nil {
		t.Fatal(err)
	}
	var job map[string]any
	if err := json.Unmarshal(text, &job); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(job)
	}
	text, err = json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const callbackPath = "/callback/lava/test?lab_name=lab-a"

// TestCallback posts what LAVA posts, and looks for what it leaves.
func TestCallback(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		lab := newLab(t, s, "lab-a")
		post(t, s, 202, "/build", `{"job":"mainline","kernel":"v6.9-rc2","git_branch":"master","arch":"arm64","defconfig":"defconfig",
			"defconfig_full":"defconfig+CONFIG_SMP=n","build_environment":"gcc-12"}`)
		a := post(t, s, 202, callbackPath, lavaJob(t, nil), raw(lab))
		if !strings.Contains(string(a.Body), "Request accepted and being processed") || strings.Contains(string(a.Body), "errors") {
			t.Errorf("answer: %s", a.Body)
		}
		p := get(t, s, "/test/group?name=usb&plan_variant=usb-nfs")
		if p.Count != 1 {
			t.Fatalf("%d groups called usb, want 1", p.Count)
		}
		group := p.Result[0]
		for field, want := range map[string]any{
			"lab_name": "lab-a", "job": "mainline", "board": "odin-board", "board_instance": "odin-board-03", "device_type": "odin-board",
			"plan": "usb", "plan_variant": "usb-nfs", "git_branch": "master", "mach": "odin",
		} {
			if group[field] != want {
				t.Errorf("group: %s is %v, want %v", field, group[field], want)
			}
		}
		if group["build_id"] == nil || group["job_id"] == nil {
			t.Errorf("the group does not know its build and its job: %v", group)
		}
		for query, want := range map[string]int{
			"": 7, "name=login&status=PASS": 1, "test_case_path=usb.login": 1, "test_case_path=usb.smoke.hub": 1, "status=ERROR": 1,
			"status=SKIP": 1, "job=mainline&lab_name=lab-a&plan=usb&arch=arm64": 7,
		} {
			if p := get(t, s, "/test/case?"+query); p.Count != want {
				t.Errorf("test cases with %q: %d, want %d", query, p.Count, want)
			}
		}
		if p := searchTestResults(t, s, "name=storage&outcome=fail&kernel=v6.9-rc2"); len(p.Tests) != 1 {
			t.Errorf("test-results: %v", p.Tests)
		}
		checkCallbackFiles(t, s, group["log"].(string))

		post(t, s, 202, callbackPath, lavaJob(t, nil), raw(lab))
		again := get(t, s, "/test/group?name=usb")
		if again.Count != 1 || again.Result[0]["_id"].(map[string]any)["$oid"] != group["_id"].(map[string]any)["$oid"] || get(t, s, "/test/case").Count != 7 {
			t.Errorf("posted again: %d groups, %d cases", again.Count, get(t, s, "/test/case").Count)
		}
		other := lavaJob(t, func(job map[string]any) {
			job["definition"] = strings.Replace(job["definition"].(string), "usb-nfs", "usb-disk", 1)
		})
		post(t, s, 202, callbackPath, other, raw(lab))
		if p := get(t, s, "/test/case?name=hub"); p.Count != 2 {
			t.Errorf("two variants of a plan: %d tests called hub, want 2", p.Count)
		}
	})
}

func checkCallbackFiles(t *testing.T, s *servertest.Server, log string) {
	t.Helper()
	if want := "mainline/master/v6.9-rc2/arm64/defconfig/gcc-12/lab-a/usb-odin-board.txt"; log != want {
		t.Errorf("log is %q, want %q", log, want)
	}
	if a := s.Do("GET", "/v1/files/"+log, "", servertest.Admin()); a.Status != 200 || !strings.Contains(string(a.Body), "hub found 4 ports") {
		t.Errorf("the log: %d %.100s", a.Status, a.Body)
	}
	file := log[:strings.LastIndexByte(log, '/')] + "/lava-json-usb-odin-board.json"
	if a := s.Do("GET", "/v1/files/"+file, "", servertest.Admin()); a.Status != 200 || strings.Contains(string(a.Body), "secret-callback-token") || !strings.Contains(string(a.Body), "4711") {
		t.Errorf("the callback: %d %.100s", a.Status, a.Body)
	}
}

// TestCallback_Boot makes a boot report of a job.
func TestCallback_Boot(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		lab := newLab(t, s, "lab-a")
		for range 2 {
			post(t, s, 202, "/v1/callback/lava/boot/?lab_name=lab-a", lavaJob(t, nil), raw(lab))
		}
		p := get(t, s, "/boot?lab_name=lab-a")
		if p.Count != 1 {
			t.Fatalf("%d boots, want 1", p.Count)
		}
		for field, want := range map[string]any{
			"status": "PASS", "board": "odin-board", "boot_job_id": "4711", "warnings": 2.0, "load_addr": "0x1080000", "boot_log": "boot-odin-board.txt",
			"defconfig_full": "defconfig+CONFIG_SMP=n", "fastboot": false,
		} {
			if p.Result[0][field] != want {
				t.Errorf("boot: %s is %v, want %v", field, p.Result[0][field], want)
			}
		}
		if took := p.Result[0]["time"].(map[string]any)["$date"]; took != 14740.0 {
			t.Errorf("boot time %v, want 14740", took)
		}
	})
}

// TestCallback_Refused goes through the checks in their order.
func TestCallback_Refused(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	lab, other := newLab(t, s, "lab-a"), newLab(t, s, "lab-b")
	good := lavaJob(t, nil)
	without := func(names ...string) string {
		return lavaJob(t, func(job map[string]any) {
			for _, n := range names {
				delete(job, n)
			}
		})
	}
	notLabs := "Provided authentication token is not associated with lab 'lab-a' or is not valid"
	tests := []struct {
		name, path, token, media, body string
		status                         int
		reason                         string
	}{
		{"no token", callbackPath, "", "text/plain", "", 403, ""},
		{"wrong Content-Type", callbackPath, lab, "text/plain", good, 415, ""},
		{"empty", callbackPath, lab, "application/json", "", 422, "No JSON data found in the POST request"},
		{"not JSON", callbackPath, lab, "application/json", "{", 422, "Provided JSON is not valid"},
		{"not an object", callbackPath, lab, "application/json", "[]", 400, ""},
		{"no definition", callbackPath, lab, "application/json", without("definition"), 400, "definition"},
		{"no definition and another lab", callbackPath, other, "application/json", without("definition"), 400, "definition"},
		{"no lab", "/callback/lava/test", lab, "application/json", good, 400, "Missing lab name in query string"},
		{"an empty lab", "/callback/lava/test?lab_name=", lab, "application/json", good, 400, "Missing lab name in query string"},
		{"another lab's token", callbackPath, other, "application/json", good, 403, notLabs},
		{"a lab that does not exist", "/callback/lava/test?lab_name=x", servertest.AdminToken, "application/json", good, 403, "lab 'x'"},
		{"another action", "/callback/lava/foo?lab_name=lab-a", lab, "application/json", good, 404, ""},
		{"a read", callbackPath, lab, "", "", 501, ""},
		{"an administrator", callbackPath, servertest.AdminToken, "application/json; charset=utf-8", good, 202, "Use the token of the lab"},
		{"a job that still runs", callbackPath, lab, "application/json", lavaJob(t, func(j map[string]any) { j["status"] = 1 }), 202, "nothing was stored"},
	}
	for _, tt := range tests {
		options := []servertest.Option{}
		if tt.token != "" {
			options = append(options, raw(tt.token))
		}
		method := "POST"
		if tt.media != "" {
			options = append(options, servertest.With("Content-Type", tt.media))
		} else {
			method = "GET"
		}
		if a := s.Do(method, tt.path, tt.body, options...); a.Status != tt.status || !strings.Contains(string(a.Body), tt.reason) {
			t.Errorf("%s: %d %.300s; want %d with %q", tt.name, a.Status, a.Body, tt.status, tt.reason)
		}
	}
	if p := get(t, s, "/test/group?name=usb"); p.Count != 1 {
		t.Errorf("%d groups, want the administrator's", p.Count)
	}
}
