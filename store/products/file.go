package products

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
)

// KeptFile is one of several files that came with a result.
type KeptFile struct {
	ResultID  uuid.UUID `gorm:"type:text;primaryKey"`
	N         int64     `gorm:"primaryKey;autoIncrement:false"`
	Name      string
	MediaType *string // as the agent said
	Bytes     int64
	SHA256    string `gorm:"column:sha256"`
	Read      bool   // whether single tests were read from it
	Expired   int64  // 1 when its bytes have gone
}

// CreateKeptFiles adds the files of a result.
func (s *Store) CreateKeptFiles(files []KeptFile) error {
	if len(files) == 0 {
		return nil
	}
	if err := s.db.Tx.Create(files).Error; err != nil {
		return fmt.Errorf("files of result %s: %w", files[0].ResultID, store.Translate(err))
	}
	return nil
}

// KeptFile returns a file of a result, or ErrNotFound.
func (s *Store) KeptFile(ctx context.Context, result uuid.UUID, n int64) (*KeptFile, error) {
	var f KeptFile
	if err := s.db.Read(ctx).Take(&f, "result_id = ? AND n = ?", result, n).Error; err != nil {
		return nil, fmt.Errorf("file %d of result %s: %w", n, result, store.Translate(err))
	}
	return &f, nil
}

// KeptFiles returns the files of results, by result.
func (s *Store) KeptFiles(ctx context.Context, results []uuid.UUID) (map[uuid.UUID][]KeptFile, error) {
	by := map[uuid.UUID][]KeptFile{}
	if len(results) == 0 {
		return by, nil
	}
	var list []KeptFile
	if err := s.db.Read(ctx).Order("result_id, n").Find(&list, "result_id IN ?", results).Error; err != nil {
		return nil, fmt.Errorf("files of results: %w", store.Translate(err))
	}
	for _, f := range list {
		by[f.ResultID] = append(by[f.ResultID], f)
	}
	return by, nil
}
