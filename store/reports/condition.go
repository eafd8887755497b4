package reports

import (
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Condition is one demand on one column.
type Condition struct {
	Field string
	Op    Op
	// Values holds one value for ge, gt, lt, le and ne, any number for in, none
	// for null and notnull. They have the types that Kind names.
	Values []any
}

// Op is what a condition asks of a column.
type Op string

// The operators. A column without a value meets only null and ne.
const (
	In      Op = "in" // no values: matches nothing
	Null    Op = "null"
	NotNull Op = "notnull"
	Ge      Op = "ge"
	Gt      Op = "gt"
	Lt      Op = "lt"
	Le      Op = "le"
	Ne      Op = "ne"
)

var comparisons = map[Op]string{
	Ge: " >= ?", Gt: " > ?", Lt: " < ?", Le: " <= ?", Ne: " IS DISTINCT FROM ?",
	Null: " IS NULL", NotNull: " IS NOT NULL",
}

// where turns the conditions of a list, a count or a set into SQL with a place for
// every value, and adds those of the scope.
func (s *Store) where(c *Collection, conditions []Condition) (string, []any) {
	parts := append(c.conditions(conditions), c.Seen(s.scope)...)
	return tables.Where(parts), tables.Args(parts)
}

// conditions turns conditions into SQL. A field that is no column has no value in
// any report.
func (c *Collection) conditions(conditions []Condition) []tables.Condition {
	var parts []tables.Condition
	for _, cond := range conditions {
		i, ok := c.places[cond.Field]
		if !ok {
			if cond.Op != Null && cond.Op != Ne {
				parts = append(parts, tables.Condition{SQL: "1 = 0"})
			}
			continue
		}
		parts = append(parts, cond.On(quoted(cond.Field), c.Columns[i].Kind))
	}
	return parts
}

// On is the condition as SQL, for a column or an expression of some kind.
func (c Condition) On(column string, kind Kind) tables.Condition {
	on := tables.Condition{SQL: column + comparisons[c.Op]}
	if c.Op == In {
		on.SQL = tables.InList(column, len(c.Values))
	}
	for _, v := range c.Values {
		on.Args = append(on.Args, toColumn(kind, v))
	}
	return on
}

// orderBy sorts by the fields, then by creation, all in one direction, so that
// one index serves both. Null sorts lowest on both databases. A name that is no
// column is a path into rest; one that leads nowhere sorts nothing.
func (s *Store) orderBy(c *Collection, fields []string, descending bool) (string, []any) {
	var terms []string
	var args []any
	for _, f := range fields {
		if _, ok := c.places[f]; ok {
			terms = append(terms, quoted(f))
			continue
		}
		exprs, path := s.restOrder(c, f)
		for _, e := range exprs {
			terms = append(terms, e)
			for range strings.Count(e, "?") {
				args = append(args, path)
			}
		}
	}
	for _, last := range []string{"created_on", "seq"} {
		if term := quoted(last); !slices.Contains(terms, term) {
			terms = append(terms, term)
		}
	}
	direction := s.direction(descending)
	return " ORDER BY " + strings.Join(terms, direction+", ") + direction, args
}

// direction makes null the lowest value; on SQLite it is that anyway.
func (s *Store) direction(descending bool) string {
	switch {
	case s.db.Postgres && descending:
		return " DESC NULLS LAST"
	case s.db.Postgres:
		return " ASC NULLS FIRST"
	case descending:
		return " DESC"
	}
	return ""
}

// restOrder returns the terms that sort by what a path leads to in rest: no
// value, numbers by size, texts by bytes, false, true, then objects and lists,
// which are all equal. The path is bound, not part of the statement.
func (s *Store) restOrder(c *Collection, path string) (terms []string, bound string) {
	names := strings.Split(path, ".")
	if _, ok := c.places[names[0]]; ok {
		return nil, "" // a column holds no object that a path could lead into
	}
	if s.db.Postgres {
		x := "(rest::jsonb #> ?::text[])"
		return []string{
			"CASE jsonb_typeof(" + x + ") WHEN 'number' THEN 1 WHEN 'string' THEN 2 WHEN 'boolean' THEN 3 WHEN 'object' THEN 5 WHEN 'array' THEN 5 ELSE 0 END",
			"CASE WHEN jsonb_typeof(" + x + ") = 'number' THEN (" + x + " #>> '{}')::numeric END",
			"CASE WHEN jsonb_typeof(" + x + ") IN ('string', 'boolean') THEN (" + x + ` #>> '{}') COLLATE "C" END`,
		}, arrayText(names)
	}
	if strings.ContainsAny(path, `"\`) {
		return nil, "" // SQLite's paths cannot say such a name
	}
	return []string{
		"CASE json_type(rest, ?) WHEN 'integer' THEN 1 WHEN 'real' THEN 1 WHEN 'text' THEN 2 WHEN 'false' THEN 3 WHEN 'true' THEN 3 WHEN 'object' THEN 5 WHEN 'array' THEN 5 ELSE 0 END",
		"CASE WHEN json_type(rest, ?) IN ('integer', 'real', 'true', 'false') THEN json_extract(rest, ?) END",
		"CASE WHEN json_type(rest, ?) = 'text' THEN json_extract(rest, ?) END",
	}, `$."` + strings.Join(names, `"."`) + `"`
}

// arrayText writes texts as PostgreSQL writes an array of them.
func arrayText(names []string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for i, n := range names {
		names[i] = `"` + escape.Replace(n) + `"`
	}
	return "{" + strings.Join(names, ",") + "}"
}
