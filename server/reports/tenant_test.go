package reports_test

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

// callers are administrators of the tenants a, b and c, a reader of no tenant and one
// who sees everything.
func callers(s *servertest.Server) map[string]servertest.Option {
	return map[string]servertest.Option{
		"a": raw(s.TokenOf("a", auth.Admin)), "b": raw(s.TokenOf("b", auth.Admin)), "c": raw(s.TokenOf("c", auth.Admin)),
		"none": raw(s.TokenOf("", auth.Reader)), "all": raw(servertest.AdminToken),
	}
}

// tenantOnes are the bodies that make one report of each sort, all with git_commit set
// to the same word.
func tenantOnes(commit string) [][2]string {
	return [][2]string{
		{"/job", fmt.Sprintf(`{"job":"j","kernel":"k","git_branch":"m","git_commit":%q}`, commit)},
		{"/build", fmt.Sprintf(`{"job":"j","kernel":"k","git_branch":"m","arch":"arm","defconfig":"d","build_environment":"e","git_commit":%q}`, commit)},
		{"/boot", fmt.Sprintf(`{"lab_name":"l","job":"j","kernel":"k","defconfig":"d","board":"b","git_branch":"m","git_commit":%q}`, commit)},
		{"/test/group", fmt.Sprintf(`{"name":"g","lab_name":"l","job":"j","kernel":"k","git_commit":%q,"test_cases":[{"name":"t"}]}`, commit)},
	}
}

// resources are the sorts of reports, with the names that batches and counts give them.
var resources = []struct{ path, name string }{
	{"/job", "job"}, {"/build", "build"}, {"/boot", "boot"}, {"/test/group", "test_group"}, {"/test/case", "test_case"},
}

// commits are the values of git_commit of what a caller finds, sorted.
func commits(t *testing.T, s *servertest.Server, path string, who servertest.Option) string {
	t.Helper()
	p := get(t, s, path, who)
	var list []string
	for _, d := range p.Result {
		list = append(list, fmt.Sprint(d["git_commit"]))
	}
	if p.Count != len(list) {
		t.Errorf("GET %s: %d with a count of %d", path, len(list), p.Count)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func oidOf(d map[string]any) string { return d["_id"].(map[string]any)["$oid"].(string) }

// TestTenants_Reports: the same reports of nobody and of two tenants stay different
// ones, and no question tells one tenant of the other.
func TestTenants_Reports(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		who := callers(s)
		newLab(t, s, "l")
		for poster, commit := range map[string]string{"all": "none", "a": "of-a", "b": "of-b"} {
			for range 2 { // the second time it is the same report
				for _, one := range tenantOnes(commit) {
					want := map[string]int{"/test/group": 201}[one[0]]
					if a := s.Do("POST", one[0], one[1], servertest.JSON(), who[poster]); a.Status != want && (want != 0 || a.Status/100 != 2) {
						t.Fatalf("POST %s as %s: %d %s", one[0], poster, a.Status, a.Body)
					}
				}
			}
		}
		seen := map[string]string{"a": "of-a", "b": "of-b", "c": "none", "none": "none", "all": "none of-a of-b"}
		for _, r := range resources {
			for caller, want := range seen {
				checkQuestions(t, s, r.path, r.name, caller, who[caller], want)
			}
			checkByID(t, s, r.path, r.name, who)
		}
		checkDeleted(t, s, who)
	})
}

