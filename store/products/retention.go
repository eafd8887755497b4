package products

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
)

// sweptAtOnce is how many old rows go in one transaction.
const sweptAtOnce = 1000

// SweepEvents removes the events from before a time, some at a time, and says how
// many there were. It keeps those of opportunities that are not final, so that
// their logs are whole, and those that a webhook has not looked at.
func (s *Store) SweepEvents(ctx context.Context, before time.Time) (int64, error) {
	until, err := s.lookedAt(ctx)
	if err != nil {
		return 0, err
	}
	total, err := s.dropEvents(ctx, until, before)
	if err != nil {
		return total, err
	}
	var after int64
	for {
		old, last, err := s.oldEvents(ctx, after, until, before)
		if err != nil || !old {
			return total, err
		}
		removed, err := s.removeEvents(ctx, after, last, before)
		total, after = total+removed, last
		if err != nil {
			return total, err
		}
	}
}

// dropEvents removes the partitions of PostgreSQL none of whose events is kept, and
// says how many events they had.
func (s *Store) dropEvents(ctx context.Context, until int64, before time.Time) (removed int64, err error) {
	list, err := s.Partitions(ctx, "events")
	if err != nil {
		return 0, err
	}
	for i := range list {
		if list[i].To.After(before) {
			continue
		}
		var rows, last, kept int64
		err := s.db.Read(store.Patient(ctx)).Raw("SELECT COUNT(*), COALESCE(MAX(seq), 0), COUNT(*) FILTER (WHERE seq > ? OR NOT "+ended+
			") FROM events WHERE time >= ? AND time < ?", until, list[i].MinKey, list[i].EndKey).Row().Scan(&rows, &last, &kept)
		if err == nil && (rows == 0 || kept > 0) {
			continue
		}
		if err == nil {
			err = s.InTx(ctx, func(tx *Store) error { return tx.NoteEventsRemoved(last) })
		}
		if err == nil {
			err = s.DropPartition(ctx, list[i])
		}
		if errors.Is(err, store.ErrConflict) { // another server is at it
			continue
		}
		if err != nil {
			return removed, fmt.Errorf("old events of partition %s: %w", list[i].Name, store.Translate(err))
		}
		removed += rows
	}
	return removed, nil
}

// ended is the condition that an event is not one of an opportunity that is not final.
const ended = "NOT EXISTS (SELECT 1 FROM opportunities o WHERE o.id = events.opportunity_id AND o.deadline IS NOT NULL)"

// lookedAt is the Seq up to which every webhook has looked.
func (s *Store) lookedAt(ctx context.Context) (int64, error) {
	until, err := s.LastEvent(ctx)
	if err != nil {
		return 0, err
	}
	behind, err := s.WebhooksBehind(ctx)
	for i := range behind {
		until = min(until, behind[i].Cursor)
	}
	return until, err
}

// oldEvents looks at the next events of the log: whether any of them is old, and
// which one is the last.
func (s *Store) oldEvents(ctx context.Context, after, until int64, before time.Time) (old bool, last int64, err error) {
	var next []store.Event
	err = s.db.Read(ctx).Select("seq", "time").Where("seq > ? AND seq <= ?", after, until).Order("seq").Limit(sweptAtOnce).Find(&next).Error
	if err != nil {
		return false, 0, fmt.Errorf("old events: %w", store.Translate(err))
	}
	for i := range next {
		old, last = old || next[i].Time.Before(before), next[i].Seq
	}
	return old, last, nil
}

func (s *Store) removeEvents(ctx context.Context, after, last int64, before time.Time) (removed int64, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		res := tx.db.Tx.Where("seq > ? AND seq <= ? AND time < ?", after, last, store.Micros(before)).
			Where(ended).
			Delete(&store.Event{})
		if removed = res.RowsAffected; res.Error != nil || removed == 0 {
			return store.Translate(res.Error)
		}
		return tx.NoteEventsRemoved(last)
	})
	if err != nil {
		return 0, fmt.Errorf("remove old events: %w", err)
	}
	return removed, nil
}

// SweepDeliveries removes the record of deliveries from before a time that were
// made or given up, some at a time, and says how many there were.
func (s *Store) SweepDeliveries(ctx context.Context, before time.Time) (int64, error) {
	var total int64
	for {
		var n int64
		err := s.InTx(ctx, func(tx *Store) error {
			old := tx.db.Tx.Model(&Delivery{}).Select("id").Where("next_at IS NULL AND created_at < ?", store.Micros(before)).Limit(sweptAtOnce)
			res := tx.db.Tx.Where("id IN (?)", old).Delete(&Delivery{})
			n = res.RowsAffected
			return store.Translate(res.Error)
		})
		total += n
		if err != nil {
			return total, fmt.Errorf("remove old deliveries: %w", err)
		}
		if n < sweptAtOnce {
			return total, nil
		}
	}
}

// SweepOutput removes the console output of opportunities that became final
// before a time, one at a time, and says of how many.
func (s *Store) SweepOutput(ctx context.Context, before time.Time) (int64, error) {
	var total int64
	for {
		var ids []uuid.UUID
		err := s.db.Read(ctx).Model(&Opportunity{}).Where("output_bytes > 0 AND updated_at < ? AND deadline IS NULL", store.Micros(before)).
			Limit(sweptAtOnce).Pluck("id", &ids).Error
		if err != nil {
			return total, fmt.Errorf("old output: %w", store.Translate(err))
		}
		if len(ids) == 0 {
			return total, nil
		}
		for _, id := range ids {
			if err := s.removeOutput(ctx, id); err != nil {
				return total, fmt.Errorf("remove output of opportunity %s: %w", id, err)
			}
			total++
		}
	}
}

func (s *Store) removeOutput(ctx context.Context, id uuid.UUID) error {
	return s.InTx(ctx, func(tx *Store) error {
		err := tx.db.Tx.Delete(&outputPiece{}, "opportunity_id = ?", id).Error
		if err == nil {
			err = tx.db.Tx.Model(&Opportunity{}).Where("id = ?", id).Update("output_bytes", 0).Error
		}
		return store.Translate(err)
	})
}
