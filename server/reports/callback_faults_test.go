package reports_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

// fault is one of the callbacks that real labs sent.
func fault(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/faults/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// outcomes reads the cases that match as path=status, sorted.
func outcomes(t testing.TB, s *servertest.Server, query string) string {
	t.Helper()
	var list []string
	for _, c := range get(t, s, "/test/case?"+query).Result {
		list = append(list, fmt.Sprint(c["test_case_path"], "=", c["status"]))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// results makes the results of a callback out of suites, each a flow list in YAML.
func results(suites ...string) map[string]any {
	all := map[string]any{}
	for i := 0; i < len(suites); i += 2 {
		all[suites[i]] = suites[i+1]
	}
	return all
}

// TestCallback_Faults: callbacks of jobs that went wrong in ways that were shown green.
func TestCallback_Faults(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, kernel, want string }{
		{"lava_incomplete_half_way.json", "r2", "usb.a=PASS usb.b=PASS usb.job=ERROR usb.login=PASS"},
		{"lava_whole_definition_failed.json", "r3", "usb.login=PASS usb.net.net=FAIL usb.usb.a=PASS"},
		{"lava_measure_and_fail.json", "r5", "usb.drift=FAIL usb.login=PASS"},
	}
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		lab := newLab(t, s, "lab-a")
		for _, tt := range tests {
			for range 2 { // LAVA may call twice
				post(t, s, 202, callbackPath, fault(t, tt.name), raw(lab))
				if got := outcomes(t, s, "kernel="+tt.kernel); got != tt.want {
					t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
				}
			}
		}
		drift := get(t, s, "/test/case?name=drift&kernel=r5").Result[0]
		if got := fmt.Sprint(drift["measurements"]); got != "[map[measure:12.5 name:drift unit:ms value:12.5]]" {
			t.Errorf("measurements of drift: %s", got)
		}
		net := get(t, s, "/test/case?name=net&kernel=r3").Result[0]
		if got := fmt.Sprint(net["metadata"]); got != "map[error_msg:timeout error_type:Test]" {
			t.Errorf("metadata of net: %s", got)
		}
		group := get(t, s, "/test/group?name=usb&kernel=r2").Result[0]
		for field, want := range map[string]any{"lava_job_id": "1", "lava_status": "incomplete", "error_type": "Infrastructure", "error_msg": "connection lost"} {
			if group[field] != want {
				t.Errorf("group of r2: %s is %v, want %v", field, group[field], want)
			}
		}
	})
}

// TestCallback_Job: the group says how its job went, and has its log and files.
func TestCallback_Job(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		lab := newLab(t, s, "lab-a")
		post(t, s, 202, callbackPath, lavaJob(t, nil), raw(lab))
		group := get(t, s, "/test/group?name=usb").Result[0]
		for field, want := range map[string]string{
			"lava_job_id": "4711", "lava_status": "complete", "error_type": "<nil>", "error_msg": "<nil>",
			"start_time": "map[$date:1.77235914e+12]", "end_time": "map[$date:1.772359215e+12]",
			"boot_log": "usb-odin-board.txt", "boot_log_html": "usb-odin-board.html",
		} {
			if got := fmt.Sprint(group[field]); got != want {
				t.Errorf("%s is %s, want %s", field, got, want)
			}
		}
		for _, inner := range get(t, s, "/test/group?name=smoke&name=endpoints").Result {
			if inner["boot_log"] != group["boot_log"] || inner["boot_log_html"] != group["boot_log_html"] || inner["file_server_resource"] != group["file_server_resource"] {
				t.Errorf("group %v: boot_log %v, boot_log_html %v", inner["name"], inner["boot_log"], inner["boot_log_html"])
			}
		}
		folder := "/v1/files/" + group["file_server_resource"].(string) + "/lab-a/"
		if a := s.Do("GET", folder+"usb-odin-board.html", "", servertest.Admin()); a.Status != 200 || !strings.Contains(string(a.Body), ">hub found 4 ports") {
			t.Errorf("the log as a page: %d %.300s", a.Status, a.Body)
		}
		// The next job of the plan takes the group, but not the file.
		post(t, s, 202, callbackPath, lavaJob(t, func(job map[string]any) {
			job["id"], job["status"], job["failure_comment"] = 4712, 4, "the board is wanted elsewhere"
			delete(job, "results")
		}), raw(lab))
		group = get(t, s, "/test/group?name=usb").Result[0]
		if got := outcomes(t, s, ""); got != "usb.job=ERROR" || group["lava_status"] != "canceled" || group["error_msg"] != "the board is wanted elsewhere" {
			t.Errorf("a job that was cancelled: %s, %v", got, group)
		}
		for _, id := range []string{"4711", "4712"} {
			a := s.Do("GET", folder+"lava-json-usb-odin-board-"+id+".json", "", servertest.Admin())
			if a.Status != 200 || !strings.Contains(string(a.Body), `"id":`+id) || strings.Contains(string(a.Body), "secret-callback-token") {
				t.Errorf("the callback of job %s: %d %.100s", id, a.Status, a.Body)
			}
		}
	})
}

