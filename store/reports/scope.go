package reports

import (
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// For returns the store as somebody sees it: every question is about the rows that
// the scope sees, every change about those that it changes, and what is added
// belongs to its tenant.
func (s *Store) For(scope store.Scope) *Store {
	c := *s
	c.scope = scope
	return &c
}

// Writer returns the store as rows are added to it: they belong to the tenant of
// the scope, and are tied to what belongs to it or to nobody, also by somebody who
// sees everything. What is in a row of no tenant everybody may know.
func (s *Store) Writer() *Store { return s.For(store.Scope{Tenant: s.scope.Tenant}) }

// Check says why the scope may not change or delete a report: ErrNotFound when it
// does not see it, ErrOfNoTenant when it does.
func (s *Store) Check(r *Report) error { return s.scope.Check(r.Tenant) }

// Seen are the conditions of every list, count and set of the collection: rows that
// the scope sees, without those of no tenant that its tenant has rows of its own for.
// A group stands for the whole tree in which it is the outermost.
func (c *Collection) Seen(scope store.Scope) []tables.Condition {
	list := scope.Seen(c.table + ".tenant")
	switch {
	case scope.All || scope.Tenant == "":
		return list
	case c.group == "":
		return append(list, scope.Unshadowed(c.table, "identity")...)
	}
	return append(list, tables.If("NOT ("+c.table+".tenant = '' AND EXISTS (SELECT 1 FROM test_groups around"+
		" JOIN test_groups own ON own.identity = around.identity AND own.tenant = ?"+
		` WHERE around."_id" IN (`+c.table+"."+quoted(c.group)+", "+c.table+`."root_id")))`, scope.Tenant))
}

// existing are the conditions of a question for one report that is named: nothing
// hides it.
func (s *Store) existing(c *Collection) []tables.Condition { return s.scope.Seen(c.table + ".tenant") }

// own is the condition that a row belongs to the tenant of the scope.
func (s *Store) own(c *Collection) tables.Condition {
	return tables.If(c.table+".tenant = ?", s.scope.Tenant)
}

// Tenant is the one that what s adds belongs to, empty for none.
func (s *Store) Tenant() string { return s.scope.Tenant }
