package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	ourName    = "slipway"
	adminToken = "bench-admin-token-0123456789"
)

// subject is a program that is measured.
type subject struct {
	name    string
	ours    bool
	program string
}

// findSubjects builds the servers and looks which peers are there.
func (b *bench) findSubjects(ctx context.Context) ([]*subject, error) {
	program := filepath.Join(b.cache, "slipway")
	if err := build(ctx, ".", program); err != nil {
		return nil, err
	}
	list := []*subject{{ourName, true, program}}
	if b.against != "" {
		other, err := b.buildCommit(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, other)
	}
	if !b.peers {
		return list, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for _, peer := range []string{"bare", "bare-group", "bare" + searched, "bare-group" + searched} {
		list = append(list, &subject{peer, false, self})
	}
	for _, peer := range []string{"pocketbase", "pocketbase" + searched, "pocketbase" + searched + durable, "python-subunit"} {
		kind, _, _ := strings.Cut(peer, searched)
		program := filepath.Join(b.cache, "peers", kind)
		if _, err := os.Stat(program); err != nil {
			fmt.Fprintf(os.Stderr, "%s is not there: tests/bench/peers/get brings it\n", peer)
			continue
		}
		list = append(list, &subject{peer, false, program})
	}
	return list, nil
}

func build(ctx context.Context, dir, program string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", program, "./cmd/slipway")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build in %s: %w\n%s", dir, err, out)
	}
	return nil
}

// buildCommit builds the server of another commit from a copy of its files.
func (b *bench) buildCommit(ctx context.Context) (*subject, error) {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--verify", b.against+"^{commit}").Output()
	if err != nil {
		return nil, fmt.Errorf("commit %q: %w", b.against, err)
	}
	commit := strings.TrimSpace(string(out))[:12]
	program := filepath.Join(b.cache, "slipway-"+commit)
	s := &subject{ourName + "@" + commit, true, program}
	if _, err := os.Stat(program); err == nil {
		return s, nil
	}
	dir, err := os.MkdirTemp(b.cache, "tree-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	archive := filepath.Join(dir, "tree.tar")
	if out, err := exec.CommandContext(ctx, "git", "archive", "-o", archive, commit).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("git archive: %w\n%s", err, out)
	}
	if out, err := exec.CommandContext(ctx, "tar", "-xf", archive, "-C", dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("tar: %w\n%s", err, out)
	}
	return s, build(ctx, dir, program)
}

// server is a subject at work.
type server struct {
	*subject
	address string
	dir     string
	token   string
	cmd     *exec.Cmd
	took    time.Duration // until it was ready
}

// start starts a server on the data in dir and waits until it is ready.
func (s *subject) start(ctx context.Context, dir string, more ...string) (*server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	v := &server{subject: s, address: address, dir: dir, token: adminToken}
	var args []string
	ready := "/readyz"
	kind, ending, isSearched := strings.Cut(s.name, searched)
	switch kind {
	case "bare", "bare-group":
		args = []string{
			"bare", "-listen", address, "-dir", dir,
			"-group=" + strconv.FormatBool(kind == "bare-group"), "-searched=" + strconv.FormatBool(isSearched),
		}
	case "pocketbase":
		if err := v.preparePocketBase(ctx); err != nil {
			return nil, err
		}
		args, ready = []string{"serve", "--http", address, "--dir", dir}, "/api/health"
	default:
		args = append([]string{"serve", "--data", dir, "--listen", address, "--log-level", "warn"}, more...)
	}
	v.cmd = exec.CommandContext(ctx, s.program, args...)
	v.cmd.Env = append(os.Environ(), "SLIPWAY_ADMIN_TOKEN="+adminToken)
	if ending == durable {
		v.cmd.Env = append(v.cmd.Env, "BENCH_DURABLE=1")
	}
	log, err := os.Create(dir + ".log") // it complains about those who wait when it is ended
	if err != nil {
		return nil, err
	}
	defer log.Close()
	v.cmd.Stderr = log
	began := time.Now()
	if err := v.cmd.Start(); err != nil {
		return nil, err
	}
	if err := v.awaitReady(ctx, ready); err != nil {
		v.stop()
		return nil, err
	}
	v.took = time.Since(began)
	if kind == "pocketbase" {
		err = v.setUpPocketBase(isSearched)
	}
	if err != nil {
		v.stop()
		return nil, err
	}
	return v, nil
}

// fresh starts a server on no data.
func (b *bench) fresh(ctx context.Context, s *subject, more ...string) (*server, error) {
	dir, err := os.MkdirTemp(b.work, "data-")
	if err != nil {
		return nil, err
	}
	if s.ours && b.database != "" {
		if err := emptyPostgres(ctx, b.database); err != nil {
			return nil, err
		}
		more = append(more, "--database", b.database)
	}
	return s.start(ctx, dir, more...)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (v *server) awaitReady(ctx context.Context, path string) error {
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+v.address+path, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(r)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(2 * time.Millisecond)
	}
	log, _ := os.ReadFile(v.dir + ".log")
	return fmt.Errorf("%s does not get ready\n%s", v.name, log)
}

// stop ends the server, and keeps its data.
func (v *server) stop() {
	_ = v.cmd.Process.Signal(syscall.SIGTERM)
	killed := time.AfterFunc(30*time.Second, func() { _ = v.cmd.Process.Kill() })
	_ = v.cmd.Wait()
	killed.Stop()
}

// remove ends the server and removes its data.
func (v *server) remove() {
	v.stop()
	os.RemoveAll(v.dir)
}

// cpu is the processor time that the server has used.
func (v *server) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", v.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), ") ") // the name may hold spaces
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // the kernel counts in hundredths
}

// private is how many bytes of memory the server has written to and does not share
// with others. What it has read of its own program is not in it: the system can drop
// that, and servers of one program share it.
func (v *server) private() int64 { return v.smaps("Private_Dirty") }

// clean is what it has read of its program, and of other files that it maps.
func (v *server) clean() int64 { return v.smaps("Private_Clean") + v.smaps("Shared_Clean") }

func (v *server) smaps(name string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", v.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, name+": %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}

const mib = 1 << 20

// peak samples the private memory until done is called, which says how much it has
// grown at most.
func (v *server) peak() (done func() int64) {
	before := v.private()
	most := before
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			most = max(most, v.private())
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-ended
		return most - before
	}
}

// errStatus is an answer with another status than the one that was expected.
var errStatus = errors.New("unexpected status")
