package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/store/storetest"
)

// paced starts a server that holds clients to a pace, with a handler of the
// test behind its outermost layer.
func paced(t *testing.T, stall time.Duration, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	st := storetest.New(t)
	c := Config{Store: st, Auth: auth.New(auth.Config{Store: st, Now: st.Now}), Edge: EdgeConfig{StallTimeout: stall}}
	if err := kong.ApplyDefaults(&c); err != nil {
		t.Fatal(err)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.front(h))
	t.Cleanup(func() {
		srv.Close()
		s.Close()
	})
	return srv
}

func dial(t *testing.T, srv *httptest.Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestPace_StalledUpload(t *testing.T) {
	t.Parallel()

	failed := make(chan error, 1)
	srv := paced(t, 100*time.Millisecond, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		failed <- err
	})
	c := dial(t, srv)
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf of it")
	select {
	case err := <-failed:
		if err == nil {
			t.Error("half a body was taken for a whole one")
		}
	case <-time.After(10 * time.Second):
		t.Error("a client that stopped sending is still waited for")
	}
}

// TestPace_SlowUpload: what comes slowly but steadily is taken, however long it
// takes as a whole.
func TestPace_SlowUpload(t *testing.T) {
	t.Parallel()

	srv := paced(t, 400*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err)
	})
	body, in := io.Pipe()
	go func() {
		for range 12 {
			time.Sleep(80 * time.Millisecond)
			_, _ = in.Write([]byte("0123456789"))
		}
		_ = in.Close()
	}()
	resp, err := http.Post(srv.URL, "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, _ := io.ReadAll(resp.Body); string(got) != "120 <nil>" {
		t.Errorf("the server read %q, want all 120 bytes", got)
	}
}

// TestPace_LongPoll: a request that waits for the server is not limited, also
// after its body was read, and keeps its connection.
func TestPace_LongPoll(t *testing.T) {
	t.Parallel()

	srv := paced(t, 50*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "waiting ")
		select {
		case <-r.Context().Done():
			_, _ = io.WriteString(w, "given up")
		case <-time.After(400 * time.Millisecond):
			_, _ = io.WriteString(w, "done")
		}
	})
	for range 2 {
		resp, err := http.Post(srv.URL, "text/plain", strings.NewReader("a body"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(got) != "waiting done" || err != nil {
			t.Errorf("a long poll got %q, %v", got, err)
		}
	}
}

// TestPace_EventStream: events may be further apart than the stall time.
func TestPace_EventStream(t *testing.T) {
	t.Parallel()

	srv := paced(t, 50*time.Millisecond, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			time.Sleep(150 * time.Millisecond)
		}
	})
	resp, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); string(got) != "data: 0\n\ndata: 1\n\ndata: 2\n\n" || err != nil {
		t.Errorf("the stream held %q, %v", got, err)
	}
}

// TestPace_ReaderThatStops: an answer that nobody takes does not stay for ever.
func TestPace_ReaderThatStops(t *testing.T) {
	t.Parallel()

	failed := make(chan error, 1)
	srv := paced(t, 100*time.Millisecond, func(w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 1<<20)
		var err error
		for i := 0; i < 256 && err == nil; i++ { // more than all buffers on the way hold
			_, err = w.Write(piece)
		}
		failed <- err
	})
	c := dial(t, srv)
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_, _ = bufio.NewReaderSize(c, 16).ReadByte() // and no more
	select {
	case err := <-failed:
		if err == nil {
			t.Error("256 MiB went to a client that read one byte")
		}
	case <-time.After(20 * time.Second):
		t.Error("a client that stopped reading is still waited for")
	}
}
