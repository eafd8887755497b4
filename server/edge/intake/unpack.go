package intake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/subunit"
	"github.com/slipway-lab/slipway/server/edge/intake/xzstream"
)

// unpacker takes the packing off what was posted, one level of it. What comes out
// is stored as a blob for each part, because attachments are read from it later.
type unpacker struct {
	in   *Intake
	open *openBlobs

	bytes   int64 // that may still come out
	members int   // likewise
}

func newUnpacker(in *Intake, open *openBlobs) *unpacker {
	return &unpacker{in: in, open: open, bytes: in.Limits.Decompressed, members: in.Limits.Members}
}

// The words for packings.
const (
	packedGzip    = "gzip"
	packedZstd    = "zstd"
	packedZip     = "zip"
	packedTar     = "tar"
	packedTarGzip = "tar.gz"
	packedTarZstd = "tar.zst"
	packedXz      = "xz"
	packedTarXz   = "tar.xz"
)

var (
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
	zipMagics = [][]byte{[]byte("PK\x03\x04"), []byte("PK\x05\x06"), []byte("PK\x07\x08PK\x03\x04")}
	tarMagic  = []byte("ustar")
)

// tarMagicAt is where tarMagic stands in the first block of a tar.
const tarMagicAt = 257

func isZip(head []byte) bool {
	return slices.ContainsFunc(zipMagics, func(m []byte) bool { return bytes.HasPrefix(head, m) })
}

func isTar(head []byte) bool {
	return len(head) > tarMagicAt && bytes.HasPrefix(head[tarMagicAt:], tarMagic)
}

// unpack returns the files in a posted file, itself if it is not packed, in the
// order of their names. What cannot be unpacked is damage of the part.
func (u *unpacker) unpack(ctx context.Context, f File) (*part, []*member, error) {
	p := &part{File: f, content: f}
	head, err := u.head(f)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case subunit.IsGzip(head):
		p.packing = packedGzip
		err = u.expand(ctx, p, u.gunzip)
	case bytes.HasPrefix(head, zstdMagic):
		p.packing = packedZstd
		err = u.expand(ctx, p, u.unzstd)
	case bytes.HasPrefix(head, xzstream.Magic):
		p.packing = packedXz
		err = u.expand(ctx, p, u.unxz)
	case isZip(head):
		p.packing = packedZip
		members, err := u.unzip(ctx, p)
		return p, u.whole(p, members), err
	}
	if err != nil {
		return nil, nil, err
	}
	if head, err = u.head(p.content); err != nil {
		return nil, nil, err
	}
	if !isTar(head) {
		return p, []*member{{part: p, name: f.Name, size: p.content.Size}}, nil
	}
	switch p.packing {
	case packedGzip:
		p.packing = packedTarGzip
	case packedZstd:
		p.packing = packedTarZstd
	case packedXz:
		p.packing = packedTarXz
	default:
		p.packing = packedTar
	}
	members, err := u.untar(p)
	return p, u.whole(p, members), err
}

// whole returns the members of an archive by their names, and the archive itself
// as one that cannot be read when it has none.
func (u *unpacker) whole(p *part, members []*member) []*member {
	if len(members) == 0 {
		if len(p.damage) == 0 {
			p.damaged(0, kindArchive, "the archive holds no file")
		}
		return []*member{{part: p, name: p.Name}}
	}
	slices.SortStableFunc(members, func(a, b *member) int { return cmp.Compare(a.name, b.name) })
	for i := 1; i < len(members); i++ {
		if members[i].name == members[i-1].name {
			members[i].warnings = append(members[i].warnings, "the archive has several files of this name; all of them are read")
		}
	}
	return members
}

// add makes a member of a part, unless there are too many.
func (u *unpacker) add(p *part, list []*member, name string, offset, size int64) ([]*member, bool) {
	if u.members == 0 {
		p.damaged(offset, kindArchive, fmt.Sprintf("more than %d files; the rest is not read", u.in.Limits.Members))
		return list, false
	}
	u.members--
	name, _ = report.Repair(name)
	name, _ = report.Cut(name, maxMemberName)
	return append(list, &member{part: p, name: name, offset: offset, size: size}), true
}

// maxMemberName is how much of a name is kept, in bytes.
const maxMemberName = 4096

// headBytes is enough of a file to see how it is packed.
const headBytes = 512

