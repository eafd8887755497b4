package access

import (
	"context"

	accessapi "github.com/slipway-lab/slipway/gen/access"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
)

// GetWhoami answers what the server takes the caller's credential for.
func (h *Handler) GetWhoami(ctx context.Context, _ accessapi.GetWhoamiRequestObject) (accessapi.Response, error) {
	who := auth.From(ctx)
	body := accessapi.Whoami{
		Kind:        accessapi.WhoamiKind(who.Kind),
		Name:        who.Name,
		Owner:       who.Owner,
		Tenant:      who.Tenant,
		TokenID:     who.TokenID,
		Roles:       []accessapi.AccessRole{},
		Flags:       append([]string{}, who.Flags...),
		Labs:        append([]string{}, who.Labs...),
		Permissions: []string{},
	}
	for _, r := range who.Roles {
		body.Roles = append(body.Roles, accessapi.AccessRole(r))
	}
	for _, p := range who.Permissions() {
		body.Permissions = append(body.Permissions, string(p))
	}
	return call.OK(body).Secret(), nil
}
