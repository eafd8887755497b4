package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/slipway-lab/slipway/store/storetest/await"
)

// behind puts a proxy before the server, which answers by itself where answered says so.
func (l *lab) behind(answered func(w http.ResponseWriter, r *http.Request) bool) string {
	l.t.Helper()
	target, err := url.Parse("http://" + l.address)
	if err != nil {
		l.t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answered(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	l.t.Cleanup(s.Close)
	return s.URL
}

func page(w http.ResponseWriter, status int) bool {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<h1>no backend</h1>")
	return true
}

// TestAgent_proxy works behind one that never answers a heartbeat, knows no backend for
// a while, and shows a page instead: the lease lasts and the result arrives.
func TestAgent_proxy(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	var beats, outputs, results, picks atomic.Int32
	end := make(chan struct{})
	address := l.behind(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/heartbeat") && beats.Add(1) == 1:
			_, _ = io.Copy(io.Discard, r.Body)
			select {
			case <-end:
			case <-r.Context().Done():
			}
			return true
		case strings.HasSuffix(r.URL.Path, "/pick") && picks.Add(1) == 1:
			return page(w, http.StatusOK)
		case strings.HasSuffix(r.URL.Path, "/output") && outputs.Add(1) == 1:
			return page(w, http.StatusNotFound)
		case strings.HasSuffix(r.URL.Path, "/tests/results") && results.Add(1) == 1:
			return page(w, http.StatusNotFound)
		}
		return false
	})
	t.Cleanup(func() { close(end) })
	id := l.advertise("one")[0]
	l.agent("--lease 3s --server "+address, "sh -c 'echo said; sleep 5'")
	if r := l.wantResult(id, "PASSED"); r.Attempt != 1 {
		t.Errorf("the lease was lost: attempt %d", r.Attempt)
	}
	if out := l.output(id); out != "said\n" {
		t.Errorf("the output is %q", out)
	}
	if results.Load() < 2 || outputs.Load() < 2 || picks.Load() < 2 {
		t.Error("the proxy was not asked")
	}
}

// TestAgent_filesLeft posts a result whose files cannot be sent: it is no pass, and they
// stay.
func TestAgent_filesLeft(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	var refuse atomic.Bool
	address := l.behind(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") && refuse.Load() {
			_, _ = io.Copy(io.Discard, r.Body)
			return page(w, http.StatusRequestEntityTooLarge)
		}
		return false
	})
	l.agent("--server "+address, `sh -c 'mkdir artifacts; echo note >artifacts/note; test $SLIPWAY_IMAGE_UNIQUE_ID != unreadable || ln -s /proc/self/mem artifacts/memory'`)
	for _, image := range []string{"unreadable", "large"} {
		refuse.Store(image == "large")
		id := l.advertise(image)[0]
		payload, _ := l.wantResult(id, "ERROR").ResultPayload.Get()
		if want := map[string]string{"unreadable": "cannot be read", "large": "did not take the files"}[image]; !strings.Contains(string(payload), want) {
			t.Errorf("%s: %s", image, payload)
		}
		await.That(t, "the files are kept", func() bool {
			_, err := os.Stat(filepath.Join(l.dir, "agent", "refused", id+".1", "work", "artifacts", "note"))
			return err == nil
		})
	}
}

// TestAgent_links takes artifacts that are links, and no pipe for a status.
func TestAgent_links(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	l.agent("--status-file status", `sh -c 'mkdir artifacts; echo note >note; echo other >artifacts/a; ln -s ../note artifacts/latest; test $SLIPWAY_IMAGE_UNIQUE_ID != pipe || mkfifo status'`)
	if r := l.wantResult(l.advertise("link")[0], "PASSED"); len(r.Files) != 2 || r.Files[1].Name != "latest" {
		t.Errorf("it came with %+v", r.Files)
	}
	l.wantResult(l.advertise("pipe")[0], "ERROR")
}

// TestAgent_grace lets what a shell started tidy up, although the shell is gone at once.
func TestAgent_grace(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	script := l.write("inner.sh", `trap 'sleep 1; touch "`+l.dir+`/tidied"; exit 0' TERM
echo begun
while :; do sleep 0.1; done
`)
	l.agent("--grace 20s", `sh -c 'sh `+script+` & wait'`)
	id := l.advertise("one")[0]
	await.That(t, "it has begun", func() bool { return l.opportunity(id).State == "PICKED" && strings.Contains(l.output(id), "begun") })
	l.want(0, "slipway cancel --yes "+id)
	l.awaitState(id, "CANCELLED")
	if _, err := os.Stat(filepath.Join(l.dir, "tidied")); err != nil {
		t.Error("what the shell started had no time to tidy up")
	}
}

// TestAgent_killedWithFiles sends what a command had written when its agent was killed.
func TestAgent_killedWithFiles(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	a := l.agent("", `sh -c 'mkdir artifacts; echo note >artifacts/note; echo other >artifacts/other; echo begun; sleep 1000'`)
	id := l.advertise("one")[0]
	await.That(t, "it has begun", func() bool { return l.opportunity(id).State == "PICKED" && strings.Contains(l.output(id), "begun") })
	a.signal(syscall.SIGKILL)
	<-a.end
	l.agent("", "true")
	if r := l.wantResult(id, "ERROR"); len(r.Files) != 2 {
		t.Errorf("it came with %+v", r.Files)
	}
}

// TestOutput_followCut goes on where the answer broke off.
func TestOutput_followCut(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	var cuts atomic.Int32
	address := l.behind(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/output") || cuts.Add(1) > 1 {
			return false
		}
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "sa")
		return true
	})
	id := l.advertise("one")[0]
	l.agent("", "echo said")
	l.wantResult(id, "PASSED")
	if d := l.want(0, "slipway output --follow --retries 2 "+id+" --server "+address); d.out != "said\n" {
		t.Errorf("it prints %q", d.out)
	}
}

// TestAgent_twin is refused while another machine works under its name, and leaves that
// one at work.
func TestAgent_twin(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	l.agent("", "true")
	l.wantResult(l.advertise("one")[0], "PASSED")
	d := l.want(1, "slipway agent run --name bench-1 --state other -- false")
	if !strings.Contains(d.err, "another machine works as agent bench-1") {
		t.Errorf("the twin says %s", d.err)
	}
	l.wantResult(l.advertise("two")[0], "PASSED")
}
