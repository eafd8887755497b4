package backup

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/bucket"
)

// target is a place that a backup is written to. Names in it have slashes.
type target interface {
	// scratch is a directory of this machine in which files are made.
	scratch() string

	// keep takes a file that was made there into the backup.
	keep(ctx context.Context, f *File) error

	// size is that of a blob which an earlier backup has; -1: none has it.
	size(ctx context.Context, sha string) (int64, error)

	// blob writes a blob. One whose content has another hash is in no list of the
	// backup, and store.ErrContentLost is returned. It is called by atOnce at once.
	blob(ctx context.Context, sha string, from io.Reader, size int64) error
	atOnce() int

	// end makes all of it durable, and then puts the manifest there.
	end(ctx context.Context, manifest []byte) error

	// prune removes what only earlier backups needed.
	prune(ctx context.Context, m *Manifest) error

	// close removes what was only needed meanwhile.
	close() error
}

// source is a place that a backup is read from.
type source interface {
	// open opens a file of the backup.
	open(ctx context.Context, name string) (io.ReadCloser, error)

	// copied says that a file was copied, and is not asked for again.
	copied(name string) error

	// close removes what was only needed meanwhile.
	close() error
}

// Stream is the place that is a stream: standard output of a backup, standard input of
// what restores it.
const Stream = "-"

// isBucket reports whether a place is one in an object store.
func isBucket(place string) bool { return strings.HasPrefix(place, "s3:") }

func openBucket(place string, c store.Config) (*bucket.Bucket, error) {
	address, err := bucket.ParseAddress(place)
	if err != nil {
		return nil, fmt.Errorf("the place of the backup %w", err)
	}
	return bucket.Open(address, bucket.Options{CredentialsFile: c.BlobCredentials, CAFile: c.BlobCA, Timeout: cmp.Or(c.BlobTimeout, 30*time.Second), Parts: c.BlobParts})
}

// openTarget opens the place that a backup goes to.
func openTarget(ctx context.Context, o *Options) (target, error) {
	switch {
	case o.To == Stream:
		return newStreamTarget(o.Stream)
	case isBucket(o.To):
		return newBucketTarget(ctx, o)
	}
	return directory(o.To), os.MkdirAll(filepath.Join(o.To, "blobs"), 0o700)
}

// openSource opens the place that a backup is in. unpacked is a new directory for one
// that is a stream.
func openSource(ctx context.Context, from, unpacked string, to *Target) (source, error) {
	switch {
	case from == Stream:
		return unpack(ctx, to.Stream, unpacked)
	case isBucket(from):
		b, err := openBucket(from, to.Objects)
		if err != nil {
			return nil, err
		}
		return &bucketSource{b}, nil
	}
	return directory(from), nil
}

func blobName(sha string) string { return path.Join("blobs", sha[:2], sha[2:]) }

// isSHA reports whether a text is a hash as blobs are named by.
func isSHA(text string) bool {
	return len(text) == sha256.Size*2 && strings.Trim(text, "0123456789abcdef") == ""
}

// isPart reports whether a name without directory is one of the files of a backup.
func isPart(name string) bool {
	kind, _, cut := strings.Cut(name, "-")
	return cut && (kind == "database" || kind == "blobs" || kind == "secret")
}

// directory is a backup in a directory.
type directory string

func (d directory) path(name string) string {
	return filepath.Join(string(d), filepath.FromSlash(name))
}
func (d directory) scratch() string                   { return string(d) }
func (d directory) keep(context.Context, *File) error { return nil } // it was made there
func (d directory) atOnce() int                       { return 1 }   // the disk is one
func (d directory) copied(string) error               { return nil }
func (d directory) close() error                      { return nil }
func (d directory) String() string                    { return string(d) }

func (d directory) open(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(d.path(name))
}

func (d directory) size(_ context.Context, sha string) (int64, error) {
	info, err := os.Stat(d.path(blobName(sha)))
	if errors.Is(err, os.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (d directory) blob(_ context.Context, sha string, from io.Reader, _ int64) error {
	return copyChecked(from, d.path(blobName(sha)), "blob "+sha, sha)
}

// copyChecked writes a file that has the hash, or none.
func copyChecked(from io.Reader, to, what, sha string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(to+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(hashed(f, from, what, sha), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), to)
}

// hashed copies what must have the hash; store.ErrContentLost: it has another one.
func hashed(to io.Writer, from io.Reader, what, sha string) error {
	h := sha256.New()
	if _, err := io.CopyBuffer(io.MultiWriter(to, h), struct{ io.Reader }{from}, make([]byte, 256<<10)); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sha {
		return fmt.Errorf("%s has the content of %s: it is damaged: %w", what, got, store.ErrContentLost)
	}
	return nil
}

func (d directory) end(_ context.Context, manifest []byte) error {
	if err := syncAll(string(d)); err != nil {
		return err
	}
	next := d.path(manifestName + ".new")
	if err := os.WriteFile(next, manifest, 0o600); err != nil {
		return err
	}
	if err := syncAll(string(d)); err != nil {
		return err
	}
	return errors.Join(os.Rename(next, d.path(manifestName)), syncAll(string(d)))
}

// syncAll brings everything on the file system of a directory to its disk: one call
// in place of one for each of many files.
func syncAll(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return unix.Syncfs(int(d.Fd()))
}

func (d directory) prune(_ context.Context, m *Manifest) error {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if isPart(e.Name()) && !e.IsDir() && !strings.Contains(e.Name(), m.ID) {
			if err := os.Remove(d.path(e.Name())); err != nil {
				return err
			}
		}
	}
	return eachKind(d.path(m.List.Name), func(kind string, named map[string]int64) error {
		dir := d.path("blobs/" + kind)
		files, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for _, f := range files {
			if _, needed := named[kind+f.Name()]; needed {
				continue
			}
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return err
			}
		}
		return nil
	})
}
