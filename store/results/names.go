package results

import (
	"context"
	"encoding/json"
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
const namesLookedAt = 1024

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

// Slices is what is done about each of many transactions that remove something.
type Slices struct {
	// Pause is called after each with the time that it took.
	Pause func(took time.Duration) error

	// Within is called in each with the number of rows that it removed; nil does nothing.
	Within func(tx *store.Store, removed int64) error
}

// SweepNames removes the names of tests to which no test refers any more, some at a
// time, and says how many.
func (s *Store) SweepNames(ctx context.Context, slices Slices) (removed int64, err error) {
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
			if n, err = s.removeNames(ctx, slice, pace, slices); err != nil {
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

func (s *Store) removeNames(ctx context.Context, ids []int64, pace *tables.Pace, slices Slices) (removed int64, err error) {
	var took time.Duration
	err = s.InTx(store.Patient(ctx), func(tx *Store) error {
		if err := tx.Lock(ctx, namesLock); err != nil {
			return err
		}
		started := time.Now()
		defer func() { took = time.Since(started) }()
		res := tx.db.Tx.Exec(deleteNames, ids)
		removed = res.RowsAffected
		if res.Error != nil || removed == 0 {
			return store.Translate(res.Error)
		}
		if err := tx.noteSweptNames(); err != nil || slices.Within == nil {
			return err
		}
		return slices.Within(tx.Store, removed)
	})
	if err != nil {
		return 0, err
	}
	pace.Took(len(ids), took)
	return removed, slices.Pause(took)
}

// Testless returns the results whose single tests are going.
func (s *Store) Testless(ctx context.Context) ([]int64, error) {
	var keys []int64
	if err := s.db.Read(ctx).Raw("SELECT key FROM results WHERE expired >= 8 UNION SELECT key FROM results WHERE state = 2").Scan(&keys).Error; err != nil {
		return nil, fmt.Errorf("results without tests: %w", store.Translate(err))
	}
	return keys, nil
}

// UnusedNames counts the names to which no test refers but those of some results.
func (s *Store) UnusedNames(ctx context.Context, results []int64) (int64, error) {
	list, err := json.Marshal(append([]int64{}, results...))
	if err != nil {
		return 0, err
	}
	others := "SELECT value FROM json_each(?)"
	if s.db.Postgres {
		others = "SELECT value::bigint FROM json_array_elements_text(?::json) AS list (value)"
	}
	var n int64
	err = s.db.Read(ctx).Raw("SELECT COUNT(*) FROM test_names m WHERE NOT EXISTS (SELECT 1 FROM tests t WHERE t.name_id = m.id AND t.result_key NOT IN ("+others+"))", string(list)).Scan(&n).Error
	if err != nil {
		return 0, fmt.Errorf("unused names: %w", store.Translate(err))
	}
	return n, nil
}
