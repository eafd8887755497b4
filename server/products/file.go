package products

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	productsapi "github.com/slipway-lab/slipway/gen/products"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/download"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// PostTestResult takes the result of an opportunity, as JSON, or in a form
// together with the file that the runner wrote.
func (h *Handler) PostTestResult(ctx context.Context, req productsapi.PostTestResultRequestObject) (productsapi.Response, error) {
	if req.MultipartBody == nil {
		a, _, err := h.postResult(ctx, req, req.JSONBody, nil)
		return a, err
	}
	in, files, err := h.readForm(ctx, req)
	if err != nil {
		return nil, err
	}
	return h.postWithFile(ctx, req, in, files)
}

// formFile is a file of a form.
type formFile struct {
	intake.File
	mediaType *string
	read      bool // whether single tests were read from it
}

// maxFileName limits what a form says of a file, in bytes.
const maxFileName = 255

// describe takes over what the form says of a file, as far as it can be kept.
func (f *formFile) describe(part *multipart.Part) {
	clean := func(text string) string {
		text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
		for len(text) > maxFileName {
			_, n := utf8.DecodeLastRuneInString(text)
			text = text[:len(text)-n]
		}
		return text
	}
	if f.Name = clean(part.FileName()); f.Name == "" {
		f.Name = "file"
	}
	if text := clean(part.Header.Get("Content-Type")); text != "" {
		f.mediaType = &text
	}
}

// readForm reads the parts of a form in whatever order they come. When the result
// comes first, an upload for nothing is refused before it is read.
func (h *Handler) readForm(ctx context.Context, req productsapi.PostTestResultRequestObject) (in *productsapi.NewTestResult, files []formFile, err error) {
	seen := map[string]bool{}
	for {
		part, err := req.MultipartBody.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fault.Body(err)
		}
		name := part.FormName()
		if seen[name] && name != "file" {
			return nil, nil, fault.InvalidField("form", name, "must be given once")
		}
		seen[name] = true
		switch name {
		case "result":
			if in, err = h.readResult(part); err == nil {
				err = h.expected(ctx, req.ProductID, in)
			}
		case "file":
			files, err = h.addFile(ctx, files, part)
		default:
			err = fault.InvalidField("form", name, "is not a part of this form; its parts are result and file")
		}
		if err != nil {
			return nil, nil, err
		}
	}
	for _, name := range []string{"result", "file"} {
		if !seen[name] {
			return nil, nil, fault.InvalidField("form", name, "is required: a form has the parts result and file")
		}
	}
	return in, files, nil
}

