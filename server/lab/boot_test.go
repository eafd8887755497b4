package lab_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

// unpacked returns the files of an archive by name.
func unpacked(t *testing.T, data []byte) (names []string, files map[string]string) {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]string{}
	for in := tar.NewReader(zipped); ; {
		head, err := in.Next()
		if errors.Is(err, io.EOF) {
			return names, files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, head.Name)
		files[head.Name] = string(text)
	}
}

// deploying starts a deployment on which nobody signals, and returns its task
// and the node's manifest.
func deploying(t *testing.T, s *servertest.Server, ref, node string) (id string, manifest map[string]any) {
	t.Helper()
	id = createTask(t, s, "deploy_nodes", ref, node).TaskID
	eventually(t, "the deployment of "+node, func() bool {
		a := s.Do("GET", "/v1/nodes/"+node+"/manifest", "", servertest.Admin())
		return a.Status == 200 && json.Unmarshal(a.Body, &manifest) == nil
	})
	return id, manifest
}

func key(text string) servertest.Option { return servertest.With("X-Bootaction-Key", text) }

func TestBootData(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		s.Work()
		ref := storeDesign(t, s, site(t))
		if a := s.Do("GET", "/api/v1.0/bootactions/nodes/cedar-n02/files", ""); a.Status != 404 {
			t.Errorf("before the deployment: %d", a.Status)
		}
		_, manifest := deploying(t, s, ref, "cedar-n02")
		good := manifest["key"].(string)

		a := s.Do("GET", "/api/v1.0/bootactions/nodes/cedar-n02/files", "", key(strings.ToUpper(good)))
		names, files := unpacked(t, a.Body)
		if a.Status != 200 || !slices.Equal(names, []string{"/usr/local/bin/announce.sh", "/etc/slipway/motd.b64", "/usr/local/bin/burnin.sh"}) {
			t.Fatalf("files: %d %v", a.Status, names)
		}
		if got := a.Header.Get("Content-Disposition"); got != `attachment; filename="cedar-n02-file.tar.gz"` {
			t.Errorf("Content-Disposition %s", got)
		}
		script := files["/usr/local/bin/announce.sh"]
		for _, part := range []string{
			"# node cedar-n02.", "tags=control,gpu,lab", "color=blue ip=10.40.8.102 default=10.40.8.0/22",
			"X-Bootaction-Key: " + good, s.URL + "/api/v1.0/bootactions/", "# design=slipway%3A/designs/",
		} {
			if !strings.Contains(script, part) {
				t.Errorf("announce.sh does not hold %q:\n%s", part, script)
			}
		}
		again := s.Do("GET", "/v1/bootdata/cedar-n02/files/", "", key(good))
		if !bytes.Equal(again.Body, a.Body) {
			t.Error("the archive differs the second time")
		}
		a = s.Do("GET", "/api/v1.0/bootdata/cedar-n02/units", "", key(good))
		if names, _ := unpacked(t, a.Body); !slices.Equal(names, []string{"/etc/systemd/system/burnin.service"}) {
			t.Errorf("units: %v", names)
		}
		for sent, want := range map[string]int{"": 401, "nothex": 403, strings.Repeat("0", 64): 403} {
			option := key(sent)
			if sent == "" {
				option = servertest.Admin() // an API token is worth nothing here
			}
			a := s.Do("GET", "/api/v1.0/bootactions/nodes/cedar-n02/files", "", option)
			if a.Status != want {
				t.Errorf("key %q: %d, want %d", sent, a.Status, want)
			}
			if want == 401 && a.Header.Get("WWW-Authenticate") != "Bootaction-Key" {
				t.Errorf("WWW-Authenticate %q", a.Header.Get("WWW-Authenticate"))
			}
		}
		if rest := mustJSON(t, manifest["packages"]); rest != `[]` {
			t.Errorf("packages of a node without any: %s", rest)
		}
		_, worker := deploying(t, s, ref, "cedar-n03")
		if rest := mustJSON(t, worker["packages"]); rest != `[{"name":"stress-ng","version":null},{"name":"iperf3","version":"3.16-1build2"}]` {
			t.Errorf("packages of a worker: %s", rest)
		}
	})
}

// What a template collects in a loop is there behind it, texts consist of
// characters, and what Python would refuse is refused.
func TestBootData_as_Python(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	s.Work()
	with := func(template string) (int, string) {
		text := strings.Replace(site(t), "# color={{ node.labels.color", template+" # color={{ node.labels.color", 1)
		_, manifest := deploying(t, s, storeDesign(t, s, text), "cedar-n02")
		a := s.Do("GET", "/api/v1.0/bootactions/nodes/cedar-n02/files", "", key(manifest["key"].(string)))
		id := manifest["task_id"].(string)
		s.Do("DELETE", "/api/v1.0/tasks/"+topOf(t, s, id), "", servertest.Admin())
		finished(t, s, topOf(t, s, id))
		if a.Status != 200 {
			return a.Status, string(a.Body)
		}
		_, files := unpacked(t, a.Body)
		return a.Status, files["/usr/local/bin/announce.sh"]
	}
	status, script := with("{% set l = [] %}{% for t in node.tags | sort %}{% set _ = l.append(t) %}{% endfor %}l={{ l | join('+') }} c={{ 'é1'[0] }} r={{ [2, 3, 1] | reverse | join }} m={{ -10 % 3 }}")
	if status != 200 || !strings.Contains(script, "\nl=control+gpu+lab c=é r=132 m=2 # color=") {
		t.Errorf("%d %s", status, script)
	}
	if status, problem := with("{{ node.labels.color + 1 }}"); status == 200 || status >= 500 && status != 503 || !strings.Contains(problem, "operands that do not fit") {
		t.Errorf("a text and a number: %d %s", status, problem)
	}
}

