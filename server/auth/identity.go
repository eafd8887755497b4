package auth

import (
	"context"
	"slices"
)

// Role is what somebody is to the server. The permission table says what each
// role may do.
type Role string

// The roles, from the least to the most.
const (
	Reader   Role = "reader"
	Runner   Role = "runner"
	Lab      Role = "lab"
	Operator Role = "operator"
	Admin    Role = "admin"
)

// Roles lists every role there is.
func Roles() []Role { return []Role{Reader, Runner, Lab, Operator, Admin} }

// Identity is who is calling. The zero Identity is nobody.
type Identity struct {
	Kind    string // "" for nobody, else "admin" (the configured token) or "token"
	TokenID string // the public id of the token; empty for the configured one
	Name    string
	Owner   string
	Tenant  string
	Roles   []Role
	Labs    []string
	Flags   []string // rights beside the roles, such as upload
}

// Anonymous reports whether nobody is logged in.
func (i Identity) Anonymous() bool { return i.Kind == "" }

// Is reports whether the identity has the role.
func (i Identity) Is(r Role) bool { return slices.Contains(i.Roles, r) }

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
