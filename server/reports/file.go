package reports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strings"

	reportsapi "github.com/slipway-lab/slipway/gen/reports"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/download"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// uploaded is one file of the answer to an upload.
type uploaded struct {
	Status   int     `json:"status"`
	Filename string  `json:"filename"`
	Bytes    int64   `json:"bytes"`
	Error    *string `json:"error"`
}

// UploadFile stores the body under the path in the URL.
func (h *Handler) UploadFile(ctx context.Context, req reportsapi.UploadFileRequestObject) (reportsapi.Response, error) {
	name := req.FilePath
	name, err := filePath(name)
	if err != nil {
		return nil, fault.InvalidField("path", "file_path", "%s", err)
	}
	raw, ok := upload.FromContext(ctx)
	if !ok {
		return nil, errors.New("the body was not put aside")
	}
	if err := mayUpload(ctx, "", []*reportstore.File{{Path: name}}); err != nil {
		return nil, err
	}
	f, err := h.keep(ctx, raw.Body)
	if err != nil {
		return nil, err
	}
	f.Path = name
	created, err := h.writer(ctx).SaveFile(ctx, f)
	if err != nil {
		return nil, err
	}
	status, base := fileStatus(created), path.Base(name)
	verb := map[int]string{http.StatusCreated: "uploaded", http.StatusOK: "replaced"}[status]
	return done(outcome{
		Code: status, Reason: fmt.Sprintf("File '%s' %s", base, verb),
		Result: []uploaded{{Status: status, Filename: base, Bytes: f.Bytes}},
	}).with("Location", call.From(ctx).Origin.URL("/v1/files/"+escapePath(name))), nil
}

func escapePath(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}

// keep streams bytes to the blob store.
func (h *Handler) keep(ctx context.Context, from io.Reader) (*reportstore.File, error) {
	w, err := h.store.Blobs.Create(ctx)
	if err != nil {
		return nil, err
	}
	defer w.Abort() //nolint:errcheck // what is not committed is swept
	n, err := io.Copy(w, io.LimitReader(from, h.config.MaxFile+1))
	if err != nil {
		if errors.Is(err, store.ErrUnavailable) {
			return nil, err
		}
		return nil, bodyError(err)
	}
	if n > h.config.MaxFile {
		return nil, fault.TooLarge("a file is larger than %d bytes", h.config.MaxFile)
	}
	sha, size, err := w.Commit()
	return &reportstore.File{SHA256: sha, Bytes: size, Uploader: auth.From(ctx).TokenID}, err
}

func fileStatus(created bool) int {
	if created {
		return http.StatusCreated
	}
	return http.StatusOK
}

// form is what a multipart upload holds. The fields may come after the files.
type form struct {
	fields map[string]string
	files  []*reportstore.File // Path is the file's own name until the folder is known
}

const maxFormField = 4096

// UploadFiles stores the files of a form in the folder that its fields name.
func (h *Handler) UploadFiles(ctx context.Context, _ reportsapi.UploadFilesRequestObject) (reportsapi.Response, error) {
	raw, ok := upload.FromContext(ctx)
	if !ok {
		return nil, errors.New("the body was not put aside")
	}
	r := &http.Request{Header: http.Header{"Content-Type": {raw.ContentType}}, Body: raw.Body}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, fault.Unsupported("The Content-Type must be multipart/form-data, with a boundary").Because(err)
	}
	in := form{fields: map[string]string{}}
	if err := h.readForm(ctx, parts, &in); err != nil {
		return nil, err
	}
	names, err := in.place()
	if err != nil {
		return nil, err
	}
	if err := mayUpload(ctx, in.fields["lab_name"], in.files); err != nil {
		return nil, err
	}
	created, err := h.writer(ctx).SaveFiles(ctx, in.files)
	if err != nil {
		return nil, err
	}
	var result []uploaded
	for i, f := range in.files {
		result = append(result, uploaded{Status: fileStatus(created[i]), Filename: names[i], Bytes: f.Bytes})
	}
	return done(outcome{Code: http.StatusOK, Result: result}), nil
}

