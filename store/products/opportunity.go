package products

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Opportunity is one run of one test spec in one context. What may become of it
// is decided in server/products/lifecycle; here it is a row.
type Opportunity struct {
	ID            uuid.UUID `gorm:"type:text;primaryKey"`
	Tenant        string
	ProductID     uuid.UUID  `gorm:"type:text"`
	SpecID        uuid.UUID  `gorm:"type:text"`
	VersionID     uuid.UUID  `gorm:"type:text"` // of the spec
	ContextID     uuid.UUID  `gorm:"type:text"`
	RetryOf       *uuid.UUID `gorm:"type:text"`
	ImageUniqueID string
	Release       string
	PlatformKey   string // '' takes any agent
	GroupKey      string // '' takes any agent

	// What was advertised, so that something newer can supersede it.
	Kind       string
	Subject    string
	AdChannel  string
	AdPlatform string

	Priority     int64
	State        string
	Attempt      int64
	MaxAttempts  int64
	QueueTTLUS   int64      `gorm:"column:queue_ttl_us"`
	QueuedAt     time.Time  `gorm:"serializer:micros;type:bigint"`
	LastQueuedAt time.Time  `gorm:"serializer:micros;type:bigint"`
	UpdatedAt    time.Time  `gorm:"serializer:micros;type:bigint;autoUpdateTime:false"`
	Deadline     *time.Time `gorm:"serializer:micros;type:bigint"` // nil in a final state
	CancelBy     *time.Time `gorm:"serializer:micros;type:bigint"`
	NotBefore    int64      // in microseconds: nobody picks it earlier; 0 for at once
	Holder       string     // the agent whose lease is held
	ResultID     *uuid.UUID `gorm:"type:text"`
	OutputBytes  int64      // kept by AppendOutput
}

const queued = "QUEUED"

// CreateOpportunities adds opportunities. Their IDs are the caller's, because
// events name them.
func (s *Store) CreateOpportunities(rows []Opportunity) error {
	if len(rows) == 0 {
		return nil
	}
	if err := s.db.Tx.CreateInBatches(rows, 100).Error; err != nil {
		return fmt.Errorf("create opportunities: %w", store.Translate(err))
	}
	return nil
}

// Opportunity returns an opportunity of the product, or ErrNotFound.
func (s *Store) Opportunity(ctx context.Context, product, id uuid.UUID) (*Opportunity, error) {
	var o Opportunity
	if err := s.db.Read(ctx).Take(&o, "id = ? AND product_id = ?", id, product).Error; err != nil {
		return nil, fmt.Errorf("opportunity %s: %w", id, store.Translate(err))
	}
	return &o, nil
}

// LockOpportunity reads an opportunity of the tenant and keeps others from
// changing it, or returns ErrNotFound.
func (s *Store) LockOpportunity(tenant string, id uuid.UUID) (*Opportunity, error) {
	var o Opportunity
	err := s.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&o, "id = ? AND tenant = ?", id, tenant).Error
	if err != nil {
		return nil, fmt.Errorf("opportunity %s: %w", id, store.Translate(err))
	}
	return &o, nil
}

// SaveOpportunity writes what a step of its life changes.
func (s *Store) SaveOpportunity(o *Opportunity) error {
	err := s.db.Tx.Model(o).
		Select("State", "Attempt", "MaxAttempts", "LastQueuedAt", "UpdatedAt", "Deadline", "CancelBy", "NotBefore", "Holder", "ResultID").
		Updates(o).Error
	if err != nil {
		return fmt.Errorf("update opportunity %s: %w", o.ID, store.Translate(err))
	}
	return nil
}

// SetPriority changes the priority of a locked opportunity.
func (s *Store) SetPriority(o *Opportunity, priority int64) error {
	o.Priority = priority
	if err := s.db.Tx.Model(&Opportunity{}).Where("id = ?", o.ID).Update("priority", priority).Error; err != nil {
		return fmt.Errorf("priority of opportunity %s: %w", o.ID, store.Translate(err))
	}
	return nil
}

// Waiting is what of a queued opportunity decides when it is its turn.
type Waiting struct {
	ID          uuid.UUID `gorm:"type:text"`
	ProductID   uuid.UUID `gorm:"type:text"`
	Release     string
	PlatformKey string
	GroupKey    string
	Priority    int64
	NotBefore   int64
}

// Queue returns what waits for the agents of a tenant, in the order in which it is
// picked, but no more than limit.
func (s *Store) Queue(ctx context.Context, tenant string, limit int) ([]Waiting, error) {
	var list []Waiting
	err := s.db.Read(ctx).Model(&Opportunity{}).Where("state = '"+queued+"' AND tenant = ?", tenant).Order(queueOrder).Limit(limit).Find(&list).Error
	if err != nil {
		return nil, fmt.Errorf("queue: %w", store.Translate(err))
	}
	return list, nil
}

// OpportunityFilter narrows a list of opportunities; zero fields do not, but without
// a Product it is about all of the Tenant, of which the empty name is one.
type OpportunityFilter struct {
	Product       uuid.UUID
	Tenant        string
	ID            uuid.UUID
	States        []string
	ImageUniqueID string
	SpecID        uuid.UUID
	AgentID       string // has or had a lease
	EventType     string // has an event of this type
	From, To      *time.Time
	Page          store.Page
}

