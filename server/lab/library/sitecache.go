package library

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/slipway-lab/slipway/server/lab/design"
)

// Checked is a design that was read. It is read-only.
type Checked struct {
	Digest string
	Site   *design.Site         // nil when it has no effective model
	Report func() design.Report // runs the rules, the first time
	loaded design.Loaded
}

// FirstError says why there is no effective model.
func (c *Checked) FirstError() string { return c.loaded.FirstError() }

// UnusableError says why a design has no effective model.
type UnusableError struct{ Reason string }

func (e *UnusableError) Error() string { return e.Reason }

// Usable demands an effective model; without one the error is an *UnusableError.
func (c *Checked) Usable() error {
	if c.Site == nil {
		return &UnusableError{c.FirstError()}
	}
	return nil
}

// Passed demands that the design passes validation; the error is an *UnusableError
// with the first rule that it fails.
func (c *Checked) Passed() error {
	r := c.Report()
	if r.OK() {
		return nil
	}
	first := r.Message
	for _, m := range r.Messages {
		if m.Error {
			first = strings.TrimSpace(m.Name + " " + m.Text)
			break
		}
	}
	return &UnusableError{fmt.Sprintf("it fails validation with %d errors, the first of which is %s", r.ErrorCount(), first)}
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Check reads the documents, or finds the design that was read from them before.
// Designs that come in at the same time are read one after the other, as many at
// once as there are processors.
func (l *Library) Check(text []byte) *Checked {
	digest := digestOf(text)
	read := l.sites.entry(digest, int64(len(text)), func() *Checked {
		c := &Checked{Digest: digest, loaded: design.Load(text, l.options)}
		c.Site = c.loaded.Site
		c.Report = sync.OnceValue(func() design.Report { return c.loaded.Report(l.options) })
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
	read   func() *Checked // reads it, the first time
}

// maxCached is how many designs are kept, however small they are.
const maxCached = 64

func newSiteCache(most int64) *siteCache {
	return &siteCache{most: most, reading: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// get returns the design of that digest, or nil.
func (c *siteCache) get(digest string) *Checked {
	c.mu.Lock()
	found := c.find(digest)
	c.mu.Unlock()
	if found == nil {
		return nil
	}
	return found()
}

// find moves an entry to the front. The caller holds the lock.
func (c *siteCache) find(digest string) func() *Checked {
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
func (c *siteCache) entry(digest string, size int64, read func() *Checked) func() *Checked {
	slow := sync.OnceValue(func() *Checked {
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
