package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/oapi-codegen/nullable"

	resultsapi "github.com/slipway-lab/slipway/gen/results"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/download"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake/formats"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// ListFormats answers which formats uploads may have.
func (h *Handler) ListFormats(context.Context, resultsapi.ListFormatsRequestObject) (resultsapi.Response, error) {
	var body resultsapi.FormatList
	for _, r := range formats.All() {
		i := r.Info()
		body.Formats = append(body.Formats, resultsapi.ResultFormat{
			Name: string(i.Format), Title: i.Title, Recognised: i.Recognised, Naming: i.Naming, Example: i.Example,
		})
	}
	return call.OK(body), nil
}

// wholeResult is a result with its files.
func (h *Handler) wholeResult(ctx context.Context, r *resultstore.Result, current bool) (resultsapi.RunResult, error) {
	body, err := resultToAPI(r, current)
	if err != nil {
		return body, err
	}
	files, err := h.store.ResultFiles(ctx, r)
	if err != nil {
		return body, err
	}
	for i := range files {
		f, err := fileToAPI(&files[i])
		if err != nil {
			return body, fmt.Errorf("file %d of result %s: %w", files[i].N, r.ID, err)
		}
		body.Files = append(body.Files, f)
	}
	return body, nil
}

func fileToAPI(f *resultstore.ResultFile) (resultsapi.RunFile, error) {
	var counts resultstore.Counts
	out := resultsapi.RunFile{
		N: int32(f.N), Name: f.Name, Posted: f.PartName, Format: f.Format, Writer: textOrNull(f.Writer), Bytes: f.Bytes,
		Tests: f.Tests, Outcome: resultsapi.Outcome(f.Outcome), Damage: []resultsapi.Damage{}, DamageCount: f.DamageCount, Warnings: []string{},
	}
	if err := json.Unmarshal(f.Counts, &counts); err != nil {
		return out, err
	}
	out.Counts = countsToAPI(counts)
	return out, errors.Join(decode(f.Damage, &out.Damage), decode(f.Warnings, &out.Warnings))
}

func textOrNull(text string) nullable.Nullable[string] {
	if text == "" {
		return nullable.NewNullNullable[string]()
	}
	return nullable.NewNullableWithValue(text)
}

// GetRunFile sends a file of a result: as it was posted, or a member of an archive
// unpacked.
func (h *Handler) GetRunFile(ctx context.Context, req resultsapi.GetRunFileRequestObject) (resultsapi.Response, error) {
	r, err := h.result(ctx, req.TestID, req.ResultID)
	if err != nil {
		return nil, err
	}
	f, err := h.store.ResultFile(ctx, r, int64(req.N))
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound("the result has no file %d", req.N).Because(err)
	}
	if err != nil {
		return nil, err
	}
	if err := r.Need(resultstore.RawExpired); err != nil {
		return nil, err
	}
	name, offset, size := f.ContentSHA256, f.ContentOffset, f.Bytes
	if !f.IsMember() {
		name, offset, size = f.SHA256, 0, f.PartBytes
	}
	blob, err := h.blobs.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("file %d of result %s: %w", f.N, r.ID, download.Lost(err))
	}
	return download.Respond(ctx, download.File{
		Name: f.Name, Tag: fmt.Sprintf("%s-%d", name, offset), Modified: r.CreatedAt, Size: size,
		Content: io.NewSectionReader(blob, offset, size), Close: blob.Close,
	}), nil
}
