package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"

	"github.com/slipway-lab/slipway/server/fault"
	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/store"
)

// checked is a design that was read and validated. It is read-only.
type checked struct {
	digest string
	site   *design.Site // nil when it has no effective model
	report design.Report
}

// siteCache keeps the designs that were used last. A design is found by its
// digest, so that an entry is never out of date.
type siteCache struct {
	mu   sync.Mutex
	list []*checked // the last used first
}

const cachedSites = 8

func (c *siteCache) get(digest string) *checked {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, s := range c.list {
		if s.digest == digest {
			copy(c.list[1:i+1], c.list[:i])
			c.list[0] = s
			return s
		}
	}
	return nil
}

func (c *siteCache) put(s *checked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append([]*checked{s}, c.list[:min(len(c.list), cachedSites-1)]...)
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// check reads and validates the documents.
func (h *Handler) check(text []byte) *checked {
	digest := digestOf(text)
	if s := h.sites.get(digest); s != nil {
		return s
	}
	s := &checked{digest: digest}
	s.site, s.report = design.Check(text, h.options())
	h.sites.put(s)
	return s
}

// fetchDesign gets the documents that a reference names. A reference that
// cannot be used is a *refError.
func (h *Handler) fetchDesign(ctx context.Context, ref string) ([]byte, error) {
	name, ours := storedName(ref)
	if !ours {
		text, err := h.source.get(ctx, ref, h.config.MaxDesign)
		if err != nil {
			slog.InfoContext(ctx, "a design was not fetched", "reason", err.Error(), "error", errors.Unwrap(err))
		}
		return text, err
	}
	d, err := h.store.LabDesign(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, badRef(err, "names a stored design that does not exist")
	}
	if err != nil {
		return nil, err
	}
	return h.vault.open(d.ID, d.Sealed)
}

// storedName returns the id or name in slipway:/designs/<id or name>.
func storedName(ref string) (string, bool) {
	u, err := url.Parse(ref)
	if err != nil || !strings.EqualFold(u.Scheme, "slipway") {
		return "", false
	}
	name := strings.TrimPrefix(strings.Trim(u.Host+u.Path+u.Opaque, "/"), "designs/")
	return strings.TrimPrefix(name, "v1/designs/"), true
}

// siteOf fetches a design and demands an effective model. Field names the
// member of the body that has the reference.
func (h *Handler) siteOf(ctx context.Context, ref, field string) (*checked, []byte, error) {
	text, err := h.fetchDesign(ctx, ref)
	var bad *refError
	if errors.As(err, &bad) {
		return nil, nil, fault.InvalidBody("/"+field, "%s", bad.reason).Because(bad.cause)
	}
	if err != nil {
		return nil, nil, err
	}
	c := h.check(text)
	if c.site == nil {
		return nil, nil, fault.InvalidBody("/"+field, "names a design that cannot be used: %s", firstError(c.report))
	}
	return c, text, nil
}

func firstError(r design.Report) string {
	for _, m := range r.Messages {
		if m.Error {
			return m.Text
		}
	}
	return "it has no effective model"
}

// snapshot returns the design that a task was created with.
func (h *Handler) snapshot(ctx context.Context, digest string) (*checked, error) {
	if s := h.sites.get(digest); s != nil {
		return s, nil
	}
	sealed, err := h.store.LabSnapshot(ctx, digest)
	if err != nil {
		return nil, err
	}
	text, err := h.vault.open(digest, sealed)
	if err != nil {
		return nil, err
	}
	return h.check(text), nil
}

// fetchAsset lends the renderer of boot actions the ways to fetch a design.
func (h *Handler) fetchAsset(ctx context.Context, location string, most int) ([]byte, error) {
	return h.source.get(ctx, location, int64(most))
}
