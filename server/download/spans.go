package download

import (
	"errors"
	"io"

	"github.com/slipway-lab/slipway/store"
)

// spanReader reads pieces of a blob as one file.
type spanReader struct {
	from  io.ReaderAt
	spans []store.Span
	size  int64
	at    int64

	span  int   // the piece that holds at
	begin int64 // where that piece begins in the whole
}

// Spans returns pieces of a blob as one file, as attachments are stored.
func Spans(from io.ReaderAt, spans []store.Span) io.ReadSeeker {
	r := &spanReader{from: from, spans: spans}
	for _, s := range spans {
		r.size += s.Length
	}
	return r
}

// Read reads at most to the end of a piece.
func (r *spanReader) Read(p []byte) (int, error) {
	for r.span < len(r.spans) && r.at >= r.begin+r.spans[r.span].Length {
		r.begin += r.spans[r.span].Length
		r.span++
	}
	if r.span == len(r.spans) {
		return 0, io.EOF
	}
	s := r.spans[r.span]
	skip := r.at - r.begin
	n, err := r.from.ReadAt(p[:min(int64(len(p)), s.Length-skip)], s.Offset+skip)
	r.at += int64(n)
	if n > 0 {
		err = nil
	} else if err == io.EOF {
		err = io.ErrUnexpectedEOF // the blob is shorter than its spans say
	}
	return n, err
}

// Seek moves within the whole.
func (r *spanReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	r.at, r.span, r.begin = offset, 0, 0
	return offset, nil
}
