package lab_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

func TestDesigns(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		text := site(t)
		first, second := storeDesign(t, s, text), storeDesign(t, s, text+"\n# newer\n")
		var got struct {
			ID, Reference string
			Nodes         int
		}
		decode(t, s.Do("GET", "/v1/designs/cedarlab", "", servertest.Admin()), &got)
		if got.Reference != second || got.Nodes != 8 {
			t.Errorf("the newest of the name is %+v, want %s", got, second)
		}
		a := s.Do("GET", "/v1/designs/"+strings.TrimPrefix(first, "slipway:/designs/")+"/documents", "", servertest.Admin())
		if string(a.Body)+"\n" != text && string(a.Body) != text {
			t.Error("the documents are not as they were stored")
		}
		reader := servertest.As(s.Token(auth.Reader))
		a = s.Do("GET", "/v1/designs/cedarlab/documents", "", reader)
		if !strings.Contains(text, "credential:") || a.Status != 200 || !strings.Contains(string(a.Body), "credential: '********'") {
			t.Errorf("a reader gets %d\n%.300s", a.Status, a.Body)
		}
		var list struct{ Designs []struct{ Reference string } }
		a = s.Do("GET", "/v1/designs?limit=1&name=cedarlab", "", reader)
		decode(t, a, &list)
		if len(list.Designs) != 1 || list.Designs[0].Reference != second || a.Header.Get("Link") == "" {
			t.Errorf("list: %s, Link %q", a.Body, a.Header.Get("Link"))
		}
		for _, tt := range []struct {
			name, query, body string
			want              int
		}{
			{"no name", "", text, 400},
			{"a bad name", "?name=A%20b", text, 400},
			{"no YAML", "?name=x", "a: [", 400},
			{"not UTF-8", "?name=x", "a: \xff", 400},
			{"a node without addresses", "?name=x", "schema: drydock/BaremetalNode/v1\nmetadata: {name: n}\ndata: {}\n", 400},
		} {
			if a := s.Do("POST", "/v1/designs"+tt.query, tt.body, servertest.Admin(), yamlType()); a.Status != tt.want {
				t.Errorf("%s: %d, want %d\n%s", tt.name, a.Status, tt.want, a.Body)
			}
		}
		if a := s.Do("DELETE", "/v1/designs/cedarlab", "", servertest.Admin()); a.Status != 204 {
			t.Errorf("delete: %d", a.Status)
		}
		decode(t, s.Do("GET", "/v1/designs/cedarlab", "", servertest.Admin()), &got)
		if got.Reference != first {
			t.Errorf("after the delete the newest is %s, want %s", got.Reference, first)
		}
	})
}

func TestDesignDocuments_hide_credentials(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	storeDesign(t, s, `# the old credential was s3cret-1
schema: drydock/HostProfile/v1
metadata: {name: p} # s3cret-2
data:
  oob: &board
    type: libvirt
    account: a
    Credential: s3cret-3
    libvirt_uri: qemu+ssh://admin:s3cret-4@hypervisor/system
---
schema: drydock/HostProfile/v1
metadata: {name: q}
data:
  oob: {credential: &word s3cret-5, note: *word}
`)
	for role, want := range map[auth.Role]bool{auth.Reader: false, auth.Operator: true} {
		a := s.Do("GET", "/v1/designs/cedarlab/documents", "", servertest.As(s.Token(role)))
		if a.Status != 200 || strings.Contains(string(a.Body), "s3cret") != want || !strings.Contains(string(a.Body), "@hypervisor/system") {
			t.Errorf("%s: %d\n%s", role, a.Status, a.Body)
		}
	}
}

func TestDesign_small_limit(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Lab.Library.Max = 100 })
	if a := s.Do("POST", "/v1/designs?name=x", site(t), servertest.Admin(), yamlType()); a.Status != 413 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func validate(t *testing.T, s *servertest.Server, href string) (int, map[string]any) {
	t.Helper()
	a := s.Do("POST", "/api/v1.0/validatedesign", mustJSON(t, map[string]any{"href": href}), servertest.Admin(), servertest.JSON())
	var got map[string]any
	decode(t, a, &got)
	return a.Status, got
}

func TestValidateDesign(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	ref := storeDesign(t, s, site(t))
	for range 2 { // any number of runs gives the same answer
		status, got := validate(t, s, ref)
		details := got["details"].(map[string]any)
		if status != 200 || got["status"] != "Success" || got["message"] != "Site design passed validation" || got["code"] != 200.0 || len(details["messageList"].([]any)) != 18 {
			t.Fatalf("the sample: %d %v", status, got)
		}
	}
	bad := storeDesign(t, s, strings.Replace(site(t), "10.40.8.0/22", "10.40.8.1/22", 1))
	status, got := validate(t, s, bad)
	text := mustJSON(t, got)
	if status != 400 || got["status"] != "Failure" || got["reason"] != "See detail messages." || !strings.Contains(text, `"message":"CIDR Validity: The provided CIDR 10.40.8.1/22 has host bits set"`) {
		t.Errorf("a bad design: %d %s", status, text)
	}
	status, got = validate(t, s, "slipway:/designs/nope")
	if status != 400 || got["status"] != "failure" || got["message"] != nil || !strings.Contains(mustJSON(t, got), `"name":"DD000"`) {
		t.Errorf("no such design: %d %v", status, got)
	}
	for _, body := range []string{``, `{}`, `{"href":null}`, `[]`, `{"rel":"design"}`} {
		a := s.Do("POST", "/api/v1.0/validatedesign", body, servertest.Admin(), servertest.JSON())
		if a.Status != 400 {
			t.Errorf("body %q: %d", body, a.Status)
		}
	}
}

