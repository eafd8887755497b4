package store

// Scope says whose rows a caller sees and which he may change. A row belongs to
// the tenant of the token that wrote it, or to none. Everybody sees what belongs
// to no tenant and what belongs to his own; he changes what belongs to his own.
//
// The zero Scope is that of a caller without a tenant: he sees and changes the
// rows of none.
type Scope struct {
	Tenant string
	// All sees and changes the rows of every tenant.
	All bool
}

// Everything is the scope of the server's own work, which belongs to nobody.
var Everything = Scope{All: true}

// Sees reports whether a row of the tenant exists for the caller. To all others
// the answer is that there is no such row.
func (s Scope) Sees(tenant string) bool {
	return s.All || tenant == "" || tenant == s.Tenant
}

// Changes reports whether the caller may change or delete a row of the tenant.
func (s Scope) Changes(tenant string) bool {
	return s.All || tenant == s.Tenant
}

// Tenants are the tenants whose rows a list shows, the empty name for rows of
// none; nil is all of them.
func (s Scope) Tenants() []string {
	switch {
	case s.All:
		return nil
	case s.Tenant == "":
		return []string{""}
	}
	return []string{"", s.Tenant}
}
