package lab

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
)

// Work is a piece of work for the machine that is a node.
type Work struct {
	Task      string `gorm:"primaryKey"`
	Node      string
	Action    string
	Status    string // running, success, failure or stopped
	Message   string
	Retry     bool      // trying again may help
	Deadline  time.Time `gorm:"serializer:micros;type:bigint"`
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// OfferWork puts work up for a node's machine, unless it is there already,
// and returns it as it stands.
func (s *Store) OfferWork(ctx context.Context, w *Work) (*Work, error) {
	var row Work
	err := s.InTx(ctx, func(tx *Store) error {
		row = *w
		row.CreatedAt = tx.Now()
		if err := tx.db.Tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return err
		}
		tx.Notify(NodeTopic(w.Node))
		row = Work{}
		return tx.db.Tx.Take(&row, "task = ?", w.Task).Error
	})
	if err != nil {
		return nil, fmt.Errorf("offer work: %w", store.Translate(err))
	}
	return &row, nil
}

// Work returns a piece of work, or ErrNotFound.
func (s *Store) Work(ctx context.Context, task string) (*Work, error) {
	var w Work
	if err := s.db.Read(ctx).Take(&w, "task = ?", task).Error; err != nil {
		return nil, fmt.Errorf("work: %w", store.Translate(err))
	}
	return &w, nil
}

// NextWork returns the oldest work that a node's machine has to do, or
// ErrNotFound.
func (s *Store) NextWork(ctx context.Context, node string) (*Work, error) {
	var rows []Work
	err := s.db.Read(ctx).Where("node = ? AND status = 'running'", node).Order("created_at, task").Limit(1).Find(&rows).Error
	if err == nil && len(rows) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("next work: %w", store.Translate(err))
	}
	return &rows[0], nil
}

// ReportWork notes how a piece of work goes, which names its node, and adds
// the messages to its task. ErrConflict: it is over.
func (s *Store) ReportWork(ctx context.Context, w *Work, messages []Message) error {
	err := s.InTx(ctx, func(tx *Store) error {
		done := tx.db.Tx.Model(&Work{}).Where("task = ? AND status = 'running'", w.Task).
			Updates(map[string]any{"status": w.Status, "message": w.Message, "retry": w.Retry})
		if done.Error == nil && done.RowsAffected == 0 {
			done.Error = store.ErrConflict
		}
		if done.Error != nil {
			return done.Error
		}
		if w.Status != "running" {
			tx.Notify(NodeTopic(w.Node))
		}
		return tx.AddMessages(ctx, messages)
	})
	if err != nil {
		return fmt.Errorf("report on work: %w", store.Translate(err))
	}
	return nil
}
