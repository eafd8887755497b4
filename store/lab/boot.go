package lab

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
)

// Deployment is the newest deployment of a node. Its key is not stored: it is
// derived from Task.
type Deployment struct {
	Node      string `gorm:"primaryKey"`
	Task      string // the deploy task of the node, which names the deployment
	Root      string // the top task
	Digest    string // of the design
	DesignRef string
	BaseURL   string    `gorm:"column:base_url"` // how the client that asked for the task reached the server
	Keyed     bool      // some boot action is for this node
	Ended     bool      // the top task is over
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// BootAction is a boot action on a node in one deployment.
type BootAction struct {
	ID        string `gorm:"primaryKey"` // ULID
	Node      string
	Name      string
	Task      string // the deployment's
	Root      string
	Status    string    // incomplete, success, failure or unreported
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// BeginDeployment makes a deployment the node's newest one, with its boot
// actions. Doing so again for the same task changes nothing.
func (s *Store) BeginDeployment(ctx context.Context, d *Deployment, actions []BootAction) error {
	err := s.InTx(ctx, func(tx *Store) error {
		var n int64
		if err := tx.db.Tx.Model(&Deployment{}).Where("node = ? AND task = ?", d.Node, d.Task).Count(&n).Error; err != nil || n > 0 {
			return err
		}
		d.CreatedAt = tx.Now()
		if err := tx.db.Tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(d).Error; err != nil {
			return err
		}
		for part := range chunks(actions, batchRows/2) {
			for i := range part {
				part[i].CreatedAt = d.CreatedAt
			}
			if err := tx.db.Tx.Create(&part).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("begin deployment of %s: %w", d.Node, store.Translate(err))
	}
	return nil
}

// Deployment returns the node's newest deployment, or ErrNotFound.
func (s *Store) Deployment(ctx context.Context, node string) (*Deployment, error) {
	var d Deployment
	if err := s.db.Read(ctx).Take(&d, "node = ?", node).Error; err != nil {
		return nil, fmt.Errorf("deployment of %s: %w", node, store.Translate(err))
	}
	return &d, nil
}

// BootActions returns the boot actions of a deployment, in the order of the
// design.
func (s *Store) BootActions(ctx context.Context, task string) ([]BootAction, error) {
	var rows []BootAction
	if err := s.db.Read(ctx).Where("task = ?", task).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("boot actions of %s: %w", task, store.Translate(err))
	}
	return rows, nil
}

// BootActionsOfNodes returns the boot actions that belong to the newest
// deployment of each of the nodes under a top task.
func (s *Store) BootActionsOfNodes(ctx context.Context, root string) ([]BootAction, error) {
	var rows []BootAction
	err := s.db.Read(ctx).
		Where("root = ? AND task IN (?)", root, s.db.Read(ctx).Model(&Deployment{}).Select("task").Where("root = ?", root)).
		Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("boot actions under %s: %w", root, store.Translate(err))
	}
	return rows, nil
}

// BootAction returns the boot action of that id, or ErrNotFound.
func (s *Store) BootAction(ctx context.Context, id string) (*BootAction, error) {
	var a BootAction
	if err := s.db.Read(ctx).Take(&a, "id = ?", id).Error; err != nil {
		return nil, fmt.Errorf("boot action: %w", store.Translate(err))
	}
	return &a, nil
}

// SignalBootAction adds messages to the action's task, if that is still there,
// and, when status is not
// empty, ends the action with it. ErrConflict: it has ended, or reports
// nothing. It returns the action as it is then.
func (s *Store) SignalBootAction(ctx context.Context, id, status string, messages []Message) (*BootAction, error) {
	var a BootAction
	err := s.InTx(ctx, func(tx *Store) error {
		a = BootAction{}
		if err := tx.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&a, "id = ?", id).Error; err != nil {
			return err
		}
		if a.Status != "incomplete" {
			return store.ErrConflict
		}
		if status != "" {
			a.Status = status
			if err := tx.db.Tx.Model(&BootAction{}).Where("id = ?", id).Update("status", status).Error; err != nil {
				return err
			}
			tx.Notify(BootTopic(a.Root))
		}
		var tasks int64 // boot actions outlive their tasks, messages do not
		if err := tx.db.Tx.Model(&Task{}).Where("id = ?", a.Task).Count(&tasks).Error; err != nil || tasks == 0 {
			return err
		}
		return tx.AddMessages(ctx, messages)
	})
	if err != nil {
		return nil, fmt.Errorf("signal of boot action: %w", store.Translate(err))
	}
	return &a, nil
}
