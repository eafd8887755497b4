package intake

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-lab/slipway/server/edge/intake/formats"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/subunit"
	"github.com/slipway-lab/slipway/server/edge/intake/xzstream"
)

// One level of packing is taken off a post. What is packed a second time is not
// read, so a report in it is damage: it may hold a failure. A packed file that holds
// none, such as a browser's trace, is passed over like a picture.

const (
	nestedFiles = 1000     // of a packed file that are looked at
	nestedAll   = 10_000   // of all packed files of a post
	nestedBytes = 32 << 20 // that may come out of one meanwhile
)

var bzip2Magic = []byte("BZh")

// report returns what a packed file calls the first report in it, and the
// file's own name when it has no names. It is empty when there is no report, or
// none that can be unpacked. The error is that of reading the file.
func (n *nested) report(in report.Input) (string, error) {
	n.left = nestedBytes
	raw := &faultReaderAt{r: in.ReaderAt, left: -1}
	in.ReaderAt = raw
	name := n.find(in, raw)
	return name, raw.err
}

// find is report without the error, which raw remembers.
func (n *nested) find(in report.Input, raw *faultReaderAt) string {
	head := make([]byte, min(in.Size, headBytes))
	if _, err := in.ReadAt(head, 0); err != nil && err != io.EOF {
		return ""
	}
	switch {
	case isZip(head):
		return n.zip(in, raw)
	case isTar(head):
		return n.tar(in.Reader())
	}
	r := unpacked(head, in.Reader())
	if r == nil {
		return ""
	}
	if z, ok := r.(*zstd.Decoder); ok {
		defer z.Close()
	}
	prefix := n.prefix(r)
	switch {
	case isTar(prefix):
		return n.tar(io.MultiReader(bytes.NewReader(prefix), r))
	case n.isReport(prefix):
		return in.Name
	}
	return ""
}

// unpacked returns what comes out of a stream, nil when it is not packed.
func unpacked(head []byte, raw io.Reader) io.Reader {
	switch {
	case subunit.IsGzip(head):
		if z, err := gzip.NewReader(raw); err == nil {
			return z
		}
	case bytes.HasPrefix(head, zstdMagic):
		if z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow)); err == nil {
			return z
		}
	case bytes.HasPrefix(head, xzstream.Magic):
		return xzstream.NewReader(raw, maxWindow)
	case bytes.HasPrefix(head, bzip2Magic):
		return bzip2.NewReader(raw)
	}
	return nil
}

// unread are packings of which nothing is read, by how they begin. That of lzma alone has no
// beginning to be known by.
var unread = []struct{ magic, name string }{
	{"BZh", "bzip2"}, {"7z\xbc\xaf\x27\x1c", "7-Zip"}, {"Rar!\x1a\x07", "RAR"}, {"\x04\x22\x4d\x18", "lz4"}, {"LZIP", "lzip"},
}

// unreadPacking says how a file is packed that is not read because of it.
func unreadPacking(head []byte) string {
	for _, u := range unread {
		if bytes.HasPrefix(head, []byte(u.magic)) {
			return u.name
		}
	}
	return ""
}

// nested looks for reports in the packed files of a post.
type nested struct {
	readers []report.Reader
	left    int64 // bytes
	files   int   // that were looked at
}

// isReport judges the beginning of a file. Once too many were looked at, what is
// packed is passed over, as it is where it cannot be unpacked at all.
func (n *nested) isReport(prefix []byte) bool {
	n.files++
	return n.files <= nestedAll && formats.Likely(n.readers, prefix)
}

// prefix reads the beginning of a file. What is broken ends it.
func (n *nested) prefix(r io.Reader) []byte {
	head := make([]byte, max(0, min(n.left, report.PrefixBytes)))
	got, _ := io.ReadFull(r, head)
	n.left -= int64(got)
	return bytes.TrimPrefix(head[:got], []byte("\ufeff"))
}

func (n *nested) zip(in report.Input, raw *faultReaderAt) string {
	raw.left = nestedFiles*directoryBytes + directoryFree
	z, err := zip.NewReader(raw, in.Size)
	if z == nil || err != nil && len(z.File) == 0 {
		return ""
	}
	raw.left = -1
	for _, f := range z.File[:min(len(z.File), nestedFiles)] {
		if !f.Mode().IsRegular() || n.left <= 0 || n.files >= nestedAll {
			continue
		}
		r, err := f.Open()
		if err != nil {
			continue
		}
		prefix := n.prefix(r)
		r.Close()
		if n.isReport(prefix) {
			return f.Name
		}
	}
	return ""
}

func (n *nested) tar(r io.Reader) string {
	t := tar.NewReader(io.LimitReader(r, nestedBytes))
	for range nestedFiles {
		h, err := t.Next()
		if h == nil || err != nil && h.Name == "" {
			return ""
		}
		if h.Typeflag == tar.TypeReg && n.isReport(n.prefix(t)) {
			return h.Name
		}
	}
	return ""
}
