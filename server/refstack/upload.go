package refstack

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"math"
	"mime"
	"net/http"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/gen/api"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/fault"
	"github.com/slipway-lab/slipway/server/intake"
	"github.com/slipway-lab/slipway/server/upload"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// PublishResult takes a list of passed tests. It is checked in RefStack's
// order: form, signature, at least one test, owner of the key.
func (h *Handler) PublishResult(ctx context.Context, _ api.PublishResultRequestObject) (api.PublishResultResponseObject, error) {
	who, err := h.caller(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	file, err := h.receiveList(ctx, sum)
	if err != nil {
		return nil, err
	}
	list, err := h.checkList(ctx, file)
	if err != nil {
		return nil, err
	}
	key, err := signatureOf(ctx, sum.Sum(nil))
	if err != nil {
		return nil, err
	}
	if list.items == 0 {
		return nil, refused(textNoPass, bodyEntry("/results", "must not be empty"))
	}
	owner, err := h.uploader(ctx, who, key)
	if err != nil {
		return nil, err
	}
	p, err := h.publishList(ctx, file, list, owner)
	if err != nil {
		return nil, err
	}
	location := "/v1/results/" + p.ID.String()
	body := api.ResultPublished{TestID: p.ID, TestRunID: p.ID, URL: h.resultURL(ctx, p.ID)}
	return api.PublishResult201JSONResponse{Body: body, Headers: api.PublishResult201ResponseHeaders{Location: &location}}, nil
}

// receiveList stores the list and puts the body's bytes into sum. A form holds
// the list in its field data (refstack-client 38e6276); any other body is the
// list, whatever it is called.
func (h *Handler) receiveList(ctx context.Context, sum hash.Hash) (intake.File, error) {
	req, err := signedRequest(ctx, sum)
	if err != nil {
		return intake.File{}, err
	}
	switch media, _, _ := mime.ParseMediaType(req.ContentType); media {
	case "application/x-www-form-urlencoded", "multipart/form-data":
	default:
		req.ContentType = "application/octet-stream" // JSON would be searched for a file inside
	}
	file, _, err := h.intake.Receive(ctx, req, upload.Options{FileFields: []string{"data"}, RawBody: true})
	var f *fault.Fault
	if errors.As(err, &f) && f.Status == http.StatusBadRequest {
		return file, refused(textMalformed, bodyEntry("", f.Detail)).Because(err)
	}
	return file, err
}

// signedRequest is the request with its body put into sum as it is read.
func signedRequest(ctx context.Context, sum hash.Hash) (upload.Request, error) {
	raw, ok := upload.FromContext(ctx)
	if !ok {
		return upload.Request{}, errors.New("upload: the body was not put aside")
	}
	req := raw.Request(nil)
	req.Body = io.TeeReader(req.Body, sum)
	return req, nil
}

func (h *Handler) checkList(ctx context.Context, file intake.File) (*passList, error) {
	blob, err := h.intake.Blobs.Open(ctx, file.SHA256)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return checkPassList(blob)
}

func (h *Handler) publishList(ctx context.Context, file intake.File, list *passList, owner string) (*refstackstore.Published, error) {
	passes := newResult(ctx, file)
	if err := h.readList(ctx, passes, list); err != nil {
		return nil, err
	}
	p, err := h.store.Publish(ctx, &refstackstore.Published{CPID: list.cpid, DurationSeconds: list.duration, Owner: owner}, passes, nil)
	if err != nil {
		h.intake.Discard(ctx, passes)
	}
	return p, err
}

// newResult is a result of the file with the ids that this API gives: random
// ones, since a result may be private.
func newResult(ctx context.Context, file intake.File) *resultstore.Result {
	r := file.Result()
	r.ID = uuid.New()
	r.Tenant, r.Uploader = auth.From(ctx).Tenant, auth.From(ctx).TokenID
	return r
}

// readList reads a list that was checked into its rows. A list of which the
// reader does not take every item is refused, so that none is lost unseen.
func (h *Handler) readList(ctx context.Context, passes *resultstore.Result, list *passList) error {
	report, err := h.intake.Read(ctx, passes, false)
	if err != nil {
		return err
	}
	if int64(report.Records) != list.items {
		h.intake.Discard(ctx, passes)
		f := refused(textSchema)
		for _, d := range report.Damage {
			f.Errors = append(f.Errors, bodyEntry("", d.Reason))
		}
		return f
	}
	if us := list.duration * 1_000_000; list.duration >= 0 && list.duration <= math.MaxInt64/1_000_000 {
		passes.DurationUS = &us
	}
	return nil
}
