package edge

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/upload"
)

// state is what the layers of one request tell each other.
type state struct {
	op      *operation // nil until a route was found
	who     auth.Identity
	refused error  // why the login failed
	reason  string // why a client was refused that may not look at its answer
	private bool   // the answer is for the caller alone
	cursor  bool   // the place in the list was given by its second name
}

type stateKey struct{}

func stateOf(ctx context.Context) *state {
	st, _ := ctx.Value(stateKey{}).(*state)
	return st
}

// operationOf returns the operation that the request was routed to, or nil.
func operationOf(ctx context.Context) *operation {
	if st := stateOf(ctx); st != nil {
		return st.op
	}
	return nil
}

// requestPrefix is how the ids of requests begin in OpenStack.
const requestPrefix = "req-"

// front is the outermost layer: it gives the request its id, finds out who asks
// and how they reached us, and whatever happens further in, it writes one line
// of log and one answer.
func (s *Stack) front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.config.Now()
		s.metrics.inFlight.Inc()
		defer s.metrics.inFlight.Dec()
		slow := &pace{control: http.NewResponseController(w), stall: s.config.StallTimeout, now: time.Now}
		defer slow.finish()
		st := &state{}
		rec := &recorder{ResponseWriter: w, pace: slow, state: st}
		info := &call.Info{
			ID:     requestPrefix + s.config.NewID().String(),
			Method: r.Method,
			Path:   r.URL.EscapedPath(),
			Query:  r.URL.RawQuery,
			Header: r.Header,
		}
		ctx := context.WithValue(call.With(r.Context(), info), stateKey{}, st)
		r = r.WithContext(ctx)
		if r.Body != nil && r.Body != http.NoBody {
			// In the copy: net/http must find its own body to know what is left of
			// it, or it asks for a body that was refused before it came.
			r.Body = slow.body(r.Body)
		}
		info.HTTP = r
		setCommonHeaders(rec.Header(), info)
		defer func() {
			s.account(ctx, st, info, rec, s.config.Now().Sub(start))
			s.auditRequest(st, info, rec)
		}()
		defer func() { s.recovered(rec, r, recover()) }()

		origin, client, err := s.resolver.Resolve(r)
		info.Origin, info.Client, info.Hidden = origin, client, s.resolver.Hides(r)
		if info.Hidden {
			s.warnHidden(ctx, client)
		}
		if err != nil {
			s.fail(rec, r, fault.InvalidField("header", "Host", "%s", strings.TrimPrefix(err.Error(), "the Host header ")))
			return
		}
		if headerSize(r) > s.config.MaxHeader {
			s.fail(rec, r, fault.New(http.StatusRequestHeaderFieldsTooLarge, "header-too-large",
				"the header is larger than the limit of %d bytes", s.config.MaxHeader))
			return
		}
		if s.config.RequireTLS && !info.Source().IsLoopback() && !s.resolver.Secure(r) {
			s.fail(rec, r, fault.New(http.StatusBadRequest, "tls-required", "this server answers over HTTPS only"))
			return
		}
		next.ServeHTTP(rec, r)
	})
}

// warnHidden says once why a proxy does not count.
func (s *Stack) warnHidden(ctx context.Context, proxy netip.Addr) {
	if s.resolver.Trusts(proxy) {
		s.differ.Do(func() {
			slog.WarnContext(ctx, "Forwarded and X-Forwarded-For name different clients, and neither counts; --proxy-header says which one the proxy writes", "proxy", proxy)
		})
		return
	}
	s.untrusted.Do(func() {
		slog.WarnContext(ctx, "a proxy on this machine is not trusted: its requests count as strangers' and share their limits; --trusted-proxies names it", "proxy", proxy)
	})
}

func setCommonHeaders(h http.Header, info *call.Info) {
	h.Set("X-Request-Id", info.ID)
	h.Set("X-Openstack-Request-Id", info.ID)
	if path := cleanPath(info.Path); under(path, "/api/v1.0") || path == "/versions" {
		setDrydockID(h, info) // on what is not found there, too
	}
	h.Set("OpenStack-API-Version", serviceType+" 1.0")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept")
	h.Add("Vary", "OpenStack-API-Version")
}

// setDrydockID tells the id of a request where Drydock's clients look for it, as
// a bare UUID.
func setDrydockID(h http.Header, info *call.Info) {
	h.Set("X-Drydock-Req", strings.TrimPrefix(info.ID, requestPrefix))
}

