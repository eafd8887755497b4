package analysis_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

func newCreation(t *testing.T, s *servertest.Server) *creation {
	return &creation{Server: s, t: t, ids: map[string]string{}, at: start}
}

// cloud registers a cloud, and returns its id.
func (c *creation) cloud(key string) string {
	c.t.Helper()
	c.store(object{"do": "cloud", "key": key, "label": key, "version": "1"})
	return c.ids[key]
}

// run makes a run of a cloud and posts a result of tests, each a name, a status and
// perhaps what it says. It returns the run's reference.
func (c *creation) run(cloud string, tests ...[]any) string {
	c.t.Helper()
	c.store(object{"do": "run", "key": "last", "cloud": cloud})
	c.again(tests...)
	return "run:" + c.ids["last"]
}

// again posts another result of the last run.
func (c *creation) again(tests ...[]any) {
	c.t.Helper()
	list := make([]any, len(tests))
	for i := range tests {
		list[i] = tests[i]
	}
	c.store(object{"do": "result", "run": "last", "tests": list})
}

func (c *creation) get(path string, query url.Values, options ...servertest.Option) object {
	c.t.Helper()
	return c.call("GET", path+"?"+query.Encode(), nil, http.StatusOK, options...)
}

func list(o object, name string) []any { return o[name].([]any) }

// Section 8, each line: the answer names the parameter and what is allowed.
func TestBadInput(t *testing.T) {
	t.Parallel()
	c := newCreation(t, servertest.New(t))
	c.cloud("c")
	c.run("c", []any{"a", "success"})
	run := c.run("c", []any{"a", "fail"})
	compare := func(query string) string { return "/v1/compare?head=" + url.QueryEscape(run) + query }
	for _, tt := range []struct {
		name, path string
		status     int
		says       []string
	}{
		{"an unknown class", compare("&class=newly"), 400, []string{"class", "newly", "still_failing"}},
		{"an unknown kind", compare("&base=set:1"), 400, []string{"base", "run:", "kernel:", "none"}},
		{"an unknown kind of the head", "/v1/compare?head=set:1", 400, []string{"head", "run:", "kernel:"}},
		{"no head", "/v1/compare", 400, []string{"head"}},
		{"none is no head", "/v1/compare?head=none", 400, []string{"head", "run:"}},
		{"previous is no head", "/v1/compare?head=previous", 400, []string{"head", "run:"}},
		{"half a reference", compare("&base=image:1"), 400, []string{"base", "image:"}},
		{"an unknown field", compare("&context=colour"), 400, []string{"context", "colour", "lab_name"}},
		{"an unknown filter of issues", compare("&known=maybe"), 400, []string{"known", "include"}},
		{"an unknown group", compare("&group_by=name"), 400, []string{"group_by", "message"}},
		{"an unknown form", compare("&as=xml"), 400, []string{"as", "csv"}},
		{"a parameter that is misspelt", compare("&clas=fixed"), 400, []string{"clas", "class"}},
		{"sort is not offered", compare("&sort=name"), 400, []string{"sort"}},
		{"a glob over 1000 bytes", compare("&name=" + strings.Repeat("%C3%A9", 501)), 400, []string{"name", "1000 bytes"}},
		{"a history over 60", compare("&history=61"), 400, []string{"history", "60"}},
		{"a limit of 0", compare("&limit=0"), 400, []string{"limit", "1"}},
		{"a limit over 1000", compare("&limit=1001"), 400, []string{"limit", "1000"}},
		{"a cursor that is none", compare("&after=x"), 400, []string{"after"}},
		{"two bases", compare("&base=none&base=run:1"), 400, []string{"base"}},
		{"a head that does not exist", "/v1/compare?head=run:9999", 404, []string{"head", "run:9999"}},
		{"a base that does not exist", compare("&base=run:9999"), 404, []string{"base", "run:9999"}},
		{"an attempt that does not exist", "/v1/compare?head=" + url.QueryEscape(run+"/7"), 404, []string{"head", run + "/7"}},
		{"a kernel that nobody reported", "/v1/compare?head=kernel:a/b/c", 404, []string{"head", "kernel:a/b/c"}},
		{"a window of 1", "/v1/test-history?name=a&window=1", 400, []string{"window", "2"}},
		{"a window over 200", "/v1/test-history?name=a&window=201", 400, []string{"window", "200"}},
		{"a history without a name", "/v1/test-history", 400, []string{"name"}},
		{"an unknown source", "/v1/test-history?name=a&source=moon", 400, []string{"source", "opportunity"}},
		{"a time that is none", "/v1/test-history?name=a&since=yesterday", 400, []string{"since"}},
		{"a history's cursor that is none", "/v1/test-history?name=a&after=x", 400, []string{"after"}},
		{"no line", "/v1/flaky-tests", 400, []string{"cloud_id", "job", "product_id"}},
		{"two lines", "/v1/flaky-tests?cloud_id=1&job=a", 400, []string{"cloud_id", "job", "product_id"}},
		{"an unknown verdict", "/v1/flaky-tests?job=a&verdict=odd", 400, []string{"verdict", "odd", "regressed"}},
		{"a ranking's window over 200", "/v1/flaky-tests?job=a&window=500", 400, []string{"window", "200"}},
		{"a ranking's cursor that is none", "/v1/flaky-tests?job=a&after=x", 400, []string{"after"}},
		{"a cloud that does not exist", "/v1/flaky-tests?cloud_id=999", 404, []string{"cloud"}},
		{"a product that does not exist", "/v1/flaky-tests?product_id=x", 404, []string{"product"}},
		{"an unknown state", "/v1/known-issues?state=ajar", 400, []string{"state", "closed"}},
		{"an issue that does not exist", "/v1/known-issues/0197ab6e-0c5f-7d61-8f6f-1d6a8b0f9c11", 404, []string{"known issue"}},
		{"an issue's id that is none", "/v1/known-issues/x", 404, []string{"known issue x"}},
	} {
		a := c.Do("GET", tt.path, "", servertest.Admin())
		if a.Status != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.name, a.Status, a.Body, tt.status)
		}
		for _, word := range tt.says {
			if !strings.Contains(string(a.Body), word) {
				t.Errorf("%s: the answer does not say %q: %s", tt.name, word, a.Body)
			}
		}
	}
	for _, base := range []string{"&base=none&base=previous", "&base=previous&base=none", "&base=none,previous"} {
		got := c.call("GET", compare(base), nil, http.StatusOK)
		if ref := got["base"].(object)["ref"]; ref != "none" {
			t.Errorf("%s: the base is %v, want none", base, ref)
		}
	}
	if got := c.get("/v1/test-history", url.Values{"name": {"never reported"}}); len(list(got, "entries")) != 0 || got["next"] != nil {
		t.Errorf("a name that nobody reported: %v", got)
	}
}

