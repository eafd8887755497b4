package terminal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/slipway-lab/slipway/gen/client"
)

// Exit codes. A script may rely on them.
const (
	ExitDone        = 0
	ExitFailed      = 1   // what was asked about failed, or the server refused it in its present state
	ExitUsage       = 2   // the call itself is wrong
	ExitRefused     = 3   // the credential is missing, wrong or may not do it
	ExitNotFound    = 4   // there is no such thing
	ExitTrouble     = 5   // server or network, after retries
	ExitInterrupted = 130 // as a shell says of Ctrl-C
)

// coded is an error with an exit code of its own.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string { return c.err.Error() }
func (c coded) Unwrap() error { return c.err }

// Failed says that what was asked about failed.
func Failed(format string, args ...any) error { return coded{ExitFailed, fmt.Errorf(format, args...)} }

// Usage says that the call is wrong.
func Usage(format string, args ...any) error { return coded{ExitUsage, fmt.Errorf(format, args...)} }

// NotFound says that there is no such thing, where the command finds that out.
func NotFound(format string, args ...any) error {
	return coded{ExitNotFound, fmt.Errorf(format, args...)}
}

// Trouble says that the server or the network could not be used.
func Trouble(format string, args ...any) error {
	return coded{ExitTrouble, fmt.Errorf(format, args...)}
}

// said is an error that somebody has been told of already.
type said struct{ error }

func (s said) Unwrap() error { return s.error }

// Said keeps the exit code of an error of which the log tells, so that Complain adds no
// line of another form to it.
func Said(err error) error { return said{err} }

// Code is the exit code of an error. Errors that say nothing of themselves, such
// as that of a file that cannot be read, are failures.
func Code(err error) int {
	var c coded
	var problem *client.Problem
	var address *url.Error
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &c):
		return c.code
	case errors.As(err, &problem):
		return codeOfStatus(int(problem.Status))
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.Is(err, context.DeadlineExceeded), ofNetwork(err), errors.As(err, &address), errors.Is(err, io.ErrUnexpectedEOF):
		return ExitTrouble
	}
	return ExitFailed
}

// ofNetwork tells trouble of the network from that of a file, whose errors of the
// system have the same methods.
func ofNetwork(err error) bool {
	var network net.Error
	if !errors.As(err, &network) {
		return false
	}
	_, system := network.(syscall.Errno)
	return !system
}

func codeOfStatus(status int) int {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ExitRefused
	case status == http.StatusNotFound, status == http.StatusGone:
		return ExitNotFound
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return ExitFailed
	case status >= http.StatusInternalServerError, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return ExitTrouble
	}
	return ExitUsage
}

// Complain writes an error for a person, or as the server's JSON for a program,
// and returns its exit code.
func Complain(w io.Writer, format string, err error) int {
	code := Code(err)
	if errors.As(err, &said{}) {
		return code
	}
	var problem *client.Problem
	isProblem := errors.As(err, &problem)
	if format == JSON {
		document := any(map[string]any{"detail": err.Error(), "exit_code": code})
		if isProblem {
			document = problem
		}
		text, _ := json.Marshal(document) // of plain values
		fmt.Fprintln(w, string(text))
		return code
	}
	fmt.Fprintln(w, Wrap("slipway: "+sentence(err, problem), width(w)))
	if isProblem {
		for _, e := range problem.Errors {
			fmt.Fprintln(w, Wrap("  "+Plain(fieldError(e)), width(w)))
		}
	}
	return code
}

// sentence is the server's own, with the id under which its log tells more. What
// the command says around it stays.
func sentence(err error, problem *client.Problem) string {
	if problem == nil {
		return Plain(err.Error())
	}
	text := problem.Detail
	if text == "" {
		text = problem.Title
	}
	text = fmt.Sprintf("%s (status %d", text, problem.Status)
	if problem.RequestID != "" {
		text += ", request " + problem.RequestID
	}
	return Plain(strings.Replace(err.Error(), problem.Error(), text+")", 1))
}

// fieldError is one of a problem's errors, read by its JSON because its members
// differ by the kind of place.
func fieldError(e any) string {
	text, _ := json.Marshal(e) // of a generated type
	var m map[string]any
	_ = json.Unmarshal(text, &m) // of what was just written
	place := ""
	for _, k := range []string{"pointer", "parameter", "name", "header"} {
		if v, ok := m[k].(string); ok && v != "" {
			place = v + ": "
			break
		}
	}
	message, _ := m["message"].(string)
	return place + message
}
