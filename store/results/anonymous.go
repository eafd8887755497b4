package results

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipway-lab/slipway/store"
)

// AnonymousBytes is the size of all files that were uploaded without a credential,
// and of their content where that is kept beside them.
func (s *Store) AnonymousBytes(ctx context.Context) (int64, error) {
	var sum int64
	// The conditions are written out for the partial index.
	where := "anonymous = 1 AND state = 1"
	size := "bytes + CASE WHEN gzip = 1 THEN content_bytes ELSE 0 END"
	if s.db.Postgres {
		where, size = "anonymous AND state = 1", "bytes + CASE WHEN gzip THEN content_bytes ELSE 0 END"
	}
	err := s.db.Read(ctx).Model(&Result{}).Select("COALESCE(SUM(" + size + "), 0)").Where(where).Scan(&sum).Error
	if err != nil {
		return 0, fmt.Errorf("anonymous bytes: %w", store.Translate(err))
	}
	return sum, nil
}

// stale is the condition of runs that an upload without a credential made, and to
// which nobody else, and nobody after the time, has uploaded anything.
const stale = `anonymous = ? AND created_at < ? AND NOT EXISTS (SELECT 1 FROM results
	WHERE results.run_id = runs.id AND results.state <> 2 AND (results.anonymous <> ? OR results.created_at >= ?))`

// StaleAnonymousRuns returns such runs, those after a number, in their order.
func (s *Store) StaleAnonymousRuns(ctx context.Context, before time.Time, after int64, limit int) ([]int64, error) {
	var ids []int64
	at := store.Micros(before)
	err := s.db.Read(ctx).Model(&Run{}).Where("id > ?", after).Where(stale, true, at, true, at).Order("id").Limit(limit).Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("anonymous runs: %w", store.Translate(err))
	}
	return ids, nil
}

// ExpiredUpload is the type of the event that ExpireRun writes.
const ExpiredUpload = "UPLOAD_EXPIRED"

// ExpireRun removes a run of StaleAnonymousRuns as DeleteRun does, and says so in
// the event log. It reports false when the run is not stale any more, or gone.
func (s *Store) ExpireRun(ctx context.Context, id int64, before time.Time) (removed bool, err error) {
	var results []int64
	err = s.InTx(ctx, func(tx *Store) error {
		removed, results = false, nil
		var run Run
		at := store.Micros(before)
		found := tx.db.Tx.Where("id = ?", id).Where(stale, true, at, true, at).Limit(1).Find(&run)
		if found.Error != nil || found.RowsAffected == 0 {
			return store.Translate(found.Error)
		}
		if err := tx.db.Tx.Model(&Result{}).Where("run_id = ?", id).Pluck("key", &results).Error; err != nil {
			return store.Translate(err)
		}
		if err := tx.DeleteRun(ctx, store.Everything, id); err != nil {
			return err
		}
		data, err := json.Marshal(map[string]any{"test_id": id, "results": len(results), "created_at": run.CreatedAt, "reason": "uploaded without a credential"})
		if err != nil {
			return err
		}
		removed = true
		return tx.AppendEvents(store.Event{Tenant: run.Tenant, Area: "results", Type: ExpiredUpload, Time: tx.Now(), Data: data})
	})
	if err != nil {
		return false, fmt.Errorf("expire run %d: %w", id, err)
	}
	s.PurgeDiscarded(ctx, results...)
	return removed, nil
}
