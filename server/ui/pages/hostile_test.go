package pages_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/server/ui/pages/pagestest"
	"github.com/slipway-lab/slipway/store/storetest"
)

// hostile is a name by somebody who wants a page to run something: it ends a text, an
// attribute of either quote, a comment, a script and a template.
const hostile = `"'>--></title></script><script>alert(1)</script><img src=x onerror=alert(1)> onfocus=alert(1) {{.}} ` + "`x`"

// brief is the same for where there is little room.
const brief = `'"><script>alert(1)</script>`

// evil are addresses that must never become a link.
var evil = []string{"javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x"}

// hostileWorld has the name in every field of every area that takes it. A field that
// refuses it is as good.
func hostileWorld(t *testing.T, s *servertest.Server) (taken int, why []string) {
	t.Helper()
	send := func(method, path string, body any, options ...servertest.Option) map[string]any {
		t.Helper()
		text, isText := body.(string)
		if !isText {
			b, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
			options = append(options, servertest.JSON())
		}
		a := s.Do(method, path, text, append([]servertest.Option{servertest.Admin()}, options...)...)
		var object map[string]any
		_ = json.Unmarshal(a.Body, &object) // a refusal need not be read
		switch {
		case a.Status >= 500:
			t.Errorf("%s %s: %d %s", method, path, a.Status, a.Body)
		case a.Status >= 300:
			why = append(why, fmt.Sprintf("%s %s: %.200s", method, path, a.Body))
			return nil
		}
		taken++
		return object
	}
	type object = map[string]any
	for _, address := range append([]string{"http://192.0.2.1/" + url.QueryEscape(hostile)}, evil...) {
		send("POST", "/v1/clouds", object{"label": brief + address[:4], "admin_endpoint": address, "endpoint": address, "endpoint_v3": address, "test_user": brief, "admin_user": brief, "cpid": brief})
		send("POST", "/v1/known-issues", object{"title": hostile, "url": address, "match": object{"name": "*"}})
		send("POST", "/v1/webhooks", object{"url": address, "description": hostile, "event_types": []string{"comparison"}})
	}
	send("POST", "/v1/webhooks", object{"url": "https://hooks.example/?" + hostile, "description": hostile, "event_types": []string{}})
	send("POST", "/v1/access-tokens", object{"name": hostile, "kind": "service", "owner": hostile, "roles": []string{"reader"}})
	send("POST", "/v1/clouds", object{"label": brief, "admin_endpoint": "http://192.0.2.1/", "endpoint": "http://192.0.2.1/", "test_user": "t", "admin_user": "a"})
	const part = "failure: %s [ multipart\nContent-Type: text/html; charset=utf8\n%s.html\n%X\r\n%s0\r\nContent-Type: text/plain; charset=utf8\n%s\n%X\r\n%s0\r\n]\n"
	for n, outcome := range []string{"success", "failure"} {
		for _, name := range []string{"full", hostile} {
			run := send("POST", "/v1/runs", object{"cloud_id": 1, "name": name})
			if run == nil {
				continue
			}
			id := fmt.Sprint(run["test_id"])
			send("POST", "/v1/update-test-status/"+id, object{"message": hostile})
			line := strings.ReplaceAll(hostile, "\n", " ")
			file := "test: " + line + "\n" + outcome + ": " + line + " [\n" + hostile + "\n]\ntest: b\n" + fmt.Sprintf(part, "b", line, len(hostile), hostile, line, len(hostile), hostile)
			if n == 0 {
				file = "test: " + line + "\nsuccess: " + line + "\n"
			}
			send("POST", "/v1/post-result?test_id="+id, file, servertest.With("Content-Type", "text/plain"))
		}
	}
	p := send("POST", "/v1/products", object{"name": hostile, "release": hostile, "snaps": []string{hostile}})
	if p == nil {
		p = send("POST", "/v1/products", object{"name": "<b>", "release": "24", "snaps": []string{"pc"}})
	}
	product := "/v1/products/" + fmt.Sprint(p["id"])
	send("POST", product+"/testspecs", object{"name": hostile, "platform": brief, "test_payload": object{hostile: hostile}})
	send("POST", product+"/testspecs", object{"name": "boot", "test_payload": object{}})
	for n, reference := range append([]string{"http://x.example/" + hostile}, evil...) {
		send("POST", product+"/images", object{"image_unique_id": brief + strconv.Itoa(n), "extra_snaps": []string{}, "channel": "24/edge", "image_reference": reference})
	}
	send("PUT", "/v1/agents/"+url.PathEscape(`<b>"agent`), object{"platform": brief, "agent_group": brief, "labels": object{brief: brief}, "capacity": 8})
	if o := send("POST", "/v1/agents/"+url.PathEscape(`<b>"agent`)+"/pick", object{"wait_seconds": 0}); o != nil {
		id, lease := fmt.Sprint(o["test_opportunity_id"]), o["lease"].(map[string]any)["token"].(string)
		send("POST", product+"/tests/opportunities/"+id+"/output?offset=0", hostile, servertest.With("Lease-Token", lease), servertest.With("Content-Type", "text/plain"))
	}
	send("POST", "/v1/lab", object{"name": hostile, "contact": object{"name": hostile, "surname": hostile, "email": "a@example.org"}})
	send("POST", "/v1/lab", object{"name": "lab-a", "contact": object{"name": hostile, "surname": hostile, "email": "a@example.org"}})
	for n, result := range []string{"PASS", "FAIL"} {
		for _, address := range evil {
			kernel := func(more object) object {
				all := object{
					"job": hostile, "kernel": fmt.Sprint(hostile, n), "git_branch": hostile, "git_commit": hostile, "git_describe": hostile, "git_url": address,
					"arch": hostile, "defconfig": hostile, "defconfig_full": hostile, "build_environment": hostile, "lab_name": "lab-a", "board": hostile, "device_type": hostile,
					"file_server_url": address, "file_server_resource": address, "version": "1.1",
				}
				for name, value := range more {
					all[name] = value
				}
				return all
			}
			log := "/v1/upload/" + url.PathEscape(address) + "/" + url.PathEscape(address) // a page links to it
			send("PUT", log, hostile, servertest.With("Content-Type", "application/octet-stream"))
			send("POST", "/v1/job", kernel(nil))
			send("POST", "/v1/build", kernel(object{"build_result": result, "build_log": address, "kernel_image": address}))
			send("POST", "/v1/boot", kernel(object{"boot_result": result, "boot_time": 3.5, "boot_warnings": 0, "boot_log": address, "boot_log_html": address, "boot_result_description": hostile}))
			send("POST", "/v1/test/group", kernel(object{"name": hostile, "plan": hostile, "sub_groups": []object{{"name": hostile, "test_cases": []object{{"name": hostile, "status": result}}}}}))
		}
	}
	s.Work()()
	return taken, why
}

