package results

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// expireEvery is how often Background looks for uploads that are too old.
const expireEvery = 10 * time.Minute

// Background removes, until ctx ends, what was uploaded without a credential and is
// too old to be kept. Any number of servers may do so at once.
func (h *Handler) Background(ctx context.Context) {
	if h.config.Limits.AnonymousDays == 0 {
		return
	}
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		if n, err := h.expire(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "removal of old anonymous uploads", "error", err)
		} else if n > 0 {
			slog.InfoContext(ctx, "old anonymous uploads removed", "runs", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// expire removes every run that is old enough. What an administrator has verified
// stays.
func (h *Handler) expire(ctx context.Context) (removed int, err error) {
	before := h.store.Now().AddDate(0, 0, -h.config.Limits.AnonymousDays)
	for after := int64(0); ; {
		runs, err := h.store.StaleAnonymousRuns(ctx, before, after, store.DefaultLimit)
		if err != nil || len(runs) == 0 {
			return removed, err
		}
		for _, id := range runs {
			after = id
			gone, err := h.store.ExpireRun(ctx, id, before)
			if errors.Is(err, resultstore.ErrVerified) || errors.Is(err, resultstore.ErrKept) {
				continue
			}
			if err != nil {
				return removed, err
			}
			if gone {
				removed++
			}
		}
	}
}
