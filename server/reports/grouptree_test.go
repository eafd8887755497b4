package reports_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// TestGroups_OneName: groups of one name inside different groups, several inside one,
// and one that is called like the group around it, are all different groups. What
// stands in one hides nothing that stands in another.
func TestGroups_OneName(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, sub, want string }{
		{"under different parents", `{"name":"x","sub_groups":[{"name":"s","test_cases":[{"name":"a","status":"FAIL"}]}]},
			{"name":"y","sub_groups":[{"name":"s","test_cases":[{"name":"a"}]}]}`, "p.g.x.s.a=FAIL p.g.y.s.a=PASS"},
		{"twice", `{"name":"s","test_cases":[{"name":"a","status":"FAIL"}]},{"name":"s","test_cases":[{"name":"a"}]}`, "p.g.s.a=FAIL p.g.s.a=PASS"},
		{"like the parent", `{"name":"g","test_cases":[{"name":"a"}]}`, "p.g.g.a=PASS"},
		{"like the parent, all the way down", `{"name":"g","test_cases":[{"name":"a"}],"sub_groups":[{"name":"g","test_cases":[{"name":"a","status":"FAIL"}]}]}`,
			"p.g.g.a=PASS p.g.g.g.a=FAIL"},
		{"with parents of their own", `{"name":"s","parent_id":"000000000000000000000001","test_cases":[{"name":"a","status":"FAIL"}]},
			{"name":"s","parent_id":"000000000000000000000002","test_cases":[{"name":"a"}]}`, "p.g.s.a=FAIL p.g.s.a=PASS"},
	}
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		for i, tt := range tests {
			body := fmt.Sprintf(`{"name":"g","lab_name":"l","job":"j","kernel":"k%d","plan":"p","sub_groups":[%s]}`, i, tt.sub)
			for range 2 {
				post(t, s, 201, "/test/group", body)
				if got := outcomes(t, s, fmt.Sprintf("kernel=k%d", i)); got != tt.want {
					t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
				}
			}
		}
		checkTrees(t, s)
	})
}

// TestGroups_Alike: groups that only their parent or their device type tells apart.
func TestGroups_Alike(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		group := func(more string) string {
			return `{"name":"g","lab_name":"l","job":"j","kernel":"k",` + more + `}`
		}
		for range 2 {
			post(t, s, 201, "/test/group", group(`"device_type":"odin","test_cases":[{"name":"a","status":"FAIL"}]`))
			post(t, s, 201, "/test/group", group(`"device_type":"juno","test_cases":[{"name":"a"}]`))
			post(t, s, 201, "/test/group", group(`"parent_id":"000000000000000000000001","test_cases":[{"name":"a","status":"SKIP"}]`))
			post(t, s, 201, "/test/group", group(`"parent_id":"000000000000000000000002","test_cases":[{"name":"a","status":"ERROR"}]`))
			post(t, s, 201, "/test/group", group(`"board":"b","device_type":"odin","test_cases":[{"name":"b"}]`))
			post(t, s, 201, "/test/group", group(`"board":"b","device_type":"juno","test_cases":[{"name":"b"}]`)) // one board
		}
		if got, want := outcomes(t, s, ""), "g.a=ERROR g.a=FAIL g.a=PASS g.a=SKIP g.b=PASS"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// TestGroups_InParts posts a group again and again: what a report names takes the
// place of what there was, everything else stays.
func TestGroups_InParts(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		steps := []struct{ more, want string }{
			{`,"test_cases":[{"name":"a"},{"name":"b","status":"FAIL"}],"sub_groups":[{"name":"x","test_cases":[{"name":"c"}]},{"name":"x","test_cases":[{"name":"d"}]},{"name":"y","test_cases":[{"name":"e"}]}]`,
				"g.a=PASS g.b=FAIL g.x.c=PASS g.x.d=PASS g.y.e=PASS"},
			{``, "g.a=PASS g.b=FAIL g.x.c=PASS g.x.d=PASS g.y.e=PASS"},
			{`,"test_cases":null,"sub_groups":[]`, "g.a=PASS g.b=FAIL g.x.c=PASS g.x.d=PASS g.y.e=PASS"},
			{`,"test_cases":[{"name":"a","status":"SKIP"},{"name":"a"}]`, "g.a=PASS g.a=SKIP g.b=FAIL g.x.c=PASS g.x.d=PASS g.y.e=PASS"},
			{`,"test_cases":[{"name":"a"}]`, "g.a=PASS g.b=FAIL g.x.c=PASS g.x.d=PASS g.y.e=PASS"},
			{`,"sub_groups":[{"name":"x","test_cases":[{"name":"f"}]}]`, "g.a=PASS g.b=FAIL g.x.c=PASS g.x.f=PASS g.y.e=PASS"},
			{`,"sub_groups":[{"name":"z","test_cases":[{"name":"h"}]}]`, "g.a=PASS g.b=FAIL g.x.c=PASS g.x.f=PASS g.y.e=PASS g.z.h=PASS"},
		}
		for _, step := range steps {
			post(t, s, 201, "/test/group", `{"name":"g","lab_name":"l","job":"j","kernel":"k"`+step.more+`}`)
			if got := outcomes(t, s, ""); got != step.want {
				t.Errorf("%.80s: %s, want %s", step.more, got, step.want)
			}
			checkTrees(t, s)
		}
	})
}

