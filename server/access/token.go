package access

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	accessapi "github.com/slipway-lab/slipway/gen/access"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
)

// kinds are the letters of the texts by the words of the document.
var kinds = map[accessapi.AccessTokenKind]auth.TokenKind{
	accessapi.AccessTokenKindPerson:  auth.PersonToken,
	accessapi.AccessTokenKindRunner:  auth.RunnerToken,
	accessapi.AccessTokenKindLab:     auth.LabToken,
	accessapi.AccessTokenKindService: auth.ServiceToken,
}

// ListAccessTokens answers a page of tokens: the caller's own, or those of
// everybody for callers who may see them.
func (h *Handler) ListAccessTokens(ctx context.Context, req accessapi.ListAccessTokensRequestObject) (accessapi.Response, error) {
	filter := store.TokenFilter{
		Owner:  deref(req.Params.Owner),
		Tenant: deref(req.Params.Tenant),
		Usable: deref(req.Params.Usable),
		Page:   store.Page{Limit: int(deref(req.Params.Limit)), After: deref(req.Params.After)},
	}
	if req.Params.Kind != nil {
		filter.Kind = string(kinds[*req.Params.Kind])
	}
	who := auth.From(ctx)
	if !who.SeesAll() {
		filter.Tenants = []string{who.Tenant}
	}
	if !who.May(auth.ReadTokens) {
		if filter.Owner != "" && filter.Owner != who.Owner {
			return call.OK(accessapi.AccessTokenList{AccessTokens: []accessapi.AccessToken{}}).Paged(ctx, ""), nil
		}
		filter.Owner = who.Owner
	}
	list, err := h.store.ListTokens(ctx, filter)
	if err != nil {
		return nil, fault.Cursor(err)
	}
	body := accessapi.AccessTokenList{AccessTokens: []accessapi.AccessToken{}}
	for i := range list.Items {
		body.AccessTokens = append(body.AccessTokens, h.tokenToAPI(&list.Items[i]))
	}
	return call.OK(body).Paged(ctx, list.Next), nil
}

// GetAccessToken answers one token.
func (h *Handler) GetAccessToken(ctx context.Context, req accessapi.GetAccessTokenRequestObject) (accessapi.Response, error) {
	t, err := h.visible(ctx, req.TokenID, auth.ReadTokens)
	if err != nil {
		return nil, err
	}
	return call.OK(h.tokenToAPI(t)), nil
}

