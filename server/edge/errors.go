package edge

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/slipway-lab/slipway/openapi"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/bodycheck"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
)

// echoError is the end of every request that failed behind the router.
func (s *Stack) echoError(err error, c echo.Context) {
	if errors.Is(err, echo.ErrMethodNotAllowed) {
		c.Response().Header().Set(echo.HeaderAllow, s.router.allowed(c.Path()))
	}
	if c.Response().Committed {
		// Too late for another status. The client must not take half an answer for a whole one.
		slog.ErrorContext(c.Request().Context(), "answer broken off", "error", err)
		panic(http.ErrAbortHandler)
	}
	s.fail(c.Response(), c.Request(), err)
}

// fail renders any error as the one Problem object and logs what a client must
// not see.
func (s *Stack) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := faultOf(err)
	info := call.From(r.Context())
	op := operationOf(r.Context())
	if op == nil && s.router != nil {
		op = s.router.near(r)
		if path, _ := versionedPath(cleanPath(r.URL.EscapedPath())); op != nil && path == op.path && !op.deprecated.IsZero() {
			setDeprecated(w.Header(), info, op.deprecated) // refused before it was routed
		}
	}
	if op != nil {
		f = asNamed(stateOf(r.Context()), inDialect(op.dialect, lostFor(op, fullFor(op, f))))
	}
	if f.Status == http.StatusUnauthorized && len(f.Header.Values("WWW-Authenticate")) == 0 {
		f = s.challenge(f, "")
	}
	logFault(r.Context(), f)
	if st := stateOf(r.Context()); st != nil && op != nil && op.dialect == kernelci && isRefusal(f.Status) {
		// The scripts of KernelCI's labs print OK whatever they are answered: the
		// log is where somebody may find out that nothing was stored.
		st.reason = auth.Redact(f.Error())
	}

	for name, values := range f.Header {
		for _, v := range values {
			w.Header().Add(name, v)
		}
	}
	body, err := json.Marshal(problemOf(f, info))
	if err != nil { // cannot happen: a Problem is text and numbers
		panic(err)
	}
	w.Header().Set("Content-Type", problemType(op))
	if isBrowser(info) {
		body = forBrowser(w.Header(), problemOf(f, info), info.Origin.Prefix)
	}
	w.Header().Del("Content-Disposition")
	w.Header().Del("ETag")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(f.Status)
	_, _ = w.Write(append(body, '\n')) // the client may have gone
}

// isRefusal reports whether a status says that a request was understood and yet
// nothing came of it. A path that does not exist may hold the text of a token.
func isRefusal(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusConflict, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusTooManyRequests:
		return true
	}
	return false
}

// faultOf gives Echo's own errors their place; everything else is fault.From's.
func faultOf(err error) *fault.Fault {
	var he *echo.HTTPError
	if !errors.As(err, &he) {
		return fault.From(err)
	}
	var inner *fault.Fault
	if errors.As(he.Internal, &inner) {
		return inner
	}
	var tooLarge *http.MaxBytesError
	if errors.As(he.Internal, &tooLarge) {
		return fault.From(tooLarge)
	}
	switch he.Code {
	case http.StatusNotFound:
		return fault.New(http.StatusNotFound, "no-such-path", "there is no operation at this path").Because(err)
	case http.StatusMethodNotAllowed:
		return fault.New(http.StatusMethodNotAllowed, "method-not-allowed", "this path does not offer the method; Allow lists those it offers").Because(err)
	case http.StatusUnsupportedMediaType:
		return fault.Unsupported("the operation does not read this Content-Type").Because(err)
	case http.StatusBadRequest:
		return fault.Invalid("the request cannot be read").Because(err)
	}
	return fault.From(errors.New(he.Error()))
}

