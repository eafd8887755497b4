package download

import (
	"context"
	"net/http"

	"github.com/slipway-lab/slipway/server/edge/call"
)

// Answer is a file as the answer to a request.
type Answer struct {
	file File
	info *call.Info
}

// Respond answers the request of ctx with the file.
func Respond(ctx context.Context, file File) *Answer { return &Answer{file, call.From(ctx)} }

// WriteResponse sends the file, and closes it.
func (a *Answer) WriteResponse(w http.ResponseWriter) error { return a.file.Send(w, a.info) }
