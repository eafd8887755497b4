package edge

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

	"github.com/slipway-lab/slipway/store/storetest/await"
)

// paced starts a server that holds clients to a pace, with a handler of the
// test behind its outermost layer.
func paced(t *testing.T, stall time.Duration, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(bare(stall).front(h))
	t.Cleanup(srv.Close)
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
	if err := await.Receive(t, "a client that stopped sending is given up", failed); err == nil {
		t.Error("half a body was taken for a whole one")
	}
}

// TestPace_SlowUpload: what comes slowly but steadily is taken, however long it
// takes as a whole.
func TestPace_SlowUpload(t *testing.T) {
	t.Parallel()

	await.AtSomePace(t, 80*time.Millisecond, func(unit time.Duration) error {
		srv := paced(t, 5*unit, func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		})
		body, in := io.Pipe()
		go func() {
			for range 12 {
				time.Sleep(unit)
				_, _ = in.Write([]byte("0123456789"))
			}
			_ = in.Close()
		}()
		got, err := whole(http.Post(srv.URL, "text/plain", body))
		if got != "120 <nil>" || err != nil {
			return fmt.Errorf("the server read %q, %v; want all 120 bytes", got, err)
		}
		return nil
	})
}

// whole reads an answer to its end.
func whole(resp *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return string(got), err
}

// TestPace_LongPoll: a request that waits for the server is not limited, also
// after its body was read, and keeps its connection.
func TestPace_LongPoll(t *testing.T) {
	t.Parallel()

	await.AtSomePace(t, 50*time.Millisecond, func(unit time.Duration) error {
		srv := paced(t, unit, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, "waiting ")
			select {
			case <-r.Context().Done():
				_, _ = io.WriteString(w, "given up")
			case <-time.After(8 * unit):
				_, _ = io.WriteString(w, "done")
			}
		})
		for range 2 {
			if got, err := whole(http.Post(srv.URL, "text/plain", strings.NewReader("a body"))); got != "waiting done" || err != nil {
				return fmt.Errorf("a long poll got %q, %v", got, err)
			}
		}
		return nil
	})
}

// TestPace_EventStream: events may be further apart than the stall time.
func TestPace_EventStream(t *testing.T) {
	t.Parallel()

	await.AtSomePace(t, 50*time.Millisecond, func(unit time.Duration) error {
		srv := paced(t, unit, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				if err := http.NewResponseController(w).Flush(); err != nil {
					return // which leaves the stream short
				}
				time.Sleep(3 * unit)
			}
		})
		got, err := whole(http.Get(srv.URL))
		if got != "data: 0\n\ndata: 1\n\ndata: 2\n\n" || err != nil {
			return fmt.Errorf("the stream held %q, %v", got, err)
		}
		return nil
	})
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
	if err := await.Receive(t, "a client that stopped reading is given up", failed); err == nil {
		t.Error("256 MiB went to a client that read one byte")
	}
}