var opportunityOrder = store.Order[Opportunity]{
	Name: "opportunities",
	Keys: []store.SortKey{{Column: "id", Desc: true, Text: true}},
	At:   func(o *Opportunity) []any { return []any{o.ID.String()} },
}

// ListOpportunities returns opportunities of a product or tenant, newest first. From and To
// bound queued_at, both ends inclusive.
func (s *Store) ListOpportunities(ctx context.Context, f OpportunityFilter) (store.List[Opportunity], error) {
	list, err := opportunityOrder.Page(f.where(s.db.Read(ctx)), f.Page)
	if err != nil {
		return list, fmt.Errorf("opportunities of product %s: %w", f.Product, err)
	}
	return list, nil
}

// IDs makes the filter a store.Selection.
func (f OpportunityFilter) IDs(ctx context.Context, db *tables.DB) *gorm.DB {
	return f.where(db.Read(ctx)).Select("id")
}

func (f OpportunityFilter) where(q *gorm.DB) *gorm.DB {
	q = q.Model(&Opportunity{})
	if f.Product == uuid.Nil {
		q = q.Where("tenant = ?", f.Tenant)
	}
	q = tables.WhereSet(q, "product_id", f.Product)
	q = tables.WhereSet(q, "id", f.ID)
	q = tables.WhereSet(q, "image_unique_id", f.ImageUniqueID)
	q = tables.WhereSet(q, "spec_id", f.SpecID)
	if len(f.States) > 0 {
		q = q.Where("state IN ?", f.States)
	}
	if f.AgentID != "" {
		q = q.Where("id IN (SELECT opportunity_id FROM leases WHERE tenant = opportunities.tenant AND agent_id = ?)", f.AgentID)
	}
	if f.EventType != "" {
		q = q.Where("EXISTS (SELECT 1 FROM events e WHERE e.opportunity_id = opportunities.id AND e.type = ?)", f.EventType)
	}
	return between(q, "queued_at", f.From, f.To)
}

// OpportunitiesByID returns the opportunities with these ids.
func (s *Store) OpportunitiesByID(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*Opportunity, error) {
	var list []Opportunity
	if len(ids) > 0 {
		if err := s.db.Read(ctx).Find(&list, "id IN ?", ids).Error; err != nil {
			return nil, fmt.Errorf("opportunities: %w", store.Translate(err))
		}
	}
	byID := make(map[uuid.UUID]*Opportunity, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
	}
	return byID, nil
}

// HasDue reports whether an opportunity's deadline has come.
func (s *Store) HasDue(ctx context.Context, now time.Time) (bool, error) {
	var ids []string
	err := s.db.Read(ctx).Model(&Opportunity{}).Where("deadline IS NOT NULL AND deadline <= ?", store.Micros(now)).Limit(1).Pluck("id", &ids).Error
	if err != nil {
		return false, fmt.Errorf("look for deadlines: %w", store.Translate(err))
	}
	return len(ids) > 0, nil
}

// LockDue returns some opportunities whose deadline has come, locked, without
// those that somebody else works on.
func (s *Store) LockDue(now time.Time, limit int) ([]Opportunity, error) {
	var list []Opportunity
	q := s.db.Tx.Where("deadline IS NOT NULL AND deadline <= ?", store.Micros(now)).Order("deadline").Limit(limit)
	if err := s.skipLocked(q).Find(&list).Error; err != nil {
		return nil, fmt.Errorf("opportunities that are due: %w", store.Translate(err))
	}
	return list, nil
}

// LockOpen returns the opportunities of a product that are not final, locked;
// spec narrows them unless it is uuid.Nil.
func (s *Store) LockOpen(product, spec uuid.UUID) ([]Opportunity, error) {
	q := s.db.Tx.Where("product_id = ? AND deadline IS NOT NULL", product)
	q = tables.WhereSet(q, "spec_id", spec)
	return s.lockAll(q)
}

// LockQueued returns the queued opportunities of a product that were made for
// a subject on a channel, locked.
func (s *Store) LockQueued(product uuid.UUID, subject, channel string) ([]Opportunity, error) {
	return s.lockAll(s.db.Tx.Where("state = '"+queued+"' AND product_id = ? AND subject = ? AND ad_channel = ?", product, subject, channel))
}

// LockHeldBy returns what an agent holds, locked.
func (s *Store) LockHeldBy(tenant, agent string) ([]Opportunity, error) {
	return s.lockAll(s.db.Tx.Where("holder = ? AND tenant = ? AND id IN (SELECT opportunity_id FROM leases WHERE tenant = ? AND agent_id = ? AND ended = '')",
		agent, tenant, tenant, agent))
}

func (s *Store) lockAll(q *gorm.DB) ([]Opportunity, error) {
	var list []Opportunity
	if err := q.Clauses(clause.Locking{Strength: "UPDATE"}).Order("id").Find(&list).Error; err != nil {
		return nil, fmt.Errorf("lock opportunities: %w", store.Translate(err))
	}
	return list, nil
}