// A page at any cursor is the same slice of the whole, and a cursor fits its own
// question only.
func TestCompare_Pages(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		c.cloud("c")
		var before, after [][]any
		long := strings.Repeat("long", 12_000)
		before = append(before, []any{long + "1", "success"}, []any{long + "2", "success"})
		for i := range 23 {
			before = append(before, []any{fmt.Sprintf("t%02d", i), []string{"success", "fail", "skip"}[i%3]})
			after = append(after, []any{fmt.Sprintf("t%02d", 2*i), []string{"fail", "success", "inprogress"}[i%3], "no route"})
		}
		c.run("c", before...)
		head := c.run("c", after...)
		for _, q := range []url.Values{
			{"head": {head}, "class": {"all"}}, {"head": {head}}, {"head": {head}, "class": {"new_failing,gone"}, "name": {"t*"}},
			{"head": {head}, "class": {"all"}, "group_by": {"message"}},
		} {
			name := "items"
			if q.Has("group_by") {
				name = "groups"
			}
			q.Set("limit", "1000")
			whole := list(c.get("/v1/compare", q), name)
			for _, limit := range []int{1, 2, 5} {
				q.Set("limit", fmt.Sprint(limit))
				q.Del("after")
				var got []any
				for {
					page := c.get("/v1/compare", q)
					if n := len(list(page, name)); n > limit {
						t.Fatalf("a page of %d has %d", limit, n)
					}
					got = append(got, list(page, name)...)
					next, more := page["next"].(string)
					if !more {
						break
					}
					q.Set("after", next)
				}
				if !reflect.DeepEqual(got, whole) {
					t.Errorf("%v in pages of %d: %d entries, want %d", q, limit, len(got), len(whole))
				}
			}
		}
		next := c.get("/v1/compare", url.Values{"head": {head}, "limit": {"1"}})["next"].(string)
		for _, more := range []string{"&class=all", "&name=*", "&known=only", "&base=none", "&context=", "&group_by=message"} {
			a := c.Do("GET", "/v1/compare?head="+url.QueryEscape(head)+"&after="+next+more, "", servertest.Admin())
			if a.Status != http.StatusBadRequest || !strings.Contains(string(a.Body), "after") {
				t.Errorf("the cursor of another question, %s: %d %s", more, a.Status, a.Body)
			}
		}
		c.run("c", before...) // another run does not change a list that was begun
		q := url.Values{"head": {head}, "limit": {"1"}, "after": {next}}
		if second := c.get("/v1/compare", q); second["head"].(object)["ref"] != head+"/1" || len(list(second, "items")) != 1 {
			t.Errorf("the second page: %v", second["head"])
		}
	})
}

