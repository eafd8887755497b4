package reports

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/call"
)

// answer is a body in KernelCI's envelope, written piece by piece: a list
// without limit is never held in memory.
type answer struct {
	info   *call.Info
	status int
	header map[string]string
	tagged bool // a GET: the body gets an ETag
	write  func(*body) error
}

// keptBack is how much of a body is kept back, so that a small answer gets an ETag
// and an error can still become a status.
const keptBack = 256 << 10

// body collects an answer's text and sends it once there is too much of it.
type body struct {
	w      http.ResponseWriter
	status int
	buf    []byte
	sent   bool
}

// flush sends what there is when that is enough.
func (b *body) flush() error {
	if len(b.buf) < keptBack {
		return nil
	}
	return b.send()
}

func (b *body) send() error {
	if !b.sent {
		b.w.WriteHeader(b.status)
		b.sent = true
	}
	_, err := b.w.Write(b.buf)
	b.buf = b.buf[:0]
	return err
}

// WriteResponse writes the whole answer.
func (a *answer) WriteResponse(w http.ResponseWriter) error {
	b := &body{w: w, status: a.status}
	if err := a.write(b); err != nil {
		return err
	}
	return a.finish(b)
}

// finish sends what is left. Headers are set here, and when a long answer
// begins: an error before that has its own.
func (a *answer) finish(b *body) error {
	if b.sent {
		return b.send()
	}
	a.setHeader(b.w)
	if a.tagged {
		sum := sha256.Sum256(b.buf)
		tag := `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
		b.w.Header().Set("ETag", tag)
		if a.info.HasTag(tag) {
			b.w.Header().Del("Content-Type")
			b.w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	b.w.Header().Set("Content-Length", strconv.Itoa(len(b.buf)))
	return b.send()
}

func (a *answer) setHeader(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
}

// reading is the answer to a GET.
func reading(ctx context.Context, write func(*body) error) *answer {
	a := &answer{info: call.From(ctx), status: http.StatusOK, header: map[string]string{}, tagged: true}
	a.write = func(b *body) error {
		a.setHeader(b.w)
		if err := write(b); err != nil {
			return err
		}
		return nil
	}
	return a
}

// outcome is the usual small answer to a write.
type outcome struct {
	Code     int      `json:"code"`
	Reason   string   `json:"reason,omitempty"`
	Result   any      `json:"result,omitempty"`
	Errors   []string `json:"errors,omitempty"`
	Messages []string `json:"messages,omitempty"`
}

// done is an answer with one small body.
func done(o outcome) *answer {
	return &answer{status: o.Code, header: map[string]string{}, write: func(b *body) (err error) {
		b.buf, err = appendJSON(b.buf, o)
		return err
	}}
}

// with sets a header.
func (a *answer) with(name, value string) *answer {
	a.header[name] = value
	return a
}

// appendJSON writes a value without escaping what HTML would need escaped.
func appendJSON(dst []byte, v any) ([]byte, error) {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return dst, err
	}
	return append(dst, strings.TrimSuffix(text.String(), "\n")...), nil
}

// oid is an id as clients know it.
type oid struct {
	OID string `json:"$oid"`
}

// created is the result of a POST: the new id.
func created(id string) any {
	return []map[string]oid{{"_id": {id}}}
}
