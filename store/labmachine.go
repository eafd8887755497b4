package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

func init() { registerModels(&LabMachine{}, &LabMachineMAC{}, &LabWork{}) }

// LabMachine is a machine whose agent has registered.
type LabMachine struct {
	ID           string  `gorm:"primaryKey"`  // ULID
	MACs         Strings `gorm:"column:macs"` // lower case, with colons
	Serial       string
	Architecture string
	Memory       int64 // MiB
	CPUCount     int64 `gorm:"column:cpu_count"`
	Address      string
	Hold         bool
	HoldReason   string
	RegisteredAt time.Time `gorm:"serializer:micros;type:bigint"`
	SeenAt       time.Time `gorm:"serializer:micros;type:bigint"`

	Node string `gorm:"-"` // the node that boots from one of its addresses; filled in on reading
}

// LabMachineMAC says which machine has a MAC address.
type LabMachineMAC struct {
	MAC     string `gorm:"column:mac;primaryKey"`
	Machine string
}

// TableName names the table.
func (LabMachineMAC) TableName() string { return "lab_machine_macs" }

// LabWork is a piece of work for the machine that is a node.
type LabWork struct {
	Task      string `gorm:"primaryKey"`
	Node      string
	Action    string
	Status    string // running, success, failure or stopped
	Message   string
	Retry     bool      // trying again may help
	Deadline  time.Time `gorm:"serializer:micros;type:bigint"`
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// TableName names the table.
func (LabWork) TableName() string { return "lab_work" }

// RegisterLabMachine adds the machine, or brings the one with one of its MAC
// addresses up to date; known tells which. m becomes what is stored then.
// ErrConflict: the addresses belong to several machines.
func (s *Store) RegisterLabMachine(ctx context.Context, m *LabMachine) (known bool, err error) {
	asked := *m
	err = s.InTx(ctx, func(tx *Store) error {
		*m, known = asked, false
		if err := tx.Lock(ctx, "lab machines"); err != nil {
			return err
		}
		var ids []string
		if err := tx.db.Model(&LabMachineMAC{}).Distinct("machine").Where("mac IN ?", []string(m.MACs)).Pluck("machine", &ids).Error; err != nil {
			return err
		}
		if len(ids) > 1 {
			return ErrConflict
		}
		m.RegisteredAt, m.SeenAt = tx.Now(), tx.Now()
		if len(ids) == 1 {
			var old LabMachine
			if err := tx.db.Take(&old, "id = ?", ids[0]).Error; err != nil {
				return err
			}
			known = true
			m.ID, m.RegisteredAt, m.Hold, m.HoldReason = old.ID, old.RegisteredAt, old.Hold, old.HoldReason
			if err := tx.db.Delete(&LabMachineMAC{}, "machine = ?", m.ID).Error; err != nil {
				return err
			}
		}
		if err := tx.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(m).Error; err != nil {
			return err
		}
		rows := make([]LabMachineMAC, len(m.MACs))
		for i, mac := range m.MACs {
			rows[i] = LabMachineMAC{MAC: mac, Machine: m.ID}
		}
		if err := tx.db.Create(&rows).Error; err != nil {
			return err
		}
		if err := tx.whoseMachines(ctx, []*LabMachine{m}); err != nil {
			return err
		}
		tx.Notify(LabNodeTopic(m.Node))
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("register machine: %w", translate(err))
	}
	return known, nil
}

// whoseMachines fills in the nodes.
func (s *Store) whoseMachines(ctx context.Context, machines []*LabMachine) error {
	var macs []string
	for _, m := range machines {
		macs = append(macs, m.MACs...)
	}
	nodes := map[string]string{}
	for part := range chunks(macs, labSlice) {
		var rows []LabNodeMAC
		if err := s.read(ctx).Where("mac IN ?", part).Find(&rows).Error; err != nil {
			return translate(err)
		}
		for _, r := range rows {
			nodes[r.MAC] = r.Node
		}
	}
	for _, m := range machines {
		for _, mac := range m.MACs {
			if m.Node == "" {
				m.Node = nodes[mac]
			}
		}
	}
	return nil
}

// LabNodeOfMAC returns the name of the node that boots from the address, or whose
// machine has it, or ErrNotFound.
func (s *Store) LabNodeOfMAC(ctx context.Context, mac string) (string, error) {
	m := LabMachine{MACs: Strings{mac}}
	var owner LabMachineMAC
	err := s.read(ctx).Limit(1).Find(&owner, "mac = ?", mac).Error
	if err == nil {
		err = s.whoseMachines(ctx, []*LabMachine{&m})
	}
	if err == nil && m.Node == "" && owner.Machine != "" {
		var known *LabMachine
		if known, err = s.LabMachine(ctx, owner.Machine); err == nil {
			m.Node = known.Node
		}
	}
	if err == nil && m.Node == "" {
		err = ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("node that boots from %s: %w", mac, translate(err))
	}
	return m.Node, nil
}

// LabMachine returns the machine, or ErrNotFound.
func (s *Store) LabMachine(ctx context.Context, id string) (*LabMachine, error) {
	var m LabMachine
	err := s.read(ctx).Take(&m, "id = ?", id).Error
	if err == nil {
		err = s.whoseMachines(ctx, []*LabMachine{&m})
	}
	if err != nil {
		return nil, fmt.Errorf("machine: %w", translate(err))
	}
	return &m, nil
}

// LabMachineOf returns the machine that is the node, or ErrNotFound.
func (s *Store) LabMachineOf(ctx context.Context, node string) (*LabMachine, error) {
	var ids []string
	err := s.read(ctx).Table("lab_machine_macs AS m").Joins("JOIN lab_node_macs AS n ON n.mac = m.mac").
		Where("n.node = ?", node).Order("m.machine").Limit(1).Pluck("m.machine", &ids).Error
	if err == nil && len(ids) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("machine of %s: %w", node, translate(err))
	}
	return s.LabMachine(ctx, ids[0])
}

var labMachineOrder = order[LabMachine]{
	name: "machines",
	keys: []sortKey{{column: "id", desc: true, text: true}},
	at:   func(m *LabMachine) []any { return []any{m.ID} },
}

// ListLabMachines returns machines, newest first; node narrows the list to the
// machine that is that node.
func (s *Store) ListLabMachines(ctx context.Context, node string, p Page) (List[LabMachine], error) {
	if node != "" {
		m, err := s.LabMachineOf(ctx, node)
		switch {
		case errors.Is(err, ErrNotFound):
			return List[LabMachine]{}, nil
		case err != nil:
			return List[LabMachine]{}, err
		}
		return List[LabMachine]{Items: []LabMachine{*m}}, nil
	}
	list, err := labMachineOrder.page(s.read(ctx).Model(&LabMachine{}), p)
	if err == nil {
		rows := make([]*LabMachine, len(list.Items))
		for i := range list.Items {
			rows[i] = &list.Items[i]
		}
		err = s.whoseMachines(ctx, rows)
	}
	if err != nil {
		return list, fmt.Errorf("list machines: %w", err)
	}
	return list, nil
}

// HoldLabMachine takes a machine out of automatic work, or back into it.
func (s *Store) HoldLabMachine(ctx context.Context, id string, hold bool, reason string) error {
	return s.updateMachine(ctx, id, map[string]any{"hold": hold, "hold_reason": reason})
}

// SeeLabMachine notes that a machine was heard of.
func (s *Store) SeeLabMachine(ctx context.Context, id string) error {
	return s.updateMachine(ctx, id, map[string]any{"seen_at": s.Now().UnixMicro()})
}

func (s *Store) updateMachine(ctx context.Context, id string, columns map[string]any) error {
	return s.InTx(ctx, func(tx *Store) error {
		done := tx.db.Model(&LabMachine{}).Where("id = ?", id).Updates(columns)
		if done.Error == nil && done.RowsAffected == 0 {
			done.Error = ErrNotFound
		}
		if done.Error != nil {
			return fmt.Errorf("update machine: %w", translate(done.Error))
		}
		return nil
	})
}

// DeleteLabMachine forgets a machine. ErrNotFound: there is none. ErrConflict:
// it has work.
func (s *Store) DeleteLabMachine(ctx context.Context, id string) error {
	err := s.InTx(ctx, func(tx *Store) error {
		m, err := tx.LabMachine(ctx, id)
		if err != nil {
			return err
		}
		var n int64
		err = tx.db.Model(&LabWork{}).Where("node = ? AND status = 'running'", m.Node).Count(&n).Error
		if err == nil && n > 0 && m.Node != "" {
			err = ErrConflict
		}
		if err != nil {
			return err
		}
		return tx.db.Delete(&LabMachine{}, "id = ?", id).Error
	})
	if err != nil {
		return fmt.Errorf("delete machine: %w", translate(err))
	}
	return nil
}

// OfferLabWork puts work up for a node's machine, unless it is there already,
// and returns it as it stands.
func (s *Store) OfferLabWork(ctx context.Context, w *LabWork) (*LabWork, error) {
	var row LabWork
	err := s.InTx(ctx, func(tx *Store) error {
		row = *w
		row.CreatedAt = tx.Now()
		if err := tx.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return err
		}
		tx.Notify(LabNodeTopic(w.Node))
		row = LabWork{}
		return tx.db.Take(&row, "task = ?", w.Task).Error
	})
	if err != nil {
		return nil, fmt.Errorf("offer work: %w", translate(err))
	}
	return &row, nil
}

