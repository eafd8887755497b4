package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/slipway-lab/slipway/gen/api"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/fault"
	"github.com/slipway-lab/slipway/server/results/subunit"
	"github.com/slipway-lab/slipway/server/upload"
	"github.com/slipway-lab/slipway/store"
)

var resultFields = append([]string{"strict"}, runnerFields...)

// PostResult stores an upload, reads it, and answers what was understood. The
// file is on disk before anything is looked at, so what an upload contains
// never decides whether it is kept.
func (h *Handler) PostResult(ctx context.Context, _ api.PostResultRequestObject) (api.PostResultResponseObject, error) {
	raw, ok := upload.FromContext(ctx)
	if !ok {
		return nil, errors.New("upload: the body was not put aside")
	}
	file, form, err := h.receive(ctx, raw.Request(nil))
	if err != nil {
		return nil, err
	}
	run, err := h.runOf(ctx, form.Values)
	if err != nil {
		return nil, err
	}
	strict, _, err := form.Values.Bool("strict")
	if err != nil {
		return nil, uploadFault(err)
	}
	result, err := h.ingest(ctx, run, file, strict)
	if err != nil {
		return nil, err
	}
	return h.saved(ctx, result)
}

// storedFile is an upload in the blob store.
type storedFile struct {
	sha256 string
	size   int64
}

// receive streams the file to the blob store and reads the fields around it.
func (h *Handler) receive(ctx context.Context, req upload.Request) (storedFile, *upload.Form, error) {
	blob, err := h.blobs.Create(ctx)
	if err != nil {
		return storedFile{}, nil, err
	}
	defer blob.Abort() //nolint:errcheck // after Commit it does nothing
	form, err := upload.Read(ctx, req, upload.Options{
		Known:   resultFields,
		RawBody: true,
		Limits:  upload.Limits{File: h.config.MaxFile},
	}, blob)
	if err != nil {
		return storedFile{}, nil, uploadFault(err)
	}
	if err := form.File.Err("file"); err != nil {
		return storedFile{}, nil, uploadFault(err)
	}
	sha, size, err := blob.Commit()
	if err != nil {
		return storedFile{}, nil, err
	}
	file := storedFile{sha, size}
	if form.File.Section != nil {
		file, err = h.unwrap(ctx, file, *form.File.Section)
	}
	return file, form, err
}

// unwrap stores the file that stood inside a JSON body. The body around it is
// left to the sweep, since somebody else may have uploaded the same bytes.
func (h *Handler) unwrap(ctx context.Context, body storedFile, section upload.Section) (storedFile, error) {
	whole, err := h.blobs.Open(ctx, body.sha256)
	if err != nil {
		return storedFile{}, err
	}
	defer whole.Close()
	return h.keep(ctx, func(w io.Writer) error {
		_, err := io.Copy(w, section.Open(whole))
		return err
	})
}

// keep makes a blob of what write writes.
func (h *Handler) keep(ctx context.Context, write func(io.Writer) error) (storedFile, error) {
	blob, err := h.blobs.Create(ctx)
	if err != nil {
		return storedFile{}, err
	}
	defer blob.Abort() //nolint:errcheck // after Commit it does nothing
	if err := write(blob); err != nil {
		return storedFile{}, err
	}
	sha, size, err := blob.Commit()
	return storedFile{sha, size}, err
}

// ingest reads a stored file into a result of the run, which is nil for an
// anonymous one. The same bytes for the same run are one result.
func (h *Handler) ingest(ctx context.Context, run *store.Run, file storedFile, strict bool) (*store.Result, error) {
	result := &store.Result{
		SHA256: file.sha256, Bytes: file.size,
		ContentSHA256: file.sha256, ContentBytes: file.size,
		Tenant: auth.From(ctx).Tenant, Uploader: auth.From(ctx).TokenID,
	}
	if run != nil {
		result.RunID = run.ID
		if old, err := h.earlier(ctx, run, file); old != nil || err != nil {
			return old, err
		}
	}
	if err := h.store.BeginResult(ctx, result); err != nil {
		return nil, goneRun(err)
	}
	report, err := h.fill(ctx, result)
	if err == nil && strict {
		err = damageFault(report)
	}
	if err != nil {
		h.discard(ctx, result)
		return nil, err
	}
	published, err := h.store.PublishResult(ctx, result)
	if err != nil {
		h.discard(ctx, result)
		return nil, goneRun(err)
	}
	return published, nil
}

