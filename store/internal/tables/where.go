package tables

import (
	"database/sql/driver"
	"strings"

	"gorm.io/gorm"
)

// WhereSet narrows a list when the filter says something.
func WhereSet[T comparable](query *gorm.DB, column string, value T) *gorm.DB {
	var zero T
	if value == zero {
		return query
	}
	return query.Where(column+" = ?", value)
}

// WhereIn narrows a list to some values of a column; nil does not narrow it.
func WhereIn[T any](query *gorm.DB, column string, values []T) *gorm.DB {
	if values == nil {
		return query
	}
	return query.Where(column+" IN ?", values)
}

// Narrow narrows a list to the rows that meet all conditions.
func Narrow(query *gorm.DB, list []Condition) *gorm.DB {
	for _, c := range list {
		query = query.Where(c.SQL, c.Args...)
	}
	return query
}

// Condition is one part of the WHERE of a query that is written as text.
type Condition struct {
	SQL  string
	Args []any
}

// If is the condition that sql says, with args in its places.
func If(sql string, args ...any) Condition { return Condition{sql, args} }

// Where is the WHERE of all conditions together; empty for none.
func Where(list []Condition) string {
	if len(list) == 0 {
		return ""
	}
	parts := make([]string, len(list))
	for i, c := range list {
		parts[i] = c.SQL
	}
	return " WHERE " + strings.Join(parts, " AND ")
}

// Args are the values of all conditions in their order.
func Args(list []Condition) []any {
	var all []any
	for _, c := range list {
		all = append(all, c.Args...)
	}
	return all
}

// InList is the condition that a column is one of n values. One value is an
// equality, which the planner of either database likes better.
func InList(column string, n int) string {
	switch n {
	case 0:
		return "1 = 0"
	case 1:
		return column + " = ?"
	}
	return column + " IN (?" + strings.Repeat(", ?", n-1) + ")"
}

// Coalesce is the value of a column unless it is NULL.
func Coalesce(column string, value any) any { return gorm.Expr("COALESCE("+column+", ?)", value) }

// Bytes is a value that GORM does not take for a list of values. Nil is NULL.
type Bytes []byte

// Value implements driver.Valuer.
func (b Bytes) Value() (driver.Value, error) {
	if b == nil {
		return nil, nil
	}
	return []byte(b), nil
}
