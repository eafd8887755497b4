package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
)

func init() { registerModels(&Event{}) }

// EventsTopic is notified about every new event.
const EventsTopic = "events"

// Event is something that happened, in any area.
type Event struct {
	Seq           int64 `gorm:"primaryKey"`
	Tenant        string
	Area          string
	Type          string
	Time          time.Time  `gorm:"serializer:micros;type:bigint"`
	ProductID     *uuid.UUID `gorm:"type:text"`
	OpportunityID *uuid.UUID `gorm:"type:text"`
	AgentID       string     // '' when no agent was part of it
	TestStatus    string     // '' when it tells of no result
	Data          JSON       // an object with what else there is to say
}

// AppendEvents writes events in the transaction of the change that they tell.
//
// A reader that continues after the last Seq it has seen must not miss one, so
// numbers have to become visible in their order. SQLite has one writer; on
// PostgreSQL the numbers are drawn as the last thing before the commit, under a
// lock that ends with it.
func (s *Store) AppendEvents(ctx context.Context, events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	s.Notify(EventsTopic)
	return s.BeforeCommit(func() error {
		if err := s.Lock(ctx, "events"); err != nil {
			return err
		}
		if err := s.db.CreateInBatches(events, 200).Error; err != nil {
			return fmt.Errorf("append events: %w", translate(err))
		}
		return nil
	})
}

// EventFilter narrows a part of the event log; zero fields do not, but an empty
// Tenant is a tenant like any other.
type EventFilter struct {
	Tenant        string
	Types         []string
	ProductID     uuid.UUID
	OpportunityID uuid.UUID
	AgentID       string
	After         int64 // Seq of the last event that is known
	Limit         int
}

// Events returns the events after a place in the log, oldest first.
func (s *Store) Events(ctx context.Context, f EventFilter) ([]Event, error) {
	q := s.read(ctx).Where("tenant = ? AND seq > ?", f.Tenant, f.After)
	if f.ProductID != uuid.Nil {
		q = q.Where("product_id = ?", f.ProductID)
	}
	if f.OpportunityID != uuid.Nil {
		q = q.Where("opportunity_id = ?", f.OpportunityID)
	}
	q = whereSet(q, "agent_id", f.AgentID)
	if len(f.Types) > 0 {
		q = q.Where("type IN ?", f.Types)
	}
	var list []Event
	if err := q.Order("seq").Limit(f.Limit).Find(&list).Error; err != nil {
		return nil, fmt.Errorf("events: %w", translate(err))
	}
	return list, nil
}

// LastEvent is the number of the newest event, 0 when there is none.
func (s *Store) LastEvent(ctx context.Context) (int64, error) {
	var seq *int64
	if err := s.read(ctx).Model(&Event{}).Select("MAX(seq)").Scan(&seq).Error; err != nil {
		return 0, fmt.Errorf("last event: %w", translate(err))
	}
	if seq == nil {
		return 0, nil
	}
	return *seq, nil
}

// Event returns one event, or ErrNotFound.
func (s *Store) Event(ctx context.Context, seq int64) (*Event, error) {
	var e Event
	if err := s.read(ctx).Take(&e, "seq = ?", seq).Error; err != nil {
		return nil, fmt.Errorf("event %d: %w", seq, translate(err))
	}
	return &e, nil
}

// EventsOf returns the events of each opportunity in the order in which they
// happened.
func (s *Store) EventsOf(ctx context.Context, opportunities []uuid.UUID) (map[uuid.UUID][]Event, error) {
	byID := map[uuid.UUID][]Event{}
	if len(opportunities) == 0 {
		return byID, nil
	}
	var list []Event
	err := s.read(ctx).Session(&gorm.Session{}).Where("opportunity_id IN ?", opportunities).Order("opportunity_id, seq").Find(&list).Error
	if err != nil {
		return nil, fmt.Errorf("events of opportunities: %w", translate(err))
	}
	for _, e := range list {
		byID[*e.OpportunityID] = append(byID[*e.OpportunityID], e)
	}
	return byID, nil
}
