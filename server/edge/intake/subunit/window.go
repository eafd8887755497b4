package subunit

import (
	"fmt"
	"io"
)

// window is a sliding view of the input. It moves forward over the bytes and
// grows only when somebody asks for a longer piece at once; the longest such
// piece is a v2 packet or a v1 line, both below maxPiece.
type window struct {
	r    io.ReaderAt
	size int64

	buf []byte // the part of the input that is in memory
	off int64  // where buf stands in the input
}

const (
	windowStart = 256 << 10
	maxPiece    = 4 << 20
)

// newWindow starts with a small buffer; tests make it tiny.
func newWindow(r io.ReaderAt, size int64, start int) *window {
	return &window{r: r, size: size, buf: make([]byte, 0, max(1, min(int64(start), size)))}
}

// view returns all bytes in memory from pos on, at least n of them unless the
// input ends before. They are valid until the next call. Asking for places
// further and further on costs each byte at most two copies.
func (w *window) view(pos int64, n int) ([]byte, error) {
	at := pos - w.off
	if at >= 0 && at+int64(n) <= int64(len(w.buf)) {
		return w.buf[at:], nil
	}
	if pos >= w.size {
		return nil, nil
	}
	if end := w.off + int64(len(w.buf)); at >= 0 && end == w.size && pos < end {
		return w.buf[at:], nil
	}
	if err := w.slide(pos, n); err != nil {
		return nil, err
	}
	return w.buf, nil
}

// slide makes pos the start of the buffer and fills it.
func (w *window) slide(pos int64, n int) error {
	kept := 0
	old := w.buf
	if at := pos - w.off; at >= 0 && at < int64(len(old)) {
		old = old[at:]
		kept = len(old)
	}
	if 2*n > cap(w.buf) && int64(cap(w.buf)) < w.size {
		w.buf = make([]byte, 0, min(int64(2*n), w.size))
	}
	w.buf = w.buf[:kept]
	if kept > 0 {
		copy(w.buf, old)
	}
	w.off = pos
	want := int(min(int64(cap(w.buf)), w.size-pos))
	w.buf = w.buf[:want]
	got, err := w.r.ReadAt(w.buf[kept:], pos+int64(kept))
	if got < want-kept {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("read upload at byte %d: %w", pos+int64(kept)+int64(got), err)
	}
	return nil
}
