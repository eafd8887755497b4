package results

import (
	"context"
	"fmt"
	"net/http"

	"github.com/slipway-lab/slipway/gen/api"
	"github.com/slipway-lab/slipway/server/call"
	"github.com/slipway-lab/slipway/server/download"
)

// GetRaw sends an upload as it came, under the name of RefStack's own download.
func (h *Handler) GetRaw(ctx context.Context, req api.GetRawRequestObject) (api.GetRawResponseObject, error) {
	return h.raw(ctx, req.TestID, req.ResultID)
}

// DownloadResult sends the current upload of a run, at the path of RefStack's
// server of 2014.
func (h *Handler) DownloadResult(ctx context.Context, req api.DownloadResultRequestObject) (api.DownloadResultResponseObject, error) {
	return h.raw(ctx, req.TestID, "current")
}

func (h *Handler) raw(ctx context.Context, testID int64, resultID string) (sent, error) {
	r, err := h.result(ctx, testID, resultID)
	if err != nil {
		return sent{}, err
	}
	blob, err := h.blobs.Open(ctx, r.SHA256)
	if err != nil {
		return sent{}, fmt.Errorf("upload of result %s: %w", r.ID, download.Lost(err))
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
	file, err := download.Attachment(ctx, h.store, r, t, int(req.K))
	return sent{call.From(ctx), file}, err
}

// sent is a download as an answer.
type sent struct {
	info *call.Info
	file download.File
}

// VisitGetRawResponse sends the file.
func (s sent) VisitGetRawResponse(w http.ResponseWriter) error { return s.file.Send(w, s.info) }

// VisitDownloadResultResponse sends the file.
func (s sent) VisitDownloadResultResponse(w http.ResponseWriter) error { return s.file.Send(w, s.info) }

// VisitGetAttachmentResponse sends the file.
func (s sent) VisitGetAttachmentResponse(w http.ResponseWriter) error { return s.file.Send(w, s.info) }
