package xmlfile

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"io"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Decoder makes files of texts that hold them as base64, within a budget for all
// of one upload, because a short text can stand for a long file.
type Decoder struct {
	in     io.ReaderAt
	sink   *report.Sink
	budget int64
	warned bool
}

// NewDecoder returns one for the texts of a file.
func NewDecoder(in io.ReaderAt, s *report.Sink) *Decoder {
	return &Decoder{in: in, sink: s, budget: s.Limits.DecompressedBytes}
}

// Add adds what a text stands for to the notes. packed says that it is compressed
// as well, with zlib or gzip. A text that cannot be decoded is kept as it is, and
// one that breaks off keeps its beginning; both are warned of.
func (d *Decoder) Add(n *Notes, name, mime string, t *Text, packed bool) {
	if t.Blank() {
		return
	}
	most := min(int64(n.room), d.budget)
	data, err := d.decode(t, packed, most+1)
	size := int64(len(data))
	data = data[:min(size, most)]
	d.budget -= int64(len(data))
	if err != nil && !d.warned {
		d.warned = true
		d.sink.Warn("%s cannot be decoded as a whole: %v", report.Quote(name), err)
	}
	if size == 0 && err != nil {
		n.Add(name, mime, t)
		return
	}
	n.AddFile(name, mime, data, size)
}

func (d *Decoder) decode(t *Text, packed bool, most int64) ([]byte, error) {
	r := base64.NewDecoder(base64.RawStdEncoding, &base64Text{r: t.Reader(d.in)})
	if packed {
		plain, err := unpack(r)
		if err != nil {
			return nil, err
		}
		r = plain
	}
	return io.ReadAll(io.LimitReader(r, most))
}

// unpack takes compression off. CTest says gzip where it means zlib.
func unpack(r io.Reader) (io.Reader, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	whole := io.MultiReader(bytes.NewReader(head), r)
	if head[0] == 0x1f && head[1] == 0x8b {
		return gzip.NewReader(whole)
	}
	return zlib.NewReader(whole)
}

// base64Text leaves out white space and padding, of which writers put too much.
type base64Text struct{ r io.Reader }

func (b *base64Text) Read(p []byte) (int, error) {
	for {
		n, err := b.r.Read(p)
		kept := 0
		for _, c := range p[:n] {
			if c != '=' && !spaces[c] {
				p[kept] = c
				kept++
			}
		}
		if kept > 0 || err != nil || n == 0 {
			return kept, err
		}
	}
}