// topOf is the top task above a task.
func topOf(t *testing.T, s *servertest.Server, id string) string {
	t.Helper()
	for {
		parent := getTask(t, s, id, "").ParentTaskID
		if parent == nil {
			return id
		}
		id = *parent
	}
}

func TestBootData_limit(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Lab.Boot.MaxData = 300 })
	s.Work()
	_, manifest := deploying(t, s, storeDesign(t, s, site(t)), "cedar-n02")
	a := s.Do("GET", "/v1/bootdata/cedar-n02/files", "", key(manifest["key"].(string)))
	if a.Status != 400 || !strings.Contains(string(a.Body), "larger than the limit of 300 bytes together") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := s.Do("GET", "/v1/bootdata/cedar-n02/units", "", key(manifest["key"].(string))); a.Status != 200 {
		t.Errorf("the units are small: %d %s", a.Status, a.Body)
	}
}

// The settings reach the templates.
func TestBootData_bounds(t *testing.T) {
	t.Parallel()

	for says, change := range map[string]func(*server.Config){
		"its values grow too large together": func(c *server.Config) { c.Lab.Boot.TemplateMemory = 1 },
		"it takes too long":                  func(c *server.Config) { c.Lab.Boot.TemplateTime = 1 },
	} {
		s := servertest.New(t, change)
		s.Work()
		_, manifest := deploying(t, s, storeDesign(t, s, site(t)), "cedar-n02")
		a := s.Do("GET", "/v1/bootdata/cedar-n02/files", "", key(manifest["key"].(string)))
		if a.Status != 400 || !strings.Contains(string(a.Body), says) {
			t.Errorf("%d %s, want 400 with %q", a.Status, a.Body, says)
		}
	}
}

// What machines say in one task has a limit; the status itself always gets through.
func TestSignal_limit(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Lab.Engine.MaxMessages = 4000 })
	s.Work()
	_, manifest := deploying(t, s, storeDesign(t, s, site(t)), "cedar-n08")
	good := manifest["key"].(string)
	path := "/v1/bootaction/" + actionID(t, s, "cedar-n08", good)
	signal := func(body string) servertest.Answer {
		return s.Do("POST", path, body, servertest.JSON(), key(good))
	}
	said := func(status string) string {
		return `{"status":"` + status + `","details":[{"message":"` + strings.Repeat("x", 3000) + `","error":false}]}`
	}
	if a := signal(said("")); a.Status != 400 { // the empty status is none
		t.Fatalf("an empty status: %d %s", a.Status, a.Body)
	}
	if a := signal(strings.Replace(said(""), `"status":"",`, "", 1)); a.Status != 200 {
		t.Fatalf("the first message: %d %s", a.Status, a.Body)
	}
	if a := signal(said("success")); a.Status != 413 || !strings.Contains(string(a.Body), "at most 4000 bytes") {
		t.Errorf("one message too many: %d %s", a.Status, a.Body)
	}
	if a := signal(`{"status":"success"}`); a.Status != 200 {
		t.Errorf("the status without a message: %d %s", a.Status, a.Body)
	}
}

// actionID finds the id of the boot action in what its script calls.
func actionID(t *testing.T, s *servertest.Server, node, bootKey string) string {
	t.Helper()
	_, files := unpacked(t, s.Do("GET", "/v1/bootdata/"+node+"/files", "", key(bootKey)).Body)
	script := strings.TrimRight(files["/usr/local/bin/announce.sh"], "\n'")
	return script[strings.LastIndex(script, "/")+1:]
}

