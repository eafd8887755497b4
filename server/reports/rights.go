package reports

import (
	"context"
	"log/slog"
	"net/http"
	"slices"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/call"
	"github.com/slipway-lab/slipway/server/fault"
)

// useLabToken is the warning for who reports with an administrator's token.
const useLabToken = "Use the token of the lab rather than an administrator's to report for it"

// everyLab reports whether the caller may report for any lab.
func everyLab(who auth.Identity) bool {
	if slices.Contains(who.Flags, auth.KernelCI) {
		return slices.Contains(who.Flags, "admin")
	}
	return who.Is(auth.Operator) || who.Is(auth.Admin)
}

// mayReport checks that the caller reports for the lab, which must exist. It
// returns a warning for administrators.
func (h *Handler) mayReport(ctx context.Context, lab string) ([]string, error) {
	who := auth.From(ctx)
	every := everyLab(who)
	if every || slices.Contains(who.Labs, lab) {
		known, err := find(ctx, h.store, labs, conditionsOf("name", lab))
		if err != nil {
			return nil, err
		}
		if known != nil && every {
			return []string{useLabToken}, nil
		}
		if known != nil {
			return nil, nil
		}
	}
	slog.InfoContext(ctx, "report refused", "lab", lab, "client", call.From(ctx).Client, "token_id", who.TokenID, "speaks_for", who.Labs)
	return nil, fault.New(http.StatusForbidden, "not-the-labs-token",
		"Provided authentication token is not associated with lab '%.80s' or is not valid", lab)
}

// ownLabs returns the labs that a deletion is limited to, and false when it is
// not limited.
func ownLabs(who auth.Identity) ([]string, bool) {
	switch {
	case everyLab(who):
		return nil, false
	case slices.Contains(who.Flags, auth.KernelCI):
		return who.Labs, slices.Contains(who.Flags, "lab") && !slices.Contains(who.Flags, "superuser")
	}
	return who.Labs, true
}
