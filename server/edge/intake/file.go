package intake

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake/subunit"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// File is an upload in the blob store.
type File struct {
	SHA256 string
	Size   int64
	Name   string // as the client called it; may be empty, and is no path
}

// Result returns a result of the file, with what is known of it before it is
// read.
func (f File) Result() *resultstore.Result { return NewResult([]File{f}) }

// NewResult returns a result of files that were posted together, with what is known
// of it before they are read. Several files are known by their list, each on a line
// as sha256sum writes it.
func NewResult(files []File) *resultstore.Result {
	r := &resultstore.Result{}
	list := sha256.New()
	for _, f := range files {
		r.SHA256 = f.SHA256
		r.Bytes += f.Size
		fmt.Fprintf(list, "%s  %s\n", f.SHA256, f.Name)
	}
	if len(files) != 1 {
		r.SHA256 = hex.EncodeToString(list.Sum(nil))
	}
	r.ContentSHA256, r.ContentBytes = r.SHA256, r.Bytes
	return r
}

// Receive streams the file of a request to the blob store and reads the text
// fields around it. opts.Limits.File is the intake's own. Faults of the request
// come back as *fault.Fault; a request without a file is one of them. Several
// parts are one file.
func (in *Intake) Receive(ctx context.Context, req upload.Request, opts upload.Options) (File, *upload.Form, error) {
	files, form, err := in.receive(ctx, req, opts, &splitter{ctx: ctx, blobs: in.Blobs})
	if err != nil {
		return File{}, nil, err
	}
	return files[0], form, nil
}

// ReceiveFiles is Receive for a call that takes several files, each a part of a
// form. Parts without a name and without content are none.
func (in *Intake) ReceiveFiles(ctx context.Context, req upload.Request, opts upload.Options) ([]File, *upload.Form, error) {
	s := &splitter{ctx: ctx, blobs: in.Blobs, most: min(in.Limits.Members, maxParts)}
	opts.Part = s.next
	return in.receive(ctx, req, opts, s)
}

func (in *Intake) receive(ctx context.Context, req upload.Request, opts upload.Options, s *splitter) ([]File, *upload.Form, error) {
	defer s.abort()
	opts.Limits.File = in.Limits.File
	opts.Limits.Parts = max(s.most, upload.Limits{}.WithDefaults().Parts) + opts.Limits.WithDefaults().Fields
	if u := strangerOf(ctx); u != nil {
		opts.Limits.File = min(opts.Limits.File, u.most)
		req.Body = u.bodyOf(ctx, req.Body)
	}
	form, err := upload.Read(ctx, req, opts, s)
	if err != nil {
		return nil, nil, withoutCredential(ctx, Fault(err))
	}
	name := "file"
	if len(opts.FileFields) > 0 {
		name = opts.FileFields[0]
	}
	if err := form.File.Err(name); err != nil {
		return nil, nil, Fault(err)
	}
	if err := s.end(); err != nil {
		return nil, nil, err
	}
	files := s.posted()
	if form.File.Section != nil {
		files[0], err = in.unwrap(ctx, files[0], *form.File.Section)
	}
	return files, form, err
}

// maxParts bounds the files of one form: each is a blob of its own, kept open until
// the rows that name it are there. An archive may hold more.
const maxParts = 1000

// splitter writes what it is given into one blob after the other.
type splitter struct {
	ctx   context.Context // of the request
	blobs store.Blobs
	most  int // files

	open  store.BlobWriter // nil before the first byte
	name  string           // of the open one
	begun int
	files []File
}

// next ends the file and begins another one.
func (s *splitter) next(filename, _ string) error {
	if s.begun >= s.most {
		return fault.TooLarge("an upload has at most %d files", s.most)
	}
	if s.begun > 0 {
		if err := s.end(); err != nil {
			return err
		}
	}
	s.begun++
	s.name = filename
	return nil
}

func (s *splitter) Write(p []byte) (int, error) {
	if s.open == nil {
		var err error
		if s.open, err = s.blobs.Create(s.ctx); err != nil {
			return 0, err
		}
	}
	return s.open.Write(p)
}

// end keeps the file.
func (s *splitter) end() error {
	if _, err := s.Write(nil); err != nil { // so that there is one
		return err
	}
	sha, size, err := s.open.Commit()
	if err == nil {
		spend(s.ctx, size)
	}
	s.files = append(s.files, File{SHA256: sha, Size: size, Name: s.name})
	s.open, s.name = nil, ""
	return err
}

func (s *splitter) abort() {
	if s.open != nil {
		_ = s.open.Abort() // after Commit it does nothing
	}
}

// posted returns the files, without those that a form has for an empty field.
func (s *splitter) posted() []File {
	var files []File
	for _, f := range s.files {
		if f.Size > 0 || f.Name != "" {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return s.files[:1]
	}
	return files
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
	return File{SHA256: sha, Size: size}, err
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