func TestCompare_CSV(t *testing.T) {
	t.Parallel()
	c := newCreation(t, servertest.New(t))
	c.cloud("c")
	c.run("c", []any{"=sum(1)", "success"}, []any{"a,\"b\"", "success"}, []any{"ok", "success"})
	head := c.run("c", []any{"=sum(1)", "fail", "no route to host"}, []any{"a,\"b\"", "skip"}, []any{"ok", "success"}, []any{"-x", "success"})
	c.call("POST", "/v1/known-issues", object{"title": "@hosts", "match": object{"name": "=*", "message": "no route"}}, http.StatusCreated)
	want := [][]string{
		{"name", "class", "base_outcome", "base_status", "head_outcome", "head_status", "known_issue"},
		{"'-x", "new_passing", "", "", "pass", "success", ""},
		{"'=sum(1)", "new_failure", "pass", "success", "fail", "fail", "'@hosts"},
		{"a,\"b\"", "now_skipped", "pass", "success", "skip", "skip", ""},
		{"ok", "still_passing", "pass", "success", "pass", "success", ""},
	}
	query := "/v1/compare?class=all&limit=1&head=" + url.QueryEscape(head)
	for name, ask := range map[string]func() servertest.Answer{
		"as": func() servertest.Answer { return c.Do("GET", query+"&as=csv", "", servertest.Admin()) },
		"Accept": func() servertest.Answer {
			return c.Do("GET", query, "", servertest.Admin(), servertest.With("Accept", "text/csv"))
		},
	} {
		a := ask()
		got, err := csv.NewReader(strings.NewReader(string(a.Body))).ReadAll()
		if err != nil || a.Status != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/csv") || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d %s %q, %v", name, a.Status, a.Header.Get("Content-Type"), a.Body, err)
		}
	}
	a := c.Do("GET", query+"&as=csv&class=fixed&name=x&known=exclude", "", servertest.Admin())
	if got := strings.Count(string(a.Body), "\n"); a.Status != http.StatusOK || got > 4 {
		t.Errorf("filtered: %d %q", a.Status, a.Body)
	}
	if a := c.Do("GET", "/v1/compare?as=csv&head=run:999", "", servertest.Admin()); a.Status != http.StatusNotFound {
		t.Errorf("of what does not exist: %d %s", a.Status, a.Body)
	}
}

func TestCompare_Groups(t *testing.T) {
	t.Parallel()
	c := newCreation(t, servertest.New(t))
	c.cloud("c")
	c.run("c", []any{"a", "success"}, []any{"gone", "success"})
	head := c.run("c", []any{"a", "fail", "timed out after 60 s"}, []any{"b", "fail", "timed out after 90 s\nmore"}, []any{"c", "fail", "refused"}, []any{"d", "fail"})
	got := c.get("/v1/compare", url.Values{"head": {head}, "group_by": {"message"}})
	if _, has := got["items"]; has {
		t.Error("groups come with items")
	}
	var sizes []string
	for _, one := range list(got, "groups") {
		g := one.(object)
		sizes = append(sizes, fmt.Sprint(g["tests"], " ", g["message"], " ", len(list(g, "examples"))))
	}
	want := []string{"2 <nil> 2", "2 timed out after 60 s 2", "1 refused 1"}
	if !reflect.DeepEqual(sizes, want) {
		t.Errorf("groups %q, want %q", sizes, want)
	}
	group := list(got, "groups")[1].(object)
	if counts := group["counts"].(object); counts["new_failure"] != 1.0 || counts["new_failing"] != 1.0 {
		t.Errorf("counts %v", counts)
	}
	item := list(group, "examples")[0].(object)
	if item["message_key"] != group["key"] || item["head"].(object)["duration"] != 1.0 {
		t.Errorf("example %v", item)
	}
}

