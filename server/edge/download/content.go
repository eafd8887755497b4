package download

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/slipway-lab/slipway/store"
)

// content is what http.ServeContent reads. It keeps the error that ServeContent
// would drop, and the beginning of the file, which was read before the status was
// written: bytes that cannot be read at all are an error then, and not an answer
// that breaks off.
type content struct {
	from io.ReadSeeker
	size int64
	pos  int64 // of the reader
	at   int64 // of from

	head []byte
	err  error
}

// headBytes is how much is read before the status is written. A file that is no
// longer is whole and checked by then.
const headBytes = 64 << 10

// content prepares the bytes for the request.
func (f File) content(r *http.Request) (*content, error) {
	size, err := f.Content.Seek(0, io.SeekEnd)
	if err == nil && size != f.Size {
		err = fmt.Errorf("%w: %d bytes of %d", store.ErrContentLost, size, f.Size)
	}
	if err == nil {
		_, err = f.Content.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, err
	}
	c := &content{from: f.Content, size: f.Size}
	if f.SHA256 != "" {
		c.from = store.Checked(f.Content, f.SHA256, f.Size)
	}
	if r.Method == http.MethodHead || r.Header.Get("Range") != "" {
		return c, nil
	}
	head := make([]byte, min(f.Size, headBytes))
	n, err := io.ReadFull(c.from, head)
	if err != nil {
		return nil, err
	}
	c.head, c.at = head, int64(n)
	return c, nil
}

func (c *content) Read(p []byte) (int, error) {
	if c.pos < int64(len(c.head)) {
		n := copy(p, c.head[c.pos:])
		c.pos += int64(n)
		return n, nil
	}
	if c.at != c.pos {
		at, err := c.from.Seek(c.pos, io.SeekStart)
		if err != nil {
			c.err = err
			return 0, err
		}
		c.at = at
	}
	n, err := c.from.Read(p)
	c.at, c.pos = c.at+int64(n), c.pos+int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	} else if err != nil && c.pos < c.size {
		c.err = fmt.Errorf("%w: it ends at byte %d of %d", store.ErrContentLost, c.pos, c.size)
	}
	return n, err
}

func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.pos
	case io.SeekEnd:
		offset += c.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	c.pos = offset
	return offset, nil
}
