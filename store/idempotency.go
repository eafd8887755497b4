package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

// sweptAtOnce is how many old rows go in one transaction.
const sweptAtOnce = 1000

// IdempotentAnswer is the answer to a request that carried an Idempotency-Key.
type IdempotentAnswer struct {
	Principal string `gorm:"primaryKey"`
	Path      string `gorm:"primaryKey"`
	Key       string `gorm:"primaryKey"`
	Request   []byte // digest of what was asked
	Status    int64  // 0: there is no answer yet
	Location  string
	Body      []byte
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// TableName tells GORM the table.
func (IdempotentAnswer) TableName() string { return "idempotency_keys" }

// LockIdempotentAnswer keeps others with the same key out until the transaction
// ends, and returns the answer that was kept under it after the given time, or
// ErrNotFound.
func (s *Store) LockIdempotentAnswer(ctx context.Context, principal, path, key string, after time.Time) (*IdempotentAnswer, error) {
	if err := s.Lock(ctx, "idempotency/"+principal+"/"+path+"/"+key); err != nil {
		return nil, err
	}
	var a IdempotentAnswer
	err := s.db.Tx.Take(&a, "principal = ? AND path = ? AND key = ? AND created_at > ?", principal, path, key, Micros(after)).Error
	if err != nil {
		return nil, fmt.Errorf("idempotency key: %w", Translate(err))
	}
	return &a, nil
}

// KeepIdempotentAnswer keeps the answer in the transaction of what it answers.
func (s *Store) KeepIdempotentAnswer(a *IdempotentAnswer) error {
	a.CreatedAt = s.Now()
	if err := s.db.Tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(a).Error; err != nil { // an old one may still be there
		return fmt.Errorf("idempotency key: %w", Translate(err))
	}
	return nil
}

// ClaimIdempotencyKey takes the key for a request that begins, with a Status of 0,
// and returns nil. If somebody had it after the given time, nothing is changed and
// what he left is returned: with a Status of 0 he is at work, or was when his server
// broke down.
func (s *Store) ClaimIdempotencyKey(ctx context.Context, claim *IdempotentAnswer, after time.Time) (old *IdempotentAnswer, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		old, err = tx.LockIdempotentAnswer(ctx, claim.Principal, claim.Path, claim.Key, after)
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		old = nil
		return tx.KeepIdempotentAnswer(claim)
	})
	return old, err
}

// FinishIdempotencyKey keeps the answer under a key that was claimed.
func (s *Store) FinishIdempotencyKey(ctx context.Context, a *IdempotentAnswer) error {
	return s.InTx(ctx, func(tx *Store) error { return tx.KeepIdempotentAnswer(a) })
}

// FreeIdempotencyKey gives a claimed key back, as if nobody had used it.
func (s *Store) FreeIdempotencyKey(ctx context.Context, a *IdempotentAnswer) error {
	return s.InTx(ctx, func(tx *Store) error {
		err := tx.db.Tx.Delete(&IdempotentAnswer{}, "principal = ? AND path = ? AND key = ? AND status = 0", a.Principal, a.Path, a.Key).Error
		if err != nil {
			return fmt.Errorf("free idempotency key: %w", Translate(err))
		}
		return nil
	})
}

// SweepIdempotentAnswers removes the answers that were kept before the given
// time, some at a time, and says how many there were.
func (s *Store) SweepIdempotentAnswers(ctx context.Context, before time.Time) (int64, error) {
	var total int64
	for {
		var n int64
		err := s.InTx(ctx, func(tx *Store) error {
			res, err := tx.db.Exec(`DELETE FROM idempotency_keys WHERE (principal, path, key) IN
				(SELECT principal, path, key FROM idempotency_keys WHERE created_at <= $1 ORDER BY created_at LIMIT $2)`, Micros(before), sweptAtOnce)
			if err == nil {
				n, err = res.RowsAffected()
			}
			return Translate(err)
		})
		total += n
		if err != nil {
			return total, fmt.Errorf("sweep idempotency keys: %w", err)
		}
		if n < sweptAtOnce {
			return total, nil
		}
	}
}
