package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/server/auth/keystone"
)

// Account logs in at Keystone with the server's own account.
type Account interface {
	OwnToken(ctx context.Context, refused string) (string, error)
}

// Account is the server's own at Keystone, nil when there is none.
func (a *Authenticator) Account() Account {
	account, _ := a.keystone.(Account)
	return account
}

// Keystone says whose token a text is. keystone.Client is one.
type Keystone interface {
	Validate(ctx context.Context, token string) (*keystone.Token, error)
	// Known reports whether the token was found good a moment ago.
	Known(token string) bool
	// ServiceType is what access rules call this service.
	ServiceType() string
	// Challenge is where clients get a token, for WWW-Authenticate.
	Challenge() string
}

// DefaultRoleMap says which of our roles the roles of a Keystone give when the
// configuration does not say otherwise. Keystone's member gives none, which
// takes more than leaving it out: see counted.
func DefaultRoleMap() map[string][]Role {
	return map[string][]Role{
		"admin":            {Admin},
		"slipway_operator": {Operator},
		"slipway_lab":      {Lab},
		"slipway_machine":  {Machine},
		"slipway_runner":   {Runner},
		"reader":           {Reader},
		"slipway_readonly": {Reader},
	}
}

// ParseRoleMap reads a role map as settings hold it: for each Keystone role our
// roles, separated by commas or spaces.
func ParseRoleMap(texts map[string]string) (map[string][]Role, error) {
	m := map[string][]Role{}
	for name, list := range texts {
		m[name] = nil // a role that is named gives nothing but what stands here
		for _, word := range strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' || c == '+' }) {
			if !slices.Contains(Roles(), Role(word)) {
				return nil, fmt.Errorf("role map: %q gives the role %q; there are %v", name, word, Roles())
			}
			m[name] = append(m[name], Role(word))
		}
	}
	return m, nil
}

// Challenge returns where OpenStack's clients get a token, or "".
func (a *Authenticator) Challenge() string {
	if a.keystone == nil {
		return ""
	}
	return a.keystone.Challenge()
}

func (a *Authenticator) identifyKeystone(ctx context.Context, text string, try Attempt) (Identity, error) {
	t, err := a.keystoneToken(ctx, text, try)
	if err != nil {
		return Identity{}, err
	}
	return a.keystoneIdentity(t), nil
}

// ServiceRole is the Keystone role that makes a token one of a service.
const ServiceRole = "service"

// identifyService is identifyKeystone for X-Service-Token, which takes the token
// of a service. The service then acts in its own name and with its own roles,
// whoever it acts for.
func (a *Authenticator) identifyService(ctx context.Context, text string, try Attempt) (Identity, error) {
	t, err := a.keystoneToken(ctx, text, try)
	switch {
	case err != nil:
		return Identity{}, err
	case !slices.Contains(t.Roles, ServiceRole):
		return Identity{}, fmt.Errorf("%w: the token in X-Service-Token does not belong to a service", ErrBadCredential)
	}
	return a.keystoneIdentity(t), nil
}

func (a *Authenticator) keystoneToken(ctx context.Context, text string, try Attempt) (*keystone.Token, error) {
	if try.Limited && !a.keystone.Known(text) {
		return nil, ErrNotTried
	}
	t, err := a.keystone.Validate(ctx, text)
	switch {
	case errors.Is(err, keystone.ErrInvalid):
		return nil, errors.Join(ErrBadCredential, err)
	case err != nil:
		return nil, errors.Join(ErrUnavailable, err)
	case !t.AllowedFor(a.keystone.ServiceType(), try.Method, try.Paths):
		return nil, fmt.Errorf("%w: the access rules of the application credential do not allow this", ErrBadCredential)
	case t.ProjectID == "" && !t.System && t.DomainID == "":
		return nil, ErrNoProject
	}
	return t, nil
}

// keystoneIdentity maps the roles. A token of a domain has no project; the
// domain then stands for the tenant, so that it sees nothing of others.
func (a *Authenticator) keystoneIdentity(t *keystone.Token) Identity {
	i := Identity{Kind: "keystone", Name: t.UserName, Owner: "keystone:" + t.UserID, Tenant: t.ProjectID, System: t.System}
	if i.Tenant == "" && !t.System {
		i.Tenant = "domain:" + t.DomainID
	}
	for _, name := range a.counted(t.Roles) {
		for _, r := range a.roles[name] {
			if !i.Is(r) {
				i.Roles = append(i.Roles, r)
			}
		}
	}
	return i
}

// counted leaves out the reader that a member is: Keystone makes member imply
// reader (keystone-manage bootstrap), so every ordinary user of a cloud would
// see the lab although member shall give nothing. A role map in the
// configuration is taken at its word.
func (a *Authenticator) counted(roles []string) []string {
	if !a.defaultRoles || !slices.Contains(roles, "member") {
		return roles
	}
	return slices.DeleteFunc(slices.Clone(roles), func(name string) bool { return name == "reader" })
}
