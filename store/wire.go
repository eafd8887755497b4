package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sys/unix"
)

// A database may fall silent without closing anything: a cable is pulled, a
// firewall forgets the connection, a machine stops. Nothing tells the driver, which
// would wait for ever. Keepalive and the user timeout of TCP find a dead machine,
// but not a pooler that still answers for a database that does not, so each
// connection also bounds how long it waits for an answer.

const (
	keepaliveIdle  = 15 * time.Second
	keepaliveEvery = 5 * time.Second
	keepaliveTries = 3

	// silenceGrace is how much longer than a statement may take its answer is
	// awaited: the database ends the statement by itself and says so.
	silenceGrace = 2 * time.Second
)

// dialer connects with keepalive, and with a user timeout after which what was sent
// and never acknowledged ends the connection.
func dialer(limit time.Duration) *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepaliveIdle, Interval: keepaliveEvery, Count: keepaliveTries},
		ControlContext: func(_ context.Context, network, _ string, c syscall.RawConn) error {
			if network == "unix" {
				return nil
			}
			return c.Control(func(fd uintptr) {
				// Best effort: without it the limit of wire ends the connection.
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit.Milliseconds()))
			})
		},
	}
}

// dialWire is the DialFunc of a pool: what it opens waits no longer than limit for
// anything.
func dialWire(limit time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	d := dialer(limit + silenceGrace)
	silent := &atomic.Bool{}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &wire{Conn: conn, limit: limit + silenceGrace, silent: silent}, nil
	}
}

// wire bounds each read and write of a connection. The deadlines of the driver,
// which come with the end of a context, hold as well.
type wire struct {
	net.Conn
	sent atomic.Int64 // how often something was written

	// silent is of all connections of a pool: one of them got no answer, and none
	// has got one since. Then the others are not given the whole limit again.
	silent *atomic.Bool

	mu     sync.Mutex
	limit  time.Duration
	driver time.Time // the driver's deadline; zero: none
	ended  bool      // by its own limit
}

// setLimit changes how long the connection waits for an answer.
func (w *wire) setLimit(limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit = limit + silenceGrace
}

// writes is how often something was written.
func (w *wire) writes() int64 {
	if w == nil {
		return 0
	}
	return w.sent.Load()
}

// fellSilent reports whether the connection ended because no answer came.
func (w *wire) fellSilent() bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

func (w *wire) Read(p []byte) (int, error) {
	if err := w.prepare(w.Conn.SetReadDeadline); err != nil {
		return 0, err
	}
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.silent.Store(false)
	}
	return n, w.end(err)
}

func (w *wire) Write(p []byte) (int, error) {
	if err := w.prepare(w.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	w.sent.Add(1)
	n, err := w.Conn.Write(p)
	return n, w.end(err)
}

// prepare sets the deadline of what comes next. It holds the lock while it does so:
// a deadline that the driver sets meanwhile must win.
func (w *wire) prepare(set func(time.Time) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	limit := w.limit
	if w.silent.Load() {
		limit = min(limit, silenceGrace)
	}
	at := time.Now().Add(limit)
	if !w.driver.IsZero() && w.driver.Before(at) {
		at = w.driver
	}
	return set(at)
}

// SetDeadline keeps what the driver asks for.
func (w *wire) SetDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.driver = t
	return w.Conn.SetDeadline(t)
}

// errSilent is how a connection ends whose database did not answer. It is no
// timeout in the sense of package net, after which the driver would try once more.
var errSilent = fmt.Errorf("%w: the database does not answer", ErrUnavailable)

// end tells the limit of the connection from a deadline of the driver.
func (w *wire) end(err error) error {
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.driver.IsZero() && !time.Now().Before(w.driver) {
		return err
	}
	w.ended = true
	w.silent.Store(true)
	_ = w.Conn.Close() // whatever comes now belongs to a question that was given up
	return errSilent
}

// wireOf finds the wire below a connection of the pool; nil when it has none.
func wireOf(conn *sql.Conn) (found *wire) {
	_ = conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return nil
		}
		below := c.Conn().PgConn().Conn()
		if tls, ok := below.(interface{ NetConn() net.Conn }); ok {
			below = tls.NetConn()
		}
		found, _ = below.(*wire)
		return nil
	})
	return found
}

type patientKey struct{}

// Patient returns a context for what may take long, such as a slice of a large
// upload: statements of a transaction that begins with it have IngestTimeout.
func Patient(ctx context.Context) context.Context {
	return context.WithValue(ctx, patientKey{}, true)
}

func isPatient(ctx context.Context) bool {
	patient, _ := ctx.Value(patientKey{}).(bool)
	return patient
}
