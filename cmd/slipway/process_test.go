package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// asProgram makes the test's own binary be slipway, with the race detector.
const asProgram = "SLIPWAY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	dir, err := os.MkdirTemp("", "slipway-tests-")
	if err != nil {
		panic(err)
	}
	plainDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // else the next boot does it
	os.Exit(code)
}

// plainDir holds the program that plain builds, and goes with the last test.
var plainDir string

// plain builds the program without the race detector, with which a process takes 0.25 s
// of CPU to begin, else 0.05: who walks through all commands calls hundreds.
var plain = sync.OnceValues(func() (string, error) {
	name := filepath.Join(plainDir, "slipway")
	if out, err := exec.Command("go", "build", "-o", name, ".").CombinedOutput(); err != nil { //nolint:gosec // the name is ours
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return name, nil
})

// watched gives the commands that are still to be called the race detector. It is for
// those that do several things at once; the server has tests with it of its own.
func (h *home) watched() {
	h.t.Helper()
	self, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	link := filepath.Join(h.dir, "bin", "slipway")
	if err := os.Remove(link); err != nil {
		h.t.Fatal(err)
	}
	h.write("bin/slipway", "#!/bin/sh\n"+asProgram+"=1 exec '"+self+"' \"$@\"\n")
	if err := os.Chmod(link, 0o755); err != nil { //nolint:gosec // a program
		h.t.Fatal(err)
	}
}

// noRace looks for what the detector found in a watched command.
func noRace(t testing.TB, line, output string) {
	t.Helper()
	if strings.Contains(output, "WARNING: DATA RACE") {
		t.Errorf("%s:\n%s", line, output)
	}
}

// home is a place where commands run, with a slipway in its PATH.
type home struct {
	t   testing.TB
	dir string
	env []string
}

func newHome(t testing.TB, env ...string) *home {
	t.Helper()
	program, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	h := &home{t: t, dir: t.TempDir()}
	bin := filepath.Join(h.dir, "bin")
	if err := errors.Join(os.Mkdir(bin, 0o700), os.Symlink(program, filepath.Join(bin, "slipway"))); err != nil {
		t.Fatal(err)
	}
	h.env = append([]string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + h.dir, "SLIPWAY_RETRIES=0", "GOCOVERDIR=" + h.dir,
		"GORACE=atexit_sleep_ms=0", // a program with the race detector sleeps a second before it ends
	}, env...)
	return h
}

func (h *home) write(name, text string) string {
	h.t.Helper()
	name = filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return name
}

// done is how a process ended.
type done struct {
	out, err string
	code     int
	memory   int64 // KiB, where it was measured
	cpu      time.Duration
}

func (h *home) cmd(ctx context.Context, line string) *exec.Cmd {
	c := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	c.Dir, c.Env = h.dir, h.env
	return c
}

// sh runs a line of the shell to its end.
func (h *home) sh(line string) done {
	h.t.Helper()
	ctx, stop := context.WithTimeout(h.t.Context(), await.Limit)
	defer stop()
	c := h.cmd(ctx, line)
	c.WaitDelay = time.Second // for what a killed shell leaves behind
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatalf("%s: %v", line, err)
	}
	noRace(h.t, line, errs.String())
	return done{out: out.String(), err: errs.String(), code: c.ProcessState.ExitCode()}
}

// want runs a line and checks its exit code.
func (h *home) want(code int, line string) done {
	h.t.Helper()
	d := h.sh(line)
	if d.code != code {
		h.t.Fatalf("%s: exit %d, want %d\nout: %s\nerr: %s", line, d.code, code, d.out, d.err)
	}
	return d
}

// process is one that runs beside the test.
type process struct {
	cmd *exec.Cmd
	log *lockedBuffer
	end chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (h *home) start(line string) *process {
	h.t.Helper()
	p := &process{cmd: h.cmd(context.Background(), "exec "+line), log: &lockedBuffer{}, end: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the test looks at the state
		close(p.end)
	}()
	h.t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.end
		noRace(h.t, line, p.log.String())
		if h.t.Failed() {
			h.t.Logf("%s:\n%s", line, p.log)
		}
	})
	return p
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.end
}

