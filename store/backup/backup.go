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
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/slipway-lab/slipway/store"
)

// Options say how a backup is taken.
type Options struct {
	Dir    string
	Build  string               // of the program, for the manifest
	Secret []byte               // the server's; nil leaves it out
	Note   func(string, ...any) // hears how far it is
}

// Take copies the store into a directory: the database in one state, then the blobs
// that it names, the secret, and the manifest. Everything that was acknowledged before
// it began is in it. Others go on writing meanwhile; no blob is removed until it ends.
func Take(ctx context.Context, s *store.Store, o Options) (_ *Manifest, err error) {
	if err := os.MkdirAll(filepath.Join(o.Dir, "blobs"), 0o700); err != nil {
		return nil, err
	}
	release, err := s.HoldForBackup(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	t := &taking{Options: o, store: s, manifest: &Manifest{
		Format: format, ID: s.NewID().String(), Build: o.Build, Dialect: s.Dialect(), StartedAt: s.Now(),
	}}
	for _, step := range []func(context.Context) error{t.database, t.blobs, t.secret, t.end} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return t.manifest, nil
}

// taking is a backup that is being taken.
type taking struct {
	Options
	store    *store.Store
	manifest *Manifest
}

func (t *taking) path(name string) string { return filepath.Join(t.Dir, name) }

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
	return t.describe(&t.manifest.Database)
}

func writeLines(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	return errors.Join(write(w), w.Flush(), f.Close())
}

// describe fills in size and hash of a file of the backup.
func (t *taking) describe(f *File) (err error) {
	f.SHA256, f.Bytes, err = hashOf(t.path(f.Name))
	return err
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

// blobs copies the blobs that are not there yet.
func (t *taking) blobs(ctx context.Context) error {
	names, err := os.Open(t.path("names"))
	if err != nil {
		return err
	}
	defer names.Close()
	copied := 0
	err = writeLines(t.path(t.manifest.List.Name), func(w io.Writer) error {
		for lines := bufio.NewScanner(names); lines.Scan(); {
			size, isNew, err := t.blob(ctx, lines.Text())
			if errors.Is(err, store.ErrContentLost) || errors.Is(err, store.ErrNotFound) {
				t.Note("lost: %v", err)
				t.manifest.Lost = append(t.manifest.Lost, lines.Text())
				continue
			}
			if err != nil {
				return err
			}
			if isNew {
				copied++
			}
			t.manifest.Blobs++
			t.manifest.BlobBytes += size
			if _, err := fmt.Fprintln(w, lines.Text(), size); err != nil {
				return err
			}
			if t.manifest.Blobs%10_000 == 0 {
				t.Note("blobs: %d looked at, %d new", t.manifest.Blobs, copied)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.Note("blobs: %d of %d bytes in all, %d of them new", t.manifest.Blobs, t.manifest.BlobBytes, copied)
	return errors.Join(os.Remove(t.path("names")), t.describe(&t.manifest.List))
}

// blob copies a blob and checks its hash on the way. One that an earlier backup has
// copied is whole, because it got its name afterwards, and stays when the store has
// lost it.
func (t *taking) blob(ctx context.Context, sha string) (size int64, isNew bool, err error) {
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	to := t.path(blobName(sha))
	info, missing := os.Stat(to)
	b, err := t.store.Blobs.Open(ctx, sha)
	if err != nil {
		if missing == nil && (errors.Is(err, store.ErrContentLost) || errors.Is(err, store.ErrNotFound)) {
			t.Note("the store has lost a blob that the earlier backup has: %v", err)
			return info.Size(), false, nil
		}
		return 0, false, err
	}
	defer b.Close()
	if missing == nil && info.Size() == b.Size() {
		return b.Size(), false, nil
	}
	if missing == nil {
		t.Note("blob %s has %d bytes in the store and %d in the earlier backup, which stay", sha, b.Size(), info.Size())
		return info.Size(), false, nil
	}
	return b.Size(), true, copyChecked(b, to, sha)
}

func blobName(sha string) string { return filepath.Join("blobs", sha[:2], sha[2:]) }

// copyChecked writes a file that has the hash, or none.
func copyChecked(from io.Reader, to, sha string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(to+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.CopyBuffer(io.MultiWriter(f, h), struct{ io.Reader }{from}, make([]byte, 256<<10))
	if err = errors.Join(err, f.Close()); err == nil {
		if got := hex.EncodeToString(h.Sum(nil)); got != sha {
			err = fmt.Errorf("blob %s has the content of %s: it is damaged: %w", sha, got, store.ErrContentLost)
		}
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), to)
}

func (t *taking) secret(context.Context) error {
	if t.Secret == nil {
		return nil
	}
	f := &File{Name: "secret-" + t.manifest.ID}
	if err := os.WriteFile(t.path(f.Name), append(t.Secret, '\n'), 0o600); err != nil {
		return err
	}
	t.manifest.Secret = f
	return t.describe(f)
}

// end makes everything durable, then puts the manifest in the place of the one before,
// and removes what only that one needed.
func (t *taking) end(context.Context) error {
	if err := syncAll(t.Dir); err != nil {
		return err
	}
	t.manifest.EndedAt = t.store.Now()
	text, err := json.MarshalIndent(t.manifest, "", "  ")
	if err != nil {
		return err
	}
	next := t.path(manifestName + ".new")
	if err := os.WriteFile(next, append(text, '\n'), 0o600); err != nil {
		return err
	}
	if err := syncAll(t.Dir); err != nil {
		return err
	}
	if err := os.Rename(next, t.path(manifestName)); err != nil {
		return err
	}
	return errors.Join(syncAll(t.Dir), t.prune())
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

// prune removes the files of earlier backups, and blobs that the list does not name.
func (t *taking) prune() error {
	entries, err := os.ReadDir(t.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		kind, _, _ := strings.Cut(e.Name(), "-")
		ours := kind == "database" || kind == "blobs" || kind == "secret"
		if ours && !e.IsDir() && !strings.Contains(e.Name(), t.manifest.ID) {
			if err := os.Remove(t.path(e.Name())); err != nil {
				return err
			}
		}
	}
	list, err := os.Open(t.path(t.manifest.List.Name))
	if err != nil {
		return err
	}
	defer list.Close()
	named := bufio.NewScanner(list)
	next := ""
	advance := func(to string) {
		for next < to && named.Scan() {
			next, _, _ = strings.Cut(named.Text(), " ")
		}
	}
	return filepath.WalkDir(t.path("blobs"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		sha := filepath.Base(filepath.Dir(path)) + e.Name() // walked in the order of the list
		if advance(sha); next == sha {
			return nil
		}
		return os.Remove(path)
	})
}
