package results

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Expired is what retention has taken of a result. Its counts stay as they are, and
// so does what was said of its files.
type Expired int64

// What can expire of a result on its own.
const (
	RawExpired         Expired = 1 // the bytes as they were posted
	AttachmentsExpired Expired = 2 // what their tests attached, or what of it is no part of the upload
	TestsExpired       Expired = 4 // the single tests

	testsGoing Expired = 8 // they are still being removed, and nobody sees them
)

// Has reports whether the part has gone.
func (e Expired) Has(part Expired) bool { return e&part != 0 }

// Words names what has gone, as /v1/retention does.
func (e Expired) Words() []string {
	list := []string{}
	for i, word := range []string{"raw", "attachments", "tests"} {
		if e.Has(1 << i) {
			list = append(list, word)
		}
	}
	return list
}

// The rows whose blobs are needed; see Schema.
const (
	hasUpload          = "(expired & 1) = 0"
	hasAttachments     = "(expired & 2) = 0"
	fileHasUpload      = "NOT EXISTS (SELECT 1 FROM results r WHERE r.key = result_key AND (r.expired & 1) = 1)"
	fileHasAttachments = "NOT EXISTS (SELECT 1 FROM results r WHERE r.key = result_key AND (r.expired & 2) = 2)"

	// Several files that were posted together are known by their list, which is no blob:
	// the rows of the files name theirs. A result has these as long as it is visible;
	// before they come, and when they have gone, it cannot be told what its name is.
	namesFile = "(NOT EXISTS (SELECT 1 FROM result_files f WHERE f.result_key = results.key)" +
		" OR EXISTS (SELECT 1 FROM result_files f WHERE f.result_key = results.key AND f.sha256 = results.sha256))"
	visible    = "state = 1"
	hasFile    = hasUpload + " AND " + namesFile
	hasContent = hasAttachments + " AND (content_sha256 <> sha256 OR " + namesFile + ")"
)

// Need returns ErrExpired when the part of the result has gone.
func (r *Result) Need(part Expired) error {
	if r.Expired.Has(part) {
		return fmt.Errorf("result %s: %v: %w", r.ID, part.Words(), store.ErrExpired)
	}
	return nil
}

// StillThere returns ErrExpired when the single tests of a result have gone since it
// was read: whoever has read some of them has not read all.
func (s *Store) StillThere(ctx context.Context, keys ...int64) error {
	var gone []int64
	err := s.db.Read(ctx).Model(&Result{}).Where("key IN ? AND expired >= ?", keys, TestsExpired).Limit(1).Pluck("key", &gone).Error
	if err != nil {
		return fmt.Errorf("results %v: %w", keys, store.Translate(err))
	}
	if len(gone) > 0 {
		return fmt.Errorf("tests of result %d: %w", gone[0], store.ErrExpired)
	}
	return nil
}

// Expire notes in a transaction that a part of results has gone. Of single tests
// nobody sees any from its commit on; PurgeExpired removes them.
func (s *Store) Expire(keys []int64, part Expired) error {
	bits := part
	if part == TestsExpired {
		bits |= testsGoing
	}
	err := s.db.Tx.Exec("UPDATE results SET expired = expired | ? WHERE key IN ?", bits, keys).Error
	if err != nil {
		return fmt.Errorf("expire results: %w", store.Translate(err))
	}
	return nil
}

// BlobsOf returns the names of the blobs that results and their files name.
func (s *Store) BlobsOf(ctx context.Context, keys []int64) ([]string, error) {
	var all []string
	for _, c := range Schema.Blobs {
		column := "result_key"
		if c.Table == "results" {
			column = "key"
		}
		var some []string
		err := s.db.Read(ctx).Table(c.Table).Where(column+" IN ? AND "+c.Column+" <> ''", keys).Distinct().Pluck(c.Column, &some).Error
		if err != nil {
			return nil, fmt.Errorf("blobs of results: %w", store.Translate(err))
		}
		all = append(all, some...)
	}
	return all, nil
}

// expiring returns the results whose single tests are being removed.
func (s *Store) expiring(ctx context.Context) ([]int64, error) {
	var keys []int64
	err := s.db.Read(ctx).Model(&Result{}).Where("expired >= 8").Order("key").Pluck("key", &keys).Error
	if err != nil {
		return nil, fmt.Errorf("expired results: %w", store.Translate(err))
	}
	return keys, nil
}

