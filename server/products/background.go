package products

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/slipway-lab/slipway/server/products/lifecycle"
	productstore "github.com/slipway-lab/slipway/store/products"
)

const (
	sweepEvery = 500 * time.Millisecond
	sweepSlice = 50        // opportunities in one transaction
	tidyEvery  = time.Hour // removal of what is too old to be kept
)

// Background ends what is due until ctx ends: leases, waits and cancels that are
// over; it finds agents that went silent; and it sends events to webhooks. Any number of replicas may run it at once.
func (h *Handler) Background(ctx context.Context) {
	var webhooks sync.WaitGroup
	webhooks.Go(func() { h.deliver(ctx) })
	defer webhooks.Wait()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	var tidied time.Time
	for {
		if err := h.Sweep(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "sweep of opportunities", "error", err)
		}
		if err := h.SweepSilent(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "sweep of agents", "error", err)
		}
		if now := time.Now(); now.Sub(tidied) > tidyEvery {
			tidied = now
			h.Tidy(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Settle does once what Background does again and again, but for what grows old.
func (h *Handler) Settle(ctx context.Context) error {
	return errors.Join(h.Sweep(ctx), h.SweepSilent(ctx), h.deliverOnce(ctx))
}

// Sweep ends everything that is due now, some at a time.
func (h *Handler) Sweep(ctx context.Context) error {
	for {
		due, err := h.store.HasDue(ctx, h.store.Now())
		if err != nil || !due {
			return err
		}
		swept := 0
		err = h.store.InTx(ctx, func(tx *productstore.Store) (err error) {
			swept, err = h.sweepSome(ctx, tx, sweepSlice)
			return err
		})
		if err != nil || swept == 0 { // others are at it
			return err
		}
	}
}

// sweepSome ends some of what is due, inside a transaction, and says how much.
func (h *Handler) sweepSome(ctx context.Context, tx *productstore.Store, limit int) (int, error) {
	due, err := tx.LockDue(tx.Now(), limit)
	if err != nil {
		return 0, err
	}
	for i := range due {
		err := h.change(ctx, tx, &due[i], nil, func(now time.Time, l lifecycle.Opportunity) (lifecycle.Change, error) {
			return l.Sweep(now, tx.NewID), nil
		})
		if err != nil {
			return 0, err
		}
	}
	return len(due), nil
}

// Tidy removes what is too old to be kept.
func (h *Handler) Tidy(ctx context.Context) {
	for _, old := range []struct {
		what  string
		class string // of retention
		keep  time.Duration
		sweep func(context.Context, time.Time) (int64, error)
	}{
		{"answers to idempotency keys", "", h.config.KeyAge, h.store.SweepIdempotentAnswers},
		{"events", "events", days(h.config.EventRetentionDays), h.store.SweepEvents},
		{"deliveries", "webhooks", days(h.config.WebhookRetentionDays), h.store.SweepDeliveries},
		{"console output", "output", days(h.config.OutputRetentionDays), h.store.SweepOutput},
	} {
		if old.keep == 0 || h.ruled(ctx, old.class) { // for ever, or as others say
			continue
		}
		n, err := old.sweep(ctx, h.store.Now().Add(-old.keep))
		if err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "removal of what is old", "what", old.what, "error", err)
		}
		if n > 0 {
			slog.InfoContext(ctx, "removed what is old", "what", old.what, "count", n)
		}
	}
}

// ruled reports whether rules of retention say how long things of a class are kept. When
// that is not known nothing is removed.
func (h *Handler) ruled(ctx context.Context, class string) bool {
	if class == "" || h.config.Ruled == nil {
		return false
	}
	is, err := h.config.Ruled(ctx, class)
	if err != nil && ctx.Err() == nil {
		slog.ErrorContext(ctx, "rules of retention", "error", err)
	}
	return is || err != nil
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