// earlier returns the result that these bytes made for the run before.
func (h *Handler) earlier(ctx context.Context, run *store.Run, file storedFile) (*store.Result, error) {
	old, err := h.store.ResultByUpload(ctx, run.ID, file.sha256)
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

// discard removes what a failed upload has written, also when its request is
// over; what fails here is left to the sweep.
func (h *Handler) discard(ctx context.Context, result *store.Result) {
	if err := h.store.DiscardResult(context.WithoutCancel(ctx), result.Key); err != nil && !errors.Is(err, store.ErrNotFound) {
		slog.WarnContext(ctx, "unfinished result left to the sweep", "result_id", result.ID, "error", err)
	}
}

// fill reads the file into the rows of the result and the fields that sum it up.
func (h *Handler) fill(ctx context.Context, result *store.Result) (*subunit.Report, error) {
	content, gzipDamage, err := h.openContent(ctx, result)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	in := newIntake(ctx, h.store, result.Key)
	report, err := subunit.Parse(content, content.Size(), subunit.Limits{Tests: h.config.MaxTests}, in.record)
	if err = errors.Join(err, in.finish(err == nil)); err != nil {
		return nil, err
	}
	if gzipDamage != nil {
		report.AddDamage(*gzipDamage)
	}
	return report, summarize(result, report, in)
}

// openContent opens the bytes to parse: the upload itself, or what was inside
// when it is gzip. That is stored as a blob of its own, because attachments
// are read from it later.
func (h *Handler) openContent(ctx context.Context, result *store.Result) (store.Blob, *subunit.Damage, error) {
	raw, err := h.blobs.Open(ctx, result.SHA256)
	if err != nil {
		return nil, nil, err
	}
	if zipped, err := isGzip(raw); err != nil || !zipped {
		return raw, nil, err
	}
	defer raw.Close()
	var damage *subunit.Damage
	file, err := h.keep(ctx, func(w io.Writer) error {
		_, found, err := subunit.Gunzip(w, io.NewSectionReader(raw, 0, raw.Size()), h.config.MaxDecompressed)
		damage = found
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	result.Gzip, result.ContentSHA256, result.ContentBytes = true, file.sha256, file.size
	content, err := h.blobs.Open(ctx, file.sha256)
	return content, damage, err
}

func isGzip(raw store.Blob) (bool, error) {
	var head [3]byte
	n, err := raw.ReadAt(head[:], 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return subunit.IsGzip(head[:n]), err
}

// summarize fills in what the result says as a whole.
func summarize(result *store.Result, report *subunit.Report, in *intake) error {
	counts, tests := in.counts()
	result.Format, result.Scope = string(report.Format), string(report.Scope)
	result.Counts, result.Tests = countsToStore(counts), tests
	result.Records, result.NoiseBytes = int64(report.Records), report.NoiseBytes
	result.DamageCount, result.Complete = int64(report.DamageCount), report.Complete()
	result.Outcome = string(counts.Outcome(report.Format, report.DamageCount))
	if report.CPID != nil {
		result.CPID = *report.CPID
	}
	for _, f := range []struct {
		into *store.JSON
		from any
	}{{&result.Damage, report.Damage}, {&result.Warnings, report.Warnings}, {&result.Attachments, report.Attachments}} {
		text, err := json.Marshal(f.from)
		if err != nil {
			return err
		}
		*f.into = text
	}
	return nil
}

// damageFault is the answer to strict=true when the upload is damaged or
// nothing that we read.
func damageFault(report *subunit.Report) error {
	if report.DamageCount == 0 && report.Format != subunit.FormatUnknown {
		return nil
	}
	f := fault.Unprocessable("the file is damaged in %d places and strict was asked for; nothing was stored", report.DamageCount)
	if report.Format == subunit.FormatUnknown {
		f = fault.Unprocessable("the file is in no format that is read here and strict was asked for; nothing was stored")
	}
	for _, d := range report.Damage {
		f.Errors = append(f.Errors, fault.Entry{
			Parameter: "file", In: "body", Message: fmt.Sprintf("byte %d: %s: %s", d.Offset, d.Kind, d.Reason),
		})
	}
	return f
}

// saved is the answer to an upload.
func (h *Handler) saved(ctx context.Context, r *store.Result) (api.PostResultResponseObject, error) {
	current, err := h.isCurrent(ctx, r)
	if err != nil {
		return nil, err
	}
	body, err := resultToAPI(r, current)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return resultSaved{location: resultPath(r), body: text}, nil
}

// resultSaved is a result with RefStack's word of thanks before it.
type resultSaved struct {
	location string
	body     []byte // a JSON object
}

// VisitPostResultResponse writes the answer.
func (s resultSaved) VisitPostResultResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", s.location)
	w.WriteHeader(http.StatusCreated)
	_, err := w.Write(append(append([]byte(`{"message":"thank you",`), s.body[1:]...), '\n'))
	return err
}
