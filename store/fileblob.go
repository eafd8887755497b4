package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// fileBlobs keeps each blob in a file ab/cdef…, named by its sha256. Unfinished
// uploads lie in tmp, each locked by its writer, so that what a killed process
// left behind can be told from what is being written. sweep.lock is shared by
// those who add and held alone by who removes, so that also several processes
// on one directory lose nothing between a look at a file and its removal.
type fileBlobs struct{ dir string }

// OpenFileBlobs keeps blobs in dir, which it creates when missing, and removes
// the unfinished uploads of processes that are gone.
func OpenFileBlobs(dir string) (Blobs, error) { return openFileBlobs(dir) }

func openFileBlobs(dir string) (*fileBlobs, error) {
	b := &fileBlobs{dir: dir}
	if err := os.MkdirAll(b.tmp(), 0o700); err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	if err := b.sweepTmp(); err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	return b, nil
}

func (b *fileBlobs) tmp() string { return filepath.Join(b.dir, "tmp") }

// sweepWait is how long somebody may have to wait for sweep.lock, which is held for
// moments only, unless a server was stopped in one of them.
const sweepWait = 10 * time.Second

// locked runs f under sweep.lock. ErrUnavailable: it did not become free.
func (b *fileBlobs) locked(shared bool, f func() error) error {
	unlock, err := waitLock(filepath.Join(b.dir, "sweep.lock"), shared, sweepWait)
	if err != nil {
		return err
	}
	return errors.Join(f(), unlock())
}

// path is where the blob lies. Only a sha256 in lower-case hexadecimal digits
// is a name; anything else could leave the directory.
func (b *fileBlobs) path(sha string) (string, error) {
	if len(sha) != 2*sha256.Size || strings.Trim(sha, "0123456789abcdef") != "" {
		return "", fmt.Errorf("blob %.80q: %w", sha, ErrNotFound)
	}
	return filepath.Join(b.dir, sha[:2], sha[2:]), nil
}

func (b *fileBlobs) Create(ctx context.Context) (BlobWriter, error) {
	w := &fileWriter{ctx: ctx, blobs: b, hash: sha256.New()}
	err := b.locked(true, func() (err error) {
		if w.file, err = os.CreateTemp(b.tmp(), "upload-"); err != nil {
			return err
		}
		return unix.Flock(int(w.file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create blob: %w: %w", diskError(err), err), w.Abort())
	}
	w.buf = bufio.NewWriterSize(w.file, 128<<10)
	return w, nil
}

// fileWriter writes one temporary file. file is nil after Commit or Abort.
type fileWriter struct {
	ctx   context.Context // who holds what is committed
	blobs *fileBlobs
	file  *os.File
	buf   *bufio.Writer
	hash  hash.Hash
	size  int64
	asked int64 // up to where the system was asked to write the file to the disk
}

// writeBack is after how many bytes the system is asked to begin to write a file to the
// disk, so that little is left to wait for at its end.
const writeBack = 8 << 20

func (w *fileWriter) Write(p []byte) (int, error) {
	if w.file == nil {
		return 0, os.ErrClosed
	}
	n, err := w.buf.Write(p)
	w.hash.Write(p[:n])
	w.size += int64(n)
	if w.size-w.asked >= writeBack {
		beginToSync(w.file, w.asked, w.size-w.asked)
		w.asked = w.size
	}
	if err != nil {
		err = fmt.Errorf("write blob: %w: %w", diskError(err), err)
	}
	return n, err
}

func (w *fileWriter) Commit() (string, int64, error) {
	if w.file == nil {
		return "", 0, os.ErrClosed
	}
	defer func() { _ = w.Abort() }() // after success there is nothing left to abort
	sha := hex.EncodeToString(w.hash.Sum(nil))
	if err := w.commit(sha); err != nil {
		return "", 0, fmt.Errorf("commit blob: %w: %w", diskError(err), err)
	}
	return sha, w.size, nil
}

// commit puts the file in its place. Its age begins now, whether or not the
// same content was there before, so that a sweep leaves it alone.
func (w *fileWriter) commit(sha string) error {
	if err := w.buf.Flush(); err != nil {
		return err
	}
	now := time.Now()
	if err := os.Chtimes(w.file.Name(), now, now); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	path, err := w.blobs.path(sha)
	if err != nil {
		return err
	}
	err = w.blobs.locked(true, func() error {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return os.Rename(w.file.Name(), path)
	})
	if err != nil {
		return err
	}
	file := w.file
	w.file = nil
	if err := hold(w.ctx, file); err != nil {
		return err
	}
	// Both directories, because another upload may have made the inner one a
	// moment ago and not have come to this line.
	return errors.Join(syncDir(filepath.Dir(path)), syncDir(w.blobs.dir))
}

func (w *fileWriter) Abort() error {
	if w.file == nil {
		return nil
	}
	err := errors.Join(os.Remove(w.file.Name()), w.file.Close())
	w.file = nil
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// fileBlob adds the size to an open file.
type fileBlob struct {
	*os.File
	size int64
}

func (f fileBlob) Size() int64 { return f.size }

func (b *fileBlobs) Open(_ context.Context, sha string) (Blob, error) {
	path, err := b.path(sha)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s: %w", sha, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w: %w", sha, ErrUnavailable, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("blob %s: %w: %w", sha, ErrUnavailable, err), f.Close())
	}
	return fileBlob{f, info.Size()}, nil
}

func (b *fileBlobs) Remove(_ context.Context, sha string) error {
	path, err := b.path(sha)
	if err != nil {
		return nil // cannot exist
	}
	err = b.locked(false, func() error { return os.Remove(path) })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove blob %s: %w", sha, err)
	}
	return nil
}
