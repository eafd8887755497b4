package store

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/slipway-lab/slipway/store/internal/compact"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// DefaultLimit is the length of a page when none is asked for.
const DefaultLimit = 100

// Page says which part of a list is wanted. The zero value is the first
// DefaultLimit rows.
type Page struct {
	Limit  int    // zero is DefaultLimit; the caller checks the upper bound
	After  string // List.Next of the page before; ErrBadCursor when it is something else
	Offset int    // rows to skip, for dialects that count pages; costs as much as it skips
	Total  bool   // also count the rows that match, as far as CountLimit
	Exact  bool   // count all of them, for dialects that promise it
}

// CountLimit is how far the rows that match are counted: beyond it nobody reads the
// number, and counting would cost more than the page.
const CountLimit = 10_000

// List is one page.
type List[T any] struct {
	Items []T
	Next  string // cursor of the next page; empty at the end
	Total int64  // only when asked for
	More  bool   // there are more than Total, which is CountLimit
}

// SortKey is one column of an Order. NULL sorts below every value on both
// databases, as it does in SQLite.
type SortKey struct {
	Column string
	Desc   bool
	Null   bool // the column may be NULL
	Text   bool // the column is a text; else an integer
}

// Order is the order of a list of an area's rows. The last key must be unique.
type Order[T any] struct {
	Name string // becomes part of the cursor, so that it fits only its own list
	Keys []SortKey
	At   func(*T) []any // the row's keys: int64, string or nil
}

// Page reads one page of what query selects. ErrBadCursor: the page's cursor is
// none of this list.
func (o Order[T]) Page(query *gorm.DB, p Page) (List[T], error) {
	var list List[T]
	query = query.Session(&gorm.Session{})
	if p.Total {
		var err error
		if list.Total, list.More, err = countRows(query, p.Exact); err != nil {
			return list, Translate(err)
		}
	}
	rows, err := o.apply(query, p)
	if err != nil {
		return list, err
	}
	limit := p.Size()
	if err := rows.Limit(limit + 1).Find(&list.Items).Error; err != nil {
		return list, Translate(err)
	}
	o.Cut(&list, limit)
	return list, nil
}

func countRows(query *gorm.DB, exact bool) (total int64, more bool, err error) {
	if exact {
		err = query.Count(&total).Error
		return total, false, err
	}
	some := query.Select("1").Limit(CountLimit + 1)
	err = query.Session(&gorm.Session{NewDB: true}).Table("(?) AS some_rows", some).Count(&total).Error
	total, more = Counted(total)
	return total, more, err
}

// Counted turns a count that ended with CountLimit + 1 into the total and whether there
// are more.
func Counted(n int64) (total int64, more bool) { return min(n, CountLimit), n > CountLimit }

// Cut drops the one row too many, whose only purpose is to say that there is
// another page. Page does so itself; it is for queries that are written as text.
func (o Order[T]) Cut(list *List[T], limit int) {
	if len(list.Items) > limit {
		list.Items = list.Items[:limit]
		list.Next = EncodeCursor(o.Name, o.At(&list.Items[limit-1]))
	}
}

// Size is how many rows the page has when it is full.
func (p Page) Size() int {
	if p.Limit <= 0 {
		return DefaultLimit
	}
	return p.Limit
}

// Whole is the page with all rows in place of DefaultLimit where it has no limit, for
// lists that a dialect does not page.
func (p Page) Whole() Page {
	if p.Limit <= 0 {
		p.Limit = math.MaxInt32
	}
	return p
}

// apply adds the order and the place where the page begins.
func (o Order[T]) apply(query *gorm.DB, p Page) (*gorm.DB, error) {
	query = query.Order(o.Terms())
	if p.After == "" {
		return query.Offset(max(p.Offset, 0)), nil
	}
	after, err := o.After(p.After)
	if err != nil {
		return nil, err
	}
	return query.Where(after.SQL, after.Args...), nil
}

// Terms is the ORDER BY.
func (o Order[T]) Terms() string {
	terms := make([]string, len(o.Keys))
	for i, k := range o.Keys {
		terms[i] = k.term()
	}
	return strings.Join(terms, ", ")
}

