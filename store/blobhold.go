package store

import (
	"context"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// heldBlobs are blobs that were committed and that no row may name yet: what lets
// go of each. A file is locked as it was while it was written; an object has a row.
type heldBlobs struct {
	mu       sync.Mutex
	releases []func() error
}

type heldKey struct{}

// HoldBlobs returns a context in which a blob that is committed stays, also when
// RemoveUnusedBlobs is told of the same content, until release is called: at the end
// of the request, when the rows that name it are there or never will be.
func HoldBlobs(ctx context.Context) (holding context.Context, release func()) {
	h := &heldBlobs{}
	return context.WithValue(ctx, heldKey{}, h), h.release
}

// holder is who holds the blobs of the context; nil when nobody does.
func holder(ctx context.Context) *heldBlobs {
	h, _ := ctx.Value(heldKey{}).(*heldBlobs)
	return h
}

func (h *heldBlobs) add(release func() error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.releases = append(h.releases, release)
}

func (h *heldBlobs) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, release := range h.releases {
		_ = release() // everything was synced, and a hold ends by itself
	}
	h.releases = nil
}

// hold takes over a file that was committed, and closes it when nobody holds blobs.
func hold(ctx context.Context, f *os.File) error {
	h := holder(ctx)
	if h == nil {
		return f.Close()
	}
	h.add(f.Close)
	return nil
}

// RemoveUnusedBlobs removes those of the blobs that no row names any more and that
// nobody holds, at once: whoever deletes a result wants the room. What it leaves,
// SweepBlobs finds.
func (s *Store) RemoveUnusedBlobs(ctx context.Context, shas ...string) error {
	columns := blobColumns(s.core.config.Areas)
	return s.Blobs.RemoveUnused(ctx, shas, func(some []string) (map[string]bool, error) {
		return s.referencedBlobs(ctx, columns, some)
	})
}

func (b *fileBlobs) RemoveUnused(_ context.Context, shas []string, referenced func([]string) (map[string]bool, error)) error {
	for _, sha := range shas {
		path, err := b.path(sha)
		if err != nil {
			continue // cannot exist
		}
		err = b.locked(false, func() error { return removeUnused(path, sha, referenced) })
		if err != nil {
			return fmt.Errorf("remove blob %s: %w", sha, err)
		}
	}
	return nil
}

// removeUnused runs while nobody can commit. Who committed before and still holds
// the file may be about to write the row that names it.
func removeUnused(path, sha string, referenced func([]string) (map[string]bool, error)) error {
	f, err := os.Open(path)
	if err != nil {
		return nil //nolint:nilerr // it is gone
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil
	}
	keep, err := referenced([]string{sha})
	if err != nil || keep[sha] {
		return err
	}
	return os.Remove(path)
}
