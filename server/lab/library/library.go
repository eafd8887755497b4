package library

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/seal"
	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// Library gets designs. It is safe for concurrent use.
type Library struct {
	store   *labstore.Store
	config  Config
	options design.Options
	vault   seal.Box // designs hold credentials
	source  *source
	sites   *siteCache
}

// New checks the settings. The secret is what designs are encrypted under; the
// options are what they are checked with, except for what the library
// knows itself: limits, selector and which hosts may be called.
func New(s *labstore.Store, c Config, secret []byte, o design.Options) (*Library, error) {
	o.Limits, o.Selector = limitsOf(c.Max), selector
	l := &Library{store: s, config: c, options: o, sites: newSiteCache(c.Cache)}
	var err error
	if l.vault, err = seal.New(secret, "slipway lab designs"); err != nil {
		return nil, err
	}
	if l.source, err = newSource(c); err != nil {
		return nil, err
	}
	l.options.Unreachable = l.source.unreachable
	return l, nil
}

// limitsOf lets the other limits grow with that of the bytes.
func limitsOf(most int64) design.Limits {
	l := design.DefaultLimits
	grown := func(limit int) int { return max(limit, int(int64(limit)/1024*(most/int64(l.Bytes/1024)))) }
	return design.Limits{Bytes: int(most), Values: grown(l.Values), Documents: grown(l.Documents)}
}

// Max is the limit of a design in bytes.
func (l *Library) Max() int64 { return l.config.Max }

// Seal encrypts a design that is stored under an id.
func (l *Library) Seal(id string, text []byte) []byte { return l.vault.Seal(id, text) }

// Open decrypts a stored design.
func (l *Library) Open(d *labstore.Design) ([]byte, error) { return l.vault.Open(d.ID, d.Sealed) }

// Fetch gets the documents that a reference names. A reference that cannot be
// used is a *RefError.
func (l *Library) Fetch(ctx context.Context, ref string) ([]byte, error) {
	name, ours := storedName(ref)
	if !ours {
		return l.fetch(ctx, ref, l.config.Max)
	}
	d, err := l.store.Design(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, badRef(err, "names a stored design that does not exist")
	}
	if err != nil {
		return nil, err
	}
	return l.vault.Open(d.ID, d.Sealed)
}

// fetch tells the log why something could not be fetched, which its caller hears
// in part only.
func (l *Library) fetch(ctx context.Context, ref string, most int64) ([]byte, error) {
	text, err := l.source.get(ctx, ref, most)
	if err != nil {
		slog.InfoContext(ctx, "an address was not fetched", "reason", err.Error(), "error", errors.Unwrap(err))
	}
	return text, err
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

// Design fetches a design, which may have no effective model, and returns its
// documents as well. A reference that cannot be used is a *RefError.
func (l *Library) Design(ctx context.Context, ref string) (*Checked, []byte, error) {
	text, err := l.Fetch(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	return l.Check(text), text, nil
}

// KeepSnapshot stores the documents of a design for a task.
func (l *Library) KeepSnapshot(ctx context.Context, digest string, text []byte) error {
	return l.store.KeepSnapshot(ctx, digest, l.vault.Seal(digest, text))
}

// Snapshot returns the design that a task was created with.
func (l *Library) Snapshot(ctx context.Context, digest string) (*Checked, error) {
	if c := l.sites.get(digest); c != nil {
		return c, nil
	}
	sealed, err := l.store.SnapshotOf(ctx, digest)
	if err != nil {
		return nil, err
	}
	text, err := l.vault.Open(digest, sealed)
	if err != nil {
		return nil, err
	}
	return l.Check(text), nil
}

// Asset fetches what a boot action of a design points to, in the ways in which
// designs are fetched. Every error is a *RefError.
func (l *Library) Asset(ctx context.Context, location string, most int) ([]byte, error) {
	return l.fetch(ctx, location, int64(most))
}
