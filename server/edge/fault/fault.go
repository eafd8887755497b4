// Package fault holds the errors that a client may see, and is the only place
// where an error gets its HTTP status.
//
// Low layers say what happened (store.ErrNotFound, a parser's own error), areas
// say what that means to a caller by making a Fault, and From turns whatever is
// left into one. How a Fault looks on the wire is decided in server/edge/errors.go.
// An error that nobody gave a meaning is a 500 whose cause goes to the log and
// never to the client.
package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/store/storeerr"
)

// Fault is an error that a client may see.
type Fault struct {
	Status int    // the HTTP status
	ID     string // a stable word for the kind of problem, such as resource-not-found
	Detail string // what was wrong and what is allowed, a sentence without a full stop

	// URL leads to an explanation, or to what took the place of what was asked
	// for; empty when there is nothing.
	URL string

	// Title takes the place of the status in words where a system's clients
	// look for the sentence there.
	Title string

	// Errors has one entry for each thing that was wrong; none when Detail says it all.
	Errors []Entry

	// MinVersion and MaxVersion are the microversions that there are, when the
	// request asked for another one.
	MinVersion, MaxVersion string

	// Header is set on the answer as well, such as Retry-After.
	Header http.Header

	cause error // for the log only
}

// Entry is one thing that was wrong with a request.
type Entry struct {
	Pointer   string // where in the body, RFC 6901; empty when the place is no body
	InBody    bool   // Pointer counts, even when it is empty (the whole body)
	Parameter string // the name of the parameter or form field
	In        string // path, query, header, body or form
	Message   string // what was wrong and what is allowed
}

// Error says what happened, the cause included. It is for the log.
func (f *Fault) Error() string {
	if f.cause == nil {
		return f.Detail
	}
	return f.Detail + ": " + f.cause.Error()
}

// Unwrap returns the cause, which a client never sees.
func (f *Fault) Unwrap() error { return f.cause }

// Because returns a copy of f that carries the cause for the log.
func (f *Fault) Because(cause error) *Fault {
	g := *f
	g.cause = cause
	return &g
}

// With returns a copy of f whose answer has the header as well.
func (f *Fault) With(name, value string) *Fault {
	g := *f
	g.Header = f.Header.Clone()
	if g.Header == nil {
		g.Header = http.Header{}
	}
	g.Header.Add(name, value)
	return &g
}

// New returns a Fault for a kind of problem that has no function of its own.
func New(status int, id, format string, args ...any) *Fault {
	return &Fault{Status: status, ID: id, Detail: fmt.Sprintf(format, args...)}
}

// Invalid is a 400 for a request that breaks a rule.
func Invalid(format string, args ...any) *Fault {
	return New(http.StatusBadRequest, "invalid-request", format, args...)
}

// InvalidField is a 400 that names the parameter or field that is wrong. In is
// path, query, header, body or form; the message says what is allowed.
func InvalidField(in, name, format string, args ...any) *Fault {
	message := fmt.Sprintf(format, args...)
	f := Invalid("%s %s", name, message)
	f.Errors = []Entry{{Parameter: name, In: in, Message: message}}
	return f
}

// InvalidBody is a 400 that names the place in a JSON body.
func InvalidBody(pointer, format string, args ...any) *Fault {
	message := fmt.Sprintf(format, args...)
	f := Invalid("%s %s", placeOf(pointer), message)
	f.Errors = []Entry{{Pointer: pointer, InBody: true, In: "body", Message: message}}
	return f
}

func placeOf(pointer string) string {
	if pointer == "" {
		return "the body"
	}
	return strings.TrimPrefix(pointer, "/")
}

// Unauthorized is a 401: no credential, or none that counts.
func Unauthorized(format string, args ...any) *Fault {
	return New(http.StatusUnauthorized, "unauthorized", format, args...)
}

// Forbidden is a 403: a good credential that does not allow this.
func Forbidden(format string, args ...any) *Fault {
	return New(http.StatusForbidden, "forbidden", format, args...)
}

// NotFound is a 404.
func NotFound(format string, args ...any) *Fault {
	return New(http.StatusNotFound, "resource-not-found", format, args...)
}

// Conflict is a 409: the request contradicts what is stored.
func Conflict(format string, args ...any) *Fault {
	return New(http.StatusConflict, "conflict", format, args...)
}

// KeyUsed is the 409 of an Idempotency-Key that was used for something else, and says
// when it is free again.
func KeyUsed(until time.Time) *Fault {
	return Conflict("the Idempotency-Key was used for another request to this path and is free again at %s", until.UTC().Truncate(time.Second).Format(time.RFC3339))
}

