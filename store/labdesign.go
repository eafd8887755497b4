package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

func init() { registerModels(&LabDesign{}, &LabSnapshot{}) }

// LabDesign is a site design that was stored under a name. It never changes.
type LabDesign struct {
	ID        string `gorm:"primaryKey"` // ULID, so that ids sort by age
	Name      string
	Digest    string // SHA-256 of the documents in hex
	Size      int64  // of the documents in bytes
	Nodes     int64
	Sealed    []byte    // the documents, encrypted by the lab
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	CreatedBy string
}

// LabSnapshot is the design that a task works on, as it was when the task was
// created. Tasks of the same design share it.
type LabSnapshot struct {
	Digest    string    `gorm:"primaryKey"`
	Sealed    []byte    // the documents, encrypted by the lab
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"` // of the last task
}

// CreateLabDesign adds a design and fills in CreatedAt. ErrConflict: the id is
// taken.
func (s *Store) CreateLabDesign(ctx context.Context, d *LabDesign) error {
	d.CreatedAt = s.Now()
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.db.Create(d).Error; err != nil {
			return fmt.Errorf("create design: %w", translate(err))
		}
		return nil
	})
}

// LabDesign returns the design of that id, else the newest of that name, or
// ErrNotFound.
func (s *Store) LabDesign(ctx context.Context, idOrName string) (*LabDesign, error) {
	var found []LabDesign
	err := s.read(ctx).Where("id = ? OR name = ?", idOrName, idOrName).Order("id DESC").Limit(1).Find(&found).Error
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("design: %w", translate(err))
	}
	return &found[0], nil
}

var labDesignOrder = order[LabDesign]{
	name: "designs",
	keys: []sortKey{{column: "id", desc: true, text: true}},
	at:   func(d *LabDesign) []any { return []any{d.ID} },
}

// ListLabDesigns returns designs without their documents, newest first; name
// narrows the list when it is not empty.
func (s *Store) ListLabDesigns(ctx context.Context, name string, p Page) (List[LabDesign], error) {
	q := whereSet(s.read(ctx).Model(&LabDesign{}), "name", name)
	q = q.Select("id", "name", "digest", "size", "nodes", "created_at", "created_by")
	list, err := labDesignOrder.page(q, p)
	if err != nil {
		return list, fmt.Errorf("list designs: %w", err)
	}
	return list, nil
}

// DeleteLabDesign removes a design, or returns ErrNotFound.
func (s *Store) DeleteLabDesign(ctx context.Context, id string) error {
	return s.InTx(ctx, func(tx *Store) error {
		done := tx.db.Delete(&LabDesign{}, "id = ?", id)
		if done.Error == nil && done.RowsAffected == 0 {
			done.Error = ErrNotFound
		}
		if done.Error != nil {
			return fmt.Errorf("delete design: %w", translate(done.Error))
		}
		return nil
	})
}

// KeepLabSnapshot stores the documents under their digest for a task that is
// about to be created. For a while PurgeLabSnapshots leaves them alone.
func (s *Store) KeepLabSnapshot(ctx context.Context, digest string, sealed []byte) error {
	return s.InTx(ctx, func(tx *Store) error {
		row := LabSnapshot{Digest: digest, Sealed: sealed, CreatedAt: tx.Now()}
		again := clause.OnConflict{Columns: []clause.Column{{Name: "digest"}}, DoUpdates: clause.AssignmentColumns([]string{"created_at"})}
		if err := tx.db.Clauses(again).Create(&row).Error; err != nil {
			return fmt.Errorf("keep snapshot: %w", translate(err))
		}
		return nil
	})
}

// PurgeLabSnapshots deletes the designs that no task was created with since that
// time, and that no task and no deployment needs any more. It returns how many
// went.
func (s *Store) PurgeLabSnapshots(ctx context.Context, before time.Time) (int64, error) {
	digest := "json_extract(CAST(request AS TEXT), '$.digest')"
	if s.onPostgres() {
		digest = "convert_from(request, 'UTF8')::json ->> 'digest'"
	}
	// What is found here stays unneeded: a new task keeps its design first, which
	// makes the design young again.
	var unused []string
	err := s.read(ctx).Model(&LabSnapshot{}).
		Where("created_at < ?", before.UnixMicro()).
		Where("digest NOT IN (?)", s.read(ctx).Model(&LabTask{}).Select("COALESCE("+digest+", '')").Where("parent = '' AND request IS NOT NULL")).
		Where("digest NOT IN (?)", s.read(ctx).Model(&LabDeployment{}).Select("digest").Where("NOT ended")).
		Pluck("digest", &unused).Error
	var gone int64
	for part := range chunks(unused, labSlice) {
		if err != nil {
			break
		}
		var n int64
		err = s.InTx(ctx, func(tx *Store) error {
			done := tx.db.Delete(&LabSnapshot{}, "digest IN ? AND created_at < ?", part, before.UnixMicro())
			n = done.RowsAffected
			return done.Error
		})
		gone += n
	}
	if err != nil {
		return gone, fmt.Errorf("purge designs: %w", translate(err))
	}
	return gone, nil
}

// LabSnapshot returns the sealed documents of that digest, or ErrNotFound.
func (s *Store) LabSnapshot(ctx context.Context, digest string) ([]byte, error) {
	var row LabSnapshot
	if err := s.read(ctx).Take(&row, "digest = ?", digest).Error; err != nil {
		return nil, fmt.Errorf("snapshot: %w", translate(err))
	}
	return row.Sealed, nil
}