// checkQuestions asks for all reports of a sort in every way that there is.
func checkQuestions(t *testing.T, s *servertest.Server, path, name, caller string, who servertest.Option, want string) {
	t.Helper()
	n := len(strings.Fields(want))
	for _, query := range []string{"", "?sort=created_on&sort_order=-1", "?limit=10&skip=0", "?job=j&kernel=k"} {
		if got := commits(t, s, path+query, who); got != want {
			t.Errorf("%s: GET %s%s: %s, want %s", caller, path, query, got, want)
		}
	}
	if p := get(t, s, path+"?limit=1", who); p.Count != n {
		t.Errorf("%s: GET %s?limit=1 counts %d, want %d", caller, path, p.Count, n)
	}
	if p := get(t, s, path+"?aggregate=git_commit", who); len(p.Result) != n {
		t.Errorf("%s: GET %s aggregated: %v, want %d", caller, path, p.Result, n)
	}
	for _, theirs := range []string{"none", "of-a", "of-b"} {
		if got, seen := get(t, s, path+"?git_commit="+theirs, who).Count == 1, strings.Contains(want, theirs); got != seen {
			t.Errorf("%s: GET %s finds that of %s: %v, want %v", caller, path, theirs, got, seen)
		}
	}
	for _, query := range []string{"", "?job=j"} {
		var values struct {
			Count  int
			Result []string
		}
		read(t, s.Do("GET", path+"/distinct/git_commit"+query, "", who), &values)
		if values.Count != n || strings.Join(values.Result, " ") != want {
			t.Errorf("%s: the values of %s%s: %v, want %s", caller, path, query, values, want)
		}
	}
	var counts struct{ Result []struct{ Count int } }
	read(t, s.Do("GET", "/count/"+name, "", who), &counts)
	if len(counts.Result) != 1 || counts.Result[0].Count != n {
		t.Errorf("%s: GET /count/%s: %v, want %d", caller, name, counts, n)
	}
	var batch struct {
		Result []struct{ Result []map[string]any }
	}
	read(t, s.Do("POST", "/batch", fmt.Sprintf(`{"batch":[{"resource":%[1]q},{"resource":"count","document":%[1]q},
		{"resource":%[1]q,"distinct":"git_commit"},{"resource":"count","document":%[1]q,"distinct":"git_commit","query":"job=j"}]}`, name), servertest.JSON(), who), &batch)
	for i, entry := range batch.Result {
		if len(entry.Result) != 1 || fmt.Sprint(entry.Result[0]["count"]) != fmt.Sprint(n) {
			t.Errorf("%s: entry %d of a batch about %s: %v, want %d", caller, i, name, entry.Result, n)
		}
	}
}

func read(t *testing.T, a servertest.Answer, into any) {
	t.Helper()
	if err := json.Unmarshal(a.Body, into); err != nil || a.Status != 200 {
		t.Fatalf("%d %s, %v", a.Status, a.Body, err)
	}
}

// checkByID reaches for one report by its id: what is another tenant's does not exist,
// what is nobody's can be read.
func checkByID(t *testing.T, s *servertest.Server, path, name string, who map[string]servertest.Option) {
	t.Helper()
	ids := map[string]string{}
	for _, d := range get(t, s, path, who["all"]).Result {
		ids[d["git_commit"].(string)] = oidOf(d)
	}
	const missing = "000000000000000000000000"
	for _, method := range []string{"GET", "DELETE", "PUT"} {
		if method == "PUT" && !strings.HasPrefix(path, "/test/") {
			continue
		}
		do := func(id string) servertest.Answer {
			return s.Do(method, path+"/"+id, `{"version":"9"}`, servertest.JSON(), who["a"])
		}
		theirs, none := do(ids["of-b"]), do(missing)
		if same := strings.ReplaceAll(string(none.Body), missing, ids["of-b"]); theirs.Status != 404 || none.Status != 404 || withoutRequest(theirs.Body) != withoutRequest([]byte(same)) {
			t.Errorf("%s of b's %s: %d %s, want what there is for none: %s", method, name, theirs.Status, theirs.Body, none.Body)
		}
		switch a := do(ids["none"]); {
		case method == "GET" && a.Status != 200:
			t.Errorf("GET of nobody's %s: %d %s, want 200", name, a.Status, a.Body)
		case method != "GET" && (a.Status != 403 || !strings.Contains(string(a.Body), "belongs to no tenant")):
			t.Errorf("%s of nobody's %s: %d %s, want 403", method, name, a.Status, a.Body)
		}
	}
	batch := func(id string) string {
		a := s.Do("POST", "/batch", fmt.Sprintf(`{"batch":[{"resource":%q,"document":%q}]}`, name, id), servertest.JSON(), who["a"])
		return string(a.Body)
	}
	if got, want := batch(ids["of-b"]), batch(missing); got != want {
		t.Errorf("a batch with the id of b's %s: %s, want %s", name, got, want)
	}
	if got := batch(ids["none"]); !strings.Contains(got, ids["none"]) {
		t.Errorf("a batch with the id of nobody's %s: %s", name, got)
	}
}

// withoutRequest drops the only part of a problem that no two have in common.
func withoutRequest(body []byte) string {
	var problem map[string]any
	_ = json.Unmarshal(body, &problem)
	delete(problem, "request_id")
	text, _ := json.Marshal(problem)
	return string(text)
}

