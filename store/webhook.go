package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

func init() { registerModels(&Webhook{}, &Delivery{}) }

// Webhook is a URL to which events are sent.
type Webhook struct {
	ID          uuid.UUID `gorm:"type:text;primaryKey"`
	Tenant      string
	URL         string     `gorm:"column:url"`
	EventTypes  Strings    // empty: all
	ProductID   *uuid.UUID `gorm:"type:text"`
	Statuses    Strings    // empty: all
	Enabled     bool
	Description string
	Secret      []byte    // as the caller encrypts it
	Cursor      int64     // Seq of the last event that was looked at
	CreatedAt   time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	CreatedBy   string
}

// Delivery is one event on its way to a webhook.
type Delivery struct {
	ID        uuid.UUID `gorm:"type:text;primaryKey"`
	WebhookID uuid.UUID `gorm:"type:text"`
	EventSeq  int64
	EventType string
	State     string
	Tries     int64
	Attempts  JSON       // a list, kept by the caller
	NextAt    *time.Time `gorm:"serializer:micros;type:bigint"` // nil when there is nothing left to do
	CreatedAt time.Time  `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// CreateWebhook adds a webhook for the events from now on, and fills in ID and
// CreatedAt.
func (s *Store) CreateWebhook(ctx context.Context, w *Webhook) error {
	return s.InTx(ctx, func(tx *Store) (err error) {
		w.ID, w.CreatedAt = tx.newID(), tx.Now()
		if w.Cursor, err = tx.LastEvent(ctx); err != nil {
			return err
		}
		if err := tx.db.Create(w).Error; err != nil {
			return fmt.Errorf("create webhook: %w", translate(err))
		}
		return nil
	})
}

// Webhook returns a webhook of the tenant, or ErrNotFound.
func (s *Store) Webhook(ctx context.Context, tenant string, id uuid.UUID) (*Webhook, error) {
	return webhookBy(s.read(ctx), tenant, id)
}

func webhookBy(q *gorm.DB, tenant string, id uuid.UUID) (*Webhook, error) {
	var w Webhook
	if err := q.Take(&w, "id = ? AND tenant = ?", id, tenant).Error; err != nil {
		return nil, fmt.Errorf("webhook %s: %w", id, translate(err))
	}
	return &w, nil
}

// UpdateWebhook loads a webhook, lets change edit it and saves it, or returns
// ErrNotFound. One that is enabled again begins with the events from now on.
func (s *Store) UpdateWebhook(ctx context.Context, tenant string, id uuid.UUID, change func(w *Webhook) error) (w *Webhook, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		if w, err = webhookBy(tx.db.Clauses(clause.Locking{Strength: "UPDATE"}), tenant, id); err != nil {
			return err
		}
		was := w.Enabled
		if err := change(w); err != nil {
			return err
		}
		if w.Enabled && !was {
			if w.Cursor, err = tx.LastEvent(ctx); err != nil {
				return err
			}
		}
		if err := tx.db.Save(w).Error; err != nil {
			return fmt.Errorf("update webhook %s: %w", id, translate(err))
		}
		return nil
	})
	return w, err
}

// DeleteWebhook removes a webhook with its deliveries, or returns ErrNotFound.
func (s *Store) DeleteWebhook(ctx context.Context, tenant string, id uuid.UUID) error {
	return s.InTx(ctx, func(tx *Store) error {
		if _, err := webhookBy(tx.db.Clauses(clause.Locking{Strength: "UPDATE"}), tenant, id); err != nil {
			return err
		}
		err := tx.db.Delete(&Delivery{}, "webhook_id = ?", id).Error
		if err == nil {
			err = tx.db.Delete(&Webhook{}, "id = ?", id).Error
		}
		if err != nil {
			return fmt.Errorf("delete webhook %s: %w", id, translate(err))
		}
		return nil
	})
}

var webhookOrder = order[Webhook]{
	name: "webhooks",
	keys: []sortKey{{column: "id", text: true}},
	at:   func(w *Webhook) []any { return []any{w.ID.String()} },
}

// ListWebhooks returns the webhooks of a tenant, oldest first.
func (s *Store) ListWebhooks(ctx context.Context, tenant string, p Page) (List[Webhook], error) {
	list, err := webhookOrder.page(s.read(ctx).Model(&Webhook{}).Where("tenant = ?", tenant), p)
	if err != nil {
		return list, fmt.Errorf("list webhooks: %w", err)
	}
	return list, nil
}

// WebhooksBehind returns the enabled webhooks that have not looked at the
// newest event of their tenant.
func (s *Store) WebhooksBehind(ctx context.Context) ([]Webhook, error) {
	var list []Webhook
	err := s.read(ctx).Where("enabled AND EXISTS (SELECT 1 FROM events e WHERE e.tenant = webhooks.tenant AND e.seq > webhooks.cursor)").Find(&list).Error
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", translate(err))
	}
	return list, nil
}

// QueueDeliveries moves a webhook from the place in the log where it was seen to
// another one, and queues deliveries of the events between. Nothing happens when
// another replica was faster.
func (s *Store) QueueDeliveries(ctx context.Context, w *Webhook, to int64, events []Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		res := tx.db.Model(&Webhook{}).Where("id = ? AND cursor = ? AND enabled", w.ID, w.Cursor).Update("cursor", to)
		if res.Error != nil || res.RowsAffected == 0 || len(events) == 0 {
			return translate(res.Error)
		}
		now := tx.Now()
		rows := make([]Delivery, len(events))
		for i, e := range events {
			rows[i] = Delivery{
				ID: tx.newID(), WebhookID: w.ID, EventSeq: e.Seq, EventType: e.Type, State: "pending",
				Attempts: JSON("[]"), NextAt: &now, CreatedAt: now,
			}
		}
		if err := tx.db.CreateInBatches(rows, 100).Error; err != nil {
			return fmt.Errorf("deliveries of webhook %s: %w", w.ID, translate(err))
		}
		return nil
	})
}

// ClaimDeliveries takes some deliveries that are due, and keeps other replicas
// from taking them for as long as lease.
func (s *Store) ClaimDeliveries(ctx context.Context, limit int, lease time.Duration) ([]Delivery, error) {
	const due = "next_at IS NOT NULL AND next_at <= ? AND webhook_id IN (SELECT id FROM webhooks WHERE enabled)"
	var some []string
	if err := s.read(ctx).Model(&Delivery{}).Where(due, Micros(s.Now())).Limit(1).Pluck("id", &some).Error; err != nil || len(some) == 0 {
		return nil, translate(err)
	}
	var list []Delivery
	err := s.InTx(ctx, func(tx *Store) error {
		list = nil
		now := tx.Now()
		if err := tx.skipLocked(tx.db.Where(due, Micros(now)).Order("next_at, id").Limit(limit)).Find(&list).Error; err != nil {
			return translate(err)
		}
		ids := make([]uuid.UUID, len(list))
		for i := range list {
			ids[i] = list[i].ID
		}
		if len(ids) == 0 {
			return nil
		}
		return translate(tx.db.Model(&Delivery{}).Where("id IN ?", ids).Update("next_at", Micros(now.Add(lease))).Error)
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
	if err := s.read(ctx).Take(&w, "id = ?", d.WebhookID).Error; err != nil {
		return nil, fmt.Errorf("webhook %s: %w", d.WebhookID, translate(err))
	}
	return &w, nil
}

// SaveDelivery writes what became of an attempt; nothing when the webhook was
// deleted meanwhile.
func (s *Store) SaveDelivery(ctx context.Context, d *Delivery) error {
	return s.InTx(ctx, func(tx *Store) error {
		err := tx.db.Model(d).Select("State", "Tries", "Attempts", "NextAt").Updates(d).Error
		if err != nil {
			return fmt.Errorf("delivery %s: %w", d.ID, translate(err))
		}
		return nil
	})
}

// Delivery returns a delivery of the webhook, or ErrNotFound.
func (s *Store) Delivery(ctx context.Context, webhook, id uuid.UUID) (*Delivery, error) {
	var d Delivery
	if err := s.read(ctx).Take(&d, "id = ? AND webhook_id = ?", id, webhook).Error; err != nil {
		return nil, fmt.Errorf("delivery %s: %w", id, translate(err))
	}
	return &d, nil
}

var deliveryOrder = order[Delivery]{
	name: "deliveries",
	keys: []sortKey{{column: "id", desc: true, text: true}},
	at:   func(d *Delivery) []any { return []any{d.ID.String()} },
}

// ListDeliveries returns the deliveries of a webhook, newest first; state
// narrows them unless it is empty.
func (s *Store) ListDeliveries(ctx context.Context, webhook uuid.UUID, state string, p Page) (List[Delivery], error) {
	q := whereSet(s.read(ctx).Model(&Delivery{}).Where("webhook_id = ?", webhook), "state", state)
	list, err := deliveryOrder.page(q, p)
	if err != nil && !errors.Is(err, ErrBadCursor) {
		err = fmt.Errorf("deliveries of webhook %s: %w", webhook, err)
	}
	return list, err
}
