package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
)

// admit is what stands before the handler of an operation: who is calling and
// may they, how often, and is the request as the document says. The body is
// not touched before the caller is known.
func (s *Stack) admit(op *operation, v *validator) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			s.routed(c, op)
			if err := s.openFor(op); err != nil {
				return err
			}
			if err := s.sameSite(r); err != nil {
				noteRefusal(r.Context(), err)
				return err
			}
			settle, err := s.reserve(op, call.From(r.Context()).Source())
			if err != nil {
				return err
			}
			guessed := false
			defer func() { settle(guessed) }()
			who, err := s.who(r.Context(), op)
			if err := s.limited(r.Context(), who, err); err != nil {
				return err
			}
			if err != nil {
				return err
			}
			c.SetRequest(r.WithContext(auth.With(r.Context(), who)))
			info := call.From(r.Context())
			info.Watch(s.watched(op, who, info))
			if who.Anonymous() {
				info.CountGuesses(s.reserving(info.Source(), &settle))
			}
			if err := s.roomFor(r.Context(), op); err != nil {
				return err
			}
			if err := v.check(c); err != nil {
				return err
			}
			err = s.once(holding(next, op), op)(c)
			noteRefusal(r.Context(), err)
			guessed = guessedLogin(op, who, info.Header, err)
			return err
		}
	}
}

// limited counts a call. One that is refused because it brings no credential
// counts like any other without one; what fails with a credential is counted
// where that is looked at.
func (s *Stack) limited(ctx context.Context, who auth.Identity, refused error) error {
	if refused != nil && !errors.Is(refused, auth.ErrNoCredential) {
		return nil
	}
	return s.limits.allow(who, call.From(ctx).Source())
}

// reserve returns what counts the login of a call when that is known to have
// failed. Where the body is the credential, the failure is reserved before it is
// read.
func (s *Stack) reserve(op *operation, from netip.Addr) (settle func(failed bool), err error) {
	if op.login {
		settle, ok := s.limits.begin(from)
		if !ok {
			return nil, tooManyLogins()
		}
		return settle, nil
	}
	return func(failed bool) {
		if failed {
			s.limits.failed(from)
		}
	}, nil
}

// reserving returns what a handler asks before it compares a secret: the failure is
// reserved once for a call, and settled in the end.
func (s *Stack) reserving(from netip.Addr, settle *func(failed bool)) func() error {
	reserved := false
	return func() error {
		if reserved {
			return nil
		}
		end, ok := s.limits.begin(from)
		if !ok {
			return tooManyLogins()
		}
		*settle, reserved = end, true
		return nil
	}
}

// routed notes which operation answers, for the layers further out.
func (s *Stack) routed(c echo.Context, op *operation) {
	ctx := c.Request().Context()
	if st := stateOf(ctx); st != nil {
		st.op = op
	}
	if op.dialect == drydock {
		setDrydockID(c.Response().Header(), call.From(ctx))
	}
	s.keepPrivate(c.Response().Header(), op, call.From(ctx), stateOf(ctx))
	if !op.deprecated.IsZero() {
		setDeprecated(c.Response().Header(), call.From(ctx), op.deprecated)
	}
}

// setDeprecated says in three ways that an operation is deprecated, whatever it
// answers.
func setDeprecated(h http.Header, info *call.Info, since time.Time) {
	h.Set("Deprecation", "@"+strconv.FormatInt(since.Unix(), 10))
	h.Set("Link", `<`+info.Origin.URL("/docs")+`#deprecated>; rel="deprecation"`)
	h.Set("Warning", `299 - "deprecated"`)
}

// noteRefusal keeps for the audit log what a handler said when it refused.
func noteRefusal(ctx context.Context, err error) {
	st := stateOf(ctx)
	if st == nil || err == nil || st.refused != nil {
		return
	}
	if f := faultOf(err); f.Status == http.StatusUnauthorized || f.Status == http.StatusForbidden {
		st.refused = errors.New(auth.Redact(f.Detail))
	}
}

