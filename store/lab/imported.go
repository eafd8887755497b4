package lab

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
)

// TasksByID returns those of the tasks that are there, by their ids.
func (s *Store) TasksByID(ctx context.Context, ids []string) (map[string]Task, error) {
	out := map[string]Task{}
	for part := range chunks(ids, batchRows) {
		var rows []Task
		if err := s.db.Read(ctx).Where("id IN ?", part).Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("tasks: %w", store.Translate(err))
		}
		for _, r := range rows {
			out[r.ID] = r
		}
	}
	return out, nil
}

// AdoptTasks adds tasks of another system in a transaction, with their times. They must
// be over: nobody goes on with them. ErrConflict: an id is taken.
func (s *Store) AdoptTasks(tasks []Task) error {
	for part := range chunks(tasks, batchRows/4) {
		for i := range part {
			if !final(part[i].Status) {
				return fmt.Errorf("task %s is not over: %w", part[i].ID, store.ErrInvalid)
			}
		}
		if err := s.db.Tx.Create(&part).Error; err != nil {
			return fmt.Errorf("add tasks: %w", store.Translate(err))
		}
	}
	return nil
}

// AdoptBootActions adds boot actions of another system in a transaction, except those
// that are there.
func (s *Store) AdoptBootActions(actions []BootAction) error {
	for part := range chunks(actions, batchRows/4) {
		if err := s.db.Tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&part).Error; err != nil {
			return fmt.Errorf("add boot actions: %w", store.Translate(err))
		}
	}
	return nil
}

// FindBuildData reports whether a record like d is there, and whether one of the same
// node and generator is newer: among those the last that was added counts as the latest.
func (s *Store) FindBuildData(ctx context.Context, d *BuildData) (there, newer bool, err error) {
	var n int64
	of := s.db.Read(ctx).Model(&BuildData{}).Where("node = ? AND generator = ?", d.Node, d.Generator)
	err = of.Session(&gorm.Session{}).Where("collected_at > ?", store.Micros(d.CollectedAt)).Limit(1).Count(&n).Error
	if newer = n > 0; err != nil {
		return false, false, fmt.Errorf("build data: %w", store.Translate(err))
	}
	var rows []BuildData
	err = of.Session(&gorm.Session{}).Where("collected_at = ? AND task = ? AND format = ?", store.Micros(d.CollectedAt), d.Task, d.Format).Find(&rows).Error
	if err != nil {
		return false, newer, fmt.Errorf("build data: %w", store.Translate(err))
	}
	for i := range rows {
		there = there || string(rows[i].Data) == string(d.Data)
	}
	return there, newer, nil
}

// AdoptBuildData adds build data of another system in a transaction; CollectedAt stays.
func (s *Store) AdoptBuildData(d *BuildData) error {
	d.ID = 0
	if err := s.db.Tx.Create(d).Error; err != nil {
		return fmt.Errorf("add build data: %w", store.Translate(err))
	}
	return nil
}