// checkDeleted deletes what a has: then a sees again what is nobody's, and everything
// else is still there.
func checkDeleted(t *testing.T, s *servertest.Server, who map[string]servertest.Option) {
	t.Helper()
	if a := s.Do("DELETE", "/boot?job=j", "", who["c"]); !strings.Contains(string(a.Body), "0 resources deleted") {
		t.Errorf("DELETE of boots by who has none: %s", a.Body)
	}
	if a := s.Do("DELETE", "/boot?job=j", "", who["a"]); !strings.Contains(string(a.Body), "1 resources deleted") {
		t.Errorf("DELETE of a's boots: %s", a.Body)
	}
	for _, path := range []string{"/test/group", "/job"} { // with their cases and builds
		id := oidOf(get(t, s, path, who["a"]).Result[0])
		if a := s.Do("DELETE", path+"/"+id, "", who["a"]); a.Status != 200 {
			t.Fatalf("DELETE %s/%s: %d %s", path, id, a.Status, a.Body)
		}
	}
	for _, r := range resources {
		for caller, want := range map[string]string{"a": "none", "b": "of-b", "none": "none", "all": "none of-b"} {
			if got := commits(t, s, r.path, who[caller]); got != want {
				t.Errorf("after a deleted its own, %s: GET %s: %s, want %s", caller, r.path, got, want)
			}
		}
	}
	job := oidOf(get(t, s, "/job", who["none"]).Result[0])
	if a := s.Do("DELETE", "/job/"+job, "", who["all"]); a.Status != 200 {
		t.Fatalf("DELETE of nobody's job: %d %s", a.Status, a.Body)
	}
	if got := commits(t, s, "/build", who["all"]); got != "of-b" {
		t.Errorf("after nobody's job was deleted there are builds %s, want of-b", got)
	}
}

// TestTenants_Related: a report is tied to the build and the job of its own tenant,
// else to those of nobody, never to another tenant's.
func TestTenants_Related(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		who := callers(s)
		newLab(t, s, "l")
		build, boot := tenantOnes("x")[1][1], tenantOnes("x")[2][1]
		group := `{"name":"g","lab_name":"l","job":"j","kernel":"k"}`
		post(t, s, 202, "/build", build, who["a"])
		for _, poster := range []string{"all", "b"} {
			post(t, s, 202, "/boot", boot, who[poster])
			post(t, s, 201, "/test/group", group, who[poster])
		}
		for _, caller := range []string{"none", "b"} {
			for _, path := range []string{"/boot", "/test/group"} {
				if d := get(t, s, path, who[caller]).Result[0]; d["build_id"] != nil || d["job_id"] != nil {
					t.Errorf("%s's %s belongs to a's build: %v, %v", caller, path, d["build_id"], d["job_id"])
				}
			}
		}
		post(t, s, 202, "/build", build, who["all"])
		for caller, owner := range map[string]string{"a": "a", "c": "none"} {
			post(t, s, 202, "/boot", boot, who[caller])
			post(t, s, 201, "/test/group", group, who[caller])
			b := get(t, s, "/build", who[owner]).Result[0]
			for _, path := range []string{"/boot", "/test/group"} {
				if d := get(t, s, path, who[caller]).Result[0]; fmt.Sprint(d["build_id"], d["job_id"]) != fmt.Sprint(b["_id"], b["job_id"]) {
					t.Errorf("%s's %s belongs to build %v, job %v, want %s's %v, %v", caller, path, d["build_id"], d["job_id"], owner, b["_id"], b["job_id"])
				}
			}
		}
		// A build finds nobody's job, and makes none of its own then.
		post(t, s, 202, "/build", build, who["c"])
		job := get(t, s, "/job", who["none"]).Result[0]
		if b := get(t, s, "/build", who["c"]).Result[0]; fmt.Sprint(b["job_id"]) != fmt.Sprint(job["_id"]) || get(t, s, "/job", who["all"]).Count != 2 {
			t.Errorf("c's build belongs to job %v, want nobody's %v; there are %d jobs, want 2", b["job_id"], job["_id"], get(t, s, "/job", who["all"]).Count)
		}
		// By its id, a group cannot name another tenant's build either.
		theirs := oidOf(get(t, s, "/build", who["a"]).Result[0])
		a := post(t, s, 201, "/test/group", fmt.Sprintf(`{"name":"by id","lab_name":"l","build_id":%q}`, theirs), who["b"])
		if !strings.Contains(string(a.Body), "there is no build") {
			t.Errorf("a group of b that names a's build: %s, want a warning", a.Body)
		}
	})
}

