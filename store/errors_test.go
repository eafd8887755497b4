package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"
	"gorm.io/gorm"
)

func TestTranslate(t *testing.T) {
	t.Parallel()
	lite := func(code sqlite3.ErrNo, extended sqlite3.ErrNoExtended) error {
		return sqlite3.Error{Code: code, ExtendedCode: extended}
	}
	pg := func(code string) error { return &pgconn.PgError{Code: code} }
	other := errors.New("other")
	for _, tt := range []struct {
		name string
		in   error
		want error
	}{
		{"nothing", nil, nil},
		{"no row", gorm.ErrRecordNotFound, ErrNotFound},
		{"sqlite unique", lite(sqlite3.ErrConstraint, sqlite3.ErrConstraintUnique), ErrConflict},
		{"sqlite primary key", lite(sqlite3.ErrConstraint, sqlite3.ErrConstraintPrimaryKey), ErrConflict},
		{"sqlite foreign key", lite(sqlite3.ErrConstraint, sqlite3.ErrConstraintForeignKey), ErrReference},
		{"sqlite strict type", lite(sqlite3.ErrConstraint, 3091), ErrInvalid},
		{"sqlite busy", lite(sqlite3.ErrBusy, 0), ErrUnavailable},
		{"sqlite full", lite(sqlite3.ErrFull, 0), ErrUnavailable},
		{"sqlite damaged", lite(sqlite3.ErrCorrupt, 0), ErrUnavailable},
		{"sqlite written over", lite(sqlite3.ErrNotADB, 0), ErrUnavailable},
		{"postgres damaged", pg("XX001"), ErrUnavailable},
		{"postgres disk fails", pg("58030"), ErrUnavailable},
		{"sqlite interrupted", lite(sqlite3.ErrInterrupt, 0), context.Canceled},
		{"postgres unique", pg("23505"), ErrConflict},
		{"postgres foreign key", pg("23503"), ErrReference},
		{"postgres not null", pg("23502"), ErrInvalid},
		{"postgres U+0000", pg("22021"), ErrInvalid},
		{"postgres deadlock", pg("40P01"), ErrUnavailable},
		{"postgres out of connections", pg("53300"), ErrUnavailable},
		{"postgres shutting down", pg("57P01"), ErrUnavailable},
		{"postgres schema changed", pg("0A000"), ErrUnavailable},
		{"connection lost", fmt.Errorf("x: %w", driver.ErrBadConn), ErrUnavailable},
		{"cancelled", fmt.Errorf("x: %w", context.Canceled), context.Canceled},
		{"something else", other, other},
		{"postgres something else", pg("42P01"), nil},
	} {
		got := Translate(tt.in)
		if tt.want != nil && !errors.Is(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if tt.in != nil && !errors.Is(got, ErrNotFound) && !errors.Is(got, tt.in) {
			t.Errorf("%s: %v has lost its cause", tt.name, got)
		}
		if again := Translate(got); again != got && again.Error() != got.Error() {
			t.Errorf("%s: translated again: %v, want %v", tt.name, again, got)
		}
	}
}
