package upload

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strings"
)

// Request is what a call was sent.
type Request struct {
	Body        io.Reader         // decompressed; nil for none. Read does not close it
	ContentType string            // as sent; may be empty
	Query       string            // as sent, without "?"
	PathValues  map[string]string // decoded values from the path, by field name
}

// Options is what a call takes.
type Options struct {
	// Known names the text fields that are wanted. Others are passed over.
	// Together with FileFields they also decide whether a body that claims to
	// be a form is one.
	Known []string
	// FileFields names the fields that may hold the file. Default "file". If
	// there are several, they are names for the same thing.
	FileFields []string
	// RawBody allows a body that is the file itself. Without it a body in an
	// unknown Content-Type is Unsupported, and everything called a form is one.
	RawBody bool
	// Part, when not nil, is called before each part of a multipart body that is
	// named as the file, with its filename as in FileInfo, and when all bytes of the
	// one before have been written: the parts are files of their own. Its error
	// ends the reading. Without it the parts are one file.
	Part   func(filename, mediaType string) error
	Limits Limits
}

// Form is a request as it was read.
type Form struct {
	Values Values
	File   FileInfo
}

// FileInfo says what arrived as the file.
type FileInfo struct {
	// Posted is false when there was no file at all, and also when there was
	// an empty one that nobody named: a field without content, or a part
	// without content whose filename is empty or absent. A part with a filename
	// and no content is a posted, empty file.
	Posted bool
	// Filename is the first one given, repaired to UTF-8, otherwise as sent:
	// it may hold "../" and is no path.
	Filename string
	// Bytes is how much was written to the caller's writer.
	Bytes int64
	// Section is set when the written bytes are a JSON object around the file.
	Section *Section

	given bool // some field was called the file, even if it was not Posted
}

// Err returns an *Error of kind Missing that says why there is no file, and nil
// when there is one.
func (f FileInfo) Err(field string) error {
	switch {
	case f.Posted:
		return nil
	case f.given:
		return &Error{Kind: Missing, Field: field, Reason: field + " was posted without a filename and without content"}
	}
	return &Error{Kind: Missing, Field: field, Reason: field + " was not posted: send it as a form field, as a part, or as the whole body"}
}

// Read reads a request to its end and writes the file to file while it
// arrives. What was written is to be thrown away when Read fails, and is only
// a wrapping of the file when the result has a Section.
//
// Errors are *Error for faults of the request, *BodyError when the body could
// not be read to its end, and otherwise what file.Write returned, wrapped. A
// request without a file is no error here; see FileInfo.Err. Conflicts between
// values are found when the fields are read from Form.Values.
func Read(ctx context.Context, req Request, opts Options, file io.Writer) (*Form, error) {
	if len(opts.FileFields) == 0 {
		opts.FileFields = []string{"file"}
	}
	r := newReader(opts, false)
	return r.read(ctx, req, file)
}

// ReadText reads a request that has text fields only: form, multipart, JSON
// object or no body. opts.FileFields and opts.RawBody do not count. Numbers and
// booleans of a JSON object become text, null is no value. The whole body is
// held to Limits.TextBody. Errors are those of Read.
func ReadText(ctx context.Context, req Request, opts Options) (Values, error) {
	opts.FileFields, opts.RawBody = nil, false
	r := newReader(opts, true)
	form, err := r.read(ctx, req, io.Discard)
	if err != nil {
		return nil, err
	}
	return form.Values, nil
}

// reader reads one request.
type reader struct {
	opts     Options
	textOnly bool
	values   Values
	fields   int // text fields met in the body
	file     FileInfo
	body     *bodyReader
	in       *bufio.Reader // over body
	sink     *fileSink
}

func newReader(opts Options, textOnly bool) *reader {
	opts.Limits = opts.Limits.WithDefaults()
	return &reader{opts: opts, textOnly: textOnly, values: Values{}}
}

func (r *reader) read(ctx context.Context, req Request, file io.Writer) (*Form, error) {
	for name, text := range req.PathValues {
		if err := r.text(name, []byte(text), inPath); err != nil {
			return nil, err
		}
	}
	queryFile, err := r.query(req.Query)
	if err != nil {
		return nil, err
	}
	r.sink = &fileSink{w: file, limit: r.opts.Limits.File, rest: queryFile}
	if r.sink.field = "file"; len(r.opts.FileFields) > 0 {
		r.sink.field = r.opts.FileFields[0]
	}
	r.body = newBodyReader(ctx, req.Body, r.bodyLimit())
	r.in = bufio.NewReaderSize(r.body, r.bufSize())
	if err := r.readBody(req.ContentType); err != nil {
		return nil, r.blame(err)
	}
	if err := r.mergeFile(queryFile); err != nil {
		return nil, err
	}
	r.file.Bytes = r.sink.n
	return &Form{Values: r.values, File: r.file}, nil
}

// readBody chooses how to read the body.
func (r *reader) readBody(contentType string) error {
	start, err := r.in.Peek(r.longestName() + 1)
	if len(start) == 0 {
		if err == io.EOF {
			return nil
		}
		return err
	}
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	switch {
	case mediaType == "application/x-www-form-urlencoded" && (!r.opts.RawBody || r.startsForm(start)):
		err = r.form()
		r.file.Posted = r.file.Posted || r.sink.n > 0
	case mediaType == "multipart/form-data":
		err = r.multipart(boundary(contentType))
	case (mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")) && (r.textOnly || r.opts.RawBody):
		err = r.json()
	case r.opts.RawBody:
		r.file.Posted = true
		_, err = io.Copy(r.sink, r.in)
	default:
		err = &Error{Kind: Unsupported, Reason: "the operation does not read this Content-Type"}
	}
	return err
}

// startsForm tells a form from a file that is only called a form: it starts
// with a known field name and "=".
func (r *reader) startsForm(start []byte) bool {
	for _, names := range [][]string{r.opts.FileFields, r.opts.Known} {
		for _, name := range names {
			if strings.HasPrefix(string(start), name+"=") {
				return true
			}
		}
	}
	return false
}

func (r *reader) longestName() int {
	longest := 0
	for _, name := range slices.Concat(r.opts.FileFields, r.opts.Known) {
		longest = max(longest, len(name))
	}
	return longest
}

// mergeFile deals with a file in the query string: it is the file if the body
// has none, and must otherwise be the same.
func (r *reader) mergeFile(queryFile []byte) error {
	switch {
	case len(queryFile) == 0:
		return nil
	case !r.file.Posted:
		r.file.Posted = true
		if r.sink.n > 0 { // behind a JSON body that says "file": null
			r.file.Section = &Section{Offset: r.sink.n, Length: int64(len(queryFile))}
		}
		_, err := r.sink.Write(queryFile)
		return err
	case r.file.Section == nil && r.sink.matches():
		return nil
	}
	return conflict(r.sink.field, inQuery, "body")
}

// blame finds the error that caused another one. Libraries in between wrap or
// replace what the body or the file's writer said.
func (r *reader) blame(err error) error {
	switch {
	case r.body.err != nil:
		return r.body.err
	case r.sink.err != nil:
		return r.sink.err
	}
	return err
}

func (r *reader) bodyLimit() int64 {
	if r.textOnly {
		return r.opts.Limits.TextBody
	}
	return r.opts.Limits.Body
}

func (r *reader) bufSize() int {
	if r.textOnly {
		return 4 << 10
	}
	return formChunk
}