// TestGroups_CaseByCase is what single-tests-registration.py does: the group first,
// then each case. It does so again, and for a group inside another.
func TestGroups_CaseByCase(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		group := `{"name":"A test group","build_id":"123456789012345678901234","lab_name":"lab-test-00"}`
		for i := range 2 {
			post(t, s, 201, "/test/group", group)
			id := get(t, s, "/test/group").Result[0]["_id"].(map[string]any)["$oid"]
			post(t, s, 201, "/test/case", fmt.Sprintf(`{"name":"case %d","test_group_id":%q}`, i, id))
			if got, n := get(t, s, "/test/case").Count, get(t, s, "/test/group").Count; got != i+1 || n != 1 {
				t.Errorf("round %d: %d cases in %d groups", i, got, n)
			}
		}
		post(t, s, 201, "/test/group", `{"name":"g","lab_name":"l","job":"j","kernel":"k","plan":"p","sub_groups":[{"name":"x","sub_groups":[{"name":"y"}]}]}`)
		id := get(t, s, "/test/group?name=y").Result[0]["_id"].(map[string]any)["$oid"]
		post(t, s, 201, "/test/case", fmt.Sprintf(`{"name":"c","test_group_id":%q}`, id))
		if got := outcomes(t, s, "kernel=k"); got != "p.g.x.y.c=PASS" {
			t.Errorf("a case of an inner group: %s", got)
		}
		post(t, s, 201, "/test/group", fmt.Sprintf(`{"name":"z","lab_name":"l","job":"j","kernel":"k","plan":"p","parent_id":%q,"test_cases":[{"name":"d"}]}`, id))
		if got := outcomes(t, s, "name=d"); got != "p.g.x.y.z.d=PASS" {
			t.Errorf("a group that names its parent: %s", got)
		}
		for path, want := range map[string]int{"/test/group/" + id.(string): 200, "/test/group/" + strings.Repeat("0", 24): 404} {
			if a := s.Do("DELETE", path, "", servertest.Admin()); a.Status != want {
				t.Errorf("DELETE %s: %d %s", path, a.Status, a.Body)
			}
		}
		checkTrees(t, s)
		if got := outcomes(t, s, "kernel=k"); got != "" {
			t.Errorf("left of a deleted group: %s", got)
		}
	})
}