// PurgeExpired removes the single tests of expired results and the rows of discarded
// ones, some at a time. Two at once do no harm. pause is called after each transaction
// with the time that it took.
func (s *Store) PurgeExpired(ctx context.Context, pause func(took time.Duration) error) error {
	if err := s.dropPartitions(ctx); err != nil {
		return err
	}
	keys, err := s.expiring(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.purgeTests(ctx, key, pause); err != nil {
			return err
		}
	}
	var discarded []int64
	if err := s.db.Read(ctx).Model(&Result{}).Where("state = 2").Order("key").Pluck("key", &discarded).Error; err != nil {
		return fmt.Errorf("discarded results: %w", store.Translate(err))
	}
	for _, key := range discarded {
		if err := s.purgeSlowly(ctx, key, pause); err != nil {
			return err
		}
	}
	return nil
}

// The results of a partition of single tests: those whose tests go, and those that
// need it.
const (
	goingThere = "SELECT COUNT(*) FROM (SELECT 1 FROM results WHERE key >= ? AND key < ? AND (state = 2 OR expired >= 8) LIMIT 1) AS one"
	needThere  = "SELECT COUNT(*) FROM (SELECT 1 FROM results WHERE key >= ? AND key < ? AND (state = 0 OR state = 1 AND expired < 4 AND tests > 0) LIMIT 1) AS one"
)

// dropPartitions removes the partitions of PostgreSQL all of whose single tests go:
// that costs next to nothing and gives the room back. What nobody sees any more
// stays so when it is interrupted.
func (s *Store) dropPartitions(ctx context.Context) error {
	list, err := s.Partitions(ctx, "tests")
	if err != nil {
		return err
	}
	for _, p := range list {
		if !p.To.Before(s.Now()) {
			continue
		}
		var going, needed int64
		err := s.db.Read(ctx).Raw(goingThere, p.MinKey, p.EndKey).Row().Scan(&going)
		if err == nil {
			err = s.db.Read(ctx).Raw(needThere, p.MinKey, p.EndKey).Row().Scan(&needed)
		}
		if err == nil && going > 0 && needed == 0 {
			err = s.DropPartition(ctx, p)
		}
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("single tests until %s: %w", p.To.Format(time.DateOnly), store.Translate(err))
		}
	}
	return nil
}

// purgeTests removes the single tests of one expired result.
func (s *Store) purgeTests(ctx context.Context, key int64, pause func(time.Duration) error) error {
	pace := tables.NewDeletePace()
	for {
		removed, took, err := s.slice(ctx, key, pace, expiredParts, func(tx *Store) error {
			if err := tx.NoteUnusedNames(); err != nil {
				return err
			}
			return store.Translate(tx.db.Tx.Exec("UPDATE results SET expired = expired & 7, list_id = -1, list_parts = 0 WHERE key = ?", key).Error)
		})
		if err == nil {
			err = pause(took)
		}
		if err != nil || removed == 0 {
			return err
		}
	}
}

// part is a table of which some rows of a result are removed at once. share is how
// many rows of tests one of it counts.
type part struct {
	sql   string
	share int
}

var (
	expiredParts = []part{{deleteTests, 1}, {deleteRecords, 1}, {deleteFailures, 8}, {deleteLists, 256}}
	purgedParts  = append(expiredParts[:len(expiredParts):len(expiredParts)], part{deleteFiles, 1})
)

// slice removes some rows of a result in a transaction of its own; when none is left
// it ends with last.
func (s *Store) slice(ctx context.Context, key int64, pace *tables.Pace, parts []part, last func(tx *Store) error) (removed int64, took time.Duration, err error) {
	rows := pace.Rows()
	err = s.InTx(store.Patient(ctx), func(tx *Store) error {
		started := time.Now()
		defer func() { took = time.Since(started) }()
		for _, p := range parts {
			res := tx.db.Tx.Exec(p.sql, key, key, max(1, rows/p.share))
			if removed = res.RowsAffected; res.Error != nil || removed > 0 {
				return store.Translate(res.Error)
			}
		}
		return last(tx)
	})
	if err != nil {
		return 0, took, fmt.Errorf("remove result %d: %w", key, err)
	}
	pace.Took(rows, took)
	return removed, took, nil
}

// ExpiredUntil is the time of the newest result of those that the viewer sees whose
// single tests have gone, zero for none: what is said of single tests from before may
// lack some.
func (s *Store) ExpiredUntil(ctx context.Context, v store.Viewer) (time.Time, error) {
	where := append(v.Seen("tenant"), tables.If("expired >= 4"))
	var at *int64
	err := s.db.Read(ctx).Raw("SELECT MAX(created_at) FROM results"+tables.Where(where), tables.Args(where)...).Row().Scan(&at)
	if err != nil || at == nil {
		return time.Time{}, store.Translate(err)
	}
	return store.FromMicros(*at), nil
}