// inDialect applies the rules by which a system's clients expect certain errors.
func inDialect(d dialect, f *fault.Fault) *fault.Fault {
	if name, ok := missing(f); ok && d == drydock { // drydock_provisioner/control
		g := *f
		g.Detail = "Missing input required value: " + name
		return &g
	}
	if d != kernelci || f.ID != "unauthorized" && f.ID != "forbidden" {
		return f
	}
	// KernelCI's clients know 403 only (app/handlers/base.py), without a challenge.
	g := fault.Forbidden(kernelciRefusal)
	return g.Because(f)
}

// missing names the first member that a body lacks, when that is what is wrong with it.
func missing(f *fault.Fault) (name string, ok bool) {
	if len(f.Errors) == 0 || !f.Errors[0].InBody || f.Errors[0].Message != bodycheck.IsRequired {
		return "", false
	}
	name, ok = strings.CutPrefix(f.Errors[0].Pointer, "/")
	return name, ok && !strings.Contains(name, "/")
}

func problemType(op *operation) string {
	if op != nil && op.dialect == kernelci {
		return "application/json; charset=UTF-8"
	}
	return "application/problem+json"
}

// problem is the document's Problem. Its members stand in the order in which
// clients have always got them.
type problem struct {
	Code       int       `json:"code"`
	Detail     string    `json:"detail"`
	Errors     []mistake `json:"errors"`
	ID         string    `json:"id"`
	Instance   string    `json:"instance"`
	MaxVersion string    `json:"max_version,omitempty"`
	Message    string    `json:"message"`
	MinVersion string    `json:"min_version,omitempty"`
	Reason     string    `json:"reason"`
	RequestID  string    `json:"request_id"`
	Status     int       `json:"status"`
	Title      string    `json:"title"`
	Type       string    `json:"type"`
	URL        *string   `json:"url"`
}

// mistake is the document's ProblemDetail.
type mistake struct {
	In        string  `json:"in,omitempty"`
	Message   string  `json:"message"`
	Parameter string  `json:"parameter,omitempty"`
	Pointer   *string `json:"pointer,omitempty"` // "" is the whole body
}

// problemOf leaves out what looks like a token: many an error repeats a part of
// the request, and a token may stand where a name should.
func problemOf(f *fault.Fault, info *call.Info) problem {
	detail := auth.Redact(f.Detail)
	page := pageOf(f.ID, info.Origin)
	p := problem{
		Type:       page,
		Title:      auth.Redact(cmp.Or(f.Title, http.StatusText(f.Status))),
		Status:     f.Status,
		Detail:     detail,
		Instance:   auth.RedactPath(info.Path),
		Code:       f.Status,
		Reason:     detail,
		Message:    detail,
		ID:         f.ID,
		RequestID:  info.ID,
		Errors:     []mistake{},
		MinVersion: f.MinVersion,
		MaxVersion: f.MaxVersion,
	}
	p.URL = &page
	if f.URL != "" {
		p.URL = &f.URL
	}
	for _, e := range f.Errors {
		p.Errors = append(p.Errors, mistakeOf(e))
	}
	return p
}

// pageOf is the address of the page that explains a kind of problem. Where nobody
// knows yet how the client reached the server, it is the path alone.
func pageOf(id string, o call.Origin) string {
	path := openapi.ProblemPages + id
	if o.Host == "" {
		return path
	}
	return o.URL(path)
}

func mistakeOf(e fault.Entry) mistake {
	m := mistake{In: e.In, Message: auth.Redact(e.Message), Parameter: auth.Redact(e.Parameter)}
	if e.InBody {
		pointer := auth.Redact(e.Pointer)
		m.Pointer = &pointer
	}
	return m
}

// logFault tells the log what went wrong inside. What a client did wrong is in
// the request's own line already.
func logFault(ctx context.Context, f *fault.Fault) {
	if f.Status >= http.StatusInternalServerError && f.Status != http.StatusNotImplemented && !errors.Is(f, context.Canceled) {
		slog.ErrorContext(ctx, "request failed", "status", f.Status, "error", f.Error())
	}
}