// recovered turns a panic into a 500 with nothing inside leaking. An answer
// that has begun is broken off, so that nobody takes it for a whole one.
func (s *Stack) recovered(rec *recorder, r *http.Request, cause any) {
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	slog.ErrorContext(r.Context(), "panic", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	if rec.status != 0 {
		panic(http.ErrAbortHandler)
	}
	s.fail(rec, r, fmt.Errorf("panic: %v", cause))
}

// recorder remembers status and size of the answer for the log.
type recorder struct {
	http.ResponseWriter
	pace   *pace
	state  *state
	status int
	bytes  int64
}

// begin comes before the header is sent.
func (r *recorder) begin(status int) {
	if r.status != 0 || status < 200 {
		return
	}
	r.status = status
	h := r.Header()
	if r.state.private {
		sayPrivate(h)
	}
	if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) && h.Get("Content-Encoding") != "" {
		h.Set("ETag", "W/"+tag) // a strong one is for the bytes as they are, whose parts a client may ask for
	}
}

func (r *recorder) WriteHeader(status int) {
	r.begin(status)
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.begin(http.StatusOK)
	r.pace.beforeWrite()
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// FlushError sends what was written.
func (r *recorder) FlushError() error {
	r.begin(http.StatusOK)
	r.pace.beforeWrite()
	return http.NewResponseController(r.ResponseWriter).Flush()
}

// Flush is FlushError for the compressor, which looks for it here and would keep
// event streams back without it.
func (r *recorder) Flush() { _ = r.FlushError() } // where it is not supported there is none

// Unwrap lets http.ResponseController reach the real writer.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// compress answers in gzip whenever the client asks, whatever the size, but for
// archives, event streams and parts of files (gzhttp leaves those with a
// Content-Range alone).
func compress(next http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(
		gzhttp.MinSize(1),
		gzhttp.KeepAcceptRanges(),
		gzhttp.EnableZstd(false),
		gzhttp.ContentTypeFilter(compressible),
	)
	if err != nil {
		return nil, err
	}
	return wrap(next), nil
}

func compressible(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	switch strings.TrimSpace(media) {
	case "application/gzip", "application/x-tar", "text/event-stream":
		return false
	}
	return true
}

// decompress undoes the Content-Encoding of a request body on the way. Limits
// count what comes out.
func (s *Stack) decompress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		codings := r.Header.Values("Content-Encoding")
		if len(codings) == 0 || r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		ctx, sent := r.Context(), r.Body
		if r.Header.Get("X-Signature") != "" { // RefStack's, which may be over either bytes
			sum := sha256.New()
			ctx, sent = upload.WithSentSum(ctx, sum), summed{io.TeeReader(r.Body, sum), r.Body}
		}
		counted := &counted{ReadCloser: sent}
		coding := strings.ToLower(strings.TrimSpace(strings.Join(codings, ",")))
		if coding != "identity" && coding != "" {
			ctx = upload.WithSentBytes(ctx, counted.bytes.Load)
		}
		body, err := decoder(counted, coding)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		defer body.Close()
		r2 := r.WithContext(ctx)
		r2.Header = r.Header.Clone()
		r2.Header.Del("Content-Encoding")
		r2.Header.Del("Content-Length")
		r2.Body, r2.ContentLength = body, -1
		next.ServeHTTP(w, r2)
	})
}

// counted is a body whose bytes are counted on the way.
type counted struct {
	io.ReadCloser
	bytes atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

// summed is a body whose bytes are summed on the way.
type summed struct {
	io.Reader
	io.Closer
}

// zstdWindow bounds the memory that a stranger's zstd body can ask for.
const zstdWindow = 8 << 20

func decoder(body io.ReadCloser, coding string) (io.ReadCloser, error) {
	switch coding {
	case "identity", "":
		return body, nil
	case "gzip", "x-gzip":
		return &gunzip{body: body}, nil
	case "zstd":
		d, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, fault.Unsupported("the server does not read this Content-Encoding; it reads gzip and zstd")
}

// gunzip opens the gzip stream at the first read, so that a body that nobody
// reads costs nothing and a bad one is the reader's error.
type gunzip struct {
	body io.ReadCloser
	zr   *gzip.Reader
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.zr == nil {
		zr, err := gzip.NewReader(g.body)
		if err == io.EOF {
			return 0, fault.Invalid("the body is not gzip, although its Content-Encoding says so")
		}
		if err != nil {
			return 0, badGzip(err)
		}
		g.zr = zr
	}
	n, err := g.zr.Read(p)
	if err != nil && err != io.EOF {
		err = badGzip(err)
	}
	return n, err
}

func (g *gunzip) Close() error { return g.body.Close() }

func badGzip(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return fault.Invalid("the body is not complete gzip, although its Content-Encoding says so").Because(err)
}
