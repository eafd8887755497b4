package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/cmd/slipway/agent"
	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// crowd runs agents inside the test, as slipway agent run has them; stop drains them.
func (l *lab) crowd(n int, command ...string) (stop func()) {
	ctx, drain := context.WithCancel(l.t.Context())
	var running sync.WaitGroup
	for i := range n {
		config := agent.Config{
			Name: fmt.Sprint("crowd-", i), Capacity: 1, Grace: time.Second, Lease: time.Minute, Heartbeat: time.Second, MaxPause: 200 * time.Millisecond,
			State: filepath.Join(l.dir, "crowd", fmt.Sprint(i)), Command: command, Server: "http://" + l.address, Log: slog.New(slog.DiscardHandler),
		}
		running.Go(func() {
			if err := agent.Run(ctx, config, l.api); err != nil {
				l.t.Errorf("%s: %v", config.Name, err)
			}
		})
	}
	return func() {
		drain()
		running.Wait()
	}
}

// gate holds up processes that read from it, until it is opened.
type gate struct {
	t    *testing.T
	path string
}

func newGate(t *testing.T) gate {
	g := gate{t, filepath.Join(t.TempDir(), "gate")}
	if err := syscall.Mkfifo(g.path, 0o600); err != nil {
		t.Fatal(err)
	}
	return g
}

// open lets all pass: those that wait, and those that come.
func (g gate) open() {
	g.t.Helper()
	waiting := g.path + ".was"
	err := errors.Join(os.Rename(g.path, waiting), os.WriteFile(g.path, nil, 0o600))
	if err != nil {
		g.t.Fatal(err)
	}
	pipe, err := os.OpenFile(waiting, os.O_RDWR, 0) // for writing alone, somebody must be there to read
	if err != nil {
		g.t.Fatal(err)
	}
	pipe.Close()
}

// ended counts how often the lease of an opportunity has ended without a result.
func (l *lab) ended(id string) int {
	l.t.Helper()
	list, err := l.api.ListEventsWithResponse(l.t.Context(), &client.ListEventsParams{TestOpportunityID: &id, EventType: []string{"LEASE_EXPIRED"}})
	if err != nil {
		l.t.Fatal(err)
	}
	return len(list.JSON200.Events)
}

// TestAgent_hundred has 110 agents on one machine: 10 processes that are stopped and
// killed while they hold something, and 100 agents in this process that take it over,
// beside work of their own, while the server is killed. Each opportunity has one result;
// none runs twice but after its lease has ended; what comes late is refused with 409 and kept.
func TestAgent_hundred(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	const strays, others, crowd = 10, 150, 100
	begin := `mkdir "` + l.dir + `/run.$SLIPWAY_TEST_OPPORTUNITY_ID.$SLIPWAY_ATTEMPT" || exit 9; `
	gate := newGate(t)
	stray := func(n int) *process {
		return l.start(fmt.Sprintf(`slipway agent run --name stray-%d --lease 1s --heartbeat 100ms --max-pause 100ms --grace 300ms --state %s/stray/%d -- sh -c '%sread go <%s; exit 1'`,
			n, l.dir, n, begin, gate.path))
	}
	runs := func(id string) int {
		found, err := filepath.Glob(filepath.Join(l.dir, "run."+id+".*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	var images []string
	for i := range strays {
		images = append(images, fmt.Sprint("stray-", i))
	}
	taken := l.advertise(images...)
	var processes []*process
	for n := range strays {
		processes = append(processes, stray(n))
	}
	for _, id := range taken {
		await.That(t, id+" has begun", func() bool { return runs(id) == 1 })
	}
	for n, p := range processes {
		if n%2 == 0 {
			p.signal(syscall.SIGSTOP)
		} else {
			p.kill()
		}
	}
	stop := l.crowd(crowd, "sh", "-c", begin+"sleep 0.1")
	images = nil
	for i := range others {
		images = append(images, fmt.Sprint("image-", i))
	}
	ids := l.advertise(images...)
	l.awaitState(ids[0], "COMPLETED")
	l.server.kill()
	l.serve()
	for _, id := range append(ids, taken...) {
		l.wantResult(id, "PASSED")
		if n := runs(id); n > 1+l.ended(id) {
			t.Errorf("%s ran %d times, and its lease ended %d times", id, n, l.ended(id))
		}
	}
	for _, id := range taken {
		if n := runs(id); n < 2 {
			t.Errorf("%s, whose agent was lost, ran %d times", id, n)
		}
	}
	gate.open()
	for n, p := range processes {
		if n%2 == 0 {
			p.signal(syscall.SIGCONT)
		} else {
			processes[n] = stray(n)
		}
	}
	for _, p := range processes {
		p.await(t, "refused the result, which is kept here")
	}
	l.wantLate(taken)
	stop()
}

// wantLate reads what the strays have kept, and posts it once more by hand.
func (l *lab) wantLate(taken []string) {
	l.t.Helper()
	kept, err := filepath.Glob(filepath.Join(l.dir, "stray", "*", "refused", "*", "job.json"))
	if err != nil || len(kept) != len(taken) {
		l.t.Fatalf("%d results are kept, want %d: %v", len(kept), len(taken), err)
	}
	for _, name := range kept {
		text, err := os.ReadFile(name)
		if err != nil {
			l.t.Fatal(err)
		}
		var job struct{ Opportunity *client.PickedOpportunity }
		if err := json.Unmarshal(text, &job); err != nil {
			l.t.Fatal(err)
		}
		work := l.api.Agent("stray", "").Resume(job.Opportunity)
		if err := work.Result(l.t.Context(), "PASSED", nil); !errors.Is(err, client.ErrConflict) {
			l.t.Errorf("the late result of %s: %v, want 409", work.ID(), err)
		}
		l.wantResult(work.ID(), "PASSED")
	}
}

// TestAgent_fullDisk has no room for the output on the agent's disk: it arrives all the
// same, the result says so, and is no pass.
func TestAgent_fullDisk(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	a := l.agent("", "echo said")
	await.That(t, "it is there", func() bool { return strings.Contains(l.sh("slipway agents").out, "bench-1") })
	l.want(0, "slipway agent drain bench-1")
	id := l.advertise("one")[0]
	folder := filepath.Join(l.dir, "agent", "held", id+".1")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.Symlink("/dev/full", filepath.Join(folder, "output.log"))); err != nil {
		t.Fatal(err)
	}
	l.want(0, "slipway agent resume bench-1")
	result := l.wantResult(id, "ERROR")
	if payload, _ := result.ResultPayload.Get(); !strings.Contains(string(payload), "no space left") || !strings.Contains(string(payload), `"exit_code":0`) {
		t.Errorf("the result says %s", payload)
	}
	if out := l.output(id); out != "said\n" {
		t.Errorf("the output is %q", out)
	}
	a.await(t, "the disk did not take the output")
	next := l.advertise("two")[0]
	l.wantResult(next, "PASSED")
}
