package refstack

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	refstackapi "github.com/slipway-lab/slipway/gen/refstack"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
)

// answers are the results of which this server has told who uploaded them. Who sends
// the same bytes once more means another result then, as with RefStack; else it is the
// same upload, sent again by somebody who does not know what became of it.
type answers struct {
	mu           sync.Mutex
	since        time.Time
	some, before map[uuid.UUID]bool // those since then, and those from before
}

// mostAnswers bounds the memory of each half.
const mostAnswers = 100_000

func (a *answers) add(id uuid.UUID, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.some == nil || at.Sub(a.since) >= refstackstore.RetryTime || len(a.some) >= mostAnswers {
		a.since, a.some, a.before = at, map[uuid.UUID]bool{}, a.some
	}
	a.some[id] = true
}

func (a *answers) has(id uuid.UUID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.some[id] || a.before[id]
}

// told is the answer that a result was made.
type told struct {
	refstackapi.Response
	written func()
}

// tell makes an answer one that is remembered when it could be written to a caller who is
// still there.
func (h *Handler) tell(request context.Context, id uuid.UUID, answer refstackapi.Response) refstackapi.Response {
	return told{answer, func() {
		if request.Err() == nil {
			h.known.add(id, h.config.Now())
		}
	}}
}

// WriteResponse writes the answer.
func (t told) WriteResponse(w http.ResponseWriter) error {
	err := t.Response.WriteResponse(w)
	if err == nil {
		t.written()
	}
	return err
}