// shape is a path without what is particular in it.
var shape = regexp.MustCompile(`[0-9a-f-]{8,}|[0-9]+|%[0-9A-F]{2}`)

// mostAlike is how many pages of one kind are looked at.
func mostAlike() int {
	if storetest.Race {
		return 6
	}
	return 14
}

// Nothing that somebody else named runs on a page or leads away from it: every page
// that a link leads to, from the overview on, over a server where everything has a
// hostile name.
func TestPages_hostile(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, hooked)
	taken, why := hostileWorld(t, s)
	if taken < 65 {
		t.Errorf("%d calls only took a hostile name; these did not: %s", taken, strings.Join(why, "\n"))
	}
	b := pagestest.LogIn(t, s.URL, servertest.AdminToken)
	queue, known, alike := []string{"/ui/"}, map[string]bool{"/ui/": true}, map[string]int{}
	looked := 0
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		p := b.Still().Get(path)
		looked++
		first := p.Status == http.StatusNotFound && strings.Contains(p.Body, "has no previous set")
		if p.Status >= 400 && !first {
			t.Errorf("GET %s: %d\n%.500s", path, p.Status, p.Body)
		}
		if got := p.Header.Get("Cache-Control"); got != "no-store" && !strings.HasPrefix(got, "private, no-cache") && !strings.HasPrefix(path, "/ui/assets/") {
			t.Errorf("GET %s: Cache-Control %q, want no-store", path, got)
		}
		switch kind := p.Header.Get("Content-Type"); {
		case strings.HasPrefix(kind, "text/html"):
			for _, to := range harmless(t, path, p.Body) {
				to, _, _ = strings.Cut(to, "#")
				if !strings.HasPrefix(to, "/ui/") || known[to] {
					continue
				}
				u, err := url.Parse(to)
				if err != nil {
					t.Errorf("%s links to %q: %v", path, to, err)
					continue
				}
				names := make([]string, 0, len(u.Query()))
				for name := range u.Query() {
					names = append(names, name)
				}
				known[to] = true
				kind := shape.ReplaceAllString(u.EscapedPath(), "") + "?" + fmt.Sprint(len(names))
				if alike[kind]++; alike[kind] <= mostAlike() {
					queue = append(queue, to)
				}
			}
		case strings.HasPrefix(kind, "image/svg"), strings.HasPrefix(kind, "application/atom"):
			wellFormed(t, path, p.Body)
		case strings.HasPrefix(kind, "text/csv"), strings.HasPrefix(kind, "application/json"), kind == "application/problem+json", strings.HasPrefix(kind, "text/css"), strings.HasPrefix(kind, "text/javascript"), kind == "":
		case p.Header.Get("X-Content-Type-Options") != "nosniff", !strings.HasPrefix(p.Header.Get("Content-Disposition"), "attachment") && !strings.HasPrefix(kind, "text/plain;"):
			t.Errorf("GET %s: a file of type %s that a browser may show: %v", path, kind, p.Header)
		}
	}
	if looked < 100 {
		t.Errorf("%d pages were looked at, which cannot be all", looked)
	}
	t.Logf("%d pages", looked)
}