// Expired is a 410: it was there, and retention has removed it.
func Expired(format string, args ...any) *Fault {
	return New(http.StatusGone, "expired", format, args...)
}

// TooLarge is a 413.
func TooLarge(format string, args ...any) *Fault {
	return New(http.StatusRequestEntityTooLarge, "too-large", format, args...)
}

// Unsupported is a 415: a media type or content encoding that is not read here.
func Unsupported(format string, args ...any) *Fault {
	return New(http.StatusUnsupportedMediaType, "unsupported-media-type", format, args...)
}

// Unprocessable is a 422: what the request holds cannot be taken.
func Unprocessable(format string, args ...any) *Fault {
	return New(http.StatusUnprocessableEntity, "unprocessable-content", format, args...)
}

// TooManyRequests is a 429 that says after how many seconds to try again.
func TooManyRequests(seconds int, format string, args ...any) *Fault {
	return New(http.StatusTooManyRequests, "too-many-requests", format, args...).
		With("Retry-After", fmt.Sprint(seconds))
}

// NotImplemented is a 501: the original system has it, this server does not.
func NotImplemented(format string, args ...any) *Fault {
	return New(http.StatusNotImplemented, "not-implemented", format, args...)
}

// Unavailable is a 503: something that the server needs cannot be reached, and
// nothing was changed.
func Unavailable(format string, args ...any) *Fault {
	return New(http.StatusServiceUnavailable, "temporarily-unavailable", format, args...).
		With("Retry-After", "5")
}

// OutcomeUnknown is a 503 for a change that was made or was not: the connection to
// the database broke while it was being committed.
func OutcomeUnknown() *Fault {
	return New(http.StatusServiceUnavailable, "outcome-unknown", "the connection to the database broke while the change was being stored: "+
		"it was made, or it was not; look before you send it again, or send it again with the same Idempotency-Key where the operation takes one").
		With("Retry-After", "5")
}

// Full is a 507: there is no room to store something new. Nothing was changed.
func Full(seconds int, format string, args ...any) *Fault {
	return New(http.StatusInsufficientStorage, "insufficient-storage", format, args...).
		With("Retry-After", fmt.Sprint(seconds))
}

// From gives any error its status. It returns nil for nil.
func From(err error) *Fault {
	var f *Fault
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return f
	case errors.As(err, &tooLarge):
		return TooLarge("the body is larger than the limit of %d bytes", tooLarge.Limit)
	case errors.Is(err, storeerr.ErrContentLost):
		return New(http.StatusGone, "content-lost", "the bytes are gone, cut or not what they were; posting the same file again brings them back").Because(err)
	case errors.Is(err, storeerr.ErrExpired):
		return Expired("what was asked for has expired; its counts stay").Because(err)
	case errors.Is(err, storeerr.ErrNotFound):
		return NotFound("this does not exist").Because(err)
	case errors.Is(err, storeerr.ErrOfNoTenant):
		return New(http.StatusForbidden, "belongs-to-no-tenant", "this belongs to no tenant: a tenant's token may read it, only a token of no tenant may change it").Because(err)
	case errors.Is(err, storeerr.ErrConflict):
		return Conflict("the request contradicts what is stored").Because(err)
	case errors.Is(err, storeerr.ErrOutcomeUnknown):
		return OutcomeUnknown().Because(err)
	case errors.Is(err, storeerr.ErrFull):
		return Full(60, "the server has no space left to store this; nothing was changed").Because(err)
	case errors.Is(err, storeerr.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return Unavailable("the store cannot be reached; nothing was changed").Because(err)
	case errors.Is(err, context.Canceled):
		// Nobody reads this answer: the client has gone.
		return Unavailable("the request was cancelled").Because(err)
	}
	return (&Fault{
		Status: http.StatusInternalServerError,
		ID:     "internal-error",
		Detail: "an error in the server; its log has details under the request id",
	}).Because(err)
}

// Body says why reading the body of a request failed: an error of the client that
// has a status already, such as a body that is too large or badly compressed,
// stays what it is, and so does a request that was given up. Anything else is a
// body that broke off before its end.
func Body(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if f := From(err); f.Status < http.StatusInternalServerError {
		return f
	}
	return Invalid("the body ended too early, or is not encoded as its headers say").Because(err)
}

// Cursor makes store.ErrBadCursor a 400 that names the parameter in which the
// cursor came. Other errors pass unchanged.
func Cursor(err error) error {
	if errors.Is(err, storeerr.ErrBadCursor) {
		return InvalidField("query", "after", "must be a cursor from an earlier page of this list").Because(err)
	}
	return err
}