// TestCallback_Trace: results that nobody can read lose nothing else, and are no
// success.
func TestCallback_Trace(t *testing.T) {
	t.Parallel()
	own := "[{name: job, result: pass}, {name: login-action, result: pass}]"
	tests := []struct {
		name    string
		results any
		want    string
	}{
		{"none", nil, "usb.job=ERROR"},
		{"an empty object", map[string]any{}, "usb.job=ERROR"},
		{"a text", "x", "usb.job=ERROR"},
		{"a list", []any{}, "usb.job=ERROR"},
		{"a suite that is no list", results("lava", own, "0_net", "a: b", "1_disk", "[{name: a, result: pass}]"), "usb.disk.a=PASS usb.login=PASS usb.net.net=ERROR"},
		{"a suite that breaks off", results("lava", own, "0_net", "- {name: a, result: pass}\n- {name"), "usb.login=PASS usb.net.net=ERROR"},
		{"LAVA's own suite breaks off", results("lava", "- {", "0_net", "[{name: a, result: pass}]"), "usb.job=ERROR usb.net.a=PASS"},
		{"entries that are none", results("lava", own, "0_net", "[a, [b], {}]"), "usb.login=PASS usb.net.unnamed=ERROR usb.net.unnamed=ERROR usb.net.unnamed=ERROR"},
		{"names of blanks", results("lava", own, "0_ ", "[{name: ' ', result: fail, metadata: {set: ' '}}]"), "usb.login=PASS usb.unnamed.unnamed.unnamed=FAIL"},
		{"a name that is too long", results("lava", own, "0_net", "[{name: "+strings.Repeat("x", 2000)+", result: fail}]"), "usb.login=PASS usb.net." + strings.Repeat("x", 1016) + "=FAIL"},
	}
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		lab := newLab(t, s, "lab-a")
		for _, tt := range tests {
			post(t, s, 202, callbackPath, lavaJob(t, func(job map[string]any) { job["results"] = tt.results }), raw(lab))
			if got := outcomes(t, s, ""); got != tt.want {
				t.Errorf("%s: %.300s, want %.300s", tt.name, got, tt.want)
			}
			checkCallbackFiles(t, s, get(t, s, "/test/group?name=usb").Result[0]["log"].(string))
		}
	})
}

// TestCallback_TooMany keeps the first tests of a job that ran more than are allowed.
func TestCallback_TooMany(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		lab := newLab(t, s, "lab-a")
		job := lavaJob(t, func(job map[string]any) {
			job["results"] = results("0_usb", "[{name: e, result: fail}, {name: d, result: pass}, {name: c, result: pass}, {name: b, result: pass}, {name: a, result: pass}]")
		})
		a := post(t, s, 202, callbackPath, job, raw(lab))
		if got := outcomes(t, s, ""); got != "usb.a=PASS usb.b=PASS usb.c=PASS usb.tests-not-kept=FAIL" || !strings.Contains(string(a.Body), "only the first 3 tests are kept, 2 more") {
			t.Errorf("%s, answer %s", got, a.Body)
		}
	}, func(c *server.Config) { c.Reports.MaxCases = 3 })
}