// visible returns a token that is the caller's own, or in his sight and he has
// the permission. Any other does not exist for him. Unlike other objects, a
// token of no tenant is not everybody's.
func (h *Handler) visible(ctx context.Context, id string, p auth.Permission) (*store.Token, error) {
	t, err := h.store.Token(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	who := auth.From(ctx)
	if err != nil || t.Tenant != who.Tenant && !who.SeesAll() || t.Owner != who.Owner && !who.May(p) {
		return nil, fault.NotFound("there is no token with this id").Because(err)
	}
	return t, nil
}

// CreateAccessToken makes a token and answers its text, once.
func (h *Handler) CreateAccessToken(ctx context.Context, req accessapi.CreateAccessTokenRequestObject) (accessapi.Response, error) {
	t, err := h.tokenFromAPI(auth.From(ctx), req.Body)
	if err != nil {
		return nil, err
	}
	text := ""
	if brought := req.Body.Token; brought == nil {
		text = h.issuer.Issue(t)
	} else if err := h.adopt(ctx, t, *brought); err != nil {
		return nil, err
	}
	err = h.store.CreateToken(ctx, t)
	if errors.Is(err, store.ErrConflict) && text == "" {
		return nil, errTextTaken.Because(err)
	}
	if err != nil {
		return nil, err
	}
	return h.made(t, text), nil
}

var errTextTaken = fault.Conflict("there is a token with this text already")

// adopt makes a text that the caller brought the token's. The store finds it
// taken under the current secret only, so those of earlier times are looked for.
func (h *Handler) adopt(ctx context.Context, t *store.Token, text string) error {
	if err := h.issuer.Adopt(t, text); err != nil {
		return fault.InvalidBody("/token", "%s", err)
	}
	for _, hash := range h.issuer.Hashes(text)[1:] {
		if _, err := h.store.TokenByHash(ctx, hash); !errors.Is(err, store.ErrNotFound) {
			return cmp.Or(err, error(errTextTaken))
		}
	}
	return nil
}

// made is the answer to a new token; text is empty when the caller knows it.
func (h *Handler) made(t *store.Token, text string) *call.Answer {
	body := accessapi.CreatedAccessToken{AccessToken: h.tokenToAPI(t)}
	if text != "" {
		body.Token = &text
	}
	return call.Created("/v1/access-tokens/"+t.ID, body).Secret()
}

// tokenFromAPI checks what the document cannot say.
func (h *Handler) tokenFromAPI(who auth.Identity, in *accessapi.NewAccessToken) (*store.Token, error) {
	t := &store.Token{
		Name: in.Name, Owner: in.Name, Email: deref(in.Email), Tenant: who.Tenant,
		Flags: in.Flags, Labs: in.Labs, CreatedBy: maker(who),
	}
	if in.Owner != nil {
		t.Owner = *in.Owner
	}
	if in.Tenant != nil {
		t.Tenant = *in.Tenant
	}
	if t.Tenant != who.Tenant && !who.SeesAll() {
		return nil, fault.InvalidBody("/tenant", "must be your own, %q", who.Tenant)
	}
	var roles []auth.Role
	for _, r := range in.Roles {
		if !slices.Contains(roles, auth.Role(r)) {
			roles = append(roles, auth.Role(r))
			t.Roles = append(t.Roles, string(r))
		}
	}
	kind := auth.KindFor(roles)
	if in.Kind != nil {
		kind = kinds[*in.Kind]
	}
	t.Kind = string(kind)
	var err error
	if t.AllowFrom, err = auth.ParseNetworks(in.AllowFrom); err != nil {
		return nil, fault.InvalidBody("/allow_from", "%s", err)
	}
	t.ExpiresAt, err = h.end(kind, in)
	return t, err
}

func (h *Handler) end(kind auth.TokenKind, in *accessapi.NewAccessToken) (*time.Time, error) {
	var asked *time.Time
	if at, err := in.ExpiresAt.Get(); err == nil {
		asked = &at
	}
	end, err := h.life.End(kind, h.store.Now(), asked, in.ExpiresAt.IsNull())
	if err != nil {
		return nil, fault.InvalidBody("/expires_at", "%s", err)
	}
	return end, nil
}

// maker names who made a token.
func maker(who auth.Identity) string {
	if who.TokenID != "" {
		return who.TokenID
	}
	return who.Owner
}

// RevokeAccessToken ends a token for good. A token is its own to revoke, but not
// those beside it with the same owner: whoever finds one must not be able to lock
// the owner out. A user of Keystone has proven who he is, and revokes all of his.
func (h *Handler) RevokeAccessToken(ctx context.Context, req accessapi.RevokeAccessTokenRequestObject) (accessapi.Response, error) {
	t, err := h.visible(ctx, req.TokenID, auth.ReadTokens)
	if err != nil {
		return nil, err
	}
	who := auth.From(ctx)
	switch {
	case who.May(auth.WriteTokens):
	case t.Owner != who.Owner:
		return nil, fault.Forbidden("the token belongs to somebody else")
	case who.TokenID != "" && who.TokenID != t.ID:
		return nil, fault.Forbidden("a token may revoke itself only; an administrator may revoke all")
	}
	err = h.store.RevokeToken(ctx, t.ID)
	if errors.Is(err, store.ErrConflict) {
		return nil, fault.Conflict("this is the last admin token that works; make another one first").Because(err)
	}
	if err != nil {
		return nil, err
	}
	h.issuer.Forget()
	return call.NoContent(), nil
}

// defaultOverlap is how long a rotated token still works when nobody says else.
const defaultOverlap = time.Hour

// RotateAccessToken makes a successor and answers its text, once.
func (h *Handler) RotateAccessToken(ctx context.Context, req accessapi.RotateAccessTokenRequestObject) (accessapi.Response, error) {
	old, err := h.visible(ctx, req.TokenID, auth.WriteTokens)
	if err != nil {
		return nil, err
	}
	next := &store.Token{Kind: old.Kind, CreatedBy: maker(auth.From(ctx))}
	overlap := defaultOverlap
	if req.Body != nil {
		if s := req.Body.OverlapSeconds; s != nil {
			overlap = time.Duration(*s) * time.Second
		}
		if at := req.Body.ExpiresAt; at != nil {
			if next.ExpiresAt, err = h.life.End(auth.TokenKind(old.Kind[0]), h.store.Now(), at, false); err != nil {
				return nil, fault.InvalidBody("/expires_at", "%s", err)
			}
		}
	}
	text := h.issuer.Issue(next)
	err = h.store.RotateToken(ctx, old.ID, overlap, next)
	if errors.Is(err, store.ErrConflict) {
		return nil, fault.Conflict("the token is revoked or expired; make a new one").Because(err)
	}
	if err != nil {
		return nil, err
	}
	h.issuer.Forget()
	return h.made(next, text), nil
}

func (h *Handler) tokenToAPI(t *store.Token) accessapi.AccessToken {
	out := accessapi.AccessToken{
		ID:           t.ID,
		Prefix:       t.Prefix,
		Name:         t.Name,
		Kind:         accessapi.AccessTokenKindPerson,
		Owner:        t.Owner,
		Email:        t.Email,
		Tenant:       t.Tenant,
		Roles:        []accessapi.AccessRole{},
		Flags:        append([]string{}, t.Flags...),
		Labs:         append([]string{}, t.Labs...),
		AllowFrom:    append([]string{}, t.AllowFrom...),
		KeyID:        t.KeyID,
		Usable:       t.Usable(h.store.Now()),
		CreatedAt:    t.CreatedAt,
		CreatedBy:    t.CreatedBy,
		ExpiresAt:    timeOrNull(t.ExpiresAt),
		RevokedAt:    timeOrNull(t.RevokedAt),
		LastUsedAt:   timeOrNull(t.LastUsedAt),
		LastUsedFrom: t.LastUsedIP,
	}
	for kind, letter := range kinds {
		if t.Kind == string(letter) {
			out.Kind = kind
		}
	}
	for _, r := range t.Roles {
		out.Roles = append(out.Roles, accessapi.AccessRole(r))
	}
	return out
}
