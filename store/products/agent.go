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

	SilenceUS *int64     `gorm:"column:silence_us"`             // nothing may be heard of it for so long; nil: the server's setting, 0: no limit
	SilentAt  *time.Time `gorm:"serializer:micros;type:bigint"` // when it was found silent; nil while it is not

	// Instance is the machine that polled last of those that name themselves.
	Instance   *string
	InstanceAt *time.Time `gorm:"serializer:micros;type:bigint"`
	DoubledAt  *time.Time `gorm:"serializer:micros;type:bigint"` // when another machine was told of last
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
		a.LastSeenAt, a.SilentAt = tx.Now(), nil
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

// SeeAgent notes a sign of life of a locked agent: its times, and the machine.
func (s *Store) SeeAgent(a *Agent, now time.Time) error {
	a.LastSeenAt, a.SilentAt = now, nil
	err := s.db.Tx.Model(&Agent{}).Where("tenant = ? AND id = ?", a.Tenant, a.ID).
		Select("LastSeenAt", "SilentAt", "Instance", "InstanceAt", "DoubledAt").Updates(a).Error
	if err != nil {
		return fmt.Errorf("agent %q: %w", a.ID, store.Translate(err))
	}
	return nil
}

// heardOf is the condition that an agent was heard of within its limit.
func heardOf(agents string, now time.Time, silence time.Duration) (sql string, args []any) {
	limit := "COALESCE(" + agents + ".silence_us, ?)"
	us := silence.Microseconds()
	return "(" + limit + " = 0 OR " + agents + ".last_seen_at >= ? - " + limit + ")", []any{us, store.Micros(now), us}
}

// newlySilent are the agents that were not heard of within their limit, and are
// not marked so.
func newlySilent(q *gorm.DB, now time.Time, silence time.Duration) *gorm.DB {
	heard, args := heardOf("agents", now, silence)
	return q.Where("silent_at IS NULL").Where("NOT "+heard, args...)
}

// HasSilent reports whether LockSilent would find an agent.
func (s *Store) HasSilent(ctx context.Context, now time.Time, silence time.Duration) (bool, error) {
	var ids []string
	if err := newlySilent(s.db.Read(ctx).Model(&Agent{}), now, silence).Limit(1).Pluck("id", &ids).Error; err != nil {
		return false, fmt.Errorf("look for silent agents: %w", store.Translate(err))
	}
	return len(ids) > 0, nil
}

// LockSilent returns some agents that were not heard of within their limit and are
// not marked so, locked, without those that somebody else works on.
func (s *Store) LockSilent(now time.Time, silence time.Duration, limit int) ([]Agent, error) {
	var list []Agent
	if err := s.skipLocked(newlySilent(s.db.Tx, now, silence)).Limit(limit).Find(&list).Error; err != nil {
		return nil, fmt.Errorf("silent agents: %w", store.Translate(err))
	}
	return list, nil
}

// MarkSilent notes that a locked agent was found silent.
func (s *Store) MarkSilent(a *Agent, now time.Time) error {
	a.SilentAt = &now
	err := s.db.Tx.Model(&Agent{}).Where("tenant = ? AND id = ?", a.Tenant, a.ID).Update("silent_at", store.Micros(now)).Error
	if err != nil {
		return fmt.Errorf("agent %q: %w", a.ID, store.Translate(err))
	}
	return nil
}

// MarkDoubled notes when a second machine was told of.
func (s *Store) MarkDoubled(a *Agent) error {
	err := s.db.Tx.Model(&Agent{}).Where("tenant = ? AND id = ?", a.Tenant, a.ID).Update("doubled_at", store.Micros(*a.DoubledAt)).Error
	if err != nil {
		return fmt.Errorf("agent %q: %w", a.ID, store.Translate(err))
	}
	return nil
}

// CountAgents returns how many agents there are in all tenants: by state, which is
// silent, busy or idle.
func (s *Store) CountAgents(ctx context.Context, now time.Time, silence time.Duration) (map[string]int64, error) {
	heard, args := heardOf("agents", now, silence)
	var rows []struct {
		State string
		N     int64
	}
	err := s.db.Read(ctx).Raw(`SELECT state, COUNT(*) AS n FROM (SELECT CASE WHEN NOT `+heard+` THEN 'silent'
		WHEN EXISTS (SELECT 1 FROM leases l WHERE l.tenant = agents.tenant AND l.agent_id = agents.id AND l.ended = '') THEN 'busy'
		ELSE 'idle' END AS state FROM agents) states GROUP BY state`, args...).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count agents: %w", store.Translate(err))
	}
	counts := map[string]int64{}
	for _, r := range rows {
		counts[r.State] = r.N
	}
	return counts, nil
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