// TestGroups_Logs: a group has the names of its logs, and so have those inside it
// that do not say otherwise.
func TestGroups_Logs(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	a := post(t, s, 201, "/test/group", `{"name":"g","lab_name":"l","job":"j","kernel":"k","boot_log":"boot.txt","boot_log_html":"boot.html","boot_result_description":"slow",
		"sub_groups":[{"name":"x"},{"name":"y","boot_log":"y.txt","sub_groups":[{"name":"z"}]}]}`)
	if strings.Contains(string(a.Body), "errors") {
		t.Errorf("answer: %s", a.Body)
	}
	var got []string
	for _, g := range get(t, s, "/test/group?sort=name&sort_order=1").Result {
		got = append(got, fmt.Sprint(g["name"], " ", g["boot_log"], " ", g["boot_log_html"], " ", g["boot_result_description"]))
	}
	want := "g boot.txt boot.html slow, x boot.txt boot.html <nil>, y y.txt boot.html <nil>, z y.txt boot.html <nil>"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
}

// TestTrees_AtOnce lets callbacks of one job that differ, plain reports of the same
// group, cases of their own and deletions meet: no tree is half of one and half of
// another, and no case that was acknowledged last is lost.
func TestTrees_AtOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		newLab(t, s, "lab-a")
		callback := func(result string) string {
			return lavaJob(t, func(job map[string]any) {
				job["results"] = results("0_usb", "[{name: a, result: "+result+"}]", "1_"+result, "[{name: b, result: "+result+", metadata: {set: s}}]")
			})
		}
		post(t, s, 202, callbackPath, callback("pass"))
		top := get(t, s, "/test/group?name=usb&sort=created_on&sort_order=1").Result[0]
		if top["parent_id"] != nil {
			top = get(t, s, "/test/group?name=usb&sort=created_on&sort_order=1").Result[1]
		}
		id := top["_id"].(map[string]any)["$oid"].(string)
		plain := `{"name":"usb","lab_name":"lab-a","job":"mainline","kernel":"v6.9-rc2","git_branch":"master","arch":"arm64","defconfig":"defconfig",
			"defconfig_full":"defconfig+CONFIG_SMP=n","build_environment":"gcc-12","board":"odin-board","plan":"usb","plan_variant":"usb-nfs",
			"sub_groups":[{"name":"more","test_cases":[{"name":"m"}]}]}`
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() { post(t, s, 202, callbackPath, callback([]string{"pass", "fail"}[i%2])) })
			wg.Go(func() { post(t, s, 201, "/test/group", plain) })
			wg.Go(func() { post(t, s, 201, "/test/case", fmt.Sprintf(`{"name":"own","test_group_id":%q}`, id)) })
			wg.Go(func() {
				for _, g := range get(t, s, "/test/group?name=s").Result {
					path := "/test/group/" + g["_id"].(map[string]any)["$oid"].(string)
					if a := s.Do("DELETE", path, "", servertest.Admin()); a.Status != 200 && a.Status != 404 {
						t.Errorf("DELETE %s: %d %s", path, a.Status, a.Body)
					}
				}
			})
		}
		wg.Wait()
		checkTrees(t, s)
		if pass, fail := get(t, s, "/test/group?name=pass").Count, get(t, s, "/test/group?name=fail").Count; pass+fail != 1 {
			t.Errorf("%d and %d suites of the two callbacks, want those of one", pass, fail)
		}
		if p := get(t, s, "/test/group?name=usb"); p.Count != 2 { // the plan and its suite
			t.Errorf("%d groups called usb, want 2", p.Count)
		}
		post(t, s, 202, callbackPath, callback("fail"))
		var cases sync.WaitGroup
		for i := range 8 {
			cases.Go(func() {
				post(t, s, 201, "/test/case", fmt.Sprintf(`{"name":"own %d","test_group_id":%q}`, i, id))
			})
			cases.Go(func() { post(t, s, 201, "/test/group", plain) })
		}
		cases.Wait()
		checkTrees(t, s)
		if got, want := get(t, s, "/test/case").Count, 2+8+1; got != want {
			t.Errorf("%d cases, want %d: %s", got, want, outcomes(t, s, ""))
		}
	})
}
