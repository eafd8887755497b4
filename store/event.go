package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/slipway-lab/slipway/store/internal/tables"
)

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
	Subject       string     // what it is about, where events are looked for by that; mostly ''
	Data          JSON       // an object with what else there is to say
}

// AppendEvents writes events in the transaction of the change that they tell.
//
// A reader that continues after the last Seq it has seen must not miss one that
// was drawn earlier and becomes visible later. SQLite has one writer. On
// PostgreSQL a transaction takes a lock, for which nobody has to wait, whose key
// tells the number after which it draws its own; readers go no further, see
// settled. The events of a transaction are written together as the last thing
// before its commit, so that readers are not held back for long.
func (s *Store) AppendEvents(events ...Event) error {
	switch {
	case len(events) == 0:
		return nil
	case s.tx == nil:
		return errors.New("store: AppendEvents outside a transaction")
	}
	s.Notify(EventsTopic)
	if s.db.Postgres {
		s.tx.events = append(s.tx.events, events...)
		return nil
	}
	return s.writeEvents(events)
}

func (s *Store) writeEvents(events []Event) error {
	if len(events) == 0 {
		return nil
	}
	if s.db.Postgres {
		if err := s.needEventPartitions(events); err != nil {
			return fmt.Errorf("append events: %w", err)
		}
		if _, err := s.db.Exec(announceSQL, 1<<31); err != nil {
			return fmt.Errorf("append events: %w", Translate(err))
		}
	}
	atOnce := 1 // SQLite gains nothing from more, and keeps one prepared statement
	if s.db.Postgres {
		atOnce = 200
	}
	for some := range slices.Chunk(events, atOnce) {
		args := make([]any, 0, 10*len(some))
		for i := range some {
			e := &some[i]
			args = append(args, e.Tenant, e.Area, e.Type, Micros(e.Time), e.ProductID, e.OpportunityID, e.AgentID, e.TestStatus, e.Subject, e.Data)
		}
		if err := s.db.Put(insertEvents+strings.Repeat(", "+eventMarks, len(some)-1), args...); err != nil {
			return fmt.Errorf("append events: %w", Translate(err))
		}
	}
	return nil
}

// needEventPartitions makes the partitions that events lie in, should they be missing.
func (s *Store) needEventPartitions(events []Event) error {
	log, err := partitionedTable("events")
	for i := range events {
		if err == nil {
			err = s.needPartition(log, dayOf(events[i].Time))
		}
	}
	return err
}

const (
	eventMarks   = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	insertEvents = "INSERT INTO events (tenant, area, type, time, product_id, opportunity_id, agent_id, test_status, subject, data) VALUES " + eventMarks
)

// lastDrawn is the number of the event that was drawn last, visible or not.
const lastDrawn = "COALESCE(pg_sequence_last_value('events_seq_seq'), 0)"

// announceSQL takes the lock. Keys have 31 useful bits, hence the divisor, which
// is a parameter because the driver prepares only statements that have one.
const announceSQL = "SELECT pg_advisory_xact_lock_shared('events'::regclass::oid::int, (" + lastDrawn + " % $1::bigint)::int)"

// settledSQL asks for the number drawn last, and for the lowest one after which a
// transaction that has not ended draws its own. The second depends on the first,
// so that PostgreSQL cannot look at the locks before. A key that seems to be more
// than 2^30 behind is ahead: its lock was taken between the two looks.
const settledSQL = `SELECT last, COALESCE((
	SELECT MIN(last - behind)
	FROM (SELECT (last - objid::bigint + 2147483648) % 2147483648 AS behind
		FROM pg_locks
		WHERE locktype = 'advisory' AND objsubid = 2 AND classid = 'events'::regclass
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) locks
	WHERE behind < 1073741824), last)
FROM (SELECT ` + lastDrawn + ` AS last OFFSET 0) drawn`

const (
	settleLook = 2 * time.Millisecond
	settleFor  = 100 * time.Millisecond
)

