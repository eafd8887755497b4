package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

func init() { registerModels(&Cloud{}) }

// Cloud is a registered cloud under test. The fields are those of RefStack's
// record (refstack/models.py of June 2014); passwords were never part of it.
type Cloud struct {
	ID            int64 `gorm:"primaryKey"`
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
	CPID          string `gorm:"column:cpid"` // cloud provider id
	ExtraConfig   JSON   // goes into the miniconf; nil when there is none

	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	UpdatedAt time.Time `gorm:"serializer:micros;type:bigint;autoUpdateTime:false"`
}

// CreateCloud adds a cloud and fills in ID and the times.
func (s *Store) CreateCloud(ctx context.Context, c *Cloud) error {
	c.CreatedAt = s.Now()
	c.UpdatedAt = c.CreatedAt
	return s.InTx(ctx, func(tx *Store) error {
		c.ID = 0 // in case this runs again
		if err := tx.db.Create(c).Error; err != nil {
			return fmt.Errorf("create cloud: %w", translate(err))
		}
		return nil
	})
}

// Cloud returns the cloud, or ErrNotFound.
func (s *Store) Cloud(ctx context.Context, id int64) (*Cloud, error) {
	var c Cloud
	if err := s.read(ctx).Take(&c, "id = ?", id).Error; err != nil {
		return nil, fmt.Errorf("cloud %d: %w", id, translate(err))
	}
	return &c, nil
}

// CloudFilter narrows a list of clouds; zero fields do not.
type CloudFilter struct {
	Label string
	CPID  string
	Page  Page
}

var cloudOrder = order[Cloud]{
	name: "clouds",
	keys: []sortKey{{column: "id", desc: true}},
	at:   func(c *Cloud) []any { return []any{c.ID} },
}

// ListClouds returns clouds, newest first.
func (s *Store) ListClouds(ctx context.Context, f CloudFilter) (List[Cloud], error) {
	q := s.read(ctx).Model(&Cloud{})
	q = whereSet(q, "label", f.Label)
	q = whereSet(q, "cpid", f.CPID)
	list, err := cloudOrder.page(q, f.Page)
	if err != nil {
		return list, fmt.Errorf("list clouds: %w", err)
	}
	return list, nil
}

// UpdateCloud loads the cloud, lets change edit it and saves the result in one
// transaction. It returns ErrNotFound, or the error of change without saving
// anything. ID and CreatedAt stay.
func (s *Store) UpdateCloud(ctx context.Context, id int64, change func(*Cloud) error) error {
	return s.InTx(ctx, func(tx *Store) error {
		var c Cloud
		if err := tx.db.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&c, "id = ?", id).Error; err != nil {
			return fmt.Errorf("cloud %d: %w", id, translate(err))
		}
		created := c.CreatedAt
		if err := change(&c); err != nil {
			return err
		}
		c.ID, c.CreatedAt, c.UpdatedAt = id, created, tx.Now()
		if err := tx.db.Save(&c).Error; err != nil {
			return fmt.Errorf("update cloud %d: %w", id, translate(err))
		}
		return nil
	})
}

// cascadeSlice is how many runs go in one transaction with their cloud.
const cascadeSlice = 50

// DeleteCloud removes the cloud. While it has runs that is ErrConflict; with
// cascade the runs go first, some at a time, so an error in between leaves the
// cloud with fewer runs. ErrNotFound: no such cloud. ErrVerified is that of
// DeleteRun.
func (s *Store) DeleteCloud(ctx context.Context, id int64, cascade bool) error {
	for {
		done := false
		err := s.InTx(ctx, func(tx *Store) error {
			var runs []int64
			q := tx.db.Model(&Run{}).Where("cloud_id = ?", id).Limit(cascadeSlice)
			if err := q.Pluck("id", &runs).Error; err != nil {
				return fmt.Errorf("runs of cloud %d: %w", id, translate(err))
			}
			if len(runs) == 0 {
				done = true
				return tx.deleteCloud(id)
			}
			if !cascade {
				return fmt.Errorf("cloud %d has runs: %w", id, ErrConflict)
			}
			for _, run := range runs {
				if err := tx.DeleteRun(ctx, run); err != nil && !errors.Is(err, ErrNotFound) {
					return err
				}
			}
			return nil
		})
		switch {
		case errors.Is(err, ErrReference) && cascade: // a run was created meanwhile
		case errors.Is(err, ErrReference):
			return fmt.Errorf("cloud %d has runs: %w", id, ErrConflict)
		case err != nil || done:
			return err
		}
	}
}

func (s *Store) deleteCloud(id int64) error {
	res := s.db.Delete(&Cloud{}, "id = ?", id)
	if res.Error == nil && res.RowsAffected == 0 {
		res.Error = gorm.ErrRecordNotFound
	}
	if res.Error != nil {
		return fmt.Errorf("delete cloud %d: %w", id, translate(res.Error))
	}
	return nil
}
