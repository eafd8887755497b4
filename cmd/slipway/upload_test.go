package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// pick has an agent take the opportunities, and writes down the answers.
func (l *lab) pick(agent string, images ...string) []*client.Work {
	l.t.Helper()
	ids := l.advertise(images...)
	a := l.api.Agent(agent, "")
	capacity := int32(len(ids))
	if err := a.Register(l.t.Context(), client.AgentRegistration{Capacity: &capacity}); err != nil {
		l.t.Fatal(err)
	}
	var held []string
	var all []*client.Work
	for range ids {
		w, err := a.Poll(l.t.Context(), 0, held...)
		if err != nil || w == nil {
			l.t.Fatalf("no work: %v", err)
		}
		text, err := json.Marshal(w.Opportunity)
		if err != nil {
			l.t.Fatal(err)
		}
		l.write(w.Opportunity.ImageUniqueID+".json", string(text))
		all, held = append(all, w), append(held, w.ID())
	}
	return all
}

// TestUpload_product posts results of test opportunities that a runner has picked by
// itself. What is wrong about any of it is never a pass.
func TestUpload_product(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	h := l.home
	h.write("junit.xml", junitFile)
	h.write("green.xml", strings.Replace(junitFile, `<failure message="timeout">it took too long</failure>`, "", 1))
	runner := strings.TrimSpace(h.want(0, "slipway token create agents --role runner").out)
	work := l.pick("bench-1", "one", "two", "three", "four", "five", "six", "seven")
	for _, test := range []struct {
		name, line string
		code       int
		says       string
	}{
		{"with a lease", "slipway upload green.xml --opportunity one.json --status $? --fail-on any", 0, "PASSED — smoke on one; its file: pass, 2 tests"},
		{"again, as when the answer was lost", "slipway upload green.xml --opportunity one.json --status 0", 0, "attempt 1: PASSED"},
		{"another result", "slipway upload junit.xml --opportunity one.json --status 1", 1, "status 409"},
		{"with an agent", "slipway upload junit.xml --product core --opportunity " + work[1].ID() + " --agent bench-1 --status FAILED", 0, "fail  suite.Case.fails"},
		{"a pass whose file has a failure", "slipway upload junit.xml --opportunity three.json --status passed --fail-on any", 1, "the outcome is fail"},
		{"a failure whose file has none", "slipway upload green.xml --opportunity four.json --status 1 --fail-on new", 1, "the outcome is failed"},
		{"by a runner's token", "slipway upload green.xml --token " + runner + " --product " + l.product + " --opportunity " + work[4].ID() + " --agent bench-1 --status 7 --fail-on any", 1, "ERROR"},
		{"half a file", "head -c 60 junit.xml | slipway upload - --opportunity six.json --status 0 --fail-on any", 1, "damage"},
		{"what an agent holds", "slipway upload green.xml --product core --agent bench-1 --status 2 -o json --fields test_status,image_unique_id", 0, `"seven"`},
		{"nothing left", "slipway upload green.xml --product core --agent bench-1 --status 2", 4, "holds no test opportunity"},
		{"no such opportunity", "slipway upload green.xml --product core --opportunity 7d3a1f60-2b1c-4c55-9f0e-1d2c3b4a5968 --agent bench-1 --status 0", 4, "there is no test opportunity"},
		{"no such product", "slipway upload green.xml --product cor --agent bench-1 --status 0", 4, "did you mean core?"},
		{"a runner that names the product", "slipway upload green.xml --token " + runner + " --product core --agent bench-1 --status 0", 3, "their id"},
		{"a file that is no answer", "slipway upload green.xml --opportunity green.xml --status 0", 2, "no answer of a pick"},
		{"what is neither id nor file", "slipway upload green.xml --opportunity nine --status 0", 2, "must be an id or a file"},
		{"nobody who holds it", "slipway upload green.xml --opportunity " + work[1].ID() + " --status 0", 2, "--agent or --lease"},
		{"no status", "slipway upload green.xml --product core --agent bench-1", 2, "needs --status"},
		{"a status of two words", "slipway upload green.xml --product core --agent bench-1 --status 'all well'", 2, "letters, digits"},
		{"a run as well", "slipway upload green.xml --product core --agent bench-1 --status 0 --run 1", 2, "are for runs"},
		{"a status of a run", "slipway upload green.xml --status 0", 2, "for the result of a test opportunity"},
	} {
		if d := h.sh(test.line); d.code != test.code || !strings.Contains(d.out+d.err, test.says) {
			t.Errorf("%s: exit %d, want %d with %q\nout: %s\nerr: %s", test.name, d.code, test.code, test.says, d.out, d.err)
		}
	}
	l.wantResult(work[0].ID(), "PASSED")
	if file, err := l.wantResult(work[1].ID(), "FAILED").File.Get(); err != nil || file.Format != "junit" || file.Counts.Fail != 1 {
		t.Errorf("its file is %+v, %v", file, err)
	}
}

// TestUpload_silentRunner sends what comes through a pipe from a runner that is silent
// for longer than the server waits for the next piece of a body.
func TestUpload_silentRunner(t *testing.T) {
	t.Parallel()
	l := newLab(t, "SLIPWAY_STALL_TIMEOUT=100ms")
	l.watched()
	d := l.want(0, `(printf 'test: a\nsuccess: a\n'; sleep 1; printf 'test: b\nfailure: b\n') | slipway upload -`)
	if !strings.Contains(d.out, "2 tests: 1 passed, 1 failed") {
		t.Errorf("it prints %s", d.out)
	}
}

// TestUpload_follow waits for a file that is not there yet, and then for its end.
func TestUpload_follow(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	h := l.home
	p := h.start("slipway upload --follow late.subunit")
	p.await(t, "waiting until late.subunit is written")
	f, err := os.Create(filepath.Join(h.dir, "late.subunit"))
	if err != nil {
		t.Fatal(err)
	}
	looked := h.want(5, "slipway upload --follow late.subunit --timeout 1500ms") // the first one has looked as often
	for i := range 3 {
		fmt.Fprintf(f, "test: t%d\nsuccess: t%d\n", i, i)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	<-p.end
	if p.cmd.ProcessState.ExitCode() != 0 || !strings.Contains(p.log.String(), "3 tests: 3 passed") {
		t.Errorf("it says %s", p.log)
	}
	if !strings.Contains(looked.err, "--timeout") {
		t.Errorf("a file that is never closed: %s", looked.err)
	}
	h.want(2, "mkdir folder; slipway upload --follow folder")
}

// TestUpload_interruptedProduct leaves the opportunity as it was, and the same command
// again posts its result.
func TestUpload_interruptedProduct(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	work := l.pick("bench-1", "one")[0]
	big := l.write("big.xml", junitFile)
	if err := os.Truncate(big, 8<<30); err != nil { // a hole, which takes no room and some time
		t.Fatal(err)
	}
	p := l.start("slipway upload big.xml --opportunity one.json --status 0")
	await.That(t, "the server receives it", func() bool {
		parts, err := filepath.Glob(filepath.Join(l.dir, "data", "blobs", "tmp", "*"))
		return err == nil && len(parts) > 0
	})
	p.signal(syscall.SIGINT)
	<-p.end
	if code := p.cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(p.log.String(), "has no result yet") {
		t.Fatalf("exit %d: %s", code, p.log)
	}
	l.write("big.xml", junitFile)
	l.want(0, "slipway upload big.xml --opportunity one.json --status 1")
	l.wantResult(work.ID(), "FAILED")
}