func (u *unpacker) head(f File) ([]byte, error) {
	head := make([]byte, min(f.Size, headBytes))
	n, err := io.ReadFull(io.NewSectionReader(blobReader{u.open, f.SHA256}, 0, f.Size), head)
	if errors.Is(err, io.EOF) || n == len(head) {
		err = nil
	}
	return head, err
}

// smallBytes may come out of any archive, however small it is.
const smallBytes = 16 << 20

// room is how much may come out of a part.
func (u *unpacker) room(p *part) int64 {
	most := int64(math.MaxInt64)
	if p.Size < most/u.in.Limits.Ratio {
		most = max(smallBytes, p.Size*u.in.Limits.Ratio)
	}
	return min(most, u.bytes)
}

// expand stores what comes out of a part that is one stream.
func (u *unpacker) expand(ctx context.Context, p *part, stream func(p *part, dst io.Writer, src io.Reader, limit int64) error) error {
	raw := io.NewSectionReader(blobReader{u.open, p.SHA256}, 0, p.Size)
	content, err := u.keep(ctx, p, func(w io.Writer) error { return stream(p, w, raw, u.room(p)) })
	if err != nil {
		return err
	}
	u.bytes -= content.Size
	content.Name = p.Name
	p.content = content
	return nil
}

// keep stores what comes out of a part, of which less may come without a credential.
func (u *unpacker) keep(ctx context.Context, p *part, write func(io.Writer) error) (File, error) {
	return u.in.Keep(ctx, func(w io.Writer) error {
		if s := strangerOf(ctx); s != nil {
			var err error
			if w, err = s.unzipped(ctx, w, p.Size); err != nil {
				return err
			}
		}
		return write(w)
	})
}

func (u *unpacker) gunzip(p *part, dst io.Writer, src io.Reader, limit int64) error {
	_, damage, err := subunit.Gunzip(dst, src, limit)
	if damage != nil {
		p.damage = append(p.damage, *damage)
	}
	return err
}

// maxWindow bounds the memory that a zstd or xz stream may ask for; it is what xz -9 needs.
const maxWindow = 64 << 20

func (u *unpacker) unzstd(p *part, dst io.Writer, src io.Reader, limit int64) error {
	fault := &faultReader{r: src}
	z, err := zstd.NewReader(fault, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	defer z.Close()
	reason, err := copyLimited(dst, z, limit)
	if err := errors.Join(err, fault.err); err != nil {
		return err
	}
	if reason != "" {
		p.damaged(fault.n, kindArchive, "the zstd stream: "+reason)
	}
	return nil
}

func (u *unpacker) unxz(p *part, dst io.Writer, src io.Reader, limit int64) error {
	fault := &faultReader{r: src}
	reason, err := copyLimited(dst, xzstream.NewReader(fault, maxWindow), limit)
	if err := errors.Join(err, fault.err); err != nil {
		return err
	}
	if reason != "" {
		p.damaged(fault.n, kindArchive, "the xz stream: "+reason)
	}
	return nil
}

// copyLimited copies at most limit bytes, and says why not all of src came, or
// nothing. The error is that of dst.
func copyLimited(dst io.Writer, src io.Reader, limit int64) (reason string, err error) {
	out := &sinkWriter{w: dst}
	n, err := io.Copy(out, io.LimitReader(src, limit))
	switch {
	case out.err != nil:
		return "", out.err
	case err != nil:
		reason, _ := report.Repair(err.Error())
		reason, _ = report.Cut(reason, 200)
		return reason, nil
	case n < limit:
		return "", nil
	}
	var one [1]byte // exactly at the limit: would anything have followed?
	if more, err := io.ReadFull(src, one[:]); more > 0 {
		return fmt.Sprintf("more than %d bytes come out of it; the rest is not read", limit), nil
	} else if !errors.Is(err, io.EOF) {
		return err.Error(), nil
	}
	return "", nil
}

// sinkWriter remembers that it was the writing that failed.
type sinkWriter struct {
	w   io.Writer
	err error
}

func (s *sinkWriter) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		s.err = err
	}
	return n, err
}

// faultReader remembers an error of the store, which must not be taken for a fault
// of the archive, and counts.
type faultReader struct {
	r   io.Reader
	n   int64
	err error
}

func (f *faultReader) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	f.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}
