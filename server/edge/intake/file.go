package intake

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake/subunit"
	"github.com/slipway-lab/slipway/server/edge/upload"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// File is an upload in the blob store.
type File struct {
	SHA256 string
	Size   int64
}

// Result returns a result of the file, with what is known of it before it is
// read.
func (f File) Result() *resultstore.Result {
	return &resultstore.Result{SHA256: f.SHA256, Bytes: f.Size, ContentSHA256: f.SHA256, ContentBytes: f.Size}
}

// Receive streams the file of a request to the blob store and reads the text
// fields around it. opts.Limits.File is the intake's own. Faults of the request
// come back as *fault.Fault; a request without a file is one of them.
func (in *Intake) Receive(ctx context.Context, req upload.Request, opts upload.Options) (File, *upload.Form, error) {
	blob, err := in.Blobs.Create(ctx)
	if err != nil {
		return File{}, nil, err
	}
	defer blob.Abort() //nolint:errcheck // after Commit it does nothing
	opts.Limits.File = in.Limits.File
	if u := strangerOf(ctx); u != nil {
		opts.Limits.File = min(opts.Limits.File, u.most)
		req.Body = u.bodyOf(ctx, req.Body)
	}
	form, err := upload.Read(ctx, req, opts, blob)
	if err != nil {
		return File{}, nil, withoutCredential(ctx, Fault(err))
	}
	name := "file"
	if len(opts.FileFields) > 0 {
		name = opts.FileFields[0]
	}
	if err := form.File.Err(name); err != nil {
		return File{}, nil, Fault(err)
	}
	sha, size, err := blob.Commit()
	if err != nil {
		return File{}, nil, err
	}
	spend(ctx, size)
	file := File{sha, size}
	if form.File.Section != nil {
		file, err = in.unwrap(ctx, file, *form.File.Section)
	}
	return file, form, err
}

// withoutCredential says of an upload that is too large why its limit is low.
func withoutCredential(ctx context.Context, err error) error {
	var f *fault.Fault
	if !Stranger(ctx) || !errors.As(err, &f) || f.ID != "too-large" || strings.Contains(f.Detail, "without a credential") {
		return err
	}
	g := *f
	g.Detail += "; that is the limit without a credential (--max-anonymous-upload)"
	return &g
}

// unwrap stores the file that stood inside a JSON body. The body around it is
// left to the sweep, since somebody else may have uploaded the same bytes.
func (in *Intake) unwrap(ctx context.Context, body File, section upload.Section) (File, error) {
	whole, err := in.Blobs.Open(ctx, body.SHA256)
	if err != nil {
		return File{}, err
	}
	defer whole.Close()
	file, err := in.Keep(ctx, func(w io.Writer) error {
		_, err := io.Copy(w, section.Open(whole))
		return err
	})
	if err != nil || !section.Text {
		return file, err
	}
	return in.fromBase64(ctx, file)
}

// fromBase64 stores what stands in base64 in the text, when that is a v2 stream
// or gzip: a JSON string has no other way to carry them. Any other text is the
// file itself.
func (in *Intake) fromBase64(ctx context.Context, text File) (File, error) {
	blob, err := in.Blobs.Open(ctx, text.SHA256)
	if err != nil {
		return File{}, err
	}
	defer blob.Close()
	whole := io.NewSectionReader(blob, 0, blob.Size())
	var head [3]byte
	if _, err := io.ReadFull(base64.NewDecoder(base64.StdEncoding, whole), head[:]); err != nil || !isBinary(head) {
		return text, nil
	}
	_, _ = whole.Seek(0, io.SeekStart) // which cannot fail
	file, err := in.Keep(ctx, func(w io.Writer) error {
		_, err := io.Copy(w, base64.NewDecoder(base64.StdEncoding, whole))
		return err
	})
	var corrupt base64.CorruptInputError
	if errors.As(err, &corrupt) || errors.Is(err, io.ErrUnexpectedEOF) {
		return text, nil // words that happen to begin like it
	}
	return file, err
}

// isBinary reports whether a file begins as gzip or as a subunit packet of
// version 2.
func isBinary(head [3]byte) bool {
	return subunit.IsGzip(head[:]) || head[0] == 0xb3 && head[1]>>4 == 2
}

// Keep makes a file in the blob store of what write writes.
func (in *Intake) Keep(ctx context.Context, write func(io.Writer) error) (File, error) {
	blob, err := in.Blobs.Create(ctx)
	if err != nil {
		return File{}, err
	}
	defer blob.Abort() //nolint:errcheck // after Commit it does nothing
	if err := write(blob); err != nil {
		return File{}, err
	}
	sha, size, err := blob.Commit()
	if err == nil {
		spend(ctx, size)
	}
	return File{sha, size}, err
}

// AddressedRun is the run that the address of a call names, and the run_token
// beside it, before the body is read. It reports false when the address names none
// or is wrong, which shows when the whole request is read.
func AddressedRun(ctx context.Context, raw *upload.Raw, path map[string]string) (id int64, token string, named bool) {
	req := upload.Request{Query: raw.Query, PathValues: path}
	values, err := upload.ReadText(ctx, req, upload.Options{Known: []string{"test_id", "run_token"}})
	if err != nil {
		return 0, "", false
	}
	if id, named, err = values.ID("test_id"); err != nil || !named {
		return 0, "", false
	}
	token, err = values.Optional("run_token")
	return id, token, err == nil
}

// Fault gives what package upload found its status. Other errors pass unchanged.
func Fault(err error) error {
	var e *upload.Error
	if !errors.As(err, &e) {
		var body *upload.BodyError
		if errors.As(err, &body) {
			return fault.Body(body.Err)
		}
		return err
	}
	f := fault.Invalid("%s", e.Reason)
	switch e.Kind {
	case upload.TooLarge:
		f = fault.TooLarge("%s", e.Reason)
	case upload.Unsupported:
		f = fault.Unsupported("%s", e.Reason)
	}
	if e.Field != "" {
		f.Errors = []fault.Entry{{Parameter: e.Field, In: e.In, Message: e.Reason}}
	}
	return f.Because(e.Err)
}
