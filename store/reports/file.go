package reports

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
)

// File is a file that somebody uploaded beside their reports. Its path is
// a name, not a place on disk; the bytes are the blob.
type File struct {
	Path       string `gorm:"primaryKey"`
	SHA256     string `gorm:"column:sha256"`
	Bytes      int64
	UploadedAt time.Time `gorm:"serializer:micros;type:bigint"`
	Uploader   string    // the public id of the token
}

// TableName tells GORM the table.
func (File) TableName() string { return "report_files" }

// SaveFile writes or replaces the file at its path and sets UploadedAt. It
// reports whether there was none before.
func (s *Store) SaveFile(ctx context.Context, f *File) (created bool, err error) {
	f.UploadedAt = s.Now()
	err = s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, "report_files/"+f.Path); err != nil {
			return err
		}
		_, err := tx.File(ctx, f.Path)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		created = err != nil
		if err := tx.db.Tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(f).Error; err != nil {
			return fmt.Errorf("save file %.80q: %w", f.Path, store.Translate(err))
		}
		return nil
	})
	return created, err
}

// File returns the file at a path, or ErrNotFound.
func (s *Store) File(ctx context.Context, path string) (*File, error) {
	var f File
	if err := s.db.Read(ctx).Take(&f, "path = ?", path).Error; err != nil {
		return nil, fmt.Errorf("file %.80q: %w", path, store.Translate(err))
	}
	return &f, nil
}
