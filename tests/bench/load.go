package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one kept connection to a server. It costs the machine less than
// http.Client does, so that more is left for what is measured.
type conn struct {
	server *server
	net    net.Conn
	in     *bufio.Reader
	out    *bufio.Writer
}

func (v *server) dial() (*conn, error) {
	c, err := net.DialTimeout("tcp", v.address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &conn{v, c, bufio.NewReaderSize(c, 16<<10), bufio.NewWriterSize(c, 16<<10)}, nil
}

func (c *conn) close() { _ = c.net.Close() }

// send writes a request and returns its answer, whose body must be read before the
// next one.
func (c *conn) send(method, path, contentType, accept string, size int64, body io.Reader) (*http.Response, error) {
	fmt.Fprintf(c.out, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n", method, path, c.server.address, c.server.token)
	if accept != "" {
		fmt.Fprintf(c.out, "Accept: %s\r\n", accept)
	}
	if body != nil {
		fmt.Fprintf(c.out, "Content-Type: %s\r\nContent-Length: %d\r\n", contentType, size)
	}
	_, _ = c.out.WriteString("\r\n")
	if body != nil {
		if _, err := io.Copy(c.out, body); err != nil {
			return nil, err
		}
	}
	if err := c.out.Flush(); err != nil {
		return nil, err
	}
	return http.ReadResponse(c.in, &http.Request{Method: method})
}

// ask sends a small request as JSON and returns the body of the answer.
func (c *conn) ask(method, path, body string, want ...int) ([]byte, int, error) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	resp, err := c.send(method, path, "application/json", "", int64(len(body)), reader)
	if err != nil {
		return nil, 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if len(want) > 0 && !slices.Contains(want, resp.StatusCode) {
		return nil, resp.StatusCode, fmt.Errorf("%s %s: %w %d: %.300s", method, path, errStatus, resp.StatusCode, text)
	}
	return text, resp.StatusCode, nil
}

// once is ask on a connection of its own. Into gets the answer unless it is nil.
func (v *server) once(method, path, body string, into any, want ...int) error {
	c, err := v.dial()
	if err != nil {
		return err
	}
	defer c.close()
	text, _, err := c.ask(method, path, body, want...)
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	return err
}

// sample is what became of the requests of one load.
type sample struct {
	took    []time.Duration // sorted
	elapsed time.Duration
}

func (s *sample) perSecond() float64 { return float64(len(s.took)) / s.elapsed.Seconds() }

// at is a quantile of the latencies in milliseconds.
func (s *sample) at(q float64) float64 {
	if len(s.took) == 0 {
		return 0
	}
	return milliseconds(s.took[min(int(float64(len(s.took))*q), len(s.took)-1)])
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// load is how requests are sent.
type load struct {
	conns int
	rate  float64       // requests a second; zero keeps every connection busy
	limit time.Duration // no request is begun after that
	count int64         // nor after so many; zero is any number
	until <-chan struct{}
}

// drive sends requests until the load is over. Request number n is due at a time
// that was fixed at the beginning, and its latency counts from then, however long
// the server kept the connection from it.
func (v *server) drive(ctx context.Context, l load, request func(c *conn, n int64) error) (*sample, error) {
	var next atomic.Int64
	var mu sync.Mutex
	var failed error
	var took []time.Duration
	var working sync.WaitGroup
	ctx, cancel := context.WithTimeout(ctx, l.limit)
	defer cancel()
	began := time.Now()
	work := func() (mine []time.Duration, err error) {
		c, err := v.dial()
		if err != nil {
			return nil, err
		}
		defer c.close()
		for {
			n := next.Add(1) - 1
			due := time.Now()
			if l.rate > 0 {
				due = began.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
			}
			if l.count > 0 && n >= l.count || !waitUntil(ctx, l.until, due) {
				return mine, nil
			}
			if err := request(c, n); err != nil {
				return mine, err
			}
			mine = append(mine, time.Since(due))
		}
	}
	for range l.conns {
		working.Go(func() {
			mine, err := work()
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
			if err != nil {
				failed = err
				cancel()
			}
		})
	}
	working.Wait()
	s := &sample{took, time.Since(began)}
	slices.Sort(s.took)
	return s, failed
}

// waitUntil is false when the load is over before.
func waitUntil(ctx context.Context, over <-chan struct{}, due time.Time) bool {
	select {
	case <-over:
		return false
	case <-ctx.Done():
		return false
	default:
	}
	pause := time.Until(due)
	if pause <= 0 {
		return true
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-over:
	case <-ctx.Done():
	}
	return false
}

// query encodes the parts of an address after the question mark.
func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return q.Encode()
}