// Strips follow the line: complete runs of the cloud, one letter each.
func TestCompare_History(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		c.cloud("c")
		c.cloud("other")
		first := c.run("c", []any{"a", "success"}, []any{"b", "fail"})
		c.run("other", []any{"a", "fail"})
		second := c.run("c", []any{"a", "fail"}, []any{"b", "success"})
		c.again([]any{"a", "fail"}, []any{"b", "success"}, []any{"c", "skip"})
		c.run("c", []any{"a", "success"}, []any{"b", "inprogress"}) // not complete: passed over
		third := c.run("c", []any{"a", "skip"}, []any{"c", "success"})
		head := c.run("c", []any{"a", "fail"}, []any{"b", "fail"}, []any{"new", "fail"})
		c.run("c", []any{"a", "success"}) // after the head
		got := c.get("/v1/compare", url.Values{"head": {head}, "class": {"all"}, "history": {"3"}})
		if base := got["base"].(object)["ref"]; base != third+"/1" {
			t.Errorf("base %v, want %s/1", base, third)
		}
		type strip struct {
			history         any
			failing, passed any
		}
		at := func(v any) any {
			if m, is := v.(object); is {
				return m["set"]
			}
			return v
		}
		want := map[string]strip{
			"a":   {"fsf", second + "/2", first + "/1"},
			"b":   {"fpf", head + "/1", second + "/2"},
			"c":   {"sp", nil, third + "/1"},
			"new": {"f", head + "/1", nil},
		}
		for _, one := range list(got, "items") {
			i := one.(object)
			if is := (strip{i["history"], at(i["failing_since"]), at(i["last_pass"])}); is != want[i["name"].(string)] {
				t.Errorf("%s: %v, want %v", i["name"], is, want[i["name"].(string)])
			}
		}
		number := strings.TrimPrefix(head, "run:")
		tests := c.get("/v1/runs/"+number+"/results/1/tests", url.Values{"history": {"3"}})
		for _, one := range list(tests, "tests") {
			i := one.(object)
			if is := (strip{i["history"], at(i["failing_since"]), at(i["last_pass"])}); is != want[i["id"].(string)] {
				t.Errorf("a run's test %s: %v, want %v", i["id"], is, want[i["id"].(string)])
			}
		}
		for _, one := range list(got, "items") { // every address can be read
			for _, side := range []string{"head", "base"} {
				if s, is := one.(object)[side].(object); is {
					c.call("GET", s["href"].(string), nil, http.StatusOK)
				}
			}
		}
		for _, side := range []string{"head", "base"} {
			c.call("GET", got[side].(object)["href"].(string), nil, http.StatusOK)
		}
	})
}

// Two suites on one cloud do not alternate: a run's name makes its line.
func TestCompare_NamedRuns(t *testing.T) {
	t.Parallel()
	c := newCreation(t, servertest.New(t))
	cloud := c.cloud("c")
	named := func(name string) string {
		a := c.call("POST", "/v1/runs", object{"cloud_id": json.Number(cloud), "name": name}, http.StatusCreated)
		c.ids["last"] = fmt.Sprint(int64(a["test_id"].(float64)))
		c.again([]any{"a", "success"})
		return "run:" + c.ids["last"]
	}
	first := named("full")
	named("smoke")
	head := named("full")
	if got := c.get("/v1/compare", url.Values{"head": {head}})["base"].(object)["ref"]; got != first+"/1" {
		t.Errorf("the previous of a named run is %v, want %s/1", got, first)
	}
}

