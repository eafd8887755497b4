package tests

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

const processAdmin = "process-admin-token"

// binaryDir holds the server that binary builds, and goes with the last test.
var binaryDir string

// TestMain makes the directory for what is shared between tests.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "slipway-tests-")
	if err != nil {
		panic(err)
	}
	binaryDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // else the next boot does it
	os.Exit(code)
}

// binary builds the server once for all tests and benchmarks of this package.
var binary = sync.OnceValues(func() (string, error) {
	name := filepath.Join(binaryDir, "slipway")
	out, err := exec.Command("go", "build", "-o", name, "../cmd/slipway").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return name, nil
})

// process is a server in a process of its own.
type process struct {
	url  string
	args []string
	cmd  *exec.Cmd
	log  *await.Log
}

func startProcess(t testing.TB, data string, flags ...string) *process {
	t.Helper()
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	address := servertest.FreeAddress(t)
	p := &process{url: "http://" + address, args: append([]string{name, "serve", "--data", data, "--listen", address}, flags...)}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	p.restart(t)
	return p
}

// restart starts a server that has ended, or never ran, at its address.
func (p *process) restart(t testing.TB) {
	t.Helper()
	p.log = &await.Log{}
	p.cmd = exec.Command(p.args[0], p.args[1:]...)
	p.cmd.Env = append(os.Environ(), "SLIPWAY_ADMIN_TOKEN="+processAdmin)
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.awaitReady(t)
}

// kill ends the server without any warning.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
}

// awaitReady asks until the server says that it can serve.
func (p *process) awaitReady(t testing.TB) {
	t.Helper()
	var status int
	var err error
	ready := await.Until(func() bool {
		status, _, err = p.call("GET", "/readyz", "", "")
		return err == nil && status == http.StatusOK
	})
	if !ready {
		t.Fatalf("the server does not get ready: %d, %v\n%s", status, err, p.log)
	}
}

// awaitInFlight asks until so many requests are under way.
func (p *process) awaitInFlight(t testing.TB, n int) {
	t.Helper()
	want := fmt.Sprintf("slipway_requests_in_flight %d\n", n)
	await.That(t, fmt.Sprintf("%d requests in flight", n), func() bool {
		_, body, err := p.call("GET", "/metrics", "", "")
		return err == nil && strings.Contains(string(body), want)
	})
}

// call sends a request as the admin and returns the status and the body.
func (p *process) call(method, path, contentType, body string) (int, []byte, error) {
	r, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("X-Auth-Token", processAdmin)
	r.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, text, err
}

// TestKill kills the server with SIGKILL while clients post, starts it again on
// the same data, and looks for everything that was acknowledged.
func TestKill(t *testing.T) {
	t.Parallel()

	data := t.TempDir()
	p := startProcess(t, data)
	if status, body, err := p.call("POST", "/v1/runs", "application/json", ""); status != 201 {
		t.Fatalf("run: %d %s %v", status, body, err)
	}
	acknowledged := postUntil(t, p, func() { p.kill(t) })
	p = startProcess(t, data)
	checkAcknowledged(t, p, acknowledged)
}

// checkAcknowledged looks for everything that postUntil was told is stored.
func checkAcknowledged(t *testing.T, p *process, acknowledged acknowledgements) {
	t.Helper()
	if len(acknowledged.texts) == 0 || len(acknowledged.results) == 0 {
		t.Fatalf("only %d messages and %d results were acknowledged", len(acknowledged.texts), len(acknowledged.results))
	}
	found := map[string]bool{}
	for page := 1; ; page++ {
		var list struct {
			Statuses []struct{ Text string }
		}
		_, body, err := p.call("GET", fmt.Sprintf("/v1/runs/1/statuses?limit=1000&page=%d", page), "", "")
		if err != nil || json.Unmarshal(body, &list) != nil {
			t.Fatalf("statuses: %v %s", err, body)
		}
		if len(list.Statuses) == 0 {
			break
		}
		for _, s := range list.Statuses {
			found[s.Text] = true
		}
	}
	for _, text := range acknowledged.texts {
		if !found[text] {
			t.Errorf("message %s was acknowledged and is lost", text)
		}
	}
	for path, content := range acknowledged.results {
		status, body, err := p.call("GET", path+"/raw", "", "")
		if err != nil || status != 200 || string(body) != content {
			t.Errorf("result %s was acknowledged and reads %d %.60q %v, want %.60q", path, status, body, err, content)
		}
	}
}

type acknowledgements struct {
	texts   []string
	results map[string]string // path -> content
}

// postUntil lets eight clients post, ends what they need after some answers have come,
// and returns what was acknowledged. A client stops at the first answer that is none.
func postUntil(t *testing.T, p *process, end func()) acknowledgements {
	t.Helper()
	const enough = 400
	got := acknowledgements{results: map[string]string{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	plenty := make(chan struct{})
	for client := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; ; i++ {
				text := fmt.Sprintf("client %d message %d", client, i)
				if status, _, err := p.call("POST", "/v1/update-test-status/1", "application/json", `{"status":"`+text+`"}`); err != nil || status != 201 {
					return
				}
				content := fmt.Sprintf("test: c%d.t%d\nsuccess: c%d.t%d\n", client, i, client, i)
				status, body, err := p.call("POST", "/v1/post-result?test_id=1", "text/plain", content)
				var saved struct {
					ResultID string `json:"result_id"`
				}
				mu.Lock()
				got.texts = append(got.texts, text)
				if err == nil && status == 201 && json.Unmarshal(body, &saved) == nil {
					got.results["/v1/runs/1/results/"+saved.ResultID] = content
				}
				if len(got.texts) == enough {
					close(plenty)
				}
				mu.Unlock()
			}
		}()
	}
	await.Receive(t, fmt.Sprintf("%d messages", enough), plenty)
	end()
	wg.Wait()
	return got
}

// TestStop sends SIGTERM while an upload is under way: it is finished and
// answered, and the server ends without an error.
func TestStop(t *testing.T) {
	t.Parallel()

	p := startProcess(t, t.TempDir(), "--request-timeout="+await.Limit.String())
	reader, writer := io.Pipe()
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Post(p.url+"/v1/post-result", "text/plain", reader)
		if err != nil {
			answer <- err.Error()
			return
		}
		resp.Body.Close()
		answer <- resp.Status
	}()
	if _, err := io.WriteString(writer, "test: a\n"); err != nil {
		t.Fatal(err)
	}
	p.awaitInFlight(t, 2) // the upload, and the question itself
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// New connections are refused as soon as the stop has begun.
	for {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			break
		}
		c.Close()
	}
	if _, err := io.WriteString(writer, "success: a\n"); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	if got := <-answer; got != "201 Created" {
		t.Errorf("the upload in flight ended with %q, want 201 Created", got)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v\n%s", err, p.log)
	}
}

// BenchmarkStart prints how long a new server takes from its start to readiness
// on an empty data directory, and how much memory it then has resident.
func BenchmarkStart(b *testing.B) {
	if _, err := binary(); err != nil {
		b.Fatal(err)
	}
	var took time.Duration
	var resident, n int64
	for b.Loop() {
		started := time.Now()
		p := startProcess(b, b.TempDir())
		took += time.Since(started)
		resident += residentKiB(b, p.cmd.Process.Pid)
		n++
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
	b.ReportMetric(float64(took.Milliseconds())/float64(n), "ms-to-ready")
	b.ReportMetric(float64(resident)/float64(n)/1024, "MiB-idle")
}

func residentKiB(b *testing.B, pid int) int64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			return kib
		}
	}
	return 0
}
