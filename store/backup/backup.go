package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-lab/slipway/store"
)

// Options say how a backup is taken.
type Options struct {
	To     string               // a directory, s3://bucket/prefix, or Stream
	Build  string               // of the program, for the manifest
	Secret []byte               // the server's; nil leaves it out
	Note   func(string, ...any) // hears how far it is; by several at once

	Objects store.Config // how an object store is spoken to
	Stream  io.Writer    // what is written to when To is Stream
}

// Take copies the store to a place: the database in one state, then the blobs
// that it names, the secret, and the manifest. Everything that was acknowledged before
// it began is in it. Others go on writing meanwhile; no blob is removed until it ends.
func Take(ctx context.Context, s *store.Store, o Options) (_ *Manifest, err error) {
	to, err := openTarget(ctx, &o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.close()) }()
	hold, err := s.HoldForBackup(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, hold.Release(ctx)) }()
	t := &taking{Options: o, to: to, store: s, hold: hold, manifest: &Manifest{
		Format: format, ID: s.NewID().String(), Build: o.Build, Dialect: s.Dialect(), StartedAt: s.Now(),
	}}
	for _, step := range []func(context.Context) error{t.database, t.blobs, t.secret, t.held, t.end} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return t.manifest, nil
}

// taking is a backup that is being taken.
type taking struct {
	Options
	to       target
	store    *store.Store
	hold     *store.BackupHold
	manifest *Manifest
}

// path is that of a file that is being made.
func (t *taking) path(name string) string { return filepath.Join(t.to.scratch(), name) }

// database copies the database, and notes which blobs that state names.
func (t *taking) database(ctx context.Context) error {
	ending := ".sqlite"
	if t.manifest.Dialect == "postgres" {
		ending = ".dump"
	}
	t.manifest.Database.Name = "database-" + t.manifest.ID + ending
	t.manifest.List.Name = "blobs-" + t.manifest.ID + ".list"
	err := t.store.CopyDatabase(ctx, t.path(t.manifest.Database.Name), func(done, all int) {
		if done == all || done%(64<<10) == 0 {
			t.Note("database: %d of %d pages", done, all)
		}
	}, func(view *store.Store) (err error) {
		if t.manifest.Schema, err = view.Version(ctx); err != nil {
			return err
		}
		if t.manifest.Rows, err = view.CountRows(ctx); err != nil {
			return err
		}
		return writeLines(t.path("names"), func(w io.Writer) error {
			return view.NamedBlobs(ctx, func(sha string) error {
				_, err := fmt.Fprintln(w, sha)
				return err
			})
		})
	})
	if err != nil {
		return err
	}
	return t.keep(ctx, &t.manifest.Database)
}

func writeLines(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	return errors.Join(write(w), w.Flush(), f.Close())
}

// keep takes a file into the backup, and notes its size and hash.
func (t *taking) keep(ctx context.Context, f *File) (err error) {
	if f.SHA256, f.Bytes, err = hashOf(t.path(f.Name)); err != nil {
		return err
	}
	return t.to.keep(ctx, f)
}

func hashOf(path string) (sha string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, 1<<20))
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// blobs copies the blobs that are not there yet, and lists all.
func (t *taking) blobs(ctx context.Context) error {
	names, err := os.Open(t.path("names"))
	if err != nil {
		return err
	}
	defer names.Close()
	copied := 0
	err = writeLines(t.path(t.manifest.List.Name), func(w io.Writer) error {
		for lines := bufio.NewScanner(names); ; {
			batch, err := t.batch(ctx, lines)
			if err != nil || len(batch) == 0 {
				return err
			}
			for i := range batch {
				n, err := t.list(w, &batch[i])
				if err != nil {
					return err
				}
				copied += n
			}
		}
	})
	if err != nil {
		return err
	}
	t.Note("blobs: %d of %d bytes in all, %d of them new", t.manifest.Blobs, t.manifest.BlobBytes, copied)
	return errors.Join(os.Remove(t.path("names")), t.keep(ctx, &t.manifest.List))
}

// list notes a blob in the manifest and its list, and says how many are new: one or
// none.
func (t *taking) list(w io.Writer, b *blobTaken) (fresh int, err error) {
	if b.lost {
		t.manifest.Lost = append(t.manifest.Lost, b.sha)
		return 0, nil
	}
	t.manifest.Blobs++
	t.manifest.BlobBytes += b.size
	if t.manifest.Blobs%10_000 == 0 {
		t.Note("blobs: %d looked at", t.manifest.Blobs)
	}
	if b.fresh {
		fresh = 1
	}
	_, err = fmt.Fprintln(w, b.sha, b.size)
	return fresh, err
}

