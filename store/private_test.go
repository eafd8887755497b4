package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOpen_Private: whatever modes the data directory and its files had, only
// their owner may read them afterwards.
func TestOpen_Private(t *testing.T) {
	t.Parallel()

	for name, mode := range map[string]fs.FileMode{"open": 0o755, "closed": 0o700} {
		dir := filepath.Join(t.TempDir(), "data")
		deep := filepath.Join(dir, "blobs", "ab", "cdef")
		for _, file := range []string{filepath.Join(dir, "secret"), filepath.Join(dir, "slipway.db"), filepath.Join(dir, "blobs", "sweep.lock"), deep} {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), Config{DataDir: link, Exclusive: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			unreachable := name == "closed" && path == deep // behind closed directories
			if info.Mode().Perm()&0o077 != 0 && !unreachable {
				t.Errorf("a directory that was %s: %s has the mode %s", name, path, info.Mode())
			}
			return nil
		})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKeepPrivate_Warns: a mode that cannot be changed is said in one line.
func TestKeepPrivate_Warns(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })

	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, chmod := range map[string]func(string, fs.FileMode) error{
		"refused": func(string, fs.FileMode) error { return fs.ErrPermission },
		"ignored": func(string, fs.FileMode) error { return nil },
	} {
		log.Reset()
		if err := keepPrivate(context.Background(), dir, chmod); err != nil {
			t.Errorf("%s: %v, want a warning only", name, err)
		}
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "modes cannot be changed") || !strings.Contains(got, dir) {
			t.Errorf("%s: the log says %q, want one warning", name, got)
		}
	}
}
