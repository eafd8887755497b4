// Package client calls a Slipway server. client.gen.go is generated from the
// document, with types of its own, so that importing it pulls in neither Echo nor
// kin-openapi; the other files say what a generator cannot.
package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// maxProblem bounds how much of an error's body is read.
const maxProblem = 1 << 20

// Error makes a Problem an error: the status and the sentence that says what was
// wrong, with the request id under which the server's log tells more.
func (p *Problem) Error() string {
	text := fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail)
	if p.RequestID != "" {
		text += " (" + p.RequestID + ")"
	}
	return text
}

// Is reports whether target is the same kind of problem: a *Problem whose Status,
// and whose ID unless it is empty, are equal. So errors.Is(err, ErrNotFound) asks
// for a status.
func (p *Problem) Is(target error) bool {
	t, ok := target.(*Problem)
	return ok && t.Status == p.Status && (t.ID == "" || t.ID == p.ID)
}

// Kinds of problems, for errors.Is.
var (
	ErrUnauthorized = &Problem{Status: http.StatusUnauthorized, Title: "Unauthorized"}
	ErrForbidden    = &Problem{Status: http.StatusForbidden, Title: "Forbidden"}
	ErrNotFound     = &Problem{Status: http.StatusNotFound, Title: "Not Found"}
	ErrConflict     = &Problem{Status: http.StatusConflict, Title: "Conflict"}
)

// WithProblems makes every answer of status 400 and above an error, a *Problem,
// of whatever method was called. Without it such an answer is one without a body
// that has a type. Options that set the HTTP client come before it.
func WithProblems() ClientOption {
	return func(c *Client) error {
		inner := c.Client
		if inner == nil {
			inner = &http.Client{}
		}
		c.Client = problemDoer{inner}
		return nil
	}
}

type problemDoer struct{ inner HttpRequestDoer }

// Do sends the request, and returns an answer or an error, never both.
func (d problemDoer) Do(r *http.Request) (*http.Response, error) {
	answer, err := d.inner.Do(r)
	if err != nil || answer.StatusCode < http.StatusMultipleChoices {
		return answer, err
	}
	if answer.StatusCode < http.StatusBadRequest {
		if to := answer.Header.Get("Location"); to != "" && !reads(r.Method) { // its body could not be sent again
			answer.Body.Close()
			return nil, moved(r, to)
		}
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, ProblemOf(answer)
}

// ProblemOf reads the Problem of an answer of status 400 and above. What is none,
// because it comes from a proxy or broke off, becomes one whose Detail is the
// beginning of the body. It does not close the body.
func ProblemOf(answer *http.Response) *Problem {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxProblem)) // what there is is better than nothing
	var p Problem
	if err := json.Unmarshal(text, &p); err == nil && p.Status == int32(answer.StatusCode) && p.Detail != "" {
		return &p
	}
	const shown = 200
	text = bytes.TrimSpace(text)
	return &Problem{
		Type: "about:blank", Status: int32(answer.StatusCode), Code: int32(answer.StatusCode), Title: http.StatusText(answer.StatusCode),
		Detail: string(bytes.ToValidUTF8(text[:min(len(text), shown)], nil)), RequestID: answer.Header.Get("X-Request-Id"),
	}
}
