package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/netip"
	"slices"
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

// ErrNotTried says that a credential was not even looked up, because it comes
// from an address that failed too often and was never found good here.
var ErrNotTried = errors.New("not tried: too many failed logins")

// ErrNoProject says that a Keystone token is good but has no scope, so that it
// can have no roles either.
var ErrNoProject = errors.New("the Keystone token has no scope")

// ErrUnavailable says that Keystone could not be asked: nobody can tell
// whether the credential is good.
var ErrUnavailable = errors.New("keystone cannot be asked")

// Store is what the package reads and writes.
type Store interface {
	TokenByHash(ctx context.Context, hash []byte) (*store.Token, error)
	TouchToken(ctx context.Context, id string, at time.Time, from string) error
	UpdateToken(ctx context.Context, id string, change func(*store.Token) error) error
}

// Authenticator turns credentials into identities. It is safe for concurrent use.
type Authenticator struct {
	store      Store
	peppers    []pepper
	now        func() time.Time
	admin      [sha256.Size]byte // of the configured admin token
	hasAdm     bool
	open       bool
	keystone   Keystone
	roles      map[string][]Role
	policy     Policy
	labTenants []string

	defaultRoles bool // roles is DefaultRoleMap
	touches      sync.WaitGroup

	newNetwork func(ctx context.Context, who Identity, client netip.Addr)

	mu        sync.Mutex
	adminSeen []netip.Prefix // networks from which the admin token was used, the newest last
	cache     map[[sha256.Size]byte]cached
	forgotten uint64 // how often Forget was called
}

// New returns an Authenticator.
func New(c Config) *Authenticator {
	a := &Authenticator{
		store:      c.Store,
		peppers:    []pepper{newPepper(c.Pepper)},
		now:        c.Now,
		admin:      sha256.Sum256([]byte(c.AdminToken)),
		hasAdm:     c.AdminToken != "",
		open:       c.Mode == ModeNone,
		keystone:   c.Keystone,
		roles:      c.RoleMap,
		policy:     c.Policy,
		labTenants: c.LabTenants,
		cache:      map[[sha256.Size]byte]cached{},
	}
	for _, old := range c.OldPeppers {
		a.peppers = append(a.peppers, newPepper(old))
	}
	if a.roles == nil {
		a.roles, a.defaultRoles = DefaultRoleMap(), true
	}
	return a
}

// OnNewNetwork has f told when a token is used from another network than the
// last time. It must be set before the first request, and f must not block.
func (a *Authenticator) OnNewNetwork(f func(ctx context.Context, who Identity, client netip.Addr)) {
	a.newNetwork = f
}

// Hash returns what the store keeps of a token.
func (a *Authenticator) Hash(token string) []byte { return a.peppers[0].hash(token) }

// Hashes returns under what the store may have a token: the hash under the
// current pepper first, then those under older ones.
func (a *Authenticator) Hashes(token string) [][]byte {
	var all [][]byte
	for _, p := range a.peppers {
		all = append(all, p.hash(token))
	}
	return all
}

// Issue makes the text of a token and fills in what the store keeps of it:
// hash, key and the first characters. The text is never seen again.
func (a *Authenticator) Issue(t *store.Token) string {
	text := NewToken(TokenKind(t.Kind[0]))
	a.adopt(t, text)
	return text
}

// Adopt is Issue for a text that was made elsewhere, which IsImportable must
// allow: clients go on with what they have.
func (a *Authenticator) Adopt(t *store.Token, text string) error {
	if !IsImportable(text) {
		return errors.New("must be a UUID of version 4, as KernelCI's tokens are")
	}
	a.adopt(t, text)
	return nil
}

func (a *Authenticator) adopt(t *store.Token, text string) {
	t.Hash, t.KeyID, t.Prefix = a.Hash(text), a.peppers[0].id, DisplayPrefix(text)
}

// Attempt is one try to log in. Nothing of the request's body is in it.
type Attempt struct {
	Header http.Header
	Client netip.Addr
	Order  Order

	// Method and Paths are what is asked for, for credentials that are good
	// for some requests only. Each path is a name of the same operation.
	Method string
	Paths  []string

	// Limited is set while the address has failed too often: only a credential
	// that was found good before is looked at.
	Limited bool
}

// Identify says who sends the request. It returns ErrNoCredential,
// ErrBadCredential, ErrNotTried, ErrNoProject, ErrUnavailable (possibly wrapped,
// for the log), or what went wrong with the store.
func (a *Authenticator) Identify(ctx context.Context, try Attempt) (Identity, error) {
	who, err := a.who(ctx, try)
	who.policy, who.labTenants = a.policy, a.labTenants
	return who, err
}

func (a *Authenticator) who(ctx context.Context, try Attempt) (Identity, error) {
	if a.open {
		return Identity{Kind: "none", Name: "anybody", Owner: "anybody", Roles: []Role{Admin}}, nil
	}
	order := try.Order
	if order == ServiceTokenFirst && a.keystone == nil {
		order = XAuthTokenFirst // nobody could say whose it is
	}
	c, ok := credentialOf(try.Header, order)
	switch {
	case !ok:
		return Identity{}, ErrNoCredential
	case c.unreadable && try.Limited:
		return Identity{}, ErrNotTried
	case c.unreadable:
		return Identity{}, ErrBadCredential
	case a.isAdmin(c.text):
		if !a.admits(try) {
			return Identity{}, ErrNotTried
		}
		return Identity{Kind: "admin", Name: "admin", Owner: "admin", Roles: []Role{Admin}}, nil
	case c.service:
		return a.identifyService(ctx, c.text, try)
	case c.authToken && a.keystone != nil && !HasTokenPrefix(c.text):
		return a.identifyKeystone(ctx, c.text, try)
	}
	return a.identify(ctx, c.text, try)
}

func (a *Authenticator) identify(ctx context.Context, text string, try Attempt) (Identity, error) {
	err := mayBeToken(text)
	switch {
	case err != nil && try.Limited:
		return Identity{}, ErrNotTried
	case err != nil:
		return Identity{}, errors.Join(ErrBadCredential, err)
	}
	t, err := a.token(ctx, text, try)
	if err != nil {
		return Identity{}, err
	}
	if err := usable(t, a.now(), try.Client); err != nil {
		return Identity{}, errors.Join(ErrBadCredential, err)
	}
	return identityOf(t), nil
}

// isAdmin compares hashes, so that the time it takes tells nothing of the length.
func (a *Authenticator) isAdmin(text string) bool {
	sum := sha256.Sum256([]byte(text))
	return a.hasAdm && subtle.ConstantTimeCompare(sum[:], a.admin[:]) == 1
}

// admits reports whether the admin token is looked at, and remembers from where it
// came. Its text was chosen by somebody, so it must not be guessed: while an
// address is limited it counts only from a network from which it has come before.
func (a *Authenticator) admits(try Attempt) bool {
	from := network(try.Client)
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := slices.Contains(a.adminSeen, from)
	if !seen && !try.Limited {
		a.adminSeen = append(a.adminSeen[max(0, len(a.adminSeen)-maxNetworks+1):], from)
	}
	return seen || !try.Limited
}

// Open reports whether nobody logs in, because everybody is an administrator.
func (a *Authenticator) Open() bool { return a.open }

// Close waits for what is still being noted about the use of tokens.
func (a *Authenticator) Close() { a.touches.Wait() }

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