// TestTenants_Labs: each tenant has its own lab of a name, and its token reports for
// the tenant.
func TestTenants_Labs(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		who := callers(s)
		lab := func(more string) string {
			return `{"name":"l","contact":{"name":"n","surname":"s","email":"e@example.org"}` + more + `}`
		}
		tokens := map[string]servertest.Option{}
		for _, tenant := range []string{"all", "a", "b"} {
			tokens[tenant] = raw(tokenText(t, post(t, s, 201, "/lab", lab(""), who[tenant])))
			if a := s.Do("POST", "/lab", lab(""), servertest.JSON(), who[tenant]); a.Status != 400 {
				t.Errorf("a second lab of %s with one name: %d, want 400", tenant, a.Status)
			}
		}
		for caller, want := range map[string]int{"a": 1, "b": 1, "c": 1, "all": 3} {
			if p := get(t, s, "/lab?name=l", who[caller]); p.Count != want || len(p.Result) != want {
				t.Errorf("%s sees %d labs, want %d", caller, p.Count, want)
			}
		}
		for tenant, token := range tokens {
			one := strings.Replace(tenantOnes("x")[2][1], `"x"`, `"by-`+tenant+`"`, 1)
			post(t, s, 202, "/boot", one, token)
		}
		for caller, want := range map[string]string{"a": "by-a", "b": "by-b", "none": "by-all", "all": "by-a by-all by-b"} {
			if got := commits(t, s, "/boot", who[caller]); got != want {
				t.Errorf("%s sees boots %s, want %s", caller, got, want)
			}
		}
		ofA, ofNone := get(t, s, "/lab", who["a"]).Result[0], get(t, s, "/lab", who["c"]).Result[0]
		for _, tt := range []struct {
			caller, method, id string
			want               int
		}{
			{"b", "GET", oidOf(ofA), 404}, {"b", "PUT", oidOf(ofA), 404}, {"b", "DELETE", oidOf(ofA), 404},
			{"a", "GET", oidOf(ofNone), 200}, {"a", "PUT", oidOf(ofNone), 403}, {"a", "DELETE", oidOf(ofNone), 403},
			{"a", "PUT", oidOf(ofA), 200}, {"all", "PUT", oidOf(ofA), 200},
		} {
			if a := s.Do(tt.method, "/lab/"+tt.id, `{"private":true}`, servertest.JSON(), who[tt.caller]); a.Status != tt.want {
				t.Errorf("%s %s as %s: %d %s, want %d", tt.method, tt.id, tt.caller, a.Status, a.Body, tt.want)
			}
		}
		token := ofA["token"].(map[string]any)["$oid"].(string)
		for caller, path := range map[string]string{"all": "/lab/" + oidOf(ofNone), "b": "/lab/" + oidOf(get(t, s, "/lab", who["b"]).Result[0])} {
			if a := s.Do("PUT", path, fmt.Sprintf(`{"token":%q}`, token), servertest.JSON(), who[caller]); a.Status != 400 || !strings.Contains(string(a.Body), "/token") {
				t.Errorf("a lab with the token of another tenant, as %s: %d %s, want 400", caller, a.Status, a.Body)
			}
		}
		if a := s.Do("DELETE", "/lab/"+oidOf(ofA), "", who["a"]); a.Status != 200 {
			t.Errorf("DELETE of a's lab: %d %s", a.Status, a.Body)
		}
		if a := s.Do("POST", "/boot", tenantOnes("x")[2][1], servertest.JSON(), tokens["a"]); a.Status != 403 {
			t.Errorf("the token of a lab that is gone: %d, want 403", a.Status)
		}
		post(t, s, 202, "/boot", tenantOnes("y")[2][1], tokens["b"])
	})
}

