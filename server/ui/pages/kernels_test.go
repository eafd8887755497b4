package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/server/ui/pages/pagestest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

func init() {
	for path, look := range map[string]step{
		"/ui/kernels": {paths: []string{"/ui/kernels", "/ui/kernels?job=mainline&branch=master", "/ui/kernels?job=nothing"}},
		"/ui/kernels/{job}/{kernel}": {paths: []string{
			"/ui/kernels/mainline/v6.12-rc1?branch=master", "/ui/kernels/mainline/v6.12-rc2", "/ui/kernels/mainline/v6.12-%3Cb%3E?branch=feature%2F%E5%A4%9C",
		}},
		"/ui/kernels/file": {paths: []string{"/ui/kernels/file?at=a%2Fb%2Fbuild.log"}, file: "application/octet-stream"},
		"/ui/events":       {paths: []string{"/ui/events", "/ui/events?event_type=comparison", "/ui/events?agent_id=worker&event_type=PICKED_BY_AGENT,RESULT_STORED", "/ui/events?before=3", "/ui/events?event_type=nothing"}},
	} {
		walk[path] = look
	}
}

// kernelsWorld reports three kernels: one that is well, one in which a test regressed,
// a boot failed and a lab was in the way, and one of another branch without tests.
func kernelsWorld(t *testing.T, s *servertest.Server) {
	t.Helper()
	send := func(path, body string) {
		t.Helper()
		if a := s.Do("POST", path, body, servertest.Admin(), servertest.JSON()); a.Status != http.StatusCreated && a.Status != http.StatusAccepted {
			t.Fatalf("POST %s: %d %s", path, a.Status, a.Body)
		}
	}
	for _, lab := range []string{"lab-a", "lab-b"} {
		send("/v1/lab", `{"name":"`+lab+`","contact":{"name":"A","surname":"B","email":"a@example.org"}}`)
	}
	kernel := func(name, branch, boot, status string) {
		common := fmt.Sprintf(`"job":"mainline","kernel":"%s","git_branch":"%s","git_commit":"0123456789abcdef0123456789abcdef01234567","git_describe":"%s","git_url":"https://git.example/"`, name, branch, name)
		place := func(lab string) string {
			return `,"lab_name":"` + lab + `","arch":"arm64","defconfig":"defconfig","defconfig_full":"defconfig","build_environment":"gcc-14","board":"<i>rk3399","device_type":"<i>rk3399"`
		}
		send("/v1/job", `{`+common+`}`)
		send("/v1/build", `{`+common+`,"arch":"arm64","defconfig":"defconfig","defconfig_full":"defconfig","build_environment":"gcc-14","build_result":"`+boot+`","build_log":"build.log","file_server_resource":"a/b"}`)
		send("/v1/boot", `{`+common+place("lab-a")+`,"boot_result":"`+boot+`","boot_time":31.5,"boot_warnings":0}`)
		send("/v1/boot", `{`+common+place("lab-b")+`,"boot_result":"OFFLINE","boot_time":31.5,"boot_warnings":0}`)
		if status != "" {
			send("/v1/test/group", `{"name":"ltp","plan":"ltp","sub_groups":[{"name":"syscalls","test_cases":[{"name":"open<01>","status":"`+status+`"},{"name":"日本語","status":"PASS"}]}],`+common+place("lab-a")+`}`)
		}
	}
	if a := s.Do("PUT", "/v1/upload/a/b/build.log", "cc: fatal <error>\n", servertest.Admin(), servertest.With("Content-Type", "application/octet-stream")); a.Status != http.StatusCreated {
		t.Fatalf("PUT /v1/upload: %d %s", a.Status, a.Body)
	}
	kernel("v6.12-rc1", "master", "PASS", "PASS")
	kernel("v6.12-rc2", "master", "FAIL", "FAIL")
	kernel("v6.12-<b>", "feature/夜", "PASS", "")
}

