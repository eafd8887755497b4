package auth

import (
	"cmp"
	"context"
	"slices"

	"github.com/slipway-lab/slipway/store"
)

// Role is what somebody is to the server. The permission table says what each
// role may do.
type Role string

// The roles, from the least to the most.
const (
	Reader   Role = "reader"
	Runner   Role = "runner"
	Lab      Role = "lab"
	Machine  Role = "machine" // registers machines, and does nothing else
	Badge    Role = "badge"   // reads how lines of runs went, and nothing else
	Operator Role = "operator"
	Admin    Role = "admin"
)

// roleSets is how many sets of roles there are.
const roleSets = 1 << 7

// Roles lists every role there is.
func Roles() []Role { return []Role{Reader, Runner, Lab, Machine, Badge, Operator, Admin} }

// Identity is who is calling. The zero Identity is nobody.
type Identity struct {
	// Kind is empty for nobody, "admin" for the configured admin token, "token"
	// for a token of the store, "keystone" for one of Keystone, "none" for
	// everybody while logins are switched off.
	Kind    string
	TokenID string // the public id of a token of the store
	Name    string
	Owner   string // whose tokens are the caller's own
	Tenant  string // a Keystone project is one
	System  bool   // a Keystone token of the whole system: every tenant
	Roles   []Role
	Labs    []string
	Flags   []string // what a token may do beside its roles, such as upload

	labTenants []string // the tenants that may use the lab

	policy Policy // what a policy file says instead of the table
}

// Anonymous reports whether nobody is logged in.
func (i Identity) Anonymous() bool { return i.Kind == "" }

// Is reports whether the identity has the role.
func (i Identity) Is(r Role) bool { return slices.Contains(i.Roles, r) }

// SeesAll reports whether the objects of every tenant are visible: to
// administrators and operators who belong to no tenant, and to a Keystone token
// of the whole system.
func (i Identity) SeesAll() bool {
	return i.System || i.Tenant == "" && (i.Is(Admin) || i.Is(Operator))
}

// Scope says whose rows the caller sees and changes. Everybody sees what belongs to
// no tenant and what belongs to his own; to all others the object does not exist,
// and the answer is 404.
func (i Identity) Scope() store.Scope { return store.Scope{Tenant: i.Tenant, All: i.SeesAll()} }

// Viewer is the caller as one who looks at results that may be private.
func (i Identity) Viewer() store.Viewer {
	return store.Viewer{Scope: i.Scope(), Owner: i.Owner, Admin: i.Is(Admin)}
}

// Same reports whether two identities are the same caller with the same rights, in
// whatever order these are listed.
func (i Identity) Same(o Identity) bool {
	return i.Kind == o.Kind && i.TokenID == o.TokenID && i.Name == o.Name && i.Owner == o.Owner && i.Tenant == o.Tenant &&
		i.System == o.System && sameSet(i.Roles, o.Roles) && sameSet(i.Labs, o.Labs) && sameSet(i.Flags, o.Flags)
}

func sameSet[T cmp.Ordered](a, b []T) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

type identityKey struct{}

// With returns a context that carries who is calling.
func With(ctx context.Context, i Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, i)
}

// From returns who is calling, the zero Identity when nobody is logged in.
func From(ctx context.Context) Identity {
	i, _ := ctx.Value(identityKey{}).(Identity)
	return i
}

// Label is how the caller is called where a thing says who made it: the name of
// the token or of Keystone's user, else the owner, else the kind of login.
func (i Identity) Label() string { return cmp.Or(i.Name, i.Owner, i.Kind) }