// blobTaken is what became of a blob.
type blobTaken struct {
	sha     string
	earlier int64 // its size in an earlier backup, or -1

	size  int64
	fresh bool // it was copied now
	lost  bool
}

// batch copies some blobs, as many at once as the place takes; none: all are done.
func (t *taking) batch(ctx context.Context, names *bufio.Scanner) ([]blobTaken, error) {
	batch := make([]blobTaken, 0, 8*t.to.atOnce())
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(t.to.atOnce())
	for len(batch) < cap(batch) && groupCtx.Err() == nil && names.Scan() {
		sha := names.Text()
		earlier, err := t.to.size(groupCtx, sha)
		if err != nil {
			return nil, errors.Join(err, group.Wait())
		}
		batch = append(batch, blobTaken{sha: sha, earlier: earlier})
		b := &batch[len(batch)-1]
		group.Go(func() error { return t.blob(groupCtx, b) })
	}
	return batch, errors.Join(group.Wait(), names.Err(), ctx.Err())
}

// blob copies a blob and checks its hash on the way. One that an earlier backup has
// copied is whole, because it got its name afterwards, and stays when the store has
// lost it.
func (t *taking) blob(ctx context.Context, b *blobTaken) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	from, err := t.store.Blobs.Open(ctx, b.sha)
	if err == nil {
		defer from.Close()
		b.size, b.fresh = from.Size(), b.earlier < 0
		if b.fresh {
			err = t.to.blob(ctx, b.sha, from, b.size)
		} else if b.size != b.earlier {
			t.Note("blob %s has %d bytes in the store and %d in the earlier backup, which stay", b.sha, b.size, b.earlier)
			b.size = b.earlier
		}
	}
	if !errors.Is(err, store.ErrContentLost) && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if b.earlier >= 0 {
		t.Note("the store has lost a blob that the earlier backup has: %v", err)
		b.size = b.earlier
		return nil
	}
	if heldErr := t.held(ctx); heldErr != nil {
		return heldErr
	}
	t.Note("lost: %v", err)
	b.lost = true
	return nil
}

func (t *taking) secret(ctx context.Context) error {
	if t.Secret == nil {
		return nil
	}
	f := &File{Name: "secret-" + t.manifest.ID}
	if err := os.WriteFile(t.path(f.Name), append(t.Secret, '\n'), 0o600); err != nil {
		return err
	}
	t.manifest.Secret = f
	return t.keep(ctx, f)
}

// held says whether everything that the database names was held until now. A backup that
// stood still for long would else take what was removed meanwhile for lost, and come into
// the place of one that is whole.
func (t *taking) held(ctx context.Context) error {
	err := t.hold.Renew(ctx)
	if errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("%w: the backup stood still, or did not reach the database, for so long that blobs may have been removed before they were copied; "+
			"an earlier backup in the same place is as it was: take this one again", err)
	}
	return err
}

// end puts the manifest in the place of the one before, and removes what only that
// one needed.
func (t *taking) end(ctx context.Context) error {
	t.manifest.EndedAt = t.store.Now()
	text, err := json.MarshalIndent(t.manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := t.to.end(ctx, append(text, '\n')); err != nil {
		return err
	}
	return t.to.prune(ctx, t.manifest)
}

// eachKind calls f for each two letters that blobs begin with, in their order, with
// the sizes of the blobs of a list that do.
func eachKind(list string, f func(kind string, named map[string]int64) error) error {
	from, err := os.Open(list)
	if err != nil {
		return err
	}
	defer from.Close()
	lines := bufio.NewScanner(from)
	more := lines.Scan()
	for n := range 256 {
		kind, named := fmt.Sprintf("%02x", n), map[string]int64{}
		for ; more && strings.HasPrefix(lines.Text(), kind); more = lines.Scan() {
			sha, text, _ := strings.Cut(lines.Text(), " ")
			if named[sha], err = strconv.ParseInt(text, 10, 64); err != nil {
				return fmt.Errorf("%s: %w", filepath.Base(list), err)
			}
		}
		if err := f(kind, named); err != nil {
			return err
		}
	}
	return lines.Err()
}
