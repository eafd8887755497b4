package bootfiles

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// File is a rendered asset.
type File struct {
	Path string // absolute
	Mode int64  // permission bits
	Data []byte
}

// WriteArchive packs the files, in their order, into a gzipped GNU tar: absolute
// names (the consumer unpacks with tar -P), no directories, owner and group 0,
// the time 0. Equal files give equal bytes. No files give an empty archive. It
// stops when ctx ends, also in the middle of a file.
func WriteArchive(ctx context.Context, w io.Writer, files []File) error {
	zip, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zip)
	for _, f := range files {
		header := &tar.Header{
			Typeflag: tar.TypeReg,
			Name:     f.Path,
			Mode:     f.Mode,
			Size:     int64(len(f.Data)),
			ModTime:  time.Unix(0, 0),
			Format:   tar.FormatGNU,
		}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("pack %s: %w", f.Path, err)
		}
		if err := writePieces(ctx, archive, f.Data); err != nil {
			return fmt.Errorf("pack %s: %w", f.Path, err)
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return zip.Close()
}

// pieceBytes is how much is compressed before the context is looked at again:
// some milliseconds of work.
const pieceBytes = 64 << 10

func writePieces(ctx context.Context, w io.Writer, data []byte) error {
	for piece := range slices.Chunk(data, pieceBytes) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// ArchiveName is the file name under which a node's archive is sent; kind is
// "file" or "unit".
func ArchiveName(node, kind string) string {
	return node + "-" + kind + ".tar.gz"
}
