package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
)

// Machine is a machine whose agent has registered.
type Machine struct {
	ID           string        `gorm:"primaryKey"`  // ULID
	MACs         store.Strings `gorm:"column:macs"` // lower case, with colons
	Serial       string
	Architecture string
	Memory       int64 // MiB
	CPUCount     int64 `gorm:"column:cpu_count"`
	Address      string
	Hold         bool
	HoldReason   string
	RegisteredAt time.Time `gorm:"serializer:micros;type:bigint"`
	SeenAt       time.Time `gorm:"serializer:micros;type:bigint"`

	// Keys have numbers, none of which is used twice. KeyNumber is that of the
	// key that opens; NewKey that of one which somebody got who could not show
	// it, and which opens nothing until an operator confirms it; 0: there is none.
	KeyNumber int64
	NewKey    int64
	KeysMade  int64

	Node string `gorm:"-"` // the node that boots from one of its addresses; filled in on reading
}

// MachineMAC says which machine has a MAC address.
type MachineMAC struct {
	MAC     string `gorm:"column:mac;primaryKey"`
	Machine string
}

// RegisterMachine adds the machine, or brings the one with one of its MAC
// addresses up to date; known tells which. m becomes what is stored then. A known
// machine is only changed when itself says that the caller is that machine or may
// speak for it; else it is held for the reason and gets a NewKey, and what is
// stored of it stays. ErrConflict: the addresses belong to several machines.
func (s *Store) RegisterMachine(ctx context.Context, m *Machine, itself func(*Machine) bool, reason string) (known bool, err error) {
	asked := *m
	err = s.InTx(ctx, func(tx *Store) error {
		*m, known = asked, false
		if err := tx.Lock(ctx, "lab machines"); err != nil {
			return err
		}
		var ids []string
		if err := tx.db.Tx.Model(&MachineMAC{}).Distinct("machine").Where("mac IN ?", []string(m.MACs)).Pluck("machine", &ids).Error; err != nil {
			return err
		}
		if len(ids) > 1 {
			return store.ErrConflict
		}
		m.RegisteredAt, m.SeenAt = tx.Now(), tx.Now()
		m.KeyNumber, m.KeysMade = 1, 1
		if len(ids) == 1 {
			var old Machine
			if err := tx.db.Tx.Take(&old, "id = ?", ids[0]).Error; err != nil {
				return err
			}
			known = true
			if !itself(&old) {
				return tx.offerKey(ctx, m, old, reason)
			}
			m.ID, m.RegisteredAt, m.Hold, m.HoldReason = old.ID, old.RegisteredAt, old.Hold, old.HoldReason
			m.KeyNumber, m.NewKey, m.KeysMade = old.KeyNumber, old.NewKey, old.KeysMade
			if err := tx.db.Tx.Delete(&MachineMAC{}, "machine = ?", m.ID).Error; err != nil {
				return err
			}
		}
		if err := tx.db.Tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(m).Error; err != nil {
			return err
		}
		rows := make([]MachineMAC, len(m.MACs))
		for i, mac := range m.MACs {
			rows[i] = MachineMAC{MAC: mac, Machine: m.ID}
		}
		if err := tx.db.Tx.Create(&rows).Error; err != nil {
			return err
		}
		if err := tx.whoseMachines(ctx, []*Machine{m}); err != nil {
			return err
		}
		tx.Notify(NodeTopic(m.Node))
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("register machine: %w", store.Translate(err))
	}
	return known, nil
}

// offerKey makes a key for somebody who says to be a machine and cannot show it,
// and holds the machine. m becomes what is stored then.
func (s *Store) offerKey(ctx context.Context, m *Machine, old Machine, reason string) error {
	*m = old
	m.KeysMade++
	m.NewKey = m.KeysMade
	if !m.Hold || m.HoldReason == "" {
		m.Hold, m.HoldReason = true, reason
	}
	if err := s.db.Tx.Save(m).Error; err != nil {
		return err
	}
	return s.whoseMachines(ctx, []*Machine{m})
}

// whoseMachines fills in the nodes.
func (s *Store) whoseMachines(ctx context.Context, machines []*Machine) error {
	var macs []string
	for _, m := range machines {
		macs = append(macs, m.MACs...)
	}
	nodes := map[string]string{}
	for part := range chunks(macs, batchRows) {
		var rows []NodeMAC
		if err := s.db.Read(ctx).Where("mac IN ?", part).Find(&rows).Error; err != nil {
			return store.Translate(err)
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

// NodeOfMAC returns the name of the node that boots from the address, or whose
// machine has it, or ErrNotFound.
func (s *Store) NodeOfMAC(ctx context.Context, mac string) (string, error) {
	m := Machine{MACs: store.Strings{mac}}
	var owner MachineMAC
	err := s.db.Read(ctx).Limit(1).Find(&owner, "mac = ?", mac).Error
	if err == nil {
		err = s.whoseMachines(ctx, []*Machine{&m})
	}
	if err == nil && m.Node == "" && owner.Machine != "" {
		var known *Machine
		if known, err = s.Machine(ctx, owner.Machine); err == nil {
			m.Node = known.Node
		}
	}
	if err == nil && m.Node == "" {
		err = store.ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("node that boots from %s: %w", mac, store.Translate(err))
	}
	return m.Node, nil
}

// Machine returns the machine, or ErrNotFound.
func (s *Store) Machine(ctx context.Context, id string) (*Machine, error) {
	var m Machine
	err := s.db.Read(ctx).Take(&m, "id = ?", id).Error
	if err == nil {
		err = s.whoseMachines(ctx, []*Machine{&m})
	}
	if err != nil {
		return nil, fmt.Errorf("machine: %w", store.Translate(err))
	}
	return &m, nil
}

// MachineOf returns the machine that is the node, or ErrNotFound.
func (s *Store) MachineOf(ctx context.Context, node string) (*Machine, error) {
	var ids []string
	err := s.db.Read(ctx).Table("lab_machine_macs AS m").Joins("JOIN lab_node_macs AS n ON n.mac = m.mac").
		Where("n.node = ?", node).Order("m.machine").Limit(1).Pluck("m.machine", &ids).Error
	if err == nil && len(ids) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("machine of %s: %w", node, store.Translate(err))
	}
	return s.Machine(ctx, ids[0])
}

var machineOrder = store.Order[Machine]{
	Name: "machines",
	Keys: []store.SortKey{{Column: "id", Desc: true, Text: true}},
	At:   func(m *Machine) []any { return []any{m.ID} },
}

// ListMachines returns machines, newest first; node narrows the list to the
// machine that is that node.
func (s *Store) ListMachines(ctx context.Context, node string, p store.Page) (store.List[Machine], error) {
	if node != "" {
		m, err := s.MachineOf(ctx, node)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return store.List[Machine]{}, nil
		case err != nil:
			return store.List[Machine]{}, err
		}
		return store.List[Machine]{Items: []Machine{*m}}, nil
	}
	list, err := machineOrder.Page(s.db.Read(ctx).Model(&Machine{}), p)
	if err == nil {
		rows := make([]*Machine, len(list.Items))
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

// ErrKeyNumber says that a machine has no key of a number, or no longer.
var ErrKeyNumber = errors.New("no key of this number")

// ErrKeyWaits says that a machine cannot be released before somebody has said
// which of its two keys counts.
var ErrKeyWaits = errors.New("a new key waits to be confirmed or refused")

// HoldMachine takes a machine out of automatic work, or back into it, and returns
// it. key is the number of the key that counts from now on, 0 when nothing is
// said about keys. ErrNotFound: there is no such machine. ErrKeyNumber: no such
// key. ErrKeyWaits: it has a new key.
func (s *Store) HoldMachine(ctx context.Context, id string, hold bool, reason string, key int64) (*Machine, error) {
	return s.changeMachine(ctx, id, func(m *Machine) error {
		switch {
		case key == 0 && !hold && m.NewKey != 0:
			return ErrKeyWaits
		case key != 0 && key != m.KeyNumber && key != m.NewKey:
			return ErrKeyNumber
		case key != 0:
			m.KeyNumber, m.NewKey = key, 0
		}
		m.Hold, m.HoldReason = hold, reason
		return nil
	})
}

// RotateMachineKey makes a key, the only one that opens from now on. ErrNotFound:
// there is no such machine.
func (s *Store) RotateMachineKey(ctx context.Context, id string) (*Machine, error) {
	return s.changeMachine(ctx, id, func(m *Machine) error {
		m.KeysMade++
		m.KeyNumber, m.NewKey = m.KeysMade, 0
		return nil
	})
}

func (s *Store) changeMachine(ctx context.Context, id string, change func(*Machine) error) (*Machine, error) {
	var m *Machine
	err := s.InTx(ctx, func(tx *Store) (err error) {
		if err := tx.Lock(ctx, "lab machines"); err != nil {
			return err
		}
		if m, err = tx.Machine(ctx, id); err != nil {
			return err
		}
		if err := change(m); err != nil {
			return err
		}
		columns := []string{"hold", "hold_reason", "key_number", "new_key", "keys_made"}
		return tx.db.Tx.Model(&Machine{}).Where("id = ?", id).Select(columns).Updates(m).Error
	})
	if err != nil {
		return nil, fmt.Errorf("change machine: %w", store.Translate(err))
	}
	return m, nil
}

// SeeMachine notes that a machine was heard of.
func (s *Store) SeeMachine(ctx context.Context, id string) error {
	return s.updateMachine(ctx, id, map[string]any{"seen_at": s.Now().UnixMicro()})
}

func (s *Store) updateMachine(ctx context.Context, id string, columns map[string]any) error {
	return s.InTx(ctx, func(tx *Store) error {
		done := tx.db.Tx.Model(&Machine{}).Where("id = ?", id).Updates(columns)
		if done.Error == nil && done.RowsAffected == 0 {
			done.Error = store.ErrNotFound
		}
		if done.Error != nil {
			return fmt.Errorf("update machine: %w", store.Translate(done.Error))
		}
		return nil
	})
}

// DeleteMachine forgets a machine. ErrNotFound: there is none. ErrConflict:
// it has work.
func (s *Store) DeleteMachine(ctx context.Context, id string) error {
	err := s.InTx(ctx, func(tx *Store) error {
		// Without the lock a machine that registers again meanwhile is told that it is
		// there, and of two who delete it both are told that they did.
		if err := tx.Lock(ctx, "lab machines"); err != nil {
			return err
		}
		m, err := tx.Machine(ctx, id)
		if err != nil {
			return err
		}
		var n int64
		err = tx.db.Tx.Model(&Work{}).Where("node = ? AND status = 'running'", m.Node).Count(&n).Error
		if err == nil && n > 0 && m.Node != "" {
			err = store.ErrConflict
		}
		if err != nil {
			return err
		}
		return tx.db.Tx.Delete(&Machine{}, "id = ?", id).Error
	})
	if err != nil {
		return fmt.Errorf("delete machine: %w", store.Translate(err))
	}
	return nil
}
