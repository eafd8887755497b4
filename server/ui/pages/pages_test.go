package pages_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/server/ui/pages"
	"github.com/slipway-lab/slipway/server/ui/pages/pagestest"
)

// walk says how each page of the table is looked at: the paths in a world that has
// everything, by the names of newWorld.
var walk = map[string]step{
	"/ui":      {paths: []string{"/ui/"}, refused: 200}, // shows what everybody may see
	"/ui/runs": {paths: []string{"/ui/runs", "/ui/runs?cloud={cloud}", "/ui/runs?outcome=pass", "/ui/runs?damaged=true&finished=false&name=x"}},
	"/ui/runs/{id}": {paths: []string{
		"/ui/runs/{run}", "/ui/runs/{run}?attempt=1", "/ui/runs/{run}?outcome=all&sort=duration", "/ui/runs/{run}?q=two", "/ui/runs/{run}?q=nothing",
		"/ui/runs/{run}?view=files", "/ui/runs/{run}?view=messages", "/ui/runs/{second}", "/ui/runs/{damaged}", "/ui/runs/{waiting}", "/ui/runs/{waiting}?view=messages",
	}},
	"/ui/runs/latest":         {paths: []string{"/ui/runs/latest", "/ui/runs/latest?cloud={cloud}"}},
	"/ui/runs/{id}/raw":       {paths: []string{"/ui/runs/{run}/raw"}, file: "application/octet-stream"},
	"/ui/runs/{id}/files/{n}": {paths: []string{"/ui/runs/{run}/files/0?attempt=1"}, file: "application/octet-stream"},
	"/ui/compare": {paths: []string{
		"/ui/compare", "/ui/compare?head=run:{run}", "/ui/compare?head=run:{second}", "/ui/compare?head=run:{second}&class=all&base=none", "/ui/compare?head=run:{second}&base=run:{run}/1",
		"/ui/compare?head=run:{damaged}", "/ui/compare?head=run:{second}&known=exclude&name=nothing&match=name",
	}},
	"/ui/tests": {paths: []string{
		"/ui/tests?set=run:{second}&name=a.b.C.two", "/ui/tests?set=run:{run}/1&name=a.b.C.two", "/ui/tests?set=run:{second}&name=a.b.日本.three[<b>]", "/ui/tests?set=run:{second}&name=hangs",
		"/ui/tests?set=run:{second}&name=a.b.C.two&log=0", "/ui/tests?set=run:{second}&name=a.b.C.two&log=0&find=BOOM", "/ui/tests?set=run:{second}&name=a.b.C.two&log=0&against=run:{run}/1",
		"/ui/tests?set=run:{damaged}&name=a",
	}},
	"/ui/history": {paths: []string{
		"/ui/history?name=a.b.C.two", "/ui/history?name=a.b.日本.three[<b>]&limit=50", "/ui/history?name=nobody", "/ui/history", "/ui/history?name=a.b.C.two&cloud_id={cloud}&source=run&outcome=fail&since=2001-01-01",
	}},
	"/ui/flaky":            {paths: []string{"/ui/flaky", "/ui/flaky?cloud_id={cloud}", "/ui/flaky?cloud_id={cloud}&verdict=too_few,flaky&window=10&name=two", "/ui/flaky?job=nothing"}},
	"/ui/keeps":            {paths: []string{"/ui/keeps"}, post: true, role: auth.Operator},
	"/ui/issues":           {paths: []string{"/ui/issues", "/ui/issues?state=all", "/ui/issues?name=a.b.*&message=boom"}},
	"/ui/tests/attachment": {paths: []string{"/ui/tests/attachment?at=/v1/runs/{second}/results/1/tests/1/attachments/0"}, file: "application/octet-stream"},
	"/ui/badge.svg":        {paths: []string{"/ui/badge.svg?cloud={cloud}"}, file: "image/svg+xml; charset=utf-8", open: true},
	"/ui/feed.atom":        {paths: []string{"/ui/feed.atom?cloud={cloud}"}, file: "application/atom+xml; charset=utf-8", open: true},
}

// step is how a page is looked at.
type step struct {
	paths   []string
	refused int    // what somebody without rights gets; 0 is 403
	post    bool   // it is a form only, and GET is 405
	open    bool   // nobody is sent to the login: a stranger gets what the API says
	file    string // it is no page, but a file of this type
	role    auth.Role
}

