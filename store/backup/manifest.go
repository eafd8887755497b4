// Package backup copies a store to another place while it serves, and brings it back.
//
// A backup is a directory, the objects below a prefix of a bucket, or a tar archive,
// with files of the same names. Its manifest is written last, in one step: until then
// the backup before it is whole. Blobs lie below blobs, named by their sha256 as in a
// data directory, so that the next backup into the same directory or bucket copies only
// new ones.
package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"
)

const (
	manifestName = "manifest.json"
	format       = 1
)

// Manifest says what a backup holds.
type Manifest struct {
	Format    int       `json:"format"`
	ID        string    `json:"id"`
	Build     string    `json:"build"`
	Dialect   string    `json:"dialect"` // sqlite or postgres
	Schema    int64     `json:"schema"`  // the version of the database
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`

	Database File             `json:"database"`
	Rows     map[string]int64 `json:"rows"` // by table

	// List is a file with the sha256 and the size of each blob, a line each.
	List      File  `json:"list"`
	Blobs     int64 `json:"blobs"`
	BlobBytes int64 `json:"blob_bytes"`

	// Lost are the blobs that rows name and the store no longer had whole, and no
	// earlier backup either.
	Lost []string `json:"lost,omitempty"`

	Secret *File `json:"secret,omitempty"` // nil: it is kept elsewhere
}

// File is a file of the backup.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// readManifest reads the manifest of a backup; place is how messages call it.
func readManifest(ctx context.Context, from source, place string) (*Manifest, error) {
	f, err := from.open(ctx, manifestName)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no whole backup: it has no %s, which is written last", place, manifestName)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	if m.Format != format {
		return nil, fmt.Errorf("%s: format %d is unknown to this program, which knows %d", manifestName, m.Format, format)
	}
	for _, f := range m.files() {
		if f.Name != path.Base(f.Name) || !isPart(f.Name) {
			return nil, fmt.Errorf("%s: %q is no file of the backup", manifestName, f.Name)
		}
	}
	return m, nil
}

func (m *Manifest) files() []File {
	list := []File{m.Database, m.List}
	if m.Secret != nil {
		list = append(list, *m.Secret)
	}
	return list
}
