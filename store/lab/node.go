package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
)

// Node is a node that a driver has seen.
type Node struct {
	Name         string `gorm:"primaryKey"`
	Driver       string
	Status       string    // in MAAS's words
	Power        string    // on, off, unknown or error
	PowerAddress string    // empty when there is none
	BootMAC      string    `gorm:"column:boot_mac"`
	BootIP       string    `gorm:"column:boot_ip"`
	Memory       int64     // MiB; 0 when not known
	CPUCount     int64     `gorm:"column:cpu_count"` // 0 when not known
	UpdatedAt    time.Time `gorm:"serializer:micros;type:bigint;autoUpdateTime:false"`
}

// NodeMAC says which node boots from a MAC address.
type NodeMAC struct {
	MAC  string `gorm:"column:mac;primaryKey"` // lower case, with colons
	Node string
}

// UpdateNode lets change edit the node, which is new with an unknown state
// when no driver has seen it before.
func (s *Store) UpdateNode(ctx context.Context, name string, change func(*Node)) error {
	err := s.InTx(ctx, func(tx *Store) error {
		n := Node{Name: name, Status: "New", Power: "unknown"}
		err := tx.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&n, "name = ?", name).Error
		if err = store.Translate(err); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		change(&n)
		n.Name, n.UpdatedAt = name, tx.Now()
		return tx.db.Tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&n).Error
	})
	if err != nil {
		return fmt.Errorf("update node %s: %w", name, store.Translate(err))
	}
	return nil
}

// Node returns the node, or ErrNotFound when no driver has seen it.
func (s *Store) Node(ctx context.Context, name string) (*Node, error) {
	var n Node
	if err := s.db.Read(ctx).Take(&n, "name = ?", name).Error; err != nil {
		return nil, fmt.Errorf("node %s: %w", name, store.Translate(err))
	}
	return &n, nil
}

var nodeOrder = store.Order[Node]{
	Name: "nodes",
	Keys: []store.SortKey{{Column: "name", Text: true}},
	At:   func(n *Node) []any { return []any{n.Name} },
}

// Nodes returns the nodes that a driver has seen, by name; a page without a limit has
// all of them.
func (s *Store) Nodes(ctx context.Context, p store.Page) (store.List[Node], error) {
	list, err := nodeOrder.Page(s.db.Read(ctx).Model(&Node{}), p.Whole())
	if err != nil {
		return list, fmt.Errorf("nodes: %w", err)
	}
	return list, nil
}

// SetNodeMACs notes which nodes boot from which MAC addresses; what other
// designs said of the same addresses no longer counts.
func (s *Store) SetNodeMACs(ctx context.Context, rows []NodeMAC) error {
	err := s.InTx(ctx, func(tx *Store) error {
		for part := range chunks(rows, batchRows) {
			if err := tx.db.Tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&part).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("MAC addresses of nodes: %w", store.Translate(err))
	}
	return nil
}

// KnowsNode reports whether a driver has seen the node, or a task has named
// it with its MAC address.
func (s *Store) KnowsNode(ctx context.Context, name string) (bool, error) {
	var n int64
	err := s.db.Read(ctx).Raw("SELECT (SELECT count(*) FROM lab_nodes WHERE name = ?) + (SELECT count(*) FROM lab_node_macs WHERE node = ?)", name, name).Scan(&n).Error
	if err != nil {
		return false, fmt.Errorf("node %s: %w", name, store.Translate(err))
	}
	return n > 0, nil
}
