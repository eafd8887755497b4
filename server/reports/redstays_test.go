package reports_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

// TestCase_Updated: a null in a PUT is no result, and a path follows its case's name.
func TestCase_Updated(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		newLab(t, s, "lab-a")
		post(t, s, 201, "/test/group", `{"name":"usb","lab_name":"lab-a","job":"next","kernel":"k","test_cases":[{"name":"hub","status":"FAIL"}]}`)
		id := oidOf(get(t, s, "/test/case").Result[0])
		for _, step := range []struct{ body, want string }{
			{`{"status":null}`, "hub FAIL usb.hub"},
			{`{"status":""}`, "hub FAIL usb.hub"},
			{`{"status":null,"time":2}`, "hub FAIL usb.hub"},
			{`{"name":"port","status":null}`, "port FAIL usb.port"},
			{`{"status":"pass"}`, "port PASS usb.port"},
			{`{"name":"plug","test_case_path":"a.b"}`, "plug PASS a.b"},
			{`{"name":"pull"}`, "pull PASS a.b"},
		} {
			if a := s.Do("PUT", "/test/case/"+id, step.body, servertest.JSON(), servertest.Admin()); a.Status != 200 {
				t.Fatalf("PUT %s: %d %s", step.body, a.Status, a.Body)
			}
			c := get(t, s, "/test/case/"+id).Result[0]
			if got := fmt.Sprint(c["name"], " ", c["status"], " ", c["test_case_path"]); got != step.want {
				t.Errorf("after PUT %s: %s, want %s", step.body, got, step.want)
			}
		}
	})
}

// TestCallback_Zeros: a serial console that sends zero bytes loses no job.
func TestCallback_Zeros(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		lab := newLab(t, s, "lab-a")
		body := lavaJob(t, func(job map[string]any) {
			job["log"] = job["log"].(string) + "- {\"dt\": \"2026-11-30T10:00:00\", \"lvl\": \"tar\x00get\", \"msg\": \"ze\x00ro\"}\n"
			job["failure_comment"] = "no\x00thing"
			job["results"].(map[string]any)["7_zero"] = "- {name: \"a\x00b\", result: fail}\n"
		})
		if !strings.Contains(body, `\u0000`) {
			t.Fatal("there are no zero bytes in the callback")
		}
		post(t, s, 202, callbackPath, body, raw(lab))
		if p := get(t, s, "/test/case?status=FAIL&name=a%EF%BF%BDb"); p.Count != 1 {
			t.Errorf("%d failed cases of the suite with zero bytes, want 1", p.Count)
		}
		log := get(t, s, "/test/group?name=usb").Result[0]["log"].(string)
		if a := s.Do("GET", "/v1/files/"+log, "", servertest.Admin()); !strings.Contains(string(a.Body), "ze\uFFFDro") {
			t.Errorf("the log: %d, it lacks the line with a zero byte", a.Status)
		}
	})
}

// TestCallback_Documents: what stands in a second YAML document is not left out as if
// it were not there.
func TestCallback_Documents(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	lab := newLab(t, s, "lab-a")
	post(t, s, 202, callbackPath, lavaJob(t, func(job map[string]any) {
		job["results"].(map[string]any)["7_twice"] = "- {name: a, result: pass}\n---\n- {name: b, result: fail}\n"
	}), raw(lab))
	if p := get(t, s, "/test/case?name=twice&status=ERROR"); p.Count != 1 {
		t.Errorf("%d cases for the suite that is two documents, want 1", p.Count)
	}
}

// TestBatch_Forms: an id may be an object in a batch as in any body, and a number text.
func TestBatch_Forms(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	post(t, s, 202, "/job", `{"job":"next","kernel":"k"}`)
	id := oidOf(get(t, s, "/job").Result[0])
	a := post(t, s, 200, "/batch", `{"batch":[{"operation_id":7,"resource":"job","document":{"$oid":"`+id+`"},"query":"field=job"}]}`)
	if want := `{"code":200,"result":[{"operation_id":"7","result":[{"_id":{"$oid":"` + id + `"},"job":"next"}]}]}`; string(a.Body) != want {
		t.Errorf("batch: %s, want %s", a.Body, want)
	}
	// The pages of kernelci-frontend name a question by what it is about and what it counts.
	a = post(t, s, 200, "/batch", `{"batch":[{"operation_id":["`+id+`", "lab \u00fc", 7],"resource":"count","document":"job"},{"operation_id":[],"resource":"nothing"}]}`)
	if want := `{"code":200,"result":[{"operation_id":["` + id + `", "lab \u00fc", 7],"result":[{"collection":"job","count":1}]},{"operation_id":[],"result":[]}]}`; string(a.Body) != want {
		t.Errorf("batch: %s, want %s", a.Body, want)
	}
	for _, entry := range []string{`{"operation_id":true}`, `{"operation_id":{"a":1}}`, `{"resource":["job"]}`, `{"resource":"job","document":{"oid":"` + id + `"}}`, `{"resource":{"$oid":"` + id + `"}}`, `{"query":["a"]}`} {
		post(t, s, 400, "/batch", `{"batch":[`+entry+`]}`)
	}
}

