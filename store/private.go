package store

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// The modes of what is in the data directory: results, tokens and the server
// secret are for the owner of the process alone.
const (
	privateDir  fs.FileMode = 0o700
	privateFile fs.FileMode = 0o600
)

// keepPrivate takes the data directory from everybody but its owner, whatever its
// mode was, and all files in it: somebody may have copied them there, or an
// earlier version written them. The third level is looked through only when others
// could come in, since it may hold a million blobs. What cannot be changed is warned
// about and is no error: the owner of a mounted volume may be another.
func keepPrivate(ctx context.Context, dir string, chmod func(string, fs.FileMode) error) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	wasOpen := info.Mode().Perm()&0o077 != 0
	p := &privacy{chmod: chmod}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // the temporary file of another process
		case err != nil:
			p.note(path, err)
			return nil
		}
		p.entry(path, entry)
		if !wasOpen && entry.IsDir() && filepath.Dir(filepath.Dir(path)) == filepath.Clean(dir) {
			return fs.SkipDir
		}
		return nil
	})
	if p.count > 0 {
		slog.WarnContext(ctx, "other users of this machine may read the data directory: modes cannot be changed",
			"directory", dir, "entries", p.count, "first", p.first, "error", p.err)
	}
	return err
}

// privacy is what keepPrivate could not change.
type privacy struct {
	chmod func(string, fs.FileMode) error
	count int
	first string
	err   error
}

func (p *privacy) note(path string, err error) {
	if p.count++; p.count == 1 {
		p.first, p.err = path, err
	}
}

// entry changes the mode of a directory or a file. A link is left alone: what it
// leads to is not ours, except for the data directory itself.
func (p *privacy) entry(path string, entry fs.DirEntry) {
	want := privateFile
	switch {
	case entry.IsDir():
		want = privateDir
	case !entry.Type().IsRegular():
		return
	}
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().Perm() == want {
		return
	}
	if err == nil {
		err = p.chmod(path, want)
	}
	if err == nil {
		info, err = os.Lstat(path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		p.note(path, err)
	case info.Mode().Perm() != want: // a file system that knows no modes
		p.note(path, errors.New("the file system keeps the mode "+info.Mode().Perm().String()))
	}
}

// newPrivateFile makes an empty file that only its owner may read, when there is
// none: SQLite would make one for everybody, and gives its log the mode of the
// database. One that is there is not opened, because closing it would take the
// locks of this process from it. Why none can be made, SQLite will say.
func newPrivateFile(path string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, privateFile)
	if err == nil {
		_ = f.Close() // nothing was written
	}
}