// TestTenants_Files: a path names one file for each tenant.
func TestTenants_Files(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		who := callers(s)
		for _, tt := range []struct {
			caller, path, text string
			want               int
		}{
			{"all", "f/x.txt", "of none", 201}, {"a", "f/x.txt", "of a", 201}, {"b", "f/x.txt", "of b, at first", 201}, {"b", "f/x.txt", "of b", 200},
			{"b", "f/y.txt", "of b alone", 201}, {"a", "f/y.txt", "of a alone", 201},
		} {
			if a := s.Do("PUT", "/upload/"+tt.path, tt.text, who[tt.caller]); a.Status != tt.want {
				t.Errorf("PUT %s as %s: %d %s, want %d", tt.path, tt.caller, a.Status, a.Body, tt.want)
			}
		}
		form := func(token, text string) {
			if a := sendForm(t, s, token, map[string]string{"path": "f"}, "z.txt", text); a.Status != 200 || !strings.Contains(string(a.Body), "201") {
				t.Errorf("a form: %d %s", a.Status, a.Body)
			}
		}
		form(s.TokenOf("a", auth.Admin), "form of a")
		form(s.TokenOf("b", auth.Admin), "form of b")
		for path, want := range map[string]map[string]string{
			"f/x.txt": {"a": "of a", "b": "of b", "c": "of none", "none": "of none", "all": "of none"},
			"f/y.txt": {"a": "of a alone", "b": "of b alone", "c": "", "none": "", "all": "of a alone"},
			"f/z.txt": {"a": "form of a", "b": "form of b", "c": "", "none": ""},
		} {
			for caller, text := range want {
				switch a := s.Do("GET", "/v1/files/"+path, "", who[caller]); {
				case text == "" && a.Status != 404:
					t.Errorf("GET %s as %s: %d %s, want 404", path, caller, a.Status, a.Body)
				case text != "" && string(a.Body) != text:
					t.Errorf("GET %s as %s: %d %s, want %s", path, caller, a.Status, a.Body, text)
				}
			}
		}
	})
}

// TestTenants_Callbacks: LAVA reports the same job to two tenants' labs of one name.
func TestTenants_Callbacks(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		who := callers(s)
		for _, tenant := range []string{"a", "b"} {
			lab := raw(tokenText(t, post(t, s, 201, "/lab", `{"name":"lab-a","contact":{"name":"n","surname":"s","email":"e@example.org"}}`, who[tenant])))
			job := lavaJob(t, func(job map[string]any) {
				if tenant == "b" {
					job["results"] = results("0_usb", "[{name: only, result: fail}]")
				}
			})
			for range 2 {
				post(t, s, 202, callbackPath, job, lab)
				post(t, s, 202, strings.Replace(callbackPath, "test", "boot", 1), job, lab)
			}
		}
		folder, log := path.Split(lavaLog(t, s, who["a"])) // both labs' jobs make the same paths
		callback := folder + "lava-json-" + strings.TrimSuffix(log, ".txt") + ".json"
		for caller, want := range map[string][3]int{"a": {7, 1, 1}, "b": {1, 1, 1}, "c": {}, "none": {}} {
			got := [3]int{get(t, s, "/test/case?lab_name=lab-a", who[caller]).Count, get(t, s, "/test/group?parent_id=null", who[caller]).Count, get(t, s, "/boot", who[caller]).Count}
			if caller == "b" {
				got[0] = get(t, s, "/test/case?name=only", who[caller]).Count
			}
			if got != want {
				t.Errorf("%s sees %v test cases, plans and boots, want %v", caller, got, want)
			}
			for _, file := range []string{folder + log, callback} {
				a := s.Do("GET", "/v1/files/"+file, "", who[caller])
				if a.Status == 200 != (want[1] == 1) || file == callback && strings.Contains(string(a.Body), "only") != (caller == "b") {
					t.Errorf("GET %s as %s: %d %.200s", file, caller, a.Status, a.Body)
				}
			}
		}
		if n := get(t, s, "/test/case?name=only", who["a"]).Count; n != 0 {
			t.Errorf("a sees %d cases of b", n)
		}
	})
}

// lavaLog is the path of the log of the plan that a caller sees.
func lavaLog(t *testing.T, s *servertest.Server, who servertest.Option) string {
	t.Helper()
	for _, g := range get(t, s, "/test/group?name=usb", who).Result {
		if path, ok := g["log"].(string); ok {
			return path
		}
	}
	t.Fatal("no group has a log")
	return ""
}

