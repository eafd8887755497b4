package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"runtime"
	"sync"

	"github.com/slipway-lab/slipway/server/lab/design"
)

// checked is a design that was read. It is read-only.
type checked struct {
	digest string
	site   *design.Site // nil when it has no effective model
	loaded design.Loaded
	report func() design.Report // runs the rules, the first time
}

// firstError says why there is no effective model.
func (c *checked) firstError() string { return c.loaded.FirstError() }

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// check reads the documents, or finds the design that was read from them before.
// Designs that come in at the same time are read one after the other, as many at
// once as there are processors.
func (h *Handler) check(text []byte) *checked {
	digest := digestOf(text)
	read := h.sites.entry(digest, int64(len(text)), func() *checked {
		c := &checked{digest: digest, loaded: design.Load(text, h.options())}
		c.site = c.loaded.Site
		c.report = sync.OnceValue(func() design.Report { return c.loaded.Report(h.options()) })
		return c
	})
	return read()
}

// siteCache keeps the designs that were used last, up to a weight. A design is
// found by its digest, so that an entry is never out of date.
type siteCache struct {
	most    int64         // bytes of documents, all entries together
	reading chan struct{} // one for each design that is being read

	mu     sync.Mutex
	weight int64
	list   []cached // the last used first
}

type cached struct {
	digest string
	size   int64
	read   func() *checked // reads it, the first time
}

// maxCached is how many designs are kept, however small they are.
const maxCached = 64

func newSiteCache(most int64) *siteCache {
	return &siteCache{most: most, reading: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// get returns the design of that digest, or nil.
func (c *siteCache) get(digest string) *checked {
	c.mu.Lock()
	found := c.find(digest)
	c.mu.Unlock()
	if found == nil {
		return nil
	}
	return found()
}

// find moves an entry to the front. The caller holds the lock.
func (c *siteCache) find(digest string) func() *checked {
	for i, e := range c.list {
		if e.digest == digest {
			copy(c.list[1:i+1], c.list[:i])
			c.list[0] = e
			return e.read
		}
	}
	return nil
}

// entry returns the way to the design of that digest, which is read once, however
// many ask for it at the same time. One that is too large to be kept is read for
// each who asks.
func (c *siteCache) entry(digest string, size int64, read func() *checked) func() *checked {
	slow := sync.OnceValue(func() *checked {
		c.reading <- struct{}{}
		defer func() { <-c.reading }()
		return read()
	})
	if size > c.most {
		return slow
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.find(digest); found != nil {
		return found
	}
	c.list = append([]cached{{digest, size, slow}}, c.list...)
	c.weight += size
	for c.weight > c.most || len(c.list) > maxCached {
		last := len(c.list) - 1
		c.weight -= c.list[last].size
		c.list = c.list[:last:last]
	}
	return slow
}
