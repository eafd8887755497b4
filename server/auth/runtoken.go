package auth

import (
	"context"
	"crypto/subtle"
	"mime"

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

// Run is what there is to know of a run before somebody may report to it.
type Run struct {
	ID     int64
	Tenant string // empty when it belongs to none
	Secret []byte // the hash of its run_token; empty when it has none
}

// CheckRun tells whether the caller, who sees the run, may report to it. What
// counts is the run's run_token, in the field of that name or as a Bearer that is
// neither an API token nor a JSON web token. A run without one is open, but the run
// of a tenant only to callers with a credential. The answer is 401 when nothing was
// sent, 403 when it was wrong, and 429 when the caller's address has guessed too
// often: then nothing is compared.
func CheckRun(ctx context.Context, pepper []byte, run Run, given string) error {
	if len(run.Secret) == 0 {
		if run.Tenant != "" && From(ctx).Anonymous() {
			return fault.Unauthorized("run %d belongs to a tenant and has no run_token, so its calls need a credential", run.ID)
		}
		return nil
	}
	info := call.From(ctx)
	if given == "" && WebToken(info.Header) == "" {
		given = UnknownBearer(ctx)
	}
	if given == "" {
		return fault.Unauthorized("run %d needs its run_token", run.ID)
	}
	if err := info.Guess(); err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(HashToken(pepper, given), run.Secret) != 1 {
		return fault.Forbidden("the run_token is not that of run %d", run.ID)
	}
	return nil
}

// CheckRunFirst is CheckRun before the body of a call is read, for the run that its
// address names. A secret that comes in the address or in a header is compared now;
// when the body may still bring it, which a form or JSON can, it is not missed yet.
// It reports whether the secret was shown.
func CheckRunFirst(ctx context.Context, pepper []byte, run Run, given, contentType string) (proven bool, err error) {
	if len(run.Secret) > 0 && given == "" && UnknownBearer(ctx) == "" && mayHoldFields(contentType) {
		return false, nil
	}
	err = CheckRun(ctx, pepper, run, given)
	return err == nil && len(run.Secret) > 0, err
}

// mayHoldFields reports whether a body of the type can hold text fields.
func mayHoldFields(contentType string) bool {
	media, _, _ := mime.ParseMediaType(contentType)
	switch media {
	case "application/x-www-form-urlencoded", "multipart/form-data", "application/json":
		return true
	}
	return false
}
