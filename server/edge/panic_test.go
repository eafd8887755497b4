package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

// bare is a stack without routes, for tests of its outermost layer.
func bare(stall time.Duration) *Stack {
	return &Stack{
		config:  Config{Settings: Settings{MaxHeader: 1 << 20, StallTimeout: stall}, Now: time.Now, NewID: uuid.New},
		metrics: newMetrics(prometheus.NewRegistry()),
	}
}

func fronted(h http.HandlerFunc) http.Handler { return bare(time.Minute).front(h) }

// TestPanic checks that a panic is a 500 that says nothing of its cause.
func TestPanic(t *testing.T) {
	t.Parallel()

	w := httptest.NewRecorder()
	fronted(func(http.ResponseWriter, *http.Request) { panic("secret cause") }).
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://lab/x", nil))
	var p struct {
		Status int
		ID     string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 500 || p.Status != 500 || p.ID != "internal-error" {
		t.Errorf("%d %s, %v", w.Code, w.Body, err)
	}
	if strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "goroutine") {
		t.Errorf("the cause leaks: %s", w.Body)
	}
}

// TestPanic_Late checks that an answer that has begun is broken off: the client
// must not take half of it for the whole.
func TestPanic_Late(t *testing.T) {
	t.Parallel()

	srv := httptest.NewServer(fronted(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte("x"), 64<<10))
		panic("late")
	}))
	defer srv.Close()
	resp, err := http.Get(srv.URL)
	if err == nil {
		defer resp.Body.Close()
		_, err = new(bytes.Buffer).ReadFrom(resp.Body)
	}
	if err == nil {
		t.Error("the client read a whole answer")
	}
}

func TestFaultOf_LeaksNothing(t *testing.T) {
	t.Parallel()

	f := faultOf(errors.New("dial tcp 10.0.0.1: secret"))
	if f.Status != 500 || strings.Contains(f.Detail, "secret") {
		t.Errorf("%d %q", f.Status, f.Detail)
	}
}
