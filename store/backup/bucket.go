package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/bucket"
)

// bucketTarget is a backup below a prefix of a bucket. Its objects are called as the
// files of a backup in a directory are: a copy of them is one.
type bucketTarget struct {
	*bucket.Bucket
	dir string // on this machine

	kind  string           // the first two letters of the blobs that were listed last
	sizes map[string]int64 // of them, by hash
}

// unfinished is how old an upload must be that nobody is believed to be at.
const unfinished = 24 * time.Hour

func newBucketTarget(ctx context.Context, o *Options) (target, error) {
	b, err := openBucket(o.To, o.Objects)
	if err != nil {
		return nil, err
	}
	switch _, err := b.Get(ctx, store.PlaceName, 1); {
	case err == nil:
		return nil, fmt.Errorf("%s has the blobs of a server: a backup needs a prefix of its own", b.Address)
	case !errors.Is(err, bucket.ErrMissing):
		return nil, err
	}
	if _, err := b.AbortUploads(ctx, time.Now().Add(-unfinished)); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "slipway-backup-")
	return &bucketTarget{Bucket: b, dir: dir}, err
}

func (t *bucketTarget) scratch() string { return t.dir }
func (t *bucketTarget) atOnce() int     { return 8 } // what they wait for is mostly the store
func (t *bucketTarget) close() error    { return os.RemoveAll(t.dir) }

func (t *bucketTarget) keep(ctx context.Context, f *File) error {
	from, err := os.Open(directory(t.dir).path(f.Name))
	if err != nil {
		return err
	}
	defer from.Close()
	return t.write(ctx, f.Name, f.Name, f.SHA256, from)
}

// write makes an object of what has the hash, or none.
func (t *bucketTarget) write(ctx context.Context, name, what, sha string, from io.Reader) error {
	up := t.Upload(ctx, name)
	if err := hashed(up, from, what, sha); err != nil {
		return errors.Join(err, up.Abort())
	}
	return up.Finish()
}

// size lists the blobs with the same first letters, when it is asked for the first of
// them: blobs come in the order of their names.
func (t *bucketTarget) size(ctx context.Context, sha string) (int64, error) {
	if kind := sha[:2]; kind != t.kind {
		t.sizes = map[string]int64{}
		err := t.List(ctx, "blobs/"+kind+"/", func(some []bucket.Object) error {
			for _, o := range some {
				t.sizes[shaOf(o.Name)] = o.Size
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		t.kind = kind
	}
	if size, there := t.sizes[sha]; there {
		return size, nil
	}
	return -1, nil
}

func shaOf(name string) string {
	return strings.ReplaceAll(strings.TrimPrefix(name, "blobs/"), "/", "")
}

func (t *bucketTarget) blob(ctx context.Context, sha string, from io.Reader, _ int64) error {
	return t.write(ctx, blobName(sha), "blob "+sha, sha, from)
}

func (t *bucketTarget) end(ctx context.Context, manifest []byte) error {
	return t.Put(ctx, manifestName, manifest)
}

func (t *bucketTarget) prune(ctx context.Context, m *Manifest) error {
	for _, kind := range []string{"database-", "blobs-", "secret-"} {
		err := t.removeUnless(ctx, kind, func(name string) bool { return strings.Contains(name, m.ID) })
		if err != nil {
			return err
		}
	}
	return eachKind(directory(t.dir).path(m.List.Name), func(kind string, named map[string]int64) error {
		return t.removeUnless(ctx, "blobs/"+kind+"/", func(name string) bool {
			_, needed := named[shaOf(name)]
			return needed
		})
	})
}

func (t *bucketTarget) removeUnless(ctx context.Context, start string, needed func(name string) bool) error {
	var old []string
	err := t.List(ctx, start, func(some []bucket.Object) error {
		for _, o := range some {
			if !needed(o.Name) {
				old = append(old, o.Name)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := t.Remove(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// bucketSource is a backup in a bucket that is read.
type bucketSource struct{ *bucket.Bucket }

func (s *bucketSource) copied(string) error { return nil }
func (s *bucketSource) close() error        { return nil }

func (s *bucketSource) open(ctx context.Context, name string) (io.ReadCloser, error) {
	size, err := s.Size(ctx, name)
	if errors.Is(err, bucket.ErrMissing) {
		return nil, fmt.Errorf("%w: %w", os.ErrNotExist, err)
	}
	if err != nil {
		return nil, err
	}
	return &objectReader{ctx: ctx, bucket: s.Bucket, name: name, size: size}, nil
}

// objectReader reads an object in pieces, each of which is asked for again when it
// breaks off.
type objectReader struct {
	ctx    context.Context
	bucket *bucket.Bucket
	name   string

	at, size int64
	buffer   []byte
	piece    []byte // what is left of it
}

// pieceSize is how much of an object is asked for at once.
const pieceSize = 4 << 20

func (r *objectReader) Read(p []byte) (int, error) {
	if len(r.piece) == 0 {
		if r.at == r.size {
			return 0, io.EOF
		}
		if r.buffer == nil {
			r.buffer = make([]byte, min(pieceSize, r.size))
		}
		piece := r.buffer[:min(int64(len(r.buffer)), r.size-r.at)]
		if err := r.bucket.ReadRange(r.ctx, r.name, piece, r.at); err != nil {
			return 0, err
		}
		r.piece, r.at = piece, r.at+int64(len(piece))
	}
	n := copy(p, r.piece)
	r.piece = r.piece[n:]
	return n, nil
}

func (r *objectReader) Close() error { return nil }