// TestTenants_Trees: nobody's group is read, hung under and hidden by a tenant, and
// never changed.
func TestTenants_Trees(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		who := callers(s)
		body := `{"name":"g","lab_name":"l","job":"j","kernel":"k","test_cases":[{"name":"t"}],"sub_groups":[{"name":"s","test_cases":[{"name":"u"}]}]}`
		post(t, s, 201, "/test/group", body, who["all"])
		top := oidOf(get(t, s, "/test/group?name=g", who["none"]).Result[0])
		if a := s.Do("POST", "/test/case", fmt.Sprintf(`{"name":"more","test_group_id":%q}`, top), servertest.JSON(), who["a"]); a.Status != 403 || !strings.Contains(string(a.Body), "no tenant") {
			t.Errorf("a case of a in nobody's group: %d %s, want 403", a.Status, a.Body)
		}
		hung := fmt.Sprintf(`{"name":"hung","lab_name":"l","job":"j","kernel":"k","parent_id":%q,"test_cases":[{"name":"v"}],"root_id":%[1]q}`, top)
		if a := post(t, s, 201, "/test/group", hung, who["a"]); !strings.Contains(string(a.Body), "root_id") { // the server alone sets it
			t.Errorf("a group with a root_id: %s, want a warning", a.Body)
		}
		names := func(caller string) string {
			var list []string
			for _, path := range []string{"/test/group", "/test/case"} {
				for _, d := range get(t, s, path, who[caller]).Result {
					list = append(list, d["name"].(string))
				}
			}
			slices.Sort(list)
			return strings.Join(list, " ")
		}
		check := func(what string, want map[string]string) {
			t.Helper()
			for caller, want := range want {
				if got := names(caller); got != want {
					t.Errorf("%s: %s sees %s, want %s", what, caller, got, want)
				}
			}
		}
		check("hung under nobody's", map[string]string{"a": "g hung s t u v", "b": "g s t u", "none": "g s t u", "all": "g hung s t u v"})
		post(t, s, 201, "/test/group", `{"name":"g","lab_name":"l","job":"j","kernel":"k","test_cases":[{"name":"own"}]}`, who["a"])
		check("hidden by its own", map[string]string{"a": "g hung own v", "b": "g s t u", "none": "g s t u"})

		own := oidOf(get(t, s, "/test/group?name=g", who["a"]).Result[0])
		add := fmt.Sprintf(`{"name":"added","test_group_id":%q}`, own)
		if a := s.Do("POST", "/test/case", add, servertest.JSON(), who["b"]); a.Status != 400 || !strings.Contains(string(a.Body), "/test_group_id") {
			t.Errorf("a case of b in a's group: %d %s, want 400", a.Status, a.Body)
		}
		post(t, s, 201, "/test/case", add, who["all"])
		check("a case that an operator added", map[string]string{"a": "added g hung own v", "b": "g s t u", "none": "g s t u"})

		// A group of nobody that is moved out of the hidden tree is seen again, with its cases.
		sub := oidOf(get(t, s, "/test/group?name=s", who["none"]).Result[0])
		move := func(parent string) {
			t.Helper()
			if a := s.Do("PUT", "/test/group/"+sub, fmt.Sprintf(`{"parent_id":%s}`, parent), servertest.JSON(), who["all"]); a.Status != 200 {
				t.Fatalf("PUT: %d %s", a.Status, a.Body)
			}
		}
		move("null")
		check("moved out", map[string]string{"a": "added g hung own s u v", "none": "g s t u"})
		move(`"` + top + `"`)
		check("moved back", map[string]string{"a": "added g hung own v", "none": "g s t u"})

		if a := s.Do("DELETE", "/test/group/"+top, "", who["all"]); a.Status != 200 {
			t.Fatalf("DELETE: %d %s", a.Status, a.Body)
		}
		check("nobody's tree is gone", map[string]string{"a": "added g hung own v", "b": "", "none": ""})
	})
}

// TestTenants_AtOnce: two tenants report the same build and the same group at once.
func TestTenants_AtOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		who := callers(s)
		var wg sync.WaitGroup
		for range 6 {
			for _, tenant := range []string{"a", "b"} {
				wg.Go(func() {
					for _, one := range [][2]string{tenantOnes("of-" + tenant)[1], tenantOnes("of-" + tenant)[3]} {
						if a := s.Do("POST", one[0], one[1], servertest.JSON(), who[tenant]); a.Status/100 != 2 {
							t.Errorf("POST %s as %s: %d %s", one[0], tenant, a.Status, a.Body)
						}
					}
				})
			}
		}
		wg.Wait()
		for _, path := range []string{"/build", "/job", "/test/group", "/test/case"} {
			for caller, want := range map[string]string{"a": "of-a", "b": "of-b", "none": "", "all": "of-a of-b"} {
				if got := commits(t, s, path, who[caller]); got != want {
					t.Errorf("%s: GET %s: %s, want %s", caller, path, got, want)
				}
			}
		}
	})
}
