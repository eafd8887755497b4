package refstack

import (
	"context"
	"crypto/rsa"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
)

// caller is who asks, as RefStack sees it.
type caller struct {
	scope store.Scope
	owner string // of the scope's tenant; empty when nobody is logged in, or a token names no owner
	name  string // of the token
	admin bool
	known bool // logged in
}

// role is what a caller is to a result, in RefStack's words
// (refstack/api/constants.py).
type role string

const (
	roleNone       role = ""
	roleUser       role = "user"
	roleOwner      role = "owner"
	roleFoundation role = "foundation"
)

// mayWrite reports whether the role changes results.
func (r role) mayWrite() bool { return r == roleOwner || r == roleFoundation }

func (c caller) roleFor(p *refstackstore.Published) role {
	switch {
	case c.admin && c.scope.Changes(p.Tenant):
		return roleFoundation
	case c.owner != "" && c.owner == p.Owner && c.scope.Tenant == p.Tenant:
		return roleOwner
	case p.Public:
		return roleUser
	}
	return roleNone
}

// caller says who asks. Every operation calls it, also those that need no
// login, because a web token that is wrong must not pass for none.
func (h *Handler) caller(ctx context.Context) (caller, error) {
	if who := auth.From(ctx); !who.Anonymous() {
		return caller{scope: who.Scope(), owner: who.Owner, name: who.Name, admin: who.Is(auth.Admin), known: true}, nil
	}
	text := auth.WebToken(call.From(ctx).Header)
	if text == "" {
		return caller{}, nil
	}
	owner, err := h.webTokenOwner(ctx, text)
	if err != nil {
		return caller{}, err
	}
	return caller{scope: store.Scope{Tenant: owner.tenant}, owner: owner.name, name: owner.name, known: true}, nil
}

// jwtLeeway is how far the clocks of client and server may differ
// (refstack/api/constants.py, JWT_VALIDATION_LEEWAY).
const jwtLeeway = 42 * time.Second

// jwtLife is how long a JSON web token may live: who finds one must not be able
// to use it for years, since it cannot be revoked.
const jwtLife = 24 * time.Hour

type webClaims struct {
	UserOpenID string `json:"user_openid"`
	jwt.RegisteredClaims
}

// tooLong reports whether a token outlives jwtLife: as it says itself, or, when it
// does not say when it was made, from now on.
func (c *webClaims) tooLong(now time.Time) bool {
	end := c.ExpiresAt.Time
	return end.Sub(now) > jwtLife+jwtLeeway || c.IssuedAt != nil && end.Sub(c.IssuedAt.Time) > jwtLife
}

// keyOwner is whose key it is. The same name in another tenant is somebody else.
type keyOwner struct{ tenant, name string }

// webTokenOwner returns the owner that a JSON web token names when one of that
// owner's keys has signed it.
func (h *Handler) webTokenOwner(ctx context.Context, text string) (keyOwner, error) {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(),
		jwt.WithLeeway(jwtLeeway), jwt.WithTimeFunc(h.config.Now))
	var claims webClaims
	var owner keyOwner
	var failed error // of the store, which is no fault of the token
	_, err := parser.ParseWithClaims(text, &claims, func(t *jwt.Token) (any, error) {
		if claims.UserOpenID == "" {
			return nil, errNoOpenID
		}
		keys, err := h.store.PublicKeysNamed(ctx, claims.UserOpenID)
		if failed = err; err != nil {
			return nil, err
		}
		signed, key := signersOf(t, keys)
		owner, err = soleOwner(signed)
		return key, err
	})
	var f *fault.Fault
	switch {
	case failed != nil:
		return owner, failed
	case errors.As(err, &f):
		return owner, f
	case errors.Is(err, errNoOpenID):
		return owner, unauthorized("Token does not contain user's openid").Because(err)
	case err != nil:
		return owner, unauthorized("Token is not valid").Because(err)
	case claims.tooLong(h.config.Now()):
		return owner, unauthorized("Token is not valid").Because(errors.New("it lives longer than a day"))
	}
	return owner, nil
}

var errNoOpenID = errors.New("no user_openid")

// signersOf returns those of the keys that have signed the token, which are one key
// that several tenants may have registered, and the key itself.
func signersOf(t *jwt.Token, keys []refstackstore.PublicKey) (signed []refstackstore.PublicKey, key *rsa.PublicKey) {
	end := strings.LastIndexByte(t.Raw, '.') // the parser has found three parts
	for _, k := range keys {
		line, err := parseKey(k.Format + " " + k.Key)
		if err == nil && t.Method.Verify(t.Raw[:end], t.Signature, line.key) == nil {
			signed, key = append(signed, k), line.key
		}
	}
	return signed, key
}

var errUnknownKey = errors.New("nobody has registered the key")

// soleOwner is the owner of a key when its caller sent no token that names a tenant:
// whoever registered it for no tenant, else the only one who registered it. The keys
// are those of one fingerprint, that of no tenant first.
func soleOwner(keys []refstackstore.PublicKey) (keyOwner, error) {
	switch {
	case len(keys) == 0:
		return keyOwner{}, errUnknownKey
	case len(keys) > 1 && keys[0].Tenant != "":
		return keyOwner{}, unauthorized("The key is registered in several tenants. Send a token of the one that is meant")
	}
	return keyOwner{keys[0].Tenant, keys[0].Owner}, nil
}

func unauthorized(format string, args ...any) *fault.Fault {
	return fault.Unauthorized(format, args...).With("WWW-Authenticate", `Bearer realm="slipway"`)
}

// noCredential is the 401 of a call that needs a login.
func noCredential() *fault.Fault {
	return unauthorized("a credential is required: Authorization or X-Auth-Token")
}

// denied is 401 for strangers and 403 for those whose login does not help.
func (c caller) denied(format string, args ...any) error {
	if !c.known {
		return unauthorized("a credential is required: the result has an owner, or only an administrator may do this")
	}
	return fault.Forbidden(format, args...)
}

// see finds a result that the caller may see.
func (h *Handler) see(ctx context.Context, id string) (*refstackstore.Published, caller, error) {
	who, err := h.caller(ctx)
	if err != nil {
		return nil, who, err
	}
	p, err := h.published(ctx, who.scope, id)
	if err != nil {
		return nil, who, err
	}
	if who.roleFor(p) == roleNone {
		return nil, who, who.denied("the result is private")
	}
	return p, who, nil
}

// published finds a result by the text of its id. A text that is no UUID names
// no result.
func (h *Handler) published(ctx context.Context, scope store.Scope, id string) (*refstackstore.Published, error) {
	u, err := uuid.Parse(id)
	if err != nil {
		return nil, noResult(id, errors.Join(store.ErrNotFound, err))
	}
	p, err := h.store.Published(ctx, scope, u)
	if err != nil {
		return nil, noResult(id, err)
	}
	return p, nil
}
