package subunit

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// Gunzip takes one gzip layer, all of its members, from src to dst and returns
// the number of bytes written. Damage is nil if all went well. If src is cut or
// broken, or more than limit bytes come out of it, what could be read is
// written all the same and the damage says what happened.
//
// The error is that of reading src or writing dst.
func Gunzip(dst io.Writer, src io.Reader, limit int64) (int64, *Damage, error) {
	fault := &faultReader{r: src}
	counted := &countingReader{r: fault}
	in := bufio.NewReaderSize(counted, 64<<10)
	damage := func(reason string) *Damage {
		return &Damage{Offset: counted.n - int64(in.Buffered()), Kind: KindGzip, Reason: reason}
	}
	z, err := gzip.NewReader(in)
	if fault.err != nil {
		return 0, nil, fault.err
	}
	if err != nil {
		return 0, damage(gzipReason(err)), nil
	}
	out := &errWriter{w: dst}
	n, err := io.Copy(out, io.LimitReader(z, max(0, limit)))
	switch {
	case out.err != nil:
		return n, nil, out.err
	case fault.err != nil:
		return n, nil, fault.err
	case err != nil:
		return n, damage(gzipReason(err)), nil
	case n < limit:
		return n, nil, nil
	}
	// Exactly at the limit: it matters whether anything would have followed.
	var one [1]byte
	switch more, err := io.ReadFull(z, one[:]); {
	case fault.err != nil:
		return n, nil, fault.err
	case more > 0:
		return n, damage(fmt.Sprintf("more than %d bytes come out of it; the rest is not read", limit)), nil
	case err != io.EOF:
		return n, damage(gzipReason(err)), nil
	}
	return n, nil, nil
}

// gzipReason says what is wrong with a gzip stream.
func gzipReason(err error) string {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the gzip stream is cut short"
	case errors.Is(err, gzip.ErrHeader):
		return "bytes that are no gzip member"
	case errors.Is(err, gzip.ErrChecksum):
		return "the gzip checksum is wrong"
	}
	reason, _ := cut("broken gzip stream: "+err.Error(), 200)
	return reason
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// errWriter remembers that it was the writing that failed.
type errWriter struct {
	w   io.Writer
	err error
}

func (e *errWriter) Write(p []byte) (int, error) {
	n, err := e.w.Write(p)
	if err != nil {
		e.err = err
	}
	return n, err
}
