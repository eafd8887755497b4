package main

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// TestFirstWords: what people type before they have read anything.
func TestFirstWords(t *testing.T) {
	t.Parallel()

	h := newHome(t)
	for _, test := range []struct {
		line string
		code int
		says string
	}{
		{"slipway --version", 0, "slipway " + build()},
		{"slipway -v", 0, "slipway " + build()},
		{"slipway help", 0, "Send result files"},
		{"slipway help upload", 0, "Usage: slipway upload"},
		{"slipway help token create", 0, "Usage: slipway token create"},
		{"slipway help token create | grep -c -- --database=URL", 0, "1"},
		{"slipway help backup | grep -c -- --database=URL", 0, "1"},
		{"slipway help upload | grep -c -- --database=URL", 1, "0"},
		{"slipway help | head -n 50 | grep -- 'Send result files'", 0, "upload"},
		{"slipway help uplod", 2, "did you mean upload?"},
		{"slipway serve --listen nowhere", 2, "--listen is"},
		{"slipway serve --listen 127.0.0.1:99999", 2, "--listen is"},
		{"slipway serve --config nothing.yaml", 2, "nothing.yaml"},
		{"slipway serve --auth-policy-file nothing.yaml --listen 127.0.0.1:0", 2, "nothing.yaml"},
		{"SLIPWAY_SECRET=short slipway serve --listen 127.0.0.1:0", 2, "at least 16 characters"},
	} {
		if d := h.sh(test.line); d.code != test.code || !strings.Contains(d.out+d.err, test.says) {
			t.Errorf("%s: exit %d, want %d with %q\nout: %s\nerr: %s", test.line, d.code, test.code, test.says, d.out, d.err)
		}
	}
}

// TestCommands_makeNothing: a misspelt data directory stays one that is not there.
func TestCommands_makeNothing(t *testing.T) {
	t.Parallel()

	h := newHome(t)
	h.write("tokens.json", `[]`)
	for _, line := range []string{
		"token list", "token create x --role reader", "token revoke x", "token rotate x", "token import tokens.json",
		"doctor", "backup saved", "blobs show", "blobs move --to file:/nowhere",
	} {
		if d := h.want(4, "slipway "+line+" --data typo"); !strings.Contains(d.err, "typo") || !strings.Contains(d.err, "slipway serve") {
			t.Errorf("%s says %s", line, d.err)
		}
		for _, name := range []string{"typo", "saved"} {
			if _, err := os.Stat(filepath.Join(h.dir, name)); !os.IsNotExist(err) {
				t.Fatalf("%s made %s: %v", line, name, err)
			}
		}
	}
	h.want(0, "slipway migrate --data made")
	h.want(0, "slipway token create x --role reader --data made")
	if d := h.want(2, "slipway token create x --role king --data made"); !strings.Contains(d.err, "admin") {
		t.Errorf("an unknown role: %s", d.err)
	}
}

// TestVariables_ofCommands: neither a variable nor the configuration file answers for
// what a command must be told.
func TestVariables_ofCommands(t *testing.T) {
	t.Parallel()

	h := newHome(t, "SLIPWAY_ROLE=admin", "SLIPWAY_TENANT=t", "SLIPWAY_ALL=true")
	h.want(0, "slipway migrate")
	if d := h.want(2, "slipway token create x"); !strings.Contains(d.err, "--role") {
		t.Errorf("it says %s", d.err)
	}
	h.want(0, "slipway token create x --role reader")
	if d := h.want(0, "slipway token list"); !strings.Contains(d.out, "reader") || strings.Contains(d.out, "admin") {
		t.Errorf("the tokens are %s", d.out)
	}
	h.write("slipway.yaml", "role: admin\n")
	if d := h.want(2, "slipway token create x --config slipway.yaml"); !strings.Contains(d.err, "role") {
		t.Errorf("it says %s", d.err)
	}
}

