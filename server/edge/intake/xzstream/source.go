package xzstream

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash"
	"io"
)

// source is the file. It counts what was read; that it ends is the error errCut.
type source struct {
	buf *bufio.Reader
	n   int64
}

// take returns the next bytes, which stay until the next call.
func (s *source) take(size int) ([]byte, error) {
	p, err := s.buf.Peek(size)
	if err != nil {
		return nil, cut(err)
	}
	_, _ = s.buf.Discard(size) // which is in the buffer
	s.n += int64(size)
	return p, nil
}

func (s *source) ReadByte() (byte, error) {
	c, err := s.buf.ReadByte()
	if err != nil {
		return 0, cut(err)
	}
	s.n++
	return c, nil
}

// zeros reads what fills the size up to a multiple of four.
func (s *source) zeros(size int64) error {
	for ; size%padBytes != 0; size++ {
		c, err := s.ReadByte()
		if err != nil {
			return err
		}
		if c != 0 {
			return errChunk
		}
	}
	return nil
}

func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return errCut
	}
	return err
}

// summing is a source whose bytes are summed.
type summing struct {
	in  *source
	sum hash.Hash
}

func (s *summing) ReadByte() (byte, error) {
	c, err := s.in.ReadByte()
	if err == nil {
		_, _ = s.sum.Write([]byte{c})
	}
	return c, err
}

// number reads a number of up to 63 bits, seven in each byte.
func number(in io.ByteReader) (n int64, err error) {
	for shift := 0; shift < 63; shift += 7 {
		c, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		n |= int64(c&0x7f) << shift
		if c&0x80 == 0 {
			if c == 0 && shift > 0 {
				return 0, errIndex // longer than it needs to be
			}
			return n, nil
		}
	}
	return 0, errIndex
}

// chunk is the header of a piece of LZMA2.
type chunk struct {
	header, data int // bytes; no data: the end of the block
	out          int64
	raw          bool
}

// The first byte of a chunk's header.
const (
	chunkEnd   = 0
	chunkRaw   = 2    // and 1
	chunkLZMA  = 0x80 // and more
	chunkProps = 0xc0 // and more: with new properties
)

// chunkAt reads a header; ok is false when head is too short for it.
func chunkAt(head []byte) (c chunk, ok bool, err error) {
	if len(head) == 0 {
		return c, false, nil
	}
	first := head[0]
	switch {
	case first == chunkEnd:
		return chunk{header: 1}, true, nil
	case first <= chunkRaw:
		if c.header = 3; len(head) < c.header {
			return c, false, nil
		}
		c.raw = true
		c.data = int(binary.BigEndian.Uint16(head[1:])) + 1
		c.out = int64(c.data)
		return c, true, nil
	case first < chunkLZMA:
		return c, false, errChunk
	}
	if c.header = 5; first >= chunkProps {
		c.header = 6
	}
	if len(head) < c.header {
		return c, false, nil
	}
	c.out = int64(first&0x1f)<<16 + int64(binary.BigEndian.Uint16(head[1:])) + 1
	c.data = int(binary.BigEndian.Uint16(head[3:])) + 1
	if first >= chunkProps && !properties(head[5]) {
		return c, false, errChunk
	}
	return c, true, nil
}

// properties reports whether a chunk may have them. Others would fill up to 6 MiB of
// memory for every chunk.
func properties(b byte) bool {
	lc, lp := b%9, b/9%5
	return b < 9*5*5 && lc+lp <= 4
}

const chunkHeader = 6

// announced returns how much comes out of the chunks that follow, at most the limit, and
// the limit where that cannot be seen from here. So a dictionary is not larger than what
// there is to put into it, whatever a header claims.
func announced(in *bufio.Reader, limit int64) (out int64) {
	for at := 0; out < limit; {
		head, err := in.Peek(at + chunkHeader)
		if errors.Is(err, bufio.ErrBufferFull) {
			return limit
		}
		c, ok, _ := chunkAt(head[min(at, len(head)):])
		if !ok || c.data == 0 {
			return out
		}
		out += c.out
		at += c.header + c.data
	}
	return limit
}

// chunks hands the data of a block to the decoder, and looks at the headers in it.
type chunks struct {
	in           *source
	header, data int // bytes that are left
	raw, ended   bool
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.header == 0 && c.data == 0 {
		if c.ended {
			return 0, errChunk
		}
		head, err := c.in.buf.Peek(chunkHeader)
		next, ok, broken := chunkAt(head)
		switch {
		case broken != nil:
			return 0, broken
		case !ok:
			return 0, cut(err)
		}
		c.header, c.data, c.raw, c.ended = next.header, next.data, next.raw, next.data == 0
	}
	left := &c.header
	if c.header == 0 {
		left = &c.data
		// The decoder reads packed data by the byte. When it reads more, it takes
		// data for a header, which nobody has looked at.
		if !c.raw && len(p) > 1 {
			return 0, errChunk
		}
	}
	n, err := c.in.buf.Read(p[:min(len(p), *left)])
	c.in.n += int64(n)
	*left -= n
	return n, cut(err)
}
