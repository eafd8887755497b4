package results

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// IngestLease is how long a result may be without news before another process
// may take its upload for dead. Every slice of tests renews it.
const IngestLease = 10 * time.Minute

// BeginResult starts a result that nobody sees yet, and fills in Key and ID.
// InsertTests adds its tests, and PublishResult or DiscardResult ends it.
//
// RunID may be zero: then PublishResult makes an anonymous run for it, so that
// an upload that fails leaves none behind. ErrReference: there is no such run.
func (s *Store) BeginResult(ctx context.Context, r *Result) error {
	if r.ID == uuid.Nil {
		r.ID = s.NewID()
	}
	r.State, r.Attempt = resultIngesting, 0
	r.CreatedAt = s.Now()
	r.LeaseUntil = r.CreatedAt.Add(IngestLease)
	return s.InTx(ctx, func(tx *Store) error {
		var err error
		if r.Key, err = tx.DrawKey("results"); err != nil { // each time, in case this runs again
			return fmt.Errorf("begin result: %w", err)
		}
		if err := tx.db.Tx.Create(r).Error; err != nil {
			return fmt.Errorf("begin result: %w", store.Translate(err))
		}
		return nil
	})
}

// renewLease says that the upload is alive. ErrConflict: it was taken for dead,
// or ended otherwise, and its tests are gone. It also makes room for its tests.
func (s *Store) renewLease(key int64) error {
	if err := s.PlaceKey(key); err != nil {
		return fmt.Errorf("result %d: %w", key, err)
	}
	res := s.db.Tx.Model(&Result{}).Where("key = ? AND state = ?", key, resultIngesting).
		Update("lease_until", store.Micros(s.Now().Add(IngestLease)))
	if res.Error != nil {
		return fmt.Errorf("result %d: %w", key, store.Translate(res.Error))
	}
	if res.RowsAffected == 0 {
		return fmt.Errorf("result %d is not being uploaded: %w", key, store.ErrConflict)
	}
	return nil
}

// PublishResult makes the result visible with all its tests, as the next
// attempt and the current result of its run, and finishes the run. final is
// what BeginResult was given, with everything filled in that the upload has
// shown; Key, ID, RunID and Uploader are not changed any more, and Tenant is that of
// the run.
//
// When the run has a visible result with the same SHA256, that one is returned
// and the new one is discarded: a retried upload is no second result. The
// caller tells the two cases apart by ID.
//
// ErrConflict: the result is not being uploaded (any more). ErrNotFound: its run
// was deleted meanwhile.
func (s *Store) PublishResult(ctx context.Context, final *Result) (*Result, error) {
	var published *Result
	err := s.InTx(store.Patient(ctx), func(tx *Store) error {
		r := *final // a copy, in case this runs again
		if err := tx.loadIngesting(&r); err != nil {
			return err
		}
		run, err := tx.runToPublish(&r)
		if err != nil {
			return err
		}
		published, err = tx.ResultByUpload(ctx, run.ID, r.SHA256)
		if err == nil {
			return tx.setState(r.Key, resultIngesting, resultDiscarded)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		published = &r
		return tx.publish(&r, run)
	})
	if err != nil {
		return nil, err
	}
	if published.Key != final.Key {
		s.PurgeDiscarded(ctx, final.Key)
	}
	return published, nil
}

// loadIngesting takes over what BeginResult stored, and locks the row so that
// no sweep takes it away.
func (s *Store) loadIngesting(r *Result) error {
	var stored Result
	err := s.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&stored, "key = ?", r.Key).Error
	if err = store.Translate(err); err == nil && stored.State != resultIngesting || errors.Is(err, store.ErrNotFound) {
		err = store.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("result %d is not being uploaded: %w", r.Key, err)
	}
	r.ID, r.RunID, r.Tenant, r.Uploader, r.Anonymous = stored.ID, stored.RunID, stored.Tenant, stored.Uploader, stored.Anonymous
	r.LeaseUntil = stored.LeaseUntil
	return nil
}

func (s *Store) runToPublish(r *Result) (*Run, error) {
	if r.RunID != 0 {
		run, err := s.lockRun(r.RunID)
		if err == nil {
			r.Tenant = run.Tenant
		}
		return run, err
	}
	run := &Run{Tenant: r.Tenant, Anonymous: r.Anonymous, CreatedAt: s.Now()}
	if err := s.db.Tx.Create(run).Error; err != nil {
		return nil, fmt.Errorf("create run: %w", store.Translate(err))
	}
	r.RunID = run.ID
	return run, nil
}

func (s *Store) publish(r *Result, run *Run) error {
	run.Attempts++
	r.Attempt = run.Attempts
	r.State = resultVisible
	r.CreatedAt = s.Now()
	if err := s.db.Tx.Save(r).Error; err != nil {
		return fmt.Errorf("publish result %d: %w", r.Key, store.Translate(err))
	}
	run.setResult(r)
	finished := run.finish(r.CreatedAt)
	if err := s.saveRun(run); err != nil {
		return err
	}
	if err := s.queueFailures(r); err != nil {
		return err
	}
	return s.tellResult(run, r, finished)
}

// queueFailures notes that known issues are to be held against a result of a run.
func (s *Store) queueFailures(r *Result) error {
	if !r.Counts.Failed() {
		return nil
	}
	return s.QueueFailures(store.QueuedFailure{Tenant: r.Tenant, ResultKey: &r.Key})
}

