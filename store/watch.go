package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
)

// watch remembers which files the embedded database was opened with. Whoever
// removes, moves or restores them under a running server leaves it with files that
// nobody will ever find again: what it acknowledged then would be lost.
type watch struct {
	mu    sync.Mutex
	files []*watched
}

// watched is a file as it was when it was seen first; ino is zero before that.
type watched struct {
	path     string
	dev, ino uint64
}

// watchDatabase begins to watch. The log comes later than the file: it is there
// once something was written.
func watchDatabase(path string) *watch {
	w := &watch{files: []*watched{{path: path}, {path: path + "-wal"}}}
	_ = w.changed() // sees what is there
	return w
}

// changed returns ErrReplaced once a file is not the one any more that was seen
// first. What cannot be looked at for another reason has not changed.
func (w *watch) changed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.files {
		dev, ino, err := identity(f.path)
		switch {
		case f.ino == 0 && err == nil:
			f.dev, f.ino = dev, ino
		case f.ino != 0 && errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%w: %s is gone", ErrReplaced, f.path)
		case f.ino != 0 && err == nil && (f.dev != dev || f.ino != ino):
			return fmt.Errorf("%w: %s is another file", ErrReplaced, f.path)
		}
	}
	return nil
}

func identity(path string) (dev, ino uint64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, errors.ErrUnsupported
	}
	return uint64(st.Dev), st.Ino, nil //nolint:unconvert // its type differs between systems
}

// Replaced returns ErrReplaced when the files of the embedded database are not the
// ones any more that were opened. A server must end then.
func (s *Store) Replaced() error {
	if s.core.watch == nil {
		return nil
	}
	return s.core.watch.changed()
}