func (p *process) await(t testing.TB, what string) {
	t.Helper()
	await.That(t, what, func() bool { return strings.Contains(p.log.String(), what) })
}

// adminToken is that of servers that tests start as processes.
const adminToken = "an-admin-token-for-tests"

// lab is a server in a process of its own, which can be killed and started again.
type lab struct {
	*home
	api     *client.API
	address string
	server  *process
	product string
}

func newLab(t *testing.T, env ...string) *lab {
	t.Helper()
	address := servertest.FreeAddress(t)
	env = append(env, "SLIPWAY_ADMIN_TOKEN="+adminToken, "SLIPWAY_TOKEN="+adminToken, "SLIPWAY_URL=http://"+address)
	l := &lab{home: newHome(t, env...), address: address}
	var err error
	if l.api, err = client.New("http://"+address, client.WithToken(adminToken)); err != nil {
		t.Fatal(err)
	}
	l.serve()
	in := client.NewProduct{Name: "core", Release: "24", Snaps: []string{"pc-kernel"}}
	made, err := l.api.CreateProductWithResponse(t.Context(), nil, in)
	if err != nil {
		t.Fatal(err)
	}
	l.product = made.JSON201.ID
	spec := client.NewTestSpec{Name: "smoke", TestPayload: nullable.NewNullableWithValue(json.RawMessage(`{"test_cmds":["true"]}`))}
	if _, err := l.api.CreateTestSpecWithResponse(t.Context(), l.product, nil, spec); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) serve() {
	l.t.Helper()
	l.server = l.start("slipway serve --simulator-signals --simulator-delay 0s --webhook-hosts hooks.example --log-level error --no-audit-stdout --products-look-every 50ms --products-retry-pause 0s --products-max-output 200000000 --listen " + l.address + " --data " + filepath.Join(l.dir, "data"))
	await.That(l.t, "the server is ready", func() bool {
		_, err := l.api.GetReadinessWithResponse(l.t.Context())
		return err == nil
	})
}

// advertise makes one opportunity for each image and returns their ids.
func (l *lab) advertise(images ...string) []string {
	l.t.Helper()
	var ids []string
	for _, image := range images {
		made, err := l.api.AdvertiseImageWithResponse(l.t.Context(), l.product, nil, client.ImageAdvertisement{
			ImageUniqueID: image, Channel: "edge", ExtraSnaps: json.RawMessage("[]"), ImageReference: nullable.NewNullNullable[json.RawMessage](),
		})
		if err != nil {
			l.t.Fatal(err)
		}
		for _, o := range made.JSON201.Ids {
			ids = append(ids, o.TestOpportunityID)
		}
	}
	return ids
}

func (l *lab) opportunity(id string) *client.Opportunity {
	l.t.Helper()
	o, err := l.api.GetOpportunityWithResponse(l.t.Context(), l.product, id)
	if err != nil {
		l.t.Fatal(err)
	}
	return o.JSON200
}

func (l *lab) awaitState(id, state string) {
	l.t.Helper()
	await.That(l.t, id+" is "+state, func() bool { return string(l.opportunity(id).State) == state })
}

// results are those of an opportunity.
func (l *lab) results(id string) []client.TestResult {
	l.t.Helper()
	list, err := l.api.ListTestResultsWithResponse(l.t.Context(), l.product, &client.ListTestResultsParams{TestOpportunityID: &id})
	if err != nil {
		l.t.Fatal(err)
	}
	return list.JSON200.TestResults
}

func (l *lab) wantResult(id, status string) client.TestResult {
	l.t.Helper()
	l.awaitState(id, "COMPLETED")
	all := l.results(id)
	if len(all) != 1 || all[0].TestStatus != status {
		l.t.Fatalf("%s has the results %+v, want one %s", id, all, status)
	}
	return all[0]
}

func (l *lab) agent(flags, command string) *process {
	return l.start("slipway agent run --name bench-1 --heartbeat 100ms --max-pause 200ms --grace 300ms --state " + filepath.Join(l.dir, "agent") + " " + flags + " -- " + command)
}