// world makes objects of every area over HTTP and names them.
func newWorld(t *testing.T, s *servertest.Server) *strings.Replacer {
	t.Helper()
	made := func(method, path, body string, status int, options ...servertest.Option) map[string]any {
		t.Helper()
		a := s.Do(method, path, body, append([]servertest.Option{servertest.Admin(), servertest.JSON()}, options...)...)
		if a.Status != status {
			t.Fatalf("%s %s: %d %s, want %d", method, path, a.Status, a.Body, status)
		}
		var object map[string]any
		if err := json.Unmarshal(a.Body, &object); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		return object
	}
	cloud := made("POST", "/v1/clouds", `{"label":"private <b>cloud</b>","admin_endpoint":"http://192.0.2.1:35357/v2.0","endpoint":"http://192.0.2.1:5000/v2.0","test_user":"test","admin_user":"admin"}`, 201)
	start := func(name string, files ...string) string {
		run := made("POST", "/v1/runs", fmt.Sprintf(`{"cloud_id":%v,"name":"%s"}`, cloud["id"], name), 201)
		for _, file := range files {
			made("POST", fmt.Sprintf("/v1/post-result?test_id=%v", run["test_id"]), file, 201, servertest.With("Content-Type", "text/plain"))
		}
		return fmt.Sprint(run["test_id"])
	}
	const passed = "test: a.b.C.one\nsuccess: a.b.C.one\ntest: a.b.C.two\nsuccess: a.b.C.two\n"
	const failed = "test: a.b.C.one\nsuccess: a.b.C.one\ntest: a.b.C.two\nfailure: a.b.C.two [\nboom <script>\n]\ntest: a.b.日本.three[<b>]\nskip: a.b.日本.three[<b>]\n"
	first := start("夜間テスト", passed, failed)
	second := start("夜間テスト", failed+"test: hangs\n")
	damaged := start("夜間テスト", "test: a\nfailure: a [\ncut off")
	waiting := start("<i>later</i>")
	kernelsWorld(t, s)
	return strings.NewReplacer(append(append(labWorld(t, s), productsWorld(t, s)...), "{cloud}", fmt.Sprint(cloud["id"]), "{run}", first, "{second}", second, "{damaged}", damaged, "{waiting}", waiting)...)
}

// Every page is there for who may read, says who may not, and keeps to the rules.
func TestPages_walk(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	names := newWorld(t, s)
	stranger := pagestest.New(t, s.URL)
	machine := pagestest.LogIn(t, s.URL, s.Token(auth.Machine))
	readers := map[auth.Role]*pagestest.Browser{}
	for _, area := range pages.Table() {
		for _, p := range area {
			look, ok := walk[p.Path]
			if !ok {
				t.Errorf("page %s is not in the walk", p.Path)
				continue
			}
			if look.role == "" {
				look.role = auth.Reader
			}
			if readers[look.role] == nil {
				readers[look.role] = pagestest.LogIn(t, s.URL, s.Token(look.role))
			}
			for _, path := range look.paths {
				path = names.Replace(path)
				visit(t, readers[look.role], stranger, machine, path, look)
			}
		}
	}
}

func visit(t *testing.T, reader, stranger, machine *pagestest.Browser, path string, look step) {
	t.Helper()
	want := http.StatusOK
	if look.post {
		want = http.StatusMethodNotAllowed
	}
	p := reader.Get(path)
	if p.Status != want {
		t.Errorf("GET %s: %d, want %d\n%.3000s", path, p.Status, want, p.Body)
	}
	if look.file != "" {
		if got := p.Header.Get("Content-Type"); got != look.file {
			t.Errorf("GET %s: %s, want %s", path, got, look.file)
		}
	} else {
		pagestest.Check(t, path, p)
	}
	if look.open {
		if p := stranger.Head(path); p.Status != http.StatusUnauthorized {
			t.Errorf("GET %s by nobody: %d, want 401", path, p.Status)
		}
	} else if p := stranger.Head(path); p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), "/ui/login") {
		t.Errorf("GET %s by nobody: %d to %q, want 303 to the login", path, p.Status, p.Header.Get("Location"))
	}
	refused := look.refused
	if refused == 0 {
		refused = http.StatusForbidden
	}
	if look.post {
		refused = http.StatusMethodNotAllowed
	}
	p = machine.Get(path)
	if p.Status != refused {
		t.Errorf("GET %s without rights: %d, want %d", path, p.Status, refused)
	}
	pagestest.Check(t, path+" without rights", p)
}

// What is not there is a page too.
func TestPages_missing(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	b := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	for _, path := range []string{"/ui/nothing", "/ui/runs/999", "/ui/assets/nothing", "/ui/runs/.."} {
		p := b.Get(path)
		if p.Status != http.StatusNotFound || !strings.Contains(p.Body, "<h1>Not Found</h1>") {
			t.Errorf("GET %s: %d, want the page of a 404\n%.500s", path, p.Status, p.Body)
		}
		pagestest.Check(t, path, p)
	}
}

// A server that has seen nothing says how to begin, and one that has does not.
func TestOverview_fresh(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	b := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	if p := b.Get("/ui/"); !strings.Contains(p.Body, "slipway upload results.xml --server "+s.URL) {
		t.Errorf("no word of how to begin:\n%.3000s", p.Body)
	}
	if a := s.Do("POST", "/v1/post-result", "test: a\nsuccess: a\n"); a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if p := b.Get("/ui/"); strings.Contains(p.Body, "Nothing was stored yet") {
		t.Error("what was stored is nothing")
	}
}
