package products

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/slipway-lab/slipway/store"
)

// GoldMaster is a tested combination of snap revisions of a product.
type GoldMaster struct {
	ID        uuid.UUID `gorm:"type:text;primaryKey"`
	ProductID uuid.UUID `gorm:"type:text"`
	Digest    string    // of snaps and channel; unique in the product
	Channel   string
	Snaps     store.JSON // a list of name and revision, by name
	Released  bool
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	UpdatedAt time.Time `gorm:"serializer:micros;type:bigint;autoUpdateTime:false"`
}

// CreateGoldMaster adds a gold master and fills in ID and times. ErrConflict: the
// product has the same one.
func (s *Store) CreateGoldMaster(ctx context.Context, g *GoldMaster) error {
	return s.InTx(ctx, func(tx *Store) error {
		g.ID, g.CreatedAt = tx.NewID(), tx.Now()
		g.UpdatedAt = g.CreatedAt
		if err := tx.db.Tx.Create(g).Error; err != nil {
			return fmt.Errorf("create gold master: %w", store.Translate(err))
		}
		return nil
	})
}

// GoldMaster returns a gold master of the product, or ErrNotFound.
func (s *Store) GoldMaster(ctx context.Context, product, id uuid.UUID) (*GoldMaster, error) {
	var g GoldMaster
	if err := s.db.Read(ctx).Take(&g, "id = ? AND product_id = ?", id, product).Error; err != nil {
		return nil, fmt.Errorf("gold master %s: %w", id, store.Translate(err))
	}
	return &g, nil
}

// ReleaseGoldMaster says whether a gold master is in use by end users.
func (s *Store) ReleaseGoldMaster(ctx context.Context, product, id uuid.UUID, released bool) (*GoldMaster, error) {
	var g *GoldMaster
	err := s.InTx(ctx, func(tx *Store) (err error) {
		if g, err = tx.GoldMaster(ctx, product, id); err != nil {
			return err
		}
		g.Released, g.UpdatedAt = released, tx.Now()
		if err := tx.db.Tx.Save(g).Error; err != nil {
			return fmt.Errorf("update gold master %s: %w", id, store.Translate(err))
		}
		return nil
	})
	return g, err
}

var goldMasterOrder = store.Order[GoldMaster]{
	Name: "goldmasters",
	Keys: []store.SortKey{{Column: "id", Text: true}},
	At:   func(g *GoldMaster) []any { return []any{g.ID.String()} },
}

// ListGoldMasters returns the gold masters of a product, oldest first.
func (s *Store) ListGoldMasters(ctx context.Context, product uuid.UUID, p store.Page) (store.List[GoldMaster], error) {
	list, err := goldMasterOrder.Page(s.goldMasters(ctx, product), p)
	if err != nil {
		return list, fmt.Errorf("gold masters of product %s: %w", product, err)
	}
	return list, nil
}

func (s *Store) goldMasters(ctx context.Context, product uuid.UUID) *gorm.DB {
	return s.db.Read(ctx).Model(&GoldMaster{}).Where("product_id = ?", product)
}

// AllGoldMasters returns every gold master of a product, oldest first.
func (s *Store) AllGoldMasters(ctx context.Context, product uuid.UUID) ([]GoldMaster, error) {
	var list []GoldMaster
	if err := s.goldMasters(ctx, product).Order("id").Find(&list).Error; err != nil {
		return nil, fmt.Errorf("gold masters of product %s: %w", product, store.Translate(err))
	}
	return list, nil
}
