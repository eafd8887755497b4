package upload

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

// bodyReader reads the body under a limit and a context, and remembers why it
// stopped. Its errors other than io.EOF are *BodyError or *Error.
type bodyReader struct {
	ctx   context.Context // of the request; it lives exactly as long as this reader
	r     io.Reader
	left  int64
	limit int64
	err   error
}

// noProgress is how many empty reads in a row are taken for a broken reader.
const noProgress = 100

func newBodyReader(ctx context.Context, body io.Reader, limit int64) *bodyReader {
	if body == nil {
		body = bytes.NewReader(nil)
	}
	return &bodyReader{ctx: ctx, r: body, left: limit, limit: limit}
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	for range noProgress {
		if err := b.ctx.Err(); err != nil {
			return 0, b.fail(&BodyError{Err: err})
		}
		// One byte more than allowed tells a body that is too large from one
		// that just fits.
		n, err := b.r.Read(p[:min(int64(len(p)), b.left+1)])
		if b.left -= int64(n); b.left < 0 {
			return 0, b.fail(tooLarge("", "the body is larger than %d bytes", b.limit))
		}
		if err != nil && err != io.EOF {
			return n, b.fail(&BodyError{Err: err})
		}
		if n > 0 || err == io.EOF {
			return n, err
		}
	}
	return 0, b.fail(&BodyError{Err: io.ErrNoProgress})
}

func (b *bodyReader) fail(err error) error {
	b.err = err
	return err
}

// fileSink passes the file on to the caller's writer under a limit, remembers
// why it stopped, and compares what passes with what the query gave.
type fileSink struct {
	w      io.Writer
	limit  int64
	field  string // the file's name in messages
	n      int64
	err    error
	rest   []byte // what should still come, if the file is to equal the query's
	differ bool
}

func (s *fileSink) Write(p []byte) (int, error) {
	if s.err != nil || len(p) == 0 {
		return 0, s.err
	}
	if int64(len(p)) > s.limit-s.n {
		s.err = tooLarge(s.field, "%s is larger than %d bytes", s.field, s.limit)
		return 0, s.err
	}
	n, err := s.w.Write(p)
	s.n += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		s.err = fmt.Errorf("write the uploaded file: %w", err)
		return n, s.err
	}
	if after, ok := bytes.CutPrefix(s.rest, p); ok {
		s.rest = after
	} else {
		s.differ = true
	}
	return n, nil
}

// matches reports whether exactly the query's file has passed.
func (s *fileSink) matches() bool { return !s.differ && len(s.rest) == 0 }
