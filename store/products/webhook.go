package products

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
)

// Webhook is a URL to which events are sent.
type Webhook struct {
	ID          uuid.UUID `gorm:"type:text;primaryKey"`
	Tenant      string
	URL         string        `gorm:"column:url"`
	EventTypes  store.Strings // empty: all
	ProductID   *uuid.UUID    `gorm:"type:text"`
	Statuses    store.Strings // empty: all
	NewFailures int64         // comparisons with fewer new failures are left out
	Enabled     bool
	Description string
	Secret      []byte    // as the caller encrypts it
	Cursor      int64     // Seq of the last event that was looked at
	CreatedAt   time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	CreatedBy   string
}

// CreateWebhook adds a webhook for the events from now on, and fills in ID and
// CreatedAt.
func (s *Store) CreateWebhook(ctx context.Context, w *Webhook) error {
	return s.InTx(ctx, func(tx *Store) (err error) {
		w.ID, w.CreatedAt = tx.NewID(), tx.Now()
		if w.Cursor, err = tx.LastEvent(ctx); err != nil {
			return err
		}
		if err := tx.db.Tx.Create(w).Error; err != nil {
			return fmt.Errorf("create webhook: %w", store.Translate(err))
		}
		return nil
	})
}

// Webhook returns a webhook of the tenant, or ErrNotFound.
func (s *Store) Webhook(ctx context.Context, tenant string, id uuid.UUID) (*Webhook, error) {
	return webhookBy(s.db.Read(ctx), tenant, id)
}

func webhookBy(q *gorm.DB, tenant string, id uuid.UUID) (*Webhook, error) {
	var w Webhook
	if err := q.Take(&w, "id = ? AND tenant = ?", id, tenant).Error; err != nil {
		return nil, fmt.Errorf("webhook %s: %w", id, store.Translate(err))
	}
	return &w, nil
}

// UpdateWebhook loads a webhook, lets change edit it and saves it, or returns
// ErrNotFound. One that is enabled again begins with the events from now on.
func (s *Store) UpdateWebhook(ctx context.Context, tenant string, id uuid.UUID, change func(w *Webhook) error) (w *Webhook, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		if w, err = webhookBy(tx.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}), tenant, id); err != nil {
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
		if err := tx.db.Tx.Save(w).Error; err != nil {
			return fmt.Errorf("update webhook %s: %w", id, store.Translate(err))
		}
		return nil
	})
	return w, err
}

// DeleteWebhook removes a webhook with its deliveries, or returns ErrNotFound.
func (s *Store) DeleteWebhook(ctx context.Context, tenant string, id uuid.UUID) error {
	return s.InTx(ctx, func(tx *Store) error {
		if _, err := webhookBy(tx.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}), tenant, id); err != nil {
			return err
		}
		err := tx.db.Tx.Delete(&Delivery{}, "webhook_id = ?", id).Error
		if err == nil {
			err = tx.db.Tx.Delete(&Webhook{}, "id = ?", id).Error
		}
		if err != nil {
			return fmt.Errorf("delete webhook %s: %w", id, store.Translate(err))
		}
		return nil
	})
}

var webhookOrder = store.Order[Webhook]{
	Name: "webhooks",
	Keys: []store.SortKey{{Column: "id", Text: true}},
	At:   func(w *Webhook) []any { return []any{w.ID.String()} },
}

// ListWebhooks returns the webhooks of a tenant, oldest first.
func (s *Store) ListWebhooks(ctx context.Context, tenant string, p store.Page) (store.List[Webhook], error) {
	list, err := webhookOrder.Page(s.db.Read(ctx).Model(&Webhook{}).Where("tenant = ?", tenant), p)
	if err != nil {
		return list, fmt.Errorf("list webhooks: %w", err)
	}
	return list, nil
}

// WebhooksBehind returns the enabled webhooks that have not looked at the
// newest event of their tenant.
func (s *Store) WebhooksBehind(ctx context.Context) ([]Webhook, error) {
	var list []Webhook
	err := s.db.Read(ctx).Where("enabled AND EXISTS (SELECT 1 FROM events e WHERE e.tenant = webhooks.tenant AND e.seq > webhooks.cursor)").Find(&list).Error
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", store.Translate(err))
	}
	return list, nil
}