// LabWork returns a piece of work, or ErrNotFound.
func (s *Store) LabWork(ctx context.Context, task string) (*LabWork, error) {
	var w LabWork
	if err := s.read(ctx).Take(&w, "task = ?", task).Error; err != nil {
		return nil, fmt.Errorf("work: %w", translate(err))
	}
	return &w, nil
}

// NextLabWork returns the oldest work that a node's machine has to do, or
// ErrNotFound.
func (s *Store) NextLabWork(ctx context.Context, node string) (*LabWork, error) {
	var rows []LabWork
	err := s.read(ctx).Where("node = ? AND status = 'running'", node).Order("created_at, task").Limit(1).Find(&rows).Error
	if err == nil && len(rows) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("next work: %w", translate(err))
	}
	return &rows[0], nil
}

// ReportLabWork notes how a piece of work goes, which names its node, and adds
// the messages to its task. ErrConflict: it is over.
func (s *Store) ReportLabWork(ctx context.Context, w *LabWork, messages []LabMessage) error {
	err := s.InTx(ctx, func(tx *Store) error {
		done := tx.db.Model(&LabWork{}).Where("task = ? AND status = 'running'", w.Task).
			Updates(map[string]any{"status": w.Status, "message": w.Message, "retry": w.Retry})
		if done.Error == nil && done.RowsAffected == 0 {
			done.Error = ErrConflict
		}
		if done.Error != nil {
			return done.Error
		}
		if w.Status != "running" {
			tx.Notify(LabNodeTopic(w.Node))
		}
		return tx.AddLabMessages(ctx, messages)
	})
	if err != nil {
		return fmt.Errorf("report on work: %w", translate(err))
	}
	return nil
}
