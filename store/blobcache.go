package store

import (
	"container/list"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// blobCache keeps copies of blobs in files of this machine, those that were used
// last, up to a limit in bytes. It belongs to one process and begins empty:
// nothing in it is synced, so after a crash nobody knows what is whole. A full
// disk makes it keep less and is no error. A nil cache keeps nothing.
type blobCache struct {
	dir   string
	limit int64
	lock  *os.File

	mu    sync.Mutex
	used  int64
	files map[string]*list.Element // of cachedFile, by sha256
	order *list.List               // the last used one in front
}

type cachedFile struct {
	sha  string
	size int64
}

// openBlobCache makes a cache in a directory of its own below dir, and removes
// those of processes that are gone.
func openBlobCache(dir string, limit int64) (*blobCache, error) {
	if limit <= 0 {
		return nil, nil //nolint:nilnil // a nil cache keeps nothing
	}
	if err := os.MkdirAll(dir, privateDir); err != nil {
		return nil, err
	}
	sweepCaches(dir)
	own, err := os.MkdirTemp(dir, "cache-")
	if err != nil {
		return nil, err
	}
	lock, err := os.Open(own)
	if err == nil {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		return nil, err
	}
	return &blobCache{dir: own, limit: limit, lock: lock, files: map[string]*list.Element{}, order: list.New()}, nil
}

func sweepCaches(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // the new one is made all the same
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.RemoveAll(path)
		}
		_ = f.Close()
	}
}

func (c *blobCache) close() error {
	if c == nil {
		return nil
	}
	return errors.Join(os.RemoveAll(c.dir), c.lock.Close())
}

// open returns the copy, when there is one of that size.
func (c *blobCache) open(sha string, size int64) (Blob, bool) {
	if c == nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.files[sha]
	if !ok {
		return nil, false
	}
	f, err := os.Open(c.path(sha))
	if err != nil {
		return nil, false
	}
	if info, err := f.Stat(); err != nil || info.Size() != size {
		_ = f.Close()
		return nil, false
	}
	c.order.MoveToFront(e)
	return fileBlob{f, size}, true
}

func (c *blobCache) path(sha string) string { return filepath.Join(c.dir, sha) }

// remove forgets a copy.
func (c *blobCache) remove(sha string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.files[sha]; ok {
		c.evict(e)
	}
}

func (c *blobCache) evict(e *list.Element) {
	f := c.order.Remove(e).(cachedFile) // nothing else is in there
	delete(c.files, f.sha)
	c.used -= f.size
	_ = os.Remove(c.path(f.sha)) // who has it open reads on
}

// reserve makes room for n more bytes, at the cost of what was used longest ago.
// A single copy may take half of the room.
func (c *blobCache) reserve(n, already int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if already+n > c.limit/2 {
		return false
	}
	for c.used+n > c.limit {
		last := c.order.Back()
		if last == nil {
			return false // all of it is being written
		}
		c.evict(last)
	}
	c.used += n
	return true
}

// cacheCopy is a copy that is being made. A nil one makes none, and so does one that
// has failed.
type cacheCopy struct {
	cache *blobCache
	file  *os.File
	size  int64
}

// begin begins a copy.
func (c *blobCache) begin() *cacheCopy {
	if c == nil {
		return nil
	}
	f, err := os.CreateTemp(c.dir, "new-")
	if err != nil {
		return nil
	}
	return &cacheCopy{cache: c, file: f}
}

// write adds to the copy, or gives it up.
func (k *cacheCopy) write(p []byte) {
	if k == nil || k.file == nil || len(p) == 0 {
		return
	}
	if !k.cache.reserve(int64(len(p)), k.size) {
		k.drop()
		return
	}
	k.size += int64(len(p))
	if _, err := k.file.Write(p); err != nil {
		k.drop()
	}
}

// drop gives the copy up. After keep it does nothing.
func (k *cacheCopy) drop() {
	if k == nil || k.file == nil {
		return
	}
	_ = os.Remove(k.file.Name())
	_ = k.file.Close()
	k.file = nil
	k.cache.mu.Lock()
	k.cache.used -= k.size
	k.cache.mu.Unlock()
}

// keep makes the copy the one of a content whose hash it has.
func (k *cacheCopy) keep(sha string) {
	if k == nil || k.file == nil {
		return
	}
	c := k.cache
	c.mu.Lock()
	if _, there := c.files[sha]; there || os.Rename(k.file.Name(), c.path(sha)) != nil {
		c.mu.Unlock()
		k.drop()
		return
	}
	c.files[sha] = c.order.PushFront(cachedFile{sha, k.size})
	_ = k.file.Close()
	k.file = nil
	c.mu.Unlock()
}
