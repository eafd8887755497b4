package store

import "github.com/slipway-lab/slipway/store/internal/tables"

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

// Check says why the caller may not change or delete a row of the tenant:
// ErrNotFound when he does not see it, ErrOfNoTenant when he does.
func (s Scope) Check(tenant string) error {
	switch {
	case s.Changes(tenant):
		return nil
	case s.Sees(tenant):
		return ErrOfNoTenant
	}
	return ErrNotFound
}

// Seen are the conditions of a query for rows that the caller sees, whose column
// holds the tenant. It is the one filter of all lists, counts and sets.
func (s Scope) Seen(column string) []tables.Condition {
	tenants := s.Tenants()
	if tenants == nil {
		return nil
	}
	c := tables.Condition{SQL: tables.InList(column, len(tenants))}
	for _, t := range tenants {
		c.Args = append(c.Args, t)
	}
	return []tables.Condition{c}
}

// Changeable are the conditions of a query for rows that the caller may change.
func (s Scope) Changeable(column string) []tables.Condition {
	if s.All {
		return nil
	}
	return []tables.Condition{tables.If(column+" = ?", s.Tenant)}
}

// Unshadowed are the conditions of a query that leaves out rows of no tenant when
// the caller's tenant has a row with the same key. The table has a column tenant;
// key are the columns that make up the key, none of them null.
func (s Scope) Unshadowed(table string, key ...string) []tables.Condition {
	if s.All || s.Tenant == "" {
		return nil
	}
	same := "own.tenant = ?"
	for _, column := range key {
		same += " AND own." + column + " = " + table + "." + column
	}
	return []tables.Condition{tables.If("NOT ("+table+".tenant = '' AND EXISTS (SELECT 1 FROM "+table+" own WHERE "+same+"))", s.Tenant)}
}

// Viewer is who looks at results, some of which are private to an owner. An owner
// is one of his tenant: the same name elsewhere is somebody else.
type Viewer struct {
	Scope
	Owner string // empty for nobody
	Admin bool   // sees what is private in the tenants whose rows he changes
}

// SeesPrivate reports whether what the owner of a tenant keeps to himself is shown
// to the viewer, who sees the tenant; an empty owner keeps nothing.
func (v Viewer) SeesPrivate(tenant, owner string) bool {
	return owner == "" || v.Admin && v.Changes(tenant) || v.owns(tenant, owner)
}

func (v Viewer) owns(tenant, owner string) bool { return owner == v.Owner && tenant == v.Tenant }

// Private are the conditions of a query for rows that SeesPrivate allows.
func (v Viewer) Private(tenant, owner string) []tables.Condition {
	switch {
	case v.Admin && v.All:
		return nil
	case v.Admin:
		return []tables.Condition{tables.If("("+owner+" = '' OR "+tenant+" = ?)", v.Tenant)}
	}
	return []tables.Condition{tables.If("("+owner+" = '' OR "+owner+" = ? AND "+tenant+" = ?)", v.Owner, v.Tenant)}
}
