package upload

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"strings"
)

// partReader reads a multipart/form-data body part by part.
type partReader struct {
	*reader
	source *partSource
	file   *bufio.Writer // gathers the short reads that parts come in
}

// multipart reads the body as multipart/form-data. A body that ends without
// its closing boundary was cut and is Malformed, however much could be read.
func (r *reader) multipart(boundary string) error {
	if boundary == "" {
		return malformed("", "the Content-Type multipart/form-data has no boundary")
	}
	p := &partReader{
		reader: r,
		source: &partSource{r: r.in, lineEnd: "\r\n"},
		file:   bufio.NewWriterSize(r.sink, formChunk),
	}
	parts := multipart.NewReader(p.source, boundary)
	for n := 0; ; n++ {
		part, err := p.next(parts)
		if err == io.EOF {
			break
		}
		if err != nil {
			return p.blame(err)
		}
		if n == r.opts.Limits.Parts {
			return tooLarge("", "the multipart body has more than %d parts", n)
		}
		if err := p.read(part); err != nil {
			return p.blame(err)
		}
	}
	if err := p.file.Flush(); err != nil {
		return err
	}
	// The rest means nothing, but only its end tells that all of it arrived.
	_, err := io.Copy(io.Discard, r.in)
	return err
}

// boundary returns the boundary that a Content-Type names, or "". Some clients
// write a boundary with characters that need quotation marks without them,
// which the standard library refuses.
func boundary(contentType string) string {
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		return params["boundary"]
	}
	for param := range strings.SplitSeq(contentType, ";") {
		name, value, _ := strings.Cut(param, "=")
		if strings.EqualFold(strings.TrimSpace(name), "boundary") {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

// next finds the next part and reads its header under the limit.
func (p *partReader) next(parts *multipart.Reader) (*multipart.Part, error) {
	p.source.left, p.source.inHeader = p.opts.Limits.PartHeader, true
	defer func() { p.source.inHeader = false }()
	return parts.NextRawPart()
}

// read takes in one part. Parts without a name mean nothing in a form.
func (p *partReader) read(part *multipart.Part) error {
	var name, filename string
	var named bool
	if header := part.Header.Get("Content-Disposition"); header != "" {
		_, params, err := mime.ParseMediaType(header)
		if err != nil {
			return malformed("", "a part of the multipart body has a Content-Disposition that cannot be read")
		}
		name = params["name"]
		filename, named = params["filename"]
	}
	content := transferDecoded(part)
	switch what, field := p.opts.role([]byte(name)); what {
	case roleFile:
		if err := p.beginFile(part, filename); err != nil {
			return err
		}
		return p.readFile(content, filename, named)
	case roleText:
		return p.readText(content, field)
	}
	_, err := io.Copy(io.Discard, content)
	return err
}

// beginFile tells the caller that another file begins, if it wants to know.
func (p *partReader) beginFile(part *multipart.Part, filename string) error {
	if p.opts.Part == nil {
		return nil
	}
	if err := p.file.Flush(); err != nil {
		return err
	}
	if err := p.opts.Part(repair([]byte(filename)), repair([]byte(part.Header.Get("Content-Type")))); err != nil {
		p.sink.err = err // it is the caller's, not a fault of the body
		return err
	}
	return nil
}

func (p *partReader) readFile(content io.Reader, filename string, named bool) error {
	n, err := io.Copy(p.file, content)
	if err != nil {
		return err
	}
	info := &p.reader.file
	info.given = true
	info.Posted = info.Posted || n > 0 || (named && filename != "")
	if info.Filename == "" {
		info.Filename = repair([]byte(filename))
	}
	return nil
}

func (p *partReader) readText(content io.Reader, field string) error {
	if err := p.countField(); err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(content, int64(p.opts.Limits.Text)+1))
	if err != nil {
		return err
	}
	return p.text(field, text, inForm)
}

// transferDecoded undoes a Content-Transfer-Encoding. RFC 7578 section 4.7
// forbids it in HTTP, but mail libraries that build forms write it, and a
// result stored as base64 would be one that nobody can read.
func transferDecoded(part *multipart.Part) io.Reader {
	switch strings.ToLower(strings.TrimSpace(part.Header.Get("Content-Transfer-Encoding"))) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, part)
	case "quoted-printable":
		return quotedprintable.NewReader(part)
	}
	return part
}

// blame turns an error of the libraries into one for the client.
func (p *partReader) blame(err error) error {
	if cause := p.reader.blame(nil); cause != nil {
		return cause
	}
	var known *Error
	switch {
	case p.source.over || errors.Is(err, multipart.ErrMessageTooLarge):
		return tooLarge("", "a part of the multipart body has a header of more than %d bytes", p.opts.Limits.PartHeader)
	case errors.As(err, &known):
		return known
	case p.source.ended:
		return &Error{Kind: Malformed, Reason: "the multipart body ends before its closing boundary", Err: err}
	}
	return &Error{Kind: Malformed, Reason: "the multipart body cannot be read", Err: err}
}

// The reasons for which partSource stops.
var (
	errHeader = errors.New("part header over its limit")
	errEnd    = errors.New("end of the body")
)

// partSource stands between the body and the library, for two things the
// library does not do. It bounds the header of a part and what stands before
// the first part, for which the library allows 10 MiB. And it never says
// io.EOF: the library passes that on from inside a part's header (Go 1.26,
// textproto.ReadMIMEHeader) and from behind the closing boundary alike, so a
// cut body would look complete. Instead the body gets one more line end, which
// a closing boundary at the very end may lack, and then ends in errEnd.
type partSource struct {
	r        io.Reader
	inHeader bool
	left     int // of the header
	over     bool
	last     byte // the last byte read
	lineEnd  string
	ended    bool
}

func (s *partSource) Read(p []byte) (int, error) {
	if s.ended {
		n := copy(p, s.lineEnd)
		if s.lineEnd = s.lineEnd[n:]; n == 0 {
			return 0, errEnd
		}
		return n, nil
	}
	if s.inHeader && s.left <= 0 {
		s.over = true
		return 0, errHeader
	}
	n, err := s.r.Read(p)
	if s.inHeader {
		s.left -= n
	}
	s.note(p[:n])
	if err == io.EOF {
		s.ended, err = true, nil
	}
	return n, err
}

// note remembers how lines end in this body. The library takes the line end of
// the first boundary for all; the last one before the end is one of those.
func (s *partSource) note(p []byte) {
	if len(p) == 0 {
		return
	}
	if i := bytes.LastIndexByte(p, '\n'); i >= 0 {
		before := s.last
		if i > 0 {
			before = p[i-1]
		}
		if s.lineEnd = "\n"; before == '\r' {
			s.lineEnd = "\r\n"
		}
	}
	s.last = p[len(p)-1]
}
