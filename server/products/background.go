package products

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/slipway-lab/slipway/server/products/lifecycle"
	"github.com/slipway-lab/slipway/store"
)

const (
	sweepEvery = 500 * time.Millisecond
	sweepSlice = 50        // opportunities in one transaction
	keysEvery  = time.Hour // removal of old answers to Idempotency-Keys
)

// Background ends what is due until ctx ends: leases, waits and cancels that are
// over; and it sends events to webhooks. Any number of replicas may run it at once.
func (h *Handler) Background(ctx context.Context) {
	var webhooks sync.WaitGroup
	webhooks.Go(func() { h.deliver(ctx) })
	defer webhooks.Wait()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	var keysSwept time.Time
	for {
		if err := h.Sweep(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "sweep of opportunities", "error", err)
		}
		if now := time.Now(); now.Sub(keysSwept) > keysEvery {
			keysSwept = now
			if err := h.sweepKeys(ctx); err != nil && ctx.Err() == nil {
				slog.ErrorContext(ctx, "sweep of idempotency keys", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Sweep ends everything that is due now, some at a time.
func (h *Handler) Sweep(ctx context.Context) error {
	for {
		due, err := h.store.HasDue(ctx, h.store.Now())
		if err != nil || !due {
			return err
		}
		swept := 0
		err = h.store.InTx(ctx, func(tx *store.Store) (err error) {
			swept, err = h.sweepSome(ctx, tx, sweepSlice)
			return err
		})
		if err != nil || swept == 0 { // others are at it
			return err
		}
	}
}

// sweepSome ends some of what is due, inside a transaction, and says how much.
func (h *Handler) sweepSome(ctx context.Context, tx *store.Store, limit int) (int, error) {
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

func (h *Handler) sweepKeys(ctx context.Context) error {
	for {
		n, err := h.store.SweepIdempotentAnswers(ctx, h.store.Now().Add(-keyAge))
		if err != nil || n == 0 {
			return err
		}
	}
}
