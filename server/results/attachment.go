package results

import (
	"context"
	"fmt"

	resultsapi "github.com/slipway-lab/slipway/gen/results"
	"github.com/slipway-lab/slipway/server/edge/download"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// GetRaw sends an upload as it came, under the name of RefStack's own download.
func (h *Handler) GetRaw(ctx context.Context, req resultsapi.GetRawRequestObject) (resultsapi.Response, error) {
	return h.raw(ctx, req.TestID, req.ResultID)
}

// DownloadResult sends the current upload of a run, at the path of RefStack's
// server of 2014.
func (h *Handler) DownloadResult(ctx context.Context, req resultsapi.DownloadResultRequestObject) (resultsapi.Response, error) {
	return h.raw(ctx, req.TestID, "current")
}

func (h *Handler) raw(ctx context.Context, testID int64, resultID string) (resultsapi.Response, error) {
	r, err := h.result(ctx, testID, resultID)
	if err != nil {
		return nil, err
	}
	if err := r.Need(resultstore.RawExpired); err != nil {
		return nil, err
	}
	parts, err := h.store.ResultParts(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(parts) > 1 {
		return download.TarOf(ctx, h.blobs, fmt.Sprintf("result_%d.tar", r.RunID), r.CreatedAt, parts), nil
	}
	blob, err := h.blobs.Open(ctx, r.SHA256)
	if err != nil {
		return nil, fmt.Errorf("upload of result %s: %w", r.ID, download.Lost(err))
	}
	return download.Respond(ctx, download.File{
		Name:     fmt.Sprintf("subunit_%d.txt", r.RunID),
		Tag:      r.SHA256,
		SHA256:   r.SHA256,
		Modified: r.CreatedAt,
		Size:     r.Bytes,
		Content:  blob,
		Close:    blob.Close,
	}), nil
}

// GetAttachment sends a file that a runner attached to a test.
func (h *Handler) GetAttachment(ctx context.Context, req resultsapi.GetAttachmentRequestObject) (resultsapi.Response, error) {
	r, t, err := h.test(ctx, req.TestID, req.ResultID, req.N)
	if err != nil {
		return nil, err
	}
	file, err := download.Attachment(ctx, h.store, r, t.N, t.AllAttachments(), int(req.K))
	return download.Respond(ctx, file), err
}
