package edge

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// LimitConnections returns a listener that closes the connections which one address
// (one /64 of IPv6) opens beyond most, before anything is read from them. Zero is no
// limit. This machine has none, and neither have the exempt, such as proxies.
func LimitConnections(l net.Listener, most int, exempt func(netip.Addr) bool) net.Listener {
	if most == 0 {
		return l
	}
	return &limitedListener{
		Listener: l, most: most, exempt: exempt,
		open: map[netip.Addr]int{}, warn: rate.Sometimes{Interval: time.Minute},
	}
}

type limitedListener struct {
	net.Listener
	most   int
	exempt func(netip.Addr) bool

	mu   sync.Mutex
	open map[netip.Addr]int
	warn rate.Sometimes
}

// Accept waits for the next connection that is not too many.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		end, ok := l.begin(conn.RemoteAddr())
		if ok {
			return &countedConn{Conn: conn, end: sync.OnceFunc(end)}, nil
		}
		_ = conn.Close() // nobody reads from it
	}
}

func (l *limitedListener) begin(remote net.Addr) (end func(), ok bool) {
	ap, err := netip.ParseAddrPort(remote.String())
	from := ap.Addr().Unmap()
	if err != nil || from.IsLoopback() || l.exempt(from) {
		return func() {}, true
	}
	key := neighbourhood(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[key] >= l.most {
		l.warn.Do(func() {
			slog.Warn("too many connections from one address, further ones are closed", "client", from, "limit", l.most)
		})
		return nil, false
	}
	l.open[key]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.open[key]--; l.open[key] == 0 {
			delete(l.open, key)
		}
	}, true
}

// countedConn is counted until it is closed.
type countedConn struct {
	net.Conn
	end func()
}

// Close closes the connection, which no longer counts.
func (c *countedConn) Close() error {
	c.end()
	return c.Conn.Close()
}
