package servertest

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-lab/slipway/server/auth"
)

// secrets watches what the servers of all tests say: no log line, audit line or
// answer may hold a credential.
var secrets = &watch{known: map[string]bool{AdminToken: true}}

func init() {
	// Nobody reads the log of hundreds of parallel requests, but it is written
	// all the same.
	slog.SetDefault(slog.New(slog.NewTextHandler(secrets, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// Secret makes a text a credential that no server may say from now on. Tokens
// that servers make need not be named.
func Secret(text string) string {
	secrets.mu.Lock()
	defer secrets.mu.Unlock()
	secrets.known[text] = true
	return text
}

// watch is where logs are written.
type watch struct {
	mu    sync.Mutex
	known map[string]bool
	leaks []string
}

// Write keeps a line that holds a credential.
func (w *watch) Write(line []byte) (int, error) {
	if secret := w.in(line); secret != "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.leaks = append(w.leaks, fmt.Sprintf("%s in the line %s", secret, line))
	}
	return len(line), nil
}

var ownToken = regexp.MustCompile(`slw[urls]_[0-9A-Za-z]{46}`)

// in returns the credential that a text holds, or "".
func (w *watch) in(text []byte) string {
	if bytes.Contains(text, []byte("slw")) {
		for _, m := range ownToken.FindAll(text, -1) {
			if auth.CheckToken(string(m)) == nil { // the document shows some that are none
				return string(m)
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for secret := range w.known {
		if bytes.Contains(text, []byte(secret)) {
			return secret
		}
	}
	return ""
}

// report fails the test when a server has said a credential since the last
// report, in this test or in one beside it.
func (w *watch) report(t testing.TB) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, leak := range w.leaks {
		t.Errorf("a log holds a credential: %s", leak)
	}
	w.leaks = nil
}

// inAnswer returns the credential that an answer holds and should not. New
// tokens are said once, where no cache keeps them.
func (w *watch) inAnswer(status int, header http.Header, body []byte) string {
	if status < 400 && header.Get("Cache-Control") == "no-store" {
		return ""
	}
	for name, values := range header {
		if secret := w.in([]byte(strings.Join(values, "\n"))); secret != "" {
			return secret + " in the header " + name
		}
	}
	return w.in(body)
}
