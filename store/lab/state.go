package lab

import (
	"context"
	"fmt"

	"github.com/slipway-lab/slipway/store"
)

// StateChange is the end of a state that a node passes through.
type StateChange struct{ Node, From, To string }

// ChangeStates gives nodes another state, as far as they are in the one to be
// changed.
func (s *Store) ChangeStates(ctx context.Context, changes []StateChange) error {
	if len(changes) == 0 {
		return nil
	}
	return s.InTx(ctx, func(tx *Store) error {
		for _, c := range changes {
			err := tx.db.Tx.Model(&Node{}).Where("name = ? AND status = ?", c.Node, c.From).
				Updates(map[string]any{"status": c.To, "updated_at": tx.Now().UnixMicro()}).Error
			if err != nil {
				return fmt.Errorf("state of node %s: %w", c.Node, store.Translate(err))
			}
		}
		return nil
	})
}

// UndoDeployments closes the boot data of nodes whose deployment was undone.
func (s *Store) UndoDeployments(ctx context.Context, nodes []string) error {
	if len(nodes) == 0 {
		return nil
	}
	return s.InTx(ctx, func(tx *Store) error {
		for part := range chunks(nodes, batchRows) {
			err := tx.db.Tx.Model(&Deployment{}).Where("node IN ?", part).Updates(map[string]any{"keyed": false, "ended": true}).Error
			if err != nil {
				return fmt.Errorf("deployments: %w", store.Translate(err))
			}
		}
		return nil
	})
}
