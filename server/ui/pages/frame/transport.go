package frame

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync"

	"github.com/slipway-lab/slipway/gen/client"
)

// forwarding are the headers by which the server finds out who asks. A call within
// the process carries those of the visitor, so that it is the visitor's.
var forwarding = []string{
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix",
	"X-End-User", "X-Context-Marker", "Sec-Fetch-Site", "Origin",
}

// transport sends requests to a handler in this process in the name of a visitor:
// from the visitor's address, over the visitor's connection as far as it is secure,
// and with the credential of the visitor's session. The answer is read while it is
// written, so that streams flow; to close its body ends the call.
type transport struct {
	handler    http.Handler
	visitor    *http.Request
	credential credential
}

// Do implements the client's HttpRequestDoer. It never fails by itself: what goes
// wrong is an answer.
func (t transport) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	in := r.Clone(ctx)
	in.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	in.RequestURI = in.URL.RequestURI()
	in.Host, in.RemoteAddr, in.TLS = t.visitor.Host, t.visitor.RemoteAddr, t.visitor.TLS
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	if in.Body == nil {
		in.Body = http.NoBody
	}
	for _, name := range forwarding {
		if values := t.visitor.Header.Values(name); len(values) > 0 {
			in.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	t.credential.set(in.Header)

	body, end := io.Pipe()
	w := &answer{header: http.Header{}, body: end, begun: make(chan struct{})}
	go func() {
		defer w.finish()
		t.handler.ServeHTTP(w, in)
	}()
	<-w.begun
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: &answerBody{body, cancel}, ContentLength: -1, Request: r,
	}, nil
}

// answer is where the handler writes. What it writes waits for whoever reads.
type answer struct {
	header http.Header
	body   *io.PipeWriter

	once   sync.Once
	begun  chan struct{} // closed when status and sent are there
	status int
	sent   http.Header
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter. Only the first status counts.
func (a *answer) WriteHeader(status int) {
	if status < http.StatusOK {
		return
	}
	a.once.Do(func() {
		a.status, a.sent = status, a.header.Clone()
		close(a.begun)
	})
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// Flush begins the answer; what is written is never held back.
func (a *answer) Flush() { a.WriteHeader(http.StatusOK) }

// finish ends the body. An answer that was broken off ends with an error, as it
// would for a client far away.
func (a *answer) finish() {
	cause := recover()
	if cause == nil {
		a.WriteHeader(http.StatusOK)
		_ = a.body.Close() // never fails
		return
	}
	if err, ok := cause.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
		slog.Error("panic", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	}
	a.WriteHeader(http.StatusInternalServerError)
	_ = a.body.CloseWithError(io.ErrUnexpectedEOF) // never fails
}

type answerBody struct {
	*io.PipeReader
	cancel context.CancelFunc
}

// Close ends the call, also when its handler has more to say.
func (b *answerBody) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}

// credential is what a visitor logged in with.
type credential string

// set puts the credential where every operation looks for it. Texts that the server
// made are tokens; everything else may be Keystone's.
func (c credential) set(h http.Header) {
	h.Del("Authorization")
	switch {
	case c == "":
	case ownToken.MatchString(string(c)):
		h.Set("Authorization", "Bearer "+string(c))
	default:
		h.Set("X-Auth-Token", string(c))
	}
}

// get calls an operation of the API by its path and returns the answer as it is.
func (t transport) get(ctx context.Context, path, accept string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", userAgent)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	return t.Do(r)
}

// checked makes an answer of status 400 and above an error.
func checked(answer *http.Response) (*http.Response, error) {
	if answer.StatusCode < http.StatusBadRequest {
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, client.ProblemOf(answer)
}
