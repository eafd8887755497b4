package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/slipway-lab/slipway/store"
)

// cacheLife is how long a token that was found good is believed without asking
// the store. A revocation takes effect on other replicas within this time.
const cacheLife = 2 * time.Second

const cacheSize = 10_000

// cached is a token that was found good. Past until it is asked for again, but
// still known: its owner may log in while his address is limited.
type cached struct {
	token   *store.Token
	until   time.Time
	touched time.Time
	seen    []netip.Prefix // networks that it was used from, the newest last
}

// Forget makes the next use of every token ask the store, after one was changed
// or revoked here.
func (a *Authenticator) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forgotten++
	for key, entry := range a.cache {
		entry.until = time.Time{}
		a.cache[key] = entry
	}
}

func (a *Authenticator) token(ctx context.Context, text string, try Attempt) (*store.Token, error) {
	key := sha256.Sum256([]byte(text))
	a.mu.Lock()
	hit, known := a.cache[key]
	forgotten := a.forgotten
	a.mu.Unlock()
	if known && a.now().Before(hit.until) && slices.Contains(hit.seen, network(try.Client)) {
		return hit.token, nil
	}
	if !known && try.Limited {
		return nil, ErrNotTried
	}
	t, err := a.lookUp(ctx, text)
	if errors.Is(err, store.ErrNotFound) {
		a.drop(key)
		return nil, errors.Join(ErrBadCredential, err)
	}
	if err != nil {
		return nil, err
	}
	if usable(t, a.now(), try.Client) == nil {
		a.remember(ctx, key, hit, t, try.Client, forgotten)
	}
	return t, nil
}

// lookUp finds the row of a token under the current pepper, else under an older
// one, whose hash it replaces.
func (a *Authenticator) lookUp(ctx context.Context, text string) (*store.Token, error) {
	for i, p := range a.peppers {
		hash := p.hash(text)
		t, err := a.store.TokenByHash(ctx, hash)
		if errors.Is(err, store.ErrNotFound) && i+1 < len(a.peppers) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if subtle.ConstantTimeCompare(hash, t.Hash) != 1 {
			return nil, store.ErrNotFound
		}
		if i > 0 {
			a.rehash(ctx, t.ID, text)
		}
		return t, nil
	}
	return nil, store.ErrNotFound
}

// rehash moves a token under the current pepper, outside the request. What goes
// wrong is tried again at the next use.
func (a *Authenticator) rehash(ctx context.Context, id, text string) {
	a.later(ctx, func(ctx context.Context) {
		_ = a.store.UpdateToken(ctx, id, func(t *store.Token) error {
			t.Hash, t.KeyID = a.Hash(text), a.peppers[0].id
			return nil
		})
	})
}

// later runs what no request must wait for.
func (a *Authenticator) later(ctx context.Context, f func(context.Context)) {
	ctx = context.WithoutCancel(ctx)
	a.touches.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		f(ctx)
	})
}

func (a *Authenticator) drop(key [sha256.Size]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.cache, key)
}

// remember caches the token and, once a minute, notes that it was used. forgotten is how
// often Forget was called before the token was looked up: if it was again since then, the
// token may be another one by now.
func (a *Authenticator) remember(ctx context.Context, key [sha256.Size]byte, old cached, t *store.Token, client netip.Addr, forgotten uint64) {
	now := a.now()
	entry := cached{token: t, until: now.Add(cacheLife), touched: old.touched, seen: old.seen}
	if now.Sub(old.touched) >= time.Minute {
		entry.touched = now
		// A note that is lost costs nothing but a minute's precision.
		from := ""
		if client.IsValid() { // not when a proxy hides it
			from = client.String()
		}
		a.later(ctx, func(ctx context.Context) { _ = a.store.TouchToken(ctx, t.ID, now, from) })
	}
	if from := network(client); !slices.Contains(old.seen, from) {
		entry.seen = append(slices.Clone(old.seen[max(0, len(old.seen)-maxNetworks+1):]), from)
		last, _ := netip.ParseAddr(t.LastUsedIP) // the zero address is in no network
		if a.newNetwork != nil && network(last) != from {
			a.newNetwork(ctx, identityOf(t), client)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.cache) >= cacheSize {
		clear(a.cache)
	}
	if a.forgotten != forgotten {
		entry.until = time.Time{}
	}
	a.cache[key] = entry
}

// maxNetworks is how many networks of a token are told apart.
const maxNetworks = 16

// network is the neighbourhood of an address, as far as a person would say
// that a token came from somewhere else.
func network(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits) // the zero Prefix for the zero address
	return p
}
