package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

func init() { registerModels(&Lease{}, &Agent{}) }

// Lease is one agent's right to run an opportunity, once.
type Lease struct {
	OpportunityID uuid.UUID `gorm:"type:text;primaryKey"`
	Attempt       int64     `gorm:"primaryKey;autoIncrement:false"`
	Tenant        string
	ProductID     uuid.UUID `gorm:"type:text"`
	AgentID       string
	Platform      *string // of the agent when it picked, as is AgentGroup
	AgentGroup    *string
	Token         string
	LengthUS      int64     `gorm:"column:length_us"`
	ExpiresAt     time.Time `gorm:"serializer:micros;type:bigint"`
	Ended         string    // '' while it is held
	Phase         *string   // what the agent says it is doing
}

// SaveLease adds a lease, or changes how long it lasts and how it ended.
func (s *Store) SaveLease(l *Lease) error {
	err := s.db.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "opportunity_id"}, {Name: "attempt"}},
		DoUpdates: clause.AssignmentColumns([]string{"expires_at", "ended"}),
	}).Create(l).Error
	if err != nil {
		return fmt.Errorf("lease of opportunity %s: %w", l.OpportunityID, translate(err))
	}
	return nil
}

// Leases returns all leases that an opportunity ever had, oldest first.
func (s *Store) Leases(ctx context.Context, opportunity uuid.UUID) ([]Lease, error) {
	var list []Lease
	if err := s.read(ctx).Order("attempt").Find(&list, "opportunity_id = ?", opportunity).Error; err != nil {
		return nil, fmt.Errorf("leases of opportunity %s: %w", opportunity, translate(err))
	}
	return list, nil
}

// HeldLeases returns the leases that agents of a tenant hold, by agent; without
// agents, those of all.
func (s *Store) HeldLeases(ctx context.Context, tenant string, agents ...string) (map[string][]Lease, error) {
	var list []Lease
	q := s.read(ctx).Where("tenant = ? AND ended = ''", tenant).Order("opportunity_id")
	if len(agents) > 0 {
		q = q.Where("agent_id IN ?", agents)
	}
	if err := q.Find(&list).Error; err != nil {
		return nil, fmt.Errorf("leases: %w", translate(err))
	}
	held := map[string][]Lease{}
	for _, l := range list {
		held[l.AgentID] = append(held[l.AgentID], l)
	}
	return held, nil
}

// Agent is a program in a lab that fetches opportunities.
type Agent struct {
	Tenant     string `gorm:"primaryKey"`
	ID         string `gorm:"primaryKey"`
	Platform   *string
	AgentGroup *string
	Revno      *string
	Capacity   int64
	Products   Strings // empty: all
	Releases   Strings // empty: all
	Labels     JSON    // an object of texts
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
	if err := s.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(a).Error; err != nil {
		return fmt.Errorf("agent %q: %w", a.ID, translate(err))
	}
	return nil
}

// SeeAgent notes a sign of life.
func (s *Store) SeeAgent(a *Agent, now time.Time) error {
	a.LastSeenAt = now
	err := s.db.Model(&Agent{}).Where("tenant = ? AND id = ?", a.Tenant, a.ID).Update("last_seen_at", Micros(now)).Error
	if err != nil {
		return fmt.Errorf("agent %q: %w", a.ID, translate(err))
	}
	return nil
}

// Agent returns an agent of the tenant, or ErrNotFound.
func (s *Store) Agent(ctx context.Context, tenant, id string) (*Agent, error) {
	return agentBy(s.read(ctx), tenant, id)
}

// LockAgent is Agent inside a transaction, and keeps others from changing it.
func (s *Store) LockAgent(tenant, id string) (*Agent, error) {
	return agentBy(s.db.Clauses(clause.Locking{Strength: "UPDATE"}), tenant, id)
}

func agentBy(q *gorm.DB, tenant, id string) (*Agent, error) {
	var a Agent
	if err := q.Take(&a, "tenant = ? AND id = ?", tenant, id).Error; err != nil {
		return nil, fmt.Errorf("agent %q: %w", id, translate(err))
	}
	return &a, nil
}

// DeleteAgent forgets an agent. ErrConflict: it holds opportunities.
func (s *Store) DeleteAgent(ctx context.Context, tenant, id string) error {
	return s.InTx(ctx, func(tx *Store) error {
		if _, err := tx.LockAgent(tenant, id); err != nil {
			return err
		}
		held, err := tx.HeldLeases(ctx, tenant, id)
		if err != nil {
			return err
		}
		if len(held) > 0 {
			return fmt.Errorf("agent %q holds opportunities: %w", id, ErrConflict)
		}
		if err := tx.db.Delete(&Agent{}, "tenant = ? AND id = ?", tenant, id).Error; err != nil {
			return fmt.Errorf("delete agent %q: %w", id, translate(err))
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
	Page       Page
}

var agentOrder = order[Agent]{
	name: "agents",
	keys: []sortKey{{column: "id", text: true}},
	at:   func(a *Agent) []any { return []any{a.ID} },
}

// ListAgents returns the agents of a tenant by id.
func (s *Store) ListAgents(ctx context.Context, f AgentFilter) (List[Agent], error) {
	q := s.read(ctx).Model(&Agent{}).Where("tenant = ?", f.Tenant)
	q = whereSet(q, "mode", f.Mode)
	q = whereSet(q, "platform", f.Platform)
	q = whereSet(q, "agent_group", f.AgentGroup)
	list, err := agentOrder.page(q, f.Page)
	if err != nil {
		return list, fmt.Errorf("list agents: %w", err)
	}
	return list, nil
}

// AllAgents returns every agent of a tenant.
func (s *Store) AllAgents(ctx context.Context, tenant string) ([]Agent, error) {
	var list []Agent
	if err := s.read(ctx).Order("id").Find(&list, "tenant = ?", tenant).Error; err != nil {
		return nil, fmt.Errorf("agents: %w", translate(err))
	}
	return list, nil
}

// SetPhase notes what the agent says it is doing.
func (s *Store) SetPhase(opportunity uuid.UUID, attempt int64, phase string) error {
	err := s.db.Model(&Lease{}).Where("opportunity_id = ? AND attempt = ?", opportunity, attempt).Update("phase", phase).Error
	if err != nil {
		return fmt.Errorf("lease of opportunity %s: %w", opportunity, translate(err))
	}
	return nil
}