func (h *Handler) readForm(ctx context.Context, parts *multipart.Reader, in *form) error {
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return bodyError(err)
		}
		if err := h.readPart(ctx, part, in); err != nil {
			return err
		}
	}
}

func (h *Handler) readPart(ctx context.Context, part *multipart.Part, in *form) error {
	if name := fileName(part); name != "" {
		if len(in.files) == h.config.MaxFiles {
			return fault.InvalidField("form", part.FormName(), "is one file too many; a form may have %d", h.config.MaxFiles)
		}
		f, err := h.keep(ctx, part)
		if err == nil {
			f.Path = name
			in.files = append(in.files, f)
		}
		return err
	}
	text, err := io.ReadAll(io.LimitReader(part, maxFormField+1))
	switch {
	case err != nil:
		return bodyError(err)
	case len(text) > maxFormField:
		return fault.InvalidField("form", part.FormName(), "is longer than %d bytes", maxFormField)
	}
	if len(in.fields) < maxFormFields {
		in.fields[part.FormName()] = strings.TrimSpace(string(text))
	}
	return nil
}

// fileName is the name that the client gave a file, with its folders: KernelCI's
// builders send dtbs/board.dtb. Part.FileName would drop them.
func fileName(part *multipart.Part) string {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return params["filename"]
}

// maxFormFields is as many as are looked at; a form has eight that mean anything.
const maxFormFields = 64

// place gives every file its path and returns the names that they came with, or
// says what is wrong with the form before any of them is visible.
func (in *form) place() (names []string, err error) {
	if len(in.files) == 0 {
		return nil, fault.Invalid("No files provided")
	}
	folder, err := in.folder()
	if err != nil {
		return nil, err
	}
	for _, f := range in.files {
		names = append(names, f.Path)
		if f.Path, err = filePath(folder + "/" + withoutDots(f.Path)); err != nil {
			return nil, fault.InvalidField("form", "path", "with the name of a file %s", err)
		}
	}
	return names, nil
}

// folder is path, or what the original makes of the fields of a build and, for a
// lab's files, the lab (app/handlers/upload.py).
func (in *form) folder() (string, error) {
	if p := in.fields["path"]; p != "" {
		p = withoutDots(strings.TrimSuffix(p, "/"))
		if _, err := filePath(p); err != nil {
			return "", fault.InvalidField("form", "path", "%s", err)
		}
		return p, nil
	}
	if in.fields["defconfig_full"] != "" {
		in.fields["defconfig"] = in.fields["defconfig_full"]
	}
	var segments []string
	for _, name := range []string{"job", "git_branch", "kernel", "arch", "defconfig"} {
		if in.fields[name] == "" {
			return "", fault.InvalidField("form", name, "is missing; a form needs path, or job, git_branch, kernel, arch and defconfig")
		}
		segments = append(segments, in.fields[name])
	}
	if lab := in.fields["lab_name"]; lab != "" {
		segments = append(segments, lab)
	}
	return strings.Join(segments, "/"), nil
}

// GetFile sends the bytes of an uploaded file.
func (h *Handler) GetFile(ctx context.Context, req reportsapi.GetFileRequestObject) (reportsapi.Response, error) {
	name, err := filePath(req.FilePath)
	if err != nil {
		return nil, fault.InvalidField("path", "file_path", "%s", err)
	}
	f, err := h.seen(ctx).File(ctx, name)
	if err != nil {
		return nil, notFound(err, name)
	}
	if f.Expired != 0 {
		return nil, fault.Expired("the file %s has expired; it may be uploaded again", name)
	}
	blob, err := h.store.Blobs.Open(ctx, f.SHA256)
	if err != nil {
		return nil, fmt.Errorf("file %.80q: %w", name, download.Lost(err))
	}
	return download.Respond(ctx, download.File{
		Name: path.Base(f.Path), Tag: f.SHA256, SHA256: f.SHA256, Modified: f.UploadedAt, Size: f.Bytes, Content: blob, Close: blob.Close,
	}), nil
}
