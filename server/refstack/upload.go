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

	refstackapi "github.com/slipway-lab/slipway/gen/refstack"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/upload"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// PublishResult takes a list of passed tests. It is checked in RefStack's
// order: form, signature, at least one test, owner of the key.
func (h *Handler) PublishResult(ctx context.Context, _ refstackapi.PublishResultRequestObject) (refstackapi.Response, error) {
	who, err := h.caller(ctx)
	if err != nil {
		return nil, err
	}
	raw, ok := upload.FromContext(ctx)
	if !ok {
		return nil, errors.New("upload: the body was not put aside")
	}
	stranger, err := h.stranger(ctx, who)
	if err != nil {
		return nil, err
	}
	request := ctx
	ctx, done, err := h.intake.Admit(ctx, raw, stranger)
	if err != nil {
		return nil, err
	}
	p, err := h.takeUpload(ctx, who)
	done(err == nil)
	if err != nil {
		return nil, err
	}
	location := "/v1/results/" + p.ID.String()
	body := refstackapi.ResultPublished{TestID: p.ID, TestRunID: p.ID, URL: h.resultURL(ctx, p.ID)}
	return h.tell(request, p.ID, call.Created(location, body)), nil
}

// takeUpload stores a list, checks it and publishes it.
func (h *Handler) takeUpload(ctx context.Context, who caller) (*refstackstore.Published, error) {
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
	return h.publishList(ctx, file, list, owner)
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

func (h *Handler) publishList(ctx context.Context, file intake.File, list *passList, owner keyOwner) (*refstackstore.Published, error) {
	var p *refstackstore.Published
	passes := newResult(ctx, owner.tenant, file)
	err := h.takeList(ctx, passes, file, list, func() (err error) {
		p, err = h.store.Publish(ctx, &refstackstore.Published{CPID: list.cpid, DurationSeconds: list.duration, Owner: owner.name}, passes, nil)
		return err
	})
	return p, err
}

// newResult is a result of the file with the ids that this API gives: random
// ones, since a result may be private.
func newResult(ctx context.Context, tenant string, file intake.File) *resultstore.Result {
	r := file.Result()
	r.ID = uuid.New()
	r.Tenant, r.Uploader, r.Anonymous = tenant, auth.From(ctx).TokenID, intake.Stranger(ctx)
	return r
}

// takeList reads a list that was checked into rows of its own and publishes it. A
// list of which the reader does not take every item is refused, so that none is
// lost unseen.
func (h *Handler) takeList(ctx context.Context, passes *resultstore.Result, file intake.File, list *passList, publish func() error) error {
	return h.intake.Take(ctx, passes, intake.Post{Files: []intake.File{file}}, func(found *report.Report) (bool, error) {
		if int64(found.Records) != list.items {
			f := refused(textSchema)
			for _, d := range found.Damage {
				f.Errors = append(f.Errors, bodyEntry("", d.Reason))
			}
			return false, f
		}
		if us := list.duration * 1_000_000; list.duration >= 0 && list.duration <= math.MaxInt64/1_000_000 {
			passes.DurationUS = &us
		}
		return true, publish()
	})
}