// harmless reads a page as a browser does, finds what would run or lead away, and
// returns the links.
func harmless(t *testing.T, path, body string) (links []string) {
	t.Helper()
	tokens := html.NewTokenizer(strings.NewReader(body))
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			if err := tokens.Err(); !errors.Is(err, io.EOF) {
				t.Errorf("%s: %v", path, err)
			}
			return links
		}
		token := tokens.Token()
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			continue
		}
		tag := token.Data
		if strings.Contains("|style|iframe|object|embed|base|img|frame|", "|"+tag+"|") && !(tag == "img" && strings.Contains(token.String(), "/ui/tests/attachment")) {
			t.Errorf("%s has %.200s", path, token)
		}
		for _, a := range token.Attr {
			name, value := strings.ToLower(a.Key), strings.ToLower(strings.Join(strings.Fields(a.Val), ""))
			switch {
			case strings.HasPrefix(name, "on"), name == "style", name == "srcdoc":
				t.Errorf("%s has the attribute %s: %.200s", path, name, token)
			case tag == "script" && (name != "src" || a.Val != "/ui/assets/ui.js") && name != "defer":
				t.Errorf("%s has %.200s", path, token)
			case name == "href", name == "src", name == "action", name == "formaction", strings.HasSuffix(name, ":href"):
				if strings.Contains(value, "script:") && !strings.HasPrefix(value, "/") || strings.HasPrefix(value, "data:") || strings.HasPrefix(value, "//") {
					t.Errorf("%s leads to %q", path, a.Val)
				}
				if strings.Contains(value, "zgotmplz") {
					t.Errorf("%s has a link that the template took out: %.300s", path, token)
				}
				if tag == "a" {
					links = append(links, a.Val)
				}
			}
		}
		if tag == "script" && len(token.Attr) == 0 {
			t.Errorf("%s has a script of its own", path)
		}
	}
}

func wellFormed(t *testing.T, path, body string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(body))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Errorf("%s is no XML: %v\n%.500s", path, err, body)
			return
		}
		if e, is := token.(xml.StartElement); is {
			if strings.EqualFold(e.Name.Local, "script") || strings.EqualFold(e.Name.Local, "img") {
				t.Errorf("%s has a %s", path, e.Name.Local)
			}
			for _, a := range e.Attr {
				if strings.HasPrefix(strings.ToLower(a.Name.Local), "on") || strings.HasPrefix(strings.ToLower(a.Value), "javascript:") {
					t.Errorf("%s has %s=%q", path, a.Name.Local, a.Value)
				}
			}
		}
	}
}

// The attachment that a runner sends may say that it is a page. It is never one.
func TestPages_hostileAttachment(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	const page = "<script>alert(1)</script>"
	file := fmt.Sprintf("test: a\nfailure: a [ multipart\nContent-Type: text/html; charset=utf8\nevil.html\n%X\r\n%s0\r\nContent-Type: image/svg+xml\nevil.svg\n%X\r\n%s0\r\n]\n", len(page), page, len(page), page)
	if a := s.Do("POST", "/v1/post-result", file); a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	b := pagestest.LogIn(t, s.URL, servertest.AdminToken)
	for n := range 2 {
		p := b.Get(fmt.Sprintf("/ui/tests/attachment?at=/v1/runs/1/results/1/tests/0/attachments/%d", n))
		kind, csp := p.Header.Get("Content-Type"), p.Header.Get("Content-Security-Policy")
		inert := kind == "application/octet-stream" || strings.HasPrefix(kind, "text/plain") || strings.HasPrefix(p.Header.Get("Content-Disposition"), "attachment")
		if p.Status != http.StatusOK || !inert || p.Header.Get("X-Content-Type-Options") != "nosniff" || csp == "" || strings.Contains(csp, "unsafe") || p.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("attachment %d: %d %v", n, p.Status, p.Header)
		}
	}
	for _, at := range []string{"/v1/access-tokens", "/v1/whoami", "//evil.example/", "/v1/runs/1/results/1/tests/0/attachments/../../../../../whoami", "/v1/runs/1/results/1/tests/0/attachments/0?x=/", "http://evil.example/", ""} {
		if p := b.Get("/ui/tests/attachment?at=" + url.QueryEscape(at)); p.Status != http.StatusNotFound && p.Status != http.StatusBadRequest {
			t.Errorf("an attachment at %q: %d\n%.300s", at, p.Status, p.Body)
		}
	}
}