// Sets of different kinds are compared by what both have.
func TestCompare_Kinds(t *testing.T) {
	t.Parallel()
	c := newCreation(t, servertest.New(t))
	c.cloud("c")
	run := c.run("c", []any{"boot", "success"}, []any{"x", "success"})
	c.store(object{"do": "boot", "key": "b", "job": "j,k", "kernel": "v1", "git_branch": "a/b", "arch": "arm64", "defconfig_full": "d", "build_environment": "gcc",
		"board": "b1", "lab_name": "lab-a", "status": "OFFLINE"})
	c.get("/v1/compare", url.Values{"head": {run}, "base": {"kernel:j,k/a%2Fb/v1"}})
	got := c.get("/v1/compare", url.Values{"head": {"kernel:j,k/a%2Fb/v1"}, "base": {run}})
	if ref := got["head"].(object)["ref"]; ref != "kernel:j%2Ck/a%2Fb/v1" {
		t.Errorf("the head is %v", ref)
	}
	var classes []string
	for _, one := range list(got, "items") {
		i := one.(object)
		classes = append(classes, fmt.Sprint(i["name"], " ", i["class"], " ", i["context"]))
	}
	if want := []string{"boot error map[]", "x gone map[]"}; !reflect.DeepEqual(classes, want) {
		t.Errorf("%q, want %q", classes, want)
	}
}

// Comparing needs what reading the sets needs.
func TestCompare_Permissions(t *testing.T) {
	t.Parallel()
	c := newCreation(t, servertest.New(t))
	c.store(object{"do": "product", "key": "P", "name": "p", "release": "r", "specs": []any{object{"name": "smoke", "platform": "amd64"}}})
	c.store(object{"do": "image", "key": "i", "product": "P", "image_unique_id": "I", "results": []any{object{"spec": "smoke", "platform": "amd64", "status": "PASSED"}}})
	path := "/v1/compare?base=none&head=" + url.QueryEscape("image:"+c.ids["i"])
	for role, want := range map[auth.Role]int{auth.Reader: 403, auth.Runner: 200, auth.Machine: 403, auth.Operator: 200} {
		if a := c.Do("GET", path, "", servertest.As(c.Token(role))); a.Status != want {
			t.Errorf("%s: %d %s, want %d", role, a.Status, a.Body, want)
		}
	}
	if a := c.Do("GET", "/v1/flaky-tests?product_id="+c.ids["P"], "", servertest.As(c.Token(auth.Reader))); a.Status != 403 {
		t.Errorf("a reader ranks a product's tests: %d %s", a.Status, a.Body)
	}
	history := "/v1/test-history?name=smoke"
	if got := c.call("GET", history, nil, 200, servertest.As(c.Token(auth.Reader))); len(list(got, "entries")) != 0 {
		t.Errorf("a reader follows a product's test: %v", got)
	}
	if got := c.call("GET", history, nil, 200); len(list(got, "entries")) != 1 {
		t.Errorf("the admin follows a product's test: %v", got)
	}
}

// However long ago a test passed, and however few sets have it: its strip says so.
func TestCompare_LongLine(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		c := newCreation(t, s)
		c.cloud("c")
		const runs = 150
		var refs []string
		for n := range runs {
			tests := [][]any{{"never", "fail"}, {"often", "success"}, {"long", "fail"}}
			if n == 3 {
				tests[2][1] = "success"
			}
			if n%10 == 9 {
				tests = append(tests, []any{"rare", map[bool]string{true: "fail", false: "skip"}[n == runs-1]})
			}
			refs = append(refs, c.run("c", tests...))
		}
		items := list(c.get("/v1/compare", url.Values{"head": {refs[runs-1]}, "class": {"all"}, "history": {"12"}}), "items")
		got := map[any]string{}
		for _, one := range items {
			i := one.(object)
			at := func(field string) any {
				if m, is := i[field].(object); is {
					return m["set"]
				}
				return nil
			}
			got[i["name"]] = fmt.Sprint(i["history"], " ", at("failing_since"), " ", at("last_pass"))
		}
		want := map[any]string{
			"never": fmt.Sprintf("ffffffffffff %s/1 <nil>", refs[0]), "often": fmt.Sprintf("pppppppppppp <nil> %s/1", refs[runs-1]),
			"long": fmt.Sprintf("ffffffffffff %s/1 %s/1", refs[4], refs[3]), "rare": fmt.Sprintf("sssssssssssf %s/1 <nil>", refs[runs-1]),
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("strips %v\nwant %v", got, want)
		}
	})
}