// settled returns the Seq up to which no event can become visible any more. It
// waits a little for transactions that are about to end, so that whoever was told
// of an event finds it; one that hangs holds back what was drawn after it began.
func (s *Store) settled(ctx context.Context) (int64, error) {
	var wanted int64
	for giveUp := time.Now().Add(settleFor); ; {
		var last, below int64
		if err := s.db.Read(ctx).Raw(settledSQL).Row().Scan(&last, &below); err != nil {
			return 0, Translate(err)
		}
		if wanted == 0 {
			wanted = last
		}
		if below >= wanted || time.Now().After(giveUp) {
			return below, nil
		}
		select {
		case <-time.After(settleLook):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// EventFilter narrows a part of the event log; zero fields do not, but an empty
// Tenant is a tenant like any other.
type EventFilter struct {
	Tenant        string
	Types         []string
	ProductID     uuid.UUID
	OpportunityID uuid.UUID
	AgentID       string
	Subjects      []string  // only of NewestEvents
	Of            Selection // only events of the opportunities that it selects
	After         int64     // Seq of the last event that is known
	Newest        bool      // the newest first, of those before After when it is not 0
	Limit         int
}

// Selection chooses rows of an area; OpportunityFilter of store/products is one.
type Selection interface {
	// IDs is a query for the ids of the rows.
	IDs(ctx context.Context, db *tables.DB) *gorm.DB
}

// Events returns the events after a place in the log, oldest first, or those before it,
// newest first.
func (s *Store) Events(ctx context.Context, f EventFilter) ([]Event, error) {
	q, order := s.db.Read(ctx).Where("tenant = ?", f.Tenant), "seq"
	switch {
	case !f.Newest:
		q = q.Where("seq > ?", f.After)
	case f.After > 0:
		q, order = q.Where("seq < ?", f.After), "seq DESC"
	default:
		order = "seq DESC"
	}
	if s.db.Postgres {
		until, err := s.settled(ctx)
		if err != nil {
			return nil, fmt.Errorf("events: %w", err)
		}
		q = q.Where("seq <= ?", until)
	}
	if f.ProductID != uuid.Nil {
		q = q.Where("product_id = ?", f.ProductID)
	}
	if f.OpportunityID != uuid.Nil {
		q = q.Where("opportunity_id = ?", f.OpportunityID)
	}
	if f.Of != nil {
		q = q.Where("opportunity_id IN (?)", f.Of.IDs(ctx, s.db))
	}
	q = tables.WhereSet(q, "agent_id", f.AgentID)
	if len(f.Types) > 0 {
		q = q.Where("type IN ?", f.Types)
	}
	var list []Event
	if err := q.Order(order).Limit(f.Limit).Find(&list).Error; err != nil {
		return nil, fmt.Errorf("events: %w", Translate(err))
	}
	return list, nil
}

// NewestEvents returns the events of the filter's tenant, types and subjects before a place in
// the log, the newest first; a place of 0 is its end. After is the place at which it
// stops.
func (s *Store) NewestEvents(ctx context.Context, f EventFilter, before int64) ([]Event, error) {
	q := s.db.Read(ctx).Where("tenant = ? AND seq > ?", f.Tenant, f.After)
	if before > 0 {
		q = q.Where("seq < ?", before)
	}
	if len(f.Subjects) > 0 {
		q = q.Where("subject <> '' AND subject IN ?", f.Subjects) // the first as it is in the condition of an index
	}
	switch len(f.Types) {
	case 0:
	case 1:
		q = q.Where("type = '" + strings.ReplaceAll(f.Types[0], "'", "''") + "'") // as text: it is in the condition of an index
	default:
		q = q.Where("type IN ?", f.Types)
	}
	var list []Event
	if err := q.Order("seq DESC").Limit(f.Limit).Find(&list).Error; err != nil {
		return nil, fmt.Errorf("events: %w", Translate(err))
	}
	return list, nil
}

// LastEvent is a place in the log before which nothing will be added: that of the
// newest event, 0 when there never was one.
func (s *Store) LastEvent(ctx context.Context) (seq int64, err error) {
	if s.db.Postgres {
		seq, err = s.settled(ctx)
	} else {
		err = Translate(s.db.Read(ctx).Raw("SELECT COALESCE(MAX(seq), 0) FROM events").Row().Scan(&seq))
	}
	if err != nil {
		return 0, fmt.Errorf("last event: %w", err)
	}
	return seq, nil
}

// Event returns one event, or ErrNotFound.
func (s *Store) Event(ctx context.Context, seq int64) (*Event, error) {
	var e Event
	if err := s.db.Read(ctx).Take(&e, "seq = ?", seq).Error; err != nil {
		return nil, fmt.Errorf("event %d: %w", seq, Translate(err))
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
	err := s.db.Read(ctx).Session(&gorm.Session{}).Where("opportunity_id IN ?", opportunities).Order("opportunity_id, seq").Find(&list).Error
	if err != nil {
		return nil, fmt.Errorf("events of opportunities: %w", Translate(err))
	}
	for _, e := range list {
		byID[*e.OpportunityID] = append(byID[*e.OpportunityID], e)
	}
	return byID, nil
}

// eventsRemoved is the setting that holds the Seq of the newest event that was
// removed.
const eventsRemoved = "events_removed"

// NoteEventsRemoved notes, in the transaction that removes events, up to which one.
func (s *Store) NoteEventsRemoved(last int64) error {
	before, err := s.EventsRemoved(s.db.Tx.Statement.Context)
	if err != nil || before >= last {
		return err
	}
	return s.KeepSetting(eventsRemoved, strconv.AppendInt(nil, last, 10))
}

// EventsRemoved is the Seq up to which events may have been removed, 0 when none
// ever was.
func (s *Store) EventsRemoved(ctx context.Context) (int64, error) {
	seq, err := s.Setting(ctx, eventsRemoved)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("removed events: %w", err)
	}
	return strconv.ParseInt(string(seq), 10, 64)
}
