package products

import (
	"bytes"
	"compress/gzip"
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
	"github.com/slipway-lab/slipway/server/edge/intake/subunit"
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
	name      string // as the agent called it
	mediaType *string
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
	if f.name = clean(part.FileName()); f.name == "" {
		f.name = "file"
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
	if slices.ContainsFunc(files, func(other formFile) bool { return other.name == f.name && other.SHA256 == f.SHA256 }) {
		return nil, fault.InvalidField("form", "file", "must be given once: the same file came before")
	}
	return append(files, f), nil
}

// toRead chooses the file from which single tests are read: the first in a format
// that is read here, else the first.
func (h *Handler) toRead(ctx context.Context, files []formFile) (int, error) {
	for i := range files {
		known, err := h.isReadable(ctx, &files[i])
		if err != nil || known {
			return i, err
		}
	}
	return 0, nil
}

// headBytes is how much of a file is looked at to find its format.
const headBytes = 64 << 10

// isReadable looks at the head of a file, which may be packed. Detection alone takes
// a kernel's log for JSON, because its lines begin with a bracket.
func (h *Handler) isReadable(ctx context.Context, f *formFile) (bool, error) {
	blob, err := h.store.Blobs.Open(ctx, f.SHA256)
	if err != nil {
		return false, err
	}
	defer blob.Close()
	head, err := io.ReadAll(io.LimitReader(blob, headBytes))
	if err != nil {
		return false, err
	}
	if subunit.IsGzip(head) {
		if head = unpackedHead(head); len(head) == 0 {
			return false, nil
		}
	}
	format, err := subunit.Detect(bytes.NewReader(head), int64(len(head)))
	switch format {
	case subunit.FormatUnknown, subunit.FormatEmpty, subunit.FormatGzip:
		return false, err
	case subunit.FormatJSON:
		return beginsAsJSON(head), err
	}
	return true, err
}

// unpackedHead is what can be unpacked of the head of a gzip file.
func unpackedHead(packed []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	head, _ := io.ReadAll(io.LimitReader(z, headBytes)) // it may be cut, or damaged
	return head
}

// beginsAsJSON reports whether nothing in the head of a file contradicts that it is
// one JSON value.
func beginsAsJSON(head []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(head), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for tokens := 0; ; tokens++ {
		if _, err := d.ReadToken(); err != nil {
			return tokens > 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF))
		}
		if d.StackDepth() == 0 {
			_, err := d.ReadToken()
			return errors.Is(err, io.EOF)
		}
	}
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
	chosen := 0
	if len(files) > 1 {
		var err error
		if chosen, err = h.toRead(ctx, files); err != nil {
			return nil, err
		}
	}
	read := files[chosen].Result()
	read.Tenant, read.Uploader = auth.From(ctx).Tenant, auth.From(ctx).TokenID
	var a *call.Answer
	err := h.intake.Take(ctx, read, false, func(*subunit.Report) (fresh bool, err error) {
		a, fresh, err = h.postResult(ctx, req, in, read, files...)
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

// keptFiles are the rows of the files of a result, none when it has only one: that
// is described by what was read from it.
func keptFiles(result uuid.UUID, files []formFile, read *resultstore.Result) []productstore.KeptFile {
	if len(files) < 2 {
		return nil
	}
	chosen := slices.IndexFunc(files, func(f formFile) bool { return f.SHA256 == read.SHA256 })
	var rows []productstore.KeptFile
	for i, f := range files {
		rows = append(rows, productstore.KeptFile{
			ResultID: result, N: int64(i), Name: f.name, MediaType: f.mediaType, Bytes: f.Size, SHA256: f.SHA256, Read: i == chosen,
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
	if file != nil {
		filter := resultstore.TestFilter{Result: file, Q: valueOr(req.Params.Q, ""), Page: page}
		if req.Params.Status != nil {
			status, _ := resultstore.ParseTestStatus(string(*req.Params.Status)) // the document has checked it
			filter.Status = &status
		}
		if list, err = h.store.Results.ListTests(ctx, filter); err != nil {
			return nil, fault.Cursor(err)
		}
	}
	body := productsapi.TestList{Tests: convertAll(list.Items, testToAPI)}
	if page.After == "" {
		pages := (list.Total + int64(page.Limit) - 1) / int64(page.Limit)
		body.Pagination = &productsapi.Pagination{CurrentPage: number, TotalPages: pages, Total: list.Total}
	}
	return call.OK(body).Paged(ctx, list.Next), nil
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
	for _, r := range t.AllRecords() {
		record := productsapi.TestRecord{Record: int32(r.Record), Status: productsapi.TestStatus(r.Status.String()), Tags: texts(r.Tags)}
		record.Start.SetNull()
		if !r.Start.IsZero() {
			record.Start.Set(r.Start)
		}
		record.Stop.SetNull()
		if !r.Stop.IsZero() {
			record.Stop.Set(r.Stop)
		}
		out.RecordList = append(out.RecordList, record)
		for i := range r.Attachments {
			a := &r.Attachments[i]
			item := productsapi.Attachment{K: int32(len(out.Attachments)), Name: a.Name, Mime: a.MIME, Size: a.Size, Record: int32(r.Record)}
			if cut := a.Kept() < a.Size; cut {
				item.Truncated = &cut
			}
			out.Attachments = append(out.Attachments, item)
		}
	}
	return out
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
	blob, err := h.store.Blobs.Open(ctx, r.SHA256)
	if err != nil {
		return nil, fmt.Errorf("file of result %s: %w", r.ID, download.Lost(err))
	}
	name := "result_" + url.PathEscape(req.ResultID)
	return download.Respond(ctx, download.File{Name: name, Tag: r.SHA256, SHA256: r.SHA256, Modified: r.CreatedAt, Size: r.Bytes, Content: blob, Close: blob.Close}), nil
}
