package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-lab/slipway/store"
)

// Claim says that a top task holds a node.
type Claim struct {
	Node string `gorm:"primaryKey"`
	Root string
}

// Orphans returns the top tasks that run, but whose lease has ended.
func (s *Store) Orphans(ctx context.Context, now time.Time) ([]string, error) {
	var all []string
	for _, status := range []string{"running", "terminating"} { // with IN, SQLite takes another index
		var ids []string
		err := s.db.Read(ctx).Model(&Task{}).Where(openTop+" AND status = ? AND (lease_until IS NULL OR lease_until < ?)", status, now.UnixMicro()).
			Order("id").Pluck("id", &ids).Error
		if err != nil {
			return nil, fmt.Errorf("tasks without a server: %w", store.Translate(err))
		}
		all = append(all, ids...)
	}
	return all, nil
}

// DropLeases gives back the leases of a server that stops, so that others
// need not wait for their end.
func (s *Store) DropLeases(ctx context.Context, owner string) error {
	return s.InTx(ctx, func(tx *Store) error {
		err := tx.db.Tx.Model(&Task{}).Where("lease_owner = ?", owner).
			Updates(map[string]any{"lease_owner": "", "lease_until": nil}).Error
		if err != nil {
			return fmt.Errorf("give back leases: %w", store.Translate(err))
		}
		tx.Notify(Topic)
		return nil
	})
}

// Claims returns which top task holds each node that is held.
func (s *Store) Claims(ctx context.Context) (map[string]string, error) {
	var rows []Claim
	if err := s.db.Read(ctx).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("claims: %w", store.Translate(err))
	}
	out := make(map[string]string, len(rows))
	for _, r := range rows {
		out[r.Node] = r.Root
	}
	return out, nil
}

// Lease is a promise to work on a top task until a time.
type Lease struct {
	Root  string
	Owner string
	Until time.Time
}

// StartTask takes a queued top task and all its nodes. ErrConflict: somebody
// else was faster with the task or with a node.
func (s *Store) StartTask(ctx context.Context, l Lease, nodes []string) error {
	return s.InTx(ctx, func(tx *Store) error {
		done := tx.db.Tx.Model(&Task{}).Where("id = ? AND status = 'queued'", l.Root).
			Updates(map[string]any{"status": "running", "lease_owner": l.Owner, "lease_until": l.Until.UnixMicro()})
		if done.Error == nil && done.RowsAffected == 0 {
			done.Error = store.ErrConflict
		}
		for part := range chunks(nodes, batchRows) {
			if done.Error == nil {
				done.Error = tx.db.Tx.Create(claimsOf(l.Root, part)).Error
			}
		}
		if done.Error != nil {
			return fmt.Errorf("start task %s: %w", l.Root, store.Translate(done.Error))
		}
		return nil
	})
}

func claimsOf(root string, nodes []string) *[]Claim {
	rows := make([]Claim, len(nodes))
	for i, n := range nodes {
		rows[i] = Claim{Node: n, Root: root}
	}
	return &rows
}

// TakeLease takes over a running top task whose lease has ended.
// ErrConflict: it has not, or somebody else was faster.
func (s *Store) TakeLease(ctx context.Context, l Lease, now time.Time) error {
	return s.setLease(ctx, l, openTop+" AND status <> 'queued' AND (lease_until IS NULL OR lease_until < ?)", now.UnixMicro())
}

// KeepLease renews a lease. ErrConflict: it was lost.
func (s *Store) KeepLease(ctx context.Context, l Lease) error {
	return s.setLease(ctx, l, "lease_owner = ?", l.Owner)
}

func (s *Store) setLease(ctx context.Context, l Lease, where string, args ...any) error {
	return s.InTx(ctx, func(tx *Store) error {
		done := tx.db.Tx.Model(&Task{}).Where("id = ?", l.Root).Where(where, args...).
			Updates(map[string]any{"lease_owner": l.Owner, "lease_until": l.Until.UnixMicro()})
		if done.Error == nil && done.RowsAffected == 0 {
			done.Error = store.ErrConflict
		}
		if done.Error != nil {
			return fmt.Errorf("lease of task %s: %w", l.Root, store.Translate(done.Error))
		}
		return nil
	})
}