func TestSignal(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		s.Work()
		ref := storeDesign(t, s, site(t))
		id, manifest := deploying(t, s, ref, "cedar-n08")
		good := manifest["key"].(string)
		action := actionID(t, s, "cedar-n08", good)

		steps := []struct {
			name, path, key, body string
			want                  int
		}{
			{"an unknown action, even without a key", "/api/v1.0/bootactions/01M7XNMJT56250FPAV4MB2KXMK", "", `{`, 404},
			{"no key", "/api/v1.0/bootactions/" + action, "", `{`, 401},
			{"a wrong key", "/api/v1.0/bootactions/" + action, strings.Repeat("0", 64), `{`, 403},
			{"no JSON", "/api/v1.0/bootactions/" + action, good, `{`, 400},
			{"an unknown member", "/api/v1.0/bootactions/" + action, good, `{"foo":1}`, 400},
			{"a wrong status", "/api/v1.0/bootactions/" + action, good, `{"status":"done"}`, 400},
			{"a status twice", "/api/v1.0/bootactions/" + action, good, `{"status":"failure","status":"success"}`, 400},
			{"details that are none", "/api/v1.0/bootactions/" + action, good, `{"details":[1]}`, 400},
			{"a detail without a text", "/api/v1.0/bootactions/" + action, good, `{"details":[{"error":false}]}`, 400},
			{"a detail whose error is a text", "/api/v1.0/bootactions/" + action, good, `{"details":[{"message":"x","error":"no"}]}`, 400},
			{"nothing", "/api/v1.0/bootactions/" + action, good, `{}`, 200},
			{"a detail with more in it", "/api/v1.0/bootaction/" + action, good, `{"details":[{"message":"disk check passed","error":false,"disk":"sda","ts":"x","context":"y"}]}`, 200},
			{"the Go client's slashes", "/api/v1.0/bootactions//" + action + "/", good, `{"details":[{"message":"Bootaction starting execution.","error":false}]}`, 200},
			{"lower case", "/v1/bootaction/" + strings.ToLower(action), strings.ToUpper(good), `{"details":[{"message":"hm","error":true}]}`, 200},
			{"the end", "/api/v1.0/bootactions/" + action, good, `{"status":"Success","details":[{"message":"all done","error":false}]}`, 200},
			{"the end again", "/api/v1.0/bootactions/" + action, good, `{"status":"Failure"}`, 409},
			{"a bad body after the end", "/api/v1.0/bootactions/" + action, good, `{"foo":1}`, 400},
			{"a wrong key after the end", "/api/v1.0/bootactions/" + action, strings.Repeat("0", 64), `{}`, 403},
		}
		for _, tt := range steps {
			options := []servertest.Option{servertest.JSON()}
			if tt.key != "" {
				options = append(options, key(tt.key))
			}
			a := s.Do("POST", tt.path, tt.body, options...)
			if a.Status != tt.want {
				t.Fatalf("%s: POST %s %s: %d, want %d\n%s", tt.name, tt.path, tt.body, a.Status, tt.want, a.Body)
			}
			if strings.Contains(string(a.Body), good) {
				t.Errorf("%s: the answer shows the key", tt.name)
			}
		}
		top := finished(t, s, id)
		if top.Result.Status != "success" || !slices.Equal(top.Result.Successes, []string{"cedar-n08"}) {
			t.Errorf("the deployment: %s", mustJSON(t, top.Result))
		}
		all := layers(t, s, id)
		deploy := findTask(t, all, "deploy_node", "deploy_node")
		var said []string
		for _, m := range deploy.Result.Details.MessageList {
			if m.ContextType == "bootaction" {
				said = append(said, m.Message)
				if m.Context != action {
					t.Errorf("message %q has the context %q", m.Message, m.Context)
				}
			}
			if m.Message == "disk check passed" && (len(m.Extra) != 1 || m.Extra["disk"] != "sda") {
				t.Errorf("extra %v", m.Extra)
			}
		}
		if want := []string{"disk check passed", "Bootaction starting execution.", "hm", "all done"}; !slices.Equal(said, want) {
			t.Errorf("messages %q, want %q", said, want)
		}
		if deploy.Result.Details.ErrorCount != 1 || deploy.Result.Status != "success" || len(deploy.Result.Links) != 1 {
			t.Errorf("deploy task %s", mustJSON(t, deploy.Result))
		}
		checkBootData(t, s, "after the deployment", good, 200, 401, 403)
		finished(t, s, createTask(t, s, "destroy_nodes", ref, "cedar-n08").TaskID)
		checkBootData(t, s, "after the node was destroyed", good, 404, 404, 404)
	})
}

// checkBootData asks for boot data with the key, without one and with a wrong one.
func checkBootData(t *testing.T, s *servertest.Server, when, good string, with, without, wrong int) {
	t.Helper()
	for _, kind := range []string{"files", "units"} {
		path := "/v1/bootdata/cedar-n08/" + kind
		if a := s.Do("GET", path, "", key(good)); a.Status != with {
			t.Errorf("%s %s with the key: %d, want %d", kind, when, a.Status, with)
		}
		if a := s.Do("GET", path, ""); a.Status != without {
			t.Errorf("%s %s without a key: %d, want %d", kind, when, a.Status, without)
		}
		if a := s.Do("GET", path, "", key(strings.Repeat("0", 64))); a.Status != wrong {
			t.Errorf("%s %s with a wrong key: %d, want %d", kind, when, a.Status, wrong)
		}
	}
}

func TestSignal_failure_and_unreported(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	s.Work()
	ref := storeDesign(t, s, labelled(t, "cedar-n08", "simulate_signal: failure"))
	got := finished(t, s, createTask(t, s, "deploy_nodes", ref, "cedar-n08").TaskID)
	if got.Result.Status != "failure" || !slices.Equal(got.Result.Failures, []string{"cedar-n08"}) {
		t.Errorf("all nodes failed: %s", mustJSON(t, got.Result))
	}
}