// After is the condition for what follows the cursor, with an empty SQL without
// one. ErrBadCursor: it is none of this list.
func (o Order[T]) After(cursor string) (tables.Condition, error) {
	if cursor == "" {
		return tables.Condition{}, nil
	}
	values, err := DecodeCursor(o.Name, cursor)
	if err != nil || len(values) != len(o.Keys) {
		return tables.Condition{}, ErrBadCursor
	}
	for i, k := range o.Keys {
		if !k.takes(values[i]) {
			return tables.Condition{}, ErrBadCursor
		}
	}
	where, args := after(o.Keys, values)
	return tables.Condition{SQL: where, Args: args}, nil
}

func (k SortKey) term() string {
	switch {
	case k.Desc && k.Null:
		return k.Column + " DESC NULLS LAST"
	case k.Desc:
		return k.Column + " DESC"
	case k.Null:
		return k.Column + " ASC NULLS FIRST"
	}
	return k.Column
}

// takes keeps values of a forged cursor from the database, which would answer
// with an error that looks like ours.
func (k SortKey) takes(value any) bool {
	switch v := value.(type) {
	case nil:
		return k.Null
	case string:
		return k.Text && utf8.ValidString(v) && !strings.ContainsRune(v, 0)
	case int64:
		return !k.Text
	}
	return false
}

// after is the condition for rows behind the one with the given values: for
// the keys a, b it is (a > ? OR (a = ? AND b > ?)), with the bound a >= ? in
// front, which is what lets the databases enter an index at the right place.
func after(keys []SortKey, values []any) (string, []any) {
	beyond, args := keys[0].beyond(values[0])
	if len(keys) == 1 {
		return beyond, args
	}
	equal, equalArgs := keys[0].equal(values[0])
	rest, restArgs := after(keys[1:], values[1:])
	where := fmt.Sprintf("(%s OR (%s AND %s))", beyond, equal, rest)
	args = append(append(args, equalArgs...), restArgs...)
	if keys[0].Null || values[0] == nil {
		return where, args
	}
	bound := keys[0].Column + " >= ? AND "
	if keys[0].Desc {
		bound = keys[0].Column + " <= ? AND "
	}
	return bound + where, append([]any{values[0]}, args...)
}

func (k SortKey) beyond(value any) (string, []any) {
	switch {
	case value == nil && k.Desc:
		return "1 = 0", nil // NULL comes last
	case value == nil:
		return k.Column + " IS NOT NULL", nil
	case k.Desc && k.Null:
		return "(" + k.Column + " < ? OR " + k.Column + " IS NULL)", []any{value}
	case k.Desc:
		return k.Column + " < ?", []any{value}
	}
	return k.Column + " > ?", []any{value}
}

func (k SortKey) equal(value any) (string, []any) {
	if value == nil {
		return k.Column + " IS NULL", nil
	}
	return k.Column + " = ?", []any{value}
}

// A cursor is base64url of: version, name of the list, values. It is opaque but
// no secret; a forged one shows nothing that the list would not.
const (
	cursorVersion   = 1
	maxCursorLength = 4096
)

// EncodeCursor makes a cursor of the values of a row: int64, string or nil.
func EncodeCursor(name string, values []any) string {
	b := []byte{cursorVersion}
	b = compact.AppendText(b, name)
	for _, value := range values {
		switch v := value.(type) {
		case nil:
			b = append(b, 'n')
		case int64:
			b = binary.AppendVarint(append(b, 'i'), v)
		case string:
			b = compact.AppendText(append(b, 's'), v)
		default:
			panic(fmt.Sprintf("store: %T in a cursor", value)) // a mistake in an order
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// DecodeCursor returns the values of a cursor of the list of that name, or
// ErrBadCursor.
func DecodeCursor(name, cursor string) ([]any, error) {
	if len(cursor) > maxCursorLength {
		return nil, ErrBadCursor
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) == 0 || b[0] != cursorVersion {
		return nil, ErrBadCursor
	}
	in := compact.NewReader(b[1:])
	if in.Text() != name {
		return nil, ErrBadCursor
	}
	var values []any
	for !in.Empty() && !in.Failed() {
		values = append(values, cursorValue(in))
	}
	if in.Failed() {
		return nil, ErrBadCursor
	}
	return values, nil
}

func cursorValue(in *compact.Reader) any {
	switch in.Byte() {
	case 'n':
		return nil
	case 'i':
		return in.Varint()
	case 's':
		return in.Text()
	}
	in.Fail()
	return nil
}