// addFile keeps one more file. The same one again is a mistake of the agent.
func (h *Handler) addFile(ctx context.Context, files []formFile, part *multipart.Part) ([]formFile, error) {
	if len(files) == h.config.MaxFiles {
		return nil, fault.TooLarge("a result has at most %d files", h.config.MaxFiles)
	}
	kept, err := h.keepFile(ctx, part)
	if err != nil {
		return nil, err
	}
	f := formFile{File: kept}
	f.describe(part)
	if slices.ContainsFunc(files, func(other formFile) bool { return other.Name == f.Name && other.SHA256 == f.SHA256 }) {
		return nil, fault.InvalidField("form", "file", "must be given once: the same file came before")
	}
	return append(files, f), nil
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
func (h *Handler) postWithFile(ctx context.Context, req productsapi.PostTestResultRequestObject, in *productsapi.NewTestResult, files []formFile) (*call.Answer, error) {
	strict, err := strictOf(req.Params.Strict)
	if err != nil {
		return nil, err
	}
	post := intake.Post{Format: valueOr(req.Params.Format, ""), Strict: strict}
	if err := intake.KnownFormat(post.Format); err != nil {
		return nil, err
	}
	for _, f := range files {
		post.Files = append(post.Files, f.File)
	}
	read := intake.NewResult(post.Files)
	read.Tenant, read.Uploader = auth.From(ctx).Tenant, auth.From(ctx).TokenID
	var a *call.Answer
	err = h.intake.Take(ctx, read, post, func(*report.Report) (fresh bool, err error) {
		if err := h.markRead(ctx, read, files); err != nil {
			return false, err
		}
		a, fresh, err = h.postResult(ctx, req, in, read, files...)
		return fresh, err
	})
	return a, err
}

// strictOf reads the parameter, which takes the words of RefStack's runners.
func strictOf(text *string) (bool, error) {
	if text == nil {
		return false, nil
	}
	values, err := upload.ParseQuery("strict="+url.QueryEscape(*text), []string{"strict"}, upload.Limits{})
	if err != nil {
		return false, intake.Fault(err)
	}
	strict, _, err := values.Bool("strict")
	return strict, intake.Fault(err)
}

// markRead notes from which files single tests were read.
func (h *Handler) markRead(ctx context.Context, read *resultstore.Result, files []formFile) error {
	rows, err := h.store.Results.ResultFiles(ctx, read)
	for i := range rows {
		if rows[i].IsReport() {
			files[rows[i].Part].read = true
		}
	}
	return err
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

// keptFiles are the rows of the files of a result, none when it has only one: that
// is described by what was read from it.
func keptFiles(result uuid.UUID, files []formFile) []productstore.KeptFile {
	if len(files) < 2 {
		return nil
	}
	var rows []productstore.KeptFile
	for i, f := range files {
		rows = append(rows, productstore.KeptFile{
			ResultID: result, N: int64(i), Name: f.Name, MediaType: f.mediaType, Bytes: f.Size, SHA256: f.SHA256, Read: f.read,
		})
	}
	return rows
}

func keptFileToAPI(f *productstore.KeptFile) productsapi.KeptFile {
	return productsapi.KeptFile{
		N: int32(f.N), Name: f.Name, MediaType: orNull(f.MediaType), Bytes: f.Bytes, Sha256: f.SHA256, Read: f.Read,
	}
}

// GetResultFile sends one of several files of a result as it came.
func (h *Handler) GetResultFile(ctx context.Context, req productsapi.GetResultFileRequestObject) (productsapi.Response, error) {
	r, err := h.testResult(ctx, req.ProductID, req.ResultID)
	if err != nil {
		return nil, err
	}
	f, err := h.store.KeptFile(ctx, r.ID, int64(req.N))
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound("the result has no file %d", req.N).Because(err)
	}
	if err != nil {
		return nil, err
	}
	if f.Expired != 0 {
		return nil, fault.Expired("the file has expired")
	}
	blob, err := h.store.Blobs.Open(ctx, f.SHA256)
	if err != nil {
		return nil, fmt.Errorf("file %d of result %s: %w", f.N, r.ID, download.Lost(err))
	}
	return download.Respond(ctx, download.File{Name: f.Name, Tag: f.SHA256, SHA256: f.SHA256, Modified: r.CreatedAt, Size: f.Bytes, Content: blob, Close: blob.Close}), nil
}

// ListResultTests answers a page of the single tests of a result.
func (h *Handler) ListResultTests(ctx context.Context, req productsapi.ListResultTestsRequestObject) (productsapi.Response, error) {
	file, err := h.file(ctx, req.ProductID, req.ResultID)
	if err != nil {
		return nil, err
	}
	page := pageOf(req.Params.Limit, req.Params.After)
	number := valueOr(req.Params.Page, 1)
	if page.After == "" {
		page.Offset = int(number-1) * page.Limit
	}
	var list store.List[resultstore.Test]
	var names map[int64]string
	if file != nil {
		filter := resultstore.TestFilter{Result: file, Q: valueOr(req.Params.Q, ""), Page: page}
		if req.Params.Status != nil {
			status, _ := resultstore.ParseTestStatus(string(*req.Params.Status)) // the document has checked it
			filter.Status = &status
		}
		if list, err = h.store.Results.ListTests(ctx, filter); err != nil {
			return nil, fault.Cursor(err)
		}
		if names, err = h.store.Results.FileNames(ctx, file, list.Items); err != nil {
			return nil, err
		}
	}
	body := productsapi.TestList{Tests: convertAll(list.Items, func(t *resultstore.Test) productsapi.Test { return testToAPI(t, names[t.File]) })}
	if page.After == "" {
		body.Pagination = &productsapi.Pagination{CurrentPage: number}
		if list.More {
			body.Pagination.TotalAtLeast = &list.Total
		} else {
			pages := (list.Total + int64(page.Limit) - 1) / int64(page.Limit)
			body.Pagination.TotalPages, body.Pagination.Total = &pages, &list.Total
		}
	}
	return call.OK(body).Paged(ctx, list.Next), nil
}

// GetResultTest answers one single test.
func (h *Handler) GetResultTest(ctx context.Context, req productsapi.GetResultTestRequestObject) (productsapi.Response, error) {
	file, t, err := h.singleTest(ctx, req.ProductID, req.ResultID, req.N)
	if err != nil {
		return nil, err
	}
	names, err := h.store.Results.FileNames(ctx, file, []resultstore.Test{*t})
	if err != nil {
		return nil, err
	}
	return call.OK(testToAPI(t, names[t.File])), nil
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

// GetResultAttachment sends a file that a runner attached to a test.
func (h *Handler) GetResultAttachment(ctx context.Context, req productsapi.GetResultAttachmentRequestObject) (productsapi.Response, error) {
	r, t, err := h.singleTest(ctx, req.ProductID, req.ResultID, req.N)
	if err != nil {
		return nil, err
	}
	file, err := download.Attachment(ctx, h.store.Results, r, t.N, t.AllAttachments(), int(req.K))
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
	if err := r.Need(resultstore.RawExpired); err != nil {
		return nil, err
	}
	name := "result_" + url.PathEscape(req.ResultID)
	parts, err := h.store.Results.ResultParts(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(parts) > 1 {
		return download.TarOf(ctx, h.store.Blobs, name+".tar", r.CreatedAt, parts), nil
	}
	blob, err := h.store.Blobs.Open(ctx, r.SHA256)
	if err != nil {
		return nil, fmt.Errorf("file of result %s: %w", r.ID, download.Lost(err))
	}
	return download.Respond(ctx, download.File{Name: name, Tag: r.SHA256, SHA256: r.SHA256, Modified: r.CreatedAt, Size: r.Bytes, Content: blob, Close: blob.Close}), nil
}
