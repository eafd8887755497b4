package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store/internal/bucket"
)

// objectBlobs keeps each blob in an object of a random name, because the name of
// the content is known only when its last byte has come. A row leads from the one
// to the other: it is committed when all of the object is in the store, and what
// has no row is not there. A name is never used twice, so that nobody can meet half
// of an old object under it.
type objectBlobs struct {
	store  *Store
	bucket *bucket.Bucket
	place  string // its id
	cache  *blobCache

	removing sync.Mutex // see remove
	listed   time.Time  // when the bucket was last looked through; guarded by removing
}

// blobRow leads from a content to the object in which it lies.
type blobRow struct {
	Place       string `gorm:"primaryKey"`
	Content     string `gorm:"primaryKey"` // its sha256
	Object      string
	Bytes       int64
	CommittedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

func (blobRow) TableName() string { return "blobs" }

// objectStart is how the names of the objects begin, below the prefix of the address.
// They have no slash: stores that keep objects as files make directories of it, and
// remove one that gets empty while somebody else writes into it.
const objectStart = "blob-"

func newObject() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	return objectStart + hex.EncodeToString(random[:])
}

// meaning translates an error of the bucket. What is missing is lost only when the
// bucket is there and ours: one that was emptied or not mounted looks the same.
func (b *objectBlobs) meaning(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, bucket.ErrMissing):
		if id, idErr := b.bucket.Get(ctx, PlaceName, maxID); idErr == nil && string(id) == b.place {
			return fmt.Errorf("%w: %w", ErrContentLost, err)
		}
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case errors.Is(err, bucket.ErrAway):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

func (b *objectBlobs) row(ctx context.Context, sha string) (*blobRow, error) {
	var row blobRow
	if err := b.store.db.Read(ctx).Take(&row, "place = ? AND content = ?", b.place, sha).Error; err != nil {
		return nil, fmt.Errorf("blob %.80q: %w", sha, Translate(err))
	}
	return &row, nil
}

func (b *objectBlobs) Create(ctx context.Context) (BlobWriter, error) {
	object := newObject()
	return &objectWriter{ctx: ctx, blobs: b, object: object, upload: b.bucket.Upload(ctx, object), hash: sha256.New()}, nil
}

// objectWriter writes one object. upload is nil after Commit or Abort.
type objectWriter struct {
	ctx    context.Context
	blobs  *objectBlobs
	object string
	upload *bucket.Upload
	hash   hash.Hash
	copied bool // the copy is written with what comes
	copy   *cacheCopy
}

// smallBlob is the size up to which the copy for the cache waits for the end, when it is
// written while the object store is at work: of a small upload it would be a good part.
const smallBlob = 512 << 10

func (w *objectWriter) Write(p []byte) (int, error) {
	if w.upload == nil {
		return 0, os.ErrClosed
	}
	if !w.copied && w.upload.Size()+int64(len(p)) > smallBlob {
		come, _ := w.upload.Whole()
		w.beginCopy(come)
	}
	n, err := w.upload.Write(p)
	w.hash.Write(p[:n])
	w.copy.write(p[:n])
	if err != nil {
		return n, fmt.Errorf("write blob: %w", w.blobs.meaning(w.ctx, err))
	}
	return n, nil
}

// beginCopy begins the copy with what has come.
func (w *objectWriter) beginCopy(come []byte) {
	w.copied = true
	w.copy = w.blobs.cache.begin()
	w.copy.write(come)
}

func (w *objectWriter) Commit() (string, int64, error) {
	if w.upload == nil {
		return "", 0, os.ErrClosed
	}
	var copying sync.WaitGroup
	defer func() {
		copying.Wait()
		_ = w.Abort() // when it was not needed
	}()
	if !w.copied {
		come, _ := w.upload.Whole()
		copying.Go(func() { w.beginCopy(come) })
	}
	sha, size := hex.EncodeToString(w.hash.Sum(nil)), w.upload.Size()
	err := w.commit(sha, size)
	copying.Wait()
	if err != nil {
		return "", 0, fmt.Errorf("commit blob: %w", err)
	}
	w.copy.keep(sha)
	return sha, size, nil
}

// commit writes the row last. Content that is there already is not stored again;
// that its object is there, and what it was, is looked at, since whoever posts a lost
// content again brings it back.
func (w *objectWriter) commit(sha string, size int64) error {
	b := w.blobs
	row, err := b.row(w.ctx, sha)
	switch {
	case errors.Is(err, ErrNotFound):
		row = &blobRow{}
	case err != nil:
		return err
	default:
		whole, err := b.whole(w.ctx, row, size)
		if err == nil && whole {
			if used, err := b.settle(w.ctx, blobRow{Content: sha, Object: row.Object, Bytes: size}, row.Object); err != nil || used {
				return err
			}
		} else if err != nil && !errors.Is(err, bucket.ErrMissing) {
			return b.meaning(w.ctx, err)
		}
	}
	if err := w.upload.Finish(); err != nil {
		return b.meaning(w.ctx, err)
	}
	w.upload = nil
	used, err := b.settle(w.ctx, blobRow{Content: sha, Object: w.object, Bytes: size}, row.Object)
	if err == nil && !used {
		_ = b.bucket.Remove(w.ctx, w.object) // another upload of the same was faster; else the sweep
	}
	return err
}

// whole reports whether an object has the size and the hash of its content.
func (b *objectBlobs) whole(ctx context.Context, row *blobRow, size int64) (bool, error) {
	there, err := b.bucket.Size(ctx, row.Object)
	if err != nil || there != size {
		return false, err
	}
	h := sha256.New()
	object := &objectBlob{ctx: ctx, blobs: b, row: &blobRow{Content: row.Content, Object: row.Object, Bytes: size}}
	object.fill = &filling{copy: nil, next: -1} // no copy of it is kept
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{object}, make([]byte, 256<<10)); err != nil {
		if errors.Is(err, ErrContentLost) { // removed meanwhile
			return false, nil
		}
		return false, err
	}
	return hex.EncodeToString(h.Sum(nil)) == row.Content, nil
}

