package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

func init() { registerModels(&OpportunityResult{}, &outputPiece{}) }

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

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
	Payload         JSON
	AgentID         *string // nil when the server made the result, as is what follows
	AgentPlatform   *string
	AgentGroup      *string
	AgentRevno      *string
	Agent           JSON
	Attempt         int64
	Synthetic       bool
	Token           string     // of the lease that posted it
	Digest          []byte     // of what was posted
	FileID          *uuid.UUID `gorm:"type:text"` // the Result read from a file that came with it
	CreatedAt       time.Time  `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// CreateOpportunityResult adds a result. ErrConflict: the opportunity has one.
func (s *Store) CreateOpportunityResult(r *OpportunityResult) error {
	if err := s.db.Create(r).Error; err != nil {
		return fmt.Errorf("result of opportunity %s: %w", r.OpportunityID, translate(err))
	}
	return nil
}

// OpportunityResult returns a result of the product, or ErrNotFound.
func (s *Store) OpportunityResult(ctx context.Context, product, id uuid.UUID) (*OpportunityResult, error) {
	var r OpportunityResult
	if err := s.read(ctx).Take(&r, "id = ? AND product_id = ?", id, product).Error; err != nil {
		return nil, fmt.Errorf("result %s: %w", id, translate(err))
	}
	return &r, nil
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
	Page            Page
}

var opportunityResultOrder = order[OpportunityResult]{
	name: "testresults",
	keys: []sortKey{{column: "created_at"}, {column: "id", text: true}},
	at:   func(r *OpportunityResult) []any { return []any{Micros(r.CreatedAt), r.ID.String()} },
}

// ListOpportunityResults returns results of a product, oldest first. From and To
// bound the time at which they were stored, both ends inclusive.
func (s *Store) ListOpportunityResults(ctx context.Context, f OpportunityResultFilter) (List[OpportunityResult], error) {
	q := s.read(ctx).Model(&OpportunityResult{}).Where("product_id = ?", f.Product)
	q = whereSet(q, "opportunity_id", f.OpportunityID)
	q = whereSet(q, "image_unique_id", f.ImageUniqueID)
	q = whereSet(q, "test_status", f.TestStatus)
	q = whereSet(q, "spec_name", f.SpecName)
	q = whereSet(q, "primary_snap_name", f.PrimarySnapName)
	q = whereSet(q, "agent_id", f.AgentID)
	q = whereSet(q, "base_channel", f.BaseChannel)
	q = whereSet(q, "update_channel", f.UpdateChannel)
	list, err := opportunityResultOrder.page(between(q, "created_at", f.From, f.To), f.Page)
	if err != nil {
		return list, fmt.Errorf("results of product %s: %w", f.Product, err)
	}
	return list, nil
}

// OpportunitiesByID returns the opportunities with these ids.
func (s *Store) OpportunitiesByID(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*Opportunity, error) {
	var list []Opportunity
	if len(ids) > 0 {
		if err := s.read(ctx).Find(&list, "id IN ?", ids).Error; err != nil {
			return nil, fmt.Errorf("opportunities: %w", translate(err))
		}
	}
	byID := make(map[uuid.UUID]*Opportunity, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
	}
	return byID, nil
}

// outputPiece is a part of the console output of an opportunity.
type outputPiece struct {
	OpportunityID uuid.UUID `gorm:"type:text;primaryKey"`
	Start         int64     `gorm:"primaryKey;autoIncrement:false"`
	Bytes         []byte
}

// TableName tells GORM the table.
func (outputPiece) TableName() string { return "output_pieces" }

// AppendOutput adds bytes to the end of the output of a locked opportunity.
func (s *Store) AppendOutput(o *Opportunity, piece []byte) error {
	if len(piece) == 0 {
		return nil
	}
	if err := s.db.Create(&outputPiece{o.ID, o.OutputBytes, piece}).Error; err != nil {
		return fmt.Errorf("output of opportunity %s: %w", o.ID, translate(err))
	}
	o.OutputBytes += int64(len(piece))
	if err := s.db.Model(&Opportunity{}).Where("id = ?", o.ID).Update("output_bytes", o.OutputBytes).Error; err != nil {
		return fmt.Errorf("output of opportunity %s: %w", o.ID, translate(err))
	}
	return nil
}

// ReadOutput calls write with the output of an opportunity from an offset on, a
// piece at a time.
func (s *Store) ReadOutput(ctx context.Context, id uuid.UUID, offset int64, write func([]byte) error) error {
	for {
		var p outputPiece
		err := translate(s.read(ctx).Order("start DESC").Take(&p, "opportunity_id = ? AND start <= ?", id, offset).Error)
		if isNotFound(err) || err == nil && offset-p.Start >= int64(len(p.Bytes)) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("output of opportunity %s: %w", id, err)
		}
		part := p.Bytes[offset-p.Start:]
		if err := write(part); err != nil {
			return err
		}
		offset += int64(len(part))
	}
}

// PublishFile makes the result that was read from a file visible, without a run
// of RefStack's: it belongs to the result of an opportunity, which is stored in
// the same transaction. ErrConflict: it is not being uploaded (any more).
func (s *Store) PublishFile(final *Result) error {
	r := *final
	if err := s.loadIngesting(&r); err != nil {
		return err
	}
	r.State, r.Attempt, r.CreatedAt = resultVisible, 1, s.Now()
	if err := s.db.Save(&r).Error; err != nil {
		return fmt.Errorf("publish result %d: %w", r.Key, translate(err))
	}
	return nil
}