// TestCallback_ReplacesTree: what a later job did not run any more is gone, and
// nothing is left beside the tree.
func TestCallback_ReplacesTree(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		lab := newLab(t, s, "lab-a")
		send := func(suites ...string) {
			t.Helper()
			post(t, s, 202, callbackPath, lavaJob(t, func(job map[string]any) { job["results"] = results(suites...) }), raw(lab))
			checkTrees(t, s)
		}
		set := func(result string) string { return "[{name: a, result: " + result + ", metadata: {set: s}}]" }
		send("0_x", set("pass"), "1_y", set("fail"), "2_usb", "[{name: a, result: skip}]")
		if got, want := outcomes(t, s, ""), "usb.usb.a=SKIP usb.x.s.a=PASS usb.y.s.a=FAIL"; got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		ids := fmt.Sprint(get(t, s, "/test/group?name=usb&name=x&field=_id&sort=name").Result)
		send("0_x", "[]", "2_usb", "[{name: b, result: fail}]")
		if got, want := outcomes(t, s, ""), "usb.usb.b=FAIL"; got != want {
			t.Errorf("without a suite and with an empty one: %s, want %s", got, want)
		}
		if p := get(t, s, "/test/group"); p.Count != 3 {
			t.Errorf("%d groups, want usb, x and the inner usb: %v", p.Count, p.Result)
		}
		if got := fmt.Sprint(get(t, s, "/test/group?name=usb&name=x&field=_id&sort=name").Result); got != ids {
			t.Errorf("groups that stay have other ids: %s, want %s", got, ids)
		}
		send("2_usb", "[{name: b, result: pass}]") // now the only suite is the plan itself
		if got, n := outcomes(t, s, ""), get(t, s, "/test/group").Count; got != "usb.b=PASS" || n != 1 {
			t.Errorf("the only suite: %s in %d groups", got, n)
		}
	})
}

// checkTrees holds every list of ids against what says that it belongs there.
func checkTrees(t testing.TB, s *servertest.Server) {
	t.Helper()
	listed := map[string]string{}
	ids := func(v any) (list []string) {
		entries, _ := v.([]any)
		for _, id := range entries {
			list = append(list, id.(map[string]any)["$oid"].(string))
		}
		return list
	}
	all := get(t, s, "/test/group").Result
	for _, g := range all {
		id := g["_id"].(map[string]any)["$oid"].(string)
		for _, child := range append(ids(g["test_cases"]), ids(g["sub_groups"])...) {
			if listed[child] != "" {
				t.Errorf("%s is listed twice", child)
			}
			listed[child] = id
		}
	}
	count := 0
	for field, list := range map[string][]map[string]any{"parent_id": all, "test_group_id": get(t, s, "/test/case").Result} {
		for _, d := range list {
			parent, inside := d[field].(map[string]any)
			if !inside {
				continue
			}
			count++
			if id := d["_id"].(map[string]any)["$oid"].(string); listed[id] != parent["$oid"] {
				t.Errorf("%v %s is in %v, which does not list it", d["name"], id, parent["$oid"])
			}
		}
	}
	if len(listed) != count {
		t.Errorf("groups list %d cases and groups, and there are %d", len(listed), count)
	}
}

// TestCallback_OneFailed turns one test of a callback after the other into a failure:
// whatever it is called and wherever it stands, it can be seen.
func TestCallback_OneFailed(t *testing.T) {
	t.Parallel()
	suites := []struct {
		key   string
		tests []string // name or set/name
	}{
		{"0_usb", []string{"a", "a", "usb", "set/a", "set/a"}}, {"1_x", []string{"a", "set/a", "x/x", "job", "login"}},
		{"2_x", []string{"a", "set/a"}}, {"x", []string{"a"}}, {"3_usb", []string{"usb/usb"}},
	}
	callback := func(failed int) string {
		all, n := map[string]any{"lava": "[{name: job, result: pass}, {name: login-action, result: pass}]"}, 0
		for _, suite := range suites {
			var list []map[string]any
			for _, name := range suite.tests {
				entry := map[string]any{"result": "pass", "metadata": map[string]any{}}
				if set, test, inSet := strings.Cut(name, "/"); inSet {
					name, entry["metadata"] = test, map[string]any{"set": set}
				}
				if entry["name"] = name; n == failed {
					entry["result"] = "fail"
				}
				n++
				list = append(list, entry)
			}
			text, _ := json.Marshal(list)
			all[suite.key] = string(text)
		}
		if failed == n {
			t.Fatalf("there are %d tests", n)
		}
		return lavaJob(t, func(job map[string]any) { job["results"] = all })
	}
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		lab := newLab(t, s, "lab-a")
		for failed := -1; failed < 14; failed++ {
			post(t, s, 202, callbackPath, callback(failed), raw(lab))
			all, red := get(t, s, "/test/case").Count, get(t, s, "/test/case?status=FAIL").Count
			if want := min(1, failed+1); all != 15 || red != want {
				t.Errorf("test %d failed: %d cases, %d of them FAIL; want 15, %d", failed, all, red, want)
			}
		}
		checkTrees(t, s)
	})
}
