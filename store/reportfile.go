package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

func init() {
	registerModels(&ReportFile{})
	registerBlobColumns("report_files", "sha256")
}

// ReportFile is a file that somebody uploaded beside their reports. Its path is
// a name, not a place on disk; the bytes are the blob.
type ReportFile struct {
	Path       string `gorm:"primaryKey"`
	SHA256     string `gorm:"column:sha256"`
	Bytes      int64
	UploadedAt time.Time `gorm:"serializer:micros;type:bigint"`
	Uploader   string    // the public id of the token
}

// SaveReportFile writes or replaces the file at its path and sets UploadedAt. It
// reports whether there was none before.
func (s *Store) SaveReportFile(ctx context.Context, f *ReportFile) (created bool, err error) {
	f.UploadedAt = s.Now()
	err = s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, "report_files/"+f.Path); err != nil {
			return err
		}
		_, err := tx.ReportFile(ctx, f.Path)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		created = err != nil
		if err := tx.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(f).Error; err != nil {
			return fmt.Errorf("save file %.80q: %w", f.Path, translate(err))
		}
		return nil
	})
	return created, err
}

// ReportFile returns the file at a path, or ErrNotFound.
func (s *Store) ReportFile(ctx context.Context, path string) (*ReportFile, error) {
	var f ReportFile
	if err := s.read(ctx).Take(&f, "path = ?", path).Error; err != nil {
		return nil, fmt.Errorf("file %.80q: %w", path, translate(err))
	}
	return &f, nil
}
