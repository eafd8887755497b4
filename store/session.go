package store

import (
	"context"
	"fmt"
	"time"
)

// Session is a browser that is logged in. What it logged in with is kept so that
// nobody can read it without the cookie, which is not kept.
type Session struct {
	ID        string    `gorm:"primaryKey"` // a hash of the cookie
	Sealed    []byte    // the credential
	Client    string    // the address from which somebody logged in
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	ExpiresAt time.Time `gorm:"serializer:micros;type:bigint"`
}

// CreateSession adds a session, fills in CreatedAt, and removes some that are over.
// ErrConflict means that the ID exists.
func (s *Store) CreateSession(ctx context.Context, row *Session) error {
	row.CreatedAt, row.ExpiresAt = s.Now(), RoundTime(row.ExpiresAt)
	return s.InTx(ctx, func(tx *Store) error {
		_, err := tx.db.Exec(`DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
			Micros(row.CreatedAt), sweptAtOnce)
		if err != nil {
			return fmt.Errorf("sweep sessions: %w", Translate(err))
		}
		if err := tx.db.Tx.Create(row).Error; err != nil {
			return fmt.Errorf("create session: %w", Translate(err))
		}
		return nil
	})
}

// Session returns the session with this id, or ErrNotFound when there is none or it
// is over.
func (s *Store) Session(ctx context.Context, id string) (*Session, error) {
	var row Session
	if err := s.db.Read(ctx).Take(&row, "id = ? AND expires_at > ?", id, Micros(s.Now())).Error; err != nil {
		return nil, fmt.Errorf("session: %w", Translate(err))
	}
	return &row, nil
}

// EndSession removes a session. That there is none is no error.
func (s *Store) EndSession(ctx context.Context, id string) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.db.Tx.Delete(&Session{}, "id = ?", id).Error; err != nil {
			return fmt.Errorf("end session: %w", Translate(err))
		}
		return nil
	})
}
