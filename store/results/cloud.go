package results

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Cloud is a registered cloud under test. The fields are those of RefStack's
// record (refstack/models.py of June 2014); passwords were never part of it.
type Cloud struct {
	ID            int64 `gorm:"primaryKey"`
	Tenant        string
	Label         string
	Endpoint      string // Keystone
	EndpointV3    string `gorm:"column:endpoint_v3"`
	AdminEndpoint string
	TestUser      string
	AdminUser     string
	AltUser       string
	Version       string // OpenStack release
	TempestSHA    string `gorm:"column:tempest_sha"`
	Architecture  string
	CPID          string     `gorm:"column:cpid"` // cloud provider id
	ExtraConfig   store.JSON // goes into the miniconf, without what is secret; nil when there is none
	SecretOptions store.JSON // the options that are secret beside those whose name says so; nil when there are none
	Secrets       []byte     // what of the miniconf is secret, sealed; nil when nothing is

	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	UpdatedAt time.Time `gorm:"serializer:micros;type:bigint;autoUpdateTime:false"`
}

// CreateCloud adds a cloud and fills in ID and the times.
func (s *Store) CreateCloud(ctx context.Context, c *Cloud) error {
	c.CreatedAt = s.Now()
	c.UpdatedAt = c.CreatedAt
	return s.InTx(ctx, func(tx *Store) error {
		c.ID = 0 // in case this runs again
		if err := tx.db.Tx.Create(c).Error; err != nil {
			return fmt.Errorf("create cloud: %w", store.Translate(err))
		}
		return nil
	})
}

// Cloud returns the cloud, or ErrNotFound.
func (s *Store) Cloud(ctx context.Context, scope store.Scope, id int64) (*Cloud, error) {
	var c Cloud
	if err := tables.Narrow(s.db.Read(ctx), scope.Seen("tenant")).Take(&c, "id = ?", id).Error; err != nil {
		return nil, fmt.Errorf("cloud %d: %w", id, store.Translate(err))
	}
	return &c, nil
}

// CloudFilter narrows a list of clouds; zero fields but Scope do not.
type CloudFilter struct {
	Scope store.Scope
	Label string
	CPID  string
	Page  store.Page
}

var cloudOrder = store.Order[Cloud]{
	Name: "clouds",
	Keys: []store.SortKey{{Column: "id", Desc: true}},
	At:   func(c *Cloud) []any { return []any{c.ID} },
}

// ListClouds returns clouds, newest first. A cloud of a tenant hides those of no
// tenant that have its label.
func (s *Store) ListClouds(ctx context.Context, f CloudFilter) (store.List[Cloud], error) {
	q := tables.Narrow(s.db.Read(ctx).Model(&Cloud{}), f.Scope.Seen("clouds.tenant"))
	q = tables.Narrow(q, f.Scope.Unshadowed("clouds", "label"))
	q = tables.WhereSet(q, "label", f.Label)
	q = tables.WhereSet(q, "cpid", f.CPID)
	list, err := cloudOrder.Page(q, f.Page)
	if err != nil {
		return list, fmt.Errorf("list clouds: %w", err)
	}
	return list, nil
}

// UpdateCloud loads the cloud, lets change edit it and saves the result in one
// transaction. It returns ErrNotFound, ErrOfNoTenant, or the error of change
// without saving anything. ID, Tenant and CreatedAt stay.
func (s *Store) UpdateCloud(ctx context.Context, scope store.Scope, id int64, change func(*Cloud) error) error {
	return s.InTx(ctx, func(tx *Store) error {
		c, err := tx.lockCloud(scope, id)
		if err != nil {
			return err
		}
		old := *c
		if err := change(c); err != nil {
			return err
		}
		c.ID, c.Tenant, c.CreatedAt, c.UpdatedAt = id, old.Tenant, old.CreatedAt, tx.Now()
		if err := tx.db.Tx.Save(c).Error; err != nil {
			return fmt.Errorf("update cloud %d: %w", id, store.Translate(err))
		}
		return nil
	})
}

// lockCloud reads a cloud that may be changed and keeps others from changing it.
func (s *Store) lockCloud(scope store.Scope, id int64) (*Cloud, error) {
	var c Cloud
	err := s.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&c, "id = ?", id).Error
	if err = store.Translate(err); err == nil {
		err = scope.Check(c.Tenant)
	}
	if err != nil {
		return nil, fmt.Errorf("cloud %d: %w", id, err)
	}
	return &c, nil
}

// cascadeSlice is how many runs go in one transaction with their cloud.
const cascadeSlice = 50

// DeleteCloud removes the cloud. While it has runs that is ErrConflict; with
// cascade the runs go first, some at a time, so an error in between leaves the
// cloud with fewer runs. Runs that the scope may not change stay, and are
// ErrConflict in any case. ErrNotFound: no such cloud. ErrOfNoTenant: only others
// may change it. ErrVerified and ErrKept
// are those of DeleteRun.
func (s *Store) DeleteCloud(ctx context.Context, scope store.Scope, id int64, cascade bool) error {
	for {
		done := false
		err := s.InTx(ctx, func(tx *Store) error {
			runs, err := tx.runsWithCloud(scope, id)
			if err != nil {
				return err
			}
			if len(runs) == 0 {
				done = true
				return tx.deleteCloud(id)
			}
			if !cascade {
				return fmt.Errorf("cloud %d has runs: %w", id, store.ErrConflict)
			}
			for _, run := range runs {
				if err := tx.DeleteRun(ctx, scope, run); err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
			}
			return nil
		})
		switch {
		case errors.Is(err, store.ErrReference) && cascade: // a run was created meanwhile
		case errors.Is(err, store.ErrReference):
			return fmt.Errorf("cloud %d has runs: %w", id, store.ErrConflict)
		case err != nil || done:
			return err
		}
	}
}

// runsWithCloud returns some of the runs that go with a cloud, which it locks.
// ErrConflict: one of the cloud's runs is not the scope's to delete.
func (s *Store) runsWithCloud(scope store.Scope, id int64) (runs []int64, err error) {
	if _, err := s.lockCloud(scope, id); err != nil {
		return nil, err
	}
	of := func() *gorm.DB { return s.db.Tx.Model(&Run{}).Where("cloud_id = ?", id).Limit(cascadeSlice) }
	if !scope.All {
		var others []int64
		if err := of().Where("tenant <> ?", scope.Tenant).Pluck("id", &others).Error; err != nil {
			return nil, fmt.Errorf("runs of cloud %d: %w", id, store.Translate(err))
		}
		if len(others) > 0 {
			return nil, fmt.Errorf("cloud %d has runs of others: %w", id, store.ErrConflict)
		}
	}
	if err := of().Pluck("id", &runs).Error; err != nil {
		return nil, fmt.Errorf("runs of cloud %d: %w", id, store.Translate(err))
	}
	return runs, nil
}

func (s *Store) deleteCloud(id int64) error {
	res := s.db.Tx.Delete(&Cloud{}, "id = ?", id)
	if res.Error == nil && res.RowsAffected == 0 {
		res.Error = gorm.ErrRecordNotFound
	}
	if res.Error != nil {
		return fmt.Errorf("delete cloud %d: %w", id, store.Translate(res.Error))
	}
	return nil
}
