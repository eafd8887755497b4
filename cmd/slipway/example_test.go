package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/slipway-lab/slipway/cmd/slipway/remote"
	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

const junitFile = `<testsuite name="suite"><testcase classname="suite.Case" name="passes"/>
<testcase classname="suite.Case" name="fails"><failure message="timeout">it took too long</failure></testcase></testsuite>`

// leaves are the commands that can be called, but for those that only the program
// itself and its makers call.
func leaves(node *kong.Node) []*kong.Node {
	if node.Hidden {
		return nil
	}
	if len(node.Children) == 0 {
		return []*kong.Node{node}
	}
	var all []*kong.Node
	for _, child := range node.Children {
		all = append(all, leaves(child)...)
	}
	return all
}

// TestExamples runs the example of every command on a server that has what they name.
func TestExamples(t *testing.T) {
	t.Parallel()
	var c cli
	parser, err := newParser(t.Context(), &c, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := prepared(t)
	for _, leaf := range leaves(parser.Model.Node) {
		name := strings.TrimPrefix(leaf.Path(), "slipway ")
		line := remote.Example(leaf.Detail)
		if line == "" {
			t.Errorf("%s has no example", name)
			continue
		}
		if !strings.HasPrefix(line, "slipway "+name) {
			t.Errorf("the example of %s is %q", name, line)
		}
		want := 0
		if name == "upload" { // the prepared file has a failure, and so --fail-on new says
			want = 1
		}
		if d := h.sh(line); d.code != want && !onlySpace(d) {
			t.Errorf("%s: exit %d, want %d\nout: %s\nerr: %s", line, d.code, want, d.out, d.err)
		}
	}
}

// onlySpace reports whether slipway doctor finds nothing wrong but how full the disk is,
// which is the machine's own.
func onlySpace(d done) bool {
	return d.code == 1 && strings.Contains(d.out, "WRONG  space") && strings.Count(d.out, "WRONG") == 1
}

// first is a field of the first document that a command prints.
func (h *home) first(line, field string) string {
	h.t.Helper()
	d := h.want(0, line+" -o json")
	var list []map[string]any
	if err := json.Unmarshal([]byte(d.out), &list); err != nil {
		var one map[string]any
		if err := json.Unmarshal([]byte(d.out), &one); err != nil {
			h.t.Fatalf("%s: %v\n%s", line, err, d.out)
		}
		list = append(list, one)
	}
	if len(list) == 0 {
		h.t.Fatalf("%s prints nothing", line)
	}
	value, ok := list[0][field].(string)
	if !ok {
		h.t.Fatalf("%s has no %s: %s", line, field, d.out)
	}
	return value
}

// prepared is a server with something of everything, and the names of it in the
// environment.
func prepared(t *testing.T) *home {
	t.Helper()
	l := newLab(t)
	h := l.home
	set := func(name, value string) { h.env = append(h.env, name+"="+value) }
	set("PRODUCT", l.product)
	set("SLIPWAY_DATA", filepath.Join(h.dir, "data"))
	h.write("junit.xml", junitFile)
	site, err := os.ReadFile("../../server/lab/testdata/site.yaml")
	if err != nil {
		t.Fatal(err)
	}
	h.write("site.yaml", strings.ReplaceAll(string(site), "cedar-n01", "node1"))
	h.write("tokens.json", `[{"token":"11112222-3333-4444-8555-666677778888","email":"lab@example.org","username":"lab","properties":[0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"expired":false,"ip_address":null,"created_on":{"$date":1400000000000}}]`)
	h.write("kernelci-dump/job.json", `{"_id":{"$oid":"53b1c3d4e7798b0001a0f0aa"},"created_on":{"$date":"2014-06-30T20:11:00.123Z"},"job":"next","kernel":"next-20140630","status":"PASS"}`)
	h.write("out/junit.xml", junitFile)
	h.write("drydock.sql", drydockDump(2))
	h.write("subunit2sql.sql", subunitDump(2))
	h.write("refstack.sql", strings.Replace(refstackDump(2), ",(9999,'nobody\\'s','tempest.test_0',NULL)", "", 1))
	h.want(0, "slipway upload junit.xml")
	set("KEEP", h.first(`slipway retention keep latest --reason prepared`, "id"))
	set("ISSUE", h.first(`slipway issue add old --name 'x*'`, "id"))
	set("WEBHOOK", h.first(`slipway webhook add https://hooks.example/prepared`, "id"))
	set("OLD_WEBHOOK", h.first(`slipway webhook add https://hooks.example/second`, "id"))
	set("DESIGN", h.first("slipway designs push site.yaml --name prepared", "reference"))
	set("TASK", h.first(`slipway deploy node1 --action verify_nodes --design "$DESIGN"`, "task_id"))
	done := l.advertise("done")[0]
	set("DONE_OPPORTUNITY", done)
	h.want(0, "slipway agent run --name bench-1 --once -- echo hello")
	l.wantResult(done, "PASSED")
	set("WAITING_OPPORTUNITY", l.advertise("waits")[0])
	l.advertise("waits-too")
	for _, name := range []string{"TOKEN_ID", "ROTATED_ID"} {
		d := h.want(0, "slipway token create "+strings.ToLower(name)+" --role reader")
		_, rest, _ := strings.Cut(d.err, "token ")
		id, _, _ := strings.Cut(rest, " ")
		set(name, id)
	}
	h.want(0, "slipway login")
	return h
}

// TestManners checks what all commands do alike.
func TestManners(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	h := l.home
	h.write("junit.xml", junitFile)
	nowhere := "--server http://" + servertest.FreeAddress(t)
	for _, test := range []struct {
		name, line string
		code       int
		says       string
	}{
		{"no server", "slipway results " + nowhere, 5, "no answer from"},
		{"a wrong token", "slipway results --token wrong", 3, "request req-"},
		{"a wrong id", "slipway tests 999999", 4, "request req-"},
		{"what is no id", "slipway tests nine", 2, "must be a number or latest"},
		{"an unknown command", "slipway uplod x", 2, "did you mean upload?"},
		{"an unknown part of a command", "slipway agent rnu", 2, "did you mean run?"},
		{"an unknown flag", "slipway results --outcmoe fail", 2, "outcome"},
		{"an unknown context", "slipway results --context nope", 2, "slipway login makes one"},
		{"a file that is not there", "slipway upload nothing.xml", 2, "nothing.xml"},
		{"a design that is not there", "slipway designs validate nothing.yaml", 2, "slipway: nothing.yaml: open nothing.yaml: no such file"},
		{"an empty folder", "mkdir empty; slipway upload empty", 2, "no file in the folder"},
		{"a number that is none", "slipway upload junit.xml --expect-tests few", 2, "must be previous or a number"},
		{"an unknown field", "slipway results --fields test_di -o csv; slipway upload junit.xml -q >/dev/null; slipway results --fields test_di", 2, "did you mean test_id?"},
		{"an address that is none", "slipway results --server lab", 2, "http://HOST"},
		{"what needs a yes", "slipway cancel " + l.advertise("x")[0] + " </dev/null", 2, "--yes"},
		{"no home, with all that is needed", "env -u HOME slipway results -q", 0, ""},
		{"no home for a login", "env -u HOME slipway login", 2, "HOME"},
		{"an expected number of tests", "slipway upload junit.xml --expect-tests 3", 1, "only 2 tests came"},
		{"any failure", "slipway upload junit.xml --fail-on any", 1, "the outcome is fail"},
		{"half a file", "head -c 60 junit.xml | slipway upload - --fail-on any", 1, "damage"},
		{"half a file, strictly", "head -c 60 junit.xml | slipway upload - --strict", 2, "422"},
		{"a misspelled outcome", "slipway tests --outcome failed", 2, "must be one of pass, fail"},
		{"a file that is no report", "echo hello >notes.txt; slipway upload notes.txt --fail-on any", 1, "/v1/formats"},
		{"nothing before it, where nothing counts", "slipway upload junit.xml --name lonely --expect-tests previous", 0, "compare with\n"},
		{"nothing before it", "slipway upload junit.xml --name alone --fail-on new", 1, "compare with: any failure counts"},
		{"a time where there is none", "slipway compare none latest --since 1h", 2, "unknown flag --since"},
		{"a time of tests of one run", "slipway tests latest --since 1h", 2, "without a run"},
		{"an attempt of no run", "slipway tests --attempt 1", 2, "needs a run"},
		{"an outcome of one run", "slipway results latest --outcome fail", 2, "choose among runs"},
		{"a comparison with half a file", "head -c 120 junit.xml >half.xml; slipway upload half.xml -q; slipway compare latest latest", 0, "not whole"},
		{"the same as JSON", "slipway compare none latest -o json", 0, "not whole"},
		{"a closed pipe", "slipway results --limit 0 | true", 0, ""},
		{"a deadline", "slipway events --follow --timeout 100ms", 5, "--timeout"},
	} {
		d := h.sh(test.line)
		if all := d.out + d.err; d.code != test.code || !strings.Contains(all, test.says) || strings.Contains(all, "goroutine ") {
			t.Errorf("%s: exit %d, want %d with %q\nout: %s\nerr: %s", test.name, d.code, test.code, test.says, d.out, d.err)
		}
	}
	d := h.want(4, "slipway tests 999999 -o json")
	var problem map[string]any
	if err := json.Unmarshal([]byte(d.err), &problem); err != nil || problem["status"] != 404.0 {
		t.Errorf("an error in JSON is %s", d.err)
	}
	if d := h.want(0, "slipway results -o yaml --fields test_id,name --limit 1"); !strings.Contains(d.out, "test_id: ") {
		t.Errorf("YAML is %s", d.out)
	}
	if d := h.want(0, "slipway results -o csv --fields test_id,created_at --limit 1"); !strings.HasPrefix(d.out, "test_id,created_at\n") {
		t.Errorf("CSV is %s", d.out)
	}
}

// TestLogin keeps the token for its own server only, and for its owner's eyes.
func TestLogin(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	h := l.home
	h.want(0, "echo "+adminToken+" | env -u SLIPWAY_TOKEN slipway login --name lab")
	info, err := os.Stat(filepath.Join(h.dir, ".config", "slipway", "config.yaml"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	bare := "env -u SLIPWAY_TOKEN -u SLIPWAY_URL slipway "
	h.want(0, bare+"audit")
	h.want(3, bare+"audit --server http://localhost:"+l.address[strings.LastIndex(l.address, ":")+1:])
	if d := h.want(0, bare+"context list"); !strings.Contains(d.out, "lab") || strings.Contains(d.out, adminToken) {
		t.Errorf("context list prints %q", d.out)
	}
	h.want(3, "slipway login --token wrong")
	h.want(2, "slipway context use lba")
	h.want(0, "slipway context use lab")
}

// TestToken_overTheAPI makes and ends a token at a server, and beside it.
func TestToken_overTheAPI(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	h := l.home
	d := h.want(0, "slipway token create ci --role reader")
	h.want(0, "slipway results --token "+strings.TrimSpace(d.out))
	_, rest, _ := strings.Cut(d.err, "token ")
	id, _, _ := strings.Cut(rest, " ")
	if list := h.want(0, "slipway token list"); !strings.Contains(list.out, id) {
		t.Errorf("the list is %s", list.out)
	}
	h.want(3, "slipway token create more --role admin --token "+strings.TrimSpace(d.out))
	h.want(0, "slipway token revoke "+id)
	h.want(3, "slipway audit --token "+strings.TrimSpace(d.out))
	beside := "env -u SLIPWAY_URL -u SLIPWAY_TOKEN slipway token list --data data"
	if list := h.want(0, beside+" --all"); !strings.Contains(list.out, id) {
		t.Errorf("beside the server the list is %s", list.out)
	}
}

// TestUpload_newFailures takes the same failure for known after the first time.
func TestUpload_newFailures(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	h := l.home
	cloud, err := l.api.CreateCloudWithResponse(t.Context(), nil, cloudCalled("ci"))
	if err != nil {
		t.Fatal(err)
	}
	if cloud.JSON201 == nil {
		t.Fatal("there is no cloud")
	}
	h.write("junit.xml", junitFile)
	h.write("worse.xml", strings.ReplaceAll(junitFile, `name="passes"/>`, `name="passes"><failure message="broken"/></testcase>`))
	upload := "slipway upload --cloud ci --fail-on new --expect-tests previous "
	if d := h.want(1, upload+"junit.xml"); !strings.Contains(d.out, "suite.Case.fails") || !strings.Contains(d.out, "/ui/runs/") {
		t.Errorf("it prints %s", d.out)
	}
	h.want(0, upload+"junit.xml")
	if d := h.want(1, upload+"worse.xml"); !strings.Contains(d.err, "1 new failures") {
		t.Errorf("it says %s", d.err)
	}
	h.write("fewer.xml", `<testsuite name="suite"><testcase classname="suite.Case" name="passes"/></testsuite>`)
	if d := h.want(1, upload+"fewer.xml"); !strings.Contains(d.err, "only 1 tests came") {
		t.Errorf("it says %s", d.err)
	}
	h.want(4, "slipway upload --cloud cj junit.xml")

	// A folder is one result, and so is what is added to it.
	h.write("out/a/one.xml", strings.ReplaceAll(junitFile, "suite.Case", "a.Case"))
	h.write("out/b/one.xml", strings.ReplaceAll(junitFile, "suite.Case", "b.Case"))
	if d := h.want(0, "slipway upload out"); !strings.Contains(d.out, "4 tests: 2 passed, 2 failed") {
		t.Errorf("it prints %s", d.out)
	}
	if d := h.want(0, "slipway upload --run latest --add junit.xml"); !strings.Contains(d.out, "attempt 1: fail — 6 tests") {
		t.Errorf("it prints %s", d.out)
	}
}

// TestUpload_interrupted is ended in the middle: the next call goes on with its run.
func TestUpload_interrupted(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	h := l.home
	big := filepath.Join(h.dir, "big.xml")
	h.write("big.xml", junitFile)
	if err := os.Truncate(big, 8<<30); err != nil { // a hole, which takes no room and some time
		t.Fatal(err)
	}
	p := h.start("slipway upload big.xml --name cut")
	await.That(t, "the run is there", func() bool { return strings.Contains(h.sh("slipway results").out, "cut") })
	p.signal(syscall.SIGINT)
	<-p.end
	if code := p.cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(p.log.String(), "goes on with run") {
		t.Fatalf("exit %d: %s", code, p.log)
	}
	p = h.start("slipway upload big.xml --name cut")
	p.await(t, "going on with run")
	p.signal(syscall.SIGINT)
	<-p.end
	if n := strings.Count(h.want(0, "slipway results").out, "cut"); n != 1 {
		t.Errorf("there are %d runs", n)
	}
}

func cloudCalled(label string) client.NewCloud {
	return client.NewCloud{Label: label, Endpoint: "http://cloud.example", AdminEndpoint: "http://cloud.example", TestUser: "u", AdminUser: "a"}
}
