package products

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Delivery is one event on its way to a webhook.
type Delivery struct {
	ID        uuid.UUID `gorm:"type:text;primaryKey"`
	WebhookID uuid.UUID `gorm:"type:text"`
	EventSeq  int64
	EventType string
	State     string
	Tries     int64
	Attempts  store.JSON // a list, kept by the caller
	NextAt    *time.Time `gorm:"serializer:micros;type:bigint"` // nil when there is nothing left to do
	CreatedAt time.Time  `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// QueueDeliveries moves a webhook from the place in the log where it was seen to
// another one, and queues deliveries of the events between. Nothing happens when
// another replica was faster.
func (s *Store) QueueDeliveries(ctx context.Context, w *Webhook, to int64, events []store.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		res := tx.db.Tx.Model(&Webhook{}).Where("id = ? AND cursor = ? AND enabled", w.ID, w.Cursor).Update("cursor", to)
		if res.Error != nil || res.RowsAffected == 0 || len(events) == 0 {
			return store.Translate(res.Error)
		}
		now := tx.Now()
		rows := make([]Delivery, len(events))
		for i, e := range events {
			rows[i] = Delivery{
				ID: tx.NewID(), WebhookID: w.ID, EventSeq: e.Seq, EventType: e.Type, State: "pending",
				Attempts: store.JSON("[]"), NextAt: &now, CreatedAt: now,
			}
		}
		if err := tx.db.Tx.CreateInBatches(rows, 100).Error; err != nil {
			return fmt.Errorf("deliveries of webhook %s: %w", w.ID, store.Translate(err))
		}
		return nil
	})
}

// DueWebhooks returns the enabled webhooks that have deliveries which are due.
func (s *Store) DueWebhooks(ctx context.Context) ([]Webhook, error) {
	var list []Webhook
	err := s.db.Read(ctx).Where("enabled AND EXISTS (SELECT 1 FROM deliveries d WHERE d.webhook_id = webhooks.id AND d.next_at IS NOT NULL AND d.next_at <= ?)",
		store.Micros(s.Now())).Find(&list).Error
	if err != nil {
		return nil, fmt.Errorf("webhooks with deliveries: %w", store.Translate(err))
	}
	return list, nil
}

// ClaimDeliveries takes some deliveries of a webhook that are due, and keeps other
// replicas from taking them for as long as lease, which their NextAt tells.
func (s *Store) ClaimDeliveries(ctx context.Context, webhook uuid.UUID, limit int, lease time.Duration) ([]Delivery, error) {
	const due = "next_at IS NOT NULL AND next_at <= ? AND webhook_id = ?"
	var list []Delivery
	err := s.InTx(ctx, func(tx *Store) error {
		list = nil
		now := tx.Now()
		if err := tx.skipLocked(tx.db.Tx.Where(due, store.Micros(now), webhook).Order("next_at, id").Limit(limit)).Find(&list).Error; err != nil {
			return store.Translate(err)
		}
		ids := make([]uuid.UUID, len(list))
		for i := range list {
			ids[i] = list[i].ID
		}
		if len(ids) == 0 {
			return nil
		}
		until := now.Add(lease)
		for i := range list {
			list[i].NextAt = &until
		}
		return store.Translate(tx.db.Tx.Model(&Delivery{}).Where("id IN ?", ids).Update("next_at", store.Micros(until)).Error)
	})
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return list, nil
}

// DeliveryWebhook returns the webhook of a delivery, or ErrNotFound when it is
// gone.
func (s *Store) DeliveryWebhook(ctx context.Context, d *Delivery) (*Webhook, error) {
	var w Webhook
	if err := s.db.Read(ctx).Take(&w, "id = ?", d.WebhookID).Error; err != nil {
		return nil, fmt.Errorf("webhook %s: %w", d.WebhookID, store.Translate(err))
	}
	return &w, nil
}

// NoteAttempt lets note write what became of an attempt that was claimed until a time;
// nothing when the webhook was deleted meanwhile. claimed is false when the delivery is
// no longer that attempt's: its server stood still and another one has taken it, or
// somebody has asked for it once more. What that one does with it must stay.
func (s *Store) NoteAttempt(ctx context.Context, id uuid.UUID, until time.Time, note func(d *Delivery, claimed bool)) error {
	err := s.changeDelivery(ctx, id, func(d *Delivery) {
		note(d, d.NextAt != nil && d.NextAt.Equal(until))
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// RepeatDelivery queues a delivery once more, also while an attempt is under way, and
// returns it as it is then. ErrNotFound: the webhook was deleted meanwhile.
func (s *Store) RepeatDelivery(ctx context.Context, id uuid.UUID) (repeated *Delivery, err error) {
	now := s.Now()
	err = s.changeDelivery(ctx, id, func(d *Delivery) {
		d.State, d.Tries, d.NextAt = "pending", 0, &now
		repeated = d
	})
	return repeated, err
}

func (s *Store) changeDelivery(ctx context.Context, id uuid.UUID, change func(d *Delivery)) error {
	return s.InTx(ctx, func(tx *Store) error {
		var d Delivery
		err := tx.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&d, "id = ?", id).Error
		if err == nil {
			change(&d)
			err = tx.db.Tx.Model(&d).Select("State", "Tries", "Attempts", "NextAt").Updates(&d).Error
		}
		if err != nil {
			return fmt.Errorf("delivery %s: %w", id, store.Translate(err))
		}
		return nil
	})
}

// Delivery returns a delivery of the webhook, or ErrNotFound.
func (s *Store) Delivery(ctx context.Context, webhook, id uuid.UUID) (*Delivery, error) {
	var d Delivery
	if err := s.db.Read(ctx).Take(&d, "id = ? AND webhook_id = ?", id, webhook).Error; err != nil {
		return nil, fmt.Errorf("delivery %s: %w", id, store.Translate(err))
	}
	return &d, nil
}

var deliveryOrder = store.Order[Delivery]{
	Name: "deliveries",
	Keys: []store.SortKey{{Column: "id", Desc: true, Text: true}},
	At:   func(d *Delivery) []any { return []any{d.ID.String()} },
}

// ListDeliveries returns the deliveries of a webhook, newest first; state
// narrows them unless it is empty.
func (s *Store) ListDeliveries(ctx context.Context, webhook uuid.UUID, state string, p store.Page) (store.List[Delivery], error) {
	q := tables.WhereSet(s.db.Read(ctx).Model(&Delivery{}).Where("webhook_id = ?", webhook), "state", state)
	list, err := deliveryOrder.Page(q, p)
	if err != nil && !errors.Is(err, store.ErrBadCursor) {
		err = fmt.Errorf("deliveries of webhook %s: %w", webhook, err)
	}
	return list, err
}
