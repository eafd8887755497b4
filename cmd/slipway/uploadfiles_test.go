package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestUpload_links sends what links lead to, each folder once: a failure behind a link
// is a failure.
func TestUpload_links(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	green := strings.Replace(junitFile, `<failure message="timeout">it took too long</failure>`, "", 1)
	l.write("green.xml", green)
	l.write("junit.xml", junitFile)
	l.want(0, `mkdir -p one/run-1 two far/deep red && cp green.xml one/run-1 && cp green.xml two && cp junit.xml far/deep && cp junit.xml red
		ln -s run-1 one/latest; ln -s .. one/run-1/up; ln -s . one/self; ln -s ../far two/far; ln -s red link; mkfifo two/pipe`)
	for _, test := range []struct {
		folder string
		code   int
		says   string
	}{
		{"one", 0, "2 tests: 2 passed"},
		{"two", 1, "1 failed"},
		{"link", 1, "2 tests: 1 passed, 1 failed"},
	} {
		d := l.sh("slipway upload --fail-on any " + test.folder)
		if d.code != test.code || !strings.Contains(d.out, test.says) {
			t.Errorf("%s: exit %d, want %d with %q\nout: %s\nerr: %s", test.folder, d.code, test.code, test.says, d.out, d.err)
		}
		if test.folder == "two" && !strings.Contains(d.err, "two/pipe is no file and is not sent") {
			t.Errorf("of the pipe it says %s", d.err)
		}
	}
	l.want(2, "ln -s nowhere two/lost; slipway upload two")
}

// TestUpload_fileChanges has files change and vanish between the first look at them and
// the upload.
func TestUpload_fileChanges(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	green := strings.Replace(junitFile, `<failure message="timeout">it took too long</failure>`, "", 1)
	target, err := url.Parse("http://" + l.address)
	if err != nil {
		t.Fatal(err)
	}
	var meanwhile atomic.Pointer[func()]
	proxy := httputil.NewSingleHostReverseProxy(target)
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := meanwhile.Load(); *f != nil && r.Method == http.MethodPost {
			(*f)()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(between.Close)
	grow := func() {
		if err := os.Chtimes(filepath.Join(l.dir, "green.xml"), time.Time{}, time.Unix(1, 0)); err != nil {
			t.Error(err)
		}
	}
	for _, test := range []struct {
		name, flags string
		meanwhile   func()
		code        int
		says        string
	}{
		{"nothing happens", "--fail-on any", nil, 0, ""},
		{"it is written to", "--fail-on any", grow, 1, "changed while it was sent"},
		{"it is written to and nobody asks", "", grow, 0, "changed while it was sent"},
		{"it vanishes", "", func() { os.Remove(filepath.Join(l.dir, "green.xml")) }, 2, "nothing was sent"},
	} {
		l.write("green.xml", green)
		meanwhile.Store(&test.meanwhile)
		d := l.sh("slipway upload green.xml --server " + between.URL + " " + test.flags)
		if d.code != test.code || !strings.Contains(d.err, test.says) {
			t.Errorf("%s: exit %d, want %d with %q\nout: %s\nerr: %s", test.name, d.code, test.code, test.says, d.out, d.err)
		}
	}
}

// TestUpload_serverAway makes its run once the server is there again, and one only.
func TestUpload_serverAway(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.watched()
	l.write("junit.xml", junitFile)
	l.server.kill()
	p := l.start("slipway upload junit.xml --retries 20")
	l.serve()
	<-p.end
	if code := p.cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(p.log.String(), "run 1, attempt 1") {
		t.Errorf("exit %d: %s", code, p.log)
	}
}
