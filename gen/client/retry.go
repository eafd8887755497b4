package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Retry says when a call is sent again: after 429, 502, 503 and 504, and when the
// connection broke, if sending it twice does no harm. That is a call that reads, replaces or
// deletes, or one with an Idempotency-Key, whose body can be sent again.
type Retry struct {
	// Attempts is how often a call is sent in all; 0 and 1 mean once.
	Attempts int

	// Pause is the first pause; it doubles each time, and a random part of it
	// keeps clients apart. The server's Retry-After is heard if it is longer.
	Pause time.Duration

	// MaxPause bounds each pause. A server that asks for a longer one is not
	// called again: its answer is returned.
	MaxPause time.Duration
}

// DefaultRetry gives a server that restarts about half a minute.
var DefaultRetry = Retry{Attempts: 6, Pause: 500 * time.Millisecond, MaxPause: 30 * time.Second}

// retrying sends requests as a Retry says.
type retrying struct {
	inner HttpRequestDoer
	Retry
}

// Do sends the request until it is answered or its attempts are used up.
func (d retrying) Do(r *http.Request) (*http.Response, error) {
	if !repeatable(r) {
		return d.inner.Do(r)
	}
	for attempt := 1; ; attempt++ {
		answer, err := d.inner.Do(r)
		pause, again := d.pause(r, answer, err, attempt)
		if !again {
			return answer, err
		}
		if answer != nil {
			_, _ = io.CopyN(io.Discard, answer.Body, maxProblem) // so that the connection is used again
			_ = answer.Body.Close()
		}
		if err := Wait(r.Context(), pause); err != nil {
			return nil, err
		}
		if r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// repeatable reports whether a request may be sent twice.
func repeatable(r *http.Request) bool {
	if r.Body != nil && r.Body != http.NoBody && r.GetBody == nil {
		return false
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return r.Header.Get("Idempotency-Key") != "" || r.Context().Value(harmless{}) != nil
}

type harmless struct{}

// repeatably marks the calls of a context as harmless when they are sent twice.
func repeatably(ctx context.Context) context.Context {
	return context.WithValue(ctx, harmless{}, true)
}

// pause says how long to wait before the next attempt, and false when there is
// none.
func (d retrying) pause(r *http.Request, answer *http.Response, err error, attempt int) (time.Duration, bool) {
	if attempt >= d.Attempts || r.Context().Err() != nil {
		return 0, false
	}
	if err != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return 0, false
	}
	var certificate *tls.CertificateVerificationError // which is as bad the next time
	if errors.Is(err, ErrMoved) || errors.As(err, &certificate) || err == nil && !passing(answer.StatusCode) {
		return 0, false
	}
	pause := d.Pause << min(attempt-1, 20)
	if pause <= 0 || pause > d.MaxPause {
		pause = d.MaxPause
	}
	pause = pause/2 + rand.N(pause/2+1)
	if asked := retryAfter(answer); asked > pause {
		pause = asked
	}
	return pause, pause <= d.MaxPause
}

// passing tells whether a status may be another one soon: the server is busy, or is
// started again behind a proxy.
func passing(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryAfter reads the header of that name, seconds or a date; 0 without one.
func retryAfter(answer *http.Response) time.Duration {
	if answer == nil {
		return 0
	}
	text := answer.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// Wait pauses for d, and returns the context's error when that ends first.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
