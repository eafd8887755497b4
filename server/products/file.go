package products

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	productsapi "github.com/slipway-lab/slipway/gen/products"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/download"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/edge/intake/subunit"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// PostTestResult takes the result of an opportunity, as JSON, or in a form
// together with the file that the runner wrote.
func (h *Handler) PostTestResult(ctx context.Context, req productsapi.PostTestResultRequestObject) (productsapi.Response, error) {
	if req.MultipartBody == nil {
		a, _, err := h.postResult(ctx, req, req.JSONBody, nil)
		return a, err
	}
	in, file, err := h.readForm(ctx, req)
	if err != nil {
		return nil, err
	}
	return h.postWithFile(ctx, req, in, file)
}

// readForm reads the parts of a form in whatever order they come. When the result
// comes first, an upload for nothing is refused before it is read.
func (h *Handler) readForm(ctx context.Context, req productsapi.PostTestResultRequestObject) (in *productsapi.NewTestResult, file intake.File, err error) {
	seen := map[string]bool{}
	for {
		part, err := req.MultipartBody.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, file, fault.Body(err)
		}
		name := part.FormName()
		if seen[name] {
			return nil, file, fault.InvalidField("form", name, "must be given once")
		}
		seen[name] = true
		switch name {
		case "result":
			if in, err = h.readResult(part); err == nil {
				err = h.expected(ctx, req.ProductID, in)
			}
		case "file":
			file, err = h.keepFile(ctx, part)
		default:
			err = fault.InvalidField("form", name, "is not a part of this form; its parts are result and file")
		}
		if err != nil {
			return nil, file, err
		}
	}
	for _, name := range []string{"result", "file"} {
		if !seen[name] {
			return nil, file, fault.InvalidField("form", name, "is required: a form has the parts result and file")
		}
	}
	return in, file, nil
}

// expected refuses what would be refused after the file was read.
func (h *Handler) expected(ctx context.Context, product string, in *productsapi.NewTestResult) error {
	if _, _, err := h.opportunity(ctx, product, in.TestOpportunityID); err != nil {
		return err
	}
	_, err := postFrom(in, "")
	return err
}

// postWithFile reads the file into single tests, which become visible together
// with the result, or not at all.
func (h *Handler) postWithFile(ctx context.Context, req productsapi.PostTestResultRequestObject, in *productsapi.NewTestResult, file intake.File) (*call.Answer, error) {
	read := file.Result()
	read.Tenant, read.Uploader = auth.From(ctx).Tenant, auth.From(ctx).TokenID
	var a *call.Answer
	err := h.intake.Take(ctx, read, false, func(*subunit.Report) (fresh bool, err error) {
		a, fresh, err = h.postResult(ctx, req, in, read)
		return fresh, err
	})
	return a, err
}

// maxResultPart limits the part of a form that holds the result.
const maxResultPart = 1 << 20

// readResult checks the part as strictly as a JSON body.
func (h *Handler) readResult(part io.Reader) (*productsapi.NewTestResult, error) {
	text, err := io.ReadAll(io.LimitReader(part, maxResultPart+1))
	if err != nil {
		return nil, fault.Body(err)
	}
	if len(text) > maxResultPart {
		return nil, fault.TooLarge("the part result has at most %d bytes", maxResultPart)
	}
	if found := h.resultPart.Check(text); len(found) > 0 {
		f := fault.Invalid("result%s %s", found[0].Pointer, found[0].Message)
		for _, v := range found {
			f.Errors = append(f.Errors, fault.Entry{Parameter: "result", Pointer: v.Pointer, InBody: true, In: "form", Message: v.Message})
		}
		return nil, f
	}
	var in productsapi.NewTestResult
	if err := json.Unmarshal(text, &in, jsontext.AllowInvalidUTF8(false)); err != nil {
		return nil, fault.InvalidField("form", "result", "does not have the form that the document describes").Because(err)
	}
	return &in, nil
}

// keepFile streams a file into the blob store.
func (h *Handler) keepFile(ctx context.Context, part io.Reader) (intake.File, error) {
	limit := h.intake.Limits.File
	file, err := h.intake.Keep(ctx, func(w io.Writer) error {
		n, err := io.Copy(w, io.LimitReader(part, limit+1))
		if err != nil {
			return fault.Body(err)
		}
		if n > limit {
			return fault.TooLarge("the file is larger than the limit of %d bytes", limit)
		}
		return nil
	})
	return file, err
}