// TestBatch_Many: the first page of kernelci-frontend asks six questions for each branch
// of the last weeks at once.
func TestBatch_Many(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	ask := func(n int) string {
		return `{"batch":[` + strings.TrimSuffix(strings.Repeat(`{"resource":"count","document":"build","query":"status=PASS"},`, n), ",") + `]}`
	}
	if a := post(t, s, 200, "/batch", ask(1000)); strings.Count(string(a.Body), `"count":0`) != 1000 {
		t.Errorf("%d answers to 1000 questions", strings.Count(string(a.Body), `"count":0`))
	}
	if a := post(t, s, 400, "/batch", ask(1001)); !strings.Contains(string(a.Body), "at most 1000 questions") {
		t.Errorf("answer: %s", a.Body)
	}
}

// TestGroups_TooMany: who sends too much is told how much is allowed, and where.
func TestGroups_TooMany(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, func(c *server.Config) { c.Reports.MaxCases = 3 })
	body := `{"name":"usb","lab_name":"lab-a","job":"next","kernel":"k","test_cases":[{"name":"a"},{"name":"b"},{"name":"c"}],"sub_groups":[%s]}`
	post(t, s, 201, "/test/group", fmt.Sprintf(body, ""))
	a := post(t, s, 400, "/test/group", fmt.Sprintf(body, `{"name":"d"}`))
	if !strings.Contains(string(a.Body), `"pointer":"/sub_groups"`) || !strings.Contains(string(a.Body), "at most 3 are allowed") {
		t.Errorf("answer: %s", a.Body)
	}
}

// TestLab_SharedToken: the token of a lab that is deleted goes on for another lab that
// reports with it.
func TestLab_SharedToken(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		token := newLab(t, s, "lab-a")
		post(t, s, 201, "/lab", fmt.Sprintf(`{"name":"lab-b","token":%q,"contact":{"name":"a","surname":"b","email":"c@example.org"}}`, token))
		report := `{"lab_name":%q,"job":"j","kernel":"k","defconfig":"d","board":"b"}`
		for _, step := range []struct {
			lab  string
			want int
		}{{"lab-a", 202}, {"lab-b", 403}} {
			id := oidOf(get(t, s, "/lab?name="+step.lab).Result[0])
			if a := s.Do("DELETE", "/lab/"+id, "", servertest.Admin()); a.Status != 200 {
				t.Fatalf("DELETE of %s: %d %s", step.lab, a.Status, a.Body)
			}
			post(t, s, 403, "/boot", fmt.Sprintf(report, step.lab), raw(token))
			post(t, s, step.want, "/boot", fmt.Sprintf(report, "lab-b"), raw(token))
		}
	})
}

// TestAggregate_First: the first document of a group is the newest when the groups are
// sorted descending, and the oldest when ascending: what it says is of one document.
func TestAggregate_First(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		newLab(t, s, "lab-a")
		for _, board := range []string{"old", "mid", "new"} {
			post(t, s, 202, "/boot", `{"lab_name":"lab-a","job":"j","kernel":"k","defconfig":"d","board":"`+board+`"}`)
		}
		for query, want := range map[string]string{
			"": "new", "&sort=created_on": "new", "&sort=created_on&sort_order=-1": "new", "&sort=created_on&sort_order=1": "old", "&sort=job&sort_order=1": "old", "&sort_order=1": "new",
		} {
			whole := get(t, s, "/boot?aggregate=job"+query).Result
			field := get(t, s, "/boot?aggregate=job&field=board"+query).Result
			if len(whole) != 1 || len(field) != 1 || field[0]["board"] != want || whole[0]["result"].(map[string]any)["board"] != want {
				t.Errorf("aggregate=job%s: %v and %v, want %s", query, whole, field, want)
				continue
			}
			id := oidOf(whole[0]["result"].(map[string]any))
			if d := get(t, s, "/boot/"+id).Result[0]; fmt.Sprint(d["created_on"]) != fmt.Sprint(whole[0]["result"].(map[string]any)["created_on"]) {
				t.Errorf("aggregate=job%s mixes documents: %v", query, whole[0])
			}
		}
	})
}

