package results

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
)

// ResultFile is one of the files of a result: what was posted, or a member of an
// archive that was posted.
type ResultFile struct {
	ResultKey int64  `gorm:"primaryKey;autoIncrement:false"`
	N         int64  `gorm:"primaryKey;autoIncrement:false"` // from 0, in the order of arrival
	Name      string // of the part or the member; empty when nobody said it. No path

	// What was posted: Part counts it, members of one archive have it in common.
	Part      int64
	PartName  string
	SHA256    string `gorm:"column:sha256"`
	PartBytes int64
	Packing   string // gzip, xz, zip, tar, …; empty for none

	// The bytes of the file itself, unpacked: Bytes of the blob from ContentOffset
	// on. Spans of attachments count from the beginning of the blob.
	ContentSHA256 string `gorm:"column:content_sha256"`
	ContentOffset int64
	Bytes         int64

	// DerivedSHA256 holds what had to be decoded of the post; empty for nothing.
	DerivedSHA256 string `gorm:"column:derived_sha256"`

	Format  string // "other" when it is no report and was passed over
	Writer  string
	Outcome string
	Tests   int64
	Counts  store.JSON // Counts of it

	Damage      store.JSON
	DamageCount int64
	Warnings    store.JSON
}

// insertAtOnce is how many rows of files one statement writes.
const insertAtOnce = 64

// InsertFiles adds files to a result between BeginResult and its publication, in
// slices as InsertTests does.
func (s *Store) InsertFiles(ctx context.Context, key int64, files []ResultFile) error {
	for len(files) > 0 {
		slice := files[:min(len(files), s.db.Pace.Rows())]
		err := s.InTx(ctx, func(tx *Store) error {
			if err := tx.renewLease(key); err != nil {
				return err
			}
			rows := make([]ResultFile, len(slice))
			for i, f := range slice {
				f.ResultKey = key
				rows[i] = f
			}
			return store.Translate(tx.db.Tx.CreateInBatches(rows, insertAtOnce).Error)
		})
		if err != nil {
			return fmt.Errorf("files of result %d: %w", key, err)
		}
		files = files[len(slice):]
	}
	return nil
}

// ResultFile returns a file of a result, or ErrNotFound.
func (s *Store) ResultFile(ctx context.Context, r *Result, n int64) (*ResultFile, error) {
	var f ResultFile
	if err := s.db.Read(ctx).Take(&f, "result_key = ? AND n = ?", r.Key, n).Error; err != nil {
		return nil, fmt.Errorf("file %d of result %s: %w", n, r.ID, store.Translate(err))
	}
	return &f, nil
}

// ResultFiles returns the files of a result in the order of N.
func (s *Store) ResultFiles(ctx context.Context, r *Result) ([]ResultFile, error) {
	var list []ResultFile
	if err := s.db.Read(ctx).Order("n").Find(&list, "result_key = ?", r.Key).Error; err != nil {
		return nil, fmt.Errorf("files of result %s: %w", r.ID, store.Translate(err))
	}
	return list, nil
}

// IsMember reports whether the file came in an archive.
func (f *ResultFile) IsMember() bool {
	switch f.Packing {
	case "", "gzip", "zstd", "xz":
		return false
	}
	return true
}

// IsReport reports whether tests could be read from the file.
func (f *ResultFile) IsReport() bool {
	switch f.Format {
	case "other", "unknown", "empty":
		return false
	}
	return true
}

// ResultParts returns a file for each thing that was posted for a result.
func (s *Store) ResultParts(ctx context.Context, r *Result) ([]ResultFile, error) {
	var list []ResultFile
	err := s.db.Read(ctx).Distinct("part", "part_name", "sha256", "part_bytes").Order("part").Find(&list, "result_key = ?", r.Key).Error
	if err != nil {
		return nil, fmt.Errorf("parts of result %s: %w", r.ID, store.Translate(err))
	}
	return list, nil
}

