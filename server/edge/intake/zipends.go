package intake

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

var (
	zipFileMagic = []byte("PK\x03\x04")
	zipEndMagic  = []byte("PK\x05\x06")
)

const (
	zipFileBytes = 30      // of what stands before a file, without its name and its extra fields
	zipEndBytes  = 22      // of the end of the directory, without its comment
	zipMostEnd   = 1 << 16 // bytes behind the end that are searched for it; a comment is no longer
)

// checkZipEnds finds out whether all of the file is the zip that its end describes.
// Of two zips that were put together only the last one is read, as unzip does.
func (u *unpacker) checkZipEnds(p *part, z *zip.Reader, raw io.ReaderAt) error {
	head := make([]byte, zipFileBytes)
	if _, err := raw.ReadAt(head, 0); err != nil {
		return ignoreEOF(err)
	}
	if bytes.HasPrefix(head, zipFileMagic) {
		first := int64(zipFileBytes) + int64(binary.LittleEndian.Uint16(head[26:])) + int64(binary.LittleEndian.Uint16(head[28:]))
		listed := slices.ContainsFunc(z.File, func(f *zip.File) bool {
			at, err := f.DataOffset()
			return err != nil || at == first // a place that cannot be read is damage of its file
		})
		if !listed {
			p.damaged(0, kindArchive, "the archive begins with a file that is not in its list: another archive may stand before it, and is not read")
		}
	}
	begin := max(0, p.Size-zipMostEnd-zipEndBytes)
	tail := make([]byte, p.Size-begin)
	if _, err := raw.ReadAt(tail, begin); ignoreEOF(err) != nil {
		return err
	}
	end := bytes.LastIndex(tail, zipEndMagic)
	if end < 0 {
		return nil
	}
	end = min(len(tail), end+zipEndBytes+len(z.Comment))
	if rest := bytes.TrimLeft(tail[end:], "\x00 \t\r\n"); len(rest) > 0 {
		p.damaged(p.Size-int64(len(rest)), kindArchive, "bytes behind the end of the archive are not read")
	}
	return nil
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
