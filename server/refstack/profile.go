package refstack

import (
	"context"

	refstackapi "github.com/slipway-lab/slipway/gen/refstack"
	"github.com/slipway-lab/slipway/server/edge/call"
)

// GetProfile answers who the caller is (refstack/api/controllers/user.py,
// ProfileController).
func (h *Handler) GetProfile(ctx context.Context, _ refstackapi.GetProfileRequestObject) (refstackapi.Response, error) {
	who, err := h.caller(ctx)
	if err != nil {
		return nil, err
	}
	if !who.known {
		return nil, noCredential()
	}
	out := refstackapi.Profile{Openid: who.owner, Fullname: who.name, IsAdmin: who.admin}
	out.Email.SetNull()
	return call.OK(out), nil
}
