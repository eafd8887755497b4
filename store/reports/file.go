package reports

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// File is a file that somebody uploaded beside their reports. Its path is
// a name, not a place on disk; the bytes are the blob.
type File struct {
	Path       string `gorm:"primaryKey"`
	Tenant     string `gorm:"primaryKey"` // set by SaveFile
	SHA256     string `gorm:"column:sha256"`
	Bytes      int64
	UploadedAt time.Time `gorm:"serializer:micros;type:bigint"`
	Uploader   string    // the public id of the token

	// Expired is 1 when the bytes have gone; uploading the file again brings them back.
	Expired int64
}

// TableName tells GORM the table.
func (File) TableName() string { return "report_files" }

// SaveFile writes or replaces the tenant's file at its path and sets Tenant and
// UploadedAt. It reports whether the tenant had none before.
func (s *Store) SaveFile(ctx context.Context, f *File) (created bool, err error) {
	f.Tenant, f.UploadedAt = s.scope.Tenant, s.Now()
	err = s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, "report_files/"+f.Tenant+"/"+f.Path); err != nil {
			return err
		}
		before := tx.db.Tx.Take(&File{}, "path = ? AND tenant = ?", f.Path, f.Tenant)
		if err := store.Translate(before.Error); err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("file %.80q: %w", f.Path, err)
		}
		created = before.Error != nil
		if err := tx.db.Tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(f).Error; err != nil {
			return fmt.Errorf("save file %.80q: %w", f.Path, store.Translate(err))
		}
		return nil
	})
	return created, err
}

// File returns the file of the scope's own tenant at a path, else that of no tenant,
// else, for who sees everything, that of the first tenant by name; or ErrNotFound.
func (s *Store) File(ctx context.Context, path string) (*File, error) {
	var f File
	where := append(s.scope.Seen("tenant"), tables.If("path = ?", path))
	err := s.db.Read(ctx).Raw("SELECT * FROM report_files"+tables.Where(where)+" ORDER BY tenant <> ?, tenant LIMIT 1",
		append(tables.Args(where), s.scope.Tenant)...).Take(&f).Error
	if err != nil {
		return nil, fmt.Errorf("file %.80q: %w", path, store.Translate(err))
	}
	return &f, nil
}
