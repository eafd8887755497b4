package products

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
)

// Avoided is an agent that released, lost or failed an opportunity, or one that it
// repeats: another agent comes first.
type Avoided struct {
	OpportunityID uuid.UUID `gorm:"type:text;primaryKey"`
	AgentID       string    `gorm:"primaryKey"`
	NotBefore     int64     // in microseconds: it does not get it earlier, whoever else there is
}

// TableName tells GORM the table.
func (Avoided) TableName() string { return "avoided_agents" }

// Avoid adds agents to those that an opportunity avoids, or changes until when.
func (s *Store) Avoid(rows ...Avoided) error {
	if len(rows) == 0 {
		return nil
	}
	err := s.db.Tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "opportunity_id"}, {Name: "agent_id"}},
		DoUpdates: clause.AssignmentColumns([]string{"not_before"}),
	}).Create(rows).Error
	if err != nil {
		return fmt.Errorf("agents that opportunity %s avoids: %w", rows[0].OpportunityID, store.Translate(err))
	}
	return nil
}

// AvoidedBy returns the agents that opportunities avoid, by opportunity.
func (s *Store) AvoidedBy(ctx context.Context, opportunities []uuid.UUID) (map[uuid.UUID][]Avoided, error) {
	by := map[uuid.UUID][]Avoided{}
	if len(opportunities) == 0 {
		return by, nil
	}
	var list []Avoided
	if err := s.db.Read(ctx).Order("agent_id").Find(&list, "opportunity_id IN ?", opportunities).Error; err != nil {
		return nil, fmt.Errorf("agents that are avoided: %w", store.Translate(err))
	}
	for _, a := range list {
		by[a.OpportunityID] = append(by[a.OpportunityID], a)
	}
	return by, nil
}