// openFor answers for KernelCI's side while it is in maintenance, before anybody
// logs in.
func (s *Stack) openFor(op *operation) error {
	if s.config.Maintenance && op.dialect == kernelci {
		return fault.Unavailable("Service maintenance.")
	}
	return nil
}

// guessedLogin reports whether a handler's own refusal is a failed login: the secret
// of a run is compared there, and must not be guessed by trying.
func guessedLogin(op *operation, who auth.Identity, header http.Header, err error) bool {
	if err == nil || !op.optional && !op.webToken && !op.login || !who.Anonymous() {
		return false
	}
	status := faultOf(err).Status
	if op.webToken && auth.WebToken(header) == "" && header.Get("X-Public-Key") == "" && status == http.StatusUnauthorized {
		return false // nothing was tried: the thing belongs to somebody
	}
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// who returns the caller's identity when the caller may use the operation. Where
// a key of the operation's own counts, such as X-Bootaction-Key, the handler
// compares it, and other credentials beside it are ignored.
func (s *Stack) who(ctx context.Context, op *operation) (auth.Identity, error) {
	if err := keyMissing(op, call.From(ctx).Header); err != nil {
		noteRefusal(ctx, err)
		return auth.Identity{}, err
	}
	if op.login || op.public() || op.permission == auth.ReadDocument && !s.config.DocsClosed || op.keyHeader != "" && call.From(ctx).Header.Get(op.keyHeader) != "" {
		return auth.Identity{}, nil
	}
	who, err := s.identify(ctx, op)
	if errors.Is(err, auth.ErrNoCredential) && (s.openTo(op) || op.signed) {
		return auth.Identity{}, nil
	}
	if st := stateOf(ctx); st != nil {
		st.who, st.refused = who, err
	}
	switch {
	case err != nil:
		return auth.Identity{}, s.refused(ctx, op, err)
	case who.OutsideLab(op.permission):
		f := fault.New(http.StatusForbidden, "tenant-not-in-lab", "the lab is for tokens of no tenant and of the tenants in --lab-tenants, and the tenant %q is none of them", who.Tenant)
		if st := stateOf(ctx); st != nil {
			st.refused = errors.New(f.Detail)
		}
		return auth.Identity{}, f
	case !who.May(op.permission):
		if st := stateOf(ctx); st != nil {
			st.refused = fmt.Errorf("roles %v lack %s", who.Roles, op.permission)
		}
		return auth.Identity{}, notAllowed(op)
	}
	return who, nil
}

// machineKey is the header with the key of a machine. Its calls are refused
// without one before anything of them is read; the key of a boot action, which
// Drydock asks for after the action itself, is the handler's.
const machineKey = "X-Machine-Key"

func keyMissing(op *operation, header http.Header) error {
	if !op.public() || op.keyHeader != machineKey || header.Get(machineKey) != "" {
		return nil
	}
	return fault.Unauthorized("the key of the machine is required in %s", machineKey).With("WWW-Authenticate", "Machine-Key").Because(auth.ErrNoCredential)
}

func notAllowed(op *operation) error {
	return inWordsOf(op.dialect, fault.New(http.StatusForbidden, "role-required",
		"the credential does not allow this; it needs one of the roles %s", roleList(op.permission)))
}

// inWordsOf gives a refusal the words that a system's own server has for it.
func inWordsOf(d dialect, f *fault.Fault) *fault.Fault {
	g := *f
	switch {
	case d == kernelci: // app/handlers/base.py
		g.Detail = kernelciRefusal
	case d == drydock && f.Status == http.StatusUnauthorized: // drydock_provisioner/policy.py
		g.Detail = "Unauthenticated"
	case d == drydock && f.Status == http.StatusForbidden:
		g.Detail = "Forbidden"
	case d == spi && f.Status == http.StatusForbidden: // its slug is part of the contract
		g.ID = "forbidden"
	}
	return &g
}

const kernelciRefusal = "Operation not permitted: provided token is not authorized"

func (s *Stack) identify(ctx context.Context, op *operation) (auth.Identity, error) {
	try := attempt(op, call.From(ctx))
	try.Limited = s.limits.limited(try.Client)
	who, err := s.config.Auth.Identify(ctx, try)
	if try.Limited && op.optional && errors.Is(err, auth.ErrNoCredential) {
		// Without one the secret of a run could still be guessed.
		return who, auth.ErrNotTried
	}
	return who, err
}

// attempt is a login with what the request carries.
func attempt(op *operation, info *call.Info) auth.Attempt {
	try := auth.Attempt{Header: info.Header, Client: info.Source(), Method: info.Method, Paths: namesOf(info.Path)}
	switch op.dialect {
	case kernelci, spi:
		try.Order = auth.AuthorizationFirst
	case drydock:
		try.Order = auth.ServiceTokenFirst
	}
	return try
}

// namesOf lists the names by which access rules may call a path: as it was sent
// (keystonemiddleware knows no other), without what is said twice in it, and as
// the document has it.
func namesOf(path string) []string {
	clean := cleanPath(path)
	document, _ := versionedPath(clean)
	return slices.Compact([]string{path, clean, document})
}

// openTo reports whether the operation may be called without a credential.
func (s *Stack) openTo(op *operation) bool {
	switch op.permission {
	case auth.ReadVersion, auth.ReadDocument:
		return s.published(op)
	}
	return op.optional && !s.config.RunnersLogIn
}

// refused turns a login that failed into what the client sees: that it failed,
// never why.
func (s *Stack) refused(ctx context.Context, op *operation, err error) error {
	info := call.From(ctx)
	switch {
	case errors.Is(err, auth.ErrNoCredential):
		return inWordsOf(op.dialect, fault.Unauthorized("a credential is required: Authorization or X-Auth-Token").Because(err))
	case errors.Is(err, auth.ErrNotTried):
		return tooManyLogins().Because(err)
	case errors.Is(err, auth.ErrNoProject):
		return inWordsOf(op.dialect, fault.Forbidden("the Keystone token has no scope; log in with a project").Because(err))
	case errors.Is(err, auth.ErrUnavailable):
		return fault.Unavailable("Keystone cannot be reached to validate the token").Because(err)
	case errors.Is(err, auth.ErrBadCredential):
		// A runner may send the secret of its run as a Bearer; only the handler can tell.
		if op.optional && !s.config.RunnersLogIn && auth.Bearer(info.Header) != "" && op.permission == auth.CallAsRunner {
			return nil
		}
		if op.webToken && auth.WebToken(info.Header) != "" {
			return nil // the handler knows the keys
		}
		s.limits.failed(info.Source())
		slog.InfoContext(ctx, "login failed", "client", info.Client, "error", err)
		f := fault.Unauthorized("the credential is unknown, expired, revoked or not for this address").Because(err)
		return s.challenge(inWordsOf(op.dialect, f), `, error="invalid_token"`)
	}
	return err
}

// challenge says which credentials count, a line for each kind.
func (s *Stack) challenge(f *fault.Fault, more string) *fault.Fault {
	if uri := s.config.Auth.Challenge(); uri != "" {
		f = f.With("WWW-Authenticate", `Keystone uri="`+uri+`"`)
	}
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
func (s *Stack) notOffered(c echo.Context, op *operation) error {
	ctx := c.Request().Context()
	s.routed(c, op)
	if err := s.openFor(op); err != nil {
		return err
	}
	if !op.public() && !op.openVerbs {
		who, err := s.identify(ctx, op)
		if st := stateOf(ctx); st != nil {
			st.who, st.refused = who, err
		}
		if err != nil {
			err = s.refused(ctx, op, err)
		}
		if limit := s.limited(ctx, who, err); limit != nil {
			return limit
		}
		if err != nil {
			return err
		}
	}
	return fault.NotImplemented("this resource does not offer the method")
}
