package lab

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Design is a site design that was stored under a name. It never changes.
type Design struct {
	ID        string `gorm:"primaryKey"` // ULID, so that ids sort by age
	Name      string
	Digest    string // SHA-256 of the documents in hex
	Size      int64  // of the documents in bytes
	Nodes     int64
	Sealed    []byte    // the documents, encrypted by the lab
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	CreatedBy string
}

// Snapshot is the design that a task works on, as it was when the task was
// created. Tasks of the same design share it.
type Snapshot struct {
	Digest    string    `gorm:"primaryKey"`
	Sealed    []byte    // the documents, encrypted by the lab
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"` // of the last task
}

// CreateDesign adds a design and fills in CreatedAt. ErrConflict: the id is
// taken.
func (s *Store) CreateDesign(ctx context.Context, d *Design) error {
	d.CreatedAt = s.Now()
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.db.Tx.Create(d).Error; err != nil {
			return fmt.Errorf("create design: %w", store.Translate(err))
		}
		return nil
	})
}

// Design returns the design of that id, else the newest of that name, or
// ErrNotFound.
func (s *Store) Design(ctx context.Context, idOrName string) (*Design, error) {
	var found []Design
	err := s.db.Read(ctx).Where("id = ? OR name = ?", idOrName, idOrName).Order("id DESC").Limit(1).Find(&found).Error
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("design: %w", store.Translate(err))
	}
	return &found[0], nil
}

var designOrder = store.Order[Design]{
	Name: "designs",
	Keys: []store.SortKey{{Column: "id", Desc: true, Text: true}},
	At:   func(d *Design) []any { return []any{d.ID} },
}

// ListDesigns returns designs without their documents, newest first; name
// narrows the list when it is not empty.
func (s *Store) ListDesigns(ctx context.Context, name string, p store.Page) (store.List[Design], error) {
	q := tables.WhereSet(s.db.Read(ctx).Model(&Design{}), "name", name)
	q = q.Select("id", "name", "digest", "size", "nodes", "created_at", "created_by")
	list, err := designOrder.Page(q, p)
	if err != nil {
		return list, fmt.Errorf("list designs: %w", err)
	}
	return list, nil
}

// DeleteDesign removes a design, or returns ErrNotFound.
func (s *Store) DeleteDesign(ctx context.Context, id string) error {
	return s.InTx(ctx, func(tx *Store) error {
		done := tx.db.Tx.Delete(&Design{}, "id = ?", id)
		if done.Error == nil && done.RowsAffected == 0 {
			done.Error = store.ErrNotFound
		}
		if done.Error != nil {
			return fmt.Errorf("delete design: %w", store.Translate(done.Error))
		}
		return nil
	})
}

// KeepSnapshot stores the documents under their digest for a task that is
// about to be created. For a while PurgeSnapshots leaves them alone.
func (s *Store) KeepSnapshot(ctx context.Context, digest string, sealed []byte) error {
	return s.InTx(ctx, func(tx *Store) error {
		row := Snapshot{Digest: digest, Sealed: sealed, CreatedAt: tx.Now()}
		again := clause.OnConflict{Columns: []clause.Column{{Name: "digest"}}, DoUpdates: clause.AssignmentColumns([]string{"created_at"})}
		if err := tx.db.Tx.Clauses(again).Create(&row).Error; err != nil {
			return fmt.Errorf("keep snapshot: %w", store.Translate(err))
		}
		return nil
	})
}

// PurgeSnapshots deletes the designs that no task was created with since that
// time, and that no task and no deployment needs any more. It returns how many
// went.
func (s *Store) PurgeSnapshots(ctx context.Context, before time.Time) (int64, error) {
	digest := "json_extract(CAST(request AS TEXT), '$.digest')"
	if s.db.Postgres {
		digest = "convert_from(request, 'UTF8')::json ->> 'digest'"
	}
	// What is found here stays unneeded: a new task keeps its design first, which
	// makes the design young again.
	var unused []string
	err := s.db.Read(ctx).Model(&Snapshot{}).
		Where("created_at < ?", before.UnixMicro()).
		Where("digest NOT IN (?)", s.db.Read(ctx).Model(&Task{}).Select("COALESCE("+digest+", '')").Where("parent = '' AND request IS NOT NULL")).
		Where("digest NOT IN (?)", s.db.Read(ctx).Model(&Deployment{}).Select("digest").Where("keyed OR NOT ended")).
		Pluck("digest", &unused).Error
	var gone int64
	for part := range chunks(unused, batchRows) {
		if err != nil {
			break
		}
		var n int64
		err = s.InTx(ctx, func(tx *Store) error {
			done := tx.db.Tx.Delete(&Snapshot{}, "digest IN ? AND created_at < ?", part, before.UnixMicro())
			n = done.RowsAffected
			return done.Error
		})
		gone += n
	}
	if err != nil {
		return gone, fmt.Errorf("purge designs: %w", store.Translate(err))
	}
	return gone, nil
}

// SnapshotOf returns the sealed documents of that digest, or ErrNotFound.
func (s *Store) SnapshotOf(ctx context.Context, digest string) ([]byte, error) {
	var row Snapshot
	if err := s.db.Read(ctx).Take(&row, "digest = ?", digest).Error; err != nil {
		return nil, fmt.Errorf("snapshot: %w", store.Translate(err))
	}
	return row.Sealed, nil
}
