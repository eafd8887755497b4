package edge

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store/storetest/await"
)

// dialer is a listener to which a test connects from any address.
type dialer struct{ conns chan net.Conn }

func (d *dialer) Accept() (net.Conn, error) {
	conn, ok := <-d.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (d *dialer) Close() error   { return nil }
func (d *dialer) Addr() net.Addr { return &net.TCPAddr{} }

// remoteConn is a connection from somewhere.
type remoteConn struct {
	net.Conn
	from net.Addr
}

func (c remoteConn) RemoteAddr() net.Addr { return c.from }

// dial connects from an address and reports whether the server answers.
func (d *dialer) dial(t *testing.T, from string) (conn net.Conn, answers bool) {
	t.Helper()
	here, there := net.Pipe()
	d.conns <- remoteConn{there, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 5))}
	_ = here.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(here, "GET / HTTP/1.1\r\nHost: lab\r\n\r\n"); err != nil {
		return here, false
	}
	_, err := here.Read(make([]byte, 4096))
	return here, err == nil
}

// TestLimitConnections: one address cannot take all the connections there are.
func TestLimitConnections(t *testing.T) {
	t.Parallel()

	d := &dialer{conns: make(chan net.Conn)}
	proxy := netip.MustParseAddr("10.0.0.1")
	srv := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
		ReadHeaderTimeout: time.Minute,
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = srv.Serve(LimitConnections(d, 2, func(a netip.Addr) bool { return a == proxy }))
	}()
	t.Cleanup(func() {
		close(d.conns)
		<-ended
		_ = srv.Close()
	})
	want := func(from string, answered bool) net.Conn {
		t.Helper()
		conn, got := d.dial(t, from)
		if got != answered {
			t.Errorf("a connection from %s is answered: %v, want %v", from, got, answered)
		}
		return conn
	}
	first := want("192.0.2.1", true)
	want("192.0.2.1", true)
	want("192.0.2.1", false)
	want("::ffff:192.0.2.1", false)
	want("192.0.2.2", true)
	for range 2 {
		want("2001:db8::1", true)
	}
	want("2001:db8::2", false) // of the same network
	for range 5 {
		want("127.0.0.1", true)
		want("::1", true)
		want("10.0.0.1", true)
	}
	_ = first.Close()
	await.That(t, "an answer after a connection was closed", func() bool {
		_, ok := d.dial(t, "192.0.2.1")
		return ok
	})
}