func TestStrange(t *testing.T) {
	t.Parallel()

	var c cli
	k, err := newParser(t.Context(), &c, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := strange(k.Model.Node, []string{
		"SLIPWAY_LISTNE=x", "SLIPWAY_LISTEN=x", "SLIPWAY_TOKEN=x", "SLIPWAY_RUN_TOKEN=x", "SLIPWAY_TEST_POSTGRES=x", "HOME=/", "SLIPWAY_ROLE=x",
		"SLIPWAY_SERVICE_HOST=10.0.0.1", "SLIPWAY_SERVICE_PORT_HTTP=80", "SLIPWAY_PORT=tcp://10.0.0.1:80", "SLIPWAY_PORT_80_TCP=x", "SLIPWAY_DISCOVERY_V1_PUBLIC=true",
	})
	if len(got) != 2 || !strings.Contains(got[0], "did you mean SLIPWAY_LISTEN?") || !strings.Contains(got[1], "SLIPWAY_ROLE is no setting") {
		t.Errorf("warnings %q", got)
	}
}

// TestStart says where everything is, in one form for each stream, and asks for the
// address before it makes or shows anything.
func TestStart(t *testing.T) {
	t.Parallel()

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	h := newHome(t, "SLIPWAY_LISTNE=x")
	for _, format := range []string{"text", "json"} {
		d := h.want(5, "slipway serve --listen "+taken.Addr().String()+" --log-format "+format)
		if !strings.Contains(d.err, "--listen names another address") || strings.Contains(d.err, "slwu_") {
			t.Errorf("an address in use: %s", d.err)
		}
		if _, err := os.Stat(filepath.Join(h.dir, "slipway-data")); !os.IsNotExist(err) {
			t.Fatalf("a server that found its address in use made its data: %v", err)
		}
		for line := range strings.Lines(d.err) {
			if format == "json" != json.Valid([]byte(line)) || format == "text" && !strings.HasPrefix(line, "time=") {
				t.Errorf("a line of another form in the log: %s", line)
			}
		}
	}

	address := servertest.FreeAddress(t)
	p := h.start("slipway serve --log-format json --listen " + address + " 2>log.json >audit.json")
	log := filepath.Join(h.dir, "log.json")
	await.That(t, "the server is ready", func() bool { return status("http://"+address+"/readyz") == http.StatusOK })
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/docs/", "/docs/page.css", "/docs/nothing.css", "/v1/runs"} {
		if status("http://"+address+path) == 0 {
			t.Fatalf("no answer at %s", path)
		}
	}
	p.signal(syscall.SIGTERM)
	<-p.end
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var messages, paths []string
	for line := range strings.Lines(string(text)) {
		var entry struct{ Msg, Warning, Path, URL, Pages, Explorer, Data, Token string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		messages = append(messages, entry.Msg, entry.Warning)
		switch entry.Msg {
		case "listening":
			if entry.URL != "http://"+address || entry.Explorer != entry.URL+"/docs/" || entry.Pages != entry.URL+"/ui/" || entry.Data != filepath.Join(h.dir, "slipway-data") {
				t.Errorf("the start says %s", line)
			}
		case "request":
			paths = append(paths, entry.Path)
		}
		if strings.HasPrefix(entry.Msg, "this is the admin token") && !strings.HasPrefix(entry.Token, "slwu_") {
			t.Errorf("the token is shown as %s", line)
		}
	}
	if !slices.Contains(messages, "listening") || !strings.Contains(strings.Join(messages, "\n"), "did you mean SLIPWAY_LISTEN?") ||
		!strings.Contains(strings.Join(messages, "\n"), "this is the admin token") {
		t.Errorf("the log says %q", messages)
	}
	if want := []string{"/docs/nothing.css", "/v1/runs"}; !slices.Equal(paths, want) {
		t.Errorf("requests in the log: %q, want %q", paths, want)
	}
	audit, err := os.ReadFile(filepath.Join(h.dir, "audit.json"))
	if err != nil || !strings.Contains(string(audit), `"audit":"denied"`) || strings.Count(string(audit), "\n") != strings.Count(string(audit), `{"audit":`) {
		t.Errorf("standard output is not the audit log alone: %v\n%s", err, audit)
	}
}

// status is that of an answer, 0 for none.
func status(url string) int {
	answer, err := http.Get(url) //nolint:gosec,noctx // a server of this test
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}
