package products

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Agent is a program in a lab that fetches opportunities.
type Agent struct {
	Tenant     string `gorm:"primaryKey"`
	ID         string `gorm:"primaryKey"`
	Platform   *string
	AgentGroup *string
	Revno      *string
	Capacity   int64
	Products   store.Strings // empty: all
	Releases   store.Strings // empty: all
	Labels     store.JSON    // an object of texts
	Mode       string
	Comment    *string
	LastSeenAt time.Time `gorm:"serializer:micros;type:bigint"`
	CreatedAt  time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// PutAgent loads an agent, or begins a new one, lets change edit it, saves it
// and reports whether it is new.
func (s *Store) PutAgent(ctx context.Context, tenant, id string, change func(a *Agent) error) (a *Agent, created bool, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, "agent/"+tenant+"/"+id); err != nil {
			return err
		}
		a, err = tx.LockAgent(tenant, id)
		if created = isNotFound(err); created {
			a, err = &Agent{Tenant: tenant, ID: id, CreatedAt: tx.Now()}, nil
		}
		if err == nil {
			err = change(a)
		}
		if err != nil {
			return err
		}
		a.LastSeenAt = tx.Now()
		return tx.saveAgent(a)
	})
	return a, created, err
}

// UpdateAgent loads an agent, lets change edit it and saves it, or returns
// ErrNotFound. It does not count as a sign of life.
func (s *Store) UpdateAgent(ctx context.Context, tenant, id string, change func(a *Agent) error) (a *Agent, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		if a, err = tx.LockAgent(tenant, id); err != nil {
			return err
		}
		if err := change(a); err != nil {
			return err
		}
		return tx.saveAgent(a)
	})
	return a, err
}

// saveAgent does not use Save, which takes the empty tenant for a missing key.
func (s *Store) saveAgent(a *Agent) error {
	if err := s.db.Tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(a).Error; err != nil {
		return fmt.Errorf("agent %q: %w", a.ID, store.Translate(err))
	}
	return nil
}

// SeeAgent notes a sign of life.
func (s *Store) SeeAgent(a *Agent, now time.Time) error {
	a.LastSeenAt = now
	err := s.db.Tx.Model(&Agent{}).Where("tenant = ? AND id = ?", a.Tenant, a.ID).Update("last_seen_at", store.Micros(now)).Error
	if err != nil {
		return fmt.Errorf("agent %q: %w", a.ID, store.Translate(err))
	}
	return nil
}

// Agent returns an agent of the tenant, or ErrNotFound.
func (s *Store) Agent(ctx context.Context, tenant, id string) (*Agent, error) {
	return agentBy(s.db.Read(ctx), tenant, id)
}

// LockAgent is Agent inside a transaction, and keeps others from changing it.
func (s *Store) LockAgent(tenant, id string) (*Agent, error) {
	return agentBy(s.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}), tenant, id)
}

func agentBy(q *gorm.DB, tenant, id string) (*Agent, error) {
	var a Agent
	if err := q.Take(&a, "tenant = ? AND id = ?", tenant, id).Error; err != nil {
		return nil, fmt.Errorf("agent %q: %w", id, store.Translate(err))
	}
	return &a, nil
}

// DeleteAgent forgets an agent. ErrConflict: it holds opportunities.
func (s *Store) DeleteAgent(ctx context.Context, tenant, id string) error {
	return s.InTx(ctx, func(tx *Store) error {
		if _, err := tx.LockAgent(tenant, id); err != nil {
			return err
		}
		leases, err := tx.HeldLeases(ctx, tenant, id)
		if err != nil {
			return err
		}
		if len(leases) > 0 {
			return fmt.Errorf("agent %q holds opportunities: %w", id, store.ErrConflict)
		}
		if err := tx.db.Tx.Delete(&Agent{}, "tenant = ? AND id = ?", tenant, id).Error; err != nil {
			return fmt.Errorf("delete agent %q: %w", id, store.Translate(err))
		}
		return nil
	})
}

// AgentFilter narrows a list of agents; zero fields but Tenant do not.
type AgentFilter struct {
	Tenant     string
	Mode       string
	Platform   string
	AgentGroup string
	Page       store.Page
}

var agentOrder = store.Order[Agent]{
	Name: "agents",
	Keys: []store.SortKey{{Column: "id", Text: true}},
	At:   func(a *Agent) []any { return []any{a.ID} },
}

// ListAgents returns the agents of a tenant by id.
func (s *Store) ListAgents(ctx context.Context, f AgentFilter) (store.List[Agent], error) {
	q := s.db.Read(ctx).Model(&Agent{}).Where("tenant = ?", f.Tenant)
	q = tables.WhereSet(q, "mode", f.Mode)
	q = tables.WhereSet(q, "platform", f.Platform)
	q = tables.WhereSet(q, "agent_group", f.AgentGroup)
	list, err := agentOrder.Page(q, f.Page)
	if err != nil {
		return list, fmt.Errorf("list agents: %w", err)
	}
	return list, nil
}

// AllAgents returns every agent of a tenant.
func (s *Store) AllAgents(ctx context.Context, tenant string) ([]Agent, error) {
	var list []Agent
	if err := s.db.Read(ctx).Order("id").Find(&list, "tenant = ?", tenant).Error; err != nil {
		return nil, fmt.Errorf("agents: %w", store.Translate(err))
	}
	return list, nil
}
