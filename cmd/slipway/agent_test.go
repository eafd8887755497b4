package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// TestAgent_statuses runs commands that end in every way, with their files.
func TestAgent_statuses(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	script := l.write("run.sh", `#!/bin/sh
echo "image $SLIPWAY_IMAGE_UNIQUE_ID token <$SLIPWAY_TOKEN>"
test -f opportunity.json || exit 9
mkdir artifacts; echo note > artifacts/note.txt
case "$SLIPWAY_IMAGE_UNIQUE_ID" in
passes) echo '<testsuite name="s"><testcase classname="c" name="a"/></testsuite>' > junit.xml; exit 0;;
fails) exit 1;;
skips) exit 2;;
breaks) exit 7;;
overrules) echo FLAKED > status; exit 0;;
lies) echo 'two words' > status; exit 0;;
hangs) trap '' TERM; sleep 1000;;
forks) setsid sleep 1000 & echo $! > "`+l.dir+`/forked"; sleep 1000 & exit 0;;
full) echo x > /dev/full || exit 7;;
esac
`)
	a := l.agent("--results '*.xml' --status-file status --timeout 5s", "sh "+script)
	for image, status := range map[string]string{
		"passes": "PASSED", "fails": "FAILED", "skips": "SKIPPED", "breaks": "ERROR", "overrules": "FLAKED", "lies": "ERROR", "hangs": "ERROR", "forks": "PASSED", "full": "ERROR",
	} {
		id := l.advertise(image)[0]
		result := l.wantResult(id, status)
		if files := len(result.Files); image == "passes" && files != 2 || image == "fails" && result.File.IsNull() {
			t.Errorf("%s came with %d files", image, files)
		}
		if image == "passes" {
			if out := l.output(id); out != "image passes token <>\n" {
				t.Errorf("the output is %q", out)
			}
		}
	}
	forked, err := os.ReadFile(filepath.Join(l.dir, "forked"))
	if err != nil {
		t.Fatal(err)
	}
	await.That(t, "what the command left running has ended", func() bool {
		env, err := os.ReadFile("/proc/" + strings.TrimSpace(string(forked)) + "/environ")
		return err != nil || len(env) == 0
	})
	a.signal(syscall.SIGTERM)
	<-a.end
	if code := a.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("a drained agent ends with %d", code)
	}
}

func (l *lab) output(id string) string {
	l.t.Helper()
	content, err := client.Download(l.api.Raw().GetOutput(l.t.Context(), l.product, id, nil))
	if err != nil {
		l.t.Fatal(err)
	}
	defer content.Close()
	text, err := io.ReadAll(content)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

// TestAgent_cancel stops a command in the middle.
func TestAgent_cancel(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	a := l.agent("", `sh -c 'trap "echo stopping; exit 0" TERM; echo begun; while :; do sleep 0.05; done'`)
	id := l.advertise("one")[0]
	await.That(t, "it has begun", func() bool { return strings.Contains(l.output(id), "begun") })
	l.want(0, "slipway cancel "+id+" --reason wrong --yes")
	l.awaitState(id, "CANCELLED")
	if out := l.output(id); !strings.Contains(out, "stopping") {
		t.Errorf("the command was not asked to end: %q", out)
	}
	if len(l.results(id)) != 0 {
		t.Error("cancelled work has a result")
	}
	a.signal(syscall.SIGTERM)
	<-a.end
}

// TestAgent_serverKilled kills the server in the middle of a command: the result and
// the whole output arrive once it is back.
func TestAgent_serverKilled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	gate := newGate(t)
	l.agent("", `sh -c 'echo first; read go <`+gate.path+`; echo second'`)
	id := l.advertise("one")[0]
	await.That(t, "it has begun", func() bool { return strings.Contains(l.output(id), "first") })
	l.server.kill()
	gate.open()
	l.serve()
	l.wantResult(id, "PASSED")
	if out := l.output(id); out != "first\nsecond\n" {
		t.Errorf("the output is %q", out)
	}
	if o := l.opportunity(id); o.Attempt != 1 {
		t.Errorf("it ran %d times", o.Attempt)
	}
}

// TestAgent_agentKilled kills the agent in the middle of a command: at its next start
// it ends what was left and reports it.
func TestAgent_agentKilled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	command := `sh -c 'echo $$ > ` + l.dir + `/pid; echo begun; sleep 1000'`
	a := l.agent("", command)
	id := l.advertise("one")[0]
	await.That(t, "it has begun", func() bool { return strings.Contains(l.output(id), "begun") })
	a.kill()
	l.agent("", "true")
	result := l.wantResult(id, "ERROR")
	if payload, _ := result.ResultPayload.Get(); !strings.Contains(string(payload), "the agent was killed") {
		t.Errorf("the result says %s", payload)
	}
	pid, err := os.ReadFile(filepath.Join(l.dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	await.That(t, "the command has ended", func() bool {
		env, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/environ")
		return err != nil || len(env) == 0
	})
	if out := l.output(id); strings.Count(out, "begun") != 1 || !strings.Contains(out, "[agent]") {
		t.Errorf("the output is %q", out)
	}
	next := l.advertise("two")[0]
	l.wantResult(next, "PASSED")
}

// TestAgent_drain finishes what it holds after SIGTERM, takes nothing more, and ends.
func TestAgent_drain(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	gate := newGate(t)
	a := l.agent("", `sh -c 'echo begun; read go <`+gate.path+`; exit 0'`)
	ids := l.advertise("one", "two")
	await.That(t, "it has begun", func() bool { return strings.Contains(l.output(ids[0]), "begun") })
	a.signal(syscall.SIGTERM)
	a.await(t, "finishes what it holds")
	gate.open()
	<-a.end
	if code := a.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("it ends with %d", code)
	}
	l.wantResult(ids[0], "PASSED")
	if o := l.opportunity(ids[1]); o.State != "QUEUED" || o.Attempt != 0 {
		t.Errorf("the other one is %s after %d attempts", o.State, o.Attempt)
	}
}

