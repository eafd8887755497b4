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
//
// Of the row in question they need its number and its tenant only, which the indexes
// have: who belongs to a tenant searches the same index as everybody else.
func (c *Collection) Seen(scope store.Scope) []tables.Condition {
	list := scope.Seen(c.table + ".tenant")
	if scope.All || scope.Tenant == "" {
		return list
	}
	same := c.table + " own ON own.identity = r.identity"
	if c.group != "" {
		same = `test_groups around ON around."_id" IN (r.` + quoted(c.group) + `, r."root_id")` +
			" JOIN test_groups own ON own.identity = around.identity"
	}
	return append(list, tables.If("NOT ("+c.table+".tenant = '' AND EXISTS (SELECT 1 FROM "+c.table+" r JOIN "+same+
		" AND own.tenant = ? WHERE r.seq = "+c.table+".seq))", scope.Tenant))
}

// countAllStatement counts what Seen shows of a whole collection: all rows, without
// those of other tenants, without those of no tenant that rows of the own tenant hide.
// Most rows belong to no tenant. They are counted and not looked at.
func (s *Store) countAllStatement(c *Collection) (string, []any) {
	all, others := "SELECT COUNT(*) FROM "+c.table, "SELECT COUNT(*) FROM "+c.table+" WHERE tenant <> ''"
	switch {
	case s.scope.All:
		return all, nil
	case s.scope.Tenant == "":
		return "SELECT (" + all + ") - (" + others + ")", nil
	}
	hidden := all + " own JOIN " + c.table + " r ON r.identity = own.identity AND r.tenant = '' WHERE own.tenant = ? AND own.tenant <> ''"
	if c.group != "" {
		hidden = all + " WHERE tenant = '' AND " + quoted(c.group) + ` IN (SELECT g."_id" FROM test_groups own` +
			" JOIN test_groups around ON around.identity = own.identity" +
			` JOIN test_groups g ON g."_id" = around."_id" OR g."root_id" = around."_id"` +
			" WHERE own.tenant = ? AND own.tenant <> '')"
	}
	return "SELECT (" + all + ") - (" + others + " AND tenant <> ?) - (" + hidden + ")", []any{s.scope.Tenant, s.scope.Tenant}
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