// fileBlobs returns the names of the blobs that the files of a result name.
func (s *Store) fileBlobs(ctx context.Context, key int64) ([]string, error) {
	var all []string
	for _, column := range []string{"sha256", "content_sha256", "derived_sha256"} {
		var some []string
		err := s.db.Read(ctx).Model(&ResultFile{}).Where("result_key = ? AND "+column+" <> ''", key).Distinct().Pluck(column, &some).Error
		if err != nil {
			return nil, store.Translate(err)
		}
		all = append(all, some...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// FileNames returns the names of the files of tests, by their numbers.
func (s *Store) FileNames(ctx context.Context, r *Result, tests []Test) (map[int64]string, error) {
	names := map[int64]string{}
	for i := range tests {
		names[tests[i].File] = ""
	}
	for some := range slices.Chunk(slices.Collect(maps.Keys(names)), namesAtOnce) {
		var list []ResultFile
		if err := s.db.Read(ctx).Select("n", "name").Find(&list, "result_key = ? AND n IN ?", r.Key, some).Error; err != nil {
			return nil, fmt.Errorf("files of result %s: %w", r.ID, store.Translate(err))
		}
		for _, f := range list {
			names[f.N] = f.Name
		}
	}
	return names, nil
}

// namesAtOnce is how many files one statement asks for.
const namesAtOnce = 500

const (
	testColumns = "n, name_id, status, start_us, stop_us, records, record, duration_us, file, flaky, tags, attachments, others, details"
	copyTests   = "INSERT INTO tests (result_key, " + testColumns + ") SELECT $1, " + testColumns +
		" FROM tests WHERE result_key = $2 AND n >= $3 AND n < $4"
	copyRecords = "INSERT INTO test_records (result_key, " + recordColumns + ") SELECT $1, " + recordColumns +
		" FROM test_records WHERE result_key = $2 AND n >= $3 AND n < $4"
	copyFailures = "INSERT INTO test_failures (result_key, n, text) SELECT $1, n, text FROM test_failures WHERE result_key = $2 AND n >= $3 AND n < $4"
)

// CopyTests gives a result that is being uploaded all the tests of another one,
// with their numbers, records and texts, in slices as InsertTests does. ErrConflict: the
// result is not being uploaded (any more).
func (s *Store) CopyTests(ctx context.Context, key int64, from *Result) error {
	var last sql.NullInt64
	if err := s.db.Read(ctx).Raw("SELECT MAX(n) FROM tests WHERE result_key = ?", from.Key).Scan(&last).Error; err != nil {
		return fmt.Errorf("copy tests to result %d: %w", key, store.Translate(err))
	}
	for n := int64(0); last.Valid && n <= last.Int64; {
		end := n + int64(s.db.Pace.Rows())
		err := s.InTx(ctx, func(tx *Store) error {
			if err := tx.renewLease(key); err != nil {
				return err
			}
			for _, sql := range []string{copyTests, copyRecords, copyFailures} {
				if _, err := tx.db.Exec(sql, key, from.Key, n, end); err != nil {
					return store.Translate(err)
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("copy tests to result %d: %w", key, err)
		}
		n = end
	}
	return nil
}

// ErrPublished says that a result is one of RefStack's later API, of which a copy
// with more tests would say something else.
var ErrPublished = errors.New("a result is published")

// ExtendResult puts a result that was uploaded on top of the one that it began as
// a copy of: it takes over its id, its attempt and its time, and the older one is
// removed. Base is nil for a run that has no result yet. ErrConflict: base is no longer the current result of its run, or it is
// not being uploaded. ErrPublished: base must stay as it is. ErrExpired: something of
// base has gone.
func (s *Store) ExtendResult(ctx context.Context, final, base *Result) (*Result, error) {
	var extended *Result
	err := s.InTx(ctx, func(tx *Store) error {
		r := *final // a copy, in case this runs again
		if err := tx.loadIngesting(&r); err != nil {
			return err
		}
		run, err := tx.lockRun(r.RunID)
		if err != nil {
			return err
		}
		if base == nil {
			if run.ResultKey != 0 {
				return fmt.Errorf("run %d: %w", run.ID, store.ErrConflict)
			}
			extended = &r
			return tx.publish(&r, run)
		}
		if run.ResultKey != base.Key {
			return fmt.Errorf("result %s: %w", base.ID, store.ErrConflict)
		}
		if err := tx.checkUnpublished(base.Key); err != nil {
			return err
		}
		if err := tx.checkWhole(base); err != nil {
			return err
		}
		if err := tx.giveUp(base); err != nil {
			return err
		}
		r.ID, r.Attempt, r.CreatedAt, r.State = base.ID, base.Attempt, base.CreatedAt, resultVisible
		if err := tx.db.Tx.Save(&r).Error; err != nil {
			return fmt.Errorf("extend result %s: %w", base.ID, store.Translate(err))
		}
		if err := tx.queueFailures(&r); err != nil {
			return err
		}
		run.setResult(&r)
		extended = &r
		if err := tx.saveRun(run); err != nil {
			return err
		}
		return tx.tellResult(run, &r, false)
	})
	if err != nil {
		return nil, err
	}
	if base != nil {
		s.PurgeDiscarded(ctx, base.Key)
	}
	return extended, nil
}

// giveUp discards a visible result and frees its id.
func (s *Store) giveUp(base *Result) error {
	res := s.db.Tx.Model(&Result{}).Where("key = ? AND state = ?", base.Key, resultVisible).
		Updates(map[string]any{"state": resultDiscarded, "id": s.NewID().String()})
	if err := store.Translate(res.Error); err != nil {
		return err
	}
	if res.RowsAffected == 0 {
		return fmt.Errorf("result %s: %w", base.ID, store.ErrConflict)
	}
	return nil
}

// checkWhole returns ErrExpired when something of the result has gone: it must not
// come into a new one as if it were there.
func (s *Store) checkWhole(base *Result) error {
	var gone []int64
	err := s.db.Tx.Model(&Result{}).Where("key = ? AND expired <> 0", base.Key).Pluck("key", &gone).Error
	if err = store.Translate(err); err == nil && len(gone) > 0 {
		err = store.ErrExpired
	}
	if err != nil {
		return fmt.Errorf("result %s: %w", base.ID, err)
	}
	return nil
}

// checkUnpublished returns ErrPublished when something is said of the result in
// RefStack's later API.
func (s *Store) checkUnpublished(key int64) error {
	var found []int64
	err := s.db.Tx.Table("published_results").Clauses(clause.Locking{Strength: "UPDATE"}).
		Where("result_key = ? OR stream_key = ?", key, key).Limit(1).Pluck("result_key", &found).Error
	if err = store.Translate(err); err == nil && len(found) > 0 {
		err = ErrPublished
	}
	return err
}
