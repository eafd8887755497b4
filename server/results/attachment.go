package results

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/slipway-lab/slipway/gen/api"
	"github.com/slipway-lab/slipway/server/call"
	"github.com/slipway-lab/slipway/server/download"
	"github.com/slipway-lab/slipway/server/fault"
	"github.com/slipway-lab/slipway/store"
)

// GetRaw sends an upload as it came, under the name of RefStack's own download.
func (h *Handler) GetRaw(ctx context.Context, req api.GetRawRequestObject) (api.GetRawResponseObject, error) {
	r, err := h.result(ctx, req.TestID, req.ResultID)
	if err != nil {
		return nil, err
	}
	blob, err := h.blobs.Open(ctx, r.SHA256)
	if err != nil {
		return nil, fmt.Errorf("upload of result %s: %w", r.ID, lost(err))
	}
	return sent{call.From(ctx), download.File{
		Name:     fmt.Sprintf("subunit_%d.txt", r.RunID),
		Tag:      r.SHA256,
		Modified: r.CreatedAt,
		Size:     r.Bytes,
		Content:  blob,
		Close:    blob.Close,
	}}, nil
}

// GetAttachment sends a file that a runner attached to a test.
func (h *Handler) GetAttachment(ctx context.Context, req api.GetAttachmentRequestObject) (api.GetAttachmentResponseObject, error) {
	r, t, err := h.test(ctx, req.TestID, req.ResultID, req.N)
	if err != nil {
		return nil, err
	}
	if int(req.K) >= len(t.Attachments) {
		return nil, fault.NotFound("test %d has no attachment %d", req.N, req.K)
	}
	a := &t.Attachments[req.K]
	file := download.File{
		Name:     a.Name,
		Tag:      fmt.Sprintf("%s-%d-%d", r.SHA256, req.N, req.K),
		Modified: r.CreatedAt,
		Size:     a.Kept(),
	}
	if a.Inline != nil {
		file.Content = bytes.NewReader(a.Inline)
		return sent{call.From(ctx), file}, nil
	}
	blob, err := h.blobs.Open(ctx, r.ContentSHA256)
	if err != nil {
		return nil, fmt.Errorf("content of result %s: %w", r.ID, lost(err))
	}
	file.Content, file.Close = download.Spans(blob, a.Spans), blob.Close
	return sent{call.From(ctx), file}, nil
}

// lost keeps a blob that a row names and that is gone from looking like a 404:
// it is the server's loss.
func lost(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errors.New("the blob is lost")
	}
	return err
}

// sent is a download as an answer.
type sent struct {
	info *call.Info
	file download.File
}

// VisitGetRawResponse sends the file.
func (s sent) VisitGetRawResponse(w http.ResponseWriter) error { return s.file.Send(w, s.info) }

// VisitGetAttachmentResponse sends the file.
func (s sent) VisitGetAttachmentResponse(w http.ResponseWriter) error { return s.file.Send(w, s.info) }