// file returns what was read from the file of a result; nil when none came.
func (h *Handler) file(ctx context.Context, product, id string) (*resultstore.Result, error) {
	r, err := h.testResult(ctx, product, id)
	if err != nil || r.FileID == nil {
		return nil, err
	}
	return h.store.Results.Result(ctx, *r.FileID)
}

// ListResultTests answers a page of the single tests of a result.
func (h *Handler) ListResultTests(ctx context.Context, req productsapi.ListResultTestsRequestObject) (productsapi.Response, error) {
	file, err := h.file(ctx, req.ProductID, req.ResultID)
	if err != nil {
		return nil, err
	}
	page := store.Page{Limit: int(or(req.Params.Limit, store.DefaultLimit)), Total: true}
	number := or(req.Params.Page, 1)
	page.Offset = int(number-1) * page.Limit
	var list store.List[resultstore.Test]
	if file != nil {
		filter := resultstore.TestFilter{Result: file, Q: or(req.Params.Q, ""), Page: page}
		if req.Params.Status != nil {
			status, _ := resultstore.ParseTestStatus(string(*req.Params.Status)) // the document has checked it
			filter.Status = &status
		}
		if list, err = h.store.Results.ListTests(ctx, filter); err != nil {
			return nil, err
		}
	}
	pages := (list.Total + int64(page.Limit) - 1) / int64(page.Limit)
	body := productsapi.TestList{
		Tests:      each(list.Items, testToAPI),
		Pagination: productsapi.Pagination{CurrentPage: number, TotalPages: pages, Total: list.Total},
	}
	a := call.OK(body)
	if number < pages {
		a.With("Link", call.Next(ctx, "page", strconv.FormatInt(number+1, 10)))
	}
	return a, nil
}

// GetResultTest answers one single test.
func (h *Handler) GetResultTest(ctx context.Context, req productsapi.GetResultTestRequestObject) (productsapi.Response, error) {
	_, t, err := h.singleTest(ctx, req.ProductID, req.ResultID, req.N)
	if err != nil {
		return nil, err
	}
	return call.OK(testToAPI(t)), nil
}

func (h *Handler) singleTest(ctx context.Context, product, id string, n int32) (*resultstore.Result, *resultstore.Test, error) {
	file, err := h.file(ctx, product, id)
	if err != nil {
		return nil, nil, err
	}
	if file == nil {
		return nil, nil, fault.NotFound("the result has no file, so it has no single tests")
	}
	t, err := h.store.Results.Test(ctx, file, int64(n))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, fault.NotFound("the result has no test %d", n).Because(err)
	}
	return file, t, err
}

func testToAPI(t *resultstore.Test) productsapi.Test {
	out := productsapi.Test{
		N: int32(t.N), ID: t.Name, Status: productsapi.TestStatus(t.Status.String()), Records: int32(t.Records),
		Tags: texts(t.Tags), Attachments: []productsapi.Attachment{},
	}
	out.Start.SetNull()
	if !t.Start.IsZero() {
		out.Start.Set(t.Start)
	}
	out.Stop.SetNull()
	if !t.Stop.IsZero() {
		out.Stop.Set(t.Stop)
	}
	for k := range t.Attachments {
		a := &t.Attachments[k]
		item := productsapi.Attachment{K: int32(k), Name: a.Name, Mime: a.MIME, Size: a.Size}
		if cut := a.Kept() < a.Size; cut {
			item.Truncated = &cut
		}
		out.Attachments = append(out.Attachments, item)
	}
	return out
}

// GetResultAttachment sends a file that a runner attached to a test.
func (h *Handler) GetResultAttachment(ctx context.Context, req productsapi.GetResultAttachmentRequestObject) (productsapi.Response, error) {
	r, t, err := h.singleTest(ctx, req.ProductID, req.ResultID, req.N)
	if err != nil {
		return nil, err
	}
	file, err := download.Attachment(ctx, h.store.Results, r, t, int(req.K))
	return download.Respond(ctx, file), err
}

// GetResultRaw sends the file of a result as it came.
func (h *Handler) GetResultRaw(ctx context.Context, req productsapi.GetResultRawRequestObject) (productsapi.Response, error) {
	r, err := h.file(ctx, req.ProductID, req.ResultID)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, fault.NotFound("no file came with the result")
	}
	blob, err := h.store.Blobs.Open(ctx, r.SHA256)
	if err != nil {
		return nil, fmt.Errorf("file of result %s: %w", r.ID, download.Lost(err))
	}
	name := "result_" + url.PathEscape(req.ResultID)
	return download.Respond(ctx, download.File{Name: name, Tag: r.SHA256, Modified: r.CreatedAt, Size: r.Bytes, Content: blob, Close: blob.Close}), nil
}
