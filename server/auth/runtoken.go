package auth

import (
	"context"
	"crypto/subtle"

	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
)

// UnknownBearer returns a Bearer that was let through although it is no API
// token, because it may be the secret of a run. It is empty for a caller who is
// logged in.
func UnknownBearer(ctx context.Context) string {
	if !From(ctx).Anonymous() {
		return ""
	}
	return Bearer(call.From(ctx).Header)
}

// CheckRunToken compares the secret of a run with what the caller sent: in the
// field run_token, or as a Bearer that is neither an API token nor a JSON web
// token. A run without a secret, whose hash is empty, is open. The answer is 401
// when nothing was sent, 403 when it was wrong.
func CheckRunToken(ctx context.Context, pepper []byte, run int64, hash []byte, given string) error {
	if len(hash) == 0 {
		return nil
	}
	if given == "" && WebToken(call.From(ctx).Header) == "" {
		given = UnknownBearer(ctx)
	}
	if given == "" {
		return fault.Unauthorized("run %d needs its run_token", run)
	}
	if subtle.ConstantTimeCompare(HashToken(pepper, given), hash) != 1 {
		return fault.Forbidden("the run_token is not that of run %d", run)
	}
	return nil
}
