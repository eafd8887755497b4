package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// Checked reads a blob from its beginning and lets the last of it go only when all
// of it had the hash and the size that it was committed with; else it returns
// ErrContentLost. After a Seek to another place nothing is checked but the size.
func Checked(b io.ReadSeeker, sha256Hex string, size int64) io.ReadSeeker {
	return &checked{from: b, want: sha256Hex, size: size, hash: sha256.New()}
}

type checked struct {
	from io.ReadSeeker
	want string
	size int64
	pos  int64

	hash   hash.Hash
	hashed int64
}

func (c *checked) Read(p []byte) (int, error) {
	if len(p) == 0 || c.pos >= c.size {
		return 0, c.end()
	}
	p = p[:min(int64(len(p)), c.size-c.pos)]
	n, err := c.from.Read(p)
	if c.hashed == c.pos {
		c.hash.Write(p[:n])
		c.hashed += int64(n)
	}
	c.pos += int64(n)
	switch {
	case c.pos == c.size:
		if err := c.end(); err != io.EOF {
			return 0, err
		}
		return n, nil
	case err == io.EOF:
		return n, fmt.Errorf("blob %s: %w: it ends at byte %d of %d", c.want, ErrContentLost, c.pos, c.size)
	}
	return n, err
}

// end is io.EOF when nothing is known against what was read.
func (c *checked) end() error {
	if c.hashed == c.size && hex.EncodeToString(c.hash.Sum(nil)) != c.want {
		return fmt.Errorf("blob %s: %w: the hash of its %d bytes is another", c.want, ErrContentLost, c.size)
	}
	return io.EOF
}

func (c *checked) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		offset, whence = c.size+offset, io.SeekStart
	}
	at, err := c.from.Seek(offset, whence)
	if err == nil {
		c.pos = at
	}
	return at, err
}