// Nothing is installed from a design that fails validation: Drydock's orchestrator does
// not begin (get_target_nodes). What it does not install, it may still do.
func TestCreateTask_design_fails_validation(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	s.Work()
	ref := storeDesign(t, s, strings.Replace(site(t), "10.40.8.104}", "10.40.8.103}", 1))
	for _, action := range []string{"prepare_nodes", "prepare_node", "deploy_nodes", "deploy_node"} {
		a := s.Do("POST", "/api/v1.0/tasks", `{"action":"`+action+`","design_ref":"`+ref+`"}`, servertest.Admin(), servertest.JSON())
		if a.Status != 400 || !strings.Contains(string(a.Body), "fails validation with 1 errors, the first of which is DD2005 Duplicated IP Check: ") {
			t.Errorf("%s: %d %s", action, a.Status, a.Body)
		}
	}
	for _, action := range []string{"verify_nodes", "destroy_nodes", "relabel_nodes"} {
		if got := finished(t, s, createTask(t, s, action, ref, "cedar-n01").TaskID); got.Result.Status != "success" {
			t.Errorf("%s: %+v", action, got.Result)
		}
	}
}

// A link that does not say has an MTU of 1500 (objects/network.py).
func TestValidateDesign_link_without_mtu(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	ref := storeDesign(t, s, strings.Replace(site(t), "  mtu: 9000\n  linkspeed: auto\n", "  linkspeed: auto\n", 1))
	status, got := validate(t, s, ref)
	if text := mustJSON(t, got); status != 400 || got["status"] != "Failure" || !strings.Contains(text, `"errorCount":1,`) ||
		!strings.Contains(text, `"message":"MTU Rationality: The MTU of Network lab-data must not exceed 1500, that of its link"`) {
		t.Errorf("%d %s", status, text)
	}
	ref = storeDesign(t, s, strings.ReplaceAll(site(t), "  mtu: 9000\n", ""))
	if status, got := validate(t, s, ref); status != 200 {
		t.Errorf("without any: %d %v", status, got)
	}
}

func TestFilterNodes(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile("nodefilter/testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			ID              string
			Inventory       string
			NodeFilter      json.RawMessage `json:"node_filter"`
			Expect          []string
			Recommended     []string
			RecommendedHTTP int `json:"recommended_http"`
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t)
	ref := storeDesign(t, s, site(t))
	ran := 0
	for _, tt := range file.Cases {
		if tt.Inventory != "cedar" {
			continue
		}
		ran++
		body := `{"design_ref":"` + ref + `","node_filter":` + string(tt.NodeFilter) + `}`
		a := s.Do("POST", "/api/v1.0/nodefilter", body, servertest.Admin(), servertest.JSON())
		if tt.RecommendedHTTP == 400 {
			if a.Status != 400 {
				t.Errorf("%s: %d, want 400", tt.ID, a.Status)
			}
			continue
		}
		want := tt.Expect
		if tt.Recommended != nil {
			want = tt.Recommended
		}
		var got []string
		if a.Status != 200 || json.Unmarshal(a.Body, &got) != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d %s, want %v", tt.ID, a.Status, a.Body, want)
		}
	}
	if ran < 40 {
		t.Errorf("only %d cases ran", ran)
	}
}

