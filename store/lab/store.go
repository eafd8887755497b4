// Package lab keeps the lab's tasks with their messages and boot actions, the
// designs that they work on, and what is known of nodes and machines.
package lab

import (
	"context"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Schema is what the area adds to the database.
var Schema = store.Schema{Models: []any{
	&Task{}, &Message{}, &Claim{}, &Design{}, &Snapshot{}, &Deployment{}, &BootAction{},
	&Node{}, &NodeMAC{}, &BuildData{}, &Machine{}, &MachineMAC{}, &Work{},
}, Roots: []string{"lab_designs", "lab_tasks", "lab_nodes", "lab_machines", "lab_build_data"}}

// The tables, whose names begin with the area's.

// TableName tells GORM the table.
func (Task) TableName() string { return "lab_tasks" }

// TableName tells GORM the table.
func (Message) TableName() string { return "lab_messages" }

// TableName tells GORM the table.
func (Claim) TableName() string { return "lab_claims" }

// TableName tells GORM the table.
func (Design) TableName() string { return "lab_designs" }

// TableName tells GORM the table.
func (Snapshot) TableName() string { return "lab_snapshots" }

// TableName tells GORM the table.
func (Deployment) TableName() string { return "lab_deployments" }

// TableName tells GORM the table.
func (BootAction) TableName() string { return "lab_boot_actions" }

// TableName tells GORM the table.
func (Node) TableName() string { return "lab_nodes" }

// TableName tells GORM the table.
func (NodeMAC) TableName() string { return "lab_node_macs" }

// TableName tells GORM the table.
func (BuildData) TableName() string { return "lab_build_data" }

// TableName tells GORM the table.
func (Machine) TableName() string { return "lab_machines" }

// TableName tells GORM the table.
func (MachineMAC) TableName() string { return "lab_machine_macs" }

// TableName tells GORM the table.
func (Work) TableName() string { return "lab_work" }

// Store is the store with the rows of this area.
type Store struct {
	*store.Store
	db *tables.DB
}

// New returns the area's side of a store, inside a transaction or outside.
func New(s *store.Store) *Store { return &Store{s, s.DB(tables.Key{})} }

// InTx is that of store.Store, with the area's side of the transaction.
func (s *Store) InTx(ctx context.Context, change func(tx *Store) error) error {
	return s.Store.InTx(ctx, func(tx *store.Store) error { return change(New(tx)) })
}

// batchRows is how many rows one statement writes: databases limit their
// parameters.
const batchRows = 200

// chunks cuts a list into parts of at most n.
func chunks[T any](list []T, n int) func(yield func([]T) bool) {
	return func(yield func([]T) bool) {
		for len(list) > 0 {
			part := list[:min(n, len(list))]
			if list = list[len(part):]; !yield(part) {
				return
			}
		}
	}
}
