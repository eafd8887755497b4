package refstack

import (
	"context"

	"github.com/slipway-lab/slipway/gen/api"
)

// GetProfile answers who the caller is (refstack/api/controllers/user.py,
// ProfileController).
func (h *Handler) GetProfile(ctx context.Context, _ api.GetProfileRequestObject) (api.GetProfileResponseObject, error) {
	who, err := h.caller(ctx)
	if err != nil {
		return nil, err
	}
	if !who.known {
		return nil, noCredential()
	}
	out := api.GetProfile200JSONResponse{Openid: who.owner, Fullname: who.name, IsAdmin: who.admin}
	out.Email.SetNull()
	return out, nil
}
