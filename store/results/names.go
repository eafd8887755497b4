package results

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// unusedNames is the setting that is there when tests were removed, and names may be
// left to which no test refers. Its value tells one removal from the next.
const unusedNames = "unused_test_names"

// namesLookedAt is how many names one look asks for.
const namesLookedAt = 4096

// NoteUnusedNames notes, in the transaction that removes tests, that SweepNames has
// something to do.
func (s *Store) NoteUnusedNames() error {
	return s.KeepSetting(unusedNames, strconv.AppendInt(nil, s.Now().UnixMicro(), 10))
}

// HasUnusedNames reports whether tests were removed since the last SweepNames.
func (s *Store) HasUnusedNames(ctx context.Context) (bool, error) {
	_, err := s.Setting(ctx, unusedNames)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// holdNames keeps SweepNames away from names that this transaction finds or makes,
// until its tests are there. On SQLite there is one writer anyway.
func (s *Store) holdNames() error {
	if !s.db.Postgres {
		return nil
	}
	_, err := s.db.Exec("SELECT pg_advisory_xact_lock_shared(hashtextextended(current_schema() || '/' || $1, 0))", namesLock)
	return store.Translate(err)
}

const namesLock = "test_names"

const (
	lookAtNames = "SELECT id, EXISTS (SELECT 1 FROM tests t WHERE t.name_id = m.id) FROM test_names m WHERE id > ? ORDER BY id LIMIT ?"
	deleteNames = "DELETE FROM test_names WHERE id IN ? AND NOT EXISTS (SELECT 1 FROM tests t WHERE t.name_id = test_names.id)"
)

// SweepNames removes the names of tests to which no test refers any more, some at a
// time, and says how many. pause is called after each transaction with the time that
// it took; what it returns as an error ends the sweep.
func (s *Store) SweepNames(ctx context.Context, pause func(took time.Duration) error) (removed int64, err error) {
	noted, err := s.Setting(ctx, unusedNames)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, fmt.Errorf("sweep names: %w", err)
	}
	pace := tables.NewDeletePace()
	for after, more := int64(0), true; more; {
		var unused []int64
		if unused, after, more, err = s.lookAtNames(ctx, after); err != nil {
			return removed, fmt.Errorf("sweep names: %w", err)
		}
		for len(unused) > 0 && err == nil {
			slice := unused[:min(len(unused), pace.Rows())]
			unused = unused[len(slice):]
			var n int64
			if n, err = s.removeNames(ctx, slice, pace, pause); err != nil {
				return removed, fmt.Errorf("sweep names: %w", err)
			}
			removed += n
		}
	}
	if noted == nil {
		return removed, nil
	}
	err = s.InTx(ctx, func(tx *Store) error { return tx.ForgetSetting(unusedNames, noted) })
	return removed, err
}

// lookAtNames looks at the next names, and returns those that no test has.
func (s *Store) lookAtNames(ctx context.Context, after int64) (unused []int64, last int64, more bool, err error) {
	rows, err := s.db.Read(ctx).Raw(lookAtNames, after, namesLookedAt).Rows()
	if err != nil {
		return nil, after, false, store.Translate(err)
	}
	defer rows.Close()
	seen := 0
	for last = after; rows.Next(); seen++ {
		var used bool
		if err := rows.Scan(&last, &used); err != nil {
			return nil, after, false, store.Translate(err)
		}
		if !used {
			unused = append(unused, last)
		}
	}
	return unused, last, seen == namesLookedAt, store.Translate(rows.Err())
}

func (s *Store) removeNames(ctx context.Context, ids []int64, pace *tables.Pace, pause func(time.Duration) error) (removed int64, err error) {
	var took time.Duration
	err = s.InTx(store.Patient(ctx), func(tx *Store) error {
		if err := tx.Lock(ctx, namesLock); err != nil {
			return err
		}
		started := time.Now()
		res := tx.db.Tx.Exec(deleteNames, ids)
		took, removed = time.Since(started), res.RowsAffected
		return store.Translate(res.Error)
	})
	if err != nil {
		return 0, err
	}
	pace.Took(len(ids), took)
	return removed, pause(took)
}
