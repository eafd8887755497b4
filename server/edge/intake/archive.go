package intake

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// faultReaderAt remembers an error of the store, and ends a reading that goes
// through more than left bytes.
type faultReaderAt struct {
	r    io.ReaderAt
	left int64 // negative: no matter how many
	err  error
}

var (
	errTooLong = errors.New("a longer list of files than is read")
	errNoPlace = errors.New("a place before the beginning of the file")
)

func (f *faultReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errNoPlace // a broken archive names it
	}
	if f.left >= 0 {
		if f.left -= int64(len(p)); f.left < 0 {
			f.left = 0
			return 0, errTooLong
		}
	}
	n, err := f.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

const (
	// directoryBytes is what is read of a zip's directory for each file that it
	// may have: a longer one is refused before it fills the memory.
	directoryBytes = 1 << 10
	directoryFree  = 1 << 20

	// methodBzip2 is the number of a zip's method that Python offers and Go does not.
	methodBzip2 = 12

	// bitEncrypted is the flag of a zip's file that needs a password.
	bitEncrypted = 1
)

// unzip stores the files of a zip in the order of their names, one behind the
// other. A name is never a path: nothing is opened by it.
func (u *unpacker) unzip(ctx context.Context, p *part) ([]*member, error) {
	raw := &faultReaderAt{r: blobReader{u.open, p.SHA256}, left: int64(u.in.Limits.Members)*directoryBytes + directoryFree}
	z, err := zip.NewReader(raw, p.Size)
	if raw.err != nil {
		return nil, raw.err
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		p.damaged(0, kindArchive, "the zip archive is cut or broken: "+err.Error())
		return nil, nil
	}
	raw.left = -1
	if err := u.checkZipEnds(p, z, raw); err != nil {
		return nil, err
	}
	z.RegisterDecompressor(methodBzip2, func(r io.Reader) io.ReadCloser { return io.NopCloser(bzip2.NewReader(r)) })
	files := slices.DeleteFunc(slices.Clone(z.File), func(f *zip.File) bool { return !f.Mode().IsRegular() })
	slices.SortStableFunc(files, func(a, b *zip.File) int { return cmp.Compare(a.Name, b.Name) })
	var list []*member
	p.content, err = u.keep(ctx, p, func(w io.Writer) error {
		list, err = u.inflate(ctx, p, files, raw, w)
		return err
	})
	u.bytes -= p.content.Size
	return list, err
}

// inflate writes the files, and notes where each of them stands.
func (u *unpacker) inflate(ctx context.Context, p *part, files []*zip.File, raw *faultReaderAt, w io.Writer) (list []*member, err error) {
	out := &countingWriter{w: w}
	room := u.room(p)
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		begin := out.n
		var more bool
		if list, more = u.add(p, list, f.Name, begin, 0); !more {
			return list, nil
		}
		m := list[len(list)-1]
		reason, err := inflateOne(f, out, room-begin)
		if err := errors.Join(err, raw.err); err != nil {
			return nil, err
		}
		m.size = out.n - begin
		if reason != "" {
			m.damaged(m.size, kindArchive, "cannot be unpacked: "+reason)
		}
		if reason != "" && out.n >= room {
			p.damaged(0, kindArchive, fmt.Sprintf("more than %d bytes come out of it; the rest is not read", room))
			return list, nil
		}
	}
	return list, nil
}

// inflateOne writes one file of a zip, and says why not all of it came.
func inflateOne(f *zip.File, out io.Writer, limit int64) (reason string, err error) {
	if f.Flags&bitEncrypted != 0 {
		return "it is encrypted", nil
	}
	r, err := f.Open()
	if err != nil {
		return err.Error(), nil
	}
	defer r.Close()
	return copyLimited(out, r, limit)
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// tarBlock is the unit of a tar.
const tarBlock = 512

// untar finds the files of a tar. They stay where they are.
func (u *unpacker) untar(p *part) (list []*member, err error) {
	raw := &faultReaderAt{r: blobReader{u.open, p.content.SHA256}, left: -1}
	content := io.NewSectionReader(raw, 0, p.content.Size)
	t := tar.NewReader(content)
	end := int64(0)
	var links []string
	for {
		h, err := t.Next()
		if raw.err != nil {
			return nil, raw.err
		}
		if errors.Is(err, io.EOF) {
			if len(list) > 0 && len(links) > 0 {
				list[0].warnings = append(list[0].warnings, fmt.Sprintf("%d links of the archive are not followed, such as %s", len(links), report.Quote(links[0])))
			}
			return list, u.checkTarEnd(p, raw, end)
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			p.damaged(end, kindArchive, "the tar archive is cut or broken: "+err.Error())
			return list, nil
		}
		begin, _ := content.Seek(0, io.SeekCurrent) // which cannot fail
		size := h.Size
		end = begin + (size+tarBlock-1)/tarBlock*tarBlock
		switch {
		case h.Typeflag == tar.TypeGNUSparse || h.PAXRecords["GNU.sparse.major"] != "" || h.PAXRecords["GNU.sparse.map"] != "":
			p.damaged(begin, kindArchive, "a file with holes is not read: "+report.Quote(h.Name))
			continue
		case h.Typeflag == tar.TypeLink || h.Typeflag == tar.TypeSymlink:
			links = append(links, h.Name)
			continue
		case h.Typeflag != tar.TypeReg:
			continue // folders and devices hold nothing
		case size > p.content.Size-begin:
			p.damaged(p.content.Size, kindArchive, "the archive ends inside "+report.Quote(h.Name))
			size = p.content.Size - begin
		}
		var more bool
		if list, more = u.add(p, list, h.Name, begin, size); !more {
			return list, nil
		}
	}
}

// checkTarEnd finds out whether the tar was cut between two files, or goes on
// behind its end.
func (u *unpacker) checkTarEnd(p *part, raw io.ReaderAt, end int64) error {
	if len(p.damage) > 0 {
		return nil // it is known not to be whole
	}
	rest := io.NewSectionReader(raw, end, max(0, p.content.Size-end))
	if rest.Size() < tarBlock {
		p.damaged(p.content.Size, kindArchive, "the tar archive is cut: it ends without the mark of its end")
		return nil
	}
	buf := make([]byte, 64<<10)
	for at := end; ; {
		n, err := rest.Read(buf)
		if i := bytes.IndexFunc(buf[:n], func(r rune) bool { return r != 0 }); i >= 0 {
			p.damaged(at+int64(i), kindArchive, "bytes behind the end of the archive are not read")
			return nil
		}
		at += int64(n)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
