package store

import (
	"context"
	"errors"
	"io"
	"time"
)

// Blobs keeps byte strings under the sha256 of their content: in files, or in an
// object store when the server runs on several machines.
type Blobs interface {
	// Create starts a blob. The caller must end it with Commit or Abort.
	Create(ctx context.Context) (BlobWriter, error)

	// Open returns the blob, or ErrNotFound when it was never committed or was
	// removed. ErrContentLost says that it was committed and is gone or cut,
	// ErrUnavailable that nobody knows at the moment; reading may return both as
	// well. The caller closes it before ctx ends.
	Open(ctx context.Context, sha256 string) (Blob, error)

	// Remove deletes the blob whoever refers to it; none is no error.
	Remove(ctx context.Context, sha256 string) error

	// RemoveUnused removes those of the blobs that referenced does not return and
	// that nobody holds (HoldBlobs). Nothing is committed while it looks.
	RemoveUnused(ctx context.Context, shas []string, referenced func([]string) (map[string]bool, error)) error

	// Each calls f with the name and size of every blob, in no order. What is
	// committed or removed meanwhile may be among them. An error of f ends it.
	Each(ctx context.Context, f func(sha256 string, size int64) error) error

	// Sweep removes the blobs that were last committed before the given time
	// and that referenced does not return, and says how many. A blob that is
	// committed again at the same moment stays.
	Sweep(ctx context.Context, before time.Time, referenced func([]string) (map[string]bool, error)) (int, error)
}

// BlobWriter receives one blob. It counts and hashes on the way, so nothing is
// read twice.
type BlobWriter interface {
	io.Writer

	// Commit makes the content durable and returns its name and size. The same
	// content may be committed any number of times, also at once.
	Commit() (sha256 string, size int64, err error)

	// Abort throws the content away. After Commit it does nothing, so it can
	// be deferred.
	Abort() error
}

// Blob is an open blob. ReadAt may be called from several goroutines.
type Blob interface {
	io.ReadSeeker
	io.ReaderAt
	io.Closer
	Size() int64
}

// BlobGrace is how old a blob must be before SweepBlobs looks at it. It covers
// the time between the end of an upload and the row that names it.
const BlobGrace = 24 * time.Hour

// SweepBlobs removes the blobs that no row names and that are older than
// BlobGrace, and returns how many those were.
func (s *Store) SweepBlobs(ctx context.Context) (int, error) {
	columns := blobColumns(s.core.config.Areas)
	if len(columns) == 0 {
		return 0, errors.New("sweep blobs: no column names one") // would remove everything
	}
	return s.Blobs.Sweep(ctx, s.Now().Add(-BlobGrace), func(shas []string) (map[string]bool, error) {
		return s.referencedBlobs(ctx, columns, shas)
	})
}

func (s *Store) referencedBlobs(ctx context.Context, columns []BlobColumn, shas []string) (map[string]bool, error) {
	found := map[string]bool{}
	for _, c := range columns {
		var some []string
		q := s.db.Read(ctx).Table(c.Table).Where(c.Column+" IN ?", shas)
		if c.Where != "" {
			q = q.Where(c.Where)
		}
		err := q.Distinct().Pluck(c.Column, &some).Error
		if err != nil {
			return nil, Translate(err)
		}
		for _, sha := range some {
			found[sha] = true
		}
	}
	held, err := s.heldByBackup(ctx)
	if err != nil {
		return nil, err
	}
	if held {
		for _, sha := range shas {
			found[sha] = true
		}
	}
	return found, nil
}
