package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/labstack/echo/v4"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/call"
	"github.com/slipway-lab/slipway/server/fault"
)

// admit is what stands before the handler of an operation: who is calling and
// may they, how often, and is the request as the document says. The body is
// not touched before the caller is known.
func (s *Server) admit(op *operation, v *validator) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			if st, ok := r.Context().Value(stateKey{}).(*state); ok {
				st.op = op
			}
			who, err := s.who(r.Context(), op)
			if err != nil {
				return err
			}
			if err := s.limits.allow(who, call.From(r.Context()).Client); err != nil {
				return err
			}
			c.SetRequest(r.WithContext(auth.With(r.Context(), who)))
			if err := v.check(c); err != nil {
				return err
			}
			err = next(c)
			s.watchLogins(op, who, call.From(r.Context()).Client, err)
			return err
		}
	}
}

// watchLogins counts a handler's own refusal as a failed login: the secret of a
// run is compared there, and must not be guessed by trying.
func (s *Server) watchLogins(op *operation, who auth.Identity, client netip.Addr, err error) {
	if err == nil || !op.optional && !op.login || !who.Anonymous() {
		return
	}
	if status := faultOf(err).Status; status == http.StatusUnauthorized || status == http.StatusForbidden {
		s.limits.failed(client)
	}
}

// who returns the caller's identity when the caller may use the operation. Where
// a key of the operation's own counts, such as X-Bootaction-Key, the handler
// compares it, and other credentials beside it are ignored.
func (s *Server) who(ctx context.Context, op *operation) (auth.Identity, error) {
	if op.login {
		return auth.Identity{}, s.limits.mayTry(call.From(ctx).Client)
	}
	if op.public() || op.keyHeader != "" && call.From(ctx).Header.Get(op.keyHeader) != "" {
		return auth.Identity{}, nil
	}
	who, err := s.identify(ctx, op)
	switch {
	case errors.Is(err, auth.ErrNoCredential) && s.openTo(op):
		return auth.Identity{}, nil
	case err != nil:
		return auth.Identity{}, s.refused(ctx, op, err)
	case !who.May(op.permission):
		return auth.Identity{}, fault.Forbidden("the credential does not allow this; it takes one of the roles %s", roleList(op.permission))
	}
	return who, nil
}

func (s *Server) identify(ctx context.Context, op *operation) (auth.Identity, error) {
	info := call.From(ctx)
	if err := s.limits.mayTry(info.Client); err != nil {
		return auth.Identity{}, err
	}
	order := auth.XAuthTokenFirst
	if op.dialect == kernelci || op.dialect == spi {
		order = auth.AuthorizationFirst
	}
	return s.auth.Identify(ctx, info.Header, info.Client, order)
}

// openTo reports whether the operation may be called without a credential.
func (s *Server) openTo(op *operation) bool {
	if op.permission == "version.read" {
		return s.v1Public
	}
	return op.optional && !s.runners
}

// refused turns a login that failed into what the client sees: that it failed,
// never why.
func (s *Server) refused(ctx context.Context, op *operation, err error) error {
	info := call.From(ctx)
	switch {
	case errors.Is(err, auth.ErrNoCredential):
		return challenge(fault.Unauthorized("a credential is required: Authorization or X-Auth-Token").Because(err), "")
	case errors.Is(err, auth.ErrBadCredential):
		// A runner may send the secret of its run as a Bearer; only the handler can tell.
		if op.optional && !s.runners && auth.Bearer(info.Header) != "" && op.permission == "runner.call" {
			return nil
		}
		s.limits.failed(info.Client)
		slog.InfoContext(ctx, "login failed", "client", info.Client, "error", err)
		return challenge(fault.Unauthorized("the credential is unknown, expired, revoked or not for this address").Because(err), `, error="invalid_token"`)
	}
	return err
}

func challenge(f *fault.Fault, more string) *fault.Fault {
	return f.With("WWW-Authenticate", `Bearer realm="slipway"`+more)
}

func roleList(p auth.Permission) string {
	list := ""
	for i, r := range p.Roles() {
		if i > 0 {
			list += ", "
		}
		list += string(r)
	}
	return list
}

// notOffered answers a verb that a KernelCI resource does not offer: 501, after
// the login.
func (s *Server) notOffered(c echo.Context, op *operation) error {
	ctx := c.Request().Context()
	if st, ok := ctx.Value(stateKey{}).(*state); ok {
		st.op = op
	}
	if !op.public() {
		if _, err := s.identify(ctx, op); err != nil {
			return s.refused(ctx, op, err)
		}
	}
	return fault.NotImplemented("this resource does not offer the method")
}
