package products

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
)

// TestSpec is a test to run for a product.
type TestSpec struct {
	ID          uuid.UUID     `gorm:"type:text;primaryKey"`
	ProductID   uuid.UUID     `gorm:"type:text"`
	VersionID   uuid.UUID     `gorm:"type:text"` // of what it is now
	Name        string        // unique in the product
	Platform    *string       // nil: any agent
	AgentGroup  *string       // nil: any agent
	Channels    store.Strings // empty: all
	Triggers    store.Strings // empty: all
	Enabled     bool
	Priority    int64
	MaxAttempts int64
	QueueTTLUS  int64     `gorm:"column:queue_ttl_us"`
	CreatedAt   time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	UpdatedAt   time.Time `gorm:"serializer:micros;type:bigint;autoUpdateTime:false"`

	// TestPayload lies with the version, and is filled in when specs are read.
	TestPayload store.JSON `gorm:"-"`
}

// QueueTTL is how long an opportunity of the spec may wait.
func (t *TestSpec) QueueTTL() time.Duration { return time.Duration(t.QueueTTLUS) * time.Microsecond }

// SpecVersion is what opportunities and results keep of a test spec that may
// change or go.
type SpecVersion struct {
	ID            uuid.UUID `gorm:"type:text;primaryKey"`
	SpecID        uuid.UUID `gorm:"type:text"`
	Name          string
	Platform      *string
	TestPayload   store.JSON
	SpecCreatedAt time.Time `gorm:"serializer:micros;type:bigint"`
}

// CreateTestSpec adds a spec with its first version, and fills in ID and times.
// ErrConflict: the product has one of this name.
func (s *Store) CreateTestSpec(ctx context.Context, t *TestSpec) error {
	return s.InTx(ctx, func(tx *Store) error {
		t.ID, t.CreatedAt = tx.NewID(), tx.Now()
		t.UpdatedAt = t.CreatedAt
		if err := tx.newSpecVersion(t); err != nil {
			return err
		}
		if err := tx.db.Tx.Create(t).Error; err != nil {
			return fmt.Errorf("create test spec %q: %w", t.Name, store.Translate(err))
		}
		return nil
	})
}

func (s *Store) newSpecVersion(t *TestSpec) error {
	v := SpecVersion{
		ID: s.NewID(), SpecID: t.ID, Name: t.Name, Platform: t.Platform, TestPayload: t.TestPayload, SpecCreatedAt: t.CreatedAt,
	}
	if err := s.db.Tx.Create(&v).Error; err != nil {
		return fmt.Errorf("version of test spec %s: %w", t.ID, store.Translate(err))
	}
	t.VersionID = v.ID
	return nil
}

// SaveTestSpec writes a spec with a new version of it. ErrConflict: the product
// has another one of this name.
func (s *Store) SaveTestSpec(ctx context.Context, t *TestSpec) error {
	return s.InTx(ctx, func(tx *Store) error {
		t.UpdatedAt = tx.Now()
		if err := tx.newSpecVersion(t); err != nil {
			return err
		}
		if err := tx.db.Tx.Save(t).Error; err != nil {
			return fmt.Errorf("update test spec %s: %w", t.ID, store.Translate(err))
		}
		return nil
	})
}

// DeleteTestSpec removes a spec; its versions stay.
func (s *Store) DeleteTestSpec(id uuid.UUID) error {
	if err := s.db.Tx.Delete(&TestSpec{}, "id = ?", id).Error; err != nil {
		return fmt.Errorf("delete test spec %s: %w", id, store.Translate(err))
	}
	return nil
}

// TestSpec returns a spec of the product, or ErrNotFound.
func (s *Store) TestSpec(ctx context.Context, product, id uuid.UUID) (*TestSpec, error) {
	specs := make([]TestSpec, 1)
	if err := s.db.Read(ctx).Take(&specs[0], "id = ? AND product_id = ?", id, product).Error; err != nil {
		return nil, fmt.Errorf("test spec %s: %w", id, store.Translate(err))
	}
	return &specs[0], s.fillPayloads(ctx, specs)
}

var testSpecOrder = store.Order[TestSpec]{
	Name: "testspecs",
	Keys: []store.SortKey{{Column: "id", Text: true}},
	At:   func(t *TestSpec) []any { return []any{t.ID.String()} },
}

// ListTestSpecs returns the specs of a product, oldest first.
func (s *Store) ListTestSpecs(ctx context.Context, product uuid.UUID, p store.Page) (store.List[TestSpec], error) {
	list, err := testSpecOrder.Page(s.db.Read(ctx).Model(&TestSpec{}).Where("product_id = ?", product), p)
	if err == nil {
		err = s.fillPayloads(ctx, list.Items)
	}
	if err != nil {
		return list, fmt.Errorf("test specs of product %s: %w", product, err)
	}
	return list, nil
}

// AllTestSpecs returns every spec of a product, oldest first, without payloads.
func (s *Store) AllTestSpecs(ctx context.Context, product uuid.UUID) ([]TestSpec, error) {
	var list []TestSpec
	if err := s.db.Read(ctx).Order("id").Find(&list, "product_id = ?", product).Error; err != nil {
		return nil, fmt.Errorf("test specs of product %s: %w", product, store.Translate(err))
	}
	return list, nil
}

func (s *Store) fillPayloads(ctx context.Context, specs []TestSpec) error {
	ids := make([]uuid.UUID, len(specs))
	for i := range specs {
		ids[i] = specs[i].VersionID
	}
	versions, err := s.SpecVersions(ctx, ids)
	if err != nil {
		return err
	}
	for i := range specs {
		if v := versions[specs[i].VersionID]; v != nil {
			specs[i].TestPayload = v.TestPayload
		}
	}
	return nil
}

// SpecVersions returns the versions with these ids.
func (s *Store) SpecVersions(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*SpecVersion, error) {
	var list []SpecVersion
	if len(ids) > 0 {
		if err := s.db.Read(ctx).Find(&list, "id IN ?", ids).Error; err != nil {
			return nil, fmt.Errorf("versions of test specs: %w", store.Translate(err))
		}
	}
	byID := make(map[uuid.UUID]*SpecVersion, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
	}
	return byID, nil
}
