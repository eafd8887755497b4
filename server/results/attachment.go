package results

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	file.Content, file.Close = newSpanReader(blob, a.Spans), blob.Close
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

// spanReader reads pieces of a blob as one file.
type spanReader struct {
	from  io.ReaderAt
	spans []store.Span
	size  int64
	at    int64

	span  int   // the piece that holds at
	begin int64 // where that piece begins in the whole
}

func newSpanReader(from io.ReaderAt, spans []store.Span) *spanReader {
	r := &spanReader{from: from, spans: spans}
	for _, s := range spans {
		r.size += s.Length
	}
	return r
}

// Read reads at most to the end of a piece.
func (r *spanReader) Read(p []byte) (int, error) {
	for r.span < len(r.spans) && r.at >= r.begin+r.spans[r.span].Length {
		r.begin += r.spans[r.span].Length
		r.span++
	}
	if r.span == len(r.spans) {
		return 0, io.EOF
	}
	s := r.spans[r.span]
	skip := r.at - r.begin
	n, err := r.from.ReadAt(p[:min(int64(len(p)), s.Length-skip)], s.Offset+skip)
	r.at += int64(n)
	if n > 0 {
		err = nil
	} else if err == io.EOF {
		err = io.ErrUnexpectedEOF // the blob is shorter than its spans say
	}
	return n, err
}

// Seek moves within the whole.
func (r *spanReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	r.at, r.span, r.begin = offset, 0, 0
	return offset, nil
}
