package products

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Product is something that is tested. A deleted one stays for what refers to
// it, and no function finds it any more.
type Product struct {
	ID        uuid.UUID `gorm:"type:text;primaryKey"`
	Tenant    string
	Owner     string
	Name      string // unique for tenant and owner
	Release   string
	Snaps     store.Strings
	Manifest  store.JSON // nil when there is none
	Supersede bool
	CreatedAt time.Time  `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	UpdatedAt time.Time  `gorm:"serializer:micros;type:bigint;autoUpdateTime:false"`
	DeletedAt *time.Time `gorm:"serializer:micros;type:bigint"`
}

// productSnap finds the products that reference a snap.
type productSnap struct {
	Snap      string    `gorm:"primaryKey"`
	ProductID uuid.UUID `gorm:"type:text;primaryKey"`
}

// TableName tells GORM the table.
func (productSnap) TableName() string { return "product_snaps" }

// CreateProduct adds a product and fills in ID and times. ErrConflict: its
// owner has one of this name.
func (s *Store) CreateProduct(ctx context.Context, p *Product) error {
	return s.InTx(ctx, func(tx *Store) error {
		p.ID, p.CreatedAt = tx.NewID(), tx.Now()
		p.UpdatedAt = p.CreatedAt
		if err := tx.db.Tx.Create(p).Error; err != nil {
			return fmt.Errorf("create product %q: %w", p.Name, store.Translate(err))
		}
		return tx.setProductSnaps(p)
	})
}

func (s *Store) setProductSnaps(p *Product) error {
	if err := s.db.Tx.Delete(&productSnap{}, "product_id = ?", p.ID).Error; err != nil {
		return fmt.Errorf("snaps of product %s: %w", p.ID, store.Translate(err))
	}
	var rows []productSnap
	for _, snap := range p.Snaps {
		rows = append(rows, productSnap{snap, p.ID})
	}
	if len(rows) == 0 {
		return nil
	}
	if err := s.db.Tx.Create(&rows).Error; err != nil {
		return fmt.Errorf("snaps of product %s: %w", p.ID, store.Translate(err))
	}
	return nil
}

// Product returns a product of the tenant, or ErrNotFound.
func (s *Store) Product(ctx context.Context, tenant string, id uuid.UUID) (*Product, error) {
	return productBy(s.db.Read(ctx), tenant, id)
}

// LockProduct is Product inside a transaction, and keeps others from changing
// it or from advertising for it.
func (s *Store) LockProduct(tenant string, id uuid.UUID) (*Product, error) {
	return productBy(s.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}), tenant, id)
}

func productBy(q *gorm.DB, tenant string, id uuid.UUID) (*Product, error) {
	var p Product
	if err := q.Take(&p, "id = ? AND tenant = ? AND deleted_at IS NULL", id, tenant).Error; err != nil {
		return nil, fmt.Errorf("product %s: %w", id, store.Translate(err))
	}
	return &p, nil
}

// SaveProduct writes a product that LockProduct has read. ErrConflict: its owner
// has another one of this name.
func (s *Store) SaveProduct(ctx context.Context, p *Product) error {
	return s.InTx(ctx, func(tx *Store) error {
		p.UpdatedAt = tx.Now()
		if err := tx.db.Tx.Save(p).Error; err != nil {
			return fmt.Errorf("update product %s: %w", p.ID, store.Translate(err))
		}
		return tx.setProductSnaps(p)
	})
}

// DeleteProduct hides a product; its rows stay for the event log.
func (s *Store) DeleteProduct(p *Product) error {
	now := s.Now()
	if err := s.db.Tx.Model(&Product{}).Where("id = ?", p.ID).Update("deleted_at", store.Micros(now)).Error; err != nil {
		return fmt.Errorf("delete product %s: %w", p.ID, store.Translate(err))
	}
	return nil
}

// ProductFilter narrows a list of products; zero fields but Tenant do not.
type ProductFilter struct {
	Tenant string
	Name   string
	Snap   string // referenced by the product
	Page   store.Page
}

var productOrder = store.Order[Product]{
	Name: "products",
	Keys: []store.SortKey{{Column: "id", Text: true}},
	At:   func(p *Product) []any { return []any{p.ID.String()} },
}

// ListProducts returns the products of a tenant, oldest first.
func (s *Store) ListProducts(ctx context.Context, f ProductFilter) (store.List[Product], error) {
	q := s.db.Read(ctx).Model(&Product{}).Where("tenant = ? AND deleted_at IS NULL", f.Tenant)
	q = tables.WhereSet(q, "name", f.Name)
	if f.Snap != "" {
		q = q.Where("id IN (SELECT product_id FROM product_snaps WHERE snap = ?)", f.Snap)
	}
	list, err := productOrder.Page(q, f.Page)
	if err != nil {
		return list, fmt.Errorf("list products: %w", err)
	}
	return list, nil
}

// LockProductsWithSnap returns the products of a tenant that reference a snap,
// oldest first, locked like LockProduct does.
func (s *Store) LockProductsWithSnap(tenant, snap string) ([]Product, error) {
	var list []Product
	err := s.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}).Order("id").
		Find(&list, "tenant = ? AND deleted_at IS NULL AND id IN (SELECT product_id FROM product_snaps WHERE snap = ?)", tenant, snap).Error
	if err != nil {
		return nil, fmt.Errorf("products with snap %q: %w", snap, store.Translate(err))
	}
	return list, nil
}
