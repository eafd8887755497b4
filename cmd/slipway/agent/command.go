package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
)

// leaseVariable is in the environment of all that a job starts. Processes that left
// the group of their job are found by it.
const leaseVariable = "SLIPWAY_LEASE"

// command is a process group that works on a job.
type command struct {
	cmd   *exec.Cmd
	mark  string // the lease in its environment
	ended chan struct{}
	err   error // of Wait, once it has ended
}

// start runs argv in its own process group. Its output goes to one pipe, whose
// other end is out.
func start(argv []string, dir string, env []string, mark string, out *os.File) (*command, error) {
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:gosec // the lab's own command
	cmd.Dir, cmd.Env = dir, env
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &command{cmd: cmd, mark: mark, ended: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// stop asks all of the job's processes to end, and ends them after the grace: a shell
// may be gone at once while what it started still tidies up.
func (c *command) stop(grace time.Duration) {
	signalMarked(c.mark, c.cmd.Process.Pid, syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	over := false
	select {
	case <-c.ended:
	case <-timer.C:
		over = true
	}
	const look = 50 * time.Millisecond
	for !over && signalMarked(c.mark, 0, 0) > 0 {
		select {
		case <-time.After(look):
		case <-timer.C:
			over = true
		}
	}
	endMarked(c.mark, c.cmd.Process.Pid)
	<-c.ended
}

// exit is the code of a command that ended; a signal is 128 and its number, as a
// shell has it.
func (c *command) exit() int {
	var exit *exec.ExitError
	if errors.As(c.err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			const signalled = 128
			return signalled + int(status.Signal())
		}
		return exit.ExitCode()
	}
	if c.err != nil {
		return -1
	}
	return 0
}

// endMarked kills what is left of a job's processes, also those that are in no group
// of it any more, until there is none.
func endMarked(mark string, group int) {
	const rounds = 100
	for range rounds {
		if signalMarked(mark, group, syscall.SIGKILL) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond) // the kernel needs a moment to end a process
	}
}

// signalMarked sends a signal to a process group, 0 for none, and to every process
// whose environment holds the mark, and returns how many those were.
func signalMarked(mark string, group int, signal syscall.Signal) int {
	if group > 0 {
		_ = syscall.Kill(-group, signal) // it may have ended
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	n := 0
	want := []byte("\x00" + leaseVariable + "=" + mark + "\x00")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		env, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err != nil || !bytes.Contains(append([]byte{0}, env...), want) {
			continue
		}
		if syscall.Kill(pid, signal) == nil {
			n++
		}
	}
	return n
}

// environment is what a command learns of its job.
func environment(o *client.PickedOpportunity, server, mark string, labels map[string]string) []string {
	env := append(os.Environ(), leaseVariable+"="+mark, "SLIPWAY_URL="+server)
	for name, value := range labels {
		env = append(env, name+"="+value) // such as node=n1, for --prepare
	}
	text, _ := json.Marshal(o) // it came from JSON
	var members map[string]json.RawMessage
	_ = json.Unmarshal(text, &members) // of what was just written
	for name, value := range members {
		var plain string
		if json.Unmarshal(value, &plain) != nil {
			plain = string(value)
		}
		if name == "lease" || plain == "null" || strings.ContainsRune(plain, 0) {
			continue
		}
		const longest = 64 << 10 // Linux refuses a variable of 128 KiB; opportunity.json has everything
		if len(plain) <= longest {
			env = append(env, "SLIPWAY_"+strings.ToUpper(name)+"="+plain)
		}
	}
	return env
}

// withoutToken keeps the agent's credential from the tests.
func withoutToken(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool { return strings.HasPrefix(v, "SLIPWAY_TOKEN=") })
}

// runPiped runs a command to its end, with its output written to out. Ending ctx
// stops it.
func runPiped(ctx context.Context, argv []string, dir string, env []string, mark string, grace time.Duration, out *spool) (int, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return -1, err
	}
	defer r.Close()
	c, err := start(argv, dir, env, mark, w)
	w.Close()
	if err != nil {
		return -1, fmt.Errorf("the command does not start: %w", err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		out.take(r)
	}()
	select {
	case <-c.ended:
		endMarked(mark, c.cmd.Process.Pid) // what it left running
	case <-ctx.Done():
		c.stop(grace)
	}
	const rest = 5 * time.Second // somebody whom the kill did not reach may hold the pipe open
	_ = r.SetReadDeadline(time.Now().Add(rest))
	<-read
	return c.exit(), nil
}