// TestReports_EmptyLists: clients go through the lists of groups, cases and builds without
// a look at whether there are any (app/models/test_group.py, test_case.py, build.py).
func TestReports_EmptyLists(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	newLab(t, s, "lab-a")
	post(t, s, 201, "/test/group", `{"name":"none","lab_name":"lab-a","job":"next","kernel":"k"}`)
	post(t, s, 201, "/test/group", `{"name":"one","lab_name":"lab-a","job":"next","kernel":"k","test_cases":[{"name":"a"}]}`)
	post(t, s, 202, "/build", `{"job":"next","kernel":"k","defconfig":"d","arch":"arm"}`)
	for path, fields := range map[string]string{
		"/test/group?name=none": "test_cases sub_groups",
		"/test/group?name=one":  "sub_groups",
		"/test/case":            "measurements attachments log_lines",
		"/build":                "build_platform dtb_dir_data",
	} {
		d := get(t, s, path).Result[0]
		for field := range strings.FieldsSeq(fields) {
			if list, ok := d[field].([]any); !ok || len(list) != 0 {
				t.Errorf("%s: %s is %v, want []", path, field, d[field])
			}
		}
	}
}

// TestCallback_Folder: a path that means what another one means is where that one leads,
// and no reason to lose the log.
func TestCallback_Folder(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	lab := newLab(t, s, "lab-a")
	post(t, s, 202, callbackPath, lavaJob(t, func(job map[string]any) {
		was := job["definition"].(string)
		job["definition"] = fileServer.ReplaceAllString(was, "job.file_server_resource: ./next//master/./k/")
		if job["definition"] == was {
			t.Fatal("the job says nothing of a file server")
		}
	}), raw(lab))
	log, _ := get(t, s, "/test/group?name=usb").Result[0]["log"].(string)
	if !strings.HasPrefix(log, "next/master/k/lab-a/") || !hasFile(s, log) {
		t.Errorf("the log is at %q, want it in next/master/k/lab-a", log)
	}
}

var fileServer = regexp.MustCompile(`job\.file_server_resource: \S+`)

// TestGroups_Mach: kernelci-frontend asks for the groups of a SoC (views of socs), and
// must not be shown those of all others.
func TestGroups_Mach(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		for _, g := range []string{`"name":"boot","lab_name":"lab-a","mach":"tegra"`, `"name":"usb","lab_name":"lab-b","mach":"tegra"`, `"name":"boot","lab_name":"lab-c","mach":"qemu"`, `"name":"boot","lab_name":"lab-d"`} {
			post(t, s, 201, "/test/group", `{"job":"next","kernel":"k",`+g+`}`)
		}
		if p := get(t, s, "/test/group?mach=tegra&parent_id=null"); p.Count != 2 {
			t.Errorf("%d groups of tegra, want 2", p.Count)
		}
		if p := get(t, s, "/test/group?mach=null"); p.Count != 1 {
			t.Errorf("%d groups of no SoC, want 1", p.Count)
		}
		if p := get(t, s, "/test/group?mach=tegra&mach=qemu&aggregate=name&sort=name&sort_order=1&field=mach"); len(p.Result) != 2 || p.Result[0]["mach"] == nil {
			t.Errorf("the plans of two SoCs: %v, want boot and usb", p.Result)
		}
		a := post(t, s, 200, "/batch", `{"batch":[{"resource":"test_group","distinct":"lab_name","query":"mach=tegra"},{"resource":"count","document":"test_group","query":"mach=qemu"}]}`)
		if want := `{"code":200,"result":[{"result":[{"count":2,"result":["lab-a","lab-b"]}]},{"result":[{"collection":"test_group","count":1}]}]}`; string(a.Body) != want {
			t.Errorf("batch: %s, want %s", a.Body, want)
		}
	})
}

// TestCase_Plan: kernelci-frontend counts the failures of a plan, which is the name of the
// outermost group, by the plan of its cases, and shows the plan green when there are none.
func TestCase_Plan(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		post(t, s, 201, "/test/group", `{"name":"kselftest","lab_name":"lab-a","job":"next","kernel":"k","test_cases":[{"name":"a","status":"FAIL"}],
			"sub_groups":[{"name":"net","test_cases":[{"name":"b","status":"FAIL"}],"sub_groups":[{"name":"tcp","test_cases":[{"name":"c","status":"FAIL"}]}]}]}`)
		id := oidOf(get(t, s, "/test/group?name=tcp").Result[0])
		post(t, s, 201, "/test/case", `{"name":"d","status":"FAIL","test_group_id":"`+id+`"}`)
		post(t, s, 201, "/test/group", `{"name":"told","plan":"other","lab_name":"lab-a","job":"next","kernel":"k","test_cases":[{"name":"e","status":"FAIL"}]}`)
		for query, want := range map[string]string{
			"plan=kselftest": "kselftest.a=FAIL kselftest.net.b=FAIL kselftest.net.tcp.c=FAIL kselftest.net.tcp.d=FAIL",
			"plan=other":     "other.told.e=FAIL",
			"plan=null":      "",
		} {
			if got := outcomes(t, s, query+"&status=FAIL&regression_id=null"); got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
		}
	})
}
