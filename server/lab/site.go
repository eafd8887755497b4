package lab

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
)

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
	d, err := h.store.Design(ctx, name)
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
		return nil, nil, fault.InvalidBody("/"+field, "names a design that cannot be used: %s", c.firstError())
	}
	return c, text, nil
}

// snapshot returns the design that a task was created with.
func (h *Handler) snapshot(ctx context.Context, digest string) (*checked, error) {
	if c := h.sites.get(digest); c != nil {
		return c, nil
	}
	sealed, err := h.store.SnapshotOf(ctx, digest)
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