// redirects serves the sample and ways to it and elsewhere.
func redirects(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	hop := func(from, to string) {
		mux.HandleFunc(from, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) })
	}
	text := site(t)
	mux.HandleFunc("/site.yaml", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(text)) })
	hop("/once", "/site.yaml")
	hop("/loop", "/loop")
	hop("/file", "file:///etc/passwd")
	hop("/metadata", "http://169.254.169.254/latest")
	hop("/mapped", "http://[::ffff:169.254.169.254]/latest")
	hop("/port", "http://127.0.0.1:1/")
	mux.HandleFunc("/zeros", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		_, _ = zip.Write(bytes.Repeat([]byte("#\n"), 8<<20))
		_ = zip.Close()
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("#"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

// TestDesignRef_redirects_and_bombs: an address that comes in a body is called as
// it is. No redirect is followed, wherever it leads, and who sent the address hears
// no more than that it could not be reached.
func TestDesignRef_redirects_and_bombs(t *testing.T) {
	t.Parallel()

	from := redirects(t)
	address := strings.TrimPrefix(from.URL, "http://")
	patient := servertest.New(t, hosts(address))
	hurried := servertest.New(t, hosts(address), func(c *server.Config) { c.Lab.Library.Timeout = time.Second })
	for _, tt := range []struct {
		path string
		want int
		text string
	}{
		{"/once", 400, "could not be reached"},
		{"/loop", 400, "could not be reached"},
		{"/file", 400, "could not be reached"},
		{"/metadata", 400, "could not be reached"},
		{"/mapped", 400, "could not be reached"},
		{"/port", 400, "could not be reached"},
		{"/zeros", 400, "larger than the limit"},
		{"/slow", 400, "could not be reached"},
		{"/missing", 400, "status 404"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()

			s := patient
			if tt.path == "/slow" {
				s = hurried
			}
			status, got := validate(t, s, from.URL+tt.path)
			if text := mustJSON(t, got); status != tt.want || !strings.Contains(text, tt.text) {
				t.Errorf("%d %s", status, text)
			}
		})
	}
}

func TestDesignRef(t *testing.T) {
	t.Parallel()

	good := designServer(t, http.StatusOK, site(t))
	broken := designServer(t, http.StatusInternalServerError, site(t))
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "site.yaml"), []byte(site(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(folder, "out")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("site.yaml", filepath.Join(folder, "in")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t, hosts("127.0.0.1"), func(c *server.Config) { c.Lab.Library.Folder = folder })
	tests := []struct {
		name, ref string
		want      int
		text      string
	}{
		{"http", good.URL + "/site.yaml", 200, ""},
		{"deckhand", "deckhand+" + good.URL + "/site.yaml", 200, ""},
		{"a status other than 200", broken.URL, 400, "status 500"},
		{"a redirect to another host", good.URL + "/elsewhere", 400, "could not be reached"}, // none is followed
		{"another host", "http://designs.cedarlab.example/site.yaml", 400, "not on the server's list"},
		{"metadata", "http://169.254.169.254/latest", 400, "not on the server's list"},
		{"a file", "file:///site.yaml", 200, ""},
		{"a file by its whole path", "file://" + folder + "/site.yaml", 200, ""},
		{"a file above the folder", "file:///../../etc/passwd", 400, "is not a file in the folder of designs"},
		{"a link out of the folder", "file:///out", 400, "is not a file in the folder of designs"},
		{"a link inside the folder", "file:///in", 200, ""},
		{"a pipe that nobody writes to", "file:///pipe", 400, "is not a regular file in the folder of designs"},
		{"the folder itself", "file:///", 400, "is not a file in the folder of designs"},
		{"a file on another host", "file://elsewhere/site.yaml", 400, "on another host"},
		{"a name with U+0000", "file:///site.yaml%00", 400, "is not a file in the folder of designs"},
		{"another scheme", "ftp://127.0.0.1/site.yaml", 400, "a scheme that is not supported"},
		{"no host", "http:///site.yaml", 400, "names no host"},
		{"a password is not repeated", "http://user:hunter2@127.0.0.1:1/x", 400, "could not be reached"},
		{"nonsense", "::", 400, "is not a URI"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, got := validate(t, s, tt.ref)
			text := mustJSON(t, got)
			if status != tt.want || !strings.Contains(text, tt.text) || strings.Contains(text, "hunter2") {
				t.Errorf("%d %s", status, text)
			}
		})
	}
	// A star admits names, but no private addresses behind them; that they are
	// private, the log knows.
	starred := servertest.New(t, hosts("*"))
	if status, got := validate(t, starred, good.URL+"/site.yaml"); status != 400 || !strings.Contains(mustJSON(t, got), "could not be reached") ||
		strings.Contains(mustJSON(t, got), "private") {
		t.Errorf("a private address behind a star: %d %v", status, got)
	}
}

// A listed host is asked at 80 and 443, at others only when a setting names them.
func TestDesignRef_ports(t *testing.T) {
	t.Parallel()

	good := designServer(t, http.StatusOK, site(t))
	address := strings.TrimPrefix(good.URL, "http://")
	port, err := strconv.Atoi(strings.TrimPrefix(address, "127.0.0.1:"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		host  string
		ports []int
		want  int
	}{
		"an address at the usual ports":         {"127.0.0.1", []int{80, 443}, 400},
		"a network at the usual ports":          {"127.0.0.0/8", []int{80, 443}, 400},
		"an address and its port":               {address, []int{80, 443}, 200},
		"a network, and a setting of the ports": {"127.0.0.0/8", []int{port}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s := servertest.New(t, hosts(tt.host), func(c *server.Config) { c.Lab.Library.Ports = tt.ports })
			status, got := validate(t, s, good.URL+"/site.yaml")
			if text := mustJSON(t, got); status != tt.want || (status == 400) != strings.Contains(text, "--design-ports does not name") {
				t.Errorf("%d %s", status, text)
			}
		})
	}
}
