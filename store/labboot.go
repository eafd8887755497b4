package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

func init() { registerModels(&LabDeployment{}, &LabBootAction{}) }

// LabDeployment is the newest deployment of a node. Its key is not stored: it is
// derived from Task.
type LabDeployment struct {
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

// LabBootAction is a boot action on a node in one deployment.
type LabBootAction struct {
	ID        string `gorm:"primaryKey"` // ULID
	Node      string
	Name      string
	Task      string // the deployment's
	Root      string
	Status    string    // incomplete, success, failure or unreported
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// BeginLabDeployment makes a deployment the node's newest one, with its boot
// actions. Doing so again for the same task changes nothing.
func (s *Store) BeginLabDeployment(ctx context.Context, d *LabDeployment, actions []LabBootAction) error {
	err := s.InTx(ctx, func(tx *Store) error {
		var n int64
		if err := tx.db.Model(&LabDeployment{}).Where("node = ? AND task = ?", d.Node, d.Task).Count(&n).Error; err != nil || n > 0 {
			return err
		}
		d.CreatedAt = tx.Now()
		if err := tx.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(d).Error; err != nil {
			return err
		}
		for part := range chunks(actions, labSlice/2) {
			for i := range part {
				part[i].CreatedAt = d.CreatedAt
			}
			if err := tx.db.Create(&part).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("begin deployment of %s: %w", d.Node, translate(err))
	}
	return nil
}

// LabDeployment returns the node's newest deployment, or ErrNotFound.
func (s *Store) LabDeployment(ctx context.Context, node string) (*LabDeployment, error) {
	var d LabDeployment
	if err := s.read(ctx).Take(&d, "node = ?", node).Error; err != nil {
		return nil, fmt.Errorf("deployment of %s: %w", node, translate(err))
	}
	return &d, nil
}

// LabBootActions returns the boot actions of a deployment, in the order of the
// design.
func (s *Store) LabBootActions(ctx context.Context, task string) ([]LabBootAction, error) {
	var rows []LabBootAction
	if err := s.read(ctx).Where("task = ?", task).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("boot actions of %s: %w", task, translate(err))
	}
	return rows, nil
}

// LabBootActionsOfNodes returns the boot actions that belong to the newest
// deployment of each of the nodes under a top task.
func (s *Store) LabBootActionsOfNodes(ctx context.Context, root string) ([]LabBootAction, error) {
	var rows []LabBootAction
	err := s.read(ctx).
		Where("root = ? AND task IN (?)", root, s.read(ctx).Model(&LabDeployment{}).Select("task").Where("root = ?", root)).
		Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("boot actions under %s: %w", root, translate(err))
	}
	return rows, nil
}

// LabBootAction returns the boot action of that id, or ErrNotFound.
func (s *Store) LabBootAction(ctx context.Context, id string) (*LabBootAction, error) {
	var a LabBootAction
	if err := s.read(ctx).Take(&a, "id = ?", id).Error; err != nil {
		return nil, fmt.Errorf("boot action: %w", translate(err))
	}
	return &a, nil
}

// SignalLabBootAction adds messages to the action's task, if that is still there,
// and, when status is not
// empty, ends the action with it. ErrConflict: it has ended, or reports
// nothing. It returns the action as it is then.
func (s *Store) SignalLabBootAction(ctx context.Context, id, status string, messages []LabMessage) (*LabBootAction, error) {
	var a LabBootAction
	err := s.InTx(ctx, func(tx *Store) error {
		a = LabBootAction{}
		if err := tx.db.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&a, "id = ?", id).Error; err != nil {
			return err
		}
		if a.Status != "incomplete" {
			return ErrConflict
		}
		if status != "" {
			a.Status = status
			if err := tx.db.Model(&LabBootAction{}).Where("id = ?", id).Update("status", status).Error; err != nil {
				return err
			}
			tx.Notify(LabBootTopic(a.Root))
		}
		var tasks int64 // boot actions outlive their tasks, messages do not
		if err := tx.db.Model(&LabTask{}).Where("id = ?", a.Task).Count(&tasks).Error; err != nil || tasks == 0 {
			return err
		}
		return tx.AddLabMessages(ctx, messages)
	})
	if err != nil {
		return nil, fmt.Errorf("signal of boot action: %w", translate(err))
	}
	return &a, nil
}
