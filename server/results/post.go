package results

import (
	"context"
	"encoding/json"
	"errors"

	resultsapi "github.com/slipway-lab/slipway/gen/results"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

var resultFields = append([]string{"strict", "add", "format"}, runnerFields...)

// asksOf is how an upload wants to be read.
type asksOf struct {
	strict, add bool
	format      string
}

func readAsks(values upload.Values) (asks asksOf, err error) {
	if asks.strict, _, err = values.Bool("strict"); err != nil {
		return asks, intake.Fault(err)
	}
	if asks.add, _, err = values.Bool("add"); err != nil {
		return asks, intake.Fault(err)
	}
	if asks.format, err = values.Optional("format"); err != nil {
		return asks, intake.Fault(err)
	}
	return asks, intake.KnownFormat(asks.format)
}

// PostResult stores an upload, reads it, and answers what was understood. The
// files are on disk before anything is looked at, so what an upload contains
// never decides whether it is kept.
func (h *Handler) PostResult(ctx context.Context, _ resultsapi.PostResultRequestObject) (resultsapi.Response, error) {
	raw, ok := upload.FromContext(ctx)
	if !ok {
		return nil, errors.New("upload: the body was not put aside")
	}
	proven, err := h.refuseEarly(ctx, raw, nil)
	if err != nil {
		return nil, err
	}
	ctx, done, err := h.intake.Admit(ctx, raw, auth.From(ctx).Anonymous() && !proven)
	if err != nil {
		return nil, err
	}
	result, err := h.take(ctx, raw)
	done(err == nil)
	if err != nil {
		return nil, err
	}
	return h.saved(ctx, result)
}

// take stores an upload and reads it into a result.
func (h *Handler) take(ctx context.Context, raw *upload.Raw) (*resultstore.Result, error) {
	files, form, err := h.intake.ReceiveFiles(ctx, raw.Request(nil), upload.Options{Known: resultFields, RawBody: true})
	if err != nil {
		return nil, err
	}
	run, err := h.reportedRun(ctx, form.Values)
	if err != nil {
		return nil, err
	}
	asks, err := readAsks(form.Values)
	if err != nil {
		return nil, err
	}
	var result *resultstore.Result
	if asks.add && run != nil {
		result, err = h.add(ctx, run, files, asks)
	} else {
		result, err = h.ingest(ctx, run, files, asks)
	}
	return result, err
}

// newResult is a result of files that the caller posted for a run, nil for an
// anonymous one.
func newResult(ctx context.Context, run *resultstore.Run, files []intake.File) *resultstore.Result {
	result := intake.NewResult(files)
	result.Tenant, result.Uploader = auth.From(ctx).Tenant, auth.From(ctx).TokenID
	result.Anonymous = intake.Stranger(ctx) && (run == nil || len(run.TokenHash) == 0)
	if run != nil {
		result.RunID = run.ID
	}
	return result
}

// ingest reads stored files into a result of the run, which is nil for an
// anonymous one. The same bytes for the same run are one result.
func (h *Handler) ingest(ctx context.Context, run *resultstore.Run, files []intake.File, asks asksOf) (*resultstore.Result, error) {
	result := newResult(ctx, run, files)
	if run != nil {
		if old, err := h.earlier(ctx, run, result.SHA256); old != nil || err != nil {
			return old, err
		}
	}
	var published *resultstore.Result
	post := intake.Post{Files: files, Format: asks.format, Strict: asks.strict}
	err := h.intake.Take(ctx, result, post, func(*report.Report) (_ bool, err error) {
		published, err = h.store.PublishResult(ctx, result)
		return true, err
	})
	return published, goneRun(err)
}

// earlier returns the result that these bytes made for the run before.
func (h *Handler) earlier(ctx context.Context, run *resultstore.Run, sha256 string) (*resultstore.Result, error) {
	old, err := h.store.ResultByUpload(ctx, run.ID, sha256)
	if !errors.Is(err, store.ErrNotFound) {
		return old, err
	}
	if h.config.OneResult && run.Attempts > 0 {
		return nil, fault.Conflict("run %d already has results", run.ID)
	}
	return nil, nil
}

func goneRun(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrReference) {
		return fault.InvalidField("query", "test_id", "names a run that does not exist: Invalid test ID").Because(err)
	}
	return err
}

// saved is the answer to an upload.
func (h *Handler) saved(ctx context.Context, r *resultstore.Result) (resultsapi.Response, error) {
	current, err := h.isCurrent(ctx, r)
	if err != nil {
		return nil, err
	}
	body, err := h.wholeResult(ctx, r, current)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	// RefStack's word of thanks stands before what is said of the result.
	return call.Created(resultPath(r), json.RawMessage(append([]byte(`{"message":"thank you",`), text[1:]...))), nil
}