// A kernel by its page: what regressed is new, the tree is open only where it fails,
// and a lab that was in the way is an error, not a failure.
func TestKernels_byPages(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	kernelsWorld(t, s)
	reader := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	p := reader.Get("/ui/kernels")
	for _, want := range []string{"v6.<wbr>12-<wbr>rc2", "v6.<wbr>12-<wbr>&lt;b&gt;", "mainline"} {
		if !strings.Contains(p.Body, want) {
			t.Errorf("the list of kernels lacks %q:\n%.6000s", want, p.Body)
		}
	}
	p = reader.Get("/ui/kernels/mainline/v6.12-rc2?branch=master")
	for _, want := range []string{"<title>✕ ", "boots: <b>1 fail, 1 error</b>", "open&lt;01&gt;", "+2 new", "&lt;i&gt;rk3399", "<details open><summary>"} {
		if !strings.Contains(p.Body, want) {
			t.Errorf("the page of a kernel lacks %q:\n%.9000s", want, p.Body)
		}
	}
	if p = reader.Get("/ui/kernels/mainline/v6.12-rc1?branch=master"); strings.Contains(p.Body, "<details open>") || strings.Contains(p.Body, "<title>✓ ") {
		t.Errorf("the page of a kernel of which only a lab is in trouble:\n%.6000s", p.Body)
	}
	p = reader.Get("/ui/kernels/mainline/v6.12-rc2?branch=master")
	_, log, _ := strings.Cut(p.Body, `<td><a href="/ui/kernels/file`)
	log, _, _ = strings.Cut(log, `"`)
	if p = reader.Get("/ui/kernels/file" + log); p.Status != http.StatusOK || p.Body != "cc: fatal <error>\n" || !strings.HasPrefix(p.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the log of a build, for who is logged in, at %q: %d %.300s", log, p.Status, p.Body)
	}
	for at, want := range map[string]int{"a/b/nothing.log": http.StatusNotFound, "../runs/1": http.StatusBadRequest, "": http.StatusBadRequest} {
		if p = reader.Get("/ui/kernels/file?at=" + url.QueryEscape(at)); p.Status != want {
			t.Errorf("the file %q: %d, want %d", at, p.Status, want)
		}
	}
	if p = reader.Get("/ui/kernels/nothing/v0"); p.Status != http.StatusNotFound {
		t.Errorf("a kernel that nobody reported: %d", p.Status)
	}
}

// A kernel whose reports name its branch as they have it, where its job has the end
// only: the list counts what failed, and leads to a page that shows it.
func TestKernels_branches(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	kernelsWorld(t, s)
	for _, branch := range []string{"for-next/core", "local/core"} {
		common := `"job":"arm64","git_branch":"` + branch + `","lab_name":"lab-a","arch":"arm64","defconfig":"defconfig","build_environment":"gcc-14","device_type":"qemu","board":"qemu"`
		for _, kernel := range []string{"v1", "v2"} {
			for path, body := range map[string]string{
				"/v1/job":        `{"job":"arm64","kernel":"` + kernel + `","git_branch":"` + branch + `"}`,
				"/v1/build":      `{"kernel":"` + kernel + `","build_result":"FAIL",` + common + `}`,
				"/v1/boot":       `{"kernel":"` + kernel + `","boot_result":"FAIL",` + common + `}`,
				"/v1/test/group": `{"kernel":"` + kernel + `","name":"ltp","test_cases":[{"name":"of ` + branch + `","status":"FAIL"}],` + common + `}`,
			} {
				if a := s.Do("POST", path, body, servertest.Admin(), servertest.JSON()); a.Status >= 300 {
					t.Fatalf("POST %s: %d %s", path, a.Status, a.Body)
				}
			}
		}
	}
	reader := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	p := reader.Get("/ui/kernels?job=arm64&as=csv")
	if !strings.Contains(p.Body, "arm64,core,v2,") || strings.Count(p.Body, ",0,2,0,2,0,") != 2 {
		t.Errorf("the list lacks the two builds and boots that failed of each kernel:\n%s", p.Body)
	}
	for asked, shown := range map[string]string{"core": "for-next/core", "for-next%2Fcore": "for-next/core", "local%2Fcore": "local/core"} {
		p = reader.Get("/ui/kernels/arm64/v2?branch=" + asked)
		for _, want := range []string{"<title>✕ ", "boots: <b>2 fail</b>", "builds: <b>2 fail</b>", "<b>" + shown + "</b>", "also reported for", "set=kernel:arm64%2F" + strings.ReplaceAll(shown, "/", "%252F") + "%2Fv2"} {
			if !strings.Contains(p.Body, want) {
				t.Errorf("branch %s lacks %q:\n%.9000s", asked, want, p.Body)
			}
		}
		for _, way := range []string{"/ui/compare?head=kernel:arm64%2F" + strings.ReplaceAll(shown, "/", "%252F") + "%2Fv2", "/ui/kernels/arm64/v2?as=json&branch=" + asked} {
			if p = reader.Get(way); p.Status != http.StatusOK {
				t.Errorf("%s: %d", way, p.Status)
			}
		}
	}
}