// settle makes row the one of its content, when there is none or the one there is
// leads to the given object, and holds the content when somebody holds blobs. It
// reports whether the row is now as given; when it is not and another one is there,
// that one is young again. Only a row that is gone and was expected is no success
// of any kind: then nothing was written.
func (b *objectBlobs) settle(ctx context.Context, row blobRow, instead string) (used bool, err error) {
	row.Place = b.place
	var held *blobHold
	err = b.store.InTx(ctx, func(tx *Store) error {
		used, held = false, nil
		if err := tx.Lock(ctx, "blob/"+row.Content); err != nil {
			return err
		}
		row.CommittedAt = tx.Now()
		var there blobRow
		err := Translate(tx.db.Tx.Take(&there, "place = ? AND content = ?", b.place, row.Content).Error)
		switch {
		case errors.Is(err, ErrNotFound):
			if instead == row.Object { // it was swept meanwhile, and its object with it
				return nil
			}
			used = true
		case err != nil:
			return err
		case there.Object == instead:
			used = true
		default:
			row.Object, row.Bytes = there.Object, there.Bytes
		}
		if err := tx.db.Tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
			return Translate(err)
		}
		held, err = b.hold(ctx, tx, row.Content)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("blob %s: %w", row.Content, err)
	}
	b.keepHold(ctx, held)
	return used, nil
}

func (w *objectWriter) Abort() error {
	w.copy.drop()
	if w.upload == nil {
		return nil
	}
	err := w.upload.Abort()
	w.upload = nil
	return err
}

func (b *objectBlobs) Open(ctx context.Context, sha string) (Blob, error) {
	row, err := b.row(ctx, sha)
	if err != nil {
		return nil, err
	}
	if cached, ok := b.cache.open(sha, row.Bytes); ok {
		return cached, nil
	}
	size, err := b.bucket.Size(ctx, row.Object)
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", sha, b.meaning(ctx, err))
	}
	if size != row.Bytes {
		return nil, fmt.Errorf("blob %s: %w: object %s has %d bytes of %d", sha, ErrContentLost, row.Object, size, row.Bytes)
	}
	return &objectBlob{ctx: ctx, blobs: b, row: row}, nil
}

// objectBlob reads an object in pieces, each with a request of its own: who reads
// slowly keeps no connection, and a piece that broke off is asked for again.
type objectBlob struct {
	ctx   context.Context
	blobs *objectBlobs
	row   *blobRow

	pos  int64 // of Read
	fill *filling

	mu    sync.Mutex
	piece []byte
	start int64 // of the piece in the object
}

// The first piece at a new place is small, because an attachment may be; each that
// follows on the one before is twice as large.
const (
	firstPiece = 64 << 10
	maxPiece   = 2 << 20
)

// filling is the copy of a blob that is read from its first byte to its last.
type filling struct {
	copy *cacheCopy
	hash hash.Hash
	next int64
}

func (o *objectBlob) Size() int64 { return o.row.Bytes }

func (o *objectBlob) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("blob: negative offset")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= o.row.Bytes {
			return n, io.EOF
		}
		if at < o.start || at >= o.start+int64(len(o.piece)) {
			if err := o.load(at, int64(len(p)-n)); err != nil {
				return n, err
			}
		}
		n += copy(p[n:], o.piece[at-o.start:])
	}
	return n, nil
}

func (o *objectBlob) load(at, need int64) error {
	length := int64(firstPiece)
	if len(o.piece) > 0 && at == o.start+int64(len(o.piece)) {
		length = 2 * int64(len(o.piece))
	}
	length = min(max(length, need), maxPiece, o.row.Bytes-at)
	if int64(cap(o.piece)) < length {
		o.piece = make([]byte, length)
	}
	piece := o.piece[:length]
	o.piece = o.piece[:0]
	if err := o.blobs.bucket.ReadRange(o.ctx, o.row.Object, piece, at); err != nil {
		return fmt.Errorf("blob %s: %w", o.row.Content, o.blobs.meaning(o.ctx, err))
	}
	o.piece, o.start = piece, at
	return nil
}

func (o *objectBlob) Read(p []byte) (int, error) {
	if o.pos >= o.row.Bytes {
		return 0, io.EOF
	}
	n, err := o.ReadAt(p[:min(int64(len(p)), o.row.Bytes-o.pos)], o.pos)
	o.keep(p[:n])
	o.pos += int64(n)
	return n, err
}

// keep adds to the copy in the cache what was just read, as long as it is read
// without a gap, and lets nobody else have it before the hash is right.
func (o *objectBlob) keep(p []byte) {
	if o.pos == 0 && o.fill == nil && o.blobs.cache != nil {
		o.fill = &filling{copy: o.blobs.cache.begin(), hash: sha256.New()}
	}
	f := o.fill
	if f == nil || f.next != o.pos || len(p) == 0 {
		return
	}
	f.copy.write(p)
	f.hash.Write(p)
	f.next += int64(len(p))
	if f.next == o.row.Bytes && hex.EncodeToString(f.hash.Sum(nil)) == o.row.Content {
		f.copy.keep(o.row.Content)
	}
}

func (o *objectBlob) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.pos
	case io.SeekEnd:
		offset += o.row.Bytes
	}
	if offset < 0 {
		return 0, errors.New("blob: negative offset")
	}
	o.pos = offset
	return offset, nil
}

func (o *objectBlob) Close() error {
	if o.fill != nil {
		o.fill.copy.drop()
	}
	return nil
}
