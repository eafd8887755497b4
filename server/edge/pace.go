package edge

import (
	"io"
	"net/http"
	"time"
)

// pace holds a client to a speed: the next piece of a body must come, or be
// taken, within the stall time. Nothing is said about the whole, so that long
// uploads, long polls and event streams last as long as they need.
type pace struct {
	control *http.ResponseController
	stall   time.Duration
	now     func() time.Time
	written time.Time // when the deadline for writing was last moved
	reading bool      // a deadline for reading is set
}

// beforeWrite moves the deadline, but not for every small piece.
func (p *pace) beforeWrite() {
	if p == nil {
		return
	}
	if now := p.now(); now.Sub(p.written) > p.stall/8 {
		p.written = now
		_ = p.control.SetWriteDeadline(now.Add(p.stall)) // a test's writer may know none
	}
}

// finish is for what net/http still writes and reads after the handler: the
// rest of the answer, and a bit of a body that nobody read.
func (p *pace) finish() {
	p.written = time.Time{}
	p.beforeWrite()
	if p.reading {
		_ = p.control.SetReadDeadline(p.now().Add(p.stall))
	}
}

// body holds who sends a body to the speed, also when nobody reads it: net/http
// then takes a bit of it before the answer.
func (p *pace) body(b io.ReadCloser) io.ReadCloser {
	p.reading = true
	_ = p.control.SetReadDeadline(p.now().Add(p.stall))
	return pacedBody{b, p}
}

// pacedBody moves the deadline with every read. At the end it takes it away:
// net/http then watches the connection for the client's going, and a deadline
// that passes would look just like that.
type pacedBody struct {
	io.ReadCloser
	pace *pace
}

func (b pacedBody) Read(into []byte) (int, error) {
	b.pace.reading = true
	_ = b.pace.control.SetReadDeadline(b.pace.now().Add(b.pace.stall))
	n, err := b.ReadCloser.Read(into)
	if err != nil {
		b.pace.reading = false
		_ = b.pace.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// headerSize is about how long a header was on the wire.
func headerSize(r *http.Request) int {
	size := len(r.Method) + len(r.RequestURI) + len(r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v) + 4
		}
	}
	return size
}