// A kernel that was reported without a branch has a page of its own, whatever branch it
// was reported for later: no failure of it is behind a green page.
func TestKernels_noBranch(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	kernelsWorld(t, s)
	post := func(path, body string) {
		t.Helper()
		if a := s.Do("POST", path, body, servertest.Admin(), servertest.JSON()); a.Status >= 300 {
			t.Fatalf("POST %s: %d %s", path, a.Status, a.Body)
		}
	}
	for _, of := range []struct{ branch, status string }{{"", "FAIL"}, {`"git_branch":"next",`, "PASS"}} {
		post("/v1/boot", `{"job":"bare","kernel":"v1",`+of.branch+`"lab_name":"lab-a","defconfig":"d","board":"qemu","boot_result":"`+of.status+`"}`)
		post("/v1/job", `{"job":"bare","kernel":"v1",`+of.branch+`"status":"PASS"}`)
	}
	reader := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	for _, page := range []struct{ path, title, boots string }{
		{"/ui/kernels/bare/v1?branch=", "<title>✕ ", "boots: <b>1 fail</b>"}, {"/ui/kernels/bare/v1?branch=next", "<title>✓ ", "boots: <b>1 pass</b>"},
	} {
		p := reader.Get(page.path)
		for _, want := range []string{page.title, page.boots} {
			if !strings.Contains(p.Body, want) {
				t.Errorf("%s lacks %q:\n%.3000s", page.path, want, p.Body)
			}
		}
	}
}

// TestKernels_compared: the list knows what became of the tests of a kernel whatever it
// is called, and says when more of them came than were compared.
func TestKernels_compared(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Analysis.RestReports = 0 })
	kernelsWorld(t, s)
	post := func(kernel, board, status string) {
		t.Helper()
		for path, body := range map[string]string{
			"/v1/job":  `{"job":"plus","kernel":"` + kernel + `","git_branch":"m"}`,
			"/v1/boot": `{"job":"plus","kernel":"` + kernel + `","git_branch":"m","lab_name":"lab-a","defconfig":"d","board":"` + board + `","boot_result":"` + status + `"}`,
		} {
			if a := s.Do("POST", path, body, servertest.Admin(), servertest.JSON()); a.Status >= 300 {
				t.Fatalf("POST %s: %d %s", path, a.Status, a.Body)
			}
		}
	}
	post("v1+", "b1", "PASS")
	post("v2+", "b1", "FAIL")
	// the list as somebody reads it who may read what is of no tenant
	admin := pagestest.LogIn(t, s.URL, servertest.AdminToken)
	await.That(t, "the list knows the new failure", func() bool {
		return strings.Contains(admin.Get("/ui/kernels?job=plus").Body, `<b class="bad">+1</b>`)
	})
	post("v2+", "b2", "FAIL")
	// either the second failure was compared meanwhile, or the list says that it was not
	if p := admin.Get("/ui/kernels?job=plus"); !strings.Contains(p.Body, "more came since") && !strings.Contains(p.Body, `<b class="bad">+2</b>`) {
		t.Errorf("the list says nothing of what came since:\n%.6000s", p.Body)
	}
}

// The event log by its page: the newest first, older ones behind a link, and the
// stream brings lines for the head of the list.
func TestEvents_byPage(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	names := strings.NewReplacer(productsWorld(t, s)...)
	reader := pagestest.LogIn(t, s.URL, s.Token(auth.Reader))
	p := reader.Get("/ui/events")
	first, later := strings.Index(p.Body, "PICKED_<wbr>BY_<wbr>AGENT"), strings.LastIndex(p.Body, "QUEUED_<wbr>FOR_<wbr>AGENTS")
	if first < 0 || later < first || !strings.Contains(p.Body, names.Replace("/ui/opportunities/{runs}")) {
		t.Errorf("the newest event is not the first:\n%.6000s", p.Body)
	}
	if p = reader.Get("/ui/events?before=3"); strings.Contains(p.Body, `id="e3"`) || !strings.Contains(p.Body, `id="e2"`) || !strings.Contains(p.Body, "Newest") {
		t.Errorf("events before one:\n%.6000s", p.Body)
	}
	lines := reader.Stream("/ui/events?event_type=QUEUED_FOR_AGENTS,CANCELLED")
	lines.Until(`data-into="log"`)
	path := names.Replace("/v1/products/{product}/tests/opportunities/{waits}/cancel")
	if a := s.Do("POST", path, "", servertest.Admin()); a.Status != http.StatusOK {
		t.Fatalf("cancel: %d %s", a.Status, a.Body)
	}
	read := lines.Until("<b>CANCELLED</b>")
	if strings.Contains(read, "PICKED") {
		t.Errorf("the stream does not hear the filter:\n%s", read)
	}
}
