package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
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
	Status    int64  // 0: there is no answer yet; claimUsed: and something was changed
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

// claimUsed is the Status of a claim whose request has changed something: it is set in
// the first transaction of the request, so that what became of that can be found out
// whatever breaks.
const claimUsed = 1

// Answered reports whether there is an answer.
func (a *IdempotentAnswer) Answered() bool { return a.Status > claimUsed }

// Changed reports whether the request has changed something, as far as there is no
// answer yet.
func (a *IdempotentAnswer) Changed() bool { return a.Status == claimUsed }

// claimed is a claim while its request is at work.
type claimed struct {
	row  IdempotentAnswer
	used atomic.Bool
}

type claimKey struct{}

// UnderClaim returns the context of a request that has claimed an Idempotency-Key. Its
// first transaction notes in the claim that it was committed. Where a connection breaks
// at that commit, InTx looks for the note and so knows the outcome.
func UnderClaim(ctx context.Context, claim *IdempotentAnswer) context.Context {
	return context.WithValue(ctx, claimKey{}, &claimed{row: *claim})
}

// claimOf is the claim that a transaction is to note, nil for none.
func claimOf(ctx context.Context) *claimed {
	if c, ok := ctx.Value(claimKey{}).(*claimed); ok && !c.used.Load() {
		return c
	}
	return nil
}

// The numbered form of parameters is the one that both databases read, in this order.
const thisClaim = " principal = $1 AND path = $2 AND key = $3 AND created_at = $4"

func (c *claimed) args() []any {
	return []any{c.row.Principal, c.row.Path, c.row.Key, Micros(c.row.CreatedAt)}
}

// noting is a change that ends with the note. ErrConflict: somebody else has taken the
// key over.
func (c *claimed) noting(change func(tx *Store) error) func(tx *Store) error {
	return func(tx *Store) error {
		if err := change(tx); err != nil {
			return err
		}
		res, err := tx.db.Exec("UPDATE idempotency_keys SET status = 1 WHERE"+thisClaim+" AND status = 0", c.args()...)
		var n int64
		if err == nil {
			n, err = res.RowsAffected()
		}
		if err == nil && n == 0 {
			err = ErrConflict
		}
		if err != nil {
			return fmt.Errorf("idempotency key: %w", Translate(err))
		}
		return nil
	}
}

const outcomePause = 100 * time.Millisecond

// outcome finds out whether the transaction that noted the claim was committed, after
// the connection broke at its COMMIT: as long as it may still be, it holds the row.
// ErrOutcomeUnknown: the database did not answer as long as a statement may take.
func (c *claimed) outcome(ctx context.Context, s *Store) (committed bool, err error) {
	for giveUp := time.Now().Add(s.core.config.StatementTimeout); time.Now().Before(giveUp); {
		var found []int64
		_, err = s.pgTx(ctx, func(tx *Store) error {
			return Translate(tx.db.Tx.Raw("SELECT status FROM idempotency_keys WHERE"+thisClaim+" FOR UPDATE", c.args()...).Scan(&found).Error)
		})
		if err == nil && len(found) == 1 {
			return found[0] == claimUsed, nil
		}
		if err == nil {
			return false, fmt.Errorf("idempotency key: %w: it is gone", ErrOutcomeUnknown)
		}
		select {
		case <-time.After(outcomePause):
		case <-ctx.Done():
			return false, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
	}
	return false, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
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

// TakeOverIdempotencyKey claims a key that was claimed before, by a request that is
// dead and has changed nothing. ErrConflict: it is no longer so.
func (s *Store) TakeOverIdempotencyKey(ctx context.Context, claim, old *IdempotentAnswer) error {
	return s.InTx(ctx, func(tx *Store) error {
		now := tx.Now()
		res, err := tx.db.Exec("UPDATE idempotency_keys SET created_at = $1 WHERE principal = $2 AND path = $3 AND key = $4 AND created_at = $5 AND status = 0",
			Micros(now), old.Principal, old.Path, old.Key, Micros(old.CreatedAt))
		var n int64
		if err == nil {
			n, err = res.RowsAffected()
		}
		if err == nil && n == 0 {
			err = ErrConflict
		}
		if err != nil {
			return fmt.Errorf("take over an idempotency key: %w", Translate(err))
		}
		claim.CreatedAt = now
		return nil
	})
}

// FinishIdempotencyKey keeps the answer of the request whose claim it was. ErrConflict:
// the request stood still meanwhile, and somebody else has taken the key over.
func (s *Store) FinishIdempotencyKey(ctx context.Context, a *IdempotentAnswer) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.dropClaim(a, math.MaxInt64); err != nil {
			return fmt.Errorf("idempotency key: %w", err)
		}
		kept := *a
		kept.CreatedAt = tx.Now()
		res := tx.db.Tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&kept)
		err := Translate(res.Error)
		if err == nil && res.RowsAffected == 0 {
			err = ErrConflict
		}
		if err != nil {
			return fmt.Errorf("idempotency key: %w", err)
		}
		return nil
	})
}

// FreeIdempotencyKey gives a claimed key back, as if nobody had used it; with unchanged
// only where its request has changed nothing. The claim of somebody who has taken the
// key over meanwhile stays.
func (s *Store) FreeIdempotencyKey(ctx context.Context, a *IdempotentAnswer, unchanged bool) error {
	highest := int64(claimUsed)
	if unchanged {
		highest = 0
	}
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.dropClaim(a, highest); err != nil {
			return fmt.Errorf("free idempotency key: %w", err)
		}
		return nil
	})
}

// dropClaim removes a claim and no other one of the same key, up to some Status.
func (s *Store) dropClaim(a *IdempotentAnswer, highest int64) error {
	err := s.db.Tx.Delete(&IdempotentAnswer{}, "principal = ? AND path = ? AND key = ? AND created_at = ? AND status <= ?",
		a.Principal, a.Path, a.Key, Micros(a.CreatedAt), highest).Error
	return Translate(err)
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
