package lab

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	labapi "github.com/slipway-lab/slipway/gen/lab"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
)

// loginLife is what a login says of its end. The token behind it may end
// earlier or later; clients only use this to log in again in time.
const loginLife = 12 * time.Hour

// identityVersion is the version of the identity API whose form is spoken.
const identityVersion = "v3.14"

// loginOff answers where the setting turns the login off.
func (h *Handler) loginOff() error {
	if !h.config.IdentityLogin {
		return fault.NotFound("this server does not offer the identity API")
	}
	return nil
}

// GetIdentityVersion answers what Keystone's clients read before they log in.
func (h *Handler) GetIdentityVersion(ctx context.Context, _ labapi.GetIdentityVersionRequestObject) (labapi.Response, error) {
	if err := h.loginOff(); err != nil {
		return nil, err
	}
	return call.OK(map[string]any{"version": map[string]any{
		"id": identityVersion, "status": "stable", "updated": "2020-04-07T00:00:00Z",
		"links":       []any{map[string]any{"rel": "self", "href": call.From(ctx).Origin.URL("/v3/")}},
		"media-types": []any{map[string]any{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}},
	}}), nil
}

// CreateIdentityToken logs in with a token's name as the user and its text as
// the password. The token for further calls is that text.
func (h *Handler) CreateIdentityToken(ctx context.Context, req labapi.CreateIdentityTokenRequestObject) (labapi.Response, error) {
	if err := h.loginOff(); err != nil {
		return nil, err
	}
	identity := req.Body.Auth.Identity
	if !slices.Contains(identity.Methods, "password") {
		return nil, fault.InvalidBody("/auth/identity/methods", "must be password, the only method that is offered")
	}
	user := identity.Password.User
	who, err := h.config.Login.Identify(ctx, auth.Attempt{
		Header: http.Header{"X-Auth-Token": {user.Password}}, Client: call.From(ctx).Source(),
		Method: http.MethodPost, Paths: []string{"/v3/auth/tokens"},
	})
	if errors.Is(err, auth.ErrNoCredential) || errors.Is(err, auth.ErrBadCredential) {
		return nil, badLogin(err)
	}
	if err != nil {
		return nil, err
	}
	if who.Name != textOf(user.Name) && (user.ID == nil || who.Name != *user.ID) {
		return nil, badLogin(errors.New("the name is not the token's"))
	}
	return call.Created("", h.loginDocument(ctx, who)).With("X-Subject-Token", user.Password).Secret(), nil
}

func badLogin(cause error) error {
	return fault.Unauthorized("the user must be the name of an API token and the password its text").
		With("WWW-Authenticate", `Keystone uri="/v3"`).Because(cause)
}

// loginDocument is a token scoped to a project, with the catalogue by which
// clients find the server.
func (h *Handler) loginDocument(ctx context.Context, who auth.Identity) map[string]any {
	domain := map[string]any{"id": "default", "name": "Default"}
	tenant := who.Tenant
	if tenant == "" {
		tenant = "lab"
	}
	roles := []any{}
	for _, r := range who.Roles {
		roles = append(roles, map[string]any{"id": string(r), "name": string(r)})
	}
	now := h.store.Now()
	origin := call.From(ctx).Origin
	return map[string]any{"token": map[string]any{
		"methods": []string{"password"},
		"user":    map[string]any{"id": who.Name, "name": who.Name, "domain": domain, "password_expires_at": nil},
		"project": map[string]any{"id": tenant, "name": tenant, "domain": domain},
		"roles":   roles,
		"catalog": []any{
			service("physicalprovisioner", "drydock", origin.URL("/api/v1.0")),
			service("test-lab", "slipway", origin.URL("/v1")),
		},
		"issued_at": wireTime(now), "expires_at": wireTime(now.Add(loginLife)), "audit_ids": []string{call.From(ctx).ID}, "is_domain": false,
	}}
}

func service(kind, name, url string) map[string]any {
	endpoints := []any{}
	for _, reach := range []string{"public", "internal", "admin"} {
		endpoints = append(endpoints, map[string]any{
			"id": name + "-" + reach, "interface": reach, "region": "RegionOne", "region_id": "RegionOne", "url": url,
		})
	}
	return map[string]any{"id": name, "type": kind, "name": name, "endpoints": endpoints}
}
