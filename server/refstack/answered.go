package refstack

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/google/uuid"

	refstackapi "github.com/slipway-lab/slipway/gen/refstack"
)

// told is the answer that a result was made. Who got it and sends the same bytes once
// more means another result, as with RefStack; else it is the same upload, sent again by
// somebody who does not know what became of it.
type told struct {
	refstackapi.Response
	note func()
}

// tell makes an answer one that is noted when its caller is still there to read it.
func (h *Handler) tell(request context.Context, id uuid.UUID, answer refstackapi.Response) refstackapi.Response {
	return told{answer, func() {
		if request.Err() != nil {
			return
		}
		if err := h.store.Answer(context.WithoutCancel(request), id); err != nil {
			slog.WarnContext(request, "a result's answer is not noted: the same bytes sent again within ten minutes are not another result", "result", id, "error", err)
		}
	}}
}

// WriteResponse writes the answer, which leaves only when the handler returns: another
// server, too, knows of it before the caller does.
func (t told) WriteResponse(w http.ResponseWriter) error {
	err := t.Response.WriteResponse(w)
	if err == nil {
		t.note()
	}
	return err
}
