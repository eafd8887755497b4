package edge

import (
	"context"
	"errors"
	"time"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
)

// watched tells a call that lasts whether its credential still is what it was when
// the call came in: good, and with the same roles, tenant and labs. It looks at most
// every call.CredentialEvery, and once it has said no it goes on saying it.
func (s *Stack) watched(op *operation, who auth.Identity, info *call.Info) func(context.Context) error {
	if who.Anonymous() {
		return nil
	}
	next, ended := time.Now().Add(call.CredentialEvery), error(nil)
	return func(ctx context.Context) error {
		if ended != nil || time.Now().Before(next) {
			return ended
		}
		next = time.Now().Add(call.CredentialEvery)
		now, err := s.config.Auth.Identify(ctx, attempt(op, info))
		switch {
		case errors.Is(err, auth.ErrUnavailable):
			ended = fault.Unavailable("Keystone cannot be reached to validate the token").Because(err)
		case errors.Is(err, auth.ErrBadCredential), errors.Is(err, auth.ErrNoProject):
			// It was no guess, so it is not counted as a failed login.
			ended = s.challenge(inWordsOf(op.dialect, fault.Unauthorized("the credential ended while the call was waiting").Because(err)), `, error="invalid_token"`)
		case err != nil:
			ended = err
		case !who.Same(now):
			ended = call.ErrCredentialChanged
		}
		return ended
	}
}
