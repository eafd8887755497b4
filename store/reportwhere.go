package store

import (
	"slices"
	"strings"
)

// ReportCondition is one demand on one column.
type ReportCondition struct {
	Field string
	Op    ReportOp
	// Values holds one value for ge, gt, lt, le and ne, any number for in, none
	// for null and notnull. They have the types that ReportKind names.
	Values []any
}

// ReportOp is what a condition asks of a column.
type ReportOp string

// The operators. A column without a value meets only null and ne.
const (
	ReportIn      ReportOp = "in" // no values: matches nothing
	ReportNull    ReportOp = "null"
	ReportNotNull ReportOp = "notnull"
	ReportGe      ReportOp = "ge"
	ReportGt      ReportOp = "gt"
	ReportLt      ReportOp = "lt"
	ReportLe      ReportOp = "le"
	ReportNe      ReportOp = "ne"
)

var comparisons = map[ReportOp]string{
	ReportGe: " >= ?", ReportGt: " > ?", ReportLt: " < ?", ReportLe: " <= ?", ReportNe: " IS DISTINCT FROM ?",
	ReportNull: " IS NULL", ReportNotNull: " IS NOT NULL",
}

// where turns conditions into SQL with a place for every value. A field that is
// no column has no value in any report.
func (c *Collection) where(conditions []ReportCondition) (string, []any) {
	if len(conditions) == 0 {
		return "", nil
	}
	var parts []string
	var args []any
	for _, cond := range conditions {
		i, ok := c.places[cond.Field]
		if !ok {
			if cond.Op != ReportNull && cond.Op != ReportNe {
				parts = append(parts, "1 = 0")
			}
			continue
		}
		column := quoted(cond.Field)
		if cond.Op == ReportIn {
			parts = append(parts, inList(column, len(cond.Values)))
		} else {
			parts = append(parts, column+comparisons[cond.Op])
		}
		for _, v := range cond.Values {
			args = append(args, toColumn(c.Columns[i].Kind, v))
		}
	}
	if len(parts) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(parts, " AND "), args
}

// inList is the condition that a column is one of n values. One value is an
// equality, which the planner of either database likes better.
func inList(column string, n int) string {
	switch n {
	case 0:
		return "1 = 0"
	case 1:
		return column + " = ?"
	}
	return column + " IN (?" + strings.Repeat(", ?", n-1) + ")"
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
	case s.onPostgres() && descending:
		return " DESC NULLS LAST"
	case s.onPostgres():
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
	if s.onPostgres() {
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
