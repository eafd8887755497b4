package products

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
)

// Image is what a product knows under an image id.
type Image struct {
	ProductID     uuid.UUID `gorm:"type:text;primaryKey"`
	ImageUniqueID string    `gorm:"primaryKey"`
	Reference     store.JSON
	Release       string    // as it was advertised first; empty for none
	AdvertisedAt  time.Time `gorm:"serializer:micros;type:bigint"` // the first time
	Expired       int64     // 1 when some of its opportunities have gone
}

// ImageReference returns what the product knows under an image id, nil for
// nothing.
func (s *Store) ImageReference(ctx context.Context, product uuid.UUID, id string) (store.JSON, error) {
	var image Image
	err := store.Translate(s.db.Read(ctx).Take(&image, "product_id = ? AND image_unique_id = ?", product, id).Error)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", id, err)
	}
	return image.Reference, nil
}

// KeepImage stores the first reference of an image id and leaves later ones.
// AdvertisedAt is set.
func (s *Store) KeepImage(image *Image) error {
	image.AdvertisedAt = s.Now()
	if err := s.db.Tx.Clauses(clause.OnConflict{DoNothing: true}).Create(image).Error; err != nil {
		return fmt.Errorf("image %q: %w", image.ImageUniqueID, store.Translate(err))
	}
	return nil
}

// Advertisement says that something new exists. Fields of other kinds are nil.
type Advertisement struct {
	ID             uuid.UUID `gorm:"type:text;primaryKey"`
	ProductID      uuid.UUID `gorm:"type:text"`
	Kind           string
	Channel        string
	ImageUniqueID  *string
	ImageReference store.JSON
	ExtraSnaps     store.JSON
	SnapName       *string
	SnapRevision   *int64
	Snaps          store.JSON
	Platform       *string
	Release        *string
	Opportunities  int64     // how many it made
	CreatedAt      time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	CreatedBy      string
}

// CreateAdvertisement adds an advertisement and fills in ID and CreatedAt.
func (s *Store) CreateAdvertisement(ctx context.Context, a *Advertisement) error {
	return s.InTx(ctx, func(tx *Store) error {
		a.ID, a.CreatedAt = tx.NewID(), tx.Now()
		if err := tx.db.Tx.Create(a).Error; err != nil {
			return fmt.Errorf("create advertisement: %w", store.Translate(err))
		}
		return nil
	})
}

var advertisementOrder = store.Order[Advertisement]{
	Name: "advertisements",
	Keys: []store.SortKey{{Column: "id", Desc: true, Text: true}},
	At:   func(a *Advertisement) []any { return []any{a.ID.String()} },
}

// ListAdvertisements returns the advertisements of a kind, newest first.
func (s *Store) ListAdvertisements(ctx context.Context, product uuid.UUID, kind string, p store.Page) (store.List[Advertisement], error) {
	list, err := advertisementOrder.Page(s.db.Read(ctx).Model(&Advertisement{}).Where("product_id = ? AND kind = ?", product, kind), p)
	if err != nil {
		return list, fmt.Errorf("advertisements of product %s: %w", product, err)
	}
	return list, nil
}

// Context is what a device must look like before a test runs.
type Context struct {
	ID                  uuid.UUID `gorm:"type:text;primaryKey"`
	ImageUniqueID       string
	ImageReference      store.JSON // nil when only snaps tell what to install
	BaseSnaps           store.JSON
	ExtraSnaps          store.JSON
	BaseChannel         string
	UpdateChannel       *string
	PrimarySnapName     *string
	PrimarySnapRevision *int64
}

// CreateContexts adds contexts and fills in their IDs.
func (s *Store) CreateContexts(rows []Context) error {
	if len(rows) == 0 {
		return nil
	}
	for i := range rows {
		rows[i].ID = s.NewID()
	}
	if err := s.db.Tx.CreateInBatches(rows, 100).Error; err != nil {
		return fmt.Errorf("create contexts: %w", store.Translate(err))
	}
	return nil
}

// Contexts returns the contexts with these ids.
func (s *Store) Contexts(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*Context, error) {
	var list []Context
	if len(ids) > 0 {
		if err := s.db.Read(ctx).Find(&list, "id IN ?", ids).Error; err != nil {
			return nil, fmt.Errorf("contexts: %w", store.Translate(err))
		}
	}
	byID := make(map[uuid.UUID]*Context, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
	}
	return byID, nil
}
