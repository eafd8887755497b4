package backup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/store"
)

// Target is where a backup goes.
type Target struct {
	Data     string // the data directory: there is none yet, or an empty one
	Database string // of PostgreSQL; empty for SQLite
	Note     func(string, ...any)

	Objects store.Config // how an object store is spoken to
	Stream  io.Reader    // the backup, when it is called Stream

	// Open opens the restored store, so that it can be checked.
	Open func(ctx context.Context, data, database string) (*store.Store, error)
}

// Restore brings a backup back into an empty place, and checks all of it: every hash,
// the number of rows of every table, the database itself, and that every blob is there
// that it names. The data directory gets its name at the very end. from is a
// directory, s3://bucket/prefix, or Stream.
func Restore(ctx context.Context, from string, to Target) (_ *Manifest, err error) {
	if err := empty(to.Data); err != nil {
		return nil, err
	}
	data, err := filepath.Abs(to.Data)
	if err != nil {
		return nil, err
	}
	work := data + ".restoring"
	backup, err := openSource(ctx, from, data+".unpacking", &to)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, backup.close()) }()
	m, err := readManifest(ctx, backup, from)
	if err != nil {
		return nil, err
	}
	if (m.Dialect == "postgres") != (to.Database != "") {
		return nil, fmt.Errorf("the backup is of %s: --database must be the address of an empty database of the same kind, none for sqlite", m.Dialect)
	}
	if err := os.RemoveAll(work); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(work, 0o700); err != nil {
		return nil, err
	}
	r := &restoring{Target: to, manifest: m, from: backup, work: work}
	for _, step := range []func(context.Context) error{r.files, r.blobs, r.check} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, os.RemoveAll(work))
		}
	}
	if err := syncAll(work); err != nil {
		return nil, err
	}
	if err := os.Remove(data); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return m, errors.Join(os.Rename(work, data), syncAll(filepath.Dir(data)))
}

// empty refuses a directory with something in it, and says so when a server runs there.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return nil
	}
	if err := store.Unused(dir); err != nil {
		return fmt.Errorf("%s: %w; stop it, and restore into another directory", dir, err)
	}
	return fmt.Errorf("%s is not empty: restore into a new directory", dir)
}

// restoring is a backup on its way back.
type restoring struct {
	Target
	manifest *Manifest
	from     source
	work     string
}

// What of the backup is in the data directory only until it is restored.
const (
	dumpName = "database.dump"
	listName = "blobs.list"
)

func (r *restoring) files(ctx context.Context) error {
	database := "slipway.db"
	if r.manifest.Dialect == "postgres" {
		database = dumpName
	}
	for name, f := range map[string]*File{database: &r.manifest.Database, listName: &r.manifest.List, "secret": r.manifest.Secret} {
		if f == nil {
			continue
		}
		if err := r.copy(ctx, f.Name, name, f.Name, f.SHA256); err != nil {
			return err
		}
	}
	if database != dumpName {
		return nil
	}
	dump := filepath.Join(r.work, dumpName)
	return errors.Join(store.RestorePostgres(ctx, r.Database, dump), os.Remove(dump))
}

func (r *restoring) copy(ctx context.Context, from, to, what, sha string) error {
	f, err := r.from.open(ctx, from)
	if err != nil {
		return err
	}
	err = errors.Join(copyChecked(f, filepath.Join(r.work, filepath.FromSlash(to)), what, sha), f.Close())
	if err != nil {
		return err
	}
	return r.from.copied(from)
}

func (r *restoring) blobs(ctx context.Context) error {
	path := filepath.Join(r.work, listName)
	list, err := os.Open(path)
	if err != nil {
		return err
	}
	defer list.Close()
	lines := bufio.NewScanner(list)
	n := int64(0)
	for ; lines.Scan(); n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		sha, _, _ := strings.Cut(lines.Text(), " ")
		if !isSHA(sha) {
			return fmt.Errorf("%s: %q is no blob", r.manifest.List.Name, lines.Text())
		}
		if err := r.copy(ctx, blobName(sha), blobName(sha), "the copy in the backup", sha); err != nil {
			return fmt.Errorf("blob %s: %w", sha, err)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if n != r.manifest.Blobs {
		return fmt.Errorf("%s has %d blobs, the manifest says %d", r.manifest.List.Name, n, r.manifest.Blobs)
	}
	r.Note("files and %d blobs are whole", n)
	return os.Remove(path)
}

// check opens what was restored.
func (r *restoring) check(ctx context.Context) (err error) {
	s, err := r.Open(ctx, r.work, r.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := s.Pending(ctx); err != nil { // a newer schema
		return err
	}
	wrong, err := s.Integrity(ctx, true)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the restored database is damaged: %s", strings.Join(wrong, "; "))
	}
	rows, err := s.CountRows(ctx)
	if err != nil {
		return err
	}
	for _, table := range slices.Sorted(maps.Keys(r.manifest.Rows)) {
		if rows[table] != r.manifest.Rows[table] {
			return fmt.Errorf("table %s has %d rows, the manifest says %d", table, rows[table], r.manifest.Rows[table])
		}
	}
	r.Note("the database is sound, its %d tables have as many rows as the manifest says", len(rows))
	err = s.NamedBlobs(ctx, func(sha string) error {
		_, err := os.Stat(filepath.Join(r.work, filepath.FromSlash(blobName(sha))))
		if err != nil && slices.Contains(r.manifest.Lost, sha) {
			r.Note("blob %s was lost before the backup was taken", sha)
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.RehomeBlobs(ctx)
}