// TestAgent_late finishes after its lease has ended and another agent has the work:
// the result is refused, kept and said.
func TestAgent_late(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	gate := newGate(t)
	a := l.agent("--lease 1s --capacity 1", `sh -c 'echo begun; read go <`+gate.path+`; exit 1'`)
	id := l.advertise("one")[0]
	await.That(t, "it has begun", func() bool { return strings.Contains(l.output(id), "begun") })
	a.signal(syscall.SIGSTOP)
	other := l.api.Agent("bench-2", "")
	if err := other.Register(t.Context(), client.AgentRegistration{}); err != nil {
		t.Fatal(err)
	}
	var work *client.Work
	await.That(t, "the lease has ended", func() bool {
		var err error
		work, err = other.Poll(t.Context(), 0)
		return err == nil && work != nil
	})
	gate.open()
	a.signal(syscall.SIGCONT)
	a.await(t, "refused the result, which is kept here")
	kept, err := filepath.Glob(filepath.Join(l.dir, "agent", "refused", id+".*", "job.json"))
	if err != nil || len(kept) != 1 {
		t.Errorf("kept: %v, %v", kept, err)
	}
	if err := work.Result(t.Context(), "PASSED", nil); err != nil {
		t.Fatal(err)
	}
	l.wantResult(id, "PASSED")
	if o := l.opportunity(id); o.Attempt != 2 {
		t.Errorf("%d attempts", o.Attempt)
	}
}

// TestAgent_muchOutput sends 100 MB.
func TestAgent_muchOutput(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	const size = 100 << 20
	l.agent("", fmt.Sprintf("head -c %d /dev/zero", size))
	id := l.advertise("one")[0]
	result := l.wantResult(id, "PASSED")
	content, err := client.Download(l.api.Raw().GetOutput(t.Context(), l.product, id, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	n, err := io.Copy(io.Discard, content)
	if err != nil || n != size {
		t.Errorf("%d bytes of output, %v; the result says %+v", n, err, result.ResultPayload)
	}
}

// TestAgent_many runs 20 opportunities on 4 agents that are killed again and again:
// each has one result in the end, and none ran twice at once.
func TestAgent_many(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	var images []string
	for i := range 20 {
		images = append(images, fmt.Sprint("image-", i))
	}
	ids := l.advertise(images...)
	command := `sh -c 'mkdir ` + l.dir + `/$SLIPWAY_TEST_OPPORTUNITY_ID || exit 9; sleep 0.1'`
	run := func(n int) *process {
		return l.start(fmt.Sprintf("slipway agent run --name many-%d --heartbeat 100ms --max-pause 100ms --state %s/many-%d -- %s", n, l.dir, n, command))
	}
	var agents []*process
	for n := range 4 {
		agents = append(agents, run(n))
	}
	await.That(t, "some are done", func() bool {
		done := 0
		for _, id := range ids {
			if l.opportunity(id).State == "COMPLETED" {
				done++
			}
		}
		return done >= 4
	})
	for n := range agents {
		agents[n].kill()
		agents[n] = run(n)
	}
	for _, id := range ids {
		l.awaitState(id, "COMPLETED")
		all := l.results(id)
		if len(all) != 1 || all[0].TestStatus != "PASSED" && all[0].TestStatus != "ERROR" {
			t.Errorf("%s: %+v", id, all)
			continue
		}
		// A command that finds the folder of another run of its work ends with 9.
		if payload, _ := all[0].ResultPayload.Get(); strings.Contains(string(payload), `"exit_code":9`) {
			t.Errorf("%s ran twice: %s", id, payload)
		}
	}
	for _, a := range agents {
		a.signal(syscall.SIGTERM)
		<-a.end
	}
}

// TestAgent_replaced lets another machine work under an agent's name at once after it
// has left, as a container does that keeps nothing; while it works, nobody may.
func TestAgent_replaced(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	start := func(state string) *process {
		return l.start("slipway agent run --name bench-1 --max-pause 100ms --state " + filepath.Join(l.dir, state) + " -- true")
	}
	first := start("first")
	l.wantResult(l.advertise("one")[0], "PASSED")
	second := start("second")
	<-second.end
	if code := second.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(second.log.String(), "another machine works as agent") {
		t.Errorf("a second machine: exit %d: %s", code, second.log)
	}
	first.signal(syscall.SIGTERM)
	<-first.end
	start("third")
	l.wantResult(l.advertise("two")[0], "PASSED")
}
