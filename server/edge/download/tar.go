package download

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// Tar is an answer that sends several files as one archive, made on the way out.
type Tar struct {
	Name     string
	Modified time.Time
	Files    []TarFile
}

// TarFile is one of them.
type TarFile struct {
	Name string // as a stranger called it: in the archive it stands without its folders
	Size int64
	Open func() (io.ReadCloser, error)
}

// TarOf returns the files that were posted for a result as one archive.
func TarOf(ctx context.Context, blobs store.Blobs, name string, modified time.Time, parts []resultstore.ResultFile) *Tar {
	t := &Tar{Name: name, Modified: modified}
	for _, p := range parts {
		t.Files = append(t.Files, TarFile{Name: p.PartName, Size: p.PartBytes, Open: func() (io.ReadCloser, error) {
			blob, err := blobs.Open(ctx, p.SHA256)
			return blob, Lost(err)
		}})
	}
	return t
}

// WriteResponse writes the archive. An error in the middle of it leaves it without
// its end, which whoever unpacks it notices.
func (t *Tar) WriteResponse(w http.ResponseWriter) error {
	header := w.Header()
	header.Set("Content-Type", "application/octet-stream")
	header.Set("Content-Disposition", disposition(t.Name))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	header.Set("Last-Modified", t.Modified.UTC().Format(http.TimeFormat))
	out := tar.NewWriter(w)
	taken := map[string]bool{}
	for i, f := range t.Files {
		name := plainName(f.Name)
		if taken[name] {
			name = fmt.Sprintf("%d-%s", i, name)
		}
		taken[name] = true
		if err := f.write(out, name, t.Modified); err != nil {
			return err
		}
	}
	return out.Close()
}

func (f *TarFile) write(out *tar.Writer, name string, modified time.Time) error {
	content, err := f.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	err = out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: f.Size, Mode: 0o644, ModTime: modified, Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	_, err = io.CopyN(out, content, f.Size)
	return err
}

// plainName takes the folders off, so that no name leads out of where the archive
// is unpacked.
func plainName(name string) string {
	name = path.Base(path.Clean("/" + strings.ReplaceAll(name, `\`, "/")))
	name = strings.ReplaceAll(name, "\x00", "_")
	if name == "/" || name == "." || len(name) > 255 {
		return "file"
	}
	return name
}
