package store

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"
)

// DefaultLimit is the length of a page when none is asked for.
const DefaultLimit = 100

// Page says which part of a list is wanted. The zero value is the first
// DefaultLimit rows.
type Page struct {
	Limit  int    // zero is DefaultLimit; the caller checks the upper bound
	After  string // List.Next of the page before; ErrBadCursor when it is something else
	Offset int    // rows to skip, for dialects that count pages; costs as much as it skips
	Total  bool   // also count all rows that match
}

// List is one page.
type List[T any] struct {
	Items []T
	Next  string // cursor of the next page; empty at the end
	Total int64  // only when asked for
}

// whereSet narrows a list when the filter says something.
func whereSet[T comparable](query *gorm.DB, column string, value T) *gorm.DB {
	var zero T
	if value == zero {
		return query
	}
	return query.Where(column+" = ?", value)
}

// whereIn narrows a list to some values of a column; nil does not narrow it.
func whereIn[T any](query *gorm.DB, column string, values []T) *gorm.DB {
	if values == nil {
		return query
	}
	return query.Where(column+" IN ?", values)
}

// sortKey is one column of an order. NULL sorts below every value on both
// databases, as it does in SQLite.
type sortKey struct {
	column string
	desc   bool
	null   bool // the column may be NULL
	text   bool // the column is a text; else an integer
}

// order is the order of a list. The last key must be unique.
type order[T any] struct {
	name string // becomes part of the cursor, so that it fits only its own list
	keys []sortKey
	at   func(*T) []any // the row's keys: int64, string or nil
}

// page reads one page of what query selects.
func (o order[T]) page(query *gorm.DB, p Page) (List[T], error) {
	var list List[T]
	query = query.Session(&gorm.Session{})
	if p.Total {
		if err := query.Count(&list.Total).Error; err != nil {
			return list, translate(err)
		}
	}
	rows, err := o.apply(query, p)
	if err != nil {
		return list, err
	}
	limit := p.limit()
	if err := rows.Limit(limit + 1).Find(&list.Items).Error; err != nil {
		return list, translate(err)
	}
	o.cut(&list, limit)
	return list, nil
}

// cut drops the one row too many, whose only purpose is to say that there is
// another page.
func (o order[T]) cut(list *List[T], limit int) {
	if len(list.Items) > limit {
		list.Items = list.Items[:limit]
		list.Next = encodeCursor(o.name, o.at(&list.Items[limit-1]))
	}
}

func (p Page) limit() int {
	if p.Limit <= 0 {
		return DefaultLimit
	}
	return p.Limit
}

// apply adds the order and the place where the page begins.
func (o order[T]) apply(query *gorm.DB, p Page) (*gorm.DB, error) {
	query = query.Order(o.terms())
	if p.After == "" {
		return query.Offset(max(p.Offset, 0)), nil
	}
	after, err := o.after(p.After)
	if err != nil {
		return nil, err
	}
	return query.Where(after.sql, after.args...), nil
}

func (o order[T]) terms() string {
	terms := make([]string, len(o.keys))
	for i, k := range o.keys {
		terms[i] = k.term()
	}
	return strings.Join(terms, ", ")
}

// after is the condition for what follows the cursor; none without one.
func (o order[T]) after(cursor string) (condition, error) {
	if cursor == "" {
		return condition{}, nil
	}
	values, err := decodeCursor(o.name, cursor)
	if err != nil || len(values) != len(o.keys) {
		return condition{}, ErrBadCursor
	}
	for i, k := range o.keys {
		if !k.takes(values[i]) {
			return condition{}, ErrBadCursor
		}
	}
	where, args := after(o.keys, values)
	return condition{where, args}, nil
}

func (k sortKey) term() string {
	switch {
	case k.desc && k.null:
		return k.column + " DESC NULLS LAST"
	case k.desc:
		return k.column + " DESC"
	case k.null:
		return k.column + " ASC NULLS FIRST"
	}
	return k.column
}

// takes keeps values of a forged cursor from the database, which would answer
// with an error that looks like ours.
func (k sortKey) takes(value any) bool {
	switch v := value.(type) {
	case nil:
		return k.null
	case string:
		return k.text && utf8.ValidString(v) && !strings.ContainsRune(v, 0)
	case int64:
		return !k.text
	}
	return false
}

// after is the condition for rows behind the one with the given values: for
// the keys a, b it is (a > ? OR (a = ? AND b > ?)), with the bound a >= ? in
// front, which is what lets the databases enter an index at the right place.
func after(keys []sortKey, values []any) (string, []any) {
	beyond, args := keys[0].beyond(values[0])
	if len(keys) == 1 {
		return beyond, args
	}
	equal, equalArgs := keys[0].equal(values[0])
	rest, restArgs := after(keys[1:], values[1:])
	where := fmt.Sprintf("(%s OR (%s AND %s))", beyond, equal, rest)
	args = append(append(args, equalArgs...), restArgs...)
	if keys[0].null || values[0] == nil {
		return where, args
	}
	bound := keys[0].column + " >= ? AND "
	if keys[0].desc {
		bound = keys[0].column + " <= ? AND "
	}
	return bound + where, append([]any{values[0]}, args...)
}

func (k sortKey) beyond(value any) (string, []any) {
	switch {
	case value == nil && k.desc:
		return "1 = 0", nil // NULL comes last
	case value == nil:
		return k.column + " IS NOT NULL", nil
	case k.desc && k.null:
		return "(" + k.column + " < ? OR " + k.column + " IS NULL)", []any{value}
	case k.desc:
		return k.column + " < ?", []any{value}
	}
	return k.column + " > ?", []any{value}
}

func (k sortKey) equal(value any) (string, []any) {
	if value == nil {
		return k.column + " IS NULL", nil
	}
	return k.column + " = ?", []any{value}
}

// A cursor is base64url of: version, name of the list, values. It is opaque but
// no secret; a forged one shows nothing that the list would not.
const (
	cursorVersion   = 1
	maxCursorLength = 4096
)

func encodeCursor(name string, values []any) string {
	b := []byte{cursorVersion}
	b = appendText(b, name)
	for _, value := range values {
		switch v := value.(type) {
		case nil:
			b = append(b, 'n')
		case int64:
			b = binary.AppendVarint(append(b, 'i'), v)
		case string:
			b = appendText(append(b, 's'), v)
		default:
			panic(fmt.Sprintf("store: %T in a cursor", value)) // a mistake in an order
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func decodeCursor(name, cursor string) ([]any, error) {
	if len(cursor) > maxCursorLength {
		return nil, ErrBadCursor
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) == 0 || b[0] != cursorVersion {
		return nil, ErrBadCursor
	}
	in := reader{data: b[1:]}
	if in.text() != name {
		return nil, ErrBadCursor
	}
	var values []any
	for len(in.data) > 0 && !in.bad {
		values = append(values, in.value())
	}
	if in.bad {
		return nil, ErrBadCursor
	}
	return values, nil
}

func (r *reader) value() any {
	switch r.byte() {
	case 'n':
		return nil
	case 'i':
		return r.varint()
	case 's':
		return r.text()
	}
	r.bad = true
	return nil
}