// PublishFile makes the result that was read from a file visible, without a run
// of RefStack's: it belongs to the result of an opportunity, which is stored in
// the same transaction. ErrConflict: it is not being uploaded (any more).
func (s *Store) PublishFile(final *Result) error {
	r := *final
	if err := s.loadIngesting(&r); err != nil {
		return err
	}
	r.State, r.Attempt, r.CreatedAt = resultVisible, 1, s.Now()
	if err := s.db.Tx.Save(&r).Error; err != nil {
		return fmt.Errorf("publish result %d: %w", r.Key, store.Translate(err))
	}
	return nil
}

// DiscardResult ends an upload that failed, and removes its tests some at a
// time. ErrNotFound: the result is not being uploaded.
func (s *Store) DiscardResult(ctx context.Context, key int64) error {
	err := s.InTx(ctx, func(tx *Store) error {
		return tx.setState(key, resultIngesting, resultDiscarded)
	})
	if err != nil || s.db.Tx != nil {
		return err
	}
	return s.purge(ctx, key)
}

// SweepIngests removes the uploads that died, and finishes removals that were
// interrupted. It returns how many results it removed. An upload is dead when
// its lease has ended; on SQLite, where a server is alone, so is every upload
// that is older than this server. Call it at the start and now and then.
func (s *Store) SweepIngests(ctx context.Context) (int, error) {
	dead := s.Now()
	err := s.InTx(store.Patient(ctx), func(tx *Store) error {
		q := tx.db.Tx.Model(&Result{}).Where("state = 0") // written out for the partial index
		if alone := tx.db.AloneSince; !alone.IsZero() {
			q = q.Where("lease_until <= ? OR created_at < ?", store.Micros(dead), store.Micros(alone))
		} else {
			q = q.Where("lease_until <= ?", store.Micros(dead))
		}
		return store.Translate(q.Update("state", resultDiscarded).Error)
	})
	if err != nil {
		return 0, fmt.Errorf("sweep uploads: %w", err)
	}
	var keys []int64
	if err := s.db.Read(ctx).Model(&Result{}).Where("state = 2").Pluck("key", &keys).Error; err != nil {
		return 0, fmt.Errorf("sweep uploads: %w", store.Translate(err))
	}
	for i, key := range keys {
		if err := s.purge(ctx, key); err != nil {
			return i, fmt.Errorf("sweep uploads: %w", err)
		}
	}
	return len(keys), nil
}

const deleteTests = `DELETE FROM tests WHERE result_key = ? AND n <=
	(SELECT MAX(n) FROM (SELECT n FROM tests WHERE result_key = ? ORDER BY n LIMIT ?) AS slice)`

const deleteRecords = `DELETE FROM test_records WHERE result_key = ? AND n <=
	(SELECT MAX(n) FROM (SELECT n FROM test_records WHERE result_key = ? ORDER BY n LIMIT ?) AS slice)`

const deleteFailures = `DELETE FROM test_failures WHERE result_key = ? AND n <=
	(SELECT MAX(n) FROM (SELECT n FROM test_failures WHERE result_key = ? ORDER BY n LIMIT ?) AS slice)`

const deleteLists = `DELETE FROM test_lists WHERE result_key = ? AND part <=
	(SELECT MAX(part) FROM (SELECT part FROM test_lists WHERE result_key = ? ORDER BY part LIMIT ?) AS slice)`

const deleteFiles = `DELETE FROM result_files WHERE result_key = ? AND n <=
	(SELECT MAX(n) FROM (SELECT n FROM result_files WHERE result_key = ? ORDER BY n LIMIT ?) AS slice)`

// PurgeDiscarded removes the rows of results that were deleted, some at a time,
// unless s is a transaction: then, as when it fails, the next SweepIngests does.
func (s *Store) PurgeDiscarded(ctx context.Context, keys ...int64) {
	if s.db.Tx != nil {
		return
	}
	for _, key := range keys {
		_ = s.purge(ctx, key)
	}
}

// purge removes the rows of a discarded result in slices, so that other writes
// go between, at last the result itself, and then its files.
func (s *Store) purge(ctx context.Context, key int64) error { return s.purgeSlowly(ctx, key, nil) }

// purgeSlowly calls pause after each slice with the time that it took; nil does not
// wait.
func (s *Store) purgeSlowly(ctx context.Context, key int64, pause func(time.Duration) error) error {
	var gone Result
	if err := s.db.Read(ctx).Select("sha256", "content_sha256").Take(&gone, "key = ?", key).Error; err != nil {
		if err = store.Translate(err); errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return fmt.Errorf("remove result %d: %w", key, err)
	}
	blobs, err := s.fileBlobs(ctx, key)
	if err != nil {
		return fmt.Errorf("remove result %d: %w", key, err)
	}
	blobs = append(blobs, gone.SHA256, gone.ContentSHA256)
	pace := s.db.Pace
	if pause != nil {
		pace = tables.NewDeletePace()
	}
	for {
		removed, took, err := s.slice(ctx, key, pace, purgedParts, func(tx *Store) error {
			if err := tx.NoteUnusedNames(); err != nil {
				return err
			}
			return store.Translate(tx.db.Tx.Delete(&Result{}, "key = ? AND state = ?", key, resultDiscarded).Error)
		})
		if err != nil {
			return err
		}
		if pause != nil {
			if err := pause(took); err != nil {
				return err
			}
		}
		if removed == 0 {
			return s.RemoveUnusedBlobs(ctx, blobs...)
		}
	}
}
