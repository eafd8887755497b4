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

// wire bounds each read and write of a connection while an answer is owed. The
// deadlines of the driver, which come with the end of a context, hold as well.
//
// A connection that nobody has asked anything may be read all the same, for as
// long as it is idle: after a write that took long the driver reads in the
// background, and that read stays when the answer is there (pgconn, bgreader).
type wire struct {
	net.Conn
	sent atomic.Int64 // how often something was written

	// silent is of all connections of a pool: one of them got no answer, and none
	// has got one since. Then the others are not given the whole limit again.
	silent *atomic.Bool

	mu     sync.Mutex
	limit  time.Duration
	driver time.Time // the driver's deadline; zero: none
	asked  bool      // something was written, and its answer is not whole yet
	tail   []byte    // the end of what was read
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
	if err := w.awaitAnswer(); err != nil {
		return 0, err
	}
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.silent.Store(false)
		w.heard(p[:n])
	}
	return n, w.end(err)
}

func (w *wire) Write(p []byte) (int, error) {
	if err := w.ask(); err != nil {
		return 0, err
	}
	w.sent.Add(1)
	n, err := w.Conn.Write(p)
	return n, w.end(err)
}

// Close ends the connection, if its own limit has not ended it before.
func (w *wire) Close() error {
	if w.fellSilent() {
		return nil
	}
	return w.Conn.Close()
}

// readyForQuery is how every answer ends, but for the state of the transaction
// behind it (PostgreSQL, "Message Formats").
const readyForQuery = "Z\x00\x00\x00\x05"

// heard takes what the database has sent. Below TLS the end of an answer cannot be
// seen: there whatever comes counts as one.
func (w *wire) heard(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	const tlsRecords, tlsEnd = 0x14, 0x18
	tls := len(w.tail) == 0 && p[0] >= tlsRecords && p[0] < tlsEnd
	if tls {
		w.asked = false
		return
	}
	const size = len(readyForQuery) + 1
	w.tail = append(w.tail, p[max(0, len(p)-size):]...)
	w.tail = w.tail[max(0, len(w.tail)-size):]
	if len(w.tail) == size && string(w.tail[:len(readyForQuery)]) == readyForQuery {
		w.asked = false
	}
}

// awaitAnswer sets the deadline of a read: none of its own when nothing was asked. It
// holds the lock while it does so: a deadline that is set meanwhile must win.
func (w *wire) awaitAnswer() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.asked {
		return w.Conn.SetReadDeadline(w.driver)
	}
	return w.Conn.SetReadDeadline(w.deadline())
}

// ask sets the deadline of a write and of its answer, which may be awaited already.
func (w *wire) ask() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked, w.tail = true, w.tail[:0]
	return w.Conn.SetDeadline(w.deadline())
}

// deadline is when the next thing must have come. The lock is held.
func (w *wire) deadline() time.Time {
	limit := w.limit
	if w.silent.Load() {
		limit = min(limit, silenceGrace)
	}
	at := time.Now().Add(limit)
	if !w.driver.IsZero() && w.driver.Before(at) {
		at = w.driver
	}
	return at
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

// statementLimit is how long a statement of a transaction may take that begins with a
// context.
func (c *core) statementLimit(ctx context.Context) time.Duration {
	if isPatient(ctx) {
		return c.config.IngestTimeout
	}
	return c.config.StatementTimeout
}
