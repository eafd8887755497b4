package products

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// OpportunityResult is what became of an opportunity. Fields that only help to
// find it repeat what its context and spec say.
type OpportunityResult struct {
	ID              uuid.UUID `gorm:"type:text;primaryKey"`
	OpportunityID   uuid.UUID `gorm:"type:text"` // at most one result for each
	ProductID       uuid.UUID `gorm:"type:text"`
	ImageUniqueID   string
	SpecName        string
	PrimarySnapName *string
	BaseChannel     string
	UpdateChannel   *string
	TestStatus      string
	Payload         store.JSON
	AgentID         *string // nil when the server made the result, as is what follows
	AgentPlatform   *string
	AgentGroup      *string
	AgentRevno      *string
	Agent           store.JSON
	Attempt         int64
	Synthetic       bool
	Token           string     // of the lease that posted it
	Digest          []byte     // of what was posted
	FileID          *uuid.UUID `gorm:"type:text"` // the Result read from a file that came with it
	Failure         *string    // the beginning of what the agent said of a failure; nil: nothing
	CreatedAt       time.Time  `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// CreateOpportunityResult adds a result. ErrConflict: the opportunity has one.
func (s *Store) CreateOpportunityResult(r *OpportunityResult) error {
	if err := s.db.Tx.Create(r).Error; err != nil {
		return fmt.Errorf("result of opportunity %s: %w", r.OpportunityID, store.Translate(err))
	}
	return nil
}

// OpportunityResult returns a result of the product, or ErrNotFound.
func (s *Store) OpportunityResult(ctx context.Context, product, id uuid.UUID) (*OpportunityResult, error) {
	var r OpportunityResult
	if err := s.db.Read(ctx).Take(&r, "id = ? AND product_id = ?", id, product).Error; err != nil {
		return nil, fmt.Errorf("result %s: %w", id, store.Translate(err))
	}
	return &r, nil
}

// RecentResult is as much of a result as tells how it went.
type RecentResult struct {
	AgentID     string
	TestStatus  string
	FileOutcome string // of the result read from its file; empty without one
}

// agentsAsked bounds the agents of one statement.
const agentsAsked = 100

// RecentResults returns the last results of each of the agents of a tenant, the newest
// first, at most as many for each as most says.
func (s *Store) RecentResults(ctx context.Context, tenant string, agents []string, most int) (map[string][]RecentResult, error) {
	byAgent := map[string][]RecentResult{}
	for chunk := range slices.Chunk(agents, agentsAsked) {
		var parts []string
		var args []any
		for _, agent := range chunk {
			parts = append(parts, "SELECT * FROM (SELECT o.agent_id, o.test_status, o.created_at, o.id, o.file_id FROM opportunity_results o JOIN products p ON p.id = o.product_id"+
				" WHERE o.agent_id = ? AND p.tenant = ? ORDER BY o.created_at DESC, o.id DESC LIMIT ?) AS one")
			args = append(args, agent, tenant, most)
		}
		var list []RecentResult
		err := s.db.Read(ctx).Raw("SELECT l.agent_id, l.test_status, COALESCE(r.outcome, '') AS file_outcome FROM ("+strings.Join(parts, " UNION ALL ")+") AS l"+
			" LEFT JOIN results r ON r.id = l.file_id ORDER BY l.created_at DESC, l.id DESC", args...).Scan(&list).Error
		if err != nil {
			return nil, fmt.Errorf("results of agents: %w", store.Translate(err))
		}
		for _, r := range list {
			byAgent[r.AgentID] = append(byAgent[r.AgentID], r)
		}
	}
	return byAgent, nil
}

// OpportunityResultFilter narrows a list of results; zero fields but Product do
// not.
type OpportunityResultFilter struct {
	Product         uuid.UUID
	OpportunityID   uuid.UUID
	ImageUniqueID   string
	TestStatus      string
	SpecName        string
	PrimarySnapName string
	AgentID         string
	BaseChannel     string
	UpdateChannel   string
	From, To        *time.Time
	Page            store.Page
}

var opportunityResultOrder = store.Order[OpportunityResult]{
	Name: "testresults",
	Keys: []store.SortKey{{Column: "created_at"}, {Column: "id", Text: true}},
	At:   func(r *OpportunityResult) []any { return []any{store.Micros(r.CreatedAt), r.ID.String()} },
}

// ListOpportunityResults returns results of a product, oldest first. From and To
// bound the time at which they were stored, both ends inclusive.
func (s *Store) ListOpportunityResults(ctx context.Context, f OpportunityResultFilter) (store.List[OpportunityResult], error) {
	q := s.db.Read(ctx).Model(&OpportunityResult{}).Where("product_id = ?", f.Product)
	q = tables.WhereSet(q, "opportunity_id", f.OpportunityID)
	q = tables.WhereSet(q, "image_unique_id", f.ImageUniqueID)
	q = tables.WhereSet(q, "test_status", f.TestStatus)
	q = tables.WhereSet(q, "spec_name", f.SpecName)
	q = tables.WhereSet(q, "primary_snap_name", f.PrimarySnapName)
	q = tables.WhereSet(q, "agent_id", f.AgentID)
	q = tables.WhereSet(q, "base_channel", f.BaseChannel)
	q = tables.WhereSet(q, "update_channel", f.UpdateChannel)
	list, err := opportunityResultOrder.Page(between(q, "created_at", f.From, f.To), f.Page)
	if err != nil {
		return list, fmt.Errorf("results of product %s: %w", f.Product, err)
	}
	return list, nil
}
