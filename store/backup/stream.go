package backup

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/store"
)

// streamTarget is a backup that is written as a tar archive. Its manifest comes last:
// an archive without one is not whole.
type streamTarget struct {
	dir     string
	buffer  *bufio.Writer
	archive *tar.Writer
}

func newStreamTarget(to io.Writer) (target, error) {
	dir, err := os.MkdirTemp("", "slipway-backup-")
	buffer := bufio.NewWriterSize(to, 256<<10)
	return &streamTarget{dir: dir, buffer: buffer, archive: tar.NewWriter(buffer)}, err
}

func (t *streamTarget) scratch() string                             { return t.dir }
func (t *streamTarget) atOnce() int                                 { return 1 }
func (t *streamTarget) close() error                                { return os.RemoveAll(t.dir) }
func (t *streamTarget) size(context.Context, string) (int64, error) { return -1, nil }
func (t *streamTarget) prune(context.Context, *Manifest) error      { return nil }

func (t *streamTarget) begin(name string, size int64) error {
	return t.archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: time.Now(), Typeflag: tar.TypeReg})
}

func (t *streamTarget) keep(_ context.Context, f *File) error {
	from, err := os.Open(directory(t.dir).path(f.Name))
	if err != nil {
		return err
	}
	defer from.Close()
	if err := t.begin(f.Name, f.Bytes); err != nil {
		return err
	}
	return hashed(t.archive, from, f.Name, f.SHA256)
}

// blob fills one that ends early up with zeros, because its size is in the archive by
// then. It is in no list of the backup, and whoever restores it leaves it out.
func (t *streamTarget) blob(_ context.Context, sha string, from io.Reader, size int64) error {
	if err := t.begin(blobName(sha), size); err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(t.archive, h), struct{ io.Reader }{io.LimitReader(from, size)}, make([]byte, 256<<10))
	if err != nil && !errors.Is(err, store.ErrContentLost) {
		return err
	}
	if _, fillErr := io.CopyN(t.archive, zeros{}, size-n); fillErr != nil {
		return fillErr
	}
	if got := hex.EncodeToString(h.Sum(nil)); err == nil && (n < size || got != sha) {
		err = fmt.Errorf("blob %s has the content of %s: it is damaged: %w", sha, got, store.ErrContentLost)
	}
	return err
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func (t *streamTarget) end(_ context.Context, manifest []byte) error {
	err := t.begin(manifestName, int64(len(manifest)))
	if err == nil {
		_, err = t.archive.Write(manifest)
	}
	return errors.Join(err, t.archive.Close(), t.buffer.Flush())
}

// unpacked is a backup that came as a stream, in a directory. What was copied out of it
// is removed, so that it needs little more room than once.
type unpacked struct{ directory }

func (u unpacked) copied(name string) error { return os.Remove(u.path(name)) }
func (u unpacked) close() error             { return os.RemoveAll(string(u.directory)) }

// unpack reads an archive into a new directory.
func unpack(ctx context.Context, from io.Reader, dir string) (_ source, err error) {
	if err := os.RemoveAll(dir); err != nil { // of a restore that was killed
		return nil, err
	}
	u := unpacked{directory(dir)}
	defer func() {
		if err != nil {
			err = errors.Join(err, u.close())
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for archive := tar.NewReader(bufio.NewReaderSize(from, 256<<10)); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return u, nil
		}
		if err == nil {
			err = u.entry(header, archive)
		}
		if err != nil {
			return nil, fmt.Errorf("the stream is no whole backup, a tar archive as slipway backup - writes it: %w", err)
		}
	}
}

// entry writes a file of an archive. Names that no backup has are refused.
func (u unpacked) entry(header *tar.Header, from io.Reader) error {
	name := header.Name
	sha := strings.ReplaceAll(strings.TrimPrefix(name, "blobs/"), "/", "")
	isBlob := isSHA(sha) && name == blobName(sha)
	isFile := name == path.Base(name) && (name == manifestName || isPart(name))
	if header.Typeflag != tar.TypeReg || !isBlob && !isFile {
		return fmt.Errorf("%.200q is no file of a backup", name)
	}
	to := u.path(name)
	if err := os.MkdirAll(u.path(path.Dir(name)), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{from}, make([]byte, 256<<10))
	return errors.Join(err, f.Close())
}
