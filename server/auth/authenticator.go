package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/slipway-lab/slipway/store"
)

// ErrNoCredential says that a request carries no credential at all.
var ErrNoCredential = errors.New("no credential")

// ErrBadCredential says that a request carries a credential that does not
// count: malformed, unknown, expired, revoked, or from an address that it is
// not for. Which of these it was is for the log only.
var ErrBadCredential = errors.New("bad credential")

// Store is what the package reads and writes.
type Store interface {
	TokenByHash(ctx context.Context, hash []byte) (*store.Token, error)
	TouchToken(ctx context.Context, id string, at time.Time, from string) error
}

// cacheLife is how long a token that was found good is believed without asking
// the store. A revocation takes effect on other replicas within this time.
const cacheLife = 2 * time.Second

const cacheSize = 10_000

// Authenticator turns credentials into identities. It is safe for concurrent use.
type Authenticator struct {
	store  Store
	pepper []byte
	now    func() time.Time
	admin  [sha256.Size]byte // of the configured admin token
	hasAdm bool

	mu    sync.Mutex
	cache map[[sha256.Size]byte]cached
}

type cached struct {
	token   *store.Token
	until   time.Time
	touched time.Time
}

// Config says what an Authenticator needs.
type Config struct {
	Store  Store
	Pepper []byte // the server secret, under which tokens are hashed
	// AdminToken is the configured token that may do everything; it is no row
	// of the store. Empty: there is none.
	AdminToken string
	Now        func() time.Time
}

// New returns an Authenticator.
func New(c Config) *Authenticator {
	return &Authenticator{
		store:  c.Store,
		pepper: c.Pepper,
		now:    c.Now,
		admin:  sha256.Sum256([]byte(c.AdminToken)),
		hasAdm: c.AdminToken != "",
		cache:  map[[sha256.Size]byte]cached{},
	}
}

// Hash returns what the store keeps of a token.
func (a *Authenticator) Hash(token string) []byte { return HashToken(a.pepper, token) }

// Identify says who sends the request, without touching its body. It returns
// ErrNoCredential, ErrBadCredential (possibly wrapped, for the log), or what
// went wrong with the store.
func (a *Authenticator) Identify(ctx context.Context, h http.Header, client netip.Addr, order Order) (Identity, error) {
	c, ok := credentialOf(h, order)
	if !ok {
		return Identity{}, ErrNoCredential
	}
	return a.identify(ctx, c, client)
}

func (a *Authenticator) identify(ctx context.Context, c credential, client netip.Addr) (Identity, error) {
	if c.unreadable {
		return Identity{}, ErrBadCredential
	}
	if a.isAdmin(c.text) {
		return Identity{Kind: "admin", Name: "admin", Owner: "admin", Roles: []Role{Admin}}, nil
	}
	if err := CheckToken(c.text); err != nil {
		return Identity{}, errors.Join(ErrBadCredential, err)
	}
	t, err := a.token(ctx, c.text, client)
	if err != nil {
		return Identity{}, err
	}
	if err := usable(t, a.now(), client); err != nil {
		return Identity{}, errors.Join(ErrBadCredential, err)
	}
	return identityOf(t), nil
}

// isAdmin compares hashes, so that the time it takes tells nothing of the length.
func (a *Authenticator) isAdmin(text string) bool {
	sum := sha256.Sum256([]byte(text))
	return a.hasAdm && subtle.ConstantTimeCompare(sum[:], a.admin[:]) == 1
}

// Forget drops what is remembered of tokens, after one was changed or revoked here.
func (a *Authenticator) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.cache)
}

func (a *Authenticator) token(ctx context.Context, text string, client netip.Addr) (*store.Token, error) {
	key := sha256.Sum256([]byte(text))
	now := a.now()
	a.mu.Lock()
	hit, ok := a.cache[key]
	a.mu.Unlock()
	if ok && now.Before(hit.until) {
		return hit.token, nil
	}
	hash := a.Hash(text)
	t, err := a.store.TokenByHash(ctx, hash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errors.Join(ErrBadCredential, err)
	}
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(hash, t.Hash) != 1 {
		return nil, ErrBadCredential
	}
	a.remember(ctx, key, hit, t, client)
	return t, nil
}

// remember caches the token and, once a minute, notes that it was used. The
// note is written outside the request, which must not wait for it.
func (a *Authenticator) remember(ctx context.Context, key [sha256.Size]byte, old cached, t *store.Token, client netip.Addr) {
	now := a.now()
	entry := cached{token: t, until: now.Add(cacheLife), touched: old.touched}
	if now.Sub(old.touched) >= time.Minute {
		entry.touched = now
		go func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			// A note that is lost costs nothing but a minute's precision.
			_ = a.store.TouchToken(ctx, t.ID, now, client.String())
		}(context.WithoutCancel(ctx))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.cache) >= cacheSize {
		clear(a.cache)
	}
	a.cache[key] = entry
}

// usable says why a token that exists does not count; nil when it does.
func usable(t *store.Token, now time.Time, client netip.Addr) error {
	switch {
	case t.RevokedAt != nil:
		return errors.New("revoked")
	case t.ExpiresAt != nil && !now.Before(*t.ExpiresAt):
		return errors.New("expired")
	case !fromAllowed(t.AllowFrom, client):
		return errors.New("not for this address")
	}
	return nil
}

// fromAllowed reports whether the address lies in one of the networks; no
// networks allow every address, and one that cannot be read allows none.
func fromAllowed(networks []string, client netip.Addr) bool {
	if len(networks) == 0 {
		return true
	}
	for _, n := range networks {
		if p, err := netip.ParsePrefix(n); err == nil && p.Contains(client) {
			return true
		}
	}
	return false
}

func identityOf(t *store.Token) Identity {
	i := Identity{Kind: "token", TokenID: t.ID, Name: t.Name, Owner: t.Owner, Tenant: t.Tenant, Labs: t.Labs, Flags: t.Flags}
	for _, r := range t.Roles {
		i.Roles = append(i.Roles, Role(r))
	}
	return i
}
