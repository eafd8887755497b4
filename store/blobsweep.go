package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// sweepChunk is how many names are asked about at once.
const sweepChunk = 500

func (b *fileBlobs) Sweep(ctx context.Context, before time.Time, referenced func([]string) (map[string]bool, error)) (int, error) {
	if err := b.sweepTmp(); err != nil {
		return 0, fmt.Errorf("sweep blobs: %w", err)
	}
	dirs, err := os.ReadDir(b.dir)
	if err != nil {
		return 0, fmt.Errorf("sweep blobs: %w", err)
	}
	removed := 0
	for _, d := range dirs {
		if !d.IsDir() || len(d.Name()) != 2 {
			continue
		}
		n, err := b.sweepDir(ctx, d.Name(), before, referenced)
		removed += n
		if err != nil {
			return removed, fmt.Errorf("sweep blobs: %w", err)
		}
	}
	return removed, nil
}

// Each lists the directories in chunks.
func (b *fileBlobs) Each(ctx context.Context, f func(sha string, size int64) error) error {
	dirs, err := os.ReadDir(b.dir)
	if err != nil {
		return fmt.Errorf("list blobs: %w", err)
	}
	for _, d := range dirs {
		if !d.IsDir() || len(d.Name()) != 2 {
			continue
		}
		if err := eachEntry(filepath.Join(b.dir, d.Name()), func(entries []fs.DirEntry) error {
			for _, e := range entries {
				info, err := e.Info()
				if err != nil {
					continue // removed meanwhile
				}
				if _, err := b.path(d.Name() + e.Name()); err != nil {
					continue // not one of ours
				}
				if err := f(d.Name()+e.Name(), info.Size()); err != nil {
					return err
				}
			}
			return ctx.Err()
		}); err != nil {
			return fmt.Errorf("list blobs: %w", err)
		}
	}
	return nil
}

// eachEntry reads a directory in chunks, so memory does not grow with the number
// of blobs.
func eachEntry(name string, f func([]fs.DirEntry) error) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		entries, readErr := dir.ReadDir(sweepChunk)
		if err := f(entries); err != nil {
			return err
		}
		if errors.Is(readErr, io.EOF) {
			return nil
		}
		if readErr != nil {
			return readErr
		}
	}
}

func (b *fileBlobs) sweepDir(ctx context.Context, name string, before time.Time, referenced func([]string) (map[string]bool, error)) (int, error) {
	removed := 0
	err := eachEntry(filepath.Join(b.dir, name), func(entries []fs.DirEntry) error {
		old := oldBlobs(name, entries, before)
		if len(old) == 0 {
			return nil
		}
		n, err := b.removeUnreferenced(ctx, old, before, referenced)
		removed += n
		return err
	})
	return removed, err
}

func oldBlobs(dir string, entries []fs.DirEntry, before time.Time) []string {
	var old []string
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().Before(before) {
			old = append(old, dir+e.Name())
		}
	}
	return old
}

func (b *fileBlobs) removeUnreferenced(ctx context.Context, shas []string, before time.Time, referenced func([]string) (map[string]bool, error)) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	// Looked at before the rows are asked for: who lets go has written his row by then.
	shas = slices.DeleteFunc(shas, b.isHeld)
	if len(shas) == 0 {
		return 0, nil
	}
	keep, err := referenced(shas)
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, sha := range shas {
		if keep[sha] {
			continue
		}
		ok, err := b.removeOld(sha, before)
		if err != nil {
			return removed, err
		}
		if ok {
			removed++
		}
	}
	return removed, nil
}

// isHeld reports whether a request that is not over has committed the blob. That may be
// long ago: its server can have stood still, as a machine that sleeps does.
func (b *fileBlobs) isHeld(sha string) bool {
	path, err := b.path(sha)
	if err != nil {
		return false // not one of ours
	}
	f, err := os.Open(path)
	if err != nil {
		return false // it is gone, or nobody can have opened it
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}

// removeOld looks at the age again, now that nobody can commit: since the first
// look the same content may have been uploaded, and its row may just be written.
func (b *fileBlobs) removeOld(sha string, before time.Time) (removed bool, err error) {
	path, err := b.path(sha)
	if err != nil {
		return false, nil // not one of ours
	}
	err = b.locked(false, func() error {
		info, err := os.Stat(path)
		if err != nil || !info.ModTime().Before(before) {
			return nil
		}
		removed = true
		return os.Remove(path)
	})
	return removed, err
}

// sweepTmp removes the unfinished uploads that nobody holds locked.
func (b *fileBlobs) sweepTmp() error {
	entries, err := os.ReadDir(b.tmp())
	if err != nil || len(entries) == 0 {
		return err
	}
	return b.locked(false, func() error {
		for _, e := range entries {
			removeUnlocked(filepath.Join(b.tmp(), e.Name()))
		}
		return nil
	})
}

func removeUnlocked(path string) {
	f, err := os.Open(path)
	if err != nil {
		return // finished meanwhile
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		_ = os.Remove(path)
	}
}
