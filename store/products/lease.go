package products

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
)

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
	err := s.db.Tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "opportunity_id"}, {Name: "attempt"}},
		DoUpdates: clause.AssignmentColumns([]string{"expires_at", "ended"}),
	}).Create(l).Error
	if err != nil {
		return fmt.Errorf("lease of opportunity %s: %w", l.OpportunityID, store.Translate(err))
	}
	return nil
}

// Leases returns all leases that an opportunity ever had, oldest first.
func (s *Store) Leases(ctx context.Context, opportunity uuid.UUID) ([]Lease, error) {
	var list []Lease
	if err := s.db.Read(ctx).Order("attempt").Find(&list, "opportunity_id = ?", opportunity).Error; err != nil {
		return nil, fmt.Errorf("leases of opportunity %s: %w", opportunity, store.Translate(err))
	}
	return list, nil
}

// HeldLeases returns the leases that agents of a tenant hold, by agent; without
// agents, those of all.
func (s *Store) HeldLeases(ctx context.Context, tenant string, agents ...string) (map[string][]Lease, error) {
	var list []Lease
	q := s.db.Read(ctx).Where("tenant = ? AND ended = ''", tenant).Order("opportunity_id")
	if len(agents) > 0 {
		q = q.Where("agent_id IN ?", agents)
	}
	if err := q.Find(&list).Error; err != nil {
		return nil, fmt.Errorf("leases: %w", store.Translate(err))
	}
	byAgent := map[string][]Lease{}
	for _, l := range list {
		byAgent[l.AgentID] = append(byAgent[l.AgentID], l)
	}
	return byAgent, nil
}

// SetPhase notes what the agent says it is doing.
func (s *Store) SetPhase(opportunity uuid.UUID, attempt int64, phase string) error {
	err := s.db.Tx.Model(&Lease{}).Where("opportunity_id = ? AND attempt = ?", opportunity, attempt).Update("phase", phase).Error
	if err != nil {
		return fmt.Errorf("lease of opportunity %s: %w", opportunity, store.Translate(err))
	}
	return nil
}
